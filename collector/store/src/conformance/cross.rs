//! What rules over several devices ask of a store: touched values, the picture of them, and their end.

use deskwarden_domain::{
    ledger::Subnet,
    model::{AssetId, Claim, ClaimKind, ClaimNote, ClaimOrigin, Device, DhcpRange, LedgerEntry, Severity},
    port::{Batch, Op, Picture, Store, StoreError, Value},
};

use super::{
    Bench,
    world::{NOW, apply, audit, batch, enrolled, finding},
};

const X: &str = "10.0.0.7";

fn value() -> Value {
    Value {
        kind: ClaimKind::Ip,
        value: X.into(),
    }
}

fn claim(device: &Device, origin: ClaimOrigin, note: &ClaimNote) -> Claim {
    Claim {
        kind: ClaimKind::Ip,
        value: X.into(),
        origin,
        asset: Some(device.asset),
        device: (origin == ClaimOrigin::Own).then_some(device.id),
        item_key: "eth0".into(),
        note: note.encode(),
    }
}

fn note(mac: &str, router: bool) -> ClaimNote {
    ClaimNote {
        mac: mac.into(),
        prefix: Some(24),
        router,
        ..ClaimNote::default()
    }
}

fn holds(device: &Device, mac: &str) -> Op {
    Op::Claims {
        device: device.id,
        item_key: "eth0".into(),
        claims: vec![claim(device, ClaimOrigin::Own, &note(mac, false))],
    }
}

fn touch(at: i64) -> Op {
    Op::Touch {
        kind: ClaimKind::Ip,
        value: X.into(),
        at,
    }
}

fn entry(asset: Option<AssetId>) -> LedgerEntry {
    LedgerEntry {
        prefix: Some(24),
        mac: Some("00:00:5e:00:53:0a".into()),
        asset,
        ..LedgerEntry::of(X.into())
    }
}

fn picture(store: &dyn Store) -> Picture {
    store.picture(&[value()], NOW).unwrap()
}

fn ids(store: &dyn Store) -> Vec<i64> {
    store
        .touched(NOW, 100)
        .unwrap()
        .iter()
        .map(|touched| touched.id)
        .collect()
}

pub fn a_touched_value_is_due_until_it_was_looked_at_once(bench: &dyn Bench) {
    let store = bench.open();
    apply(store.as_ref(), vec![touch(0), touch(NOW), touch(NOW + 1)]);
    let due = store.touched(NOW, 100).unwrap();
    assert_eq!(due.len(), 2, "the third is for later");
    assert_eq!(due[0].value, value());
    assert_eq!(store.touched(NOW, 1).unwrap().len(), 1);
    let looked = batch(vec![Op::Looked {
        ids: due.iter().map(|touched| touched.id).collect(),
    }]);
    store.apply(&looked).unwrap();
    assert!(ids(store.as_ref()).is_empty());
    // A second collector that believes to hold the lease writes nothing.
    assert!(matches!(store.apply(&looked), Err(StoreError::Stale)));
}

pub fn a_look_that_came_too_late_leaves_no_finding(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    apply(store.as_ref(), vec![touch(0)]);
    let ids = ids(store.as_ref());
    let looked = |ops: Vec<Op>| Batch {
        ops: ops.into_iter().chain([Op::Looked { ids: ids.clone() }]).collect(),
        ..Batch::default()
    };
    store.apply(&looked(Vec::new())).unwrap();
    let mut late = finding(&device, "pc.address-stolen", X, Severity::High);
    late.seen = Some("{}".into());
    assert!(store.apply(&looked(vec![Op::PutFinding(late)])).is_err());
    assert!(picture(store.as_ref()).findings.is_empty());
}

pub fn the_addresses_of_a_subnet_are_what_is_assigned_seen_and_found(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    let of = |device: &Device, value: &str, origin, router| Claim {
        value: value.into(),
        ..claim(device, origin, &note("a", router))
    };
    let claims = |device: &Device, claims| Op::Claims {
        device: device.id,
        item_key: "eth0".into(),
        claims,
    };
    let gateway = Claim {
        device: Some(two.id),
        asset: None,
        ..of(&two, "10.0.0.1", ClaimOrigin::Observed, true)
    };
    apply(
        store.as_ref(),
        vec![
            claims(&one, vec![of(&one, X, ClaimOrigin::Own, false)]),
            claims(
                &two,
                vec![
                    of(&two, X, ClaimOrigin::Own, false),
                    of(&two, "10.0.1.7", ClaimOrigin::Own, false),
                    gateway,
                ],
            ),
            Op::Accepted {
                asset: one.asset,
                item_key: "eth0".into(),
                claims: vec![of(&one, "10.0.0.9", ClaimOrigin::Accepted, false)],
            },
        ],
    );
    store
        .put_ledger_entry(&entry(Some(one.asset)), &audit("ledger.set"))
        .unwrap();
    let mut found = finding(&two, "pc.address-stolen", X, Severity::High);
    found.seen = Some("{\"zh\":\"占用\"}".into());
    apply(store.as_ref(), vec![Op::PutFinding(found)]);

    let known = store.addresses(Subnet::parse("10.0.0.0/24").unwrap()).unwrap();
    assert_eq!(known.ledger, [entry(Some(one.asset))]);
    let seen: Vec<_> = known
        .seen
        .iter()
        .map(|one| (one.address.as_str(), one.asset, one.router))
        .collect();
    assert_eq!(seen, [("10.0.0.1", None, true), (X, Some(one.asset), false)]);
    assert_eq!(known.findings.len(), 1);
    assert_eq!(known.findings[0].0, X);
    let wide = store.addresses(Subnet::parse("10.0.0.0/22").unwrap()).unwrap();
    assert_eq!(wide.seen.len(), 3, "several questions make one answer");
}

pub fn a_picture_holds_what_is_said_assigned_and_known(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    let accepted = Op::Accepted {
        asset: one.asset,
        item_key: "eth0".into(),
        claims: vec![claim(&one, ClaimOrigin::Accepted, &note("a", false))],
    };
    let mac = Claim {
        kind: ClaimKind::Mac,
        value: "b".into(),
        ..claim(&two, ClaimOrigin::Own, &ClaimNote::default())
    };
    apply(
        store.as_ref(),
        vec![
            holds(&two, "b"),
            accepted,
            Op::Claims {
                device: two.id,
                item_key: "mac".into(),
                claims: vec![mac],
            },
            Op::Seen {
                device: two.id,
                at: NOW,
                goodbye: false,
            },
        ],
    );
    store
        .put_ledger_entry(&entry(Some(one.asset)), &audit("ledger.set"))
        .unwrap();
    let mut found = finding(&two, "pc.address-stolen", X, Severity::High);
    found.seen = Some("{\"zh\":\"占用\"}".into());
    apply(store.as_ref(), vec![Op::PutFinding(found.clone())]);

    let picture = picture(store.as_ref());
    let said: Vec<_> = picture
        .said
        .iter()
        .map(|said| (said.origin, said.asset))
        .collect();
    assert_eq!(
        said,
        [
            (ClaimOrigin::Own, Some(two.asset)),
            (ClaimOrigin::Accepted, Some(one.asset))
        ]
    );
    assert_eq!(picture.said[0].note, note("b", false));
    assert_eq!(picture.owners.get("b"), Some(&two.asset));
    assert_eq!(picture.ledger, [entry(Some(one.asset))]);
    assert_eq!(picture.managed, [X]);
    assert!(picture.assets[&two.asset].present && !picture.assets[&one.asset].present);
    assert_eq!(picture.assets[&two.asset].addresses, [X]);
    assert_eq!(picture.findings[0].seen, found.seen);
    let later = store.picture(&[value()], NOW + 26 * 60_000).unwrap();
    assert!(!later.assets[&two.asset].present, "nothing was heard for long");
}

pub fn what_many_say_alike_is_one_row_with_a_count(bench: &dyn Bench) {
    let store = bench.open();
    for number in 1..=5 {
        let device = enrolled(store.as_ref(), number);
        let seen = Claim {
            asset: None,
            ..claim(&device, ClaimOrigin::Observed, &note("r", true))
        };
        apply(
            store.as_ref(),
            vec![Op::Claims {
                device: device.id,
                item_key: "gw".into(),
                claims: vec![seen],
            }],
        );
    }
    let picture = picture(store.as_ref());
    assert_eq!((picture.said.len(), picture.said[0].count), (1, 5));
    assert_eq!(picture.said[0].by, ["pc-0001", "pc-0005"]);
}

pub fn accepted_claims_are_replaced_and_what_they_were_is_looked_at(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let accepted = |claims: Vec<Claim>| Op::Accepted {
        asset: device.asset,
        item_key: "eth0".into(),
        claims,
    };
    apply(
        store.as_ref(),
        vec![accepted(vec![claim(
            &device,
            ClaimOrigin::Accepted,
            &note("a", false),
        )])],
    );
    assert!(ids(store.as_ref()).is_empty());
    apply(
        store.as_ref(),
        vec![
            Op::TouchAccepted {
                asset: device.asset,
                item_key: "eth0".into(),
            },
            accepted(Vec::new()),
        ],
    );
    assert_eq!(ids(store.as_ref()).len(), 1);
    assert!(picture(store.as_ref()).said.is_empty());
}

pub fn an_imported_table_replaces_the_one_before(bench: &dyn Bench) {
    let store = bench.open();
    let seen = |mac: &str| Claim {
        kind: ClaimKind::Ip,
        value: X.into(),
        origin: ClaimOrigin::Imported,
        asset: None,
        device: None,
        item_key: "gw".into(),
        note: note(mac, false).encode(),
    };
    let put = |name: &str, claims: &[Claim]| {
        store
            .put_observations(name, claims, &audit("ledger.observe"))
            .unwrap();
        let macs: Vec<String> = picture(store.as_ref())
            .said
            .iter()
            .map(|said| said.note.mac.clone())
            .collect();
        macs
    };
    assert_eq!(put("gw", &[seen("a")]), ["a"]);
    assert_eq!(put("gw2", &[seen("b")]), ["a", "b"]);
    assert_eq!(put("gw", &[]), ["b"]);
    assert!(!ids(store.as_ref()).is_empty(), "what is gone is looked at too");
}

pub fn an_edited_ledger_has_its_addresses_looked_at(bench: &dyn Bench) {
    let store = bench.open();
    store
        .put_ledger_entry(&entry(None), &audit("ledger.set"))
        .unwrap();
    let kinds: Vec<ClaimKind> = store
        .touched(NOW, 10)
        .unwrap()
        .iter()
        .map(|touched| touched.value.kind)
        .collect();
    assert_eq!(kinds, [ClaimKind::Ip, ClaimKind::Mac]);
    store
        .edit_ledger(&[], &[X.to_owned()], &audit("ledger.remove"))
        .unwrap();
    assert_eq!(ids(store.as_ref()).len(), 4);
    assert!(picture(store.as_ref()).ledger.is_empty());
    assert!(
        store
            .edit_ledger(&[], &["x".to_owned()], &audit("ledger.remove"))
            .is_err()
    );
}

pub fn dhcp_ranges_are_replaced_and_everything_is_judged_again(bench: &dyn Bench) {
    let store = bench.open();
    let range = DhcpRange {
        first: "10.0.0.100".into(),
        last: "10.0.0.199".into(),
        name: "二楼".into(),
    };
    let before = store.context_generation().unwrap();
    store
        .put_dhcp_ranges(std::slice::from_ref(&range), &audit("ledger.range"))
        .unwrap();
    assert!(store.context_generation().unwrap() > before);
    assert_eq!(store.dhcp_ranges().unwrap(), std::slice::from_ref(&range));
    assert_eq!(picture(store.as_ref()).ranges, [range]);
    store.put_dhcp_ranges(&[], &audit("ledger.range")).unwrap();
    assert!(store.dhcp_ranges().unwrap().is_empty());
}

pub fn other_rules_have_every_value_looked_at_once(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    apply(store.as_ref(), vec![holds(&one, "a"), holds(&two, "b")]);
    for (rules, expected) in [("1", 1), ("1", 1), ("2", 2)] {
        store.touch_everything(rules).unwrap();
        assert_eq!(ids(store.as_ref()).len(), expected, "{rules}");
    }
}

pub fn a_device_that_returns_has_what_it_shares_looked_at(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    apply(
        store.as_ref(),
        vec![holds(&one, "a"), Op::Returned { device: one.id }],
    );
    assert!(ids(store.as_ref()).is_empty(), "nobody else has it");
    apply(store.as_ref(), vec![holds(&two, "b")]);
    apply(store.as_ref(), vec![Op::Returned { device: one.id }]);
    assert_eq!(ids(store.as_ref()).len(), 1);
}
