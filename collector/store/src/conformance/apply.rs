//! Batches: what must still hold, all or nothing, and writers that meet.

use std::{sync::Barrier, thread};

use deskwarden_domain::{
    model::{
        Alert, AlertKind, AssetId, BaselineItem, Claim, ClaimKind, ClaimOrigin, FindingId, FindingState,
        Outcome, OutcomeRow, Severity,
    },
    port::{AssetFilter, Batch, Op, Paging, StoreError},
};
use deskwarden_proto::{
    Bytes,
    decode::SourceReport,
    digest,
    ids::DeviceId,
    v1::{self, Look, Section},
};

use super::{
    Bench,
    world::{NOW, apply, audit, batch, enrolled, everything, evidence, finding, id, position, put_op},
};

fn stale(result: Result<deskwarden_domain::port::Applied, StoreError>) {
    assert!(matches!(result, Err(StoreError::Stale)), "{result:?}");
}

pub fn a_batch_of_another_generation_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let generation = store.context_generation().unwrap();
    let mut good = batch(vec![]);
    good.generation = Some(generation);
    store.apply(&good).unwrap();
    store
        .put_setting("observe", "true", &audit("setting.put"))
        .unwrap();
    stale(store.apply(&good));
}

pub fn a_batch_on_an_older_asset_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let version = everything(store.as_ref(), &device).asset.version;
    let mut judged = batch(vec![Op::Judged {
        asset: device.asset,
        generation: 1,
        wake_at: None,
    }]);
    judged.assets = vec![(device.asset, version)];
    store.apply(&judged).unwrap();
    // Judging is no edit.
    store.apply(&judged).unwrap();
    apply(store.as_ref(), vec![Op::Due { asset: device.asset }]);
    stale(store.apply(&judged));
    judged.assets = vec![(AssetId(999), 1)];
    stale(store.apply(&judged));
}

pub fn a_batch_on_another_position_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let mut step = batch(vec![Op::Position {
        device: device.id,
        position: position(2),
    }]);
    step.positions = vec![(device.id, 1, 1)];
    store.apply(&step).unwrap();
    stale(store.apply(&step));
    step.positions = vec![(device.id, 2, 2)];
    stale(store.apply(&step));
    step.positions = vec![(device.id, 1, 2)];
    store.apply(&step).unwrap();
}

pub fn an_action_on_an_older_finding_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let applied = store
        .apply(&batch(vec![Op::PutFinding(finding(
            &device,
            "chat",
            "qq",
            Severity::High,
        ))]))
        .unwrap();
    let id = applied.findings[0].1;
    let mut action = batch(vec![Op::Audit(audit("finding.acknowledge"))]);
    action.findings = vec![(id, 1)];
    store.apply(&action).unwrap();
    let stored = everything(store.as_ref(), &device).findings.remove(0);
    apply(store.as_ref(), vec![Op::PutFinding(stored)]);
    stale(store.apply(&action));
    action.findings = vec![(FindingId(999), 1)];
    stale(store.apply(&action));
}

pub fn a_finding_that_somebody_else_wrote_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let new = finding(&device, "chat", "qq", Severity::High);
    apply(store.as_ref(), vec![Op::PutFinding(new.clone())]);
    // Judged from a state in which it did not exist.
    stale(store.apply(&batch(vec![Op::PutFinding(new)])));
    let loaded = everything(store.as_ref(), &device).findings.remove(0);
    let mut acknowledged = loaded.clone();
    acknowledged.state = FindingState::Acknowledged;
    apply(store.as_ref(), vec![Op::PutFinding(acknowledged)]);
    // Judged from the state before somebody acknowledged it.
    stale(store.apply(&batch(vec![Op::PutFinding(loaded)])));
    assert_eq!(
        everything(store.as_ref(), &device).findings[0].state,
        FindingState::Acknowledged
    );
}

pub fn a_refused_batch_leaves_nothing(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let before = everything(store.as_ref(), &device);
    let alert = Alert {
        kind: AlertKind::Opened,
        finding: finding(&device, "never", "stored", Severity::Low).key,
        severity: Severity::Low,
        at: NOW,
    };
    let refused = store.apply(&batch(vec![
        put_op(
            &device,
            id(Section::Os, "os", "os"),
            b"a facet of nobody else",
            NOW,
        ),
        Op::PutFinding(finding(&device, "chat", "qq", Severity::High)),
        Op::Position {
            device: device.id,
            position: position(2),
        },
        Op::Audit(audit("ingest")),
        Op::Alert(alert),
    ]));
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    assert_eq!(everything(store.as_ref(), &device), before);
    assert_eq!(store.verify_audit().unwrap(), Ok(1));
    // The facet that was undone is not taken for stored.
    apply(
        store.as_ref(),
        vec![put_op(
            &device,
            id(Section::Os, "os", "os"),
            b"a facet of nobody else",
            NOW,
        )],
    );
    assert_eq!(everything(bench.open().as_ref(), &device).items.len(), 1);
}

pub fn an_unknown_device_is_refused(bench: &dyn Bench) {
    let nobody = DeviceId::from_random([0; 16]);
    let refused = bench.open().apply(&batch(vec![Op::Seen {
        device: nobody,
        at: NOW,
        goodbye: false,
    }]));
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
}

pub fn an_unknown_asset_is_refused(bench: &dyn Bench) {
    let refused = bench.open().apply(&batch(vec![Op::Due { asset: AssetId(999) }]));
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
}

pub fn an_alert_without_its_finding_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let found = finding(&device, "chat", "qq", Severity::High);
    let alert = Alert {
        kind: AlertKind::Opened,
        finding: found.key.clone(),
        severity: Severity::High,
        at: NOW,
    };
    let refused = store.apply(&batch(vec![Op::Alert(alert.clone())]));
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    let applied = store
        .apply(&batch(vec![Op::PutFinding(found), Op::Alert(alert)]))
        .unwrap();
    assert_eq!(applied.alerts.len(), 1);
}

/// Each of several writers moves the same stream again and again: every step is made once.
pub fn writers_that_meet_lose_nothing(bench: &dyn Bench) {
    const WRITERS: usize = 4;
    const STEPS: u64 = 10;
    let device = enrolled(bench.open().as_ref(), 1);
    let start = Barrier::new(WRITERS);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let store = bench.open();
                start.wait();
                let mut made = 0;
                while made < STEPS {
                    let state = everything(store.as_ref(), &device);
                    let next = state.position.next_sequence;
                    let key = format!("step {next}");
                    let step = Batch {
                        positions: vec![(device.id, state.position.epoch, next)],
                        assets: vec![(device.asset, state.asset.version)],
                        ops: vec![
                            put_op(&device, id(Section::Software, "dpkg", &key), key.as_bytes(), NOW),
                            Op::Position {
                                device: device.id,
                                position: position(next + 1),
                            },
                        ],
                        ..Batch::default()
                    };
                    match store.apply(&step) {
                        Ok(_) => made += 1,
                        Err(StoreError::Stale) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            });
        }
    });
    let state = everything(bench.open().as_ref(), &device);
    let steps = WRITERS as u64 * STEPS;
    assert_eq!(
        (state.position.next_sequence, state.items.len() as u64),
        (steps + 1, steps)
    );
}

pub fn writers_that_meet_on_new_facets_all_get_through(bench: &dyn Bench) {
    const WRITERS: u32 = 6;
    let devices: Vec<_> = (0..WRITERS).map(|n| enrolled(bench.open().as_ref(), n)).collect();
    let start = Barrier::new(devices.len());
    thread::scope(|scope| {
        for (device, n) in devices.iter().zip(0..) {
            let start = &start;
            scope.spawn(move || {
                let store = bench.open();
                let mut keys: Vec<u32> = (0..200).collect();
                // Each in another order: images of each other seldom report in step.
                keys.rotate_left(n * 31);
                start.wait();
                let op = |key: u32| {
                    put_op(
                        device,
                        id(Section::Software, "dpkg", &key.to_string()),
                        &key.to_be_bytes(),
                        NOW,
                    )
                };
                store.apply(&batch(keys.into_iter().map(op).collect())).unwrap();
            });
        }
    });
    let store = bench.open();
    let states: Vec<_> = devices
        .iter()
        .map(|device| everything(store.as_ref(), device).items)
        .collect();
    assert!(
        states
            .iter()
            .all(|items| items.len() == 200 && *items == states[0])
    );
}

pub fn an_event_is_stored_once(bench: &dyn Bench) {
    let store = bench.open();
    let devices = [enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2)];
    let event = |device: usize, name: u8| Op::Event {
        device: devices[device].id,
        event: v1::Event {
            id: vec![name; 16],
            kind: "crash".into(),
            section: Section::Health as i32,
            key: "kernel".into(),
            principal: String::new(),
            at_ms: NOW,
            facet: vec![name],
        },
        at: NOW,
    };
    // Twice in one batch, again later, and by another device: nothing speaks against any of it.
    apply(store.as_ref(), vec![event(0, 1), event(0, 1), event(1, 1)]);
    apply(store.as_ref(), vec![event(0, 1), event(0, 2)]);
    let sample = v1::Sample {
        name: "memory".into(),
        value: 0.1,
        unit: "By".into(),
    };
    let sample = Op::Sample {
        device: devices[0].id,
        sample,
        at: NOW,
    };
    apply(store.as_ref(), vec![sample.clone(), sample]);
}

pub fn an_item_put_twice_keeps_the_last(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let os = || id(Section::Os, "os", "os");
    let gone = Op::RemoveItem {
        device: device.id,
        id: os(),
    };
    apply(
        store.as_ref(),
        vec![
            put_op(&device, os(), b"1", NOW),
            put_op(&device, os(), b"2", NOW + 1),
        ],
    );
    assert_eq!(everything(store.as_ref(), &device).items[&os()].facet, "2");
    apply(
        store.as_ref(),
        vec![gone.clone(), put_op(&device, os(), b"3", NOW + 2)],
    );
    let item = everything(store.as_ref(), &device).items.remove(&os()).unwrap();
    assert_eq!((item.facet.as_ref(), item.first_seen), (b"3".as_slice(), NOW + 2));
    apply(store.as_ref(), vec![put_op(&device, os(), b"4", NOW), gone]);
    assert!(everything(store.as_ref(), &device).items.is_empty());
}

pub fn an_item_keeps_when_it_was_first_seen(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let os = || id(Section::Os, "os", "os");
    apply(store.as_ref(), vec![put_op(&device, os(), b"1", NOW)]);
    apply(store.as_ref(), vec![put_op(&device, os(), b"2", NOW + 9)]);
    let item = everything(store.as_ref(), &device).items.remove(&os()).unwrap();
    assert_eq!(
        (item.facet.as_ref(), item.first_seen, item.changed_at),
        (b"2".as_slice(), NOW, NOW + 9)
    );
}

pub fn what_is_removed_is_gone(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let asset = device.asset;
    let slot = id(Section::Part, "smbios", "memory");
    let item = BaselineItem {
        id: slot.clone(),
        facet: Bytes::from_static(b"x"),
        facet_hash: digest::facet(b"x"),
        accepted_at: NOW,
        accepted_by: "tester".into(),
    };
    let row = |rule: &str| OutcomeRow {
        rule: rule.into(),
        outcome: Outcome::CouldNotLook,
        reason: "no".into(),
    };
    let kept = evidence(&device, "b", "s", None);
    apply(
        store.as_ref(),
        vec![
            put_op(&device, slot.clone(), b"x", NOW),
            Op::PutBaseline { asset, item },
            Op::PutEvidence(evidence(&device, "a", "s", Some(slot.clone()))),
            Op::PutEvidence(evidence(&device, "a", "s", None)),
            Op::PutEvidence(kept.clone()),
            Op::Outcome { asset, row: row("a") },
            Op::Outcome { asset, row: row("b") },
        ],
    );
    let mut changed = kept.clone();
    changed.detail = "{}".into();
    let gone = |item| Op::RemoveEvidence {
        asset,
        rule: "a".into(),
        subject: "s".into(),
        item,
    };
    apply(
        store.as_ref(),
        vec![
            Op::RemoveItem {
                device: device.id,
                id: slot.clone(),
            },
            Op::RemoveBaseline {
                asset,
                id: slot.clone(),
            },
            gone(Some(slot.clone())),
            gone(None),
            Op::PutEvidence(changed.clone()),
            Op::RemoveOutcome {
                asset,
                rule: "a".into(),
            },
        ],
    );
    let state = everything(bench.open().as_ref(), &device);
    assert!(state.items.is_empty() && state.baseline.is_empty());
    assert_eq!(state.evidence, [changed]);
    assert_eq!(state.outcomes, [row("b")]);
}

pub fn claims_of_an_item_are_replaced(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let claims = |item: &str, addresses: &[&str]| Op::Claims {
        device: device.id,
        item_key: item.into(),
        claims: addresses
            .iter()
            .map(|value| Claim {
                kind: ClaimKind::Ip,
                value: (*value).into(),
                origin: ClaimOrigin::Own,
                asset: Some(device.asset),
                device: Some(device.id),
                item_key: item.into(),
                note: String::new(),
            })
            .collect(),
    };
    let addresses = || {
        let page = store
            .assets(&AssetFilter::default(), Paging { offset: 0, limit: 5 })
            .unwrap();
        page.rows[0].addresses.clone()
    };
    apply(
        store.as_ref(),
        vec![
            claims("eth0", &["10.0.0.1", "10.0.0.2"]),
            claims("wlan0", &["10.0.0.3"]),
        ],
    );
    assert_eq!(addresses(), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    apply(
        store.as_ref(),
        vec![claims("eth0", &["10.0.0.4"]), claims("eth0", &["10.0.0.5"])],
    );
    assert_eq!(addresses(), ["10.0.0.3", "10.0.0.5"]);
    apply(store.as_ref(), vec![claims("wlan0", &[]), claims("eth0", &[])]);
    assert!(addresses().is_empty());
}

pub fn a_source_keeps_its_first_look(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let source = |look, reason: &str, at, first_looked_at| {
        let report = SourceReport {
            section: Section::Part,
            source: "smbios".into(),
            look,
            reason: reason.into(),
        };
        apply(
            store.as_ref(),
            vec![Op::Source {
                device: device.id,
                report,
                at,
                first_looked_at,
            }],
        );
        everything(store.as_ref(), &device).sources.remove(0)
    };
    let first = source(Look::Denied, "root only", NOW, None);
    assert_eq!(
        (first.look, first.since, first.first_looked_at),
        (Look::Denied, NOW, None)
    );
    let same = source(Look::Denied, "still root only", NOW + 1, None);
    assert_eq!((same.reason.as_str(), same.since), ("still root only", NOW));
    let looked = source(Look::Looked, "", NOW + 2, Some(NOW + 2));
    assert_eq!(
        (looked.look, looked.since, looked.first_looked_at),
        (Look::Looked, NOW + 2, Some(NOW + 2))
    );
    let again = source(Look::Failed, "broken", NOW + 3, None);
    assert_eq!((again.since, again.first_looked_at), (NOW + 3, Some(NOW + 2)));
    assert_eq!(
        source(Look::Looked, "", NOW + 4, Some(NOW + 4)).first_looked_at,
        Some(NOW + 2)
    );
}

pub fn a_finding_is_one_row_by_its_natural_key(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let new = finding(&device, "chat", "qq", Severity::High);
    let mut seen = new.clone();
    seen.last_seen = NOW + 1;
    // Two records of one group: the second was judged on top of the first.
    let applied = store
        .apply(&batch(vec![Op::PutFinding(new.clone()), Op::PutFinding(seen)]))
        .unwrap();
    assert_eq!(applied.findings.len(), 2);
    assert_eq!(applied.findings[0], applied.findings[1]);
    let stored = everything(store.as_ref(), &device).findings;
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].version, stored[0].last_seen), (2, NOW + 1));
    let mut machine = finding(&device, "chat", "qq", Severity::High);
    machine.key.holder = deskwarden_domain::model::Holder::Machine("00:1a:2b:3c:4d:5e".into());
    let mut organisation = machine.clone();
    organisation.key.holder = deskwarden_domain::model::Holder::Organisation;
    let applied = store
        .apply(&batch(vec![
            Op::PutFinding(machine),
            Op::PutFinding(organisation),
        ]))
        .unwrap();
    assert_ne!(applied.findings[0].1, applied.findings[1].1);
}

pub fn a_name_that_nobody_gave_follows_the_host_name(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let hello = |hostname: &str| {
        let hints = v1::HostHints {
            hostname: hostname.into(),
            ..Default::default()
        };
        let op = Op::Hello {
            device: device.id,
            agent_version: "1".into(),
            platform: "p".into(),
            hints,
        };
        apply(store.as_ref(), vec![op]);
        everything(store.as_ref(), &device).asset
    };
    assert_eq!(hello("new-name").name, "new-name");
    let mut named = hello("new-name");
    named.name = "front desk".into();
    store.put_asset(&named, false, &audit("asset.put")).unwrap();
    assert_eq!(hello("newer-name").name, "front desk");
}
