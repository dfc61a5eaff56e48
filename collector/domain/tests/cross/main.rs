//! What several devices say together, rule by rule: a breach, what is none, and what nobody can tell.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod addresses;
#[path = "../packs/mod.rs"]
mod packs;
mod standing;

use deskwarden_domain::{
    cross::{CrossVerdict, judge_claims},
    model::{
        AlertKind, Approval, ApprovalId, Asset, AssetId, AssetState, ClaimKind, ClaimNote, ClaimOrigin,
        DhcpRange, Finding, FindingState, Grantee, Holder, LedgerEntry, Millis,
    },
    port::{Known, Op, Picture, Said, Value},
    rules::{RuleFile, RuleSet},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, sync::LazyLock};

static SET: LazyLock<RuleSet> = LazyLock::new(packs::shipped);

const NOW: Millis = 1_000_000;

const A: AssetId = AssetId(1);

const B: AssetId = AssetId(2);

const MAC_A: &str = "00:00:5e:00:53:0a";

const MAC_B: &str = "00:00:5e:00:53:0b";

const STRANGER: &str = "00:00:5e:00:53:ff";

const ROUTER: &str = "00:00:5e:00:53:01";

const X: &str = "192.0.2.7";

const GATEWAY: &str = "192.0.2.1";

const PART: &str = "memory:samsung:36F1A2C7";

/// An office in words: each call adds what somebody says.
#[derive(Clone, Debug, Default)]
struct Office {
    picture: Picture,
}

impl Office {
    /// Two PCs that are on.
    fn of_two() -> Self {
        Self::default().pc(A, "pc-a", MAC_A).pc(B, "pc-b", MAC_B)
    }

    fn pc(mut self, id: AssetId, name: &str, mac: &str) -> Self {
        let asset = Asset {
            id,
            number: None,
            name: name.into(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            provisional: false,
            created_at: 0,
            version: 1,
            wake_at: None,
            judged_generation: 1,
            ..Asset::named("")
        };
        let known = Known {
            asset,
            present: true,
            macs: vec![mac.into()],
            addresses: Vec::new(),
            boards: Vec::new(),
            approvals: Vec::new(),
        };
        self.picture.assets.insert(id, known);
        self.picture.owners.insert(mac.into(), id);
        self
    }

    fn off(mut self, id: AssetId) -> Self {
        self.picture.assets.get_mut(&id).unwrap().present = false;
        self
    }

    fn board(mut self, id: AssetId, board: &str) -> Self {
        self.picture
            .assets
            .get_mut(&id)
            .unwrap()
            .boards
            .push(board.into());
        self
    }

    fn says(
        mut self,
        kind: ClaimKind,
        value: &str,
        origin: ClaimOrigin,
        asset: Option<AssetId>,
        note: ClaimNote,
    ) -> Self {
        self.picture.said.push(Said {
            value: Value {
                kind,
                value: value.into(),
            },
            origin,
            asset,
            note,
            by: vec!["pc-observer".into()],
            count: 1,
        });
        self
    }

    /// A PC says that an address is its own.
    fn holds(self, id: AssetId, mac: &str, mode: &str) -> Self {
        self.holds_behind(id, mac, mode, "")
    }

    fn holds_behind(self, id: AssetId, mac: &str, mode: &str, gateway_mac: &str) -> Self {
        let note = ClaimNote {
            mac: mac.into(),
            mode: mode.into(),
            prefix: Some(24),
            gateway_mac: gateway_mac.into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, X, ClaimOrigin::Own, Some(id), note)
    }

    /// The address was accepted for a PC.
    fn accepted(self, id: AssetId, mode: &str) -> Self {
        let note = ClaimNote {
            mode: mode.into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, X, ClaimOrigin::Accepted, Some(id), note)
    }

    /// A table shows a hardware address at an address.
    fn seen(self, ip: &str, mac: &str, origin: ClaimOrigin, router: bool) -> Self {
        let by_ip = ClaimNote {
            mac: mac.into(),
            router,
            ..ClaimNote::default()
        };
        let by_mac = ClaimNote {
            ip: ip.into(),
            router,
            ..ClaimNote::default()
        };
        self.says(ClaimKind::Ip, ip, origin, None, by_ip)
            .says(ClaimKind::Mac, mac, origin, None, by_mac)
    }

    fn part(self, id: AssetId, origin: ClaimOrigin) -> Self {
        let note = ClaimNote {
            class: "memory".into(),
            name: "Samsung M378".into(),
            ..ClaimNote::default()
        };
        self.says(ClaimKind::PartSerial, PART, origin, Some(id), note)
    }

    fn assigned(mut self, address: &str, change: impl FnOnce(&mut LedgerEntry)) -> Self {
        let mut entry = LedgerEntry {
            address: address.into(),
            prefix: None,
            gateway: None,
            dns: Vec::new(),
            mode: None,
            mac: None,
            asset: None,
            owner: None,
            place: None,
        };
        change(&mut entry);
        self.picture.ledger.push(entry);
        self
    }

    fn managed(mut self) -> Self {
        self.picture.managed.push(X.into());
        self
    }

    fn range(mut self, first: &str, last: &str) -> Self {
        self.picture.ranges.push(DhcpRange {
            first: first.into(),
            last: last.into(),
            name: String::new(),
        });
        self
    }

    fn judged(&self) -> CrossVerdict {
        judge_claims(&self.values(), &self.picture, &SET, NOW)
    }

    fn values(&self) -> Vec<Value> {
        let all: BTreeSet<Value> = self
            .picture
            .said
            .iter()
            .map(|said| said.value.clone())
            .chain(self.picture.findings.iter().map(|finding| {
                let kind = match finding.key.rule.as_str() {
                    "pc.part-moved" => ClaimKind::PartSerial,
                    "pc.unmanaged-machine" | "pc.many-addresses" => ClaimKind::Mac,
                    _ => ClaimKind::Ip,
                };
                Value {
                    kind,
                    value: finding.key.subject.clone(),
                }
            }))
            .collect();
        all.into_iter().collect()
    }

    /// Holders of the open findings of a rule.
    fn flagged(&self, rule: &str) -> Vec<String> {
        let mut holders: Vec<String> = self
            .judged()
            .findings
            .iter()
            .filter(|finding| finding.key.rule == rule && finding.state == FindingState::Open)
            .map(|finding| finding.key.holder.to_string())
            .collect();
        holders.sort();
        holders
    }
}

const STOLEN: &str = "pc.address-stolen";

const CONFLICT: &str = "pc.address-conflict";

const UNASSIGNED: &str = "pc.address-unassigned";

const SPOOFED: &str = "pc.gateway-spoofed";

const MANY: &str = "pc.many-addresses";

const UNMANAGED: &str = "pc.unmanaged-machine";

const MOVED: &str = "pc.part-moved";

fn to(asset: AssetId) -> impl FnOnce(&mut LedgerEntry) {
    move |entry| entry.asset = Some(asset)
}

fn machine(mac: &str) -> String {
    format!("machine:{mac}")
}

#[test]
fn a_part_in_another_pc_is_named_in_both() {
    let taken = Office::of_two()
        .part(A, ClaimOrigin::Accepted)
        .part(B, ClaimOrigin::Own);
    assert_eq!(taken.flagged(MOVED), ["asset:1", "asset:2"]);
    let said: Vec<String> = taken
        .judged()
        .findings
        .iter()
        .filter_map(|finding| finding.seen.clone())
        .collect();
    assert!(
        said.iter()
            .all(|said| { said.contains("36F1A2C7") && said.contains("pc-a") && said.contains("pc-b") })
    );
    // The PC that it was taken from is off and still says that it has it.
    let off = taken.clone().part(A, ClaimOrigin::Own).off(A);
    assert_eq!(off.flagged(MOVED), ["asset:1", "asset:2"]);
}

#[test]
fn what_only_looks_like_a_moved_part_is_none() {
    for office in [
        Office::of_two()
            .part(A, ClaimOrigin::Accepted)
            .part(A, ClaimOrigin::Own),
        // Taken out and lying in a drawer: the change of the one PC says so.
        Office::of_two().part(A, ClaimOrigin::Accepted),
        // Moved and accepted on both sides.
        Office::of_two()
            .part(B, ClaimOrigin::Accepted)
            .part(B, ClaimOrigin::Own),
        // Reinstalled: one PC under two assets.
        Office::of_two()
            .part(A, ClaimOrigin::Accepted)
            .part(B, ClaimOrigin::Own)
            .board(A, "board:x:1")
            .board(B, "board:x:1"),
    ] {
        assert!(office.flagged(MOVED).is_empty(), "{:#?}", office.judged());
    }
    let constant = Office::of_two()
        .part(A, ClaimOrigin::Own)
        .part(B, ClaimOrigin::Own);
    assert!(
        constant.flagged(MOVED).is_empty(),
        "two that are on cannot hold one part"
    );
    assert_eq!(
        constant.judged().again.len(),
        1,
        "one of them may have been cut off"
    );
}

fn anything() -> impl Strategy<Value = Office> {
    let step = (0usize..9, any::<bool>(), 0u8..4);
    prop::collection::vec(step, 0..14).prop_map(|steps| {
        steps
            .into_iter()
            .fold(Office::of_two(), |office, (what, first, n)| {
                let (id, mac) = if first { (A, MAC_A) } else { (B, MAC_B) };
                let mode = if n % 2 == 0 { "static" } else { "dhcp" };
                match what {
                    0 => office.holds(id, mac, mode),
                    1 => office.accepted(id, mode),
                    2 => office.seen(X, STRANGER, ClaimOrigin::Observed, first),
                    3 => office.seen(GATEWAY, mac, ClaimOrigin::Accepted, true),
                    4 => office.seen(
                        &format!("192.0.2.{}", 20 + n),
                        STRANGER,
                        ClaimOrigin::Imported,
                        false,
                    ),
                    5 => office.part(id, ClaimOrigin::Own),
                    6 => office.part(id, ClaimOrigin::Accepted),
                    7 => office.off(id),
                    _ => office.managed(),
                }
            })
    })
}

proptest! {
    #[test]
    fn the_order_of_claims_and_values_does_not_matter(office in anything(), seed in any::<u64>()) {
        let verdict = office.judged();
        let mut shuffled = office.clone();
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        shuffled.picture.said.sort_by_cached_key(|_| next());
        shuffled.picture.managed.reverse();
        let mut values = office.values();
        values.sort_by_cached_key(|_| next());
        prop_assert_eq!(&judge_claims(&values, &shuffled.picture, &SET, NOW), &verdict);
        // One value after the other says the same as all at once.
        let mut one_by_one: Vec<Finding> = Vec::new();
        for value in office.values() {
            one_by_one.extend(judge_claims(&[value], &office.picture, &SET, NOW).findings);
        }
        prop_assert_eq!(one_by_one, verdict.findings);
    }

    #[test]
    fn put_and_removed_leaves_no_open_finding(office in anything()) {
        let mut empty = Office::of_two();
        empty.picture.findings = office.judged().findings;
        let after = empty.judged();
        for finding in &empty.picture.findings {
            let now = after.findings.iter().find(|one| one.key == finding.key).unwrap_or(finding);
            prop_assert!(!now.state.is_active(), "{now:?}");
        }
    }
}
