//! What several devices say together, rule by rule: a breach, what is none, and what nobody can tell.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod packs;

use std::{collections::BTreeSet, sync::LazyLock};

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
fn who_takes_an_assigned_address_is_named_with_the_victim() {
    let office = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    assert_eq!(office.flagged(STOLEN), ["asset:2"]);
    let finding = &office.judged().findings[0];
    let seen = finding.seen.as_deref().unwrap();
    assert!(
        seen.contains("pc-b") && seen.contains("pc-a") && seen.contains(MAC_B),
        "{seen}"
    );
    assert_eq!(
        (finding.clause.as_str(), finding.key.subject.as_str()),
        ("PC 3.2.5", X)
    );
}

#[test]
fn without_a_ledger_an_address_belongs_to_whom_it_was_accepted_for() {
    let stolen = Office::of_two()
        .off(A)
        .accepted(A, "static")
        .holds(B, MAC_B, "static");
    assert_eq!(stolen.flagged(STOLEN), ["asset:2"]);
    let leased = Office::of_two()
        .off(A)
        .accepted(A, "dhcp")
        .holds(B, MAC_B, "dhcp");
    assert!(leased.flagged(STOLEN).is_empty());
}

#[test]
fn a_thief_without_an_agent_shows_in_tables() {
    for origin in [ClaimOrigin::Observed, ClaimOrigin::Imported] {
        let office = Office::of_two()
            .seen(X, STRANGER, origin, false)
            .assigned(X, to(A));
        assert_eq!(office.flagged(STOLEN), [machine(STRANGER)]);
    }
}

#[test]
fn the_rightful_holder_is_no_thief() {
    for office in [
        Office::of_two().holds(A, MAC_A, "static").assigned(X, to(A)),
        // Its own hardware address in a table.
        Office::of_two()
            .seen(X, MAC_A, ClaimOrigin::Observed, false)
            .assigned(X, to(A)),
        // Assigned to a hardware address only.
        Office::of_two()
            .seen(X, STRANGER, ClaimOrigin::Observed, false)
            .assigned(X, |entry| entry.mac = Some(STRANGER.into())),
        // The owner is known in words only: nothing tells one machine from another.
        Office::of_two()
            .holds(B, MAC_B, "static")
            .assigned(X, |entry| entry.owner = Some("打印机".into())),
        // What tables remember of a reporting PC is older than what it says itself.
        Office::of_two()
            .seen(X, MAC_B, ClaimOrigin::Observed, false)
            .assigned(X, to(A)),
        // Reinstalled: the same board under a provisional asset.
        Office::of_two()
            .holds(B, MAC_B, "static")
            .assigned(X, to(A))
            .board(A, "board:x:1")
            .board(B, "board:x:1"),
        // The same private address behind another gateway is another address.
        Office::of_two()
            .accepted(A, "static")
            .holds_behind(A, MAC_A, "static", ROUTER)
            .holds_behind(B, MAC_B, "static", STRANGER)
            .assigned(X, to(A)),
    ] {
        assert!(office.flagged(STOLEN).is_empty(), "{:#?}", office.judged());
    }
}

#[test]
fn a_machine_cannot_be_told_from_an_owner_that_never_reported() {
    let mut office = Office::of_two()
        .seen(X, STRANGER, ClaimOrigin::Observed, false)
        .assigned(X, to(A));
    office.picture.assets.get_mut(&A).unwrap().macs.clear();
    assert!(office.flagged(STOLEN).is_empty());
    assert!(office.flagged(UNMANAGED).is_empty());
}

#[test]
fn two_that_are_on_with_one_address_are_in_conflict() {
    let both = Office::of_two()
        .holds(A, MAC_A, "static")
        .holds(B, MAC_B, "static");
    assert_eq!(both.flagged(CONFLICT), ["asset:1", "asset:2"]);
    assert!(both.clone().off(A).flagged(CONFLICT).is_empty(), "one is off");
    let stranger = Office::of_two()
        .holds(A, MAC_A, "static")
        .seen(X, STRANGER, ClaimOrigin::Imported, false);
    assert_eq!(stranger.flagged(CONFLICT), ["asset:1"]);
}

#[test]
fn what_only_looks_like_a_conflict_is_none() {
    for office in [
        // A lease that a table remembers from before.
        Office::of_two()
            .holds(A, MAC_A, "dhcp")
            .seen(X, STRANGER, ClaimOrigin::Observed, false),
        Office::of_two()
            .holds_behind(A, MAC_A, "static", ROUTER)
            .holds_behind(B, MAC_B, "static", STRANGER),
        Office::of_two()
            .holds(A, MAC_A, "static")
            .seen(X, MAC_A, ClaimOrigin::Observed, false),
    ] {
        assert!(office.flagged(CONFLICT).is_empty(), "{:#?}", office.judged());
    }
}

#[test]
fn an_address_that_nobody_was_assigned_is_found_only_where_the_ledger_rules() {
    let chosen = Office::of_two().holds(B, MAC_B, "static");
    assert!(chosen.flagged(UNASSIGNED).is_empty(), "no ledger there");
    assert_eq!(chosen.clone().managed().flagged(UNASSIGNED), ["asset:2"]);
    assert!(
        chosen
            .clone()
            .managed()
            .assigned(X, to(B))
            .flagged(UNASSIGNED)
            .is_empty()
    );
    let leased = Office::of_two().holds(B, MAC_B, "dhcp").managed();
    assert!(
        leased
            .clone()
            .range("192.0.2.5", "192.0.2.9")
            .flagged(UNASSIGNED)
            .is_empty()
    );
    assert_eq!(
        leased.range("192.0.2.100", "192.0.2.200").flagged(UNASSIGNED),
        ["asset:2"]
    );
    let inside = chosen.managed().range("192.0.2.5", "192.0.2.9");
    assert_eq!(
        inside.flagged(UNASSIGNED),
        ["asset:2"],
        "set by hand inside a range"
    );
}

#[test]
fn another_machine_that_answers_for_the_gateway_is_found() {
    let normal = Office::of_two()
        .seen(GATEWAY, ROUTER, ClaimOrigin::Accepted, true)
        .seen(GATEWAY, ROUTER, ClaimOrigin::Observed, true);
    assert!(normal.flagged(SPOOFED).is_empty());
    let stranger = normal
        .clone()
        .seen(GATEWAY, STRANGER, ClaimOrigin::Observed, true);
    assert_eq!(stranger.flagged(SPOOFED), [machine(STRANGER)]);
    let colleague = normal.seen(GATEWAY, MAC_B, ClaimOrigin::Observed, true);
    assert_eq!(colleague.flagged(SPOOFED), ["asset:2"]);
}

#[test]
fn a_replaced_router_is_settled_by_the_ledger() {
    let replaced = Office::of_two()
        .seen(GATEWAY, ROUTER, ClaimOrigin::Accepted, true)
        .seen(GATEWAY, STRANGER, ClaimOrigin::Observed, true)
        .assigned(GATEWAY, |entry| entry.mac = Some(STRANGER.into()));
    assert!(replaced.flagged(SPOOFED).is_empty());
    let old = replaced.seen(GATEWAY, ROUTER, ClaimOrigin::Observed, true);
    assert_eq!(old.flagged(SPOOFED), [machine(ROUTER)], "the ledger outranks");
}

#[test]
fn a_gateway_that_was_never_accepted_cannot_have_changed() {
    let first = Office::of_two().seen(GATEWAY, STRANGER, ClaimOrigin::Observed, true);
    assert!(first.flagged(SPOOFED).is_empty());
    // A PC that passes itself off as the gateway from the first day on.
    let from_the_start = Office::of_two()
        .seen(GATEWAY, MAC_B, ClaimOrigin::Accepted, true)
        .seen(GATEWAY, MAC_B, ClaimOrigin::Observed, true);
    assert_eq!(from_the_start.flagged(SPOOFED), ["asset:2"]);
}

#[test]
fn one_machine_for_many_addresses_is_found_and_a_server_of_the_ledger_is_not() {
    let many = (10..16).fold(Office::of_two(), |office, last| {
        office.seen(&format!("192.0.2.{last}"), STRANGER, ClaimOrigin::Imported, false)
    });
    assert_eq!(many.flagged(MANY), [machine(STRANGER)]);
    let server = (10..16).fold(many.clone(), |office, last| {
        office.assigned(&format!("192.0.2.{last}"), |entry| {
            entry.mac = Some(STRANGER.into());
        })
    });
    assert!(server.flagged(MANY).is_empty());
    let router = many.seen("192.0.2.1", STRANGER, ClaimOrigin::Accepted, true);
    assert!(
        router.flagged(MANY).is_empty(),
        "a router may answer for networks"
    );
    let few = (10..14).fold(Office::of_two(), |office, last| {
        office.seen(&format!("192.0.2.{last}"), STRANGER, ClaimOrigin::Imported, false)
    });
    assert!(few.flagged(MANY).is_empty());
}

#[test]
fn a_machine_that_nobody_knows_is_found() {
    let stranger = Office::of_two().seen(X, STRANGER, ClaimOrigin::Observed, false);
    assert_eq!(stranger.flagged(UNMANAGED), [machine(STRANGER)]);
    for known in [
        Office::of_two().seen(X, MAC_B, ClaimOrigin::Observed, false),
        Office::of_two().seen(GATEWAY, STRANGER, ClaimOrigin::Observed, true),
        Office::of_two().seen(X, "02:42:ac:11:00:02", ClaimOrigin::Observed, false),
        stranger
            .clone()
            .assigned(X, |entry| entry.owner = Some("打印机".into())),
        stranger
            .clone()
            .assigned("192.0.2.99", |entry| entry.mac = Some(STRANGER.into())),
    ] {
        assert!(known.flagged(UNMANAGED).is_empty(), "{:#?}", known.judged());
    }
    let other = stranger.assigned(X, |entry| {
        entry.owner = Some("打印机".into());
        entry.mac = Some(MAC_A.into());
    });
    assert_eq!(other.flagged(UNMANAGED), [machine(STRANGER)]);
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

/// The office after its findings were stored.
fn stored(office: &Office, change: impl Fn(&mut Finding)) -> Vec<Finding> {
    let mut findings = office.judged().findings;
    findings.iter_mut().for_each(change);
    findings
}

#[test]
fn what_is_over_resolves_and_what_comes_back_reopens() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let mut over = Office::of_two().assigned(X, to(A));
    over.picture.findings = stored(&stolen, |_| {});
    let verdict = over.judged();
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    assert_eq!(verdict.alerts.len(), 1);

    let mut again = stolen.clone();
    again.picture.findings = verdict.findings;
    let verdict = again.judged();
    assert_eq!(
        (verdict.findings[0].state, verdict.findings[0].reopened),
        (FindingState::Open, 1)
    );

    let mut same = stolen.clone();
    same.picture.findings = verdict.findings;
    assert_eq!(same.judged(), CrossVerdict::default(), "nothing new is nothing");
}

#[test]
fn a_false_positive_stays_quiet_while_it_lasts_and_ends_silently() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let quiet = stored(&stolen, |finding| finding.state = FindingState::FalsePositive);
    let mut still = stolen.clone();
    still.picture.findings.clone_from(&quiet);
    assert!(still.judged().alerts.is_empty());
    let mut over = Office::of_two().assigned(X, to(A));
    over.picture.findings = quiet;
    let verdict = over.judged();
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    assert!(verdict.alerts.is_empty());
}

#[test]
fn an_approval_covers_a_theft_and_is_looked_at_again_when_it_ends() {
    let mut office = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let open = office.judged().findings;
    let approval = Approval {
        id: Some(ApprovalId(3)),
        grantee: Grantee::Asset(B),
        rule: open[0].key.rule.clone(),
        subject: X.into(),
        approver: "张主任".into(),
        reason: "顶替".into(),
        starts_at: 0,
        ends_at: NOW + 500,
        granted_at: 0,
        granted_by: "li".into(),
        finding: None,
        withdrawn: None,
    };
    office.picture.assets.get_mut(&B).unwrap().approvals = vec![approval];
    let covered = office.judged();
    assert_eq!(covered.findings[0].state, FindingState::Excepted);
    assert!(covered.alerts.is_empty(), "{:?}", covered.alerts);
    assert!(covered.again.iter().any(|(_, at)| *at == NOW + 500));

    office.picture.findings = covered.findings;
    assert!(office.judged().findings.is_empty(), "it stays as it is");
    office.picture.assets.get_mut(&B).unwrap().approvals.clear();
    let open = office.judged();
    assert_eq!(open.findings[0].state, FindingState::Open);
    assert_eq!(open.alerts[0].kind, AlertKind::Reopened);
}

#[test]
fn a_rule_that_is_switched_off_finds_nothing_and_resolves_what_it_found() {
    let files: Vec<RuleFile<'_>> = packs::FILES
        .iter()
        .copied()
        .filter(|file| file.name != "pc.toml")
        .collect();
    let none = RuleSet::load(&files).unwrap();
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let mut off = stolen.clone();
    off.picture.findings = stored(&stolen, |_| {});
    let verdict = judge_claims(&off.values(), &off.picture, &none, NOW);
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    let fresh = judge_claims(&stolen.values(), &stolen.picture, &none, NOW);
    assert_eq!(fresh, CrossVerdict::default());
}

#[test]
fn the_assets_of_changed_findings_are_due() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let ops = stolen.judged().into_ops();
    assert!(ops.contains(&Op::Due { asset: B }));
    assert!(matches!(&ops[0], Op::PutFinding(finding) if finding.key.holder == Holder::Asset(B)));
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
