//! Source `listener/proc-net`: ports that programs of the own network namespace wait on.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deskwarden_parse::procnet::{Socket, State};
use deskwarden_proto::{
    key::{self, EPHEMERAL_FROM},
    limits::LIST_VALUES,
    v1::{Exposure, Listener, Policy, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    host::monotonic_ms,
    logon::unix_now,
    memory::{DAY_MS, Memory},
    program::{Owners, Protocol, Questions, SocketOwners, Tables, file_name, processes},
};
use crate::{Fact, KernelEvent, Reading, Seen, Source, SourceId, Unavailable, known};

/// Nothing tells of a port that is opened.
const EVERY: Duration = Duration::from_secs(300);
/// The kernel's tables of sockets.
pub(super) struct Listeners {
    owners: Arc<Owners>,
    tables: Arc<Tables>,
    sockets: SocketOwners,
    /// Programs open and close ports of the ephemeral range all day.
    ephemeral: Memory,
    questions: Questions,
    asking: AtomicBool,
}

impl Listeners {
    pub(super) fn new(owners: Arc<Owners>, tables: Arc<Tables>) -> Self {
        Self {
            owners,
            tables,
            sockets: SocketOwners::default(),
            ephemeral: Memory::default(),
            questions: Questions::default(),
            asking: AtomicBool::new(false),
        }
    }
}

impl Source for Listeners {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Listener,
            source: "proc-net",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let now = monotonic_ms();
        let look = self.tables.look(root, now);
        look.faults.into_iter().for_each(|why| gather.fault(why));
        let mut waiting = look.sockets;
        waiting.retain(|(protocol, socket)| is_waiting(*protocol, socket));
        if look.tables == 0 {
            let place = root.display("proc/net");
            let why = format!("{}: no running system below this root", place.display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let inodes: BTreeSet<u64> = waiting.iter().map(|(_, socket)| socket.inode).collect();
        let programs = self
            .sockets
            .programs(root, &inodes, now, || match processes(root) {
                Ok(found) => found.running,
                Err(why) => {
                    gather.fault(why);
                    Vec::new()
                }
            });
        if waiting
            .iter()
            .any(|(_, socket)| !programs.contains_key(&socket.inode))
            && !super::is_privileged()
        {
            gather.fault(Unavailable::Denied(
                "/proc: no right to see which programs of other users hold a port; run the agent as root"
                    .to_owned(),
            ));
        }
        let mut asked = HashMap::new();
        if root.is_host() && self.asking.load(Ordering::Relaxed) {
            let others: Vec<(u64, IpAddr, u16)> = waiting
                .iter()
                .filter(|(protocol, socket)| {
                    let program = programs
                        .get(&socket.inode)
                        .map(String::as_str)
                        .unwrap_or_default();
                    *protocol == Protocol::Tcp && proxy_kind(program).is_empty()
                })
                .map(|(_, socket)| (socket.inode, socket.local, socket.local_port))
                .collect();
            asked = self.questions.ask(&others);
        }
        let facts = self.facts(root, &waiting, &asked, |inode| {
            programs.get(&inode).map(String::as_str).unwrap_or_default()
        });
        let (passing, lasting) = facts.into_iter().partition(is_ephemeral);
        gather.facts = lasting;
        gather.facts.extend(self.ephemeral.merge(now, DAY_MS, passing));
        gather.answered();
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Address]
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn instruct(&self, policy: &Policy) {
        self.asking.store(policy.probe_listeners, Ordering::Relaxed);
        if !policy.probe_listeners {
            self.questions.clear();
        }
    }

    fn remembered(&self) -> Vec<Seen> {
        self.ephemeral.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.ephemeral.recall(monotonic_ms(), unix_now(), seen);
    }
}

impl Listeners {
    fn facts<'a>(
        &self,
        root: &Root,
        waiting: &[(Protocol, Socket)],
        asked: &HashMap<u64, &'static str>,
        program: impl Fn(u64) -> &'a str,
    ) -> Vec<Fact> {
        let mut groups: BTreeMap<(Protocol, u16, &str), BTreeSet<IpAddr>> = BTreeMap::new();
        let mut answers: BTreeMap<(Protocol, u16, &str), &str> = BTreeMap::new();
        for (protocol, socket) in waiting {
            let port = if socket.local_port >= EPHEMERAL_FROM {
                0
            } else {
                socket.local_port
            };
            let group = (*protocol, port, program(socket.inode));
            groups.entry(group).or_default().insert(socket.local);
            if let Some(answer) = asked.get(&socket.inode).filter(|answer| !answer.is_empty()) {
                answers.insert(group, answer);
            }
        }
        let paths: Vec<&str> = groups.keys().map(|(_, _, program)| *program).collect();
        let packages = self.owners.packages(root, &paths);
        groups
            .iter()
            .zip(packages)
            .map(|((group, addresses), package)| {
                let (protocol, port, program) = group;
                let answer = answers.get(group).copied().unwrap_or_default();
                let reachable = addresses.iter().any(|address| !address.is_loopback());
                let listener = Listener {
                    protocol: protocol.name().to_owned(),
                    port: u32::from(*port),
                    program: (*program).to_owned(),
                    exposure: if reachable {
                        Exposure::Network
                    } else {
                        Exposure::Loopback
                    }
                    .into(),
                    addresses: addresses
                        .iter()
                        .take(LIST_VALUES)
                        .map(ToString::to_string)
                        .collect(),
                    proxy_kind: match proxy_kind(program) {
                        "" => answer,
                        known => known,
                    }
                    .to_owned(),
                    package,
                };
                let key_port = if *port == 0 { EPHEMERAL_FROM } else { *port };
                Fact::machine(
                    key::listener(protocol.name(), key_port, program),
                    Kind::Listener(listener),
                )
                .at(*program)
            })
            .collect()
    }
}

fn is_waiting(protocol: Protocol, socket: &Socket) -> bool {
    match protocol {
        Protocol::Tcp => socket.state == State::Listening,
        Protocol::Udp => socket.state == State::Other && socket.remote_port == 0 && socket.local_port != 0,
    }
}

fn is_ephemeral(fact: &Fact) -> bool {
    matches!(&fact.facet.kind, Some(Kind::Listener(listener)) if listener.port == 0)
}

fn proxy_kind(program: &str) -> &'static str {
    known::proxy_kind(&file_name(program).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, net::TcpListener, os::unix::fs::symlink, path::Path};

    fn line(local: &str, remote: &str, state: &str, inode: u64) -> String {
        format!("0: {local} {remote} {state} 0:0 0:0 0 0 0 {inode} 1 0\n")
    }

    fn holds(folder: &Path, pid: u32, exe: &str, inodes: &[u64]) {
        let place = folder.join(format!("proc/{pid}"));
        fs::create_dir_all(place.join("fd")).unwrap();
        symlink(exe, place.join("exe")).unwrap();
        for inode in inodes {
            symlink(format!("socket:[{inode}]"), place.join(format!("fd/{inode}"))).unwrap();
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn ports_have_a_program_and_an_exposure_and_ephemeral_ones_are_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let source = Listeners::new(Arc::default(), Arc::default());
        assert_eq!(source.read(&root).look, Look::Unsupported);
        fs::create_dir_all(folder.path().join("proc/net")).unwrap();
        let none = "00000000:0000";
        let tcp = [
            line("0100007F:0C38", none, "0A", 1),
            line("00000000:0050", none, "0A", 2),
            line("00000000:C001", none, "0A", 3),
            line("00000000:C002", none, "0A", 4),
            line("0100007F:0051", "0100007F:9999", "01", 5),
        ]
        .concat();
        fs::write(folder.path().join("proc/net/tcp"), tcp).unwrap();
        fs::write(
            folder.path().join("proc/net/udp"),
            line("00000000:14E9", none, "07", 6) + &line("0500000A:8235", "0600000A:0035", "01", 7),
        )
        .unwrap();
        holds(folder.path(), 9, "/usr/sbin/squid", &[1, 2]);
        holds(folder.path(), 10, "/usr/bin/app", &[3, 4, 6, 7]);
        let reading = source.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let found: Vec<_> = reading
            .facts
            .iter()
            .filter_map(|fact| match &fact.facet.kind {
                Some(Kind::Listener(l)) => Some((fact.key.as_str(), l.exposure(), l.proxy_kind.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(
            found,
            [
                ("tcp:3128:/usr/sbin/squid", Exposure::Loopback, "http"),
                ("tcp:80:/usr/sbin/squid", Exposure::Network, "http"),
                ("tcp:ephemeral:/usr/bin/app", Exposure::Network, ""),
                ("udp:5353:/usr/bin/app", Exposure::Network, ""),
            ]
        );
    }

    #[test]
    fn proxies_are_known_by_the_name_of_the_program() {
        assert_eq!(proxy_kind("/opt/clash/clash-linux-amd64"), "http+socks");
        assert_eq!(proxy_kind("/usr/sbin/squid"), "http");
        assert_eq!(proxy_kind("/usr/bin/squidview"), "");
        assert_eq!(proxy_kind("/usr/bin/cowsay"), "");
    }

    #[test]
    fn a_program_is_asked_whether_it_is_a_proxy_only_where_the_policy_allows_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let source = Listeners::new(Arc::default(), Arc::default());
        let own = std::env::current_exe().unwrap();
        let key = key::listener("tcp", port, own.to_str().unwrap());
        let kind = |source: &Listeners| {
            let reading = source.read(&Root::host());
            let fact = reading.facts.into_iter().find(|fact| fact.key == key).unwrap();
            match fact.facet.kind {
                Some(Kind::Listener(listener)) => listener.proxy_kind,
                _ => panic!("not a listener"),
            }
        };
        assert_eq!(kind(&source), "");
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "nobody connected");
        listener.set_nonblocking(false).unwrap();
        std::thread::spawn(move || {
            use std::io::Write as _;
            for stream in listener.incoming().take(2) {
                stream.unwrap().write_all(&[5, 0]).ok();
            }
        });
        source.instruct(&Policy {
            probe_listeners: true,
            ..Policy::default()
        });
        assert_eq!(kind(&source), "socks");
    }

    #[test]
    fn an_own_port_of_the_running_system_is_seen_with_its_program() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::env::current_exe().unwrap();
        let reading = Listeners::new(Arc::default(), Arc::default()).read(&Root::host());
        let key = key::listener("tcp", port, own.to_str().unwrap());
        assert!(reading.facts.iter().any(|fact| fact.key == key), "{key}");
    }
}
