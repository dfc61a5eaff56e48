//! Source `egress/proc-net`: programs with connections to ports that tell of bulk mail. Where to is not kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskwarden_parse::procnet::{Socket, State};
use deskwarden_proto::{
    key,
    v1::{Egress, Policy, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    host::monotonic_ms,
    logon::unix_now,
    memory::{DAY_MS, Memory},
    program::{Owners, Protocol, SocketOwners, Tables, processes},
};
use crate::{Fact, Reading, Seen, Source, SourceId, Unavailable};

/// Remote TCP ports that are watched where the policy names none: mail between servers, which a PC has no part
/// in.
const WATCHED: [u16; 1] = [25];
/// Nothing tells of a connection, and a program that sends much mail makes many that are short.
const EVERY: Duration = Duration::from_secs(60);
const KEEP_MS: u64 = 7 * DAY_MS;

/// The kernel's tables of sockets.
pub(super) struct Connections {
    owners: Arc<Owners>,
    tables: Arc<Tables>,
    sockets: SocketOwners,
    seen: Memory,
    /// As the policy names them.
    watched: Mutex<Vec<u16>>,
}

impl Connections {
    pub(super) fn new(owners: Arc<Owners>, tables: Arc<Tables>) -> Self {
        Self {
            owners,
            tables,
            sockets: SocketOwners::default(),
            seen: Memory::default(),
            watched: Mutex::new(WATCHED.to_vec()),
        }
    }
}

impl Source for Connections {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Egress,
            source: "proc-net",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let now = monotonic_ms();
        let look = self.tables.look(root, now);
        look.faults.into_iter().for_each(|why| gather.fault(why));
        let ports = self
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let watched: Vec<Socket> = look
            .sockets
            .into_iter()
            .filter(|(protocol, socket)| *protocol == Protocol::Tcp && is_watched(socket, &ports))
            .map(|(_, socket)| socket)
            .collect();
        if look.tables == 0 {
            let place = root.display("proc/net");
            let why = format!("{}: no running system below this root", place.display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        gather.answered();
        let facts = self.facts(root, &watched, &mut gather);
        gather.facts = self.seen.merge(now, KEEP_MS, facts);
        gather.finish(self.id())
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn instruct(&self, policy: &Policy) {
        let named: Vec<u16> = policy
            .watched_ports
            .iter()
            .filter_map(|port| u16::try_from(*port).ok())
            .collect();
        let ports = if named.is_empty() { WATCHED.to_vec() } else { named };
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if *watched != ports {
            // What was seen of ports that nobody asks for any more is nobody's business.
            self.seen.clear();
            *watched = ports;
        }
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}

impl Connections {
    fn facts(&self, root: &Root, watched: &[Socket], gather: &mut Gather) -> Vec<Fact> {
        if watched.is_empty() {
            return Vec::new();
        }
        let inodes: BTreeSet<u64> = watched.iter().map(|socket| socket.inode).collect();
        let programs = self
            .sockets
            .programs(root, &inodes, monotonic_ms(), || match processes(root) {
                Ok(found) => found.running,
                Err(why) => {
                    gather.fault(why);
                    Vec::new()
                }
            });
        let mut found: BTreeMap<(&str, u16), ()> = BTreeMap::new();
        for socket in watched {
            match programs.get(&socket.inode) {
                Some(program) => {
                    found.insert((program, socket.remote_port), ());
                }
                None if !super::is_privileged() => gather.fault(Unavailable::Denied(
                    "/proc: no right to see which programs of other users connect; run the agent as root"
                        .to_owned(),
                )),
                // Closed meanwhile.
                None => {}
            }
        }
        let paths: Vec<&str> = found.keys().map(|(program, _)| *program).collect();
        let packages = self.owners.packages(root, &paths);
        found
            .keys()
            .zip(packages)
            .map(|((program, port), package)| {
                let egress = Egress {
                    program: (*program).to_owned(),
                    port: u32::from(*port),
                    protocol: Protocol::Tcp.name().to_owned(),
                    package,
                };
                Fact::machine(key::egress(program, *port), Kind::Egress(egress)).at(*program)
            })
            .collect()
    }
}

fn is_watched(socket: &Socket, ports: &[u16]) -> bool {
    socket.state == State::Connected && ports.contains(&socket.remote_port) && !socket.remote.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    #[cfg(target_endian = "little")]
    fn a_program_that_talks_to_a_mail_server_is_named_without_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let source = Connections::new(Arc::default(), Arc::default());
        assert_eq!(source.read(&root).look, Look::Unsupported);
        let place = folder.path().join("proc/7");
        fs::create_dir_all(place.join("fd")).unwrap();
        fs::create_dir_all(folder.path().join("proc/net")).unwrap();
        symlink("/home/wang/bulk", place.join("exe")).unwrap();
        symlink("socket:[5]", place.join("fd/3")).unwrap();
        let tcp = "0: 0500000A:C001 070200C0:0019 01 0:0 0:0 0 0 0 5 1\n\
0: 0100007F:C001 0100007F:0019 01 0:0 0:0 0 0 0 6 1\n0: 0500000A:C001 070200C0:01BB 01 0:0 0:0 0 0 0 5 1\n";
        fs::write(folder.path().join("proc/net/tcp"), tcp).unwrap();
        let reading = source.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["/home/wang/bulk:25"]);
        assert!(!format!("{reading:?}").contains("192.0.2.7"));
        fs::write(folder.path().join("proc/net/tcp"), "").unwrap();
        assert_eq!(
            source.read(&root).facts.len(),
            1,
            "a short connection is not forgotten at once"
        );
        fs::write(folder.path().join("proc/net/tcp"), tcp).unwrap();
        source.instruct(&Policy {
            watched_ports: vec![443, 70_000],
            ..Policy::default()
        });
        let keys: Vec<_> = source
            .read(&root)
            .facts
            .into_iter()
            .map(|fact| fact.key)
            .collect();
        assert_eq!(keys, ["/home/wang/bulk:443"], "the policy names the ports");
    }
}
