//! What pages read.

use deskwarden_domain::{
    model::{
        Asset, Claim, ClaimKind, ClaimOrigin, Device, DeviceStatus, FindingHistory, FindingState, Outcome,
        OutcomeRow, Record, Severity, Sight,
    },
    port::{AssetFilter, Compliance, DeviceFilter, FindingFilter, Op, Paging, RuleCount, Store},
};
use deskwarden_proto::v1::Section;

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, evidence, finding, id},
};

pub(super) const ALL: Paging = Paging {
    offset: 0,
    limit: 500,
};

pub(super) fn page(offset: u64, limit: u32) -> Paging {
    Paging { offset, limit }
}

/// Three devices; the first two are flagged.
fn flagged(store: &dyn Store) -> Vec<Device> {
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store, n)).collect();
    let put = |n: usize, rule: &str, subject: &str, severity, opened_at, state| {
        let mut found = finding(&devices[n], rule, subject, severity);
        found.opened_at = opened_at;
        found.state = state;
        Op::PutFinding(found)
    };
    apply(
        store,
        vec![
            put(0, "chat", "qq", Severity::High, NOW, FindingState::Open),
            put(
                0,
                "proxy",
                "clash",
                Severity::Critical,
                NOW - 9,
                FindingState::Acknowledged,
            ),
            put(0, "chat", "old", Severity::High, NOW, FindingState::Resolved),
            put(
                1,
                "chat",
                "qq",
                Severity::High,
                NOW + 5,
                FindingState::NoticeIssued,
            ),
            put(1, "part", "disk", Severity::Low, NOW, FindingState::Accepted),
        ],
    );
    devices
}

fn subjects(store: &dyn Store, filter: &FindingFilter) -> Vec<String> {
    let found = store.findings(filter, ALL).unwrap();
    assert_eq!(found.total, found.rows.len() as u64);
    found
        .rows
        .into_iter()
        .map(|row| row.finding.key.subject)
        .collect()
}

pub fn the_overview_counts(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(
        store.overview(NOW, &Sight::Everything).unwrap(),
        deskwarden_domain::port::Overview::default()
    );
    let devices = flagged(store.as_ref());
    let mut asset = everything(store.as_ref(), &devices[2]).asset;
    asset.number = Some("PC-3".into());
    store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    apply(
        store.as_ref(),
        vec![
            Op::Seen {
                device: devices[0].id,
                at: NOW,
                goodbye: false,
            },
            Op::Seen {
                device: devices[1].id,
                at: NOW - 1,
                goodbye: false,
            },
        ],
    );
    store
        .set_device_status(devices[2].id, DeviceStatus::Pending, &audit("device.hold"))
        .unwrap();
    let numbers = bench.open().overview(NOW, &Sight::Everything).unwrap();
    assert_eq!(
        (
            numbers.assets,
            numbers.registered,
            numbers.reporting,
            numbers.flagged
        ),
        (3, 1, 1, 2)
    );
    assert_eq!(numbers.findings, [0, 0, 2, 1]);
    assert_eq!(
        (
            numbers.opened_recently,
            numbers.pending_devices,
            numbers.dead_deliveries
        ),
        (4, 1, 0)
    );
}

pub fn findings_are_filtered_sorted_and_cut(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = flagged(store);
    let all = store.findings(&FindingFilter::default(), ALL).unwrap();
    let order: Vec<_> = all
        .rows
        .iter()
        .map(|row| (row.finding.severity, row.finding.opened_at))
        .collect();
    assert!(order.windows(2).all(|pair| pair[0] >= pair[1]), "{order:?}");
    assert_eq!(
        (all.total, all.rows[0].finding.key.subject.as_str()),
        (5, "clash")
    );
    assert_eq!(all.rows[0].asset.as_ref().unwrap().id, devices[0].asset);
    assert_eq!(all.rows[0].finding.id, Some(all.rows[0].id));
    let second = store.findings(&FindingFilter::default(), page(1, 2)).unwrap();
    assert_eq!((second.total, &second.rows[..]), (5, &all.rows[1..3]));
    assert!(
        store
            .findings(&FindingFilter::default(), page(9, 2))
            .unwrap()
            .rows
            .is_empty()
    );

    let active: Vec<_> = FindingState::ALL
        .into_iter()
        .filter(|state| state.is_active())
        .collect();
    let filter = FindingFilter {
        states: active,
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["clash", "qq", "qq"]);
    let filter = FindingFilter {
        states: vec![FindingState::Open],
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["qq"]);
    let filter = FindingFilter {
        states: vec![FindingState::Open, FindingState::Resolved],
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter).len(), 2);
    let filter = FindingFilter {
        asset: Some(devices[1].asset),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["qq", "disk"]);
    let filter = FindingFilter {
        asset: Some(devices[1].asset),
        rule: Some("chat".into()),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["qq"]);
    let filter = FindingFilter {
        rule: Some("proxy".into()),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["clash"]);
    let filter = FindingFilter {
        clause: Some("PC 9".into()),
        ..Default::default()
    };
    assert!(subjects(store, &filter).is_empty());
    // A rule whose findings cite another clause proves this one too.
    let filter = FindingFilter {
        clause: Some("PC 9".into()),
        proving: vec!["chat".into(), "none".into()],
        asset: Some(devices[1].asset),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["qq"]);
    // As pages ask: what a rule or a clause has open, and no more of it than that.
    let open = vec![FindingState::Open, FindingState::Acknowledged];
    for (rule, clause, found) in [
        (Some("chat"), None, &["qq"][..]),
        (None, Some("PC 3.2.4"), &["clash", "qq"]),
    ] {
        let filter = FindingFilter {
            states: open.clone(),
            rule: rule.map(Into::into),
            clause: clause.map(Into::into),
            ..Default::default()
        };
        assert_eq!(subjects(store, &filter), found, "{rule:?} {clause:?}");
    }
    let filter = FindingFilter {
        severity: Some(Severity::High),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter).len(), 4);
    let filter = FindingFilter {
        text: Some("PC-0001  cla".into()),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter), ["clash"]);
    let filter = FindingFilter {
        text: Some("信息".into()),
        rule: Some("chat".into()),
        ..Default::default()
    };
    assert_eq!(subjects(store, &filter).len(), 3);
    let filter = FindingFilter {
        text: Some("x' OR '1'='1".into()),
        ..Default::default()
    };
    assert!(subjects(store, &filter).is_empty());
}

pub fn a_finding_has_evidence_and_history(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let found = finding(&device, "chat", "qq", Severity::High);
    let steps: Vec<_> = [
        (None, FindingState::Open),
        (Some(FindingState::Open), FindingState::Acknowledged),
    ]
    .into_iter()
    .map(|(from, to)| FindingHistory {
        at: NOW,
        actor: "wang".into(),
        from,
        to,
        note: "看到了".into(),
    })
    .collect();
    let shown = evidence(&device, "chat", "qq", Some(id(Section::Software, "dpkg", "qq")));
    let mut ops = vec![
        Op::PutFinding(found.clone()),
        Op::PutEvidence(shown.clone()),
        Op::PutEvidence(evidence(&device, "chat", "another subject", None)),
        Op::PutEvidence(evidence(&device, "another rule", "qq", None)),
    ];
    ops.extend(steps.iter().map(|step| Op::History {
        finding: found.key.clone(),
        step: step.clone(),
    }));
    let applied = store.apply(&super::world::batch(ops)).unwrap();
    let detail = bench.open().finding(applied.findings[0].1).unwrap().unwrap();
    assert_eq!(detail.row.finding.key, found.key);
    assert_eq!(detail.device.map(|d| d.id), Some(device.id));
    assert_eq!(detail.evidence, [shown]);
    assert_eq!(detail.history, steps);
    assert!(
        store
            .finding(deskwarden_domain::model::FindingId(999))
            .unwrap()
            .is_none()
    );
}

pub fn assets_are_filtered_sorted_and_cut(bench: &dyn Bench) {
    let store = bench.open();
    let devices = flagged(store.as_ref());
    let claim = |kind, value: &str, origin| Claim {
        kind,
        value: value.into(),
        origin,
        asset: Some(devices[2].asset),
        device: Some(devices[2].id),
        item_key: "eth0".into(),
        note: String::new(),
    };
    apply(
        store.as_ref(),
        vec![Op::Claims {
            device: devices[2].id,
            item_key: "eth0".into(),
            claims: vec![
                claim(ClaimKind::Ip, "10.9.9.9", ClaimOrigin::Own),
                claim(ClaimKind::Ip, "10.8.8.8", ClaimOrigin::Observed),
                claim(ClaimKind::Mac, "00:1a:2b:3c:4d:5e", ClaimOrigin::Own),
                claim(ClaimKind::PartSerial, "SER-77", ClaimOrigin::Own),
            ],
        }],
    );
    let mut third = everything(store.as_ref(), &devices[2]).asset;
    third.name = "Aaa first by name".into();
    third.department = Some("Sales".into());
    store.put_asset(&third, false, &audit("asset.put")).unwrap();
    let names = |filter: &AssetFilter| -> Vec<String> {
        let found = store.assets(filter, ALL).unwrap();
        assert_eq!(found.total, found.rows.len() as u64);
        found.rows.into_iter().map(|row| row.asset.name).collect()
    };
    assert_eq!(
        names(&AssetFilter::default()),
        ["pc-0001", "pc-0002", "Aaa first by name"]
    );
    let rows = store.assets(&AssetFilter::default(), ALL).unwrap().rows;
    assert_eq!(
        (rows[0].findings, rows[1].findings, rows[2].findings),
        ([0, 0, 1, 1], [0, 0, 1, 0], [0; 4])
    );
    assert_eq!(rows[2].addresses, ["10.9.9.9"]);
    assert_eq!(rows[2].device.as_ref().map(|d| d.id), Some(devices[2].id));
    let cut = store.assets(&AssetFilter::default(), page(1, 1)).unwrap();
    assert_eq!((cut.total, &cut.rows[..]), (3, &rows[1..2]));
    assert_eq!(
        names(&AssetFilter {
            flagged: true,
            ..Default::default()
        }),
        ["pc-0001", "pc-0002"]
    );
    assert_eq!(
        names(&AssetFilter {
            department: Some("Sales".into()),
            ..Default::default()
        })
        .len(),
        1
    );
    for text in ["10.9.9.9", "4D:5E", "ser-77", "sales aaa", "PC-0003"] {
        let filter = AssetFilter {
            text: Some(text.into()),
            ..Default::default()
        };
        assert_eq!(names(&filter), ["Aaa first by name"], "{text}");
    }
    // What was dealt with is no longer flagged.
    let mut resolved = everything(store.as_ref(), &devices[1]).findings;
    resolved.retain(|f| f.state.is_active());
    resolved[0].state = FindingState::Resolved;
    apply(store.as_ref(), vec![Op::PutFinding(resolved.remove(0))]);
    assert_eq!(
        names(&AssetFilter {
            flagged: true,
            ..Default::default()
        }),
        ["pc-0001"]
    );
}

pub fn signs_of_patterns_are_only_signs(bench: &dyn Bench) {
    let store = bench.open();
    enrolled(store.as_ref(), 1);
    for text in ["%", "_", "!", "pc_0001", "%pc%", "\\"] {
        let filter = AssetFilter {
            text: Some(text.into()),
            ..Default::default()
        };
        assert_eq!(store.assets(&filter, ALL).unwrap().total, 0, "{text}");
    }
}

pub fn an_asset_has_its_devices(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let (row, devices) = store.asset(device.asset).unwrap().unwrap();
    assert_eq!(row.device.as_ref(), Some(&device));
    assert_eq!(devices, std::slice::from_ref(&device));
    store
        .set_device_status(device.id, DeviceStatus::Retired, &audit("device.retire"))
        .unwrap();
    let (row, devices) = store.asset(device.asset).unwrap().unwrap();
    assert_eq!((row.device, devices.len()), (None, 1));
    assert!(
        store
            .asset(deskwarden_domain::model::AssetId(999))
            .unwrap()
            .is_none()
    );
}

pub fn rules_are_counted(bench: &dyn Bench) {
    let store = bench.open();
    let devices = flagged(store.as_ref());
    let outcome = |n: usize, rule: &str, outcome| Op::Outcome {
        asset: devices[n].asset,
        row: OutcomeRow {
            rule: rule.into(),
            outcome,
            reason: String::new(),
        },
    };
    apply(
        store.as_ref(),
        vec![
            outcome(0, "chat", Outcome::Fail),
            outcome(1, "chat", Outcome::Fail),
            outcome(2, "chat", Outcome::Pass),
            outcome(0, "part", Outcome::CouldNotLook),
        ],
    );
    let count = |rule: &str, pass, fail, could_not_look, findings| RuleCount {
        rule: rule.into(),
        pass,
        fail,
        could_not_look,
        findings,
    };
    assert_eq!(
        store.rule_counts().unwrap(),
        [
            count("chat", 1, 2, 0, 2),
            count("part", 0, 0, 1, 0),
            count("proxy", 0, 0, 0, 1),
        ]
    );
}

pub fn a_limited_reader_sees_own_departments_only(bench: &dyn Bench) {
    let store = bench.open();
    let devices = flagged(store.as_ref());
    let put = |n: usize, department: &str| {
        let asset = store.asset(devices[n].asset).unwrap().unwrap().0.asset;
        let asset = deskwarden_domain::model::Asset {
            department: Some(department.into()),
            ..asset
        };
        store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    };
    put(0, "客服部");
    put(1, "工程部");
    let sight = Sight::of("工程部，财务部");
    let findings = FindingFilter {
        sight: sight.clone(),
        ..FindingFilter::default()
    };
    let found = store.findings(&findings, ALL).unwrap();
    assert_eq!(found.total, 2);
    assert!(found.rows.iter().all(|row| {
        row.asset
            .as_ref()
            .is_some_and(|asset| asset.id == devices[1].asset)
    }));
    let assets = AssetFilter {
        sight: sight.clone(),
        ..AssetFilter::default()
    };
    let assets = store.assets(&assets, ALL).unwrap();
    assert_eq!((assets.total, assets.rows[0].asset.id), (1, devices[1].asset));
    let seen = DeviceFilter {
        sight: sight.clone(),
        ..DeviceFilter::default()
    };
    let seen = store.devices(&seen, ALL).unwrap();
    assert_eq!((seen.total, seen.rows[0].0.id), (1, devices[1].id));
    let numbers = store.overview(NOW - 10, &sight).unwrap();
    assert_eq!(
        (numbers.assets, numbers.flagged, numbers.findings),
        (1, 1, [0, 0, 1, 0])
    );
    assert_eq!(numbers.opened_recently, 2);
}

pub fn a_list_is_walked_by_ids_without_gap_or_repeat(bench: &dyn Bench) {
    let store = bench.open();
    flagged(store.as_ref());
    let mut seen = Vec::new();
    let mut before = i64::MAX;
    loop {
        let filter = FindingFilter {
            before: Some(before),
            ..FindingFilter::default()
        };
        let rows = store.findings(&filter, page(0, 2)).unwrap().rows;
        let Some(last) = rows.last() else { break };
        before = last.id.0;
        seen.extend(rows.iter().map(|row| row.id.0));
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let assets = |before| {
        let filter = AssetFilter {
            before: Some(before),
            ..AssetFilter::default()
        };
        let rows = store.assets(&filter, page(0, 2)).unwrap().rows;
        rows.iter().map(|row| row.asset.id.0).collect::<Vec<_>>()
    };
    assert_eq!((assets(i64::MAX), assets(2)), (vec![3, 2], vec![1]));
    let first = store
        .devices(&DeviceFilter::default(), page(0, 1))
        .unwrap()
        .rows
        .remove(0)
        .0;
    let rest = DeviceFilter {
        before: Some(first.id),
        ..DeviceFilter::default()
    };
    assert_eq!(store.devices(&rest, ALL).unwrap().rows.len(), 2);
}

pub fn records_and_departments_are_counted(bench: &dyn Bench) {
    let store = bench.open();
    let devices = flagged(store.as_ref());
    for (device, department) in devices.iter().zip(["财务部", "财务部"]) {
        let (row, _) = store.asset(device.asset).unwrap().unwrap();
        let asset = Asset {
            number: Some(format!("ZC-{}", device.asset.0)),
            department: Some(department.to_owned()),
            ..row.asset
        };
        store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    }
    let counts: std::collections::BTreeMap<_, _> = store.record_counts().unwrap().into_iter().collect();
    assert_eq!((counts[&Record::Register], counts[&Record::Findings]), (2, 5));
    assert!(counts[&Record::Audit] >= 2);
    for record in Record::ALL {
        let elsewhere = *record == Record::Fields;
        assert_eq!(counts.contains_key(record), !elsewhere, "{}", record.name());
    }
    let row = |department: Option<&str>, assets, compliant| Compliance {
        department: department.map(str::to_owned),
        assets,
        compliant,
    };
    assert_eq!(
        store.departments().unwrap(),
        [row(Some("财务部"), 2, 0), row(Some("信息管理部"), 1, 1)]
    );
}

pub fn times_of_findings_are_read_from_their_history(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(store.machines().unwrap(), []);
    let devices = flagged(store.as_ref());
    let step = |n: usize, rule: &str, subject: &str, at, from, to| Op::History {
        finding: finding(&devices[n], rule, subject, Severity::High).key,
        step: FindingHistory {
            at,
            actor: "deskwarden".into(),
            from,
            to,
            note: String::new(),
        },
    };
    let (open, seen, gone) = (
        FindingState::Open,
        FindingState::Acknowledged,
        FindingState::Resolved,
    );
    apply(
        store.as_ref(),
        vec![
            step(0, "chat", "qq", 10, None, open),
            step(0, "chat", "qq", 20, Some(open), seen),
            step(0, "chat", "qq", 30, Some(seen), gone),
            step(0, "chat", "qq", 40, Some(gone), open),
            step(0, "chat", "old", 5, None, open),
            step(0, "chat", "old", 15, Some(open), gone),
            step(1, "part", "disk", 7, None, open),
            step(1, "part", "disk", 17, Some(open), FindingState::Accepted),
        ],
    );
    let spans = |since| -> Vec<_> {
        let mut spans: Vec<_> = store
            .spans(since)
            .unwrap()
            .into_iter()
            .map(|span| (span.asset, span.from, span.to))
            .collect();
        spans.sort();
        spans
    };
    let (one, two) = (devices[0].asset, devices[1].asset);
    let standing = [(one, 10, Some(30)), (one, 40, None)];
    assert_eq!(
        spans(100),
        standing,
        "an active finding is read from its beginning"
    );
    assert_eq!(spans(17), [standing[0], standing[1], (two, 7, Some(17))]);
    assert_eq!(spans(0).len(), 4);
    let machines = store.machines().unwrap();
    assert_eq!(machines.len(), 3);
    assert_eq!(
        (machines[0].asset, machines[0].department.as_deref()),
        (one, Some("信息管理部"))
    );
    apply(
        store.as_ref(),
        vec![
            Op::Seen {
                device: devices[0].id,
                at: NOW,
                goodbye: false,
            },
            Op::Seen {
                device: devices[1].id,
                at: NOW - 50,
                goodbye: true,
            },
        ],
    );
    let attention = |sight: &Sight| store.attention(NOW, NOW - 10, sight).unwrap();
    let all = attention(&Sight::Everything);
    assert_eq!((all.overdue, all.silent, all.registered_reporting), (0, 1, 0));
    assert_eq!(attention(&Sight::of("财务部")).silent, 0);
    let silent = AssetFilter {
        silent_since: Some(NOW - 10),
        ..AssetFilter::default()
    };
    let found = store.assets(&silent, ALL).unwrap();
    assert_eq!((found.total, found.rows[0].asset.id), (1, devices[2].asset));
}
