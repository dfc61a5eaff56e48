//! What a rule is shown of an item and of its asset.

use deskwarden_proto::v1::{self, Section, facet};

use crate::{
    catalogue::Classified,
    model::{Asset, Device, LedgerEntry},
};

/// An item, decoded.
#[derive(Clone, Copy, Debug)]
pub struct ItemFacts<'a> {
    /// Kind of fact.
    pub section: Section,
    /// Where it was read.
    pub source: &'a str,
    /// Key within the section.
    pub key: &'a str,
    /// SID or uid, or empty for the machine.
    pub principal: &'a str,
    /// The fact.
    pub facet: &'a facet::Kind,
    /// What differs per PC.
    pub local: Option<&'a v1::Local>,
    /// What the catalogue knows it as.
    pub class: Option<&'a Classified>,
}

/// An asset with what is known around it.
#[derive(Clone, Copy, Debug)]
pub struct AssetFacts<'a> {
    /// The register's row.
    pub asset: &'a Asset,
    /// Its current device.
    pub device: Option<&'a Device>,
    /// Nothing was heard of it for too long.
    pub silent: bool,
    /// Sources that its agent failed to read, as `section/source`.
    pub failed: &'a [String],
    /// Notices that it is late with.
    pub overdue: usize,
    /// What it was assigned.
    pub ledger: &'a [LedgerEntry],
}
