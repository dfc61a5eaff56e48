//! Questions to the picture that rules over several devices ask alike.

use crate::{
    model::{AssetId, ClaimKind, LedgerEntry},
    port::{Known, Picture, Said},
};

impl Picture {
    /// What is said of a value, in a fixed order.
    pub(super) fn of(&self, kind: ClaimKind, value: &str) -> Vec<&Said> {
        let mut said: Vec<&Said> = self
            .said
            .iter()
            .filter(|said| said.value.kind == kind && said.value.value == value)
            .collect();
        said.sort();
        said.dedup();
        said
    }

    /// The entry of an address.
    pub(super) fn entry(&self, address: &str) -> Option<&LedgerEntry> {
        self.ledger.iter().find(|entry| entry.address == address)
    }

    /// The name of an asset for people, with its number where it has one.
    pub(super) fn name(&self, asset: AssetId) -> String {
        match self.assets.get(&asset) {
            Some(Known { asset, .. }) => match &asset.number {
                Some(number) => format!("{} ({number})", asset.name),
                None => asset.name.clone(),
            },
            None => format!("#{}", asset.0),
        }
    }

    pub(super) fn is_present(&self, asset: AssetId) -> bool {
        self.assets.get(&asset).is_some_and(|known| known.present)
    }

    /// Whether a hardware address is one of the asset's.
    pub(super) fn has_mac(&self, asset: AssetId, mac: &str) -> bool {
        self.owners.get(mac) == Some(&asset)
            || self
                .assets
                .get(&asset)
                .is_some_and(|known| known.macs.iter().any(|own| own == mac))
    }

    /// Whether two assets are one PC: a reinstalled one reports under a provisional asset until it is linked.
    pub(super) fn same_pc(&self, one: AssetId, other: AssetId) -> bool {
        let boards = |asset| {
            self.assets
                .get(&asset)
                .map_or(&[][..], |known| known.boards.as_slice())
        };
        one == other || boards(one).iter().any(|board| boards(other).contains(board))
    }
}
