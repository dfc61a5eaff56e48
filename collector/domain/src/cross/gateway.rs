//! Who answers for a gateway (PC 3.2.4): a tool that redirects a subnet answers in the gateway's place.

use std::collections::BTreeSet;

use super::{Breach, Seen};
use crate::{
    model::{ClaimKind, ClaimOrigin, Holder},
    port::{Picture, Said},
};

/// Another hardware address than the assigned or accepted one answers for the gateway.
pub(super) fn changed(address: &str, picture: &Picture) -> Vec<Breach> {
    let said: Vec<&Said> = picture
        .of(ClaimKind::Ip, address)
        .into_iter()
        .filter(|said| said.note.router)
        .collect();
    let mut found: Vec<Breach> = Vec::new();
    for seen in said.iter().filter(|said| said.origin != ClaimOrigin::Accepted) {
        let mac = seen.note.mac.as_str();
        let (expected, by_ledger) = expected(address, seen, &said, picture);
        let owner = picture.owners.get(mac).copied();
        // A PC that passes itself off as the gateway from the first day on was accepted with it.
        let a_pc = !by_ledger && owner.is_some_and(|asset| !holds(address, asset, picture));
        if mac.is_empty() || expected.is_empty() || (expected.contains(mac) && !a_pc) {
            continue;
        }
        let holder = owner.map_or_else(|| Holder::Machine(mac.to_owned()), Holder::Asset);
        if found.iter().any(|breach| breach.holder == holder) {
            continue;
        }
        let who = owner.map_or_else(|| mac.to_owned(), |asset| picture.name(asset));
        let right: Vec<&str> = expected.into_iter().filter(|known| *known != mac).collect();
        let count = said
            .iter()
            .filter(|said| said.origin != ClaimOrigin::Accepted && said.note.mac == mac)
            .map(|said| said.count)
            .sum::<u64>();
        let words = Seen::new(
            format!(
                "{count} 台电脑看到网关 {address} 的 MAC 变为 {mac}（{who}），原为 {}",
                right.join("、")
            ),
            format!(
                "{count} PCs see {mac} ({who}) answer for the gateway {address}; it was {}",
                right.join(", ")
            ),
        )
        .with("address", address)
        .party("suspect", &who, owner.map(|asset| asset.0), mac)
        .with("expected_mac", right.join(" "))
        .with("assigned_by", if by_ledger { "ledger" } else { "baseline" })
        .with("seen_by", seen.by.clone());
        found.push(Breach {
            holder,
            name: address.to_owned(),
            seen: words,
        });
    }
    found
}

/// Hardware addresses that may answer, as the ledger says, else as was accepted in the same network.
fn expected<'a>(
    address: &str,
    seen: &Said,
    said: &[&'a Said],
    picture: &'a Picture,
) -> (BTreeSet<&'a str>, bool) {
    if let Some(entry) = picture.entry(address) {
        let mut macs: BTreeSet<&str> = entry.mac.iter().map(String::as_str).collect();
        if let Some(known) = entry.asset.and_then(|asset| picture.assets.get(&asset)) {
            macs.extend(known.macs.iter().map(String::as_str));
        }
        if !macs.is_empty() {
            return (macs, true);
        }
    }
    let accepted = said
        .iter()
        .filter(|said| said.origin == ClaimOrigin::Accepted && said.note.network == seen.note.network)
        .map(|said| said.note.mac.as_str());
    (accepted.collect(), false)
}

fn holds(address: &str, asset: crate::model::AssetId, picture: &Picture) -> bool {
    picture
        .of(ClaimKind::Ip, address)
        .iter()
        .any(|said| said.origin == ClaimOrigin::Own && said.asset == Some(asset))
}
