//! Source `network/netlink`: links, addresses, default routes and gateways of the running kernel. Reads;
//! what it means is `assemble`'s.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::rtnetlink::{self as rt, Link, kind};
use deskwarden_proto::v1::Section;
use rustix::net::SocketFlags;

use super::{
    assemble::{self, Kernel, LinkHints, Setup},
    managers::{self, Interface},
};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId, Unavailable, WatchPath, linux::gather::Gather,
    linux::rtnl::Socket,
};

/// The kernel's route netlink family.
#[derive(Default)]
pub(in crate::linux) struct Netlink {
    gateway_macs: Mutex<assemble::GatewayMacs>,
}

impl Source for Netlink {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Network,
            source: "netlink",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        if !root.is_host() {
            let why = "netlink: the root is not the running system, so its kernel cannot be asked";
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why.to_owned()));
        }
        let mut kernel = match dump() {
            Ok(kernel) => kernel,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        let mut gather = Gather::default();
        let hints: BTreeMap<u32, LinkHints> = kernel
            .links
            .iter()
            .map(|link| (link.index, hints(root, &link.name)))
            .collect();
        for link in &mut kernel.links {
            add_permanent_mac(root, link, hints.get(&link.index).copied().unwrap_or_default());
        }
        let setups = setups(root, &kernel, &hints, &mut gather);
        let mut macs = self.gateway_macs.lock().unwrap_or_else(PoisonError::into_inner);
        gather.facts = assemble::facts(&kernel, &hints, &setups, &mut macs);
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        if root.is_host() {
            managers::watches(root)
        } else {
            Vec::new()
        }
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[
            KernelEvent::Link,
            KernelEvent::Address,
            KernelEvent::Route,
            KernelEvent::Neighbour,
        ]
    }
}

fn dump() -> Result<Kernel, Unavailable> {
    let mut socket = Socket::open(0, SocketFlags::empty())?;
    Ok(Kernel {
        links: socket.dump(kind::GET_LINK, kind::NEW_LINK, rt::parse_link)?,
        addresses: socket.dump(kind::GET_ADDRESS, kind::NEW_ADDRESS, rt::parse_address)?,
        routes: socket.dump(kind::GET_ROUTE, kind::NEW_ROUTE, |payload| {
            rt::parse_route(payload).filter(assemble::is_default_route)
        })?,
        neighbours: socket.dump(kind::GET_NEIGHBOUR, kind::NEW_NEIGHBOUR, |payload| {
            rt::parse_neighbour(payload).filter(rt::Neighbour::is_known)
        })?,
    })
}

fn setups(
    root: &Root,
    kernel: &Kernel,
    hints: &BTreeMap<u32, LinkHints>,
    gather: &mut Gather,
) -> BTreeMap<u32, Setup> {
    if !managers::speak_of_this_namespace(root) {
        return BTreeMap::new();
    }
    let managers = managers::read(root, gather);
    kernel
        .links
        .iter()
        .map(|link| {
            let kind = match hints.get(&link.index) {
                Some(LinkHints::Wireless) => "wifi",
                Some(LinkHints::Mobile) => "",
                _ => "ethernet",
            };
            let has_gateway = kernel
                .routes
                .iter()
                .any(|route| route.hops.iter().any(|(on, _)| *on == link.index));
            (
                link.index,
                managers.setup(
                    root,
                    &Interface {
                        link,
                        kind,
                        has_gateway,
                    },
                ),
            )
        })
        .collect()
}

/// Before Linux 5.6 netlink does not tell the burnt-in address; sysfs tells whether the one in use is it.
/// Wireless adapters change theirs while they scan, so theirs is not taken from there.
fn add_permanent_mac(root: &Root, link: &mut Link, hint: LinkHints) {
    if !link.permanent_mac.is_empty() || !link.kind.is_empty() || hint != LinkHints::None {
        return;
    }
    let path = format!("sys/class/net/{}/addr_assign_type", link.name);
    let kind = root.read_limited(&path, 100).ok().flatten().unwrap_or_default();
    if kind.trim_ascii() == b"0" {
        link.permanent_mac.clone_from(&link.mac);
    }
}

/// What sysfs adds; another network namespace may see a sysfs that is not its own, so it only adds.
fn hints(root: &Root, name: &str) -> LinkHints {
    let below = |entry: &str| root.exists(&format!("sys/class/net/{name}/{entry}"));
    if below("phy80211") || below("wireless") {
        return LinkHints::Wireless;
    }
    let mobile = name.starts_with("ww")
        && root
            .read_limited(&format!("sys/class/net/{name}/uevent"), 4_096)
            .ok()
            .flatten()
            .is_some_and(|bytes| bytes.windows(12).any(|window| window == b"DEVTYPE=wwan"));
    if mobile {
        LinkHints::Mobile
    } else {
        LinkHints::None
    }
}
