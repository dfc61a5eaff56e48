//! What the record forms list.

use deskwarden_domain::{
    model::{Asset, AuditEntry, FindingHistory, FindingState, Severity},
    port::{Op, Paging, RecordFilter, Store},
    register::AssetEdit,
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, finding},
};

const ALL: Paging = Paging { offset: 0, limit: 50 };

/// The PC gets its first custodian, and later another one in another department.
fn hands_over(store: &dyn Store, asset: Asset) {
    let mut asset = asset;
    for (at, custodian, department) in [(NOW + 50, "王芳", "客服部"), (NOW + 60, "李强", "法务部")]
    {
        asset.custodian = Some(custodian.into());
        asset.department = Some(department.into());
        let edit = AssetEdit {
            asset: asset.clone(),
            make: false,
            serials: None,
        };
        let audit = AuditEntry {
            at,
            ..audit("register.assets")
        };
        store.edit_assets(&[edit], &audit).unwrap();
        asset.version += 1;
    }
}

pub fn breaches_and_accepted_changes_are_listed_by_period_and_department(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (one, two) = (enrolled(store, 1), enrolled(store, 2));
    let asset = Asset {
        department: Some("客服部".into()),
        ..everything(store, &one).asset
    };
    store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    let mut swapped = finding(&one, "pc.part-changed", "memory:A1", Severity::High);
    swapped.state = FindingState::Accepted;
    let mut late = finding(&two, "pc.chat", "qq", Severity::High);
    late.opened_at = NOW + 100;
    let accepted = FindingHistory {
        at: NOW + 10,
        actor: "li".into(),
        from: Some(FindingState::Open),
        to: FindingState::Accepted,
        note: "工单 12".into(),
    };
    apply(
        store,
        vec![
            Op::PutFinding(swapped.clone()),
            Op::History {
                finding: swapped.key.clone(),
                step: accepted.clone(),
            },
            Op::PutFinding(late),
        ],
    );
    let period = |from, until, department: Option<&str>| RecordFilter {
        from,
        until,
        department: department.map(str::to_owned),
    };
    let opened = |filter: &RecordFilter| -> Vec<String> {
        let page = store.violations(filter, ALL).unwrap();
        assert_eq!(page.total, page.rows.len() as u64);
        page.rows.into_iter().map(|row| row.finding.key.rule).collect()
    };
    assert_eq!(
        opened(&period(NOW, NOW + 101, None)),
        ["pc.part-changed", "pc.chat"]
    );
    assert_eq!(opened(&period(NOW + 1, NOW + 101, None)), ["pc.chat"]);
    assert_eq!(opened(&period(NOW, NOW + 100, None)), ["pc.part-changed"]);
    assert_eq!(opened(&period(0, NOW + 101, Some("客服部"))), ["pc.part-changed"]);
    hands_over(store, asset);
    // What was found stays with those who had the PC then.
    assert_eq!(opened(&period(0, NOW + 101, Some("客服部"))), ["pc.part-changed"]);
    assert!(opened(&period(0, NOW + 101, Some("法务部"))).is_empty());
    let page = store.violations(&period(NOW, NOW + 1, None), ALL).unwrap();
    let then = page.rows[0].asset.as_ref().unwrap();
    let said = |text: &Option<String>| text.clone().unwrap_or_default();
    assert_eq!(
        (said(&then.custodian), said(&then.department)),
        ("王芳".to_owned(), "客服部".to_owned())
    );
    let changes = store.accepted_changes(&period(NOW, NOW + 11, None), ALL).unwrap();
    assert_eq!(changes.rows[0].step, accepted);
    assert_eq!(
        changes.rows[0].asset.as_ref().map(|asset| asset.id),
        Some(one.asset)
    );
    assert_eq!(
        store
            .accepted_changes(&period(NOW, NOW + 10, None), ALL)
            .unwrap()
            .total,
        0
    );
    assert_eq!(
        store
            .accepted_changes(&period(0, NOW + 11, Some("x")), ALL)
            .unwrap()
            .total,
        0
    );
}
