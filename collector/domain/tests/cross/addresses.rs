//! Addresses that are taken, doubled, unassigned or answered for by another.

use super::*;

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
