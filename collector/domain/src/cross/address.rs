//! An address that two claim, that is another's, or that nobody was assigned (PC 3.2.5 a).

use std::net::IpAddr;

use super::{Breach, Seen};
use crate::{
    model::{AssetId, ClaimKind, ClaimOrigin, Holder, LedgerEntry},
    port::{Picture, Said},
};

/// Somebody who holds an address now.
struct Claimant<'a> {
    asset: Option<AssetId>,
    mac: &'a str,
    said: &'a Said,
}

impl Claimant<'_> {
    fn holder(&self) -> Holder {
        self.asset
            .map_or_else(|| Holder::Machine(self.mac.to_owned()), Holder::Asset)
    }

    fn name(&self, picture: &Picture) -> String {
        self.asset
            .map_or_else(|| self.mac.to_owned(), |asset| picture.name(asset))
    }
}

/// Who holds the address. What a reporting PC says of itself outranks what tables remember of it.
fn claimants<'a>(address: &str, picture: &'a Picture) -> Vec<Claimant<'a>> {
    let said = picture.of(ClaimKind::Ip, address);
    let mut found: Vec<Claimant<'a>> = Vec::new();
    for said in &said {
        let mac = said.note.mac.as_str();
        match said.origin {
            ClaimOrigin::Own => found.push(Claimant {
                asset: said.asset,
                mac,
                said,
            }),
            ClaimOrigin::Observed | ClaimOrigin::Imported => {
                let known = found
                    .iter()
                    .any(|other| other.mac == mac && other.asset.is_none());
                if !mac.is_empty() && !picture.owners.contains_key(mac) && !known {
                    found.push(Claimant {
                        asset: None,
                        mac,
                        said,
                    });
                }
            }
            ClaimOrigin::Accepted => {}
        }
    }
    found
}

/// Whose an address is.
struct Rightful<'a> {
    assets: Vec<AssetId>,
    mac: Option<&'a str>,
    name: String,
    by_ledger: bool,
}

impl Rightful<'_> {
    fn is(&self, claimant: &Claimant<'_>, picture: &Picture) -> bool {
        if self.mac.is_some_and(|mac| mac == claimant.mac) {
            return true;
        }
        self.assets.iter().any(|owner| match claimant.asset {
            Some(asset) => picture.same_pc(*owner, asset),
            None => picture.has_mac(*owner, claimant.mac),
        })
    }

    /// Whether a machine can be told from the owner at all.
    fn can_tell(&self, claimant: &Claimant<'_>, picture: &Picture) -> bool {
        claimant.asset.is_some()
            || self.mac.is_some()
            || self.assets.iter().all(|owner| {
                picture
                    .assets
                    .get(owner)
                    .is_some_and(|known| !known.macs.is_empty())
            })
    }
}

fn rightful<'a>(address: &str, picture: &'a Picture) -> Option<Rightful<'a>> {
    if let Some(entry) = picture.entry(address) {
        return assigned(entry, picture);
    }
    // Without an entry an address belongs to the PC that it was accepted for; a lease belongs to its server.
    let assets: Vec<AssetId> = picture
        .of(ClaimKind::Ip, address)
        .into_iter()
        .filter(|said| said.origin == ClaimOrigin::Accepted && said.note.mode == "static")
        .filter_map(|said| said.asset)
        .collect();
    let name = picture.name(*assets.first()?);
    Some(Rightful {
        assets,
        mac: None,
        name,
        by_ledger: false,
    })
}

fn assigned<'a>(entry: &'a LedgerEntry, picture: &Picture) -> Option<Rightful<'a>> {
    let mac = entry.mac.as_deref().filter(|mac| !mac.is_empty());
    let name = match (entry.asset, &entry.owner, mac) {
        (Some(asset), _, _) => picture.name(asset),
        (None, Some(owner), Some(_)) => owner.clone(),
        (None, None, Some(mac)) => mac.to_owned(),
        // An owner in words only: nothing tells the owner's machine from another.
        (None, _, None) => return None,
    };
    Some(Rightful {
        assets: entry.asset.into_iter().collect(),
        mac,
        name,
        by_ledger: true,
    })
}

/// An address that is assigned to another than the one who holds it.
pub(super) fn stolen(address: &str, picture: &Picture) -> Vec<Breach> {
    let Some(owner) = rightful(address, picture) else {
        return Vec::new();
    };
    claimants(address, picture)
        .iter()
        .filter(|suspect| !owner.is(suspect, picture) && owner.can_tell(suspect, picture))
        .filter(|suspect| !leased(suspect, address, picture) || owner.by_ledger)
        .filter(|suspect| same_network(suspect, &owner, address, picture))
        .map(|suspect| {
            let who = suspect.name(picture);
            let (victim, mac) = (&owner.name, suspect.mac);
            let owner_mac = owner.mac.unwrap_or_default();
            let seen = Seen::new(
                format!("{who}（MAC {mac}）占用了分配给 {victim} 的地址 {address}"),
                format!("{who} (MAC {mac}) uses {address}, which is assigned to {victim}"),
            )
            .with("address", address)
            .party("suspect", &who, suspect.asset.map(|id| id.0), mac)
            .party("victim", victim, owner.assets.first().map(|id| id.0), owner_mac)
            .with("assigned_by", if owner.by_ledger { "ledger" } else { "baseline" })
            .with("seen_by", suspect.said.by.clone());
            Breach {
                holder: suspect.holder(),
                name: address.to_owned(),
                seen,
            }
        })
        .collect()
}

/// Whether the claimant got the address from a DHCP server of ours.
fn leased(claimant: &Claimant<'_>, address: &str, picture: &Picture) -> bool {
    let Ok(ip) = address.parse::<IpAddr>() else {
        return false;
    };
    claimant.said.note.mode != "static" && picture.ranges.iter().any(|range| range.holds(ip))
}

/// The same private addresses are used in many places: behind another gateway it is another address.
fn same_network(suspect: &Claimant<'_>, owner: &Rightful<'_>, address: &str, picture: &Picture) -> bool {
    let behind = &suspect.said.note.gateway_mac;
    let owners = picture.of(ClaimKind::Ip, address).into_iter().filter(|said| {
        said.asset.is_some_and(|asset| owner.assets.contains(&asset)) && !said.note.gateway_mac.is_empty()
    });
    let mut macs = owners.map(|said| &said.note.gateway_mac).peekable();
    behind.is_empty() || macs.peek().is_none() || macs.any(|mac| mac == behind)
}

/// Two devices with one address at the same time.
pub(super) fn conflict(address: &str, picture: &Picture) -> Vec<Breach> {
    let all = claimants(address, picture);
    let present: Vec<&Claimant<'_>> = all
        .iter()
        .filter(|one| one.asset.is_some_and(|asset| picture.is_present(asset)))
        .collect();
    let mut found: Vec<Breach> = Vec::new();
    for one in &present {
        let Some(asset) = one.asset else { continue };
        let other = all.iter().find(|other| match other.asset {
            Some(id) => picture.is_present(id) && !picture.same_pc(asset, id) && together(one, other),
            // Tables remember for a while who had a lease before.
            None => {
                one.said.note.mode == "static" && !picture.has_mac(asset, other.mac) && !is_gateway(other)
            }
        });
        let Some(other) = other else { continue };
        let (name, against) = (one.name(picture), other.name(picture));
        let seen = Seen::new(
            format!(
                "{name}（MAC {}）与 {against}（MAC {}）同时使用地址 {address}",
                one.mac, other.mac
            ),
            format!(
                "{name} (MAC {}) and {against} (MAC {}) both use {address}",
                one.mac, other.mac
            ),
        )
        .with("address", address)
        .party("one", &name, Some(asset.0), one.mac)
        .party("other", &against, other.asset.map(|id| id.0), other.mac)
        .with("seen_by", other.said.by.clone());
        if !found.iter().any(|breach| breach.holder == one.holder()) {
            found.push(Breach {
                holder: one.holder(),
                name: address.to_owned(),
                seen,
            });
        }
    }
    found
}

fn together(one: &Claimant<'_>, other: &Claimant<'_>) -> bool {
    let (one, other) = (&one.said.note.gateway_mac, &other.said.note.gateway_mac);
    one.is_empty() || other.is_empty() || one == other
}

const fn is_gateway(claimant: &Claimant<'_>) -> bool {
    claimant.said.note.router
}

/// An address of a managed subnet that the ledger assigns to nobody.
pub(super) fn unassigned(address: &str, picture: &Picture) -> Vec<Breach> {
    let Ok(ip) = address.parse::<IpAddr>() else {
        return Vec::new();
    };
    if picture.entry(address).is_some() || !picture.managed.iter().any(|managed| managed == address) {
        return Vec::new();
    }
    let range = picture.ranges.iter().find(|range| range.holds(ip));
    claimants(address, picture)
        .iter()
        .filter_map(|one| one.asset.map(|asset| (one, asset)))
        .filter(|(one, asset)| {
            let of_server = one.said.note.mode != "static" && (range.is_some() || picture.ranges.is_empty());
            // With entries of its own it is not as assigned, which another rule says.
            !of_server && !picture.ledger.iter().any(|entry| entry.asset == Some(*asset))
        })
        .map(|(one, asset)| {
            let name = one.name(picture);
            let (zh, en) = match range {
                Some(range) => (
                    format!(
                        "{name} 手工设置了 DHCP 地址段 {} - {} 内的地址 {address}",
                        range.first, range.last
                    ),
                    format!(
                        "{name} was set by hand to {address}, inside the DHCP range {} - {}",
                        range.first, range.last
                    ),
                ),
                None => (
                    format!("{name} 使用的地址 {address} 未在 IP 台账中分配"),
                    format!("{name} uses {address}, which the IP ledger assigns to nobody"),
                ),
            };
            Breach {
                holder: one.holder(),
                name: address.to_owned(),
                seen: Seen::new(zh, en).with("address", address).party(
                    "suspect",
                    &name,
                    Some(asset.0),
                    one.mac,
                ),
            }
        })
        .collect()
}
