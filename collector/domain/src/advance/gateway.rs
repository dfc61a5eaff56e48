//! A gateway whose hardware address nobody had asked for at first contact. Owns how an accepted interface
//! learns it later; who answers for a gateway is the matter of [`crate::cross`].
//!
//! A kernel knows its gateway's hardware address only after it spoke through it, often a moment after the
//! interface was told for the first time. The first one that is seen is accepted like the interface it
//! belongs to was: a fact that can be read at last changes nothing, and is guarded from then on.

use deskwarden_proto::{
    Message, decode, digest, key,
    v1::{Facet, Network, Section, facet},
};

use crate::{
    claim,
    model::{BaselineItem, StoredItem, is_machine},
    port::{DeviceState, Op},
};

/// Completes what was accepted of an interface by the hardware address of its gateway.
pub(super) fn learn(state: &mut DeviceState, item: &StoredItem, ops: &mut Vec<Op>) {
    if item.id.section != Section::Network || !state.device.current {
        return;
    }
    let asset = state.asset.id;
    let Some(accepted) = state.baseline.get_mut(&item.id) else {
        return;
    };
    let Some(completed) = completed(accepted, item) else {
        return;
    };
    let was = claim::accepted(accepted, asset);
    accepted.facet = Facet::from(completed).encode_to_vec().into();
    accepted.facet_hash = digest::facet(&accepted.facet);
    claim::again(&was, claim::accepted(accepted, asset), ops, |claims| {
        Op::Accepted {
            asset,
            item_key: claim::key_of(&item.id),
            claims,
        }
    });
    ops.push(Op::PutBaseline {
        asset,
        item: accepted.clone(),
    });
}

/// The accepted interface with its gateway's hardware address, when it had none. One that was down when it
/// was accepted learns its gateway with it. The same gateway in another wireless network is another gateway.
fn completed(accepted: &BaselineItem, item: &StoredItem) -> Option<Network> {
    let (mut was, now) = (network(&accepted.facet)?, network(&item.facet)?);
    if !was.gateway_mac.is_empty() || !is_machine(&key::mac(&now.gateway_mac)) {
        return None;
    }
    if was.gateways.is_empty() && was.addresses.is_empty() {
        was.gateways = now.gateways;
        was.wifi_network = now.wifi_network;
    } else if was.gateways != now.gateways || was.wifi_network != now.wifi_network {
        return None;
    }
    was.gateway_mac = now.gateway_mac;
    Some(was)
}

fn network(facet: &[u8]) -> Option<Network> {
    match decode::facet(Section::Network, facet) {
        Ok(facet::Kind::Network(network)) => Some(network),
        _ => None,
    }
}
