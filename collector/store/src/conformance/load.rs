//! What is loaded is what was applied.

use deskwarden_domain::{
    model::{
        BaselineItem, Change, ChangeKind, Device, DeviceStatus, FindingHistory, FindingState, Outcome,
        OutcomeRow, Severity,
    },
    port::{DeviceState, LoadRequest, Op, Scope, StagedChunk},
};
use deskwarden_proto::{
    Bytes,
    decode::{ItemId, SourceReport},
    digest,
    ids::DeviceId,
    v1::{self, Look, Section},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, evidence, finding, id, position, put, put_op},
};

pub fn an_unknown_device_is_none(bench: &dyn Bench) {
    let store = bench.open();
    let known = enrolled(store.as_ref(), 1);
    let request = |device| LoadRequest {
        device,
        scope: Scope::Everything,
        staged: None,
    };
    let states = store
        .load(&[request(DeviceId::from_random([0; 16])), request(known.id)])
        .unwrap();
    assert!(states[0].is_none());
    assert_eq!(states[1].as_ref().unwrap().device, known);
    assert!(store.load(&[]).unwrap().is_empty());
}

pub fn what_was_applied_is_there_after_a_restart(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let fresh = everything(store.as_ref(), &device);
    assert_eq!((fresh.position.epoch, fresh.position.next_sequence), (1, 1));
    assert_eq!(fresh.position.resume_key, [7; 32]);
    assert!(fresh.asset.provisional);
    assert_eq!(fresh.asset.name, "pc-0001");
    assert_eq!(fresh.asset.department.as_deref(), Some("信息管理部"));

    let item = id(Section::Software, "dpkg", "qq:amd64");
    let slot = id(Section::Part, "smbios", "memory DIMM 0");
    let mut found = finding(&device, "chat", "qq", Severity::High);
    let shown = evidence(&device, "chat", "qq", Some(item.clone()));
    let itself = evidence(&device, "unregistered", "asset", None);
    let step = FindingHistory {
        at: NOW,
        actor: "deskwarden".into(),
        from: None,
        to: FindingState::Open,
        note: String::new(),
    };
    let outcome = OutcomeRow {
        rule: "chat".into(),
        outcome: Outcome::Fail,
        reason: String::new(),
    };
    let accepted = BaselineItem {
        id: slot.clone(),
        facet: Bytes::from_static(b"8 GiB"),
        facet_hash: digest::facet(b"8 GiB"),
        accepted_at: NOW,
        accepted_by: "first contact".into(),
    };
    apply(
        store.as_ref(),
        vec![
            Op::Hello {
                device: device.id,
                agent_version: "0.2.0".into(),
                platform: "linux-aarch64".into(),
                hints: v1::HostHints {
                    hostname: "pc-0001".into(),
                    model: "X1".into(),
                    ..Default::default()
                },
            },
            put_op(&device, item.clone(), b"facet", NOW),
            Op::Source {
                device: device.id,
                report: SourceReport {
                    section: Section::Software,
                    source: "dpkg".into(),
                    look: Look::Looked,
                    reason: String::new(),
                },
                at: NOW,
                first_looked_at: Some(NOW),
            },
            Op::Sum {
                device: device.id,
                section: Section::Software,
                digest: u128::MAX - 1,
                count: 1,
            },
            Op::Seeded {
                asset: device.asset,
                section: Section::Part,
                source: "smbios".into(),
            },
            Op::PutBaseline {
                asset: device.asset,
                item: accepted.clone(),
            },
            Op::PutEvidence(shown.clone()),
            Op::PutEvidence(itself.clone()),
            Op::Outcome {
                asset: device.asset,
                row: outcome.clone(),
            },
            Op::PutFinding(found.clone()),
            Op::History {
                finding: found.key.clone(),
                step,
            },
            Op::Change(Change {
                device: device.id,
                id: item.clone(),
                kind: ChangeKind::Added,
                before: None,
                after: Some(Bytes::from_static(b"facet")),
                received_at: NOW,
                observed_at: NOW - 5,
            }),
            Op::Judged {
                asset: device.asset,
                generation: 1,
                wake_at: Some(NOW + 77),
            },
            Op::Position {
                device: device.id,
                position: position(5),
            },
            Op::Seen {
                device: device.id,
                at: NOW + 3,
                goodbye: true,
            },
            Op::Audit(audit("ingest")),
        ],
    );
    drop(store);

    let store = bench.open();
    let state = everything(store.as_ref(), &device);
    assert_eq!(state.position, position(5));
    assert_eq!(
        (
            state.device.agent_version.as_str(),
            state.device.platform.as_str()
        ),
        ("0.2.0", "linux-aarch64")
    );
    assert_eq!(state.device.hints.model, "X1");
    assert_eq!(
        (state.device.last_seen_at, state.device.goodbye_at),
        (Some(NOW + 3), Some(NOW + 3))
    );
    assert_eq!(state.device.status, DeviceStatus::Active);
    assert_eq!(
        (state.asset.judged_generation, state.asset.wake_at),
        (1, Some(NOW + 77))
    );
    let stored = &state.items[&item];
    let sent = put(item.clone(), b"facet");
    assert_eq!(
        (&stored.facet, &stored.local, stored.digest),
        (&sent.facet, &sent.local, sent.digest)
    );
    assert_eq!(
        (stored.facet_hash, stored.first_seen, stored.changed_at),
        (sent.facet_hash, NOW, NOW)
    );
    assert_eq!(state.items.len(), 1);
    assert_eq!(state.sources.len(), 1);
    assert_eq!(
        (state.sources[0].look, state.sources[0].first_looked_at),
        (Look::Looked, Some(NOW))
    );
    assert_eq!(state.sums, [(Section::Software, u128::MAX - 1, 1)]);
    assert_eq!(state.seeded, [(Section::Part, "smbios".to_owned())]);
    assert_eq!(state.baseline[&slot], accepted);
    assert_eq!(state.evidence, [shown, itself]);
    assert_eq!(state.outcomes, [outcome]);
    found.id = state.findings[0].id;
    found.version = 1;
    assert!(found.id.is_some());
    assert_eq!(state.findings, [found]);
    assert_eq!(store.verify_audit().unwrap(), Ok(2));

    apply(
        store.as_ref(),
        vec![Op::Seen {
            device: device.id,
            at: NOW + 9,
            goodbye: false,
        }],
    );
    let state = everything(store.as_ref(), &device);
    assert_eq!(
        (state.device.last_seen_at, state.device.goodbye_at),
        (Some(NOW + 9), None)
    );
}

pub fn a_touched_scope_holds_what_was_named(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let other = enrolled(store.as_ref(), 2);
    let software = |key: &str| id(Section::Software, "dpkg", key);
    let part = |key: &str| id(Section::Part, "smbios", key);
    let baseline = |device: &deskwarden_domain::model::Device, id: ItemId| Op::PutBaseline {
        asset: device.asset,
        item: BaselineItem {
            id,
            facet: Bytes::from_static(b"x"),
            facet_hash: digest::facet(b"x"),
            accepted_at: NOW,
            accepted_by: "first contact".into(),
        },
    };
    let owned = ItemId {
        principal: "1000".into(),
        ..software("a")
    };
    apply(
        store.as_ref(),
        vec![
            put_op(&device, software("a"), b"a", NOW),
            put_op(&device, owned.clone(), b"a of 1000", NOW),
            put_op(&device, software("b"), b"b", NOW),
            put_op(&device, part("p"), b"p", NOW),
            put_op(&other, software("a"), b"other a", NOW),
            baseline(&device, part("p")),
            baseline(&device, part("gone")),
            baseline(&device, id(Section::Network, "netlink", "n")),
            baseline(&other, part("p")),
        ],
    );
    let load = |items: Vec<ItemId>, sections: Vec<Section>| {
        let request = LoadRequest {
            device: device.id,
            scope: Scope::Touched { items, sections },
            staged: None,
        };
        store.load(&[request]).unwrap().pop().unwrap().unwrap()
    };
    let state = load(vec![], vec![]);
    assert!(state.items.is_empty() && state.baseline.is_empty());
    let state = load(vec![software("a"), software("a"), software("never")], vec![]);
    assert_eq!(state.items.keys().collect::<Vec<_>>(), [&software("a")]);
    assert_eq!(state.items[&software("a")].facet, "a");
    let state = load(vec![part("p"), part("gone"), owned.clone()], vec![Section::Part]);
    assert_eq!(state.items.keys().collect::<Vec<_>>(), [&part("p"), &owned]);
    assert_eq!(
        state.baseline.keys().collect::<Vec<_>>(),
        [&part("gone"), &part("p")]
    );
    let state = load(vec![part("gone")], vec![Section::Software]);
    assert_eq!(state.items.len(), 3);
    assert_eq!(state.baseline.keys().collect::<Vec<_>>(), [&part("gone")]);
    assert_eq!(everything(store.as_ref(), &device).baseline.len(), 3);
}

pub fn a_head_is_as_whole_as_everything_has_it_and_nothing_else(bench: &dyn Bench) {
    let store = bench.open();
    let (one, other) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    let sum = |device: &Device, count| Op::Sum {
        device: device.id,
        section: Section::Os,
        digest: 77,
        count,
    };
    let outcome = |device: &Device| Op::Outcome {
        asset: device.asset,
        row: OutcomeRow {
            rule: "chat".into(),
            outcome: Outcome::Pass,
            reason: String::new(),
        },
    };
    let ops = [&one, &other].into_iter().zip(1..).flat_map(|(device, count)| {
        [
            put_op(device, id(Section::Os, "os", "os"), b"o", NOW),
            sum(device, count),
            outcome(device),
        ]
    });
    apply(store.as_ref(), ops.collect());
    let request = |device: &Device, scope| LoadRequest {
        device: device.id,
        scope,
        staged: None,
    };
    // Beside one of which everything is asked, in both orders.
    let loaded = |requests: &[LoadRequest]| -> Vec<DeviceState> {
        store.load(requests).unwrap().into_iter().flatten().collect()
    };
    for whole_first in [true, false] {
        let mut requests = vec![request(&one, Scope::Head), request(&other, Scope::Everything)];
        if whole_first {
            requests.reverse();
        }
        let mut states = loaded(&requests);
        if whole_first {
            states.reverse();
        }
        let [head, whole] = &states[..] else {
            panic!("{states:?}");
        };
        assert_eq!(*whole, everything(store.as_ref(), &other));
        assert_eq!((whole.items.len(), whole.outcomes.len()), (1, 1));
        let all = everything(store.as_ref(), &one);
        assert_eq!((all.items.len(), all.outcomes.len()), (1, 1));
        let bare = DeviceState {
            device: all.device,
            asset: all.asset,
            position: all.position,
            sums: all.sums,
            ..head.clone()
        };
        assert_eq!(*head, bare);
        assert_eq!(head.sums, [(Section::Os, 77, 1)]);
        assert!(head.items.is_empty() && head.outcomes.is_empty() && head.sources.is_empty());
    }
}

pub fn many_devices_are_loaded_in_order(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (0..20).map(|n| enrolled(store.as_ref(), n)).collect();
    let ops = devices
        .iter()
        .zip(0..)
        .map(|(device, n): (_, u8)| put_op(device, id(Section::Os, "os", "os"), &[n], NOW));
    apply(store.as_ref(), ops.collect());
    let scope = Scope::Touched {
        items: vec![id(Section::Os, "os", "os")],
        sections: vec![],
    };
    // Backwards, every other one whole, and one twice.
    let mut order: Vec<usize> = (0..20).rev().collect();
    order.push(3);
    let requests: Vec<_> = order
        .iter()
        .map(|n| LoadRequest {
            device: devices[*n].id,
            scope: if n % 2 == 0 {
                Scope::Everything
            } else {
                scope.clone()
            },
            staged: None,
        })
        .collect();
    for (n, state) in order.into_iter().zip(store.load(&requests).unwrap()) {
        let state = state.unwrap();
        assert_eq!(state.device.id, devices[n].id);
        assert_eq!(state.items.len(), 1);
        assert_eq!(
            state.items[&id(Section::Os, "os", "os")].facet.as_ref(),
            [u8::try_from(n).unwrap()]
        );
    }
}

pub fn staged_chunks_come_back_in_order(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let stage = |snapshot: u8, index: u32, payload: &[u8]| Op::Stage {
        device: device.id,
        section: Section::Software,
        snapshot_id: [snapshot; 16],
        index,
        payload: payload.to_vec(),
    };
    apply(
        store.as_ref(),
        vec![stage(1, 1, b"one"), stage(1, 0, b"nought"), stage(2, 0, b"other")],
    );
    // Sent again after a lost acknowledgement.
    apply(store.as_ref(), vec![stage(1, 0, b"zero")]);
    drop(store);
    let store = bench.open();
    let staged = |snapshot: u8, section| {
        let request = LoadRequest {
            device: device.id,
            scope: Scope::Touched {
                items: vec![],
                sections: vec![],
            },
            staged: Some((section, [snapshot; 16])),
        };
        store.load(&[request]).unwrap().pop().unwrap().unwrap().staged
    };
    let chunk = |index, payload: &[u8]| StagedChunk {
        index,
        payload: payload.to_vec(),
    };
    assert_eq!(
        staged(1, Section::Software),
        [chunk(0, b"zero"), chunk(1, b"one")]
    );
    assert!(staged(1, Section::Part).is_empty());
    assert!(everything(store.as_ref(), &device).staged.is_empty());
    let unstage = Op::Unstage {
        device: device.id,
        section: Section::Software,
    };
    apply(
        store.as_ref(),
        vec![stage(1, 2, b"late"), unstage, stage(3, 0, b"next")],
    );
    assert!(staged(1, Section::Software).is_empty() && staged(2, Section::Software).is_empty());
    assert_eq!(staged(3, Section::Software), [chunk(0, b"next")]);
}

pub fn extreme_numbers_survive(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let mut far = position(u64::MAX);
    far.epoch = u64::MAX - 1;
    far.last_payload_hash = None;
    let sums = [
        (Section::Os, 0, 1),
        (Section::Part, 1u128 << 127, u64::MAX),
        (Section::Software, u128::MAX, 0),
    ];
    let mut ops: Vec<Op> = sums
        .iter()
        .map(|(section, digest, count)| Op::Sum {
            device: device.id,
            section: *section,
            digest: *digest,
            count: *count,
        })
        .collect();
    // A section that became empty is none with content.
    ops.push(Op::Sum {
        device: device.id,
        section: Section::Proxy,
        digest: 5,
        count: 1,
    });
    ops.push(Op::Sum {
        device: device.id,
        section: Section::Proxy,
        digest: 0,
        count: 0,
    });
    ops.push(Op::Position {
        device: device.id,
        position: far.clone(),
    });
    ops.push(Op::Judged {
        asset: device.asset,
        generation: i64::MAX,
        wake_at: Some(i64::MIN),
    });
    apply(store.as_ref(), ops);
    let state = everything(bench.open().as_ref(), &device);
    assert_eq!(state.position, far);
    assert_eq!(state.sums, sums);
    assert_eq!(
        (state.asset.judged_generation, state.asset.wake_at),
        (i64::MAX, Some(i64::MIN))
    );
}

pub fn hostile_text_survives(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let key = "'; DROP TABLE items; -- \\ \" % _ ?1 $1 {id} 巡检 \u{202e}🦀";
    let item = ItemId {
        section: Section::Software,
        source: key.into(),
        key: key.into(),
        principal: "S-1-5-21-1".into(),
    };
    let mut found = finding(&device, "chat", key, Severity::Low);
    // Words for people may carry what a package has in its name; a NUL is the one sign that is replaced.
    found.subject_name = "a\0b\r\n\t\u{7f}".into();
    let facet = b"\0\xff\xfe not text";
    apply(
        store.as_ref(),
        vec![
            put_op(&device, item.clone(), facet, NOW),
            Op::PutFinding(found.clone()),
        ],
    );
    let state = everything(bench.open().as_ref(), &device);
    assert_eq!(state.items[&item].facet.as_ref(), facet);
    assert_eq!(state.findings[0].key, found.key);
    assert_eq!(state.findings[0].subject_name, "a\u{fffd}b\r\n\t\u{7f}");
}
