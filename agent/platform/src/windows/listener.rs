//! Source `listener/sockets`: ports that programs wait on.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use deskwarden_parse::iphelper::Socket;
use deskwarden_proto::{
    key::{self, EPHEMERAL_FROM},
    limits::LIST_VALUES,
    v1::{Exposure, Listener, Section, facet::Kind},
};

use super::{
    Root,
    gather::Gather,
    host::{monotonic_ms, unix_now},
    iphelper,
    memory::{DAY_MS, Memory},
    processes::running,
    root::file_name,
};
use crate::{Fact, KernelEvent, Reading, Seen, Source, SourceId, Unavailable, known::proxy_kind};

/// Nothing tells of a port that is opened.
const EVERY: Duration = Duration::from_secs(300);

/// The system's tables of sockets.
#[derive(Default)]
pub(super) struct Listeners {
    /// Programs open and close ports of the ephemeral range all day.
    ephemeral: Memory,
}

impl Source for Listeners {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Listener,
            source: "sockets",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "nothing listens below another root".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let mut groups: BTreeMap<(&str, u16, String), BTreeSet<IpAddr>> = BTreeMap::new();
        let programs = match running() {
            Ok(found) => found.programs,
            Err(why) => {
                gather.fault(why);
                BTreeMap::new()
            }
        };
        for (protocol, sockets) in [("tcp", iphelper::tcp()), ("udp", iphelper::udp())] {
            match sockets {
                Ok(sockets) => {
                    gather.answered();
                    for socket in sockets
                        .iter()
                        .filter(|socket| socket.listens && socket.local_port != 0)
                    {
                        groups
                            .entry(group(protocol, socket, &programs))
                            .or_default()
                            .insert(socket.local);
                    }
                }
                Err(why) => gather.fault(why),
            }
        }
        let facts: Vec<Fact> = groups
            .into_iter()
            .map(|(group, addresses)| fact(&group, &addresses))
            .collect();
        let (passing, lasting): (Vec<Fact>, Vec<Fact>) = facts.into_iter().partition(is_ephemeral);
        gather.facts = lasting;
        gather
            .facts
            .extend(self.ephemeral.merge(monotonic_ms(), DAY_MS, passing));
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Address]
    }

    fn every(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn remembered(&self) -> Vec<Seen> {
        self.ephemeral.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.ephemeral.recall(monotonic_ms(), unix_now(), seen);
    }
}

fn group<'p>(protocol: &'p str, socket: &Socket, programs: &BTreeMap<u32, String>) -> (&'p str, u16, String) {
    let port = if socket.local_port >= EPHEMERAL_FROM {
        0
    } else {
        socket.local_port
    };
    let program = match programs.get(&socket.process) {
        Some(program) => program.clone(),
        // The kernel itself listens for shares and the like.
        None if socket.process <= 4 => "System".to_owned(),
        None => String::new(),
    };
    (protocol, port, program)
}

fn fact((protocol, port, program): &(&str, u16, String), addresses: &BTreeSet<IpAddr>) -> Fact {
    let reachable = addresses.iter().any(|address| !address.is_loopback());
    let exposure = if reachable {
        Exposure::Network
    } else {
        Exposure::Loopback
    };
    let name = file_name(program).to_ascii_lowercase();
    let listener = Listener {
        protocol: (*protocol).to_owned(),
        port: u32::from(*port),
        program: program.clone(),
        exposure: exposure.into(),
        addresses: addresses
            .iter()
            .take(LIST_VALUES)
            .map(ToString::to_string)
            .collect(),
        proxy_kind: proxy_kind(name.strip_suffix(".exe").unwrap_or(&name)).to_owned(),
        package: String::new(),
    };
    let key_port = if *port == 0 { EPHEMERAL_FROM } else { *port };
    Fact::machine(
        key::listener(protocol, key_port, program),
        Kind::Listener(listener),
    )
    .at(program.clone())
}

fn is_ephemeral(fact: &Fact) -> bool {
    matches!(&fact.facet.kind, Some(Kind::Listener(listener)) if listener.port == 0)
}
