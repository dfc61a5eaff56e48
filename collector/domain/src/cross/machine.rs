//! Machines behind hardware addresses: those that nobody knows (PC 3.1.1), and those that answer for many
//! (PC 3.2.4).

use std::collections::BTreeSet;

use super::{Breach, Seen};
use crate::{
    model::{ClaimKind, ClaimOrigin, Holder},
    port::{Picture, Said},
};

/// Addresses named in a sentence.
const NAMED: usize = 8;

/// What tables say of a hardware address.
fn tables<'a>(mac: &str, picture: &'a Picture) -> Vec<&'a Said> {
    picture
        .of(ClaimKind::Mac, mac)
        .into_iter()
        .filter(|said| matches!(said.origin, ClaimOrigin::Observed | ClaimOrigin::Imported))
        .collect()
}

fn witnesses(said: &[&Said]) -> Vec<String> {
    let all: BTreeSet<&String> = said.iter().flat_map(|said| &said.by).collect();
    all.into_iter().take(NAMED).cloned().collect()
}

/// One machine answers for more IPv4 addresses than are its own.
pub(super) fn many_addresses(mac: &str, more_than: u64, picture: &Picture) -> Vec<Breach> {
    let said = tables(mac, picture);
    // A router may answer for the networks behind it.
    let accepted_router = picture
        .of(ClaimKind::Mac, mac)
        .iter()
        .any(|said| said.origin == ClaimOrigin::Accepted && said.note.router);
    if accepted_router {
        return Vec::new();
    }
    let owner = picture.owners.get(mac).copied();
    let own: &[String] = owner
        .and_then(|asset| picture.assets.get(&asset))
        .map_or(&[], |known| &known.addresses);
    let rightful = |ip: &str| {
        own.iter().any(|own| own == ip)
            || picture.entry(ip).is_some_and(|entry| {
                entry.mac.as_deref() == Some(mac) || (owner.is_some() && entry.asset == owner)
            })
    };
    let foreign: BTreeSet<std::net::Ipv4Addr> = said
        .iter()
        .filter(|said| !rightful(&said.note.ip))
        .filter_map(|said| said.note.ip.parse().ok())
        .collect();
    let count = foreign.len();
    if u64::try_from(count).unwrap_or(u64::MAX) <= more_than {
        return Vec::new();
    }
    let some: Vec<String> = foreign.iter().take(NAMED).map(ToString::to_string).collect();
    let who = owner.map_or_else(|| mac.to_owned(), |asset| picture.name(asset));
    let seen = Seen::new(
        format!("{who}（MAC {mac}）应答了 {count} 个地址，如 {}", some.join("、")),
        format!(
            "{who} (MAC {mac}) answers for {count} addresses, as {}",
            some.join(", ")
        ),
    )
    .party("suspect", &who, owner.map(|asset| asset.0), mac)
    .with("count", count)
    .with(
        "addresses",
        foreign
            .iter()
            .take(64)
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    )
    .with("seen_by", witnesses(&said));
    vec![Breach {
        holder: owner.map_or_else(|| Holder::Machine(mac.to_owned()), Holder::Asset),
        name: who,
        seen,
    }]
}

/// A machine that neither reports nor is registered.
pub(super) fn unmanaged(mac: &str, picture: &Picture) -> Vec<Breach> {
    let said = tables(mac, picture);
    if said.is_empty() || picture.owners.contains_key(mac) || is_made_up(mac) {
        return Vec::new();
    }
    // What PCs use as their gateway is the network itself.
    if picture
        .of(ClaimKind::Mac, mac)
        .iter()
        .any(|said| said.note.router)
    {
        return Vec::new();
    }
    let addresses: BTreeSet<&str> = said.iter().map(|said| said.note.ip.as_str()).collect();
    let by_mac = picture
        .ledger
        .iter()
        .any(|entry| entry.mac.as_deref() == Some(mac));
    let by_address = addresses.iter().any(|ip| {
        picture.entry(ip).is_some_and(|entry| {
            let expects_no_other = entry.mac.is_none();
            let reports = entry
                .asset
                .and_then(|asset| picture.assets.get(&asset))
                .is_some_and(|known| !known.macs.is_empty());
            expects_no_other && !reports && (entry.asset.is_some() || entry.owner.is_some())
        })
    });
    if by_mac || by_address {
        return Vec::new();
    }
    let shown: Vec<&str> = addresses
        .iter()
        .copied()
        .filter(|ip| !ip.is_empty())
        .take(NAMED)
        .collect();
    let called = said
        .iter()
        .map(|said| said.note.name.as_str())
        .find(|name| !name.is_empty())
        .unwrap_or_default();
    let name = match (called, shown.first()) {
        ("", Some(ip)) => format!("{mac} ({ip})"),
        ("", None) => mac.to_owned(),
        (called, Some(ip)) => format!("{called} ({ip}, {mac})"),
        (called, None) => format!("{called} ({mac})"),
    };
    let by = witnesses(&said);
    let seen = Seen::new(
        format!("网络上有未纳管的设备 {name}，由 {} 看到", by.join("、")),
        format!(
            "an unmanaged machine {name} is on the network, seen by {}",
            by.join(", ")
        ),
    )
    .party("suspect", called, None, mac)
    .with("addresses", shown)
    .with("seen_by", by);
    vec![Breach {
        holder: Holder::Machine(mac.to_owned()),
        name,
        seen,
    }]
}

/// Addresses that software makes up for itself: redundant routers share one, containers get theirs.
fn is_made_up(mac: &str) -> bool {
    ["00:00:5e:00:01:", "00:00:5e:00:02:", "00:00:0c:07:ac:", "02:42:"]
        .iter()
        .any(|prefix| mac.starts_with(prefix))
}
