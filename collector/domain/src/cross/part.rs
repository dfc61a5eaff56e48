//! A part that turned up in another PC (PC 3.2.1).

use std::collections::BTreeSet;

use super::{Breach, Seen};
use crate::{
    custody,
    model::{AssetId, ClaimKind, ClaimOrigin, Holder},
    port::Picture,
};

/// Where a part belongs and where it is.
struct Places {
    /// PCs that report it now.
    here: BTreeSet<AssetId>,
    /// PCs that it was accepted for.
    home: BTreeSet<AssetId>,
}

impl Places {
    fn of(identity: &str, picture: &Picture) -> Self {
        let mut places = Self {
            here: BTreeSet::new(),
            home: BTreeSet::new(),
        };
        for said in picture.of(ClaimKind::PartSerial, identity) {
            match said.origin {
                ClaimOrigin::Own => places.here.extend(said.asset),
                ClaimOrigin::Accepted => places.home.extend(said.asset),
                ClaimOrigin::Observed | ClaimOrigin::Imported => {}
            }
        }
        places
    }

    /// Two PCs that are on at the same time cannot hold one part.
    fn impossible(&self, picture: &Picture) -> bool {
        let present: Vec<AssetId> = self
            .here
            .iter()
            .copied()
            .filter(|asset| picture.is_present(*asset))
            .collect();
        present.iter().enumerate().any(|(index, one)| {
            present
                .iter()
                .skip(index + 1)
                .any(|other| !picture.same_pc(*one, *other))
        })
    }
}

/// The part is, or was, at home in one PC and is reported by another: both are told.
pub(super) fn moved(identity: &str, picture: &Picture) -> Vec<Breach> {
    let places = Places::of(identity, picture);
    // What reports from two PCs at once is a maker's constant, no serial.
    if custody::is_board(identity) || places.impossible(picture) {
        return Vec::new();
    }
    let said = picture.of(ClaimKind::PartSerial, identity);
    let note = said
        .iter()
        .find(|said| !said.note.class.is_empty())
        .map(|said| &said.note);
    let (class_zh, class_en) = custody::class_words(note.map_or("", |note| note.class.as_str()));
    let serial = identity.rsplit_once(':').map_or(identity, |(_, serial)| serial);
    let maker = note.map_or("", |note| note.name.as_str());
    let all: BTreeSet<AssetId> = places.here.union(&places.home).copied().collect();
    let mut found = Vec::new();
    for asset in &all {
        let is_here = places.here.contains(asset);
        // The counterpart of a PC that has it is one that it belongs to, and the other way round.
        let others = if is_here { &all } else { &places.here };
        let Some(other) = others.iter().find(|other| !picture.same_pc(*asset, **other)) else {
            continue;
        };
        let (name, against) = (picture.name(*asset), picture.name(*other));
        let (zh, en) = if is_here {
            (
                format!("{name} 内的{class_zh} {serial} 原属 {against}"),
                format!("the {class_en} {serial} in {name} belongs to {against}"),
            )
        } else {
            (
                format!("{name} 的{class_zh} {serial} 现在 {against} 内"),
                format!("the {class_en} {serial} of {name} is now in {against}"),
            )
        };
        let (from, to) = if is_here {
            (*other, *asset)
        } else {
            (*asset, *other)
        };
        let seen = Seen::new(zh, en)
            .with("serial", serial)
            .with("part", maker)
            .party("belongs_to", &picture.name(from), Some(from.0), "")
            .party("is_in", &picture.name(to), Some(to.0), "");
        found.push(Breach {
            holder: Holder::Asset(*asset),
            name: format!("{maker} {serial}").trim().to_owned(),
            seen,
        });
    }
    found
}

/// Whether it has to be looked at again later: of two PCs that seem to be on, one may have been cut off.
pub(super) fn undecided(identity: &str, picture: &Picture) -> bool {
    !custody::is_board(identity) && Places::of(identity, picture).impossible(picture)
}
