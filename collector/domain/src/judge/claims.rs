//! What an item claims for cross-device rules: addresses, MACs, part serials.

use deskwarden_proto::{
    decode::ItemId,
    ids::DeviceId,
    key,
    v1::{InterfaceKind, PartClass, facet},
};

use crate::model::{AssetId, Claim, ClaimKind, ClaimOrigin};

/// The claims of one item. Virtual interfaces and parts without a serial claim nothing.
pub fn claims_of(facet: &facet::Kind, id: &ItemId, asset: AssetId, device: DeviceId) -> Vec<Claim> {
    let claim = |kind, value: String, origin, own, note: String| Claim {
        kind,
        value,
        origin,
        asset: if own { Some(asset) } else { None },
        device: Some(device),
        item_key: id.key.clone(),
        note,
    };
    match facet {
        facet::Kind::Network(interface)
            if matches!(
                interface.kind(),
                InterfaceKind::Ethernet | InterfaceKind::Wifi | InterfaceKind::Mobile | InterfaceKind::Other
            ) =>
        {
            let mac = key::mac(&interface.mac);
            let mut claims: Vec<Claim> = interface
                .addresses
                .iter()
                .filter(|address| !address.configured_only)
                .map(|address| {
                    claim(
                        ClaimKind::Ip,
                        address.ip.clone(),
                        ClaimOrigin::Own,
                        true,
                        mac.clone(),
                    )
                })
                .collect();
            if !mac.is_empty() {
                claims.push(claim(
                    ClaimKind::Mac,
                    mac,
                    ClaimOrigin::Own,
                    true,
                    interface.interface.clone(),
                ));
            }
            claims
        }
        facet::Kind::Part(part) if !part.serial.is_empty() && part.class() != PartClass::Unspecified => {
            let value = format!(
                "{}:{}:{}",
                part.class,
                part.manufacturer.to_lowercase(),
                part.serial
            );
            vec![claim(
                ClaimKind::PartSerial,
                value,
                ClaimOrigin::Own,
                true,
                part.model.clone(),
            )]
        }
        facet::Kind::Neighbour(neighbour) if !neighbour.mac.is_empty() => {
            let mac = key::mac(&neighbour.mac);
            vec![claim(
                ClaimKind::Ip,
                neighbour.ip.clone(),
                ClaimOrigin::Observed,
                false,
                mac,
            )]
        }
        _ => Vec::new(),
    }
}
