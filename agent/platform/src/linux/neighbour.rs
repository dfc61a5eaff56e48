//! Source `neighbour/netlink`: machines that the kernel knows on its links. Asks nobody on the network.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::rtnetlink::{self as rt, Link, Neighbour as Entry, Route, format_mac, kind};
use deskwarden_proto::{
    key,
    v1::{Neighbour, Policy, Section, facet::Kind},
};
use rustix::net::SocketFlags;

use super::{
    Root,
    host::monotonic_ms,
    logon::unix_now,
    memory::{DAY_MS, Memory},
    rtnl::Socket,
};
use crate::{Fact, KernelEvent, Reading, Seen, Source, SourceId, Unavailable};

/// Which neighbours are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// Those that are gateways of this PC.
    #[default]
    Gateways,
    /// All: of a PC that the collector chose as the observer of its subnet.
    Everybody,
}

/// The kernel's tables of neighbours.
#[derive(Default)]
pub(super) struct Neighbours {
    extent: Mutex<Extent>,
    seen: Memory,
}

impl Source for Neighbours {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Neighbour,
            source: "netlink",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        if !root.is_host() {
            let why = "netlink: the root is not the running system, so its kernel cannot be asked";
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why.to_owned()));
        }
        match dump() {
            Ok(tables) => {
                let facts = facts(self.extent(), &tables);
                Reading::looked(self.id(), self.seen.merge(monotonic_ms(), DAY_MS, facts), &[])
            }
            Err(why) => Reading::unavailable(self.id(), &why),
        }
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Neighbour, KernelEvent::Route]
    }

    fn instruct(&self, policy: &Policy) {
        let wanted = if policy.observe_neighbours {
            Extent::Everybody
        } else {
            Extent::Gateways
        };
        let mut extent = self.extent.lock().unwrap_or_else(PoisonError::into_inner);
        if *extent != wanted {
            // Who observes no longer tells nothing of others, also not what was seen before.
            self.seen.clear();
            *extent = wanted;
        }
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}

impl Neighbours {
    fn extent(&self) -> Extent {
        *self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One picture of the kernel's tables.
struct Tables {
    links: Vec<Link>,
    /// Default routes.
    routes: Vec<Route>,
    neighbours: Vec<Entry>,
}

fn dump() -> Result<Tables, Unavailable> {
    let mut socket = Socket::open(0, SocketFlags::empty())?;
    Ok(Tables {
        links: socket.dump(kind::GET_LINK, kind::NEW_LINK, rt::parse_link)?,
        routes: socket.dump(kind::GET_ROUTE, kind::NEW_ROUTE, |payload| {
            rt::parse_route(payload).filter(|route| route.destination_prefix == 0)
        })?,
        neighbours: socket.dump(kind::GET_NEIGHBOUR, kind::NEW_NEIGHBOUR, |payload| {
            rt::parse_neighbour(payload).filter(Entry::is_known)
        })?,
    })
}

fn facts(extent: Extent, tables: &Tables) -> Vec<Fact> {
    let names: BTreeMap<u32, &str> = tables
        .links
        .iter()
        .map(|link| (link.index, link.name.as_str()))
        .collect();
    let is_gateway = |index: u32, ip: IpAddr| {
        let hop = (index, Some(ip));
        tables.routes.iter().any(|route| route.hops.contains(&hop))
    };
    tables
        .neighbours
        .iter()
        .filter_map(|entry| {
            let router = is_gateway(entry.index, entry.ip);
            let mac = format_mac(&entry.mac);
            // Multicast has made-up hardware addresses.
            if mac.is_empty() || entry.ip.is_multicast() || (extent == Extent::Gateways && !router) {
                return None;
            }
            let ip = entry.ip.to_string();
            let neighbour = Neighbour {
                mac: mac.clone(),
                ip: ip.clone(),
                interface: names.get(&entry.index).copied().unwrap_or_default().to_owned(),
                router,
            };
            Some(Fact::machine(
                key::neighbour(&mac, &ip),
                Kind::Neighbour(neighbour),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;

    fn entry(last: u8) -> Entry {
        Entry {
            index: 2,
            state: 2,
            ip: IpAddr::from([192, 0, 2, last]),
            mac: vec![2, 0, 0, 0, 0, last],
        }
    }

    #[test]
    fn only_gateways_are_told_unless_all_are_wanted() {
        let route = Route {
            hops: vec![(2, Some(IpAddr::from([192, 0, 2, 1])))],
            ..Route::default()
        };
        let tables = Tables {
            links: Vec::new(),
            routes: vec![route],
            neighbours: vec![entry(1), entry(7)],
        };
        let keys =
            |extent| -> Vec<String> { facts(extent, &tables).into_iter().map(|fact| fact.key).collect() };
        assert_eq!(keys(Extent::Gateways), ["02:00:00:00:00:01:192.0.2.1"]);
        assert_eq!(keys(Extent::Everybody).len(), 2);
    }

    #[test]
    fn who_is_no_longer_an_observer_forgets_the_others() {
        let source = Neighbours::default();
        let observe = |on| {
            source.instruct(&Policy {
                observe_neighbours: on,
                ..Policy::default()
            });
        };
        observe(true);
        assert_eq!(source.extent(), Extent::Everybody);
        let seen = source.read(&Root::host()).facts.into_iter().next();
        let other =
            seen.unwrap_or_else(|| Fact::machine("other".to_owned(), Kind::Neighbour(Neighbour::default())));
        source.recall(vec![Seen {
            fact: other,
            at_s: unix_now(),
        }]);
        assert!(!source.remembered().is_empty());
        observe(true);
        assert!(
            !source.remembered().is_empty(),
            "the same policy again changes nothing"
        );
        observe(false);
        assert!(source.remembered().is_empty());
    }

    #[test]
    fn another_root_has_no_kernel_to_ask() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            Neighbours::default().read(&Root::at(folder.path())).look,
            Look::Unsupported
        );
        assert_eq!(Neighbours::default().read(&Root::host()).look, Look::Looked);
    }
}
