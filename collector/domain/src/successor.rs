//! A PC that was installed anew: which earlier asset it is proposed for, when a rule of the administrator
//! links it without a person, and how its hardware compares with what was accepted. Pure; looks nothing up.

use std::collections::BTreeMap;

use deskwarden_proto::{
    decode, key,
    v1::{HostHints, Section, facet},
};

use crate::model::{BaselineItem, HintKind, Millis, Proposal, StoredItem};

/// A value that several assets have names none of them: a maker's filler that nobody listed yet.
pub const SHARED_BY: usize = 3;

/// Shortest serial that tells anything.
const SHORTEST: usize = 4;

/// The values of a device's hints by which it is recognised, without those that tell nothing.
pub fn values(hints: &HostHints) -> Vec<(HintKind, String)> {
    let one = |kind, text: &String| (kind, text.trim().to_lowercase());
    let mut values = vec![
        one(HintKind::System, &hints.system_serial),
        one(HintKind::Uuid, &hints.system_uuid),
        one(HintKind::Board, &hints.board_serial),
    ];
    values.extend(
        hints
            .disk_serials
            .iter()
            .map(|serial| one(HintKind::Disk, serial)),
    );
    values.extend(hints.macs.iter().map(|mac| (HintKind::Mac, key::mac(mac))));
    values.retain(|(_, value)| tells(value));
    values.sort();
    values.dedup();
    values
}

/// Long enough, and more than one character over and over.
fn tells(value: &str) -> bool {
    let mut signs: Vec<char> = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let long = signs.len() >= SHORTEST;
    signs.sort_unstable();
    signs.dedup();
    long && signs.len() > 1
}

/// How long the earlier installation must have been silent before a rule links without a person: longer
/// than between two heartbeats, so that one that still works is never taken for gone.
pub const SILENT: Millis = 15 * 60 * 1000;

/// The asset that a new device is linked to without a person: the only one with at least `serials` equal
/// serials, whose earlier installation is silent. `None` leaves it to a person.
pub fn automatic(proposals: &[Proposal], serials: u32, now: Millis) -> Option<&Proposal> {
    let enough = |proposal: &&Proposal| {
        let equal = proposal
            .matched
            .iter()
            .filter(|(kind, _)| kind.is_serial())
            .count();
        serials > 0 && equal >= serials as usize
    };
    let mut fitting = proposals.iter().filter(enough);
    let only = fitting.next()?;
    if fitting.next().is_some() {
        return None;
    }
    let silent = only
        .current
        .as_ref()
        .and_then(|device| device.last_seen_at.max(Some(device.enrolled_at)))
        .is_none_or(|seen| now.saturating_sub(seen) >= SILENT);
    silent.then_some(only)
}

/// The registered asset that a new device is linked to without a person because it is expected: the only proposal,
/// registered before any device of it reported, and with an equal serial.
pub fn expected(proposals: &[Proposal]) -> Option<&Proposal> {
    let [only] = proposals else { return None };
    let serial = only.matched.iter().any(|(kind, _)| kind.is_serial());
    (only.current.is_none() && only.asset.number.is_some() && serial).then_some(only)
}

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The same as accepted.
    Same,
    /// Was not accepted.
    Added,
    /// Was accepted and is not there.
    Missing,
    /// There, with other properties.
    Changed,
}

impl Compared {
    /// The name used in the API and for words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Added => "added",
            Self::Missing => "missing",
            Self::Changed => "changed",
        }
    }
}

/// One part, as accepted and as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct PartLine {
    /// Key of the item.
    pub key: String,
    /// What became of it.
    pub compared: Compared,
    /// As accepted, in words.
    pub before: String,
    /// As it is, in words.
    pub after: String,
}

/// Compares the accepted parts of an asset with those of a device. Sources are left aside: another operating
/// system reads the same part by another way. Differences first.
pub fn compare(accepted: &[BaselineItem], present: &[StoredItem]) -> Vec<PartLine> {
    let before: BTreeMap<&str, &[u8]> = accepted
        .iter()
        .filter(|item| item.id.section == Section::Part)
        .map(|item| (item.id.key.as_str(), item.facet.as_ref()))
        .collect();
    let after: BTreeMap<&str, &[u8]> = present
        .iter()
        .filter(|item| item.id.section == Section::Part)
        .map(|item| (item.id.key.as_str(), item.facet.as_ref()))
        .collect();
    let mut lines = Vec::new();
    for (key, was) in &before {
        let is = after.get(key);
        lines.push(PartLine {
            key: (*key).to_owned(),
            compared: match is {
                None => Compared::Missing,
                Some(is) if words(is) == words(was) => Compared::Same,
                Some(_) => Compared::Changed,
            },
            before: words(was),
            after: is.map(|is| words(is)).unwrap_or_default(),
        });
    }
    for (key, is) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
        lines.push(PartLine {
            key: (*key).to_owned(),
            compared: Compared::Added,
            before: String::new(),
            after: words(is),
        });
    }
    lines.sort_by_key(|line| line.compared == Compared::Same);
    lines
}

/// A part in words: maker, model, serial, size.
fn words(facet: &[u8]) -> String {
    let Ok(facet::Kind::Part(part)) = decode::facet(Section::Part, facet) else {
        return String::new();
    };
    let size = match part.size_bytes {
        0 => String::new(),
        bytes if bytes >= 1 << 30 => format!("{} GiB", bytes >> 30),
        bytes => format!("{} MiB", bytes >> 20),
    };
    let told = [part.manufacturer, part.model, part.serial, size];
    let told: Vec<&str> = told
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty())
        .collect();
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::{
        Bytes, Message as _,
        decode::ItemId,
        ids::DeviceId,
        v1::{Facet, Part, PartClass},
    };

    use super::*;
    use crate::model::{Asset, AssetId, AssetState, Device, DeviceStatus};

    const NOW: Millis = 1_800_000_000_000;

    fn asset(id: i64) -> Asset {
        Asset {
            id: AssetId(id),
            number: Some(format!("PC-{id}")),
            name: "pc".into(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            provisional: false,
            created_at: 0,
            version: 1,
            wake_at: None,
            judged_generation: 0,
            ..Asset::named("")
        }
    }

    fn device(number: u8, seen: Option<Millis>) -> Device {
        Device {
            id: DeviceId::from_random([number; 16]),
            asset: AssetId(i64::from(number)),
            status: DeviceStatus::Active,
            current: true,
            platform: String::new(),
            agent_version: String::new(),
            hints: HostHints::default(),
            key_hash: [0; 32],
            enrolled_at: 0,
            last_seen_at: seen,
            goodbye_at: None,
            certificate_ends_at: None,
            forked_at: None,
        }
    }

    fn proposal(to: i64, kinds: &[HintKind], seen: Option<Millis>) -> Proposal {
        Proposal {
            device: device(9, None),
            provisional: asset(9),
            asset: asset(to),
            current: Some(device(1, seen)),
            matched: kinds.iter().map(|kind| (*kind, "s123".to_owned())).collect(),
            proposed_at: NOW,
        }
    }

    #[test]
    fn fillers_and_short_serials_recognise_nobody() {
        let hints = HostHints {
            system_serial: "0000000".into(),
            board_serial: "ab1".into(),
            system_uuid: " 4C4C4544-0051 ".into(),
            macs: vec!["00-1A-2B-3C-4D-5E".into(), "ff:ff:ff:ff:ff:ff".into()],
            disk_serials: vec!["S3Z8".into(), "s3z8".into()],
            ..HostHints::default()
        };
        let expected = [
            (HintKind::Uuid, "4c4c4544-0051"),
            (HintKind::Disk, "s3z8"),
            (HintKind::Mac, "00:1a:2b:3c:4d:5e"),
        ];
        assert_eq!(
            values(&hints),
            expected.map(|(kind, value)| (kind, value.to_owned()))
        );
    }

    #[test]
    fn a_rule_links_the_only_asset_with_enough_serials() {
        use HintKind::{Board, Disk, Mac, System};
        let old = Some(NOW - SILENT);
        let one = [proposal(1, &[System, Board, Mac], old), proposal(2, &[Disk], old)];
        assert_eq!(automatic(&one, 2, NOW).map(|p| p.asset.id), Some(AssetId(1)));
        assert!(automatic(&one, 3, NOW).is_none(), "an interface is no serial");
        assert!(automatic(&one, 0, NOW).is_none(), "no rule was set");
        let two = [
            proposal(1, &[System, Board], old),
            proposal(2, &[System, Disk], old),
        ];
        assert!(automatic(&two, 2, NOW).is_none(), "a person has to choose");
    }

    #[test]
    fn an_installation_that_still_reports_is_never_replaced_by_a_rule() {
        use HintKind::{Board, System};
        let alive = [proposal(1, &[System, Board], Some(NOW - SILENT + 1))];
        assert!(automatic(&alive, 2, NOW).is_none());
        let never_seen = [Proposal {
            current: None,
            ..proposal(1, &[System, Board], None)
        }];
        assert!(automatic(&never_seen, 2, NOW).is_some());
    }

    fn memory(serial: &str, firmware: &str) -> Bytes {
        let facet: Facet = Part {
            class: PartClass::Memory.into(),
            manufacturer: "Kingston".into(),
            serial: serial.into(),
            size_bytes: 8 << 30,
            firmware: firmware.into(),
            ..Part::default()
        }
        .into();
        facet.encode_to_vec().into()
    }

    fn id(source: &str, key: &str) -> ItemId {
        ItemId {
            section: Section::Part,
            source: source.into(),
            key: key.into(),
            principal: String::new(),
        }
    }

    fn accepted(key: &str, serial: &str) -> BaselineItem {
        BaselineItem {
            id: id("windows", key),
            facet: memory(serial, ""),
            facet_hash: [0; 32],
            accepted_at: 0,
            accepted_by: String::new(),
        }
    }

    fn present(key: &str, serial: &str) -> StoredItem {
        StoredItem {
            id: id("linux", key),
            facet: memory(serial, "2"),
            facet_hash: [1; 32],
            local: Bytes::new(),
            digest: 0,
            first_seen: 0,
            changed_at: 0,
        }
    }

    #[test]
    fn hardware_is_compared_across_operating_systems_differences_first() {
        let accepted = [accepted("a", "S1"), accepted("b", "S2"), accepted("c", "S3")];
        let present = [present("a", "S1"), present("b", "OTHER"), present("d", "S4")];
        let lines = compare(&accepted, &present);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (line.key.as_str(), line.compared))
            .collect();
        let expected = [
            ("b", Compared::Changed),
            ("c", Compared::Missing),
            ("d", Compared::Added),
            ("a", Compared::Same),
        ];
        assert_eq!(told, expected);
        let changed = lines.first().unwrap();
        assert_eq!(
            (changed.before.as_str(), changed.after.as_str()),
            ("Kingston S2 8 GiB", "Kingston OTHER 8 GiB")
        );
    }
}
