//! What helps a person to recognise a PC, picked from its facts. Never identity.

use deskwarden_proto::v1::{HostHints, InterfaceKind, Network, Part, PartClass, facet::Kind};

use crate::Fact;

/// Most values of one hint.
pub(crate) const MAX_HINTS: usize = 16;

/// Adds what a fact tells.
pub(crate) fn add(hints: &mut HostHints, fact: Fact) {
    match fact.facet.kind {
        Some(Kind::Part(part)) => add_part(hints, part),
        Some(Kind::Network(network)) => add_network(hints, network),
        _ => {}
    }
}

pub(crate) fn add_part(hints: &mut HostHints, part: Part) {
    match part.class() {
        PartClass::System if hints.system_uuid.is_empty() => {
            hints.model = format!("{} {}", part.manufacturer, part.model).trim().to_owned();
            hints.system_serial = part.serial;
            hints.system_uuid = part.uuid;
        }
        PartClass::Board if hints.board_serial.is_empty() => hints.board_serial = part.serial,
        PartClass::Disk
            if !part.removable && !part.serial.is_empty() && hints.disk_serials.len() < MAX_HINTS =>
        {
            hints.disk_serials.push(part.serial);
        }
        _ => {}
    }
}

fn add_network(hints: &mut HostHints, network: Network) {
    let own = matches!(network.kind(), InterfaceKind::Ethernet | InterfaceKind::Wifi);
    let mac = if network.permanent_mac.is_empty() {
        network.mac
    } else {
        network.permanent_mac
    };
    if own && !mac.is_empty() && hints.macs.len() < MAX_HINTS && !hints.macs.contains(&mac) {
        hints.macs.push(mac);
    }
}
