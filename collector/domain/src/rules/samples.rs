//! Facts to try a condition on when it is loaded: empty, but with one row of everything that it may walk.

use deskwarden_proto::v1::{self, Section, facet};

use super::fields;
use crate::{
    model::{Asset, AssetId, AssetState, LedgerEntry, Millis, SourceStatus},
    register::{Order, Papers, Transfer, Visit},
};

pub(super) fn facet(of: Section) -> Option<facet::Kind> {
    let mut facet = fields::empty(of)?;
    if let facet::Kind::Network(network) = &mut facet {
        network.addresses.push(v1::Address::default());
    }
    Some(facet)
}

pub(super) fn asset() -> Asset {
    Asset {
        id: AssetId(0),
        number: None,
        name: String::new(),
        custodian: None,
        department: None,
        state: AssetState::InUse,
        provisional: false,
        created_at: 0,
        version: 0,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    }
}

pub(super) fn sources(sections: &[Section]) -> Vec<SourceStatus> {
    let of = |section: &Section| SourceStatus {
        section: *section,
        source: String::new(),
        look: v1::Look::Looked,
        reason: String::new(),
        since: 0,
        first_looked_at: None,
    };
    sections.iter().map(of).collect()
}

/// One row of every kind, all of them open.
pub(super) fn papers() -> Papers {
    Papers {
        person: None,
        provider: None,
        transfers: vec![Transfer {
            number: String::new(),
            from: String::new(),
            to: String::new(),
            date: 0,
            due: 0,
            received: None,
        }],
        orders: vec![Order {
            number: String::new(),
            from: 0,
            to: Millis::MAX,
            parts: Vec::new(),
        }],
        visits: vec![Visit {
            number: String::new(),
            from: 0,
            to: Millis::MAX,
        }],
    }
}

pub(super) const fn ledger() -> LedgerEntry {
    LedgerEntry::of(String::new())
}
