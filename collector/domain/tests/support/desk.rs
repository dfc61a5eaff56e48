//! A PC that is registered to somebody and has an address of its own, as the register and the ledger have it.

use deskwarden_domain::model::{LedgerEntry, LedgerMode, Millis};
use deskwarden_proto::v1::{AddressMode, Facet, Network, facet::Kind};

use super::{ASSET, Pc, interface};

pub(crate) const DAY: Millis = 86_400_000;
/// 2026-11-28 00:00 UTC.
pub(crate) const START: Millis = 1_795_824_000_000;

/// A registered PC in use that has just been heard.
pub(crate) fn registered() -> Pc {
    let mut pc = Pc::new();
    pc.now = START;
    let asset = &mut pc.state.asset;
    asset.provisional = false;
    asset.number = Some("PC-1".into());
    asset.custodian = Some("王芳".into());
    asset.state_since = START - 100 * DAY;
    asset.custodian_since = START - 100 * DAY;
    pc.state.device.enrolled_at = START - 90 * DAY;
    pc.state.device.last_seen_at = Some(START);
    pc
}

/// What the ledger assigns to the PC.
pub(crate) fn assigned() -> LedgerEntry {
    LedgerEntry {
        prefix: Some(24),
        gateway: Some("10.1.2.254".into()),
        dns: vec!["10.1.1.1".into()],
        mode: Some(LedgerMode::Static),
        mac: Some("00:1a:2b:3c:4d:5e".into()),
        asset: Some(ASSET),
        ..LedgerEntry::of("10.1.2.3".into())
    }
}

/// A network card as that says, and what differs.
pub(crate) fn card(change: impl FnOnce(&mut Network)) -> (String, Facet) {
    let (key, facet) = interface("10.1.2.3", AddressMode::Static);
    let Some(Kind::Network(mut network)) = facet.kind else {
        unreachable!("an interface")
    };
    network.gateways = vec!["10.1.2.254".into()];
    network.dns = vec!["10.1.1.1".into()];
    change(&mut network);
    (key, network.into())
}
