//! Source `neighbour/table`: machines that this PC spoke with on its subnet: the gateways, and all of them where the
//! collector chose this PC as an observer. No scan.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
};

use deskwarden_proto::{
    key,
    v1::{Neighbour, Policy, Section, facet::Kind},
};

use super::{
    Root,
    host::{monotonic_ms, unix_now},
    iphelper,
    memory::{DAY_MS, Memory},
    network::mac_text,
};
use crate::{Fact, KernelEvent, Reading, Seen, Source, SourceId, Unavailable};

/// The system's table of neighbours.
#[derive(Default)]
pub(super) struct Neighbours {
    everybody: AtomicBool,
    seen: Memory,
}

impl Source for Neighbours {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Neighbour,
            source: "table",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        if !root.is_host() {
            let why = "only the running system has neighbours".to_owned();
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
        }
        let tables = iphelper::adapters().and_then(|adapters| Ok((adapters, iphelper::neighbours()?)));
        let (adapters, neighbours) = match tables {
            Ok(tables) => tables,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        let gateways: BTreeSet<(u32, IpAddr)> = adapters
            .iter()
            .flat_map(|adapter| adapter.gateways.iter().map(move |ip| (number(adapter, *ip), *ip)))
            .collect();
        let everybody = self.everybody.load(Ordering::Relaxed);
        let facts = neighbours
            .iter()
            .filter(|near| !near.fixed && !near.ip.is_multicast())
            .filter_map(|near| {
                let router = gateways.contains(&(near.index, near.ip));
                if !router && !everybody {
                    return None;
                }
                let adapter = adapters
                    .iter()
                    .find(|adapter| number(adapter, near.ip) == near.index);
                let (mac, ip) = (mac_text(&near.mac), near.ip.to_string());
                let neighbour = Neighbour {
                    mac: mac.clone(),
                    ip: ip.clone(),
                    interface: adapter.map(|adapter| adapter.name.clone()).unwrap_or_default(),
                    router,
                };
                Some(Fact::machine(
                    key::neighbour(&mac, &ip),
                    Kind::Neighbour(neighbour),
                ))
            })
            .collect();
        Reading::looked(self.id(), self.seen.merge(monotonic_ms(), DAY_MS, facts), &[])
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Neighbour, KernelEvent::Route]
    }

    fn instruct(&self, policy: &Policy) {
        if self.everybody.swap(policy.observe_neighbours, Ordering::Relaxed) != policy.observe_neighbours {
            // Who observes no longer tells nothing of others, also not what was seen before.
            self.seen.clear();
        }
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}

/// Number by which tables name an adapter for an address of that family.
fn number(adapter: &deskwarden_parse::iphelper::Adapter, ip: IpAddr) -> u32 {
    if ip.is_ipv4() {
        adapter.index
    } else {
        adapter.index6
    }
}
