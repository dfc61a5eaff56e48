//! What pages read of one device.

use deskwarden_domain::{
    model::{Asset, AssetId, BaselineItem, Change, ChangeKind, Device, DeviceStatus, Outcome, OutcomeRow},
    port::{AssetFilter, DeviceFilter, FacetId, Op, Paging},
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
    views::{ALL, page},
    world::{NOW, apply, audit, enrolled, id, put_op},
};

pub fn a_device_has_sources_counts_and_outcomes(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    let device = &devices[0];
    let report = SourceReport {
        section: Section::Part,
        source: "smbios".into(),
        look: Look::Denied,
        reason: "root".into(),
    };
    let row = OutcomeRow {
        rule: "part".into(),
        outcome: Outcome::CouldNotLook,
        reason: "smbios: root".into(),
    };
    apply(
        store.as_ref(),
        vec![
            Op::Source {
                device: device.id,
                report,
                at: NOW,
                first_looked_at: None,
            },
            Op::Sum {
                device: device.id,
                section: Section::Os,
                digest: 4,
                count: 2,
            },
            Op::Sum {
                device: device.id,
                section: Section::Proxy,
                digest: 4,
                count: 0,
            },
            Op::Outcome {
                asset: device.asset,
                row: row.clone(),
            },
        ],
    );
    let detail = store.device_detail(device.id).unwrap().unwrap();
    assert_eq!((&detail.device, detail.asset.id), (device, device.asset));
    assert_eq!(
        (detail.sources[0].look, detail.sources[0].reason.as_str()),
        (Look::Denied, "root")
    );
    assert_eq!(detail.counts, [(Section::Os, 2)]);
    assert_eq!((detail.outcomes, detail.ledger), (vec![row], vec![]));
    assert!(
        store
            .device_detail(DeviceId::from_random([0; 16]))
            .unwrap()
            .is_none()
    );
    let listed = store.devices(&DeviceFilter::default(), page(0, 2)).unwrap();
    let ids: Vec<_> = listed.rows.iter().map(|(device, _)| device.id).collect();
    assert_eq!((listed.total, ids), (3, vec![devices[2].id, devices[1].id]));
}

pub fn items_stand_beside_their_baseline(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let part = |key: &str| id(Section::Part, "smbios", key);
    let accepted = BaselineItem {
        id: part("b"),
        facet: Bytes::from_static(b"old"),
        facet_hash: digest::facet(b"old"),
        accepted_at: NOW,
        accepted_by: "wang".into(),
    };
    apply(
        store.as_ref(),
        vec![
            put_op(&device, part("c"), b"c", NOW),
            put_op(&device, part("b"), b"new", NOW),
            put_op(&device, part("a"), b"a", NOW),
            put_op(&device, id(Section::Os, "os", "os"), b"os", NOW),
            Op::PutBaseline {
                asset: device.asset,
                item: accepted.clone(),
            },
        ],
    );
    let items = store.items(device.id, Section::Part, ALL).unwrap();
    let keys: Vec<_> = items.rows.iter().map(|row| row.item.id.key.as_str()).collect();
    assert_eq!((items.total, keys), (3, vec!["a", "b", "c"]));
    assert_eq!(items.rows[1].baseline, Some(accepted));
    assert_eq!(items.rows[1].item.facet, "new");
    assert!(items.rows[0].baseline.is_none());
    let cut = store.items(device.id, Section::Part, page(2, 5)).unwrap();
    assert_eq!((cut.total, cut.rows.len()), (3, 1));
    assert_eq!(
        store
            .items(DeviceId::from_random([0; 16]), Section::Part, ALL)
            .unwrap()
            .total,
        0
    );
}

pub fn the_timeline_is_newest_first(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let other = enrolled(store.as_ref(), 2);
    let change =
        |device: &Device, section, kind, before: Option<&'static [u8]>, after: Option<&'static [u8]>| {
            Change {
                device: device.id,
                id: id(section, "source", "key"),
                kind,
                before: before.map(Bytes::from_static),
                after: after.map(Bytes::from_static),
                received_at: NOW,
                observed_at: NOW - 1,
            }
        };
    let lines = [
        change(&device, Section::Software, ChangeKind::Added, None, Some(b"1")),
        change(
            &device,
            Section::Part,
            ChangeKind::Changed,
            Some(b"1"),
            Some(b"2"),
        ),
        change(&device, Section::Software, ChangeKind::Gone, Some(b"1"), None),
    ];
    let mut ops: Vec<_> = lines.iter().cloned().map(Op::Change).collect();
    ops.push(Op::Change(change(
        &other,
        Section::Part,
        ChangeKind::Added,
        None,
        Some(b"3"),
    )));
    apply(store.as_ref(), ops);
    let timeline = bench.open().changes(device.id, None, ALL).unwrap();
    assert_eq!(timeline.total, 3);
    let newest: Vec<_> = timeline.rows.iter().map(|row| row.change.clone()).collect();
    assert_eq!(newest, lines.iter().rev().cloned().collect::<Vec<_>>());
    let software = store
        .changes(device.id, Some(Section::Software), page(1, 5))
        .unwrap();
    assert_eq!((software.total, software.rows.len()), (2, 1));
    assert_eq!(software.rows[0].change, lines[0]);
    assert_eq!(
        store
            .changes(DeviceId::from_random([0; 16]), None, ALL)
            .unwrap()
            .total,
        0
    );
}

pub fn gaps_are_newest_first(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let gap = |section: i32, records, at| Op::Gap {
        device: device.id,
        gap: v1::Gap {
            section,
            records,
            reason: "bound".into(),
            from_ms: 1,
            to_ms: 2,
        },
        at,
    };
    apply(
        store.as_ref(),
        vec![gap(Section::Software as i32, u64::MAX, NOW), gap(77, 2, NOW + 1)],
    );
    let gaps = store.gaps(device.id, 10).unwrap();
    assert_eq!(
        gaps,
        [
            (NOW + 1, Section::Unspecified, 2, "bound".to_owned()),
            (NOW, Section::Software, u64::MAX, "bound".to_owned()),
        ]
    );
    assert_eq!(store.gaps(device.id, 1).unwrap().len(), 1);
}

pub fn blind_sources_are_counted(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    let source = |n: usize, source: &str, look| Op::Source {
        device: devices[n].id,
        report: SourceReport {
            section: Section::Part,
            source: source.into(),
            look,
            reason: "why".into(),
        },
        at: NOW,
        first_looked_at: None,
    };
    apply(
        store.as_ref(),
        vec![
            source(0, "smbios", Look::Denied),
            source(1, "smbios", Look::Denied),
            source(2, "smbios", Look::Denied),
            source(0, "pci", Look::Failed),
            source(1, "pci", Look::Looked),
        ],
    );
    store
        .set_device_status(devices[2].id, DeviceStatus::Retired, &audit("device.retire"))
        .unwrap();
    let blind: Vec<_> = store
        .blind_sources(10)
        .unwrap()
        .into_iter()
        .map(|s| (s.source, s.look, s.devices))
        .collect();
    assert_eq!(
        blind,
        [
            ("smbios".to_owned(), Look::Denied, 2),
            ("pci".to_owned(), Look::Failed, 1)
        ]
    );
    assert_eq!(store.blind_sources(1).unwrap().len(), 1);
}

pub fn lost_records_are_summed_per_device(bench: &dyn Bench) {
    let store = bench.open();
    let (one, two) = (enrolled(store.as_ref(), 1), enrolled(store.as_ref(), 2));
    let gap = |device: DeviceId, records, at| Op::Gap {
        device,
        gap: v1::Gap {
            section: 0,
            records,
            reason: "bound".into(),
            from_ms: 1,
            to_ms: 2,
        },
        at,
    };
    assert_eq!(store.lost_since(0, 10).unwrap(), []);
    apply(
        store.as_ref(),
        vec![
            gap(one.id, u64::MAX, NOW + 1),
            gap(one.id, 2, NOW + 2),
            gap(two.id, 7, NOW),
            gap(two.id, 0, NOW + 3),
        ],
    );
    let lost = |since| -> Vec<(DeviceId, u64)> {
        let rows = store.lost_since(since, 10).unwrap();
        rows.into_iter()
            .map(|(device, _, records)| (device, records))
            .collect()
    };
    let mut all = vec![(one.id, u64::MAX), (two.id, 7)];
    all.sort_unstable();
    assert_eq!(lost(NOW - 1), all, "more than a number holds is the largest");
    assert_eq!(lost(NOW), [(one.id, u64::MAX)]);
    assert_eq!(lost(NOW + 2), [], "a gap without records lost none");
}

pub fn facets_are_counted_over_current_devices(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    let in_department = Asset {
        department: Some("财务部".into()),
        ..store.asset(devices[2].asset).unwrap().unwrap().0.asset
    };
    store
        .put_asset(&in_department, false, &audit("asset.put"))
        .unwrap();
    let software = |key: &str| id(Section::Software, "dpkg", key);
    apply(
        store.as_ref(),
        vec![
            put_op(&devices[0], software("qq"), b"qq", NOW),
            put_op(&devices[0], software("qq-again"), b"qq", NOW),
            put_op(&devices[1], software("qq"), b"qq", NOW),
            put_op(&devices[2], software("wps"), b"wps", NOW),
            put_op(&devices[0], id(Section::Part, "dmi", "qq"), b"part", NOW),
        ],
    );
    let counted = |department: Option<&str>| -> Vec<(Vec<u8>, u64)> {
        let counts = store.facet_counts(Section::Software, department).unwrap();
        counts
            .into_iter()
            .map(|c| (c.facet.to_vec(), c.devices))
            .collect()
    };
    assert_eq!(counted(None), [(b"qq".to_vec(), 2), (b"wps".to_vec(), 1)]);
    assert_eq!(counted(Some("财务部")), [(b"wps".to_vec(), 1)]);
    assert_eq!(counted(Some("无此部门")), []);
    let ids: Vec<AssetId> = devices.iter().map(|device| device.asset).collect();
    let holdings = store.holdings(Section::Software, AssetId(0), 10).unwrap();
    let kept: Vec<_> = holdings
        .iter()
        .map(|holding| (holding.asset, holding.department.as_deref(), holding.facets.len()))
        .collect();
    assert_eq!(
        kept,
        [
            (ids[0], Some("信息管理部"), 1),
            (ids[1], Some("信息管理部"), 1),
            (ids[2], Some("财务部"), 1)
        ]
    );
    assert_eq!(holdings[0].facets, holdings[1].facets, "facets are shared");
    let parts = store.holdings(Section::Media, AssetId(0), 10).unwrap();
    assert_eq!(
        parts.len(),
        3,
        "a PC without any is there, so that the end can be told"
    );
    assert_eq!(
        store.holdings(Section::Software, ids[0], 1).unwrap(),
        [holdings[1].clone()]
    );
    assert_eq!(store.holdings(Section::Software, ids[2], 10).unwrap(), []);
    let wanted = [holdings[2].facets[0], FacetId(i64::MAX), holdings[0].facets[0]];
    let mut told: Vec<Vec<u8>> = store
        .facets(&wanted)
        .unwrap()
        .into_iter()
        .map(|(_, bytes)| bytes.to_vec())
        .collect();
    told.sort();
    assert_eq!(told, [b"qq".to_vec(), b"wps".to_vec()]);
    let among = |among: Vec<AssetId>| {
        let filter = AssetFilter {
            among: Some(among),
            ..AssetFilter::default()
        };
        let paging = Paging { offset: 0, limit: 10 };
        let found = store.assets(&filter, paging).unwrap().rows;
        found.into_iter().map(|row| row.asset.id).collect::<Vec<_>>()
    };
    assert_eq!(among(vec![ids[1]]), [ids[1]]);
    assert_eq!(among(Vec::new()), []);
}

pub fn agents_are_counted_by_version_and_by_whether_they_report(bench: &dyn Bench) {
    let store = bench.open();
    let empty = store.condition(0).unwrap();
    assert!(empty.bytes > 0 && empty.generation > 0);
    assert_eq!((empty.last_report_at, empty.heard), (None, 0));
    assert_eq!(store.agents(0).unwrap(), []);
    let devices: Vec<_> = (1..=4).map(|n| enrolled(store.as_ref(), n)).collect();
    let seen = |n: usize, at, goodbye| Op::Seen {
        device: devices[n].id,
        at,
        goodbye,
    };
    apply(
        store.as_ref(),
        vec![
            seen(0, NOW, false),
            seen(1, NOW - 100, false),
            seen(2, NOW - 200, true),
        ],
    );
    let agents = store.agents(NOW - 50).unwrap();
    assert_eq!(agents.len(), 1);
    let all = &agents[0];
    assert_eq!(all.version, devices[0].agent_version);
    assert_eq!(
        (all.devices, all.reporting, all.off, all.silent),
        (4, 1, 1, 2),
        "one that never reported is silent"
    );
    assert_eq!(all.last_seen_at, Some(NOW));
    let condition = store.condition(NOW - 150).unwrap();
    assert_eq!((condition.last_report_at, condition.heard), (Some(NOW), 2));
    store
        .set_device_status(devices[3].id, DeviceStatus::Revoked, &audit("device.revoke"))
        .unwrap();
    assert_eq!(store.agents(NOW - 50).unwrap()[0].devices, 3);
}
