//! What a rule is shown of an item and of its asset.

use deskwarden_proto::v1::{self, Section, facet};

use crate::{
    catalogue::Classified,
    model::{Asset, Device, LedgerEntry, Millis, SourceStatus},
    register::Papers,
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
    /// Titles of the licence ledger that it is.
    pub licences: &'a [&'a str],
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
    /// How its sources were looked at.
    pub sources: &'a [SourceStatus],
    /// Digest and number of items per section.
    pub sums: &'a [(Section, u128, u64)],
    /// What the books of the register say around it.
    pub papers: &'a Papers,
    /// Now, by which transfers, orders and visits are open.
    pub now: Millis,
}

/// What is known of an asset around which the register has no rows.
static NO_PAPERS: Papers = Papers {
    person: None,
    provider: None,
    transfers: Vec::new(),
    orders: Vec::new(),
    visits: Vec::new(),
};

impl<'a> AssetFacts<'a> {
    /// An asset around which nothing is known.
    pub const fn of(asset: &'a Asset) -> Self {
        Self {
            asset,
            device: None,
            silent: false,
            failed: &[],
            overdue: 0,
            ledger: &[],
            sources: &[],
            sums: &[],
            papers: &NO_PAPERS,
            now: 0,
        }
    }
}
