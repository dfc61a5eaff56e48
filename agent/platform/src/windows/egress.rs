//! Source `egress/sockets`: programs with connections to watched ports of other machines.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use deskwarden_proto::{
    key,
    v1::{Egress, Policy, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    host::{monotonic_ms, unix_now},
    iphelper,
    memory::{DAY_MS, Memory},
    processes::running,
};
use crate::{Fact, Reading, Seen, Source, SourceId, Unavailable};

/// Ports that are watched where the policy names none: mail between servers, which a PC has no part in.
const WATCHED: [u16; 1] = [25];
/// Nothing tells of a connection, and a program that sends much mail makes many that are short.
const EVERY: Duration = Duration::from_secs(60);
const KEEP_MS: u64 = 7 * DAY_MS;

/// The system's table of connections.
pub(super) struct Connections {
    seen: Memory,
    watched: Mutex<Vec<u16>>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            seen: Memory::default(),
            watched: Mutex::new(WATCHED.to_vec()),
        }
    }
}

impl Source for Connections {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Egress,
            source: "sockets",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "nothing connects below another root".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let ports = self
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sockets = match iphelper::tcp() {
            Ok(sockets) => sockets,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let open: Vec<(u32, u16)> = sockets
            .iter()
            .filter(|socket| {
                !socket.listens && !socket.remote.is_loopback() && ports.contains(&socket.remote_port)
            })
            .map(|socket| (socket.process, socket.remote_port))
            .collect();
        let mut found: BTreeSet<(String, u16)> = BTreeSet::new();
        if !open.is_empty() {
            match running() {
                Ok(running) => found.extend(
                    open.iter()
                        .filter_map(|(process, port)| Some((running.programs.get(process)?.clone(), *port))),
                ),
                Err(why) => gather.fault(why),
            }
        }
        let facts = found
            .into_iter()
            .map(|(program, port)| {
                let egress = Egress {
                    program: program.clone(),
                    port: port.into(),
                    protocol: "tcp".to_owned(),
                    package: String::new(),
                };
                Fact::machine(key::egress(&program, port), Kind::Egress(egress)).at(program)
            })
            .collect();
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
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
