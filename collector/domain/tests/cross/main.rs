//! What several devices say together, rule by rule: a breach, what is none, and what nobody can tell.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod addresses;
mod blind;
#[path = "../office/mod.rs"]
mod office;
#[path = "../packs/mod.rs"]
mod packs;
mod standing;
#[path = "../support/mod.rs"]
mod support;

use deskwarden_domain::{
    cross::{CrossVerdict, judge_claims},
    model::{AlertKind, Approval, ApprovalId, ClaimOrigin, Finding, FindingState, Grantee, Holder},
    port::Op,
    rules::{RuleFile, RuleSet},
};
use office::{A, B, GATEWAY, MAC_A, MAC_B, NOW, Office, ROUTER, STRANGER, X, to};
use proptest::prelude::*;
use std::{collections::BTreeSet, sync::LazyLock};

static SET: LazyLock<RuleSet> = LazyLock::new(packs::shipped);

const STOLEN: &str = "pc.address-stolen";

const CONFLICT: &str = "pc.address-conflict";

const UNASSIGNED: &str = "pc.address-unassigned";

const SPOOFED: &str = "pc.gateway-spoofed";

const MANY: &str = "pc.many-addresses";

const UNMANAGED: &str = "pc.unmanaged-machine";

const MOVED: &str = "pc.part-moved";

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
