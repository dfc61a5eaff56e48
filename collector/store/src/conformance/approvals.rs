//! Approvals: whom they reach, and who is judged again when they change.

use deskwarden_domain::{
    model::{
        Approval, ApprovalId, ApprovalState, Asset, AssetId, AuditEntry, Claim, ClaimKind, ClaimOrigin,
        Device, Grantee, Severity, Withdrawal,
    },
    port::{ApprovalFilter, Batch, Op, Paging, Store, StoreError},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, finding},
};

const DAY: i64 = 86_400_000;
const ALL: Paging = Paging { offset: 0, limit: 50 };

fn approval(grantee: Grantee, rule: &str, subject: &str) -> Approval {
    Approval {
        id: None,
        grantee,
        rule: rule.into(),
        subject: subject.into(),
        approver: "张主任".into(),
        reason: "值班室录像".into(),
        starts_at: NOW,
        ends_at: NOW + 90 * DAY,
        granted_at: NOW,
        granted_by: "li".into(),
        finding: None,
        withdrawn: None,
    }
}

fn grant(store: &dyn Store, approvals: Vec<Approval>) -> Vec<ApprovalId> {
    let with_audit: Vec<(Approval, AuditEntry)> = approvals
        .into_iter()
        .map(|approval| (approval, audit("approval.grant")))
        .collect();
    store.grant(&with_audit).unwrap()
}

fn withdrawal() -> Withdrawal {
    Withdrawal {
        at: NOW + DAY,
        by: "li".into(),
        reason: "岗位调整".into(),
    }
}

/// Devices of these departments, judged, with one open finding each.
fn office(store: &dyn Store, departments: &[Option<&str>]) -> Vec<Device> {
    let devices: Vec<Device> = (1..).zip(departments).map(|(n, _)| enrolled(store, n)).collect();
    for (device, department) in devices.iter().zip(departments) {
        let asset = Asset {
            department: department.map(str::to_owned),
            ..everything(store, device).asset
        };
        store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    }
    let mut ops: Vec<Op> = devices
        .iter()
        .map(|device| Op::PutFinding(finding(device, "pc.chat", "qq", Severity::High)))
        .collect();
    ops.extend(judged(store, &devices));
    apply(store, ops);
    assert!(due(store).is_empty());
    devices
}

fn judged(store: &dyn Store, devices: &[Device]) -> Vec<Op> {
    let generation = store.context_generation().unwrap();
    let judged = devices.iter().map(|device| Op::Judged {
        asset: device.asset,
        generation,
        wake_at: None,
    });
    judged.collect()
}

fn due(store: &dyn Store) -> Vec<deskwarden_proto::ids::DeviceId> {
    store.due(i64::MAX, 50).unwrap()
}

fn listed(store: &dyn Store, filter: ApprovalFilter) -> Vec<ApprovalId> {
    let page = store.approvals(&filter, ALL).unwrap();
    assert_eq!(page.total, page.rows.len() as u64);
    page.rows.iter().map(|row| row.id).collect()
}

pub fn approvals_are_granted_listed_and_withdrawn(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[Some("保安部")]);
    let of_asset = Approval {
        starts_at: NOW + 10 * DAY,
        ..approval(Grantee::Asset(devices[0].asset), "pc.chat", "qq")
    };
    let of_department = Approval {
        ends_at: NOW + 30 * DAY,
        ..approval(Grantee::Department("保安部".into()), "pc.video", "*")
    };
    let ids = grant(store, vec![of_asset.clone(), of_department.clone()]);
    assert_eq!(
        listed(store, ApprovalFilter::default()),
        ids,
        "what ends last comes first"
    );
    let row = store.approval(ids[0]).unwrap().unwrap();
    assert_eq!(
        row.approval,
        Approval {
            id: Some(ids[0]),
            ..of_asset
        }
    );
    assert_eq!(row.asset.unwrap().id, devices[0].asset);
    let state = |state, now| ApprovalFilter {
        state: Some(state),
        now,
        ..ApprovalFilter::default()
    };
    assert_eq!(listed(store, state(ApprovalState::Planned, NOW)), ids[..1]);
    assert_eq!(listed(store, state(ApprovalState::InForce, NOW)), ids[1..]);
    assert_eq!(
        listed(store, state(ApprovalState::Ended, NOW + 31 * DAY)),
        ids[1..]
    );
    let of = ApprovalFilter {
        asset: Some(devices[0].asset),
        text: Some("值班室 保安部".into()),
        ..ApprovalFilter::default()
    };
    assert_eq!(listed(store, of.clone()), ids);
    let rule = ApprovalFilter {
        rule: Some("pc.video".into()),
        ..of
    };
    assert_eq!(listed(store, rule), ids[1..]);

    store
        .withdraw_approval(ids[0], &withdrawal(), &audit("approval.withdraw"))
        .unwrap();
    let again = store.withdraw_approval(ids[0], &withdrawal(), &audit("approval.withdraw"));
    assert!(matches!(again, Err(StoreError::Stale)), "{again:?}");
    let unknown = store.withdraw_approval(ApprovalId(99), &withdrawal(), &audit("approval.withdraw"));
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
    assert_eq!(listed(store, state(ApprovalState::Withdrawn, NOW)), ids[..1]);
    let withdrawn = bench.open().approval(ids[0]).unwrap().unwrap().approval;
    assert_eq!(withdrawn.withdrawn, Some(withdrawal()));
    let audited: Vec<(String, String)> = store
        .audit_records(1, 100)
        .unwrap()
        .into_iter()
        .filter(|record| record.entry.action.starts_with("approval"))
        .map(|record| (record.entry.action, record.entry.object))
        .collect();
    assert_eq!(
        audited,
        [
            ("approval.grant".to_owned(), format!("approval:{}", ids[0].0)),
            ("approval.grant".to_owned(), format!("approval:{}", ids[1].0)),
            ("approval.withdraw".to_owned(), "thing:1".to_owned()),
        ]
    );
}

pub fn an_approval_makes_due_exactly_what_it_touches(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[Some("保安部"), Some("保安部"), Some("工程部"), None]);
    let guards = || Grantee::Department("保安部".into());
    grant(store, vec![approval(guards(), "pc.video", "*")]);
    assert!(due(store).is_empty(), "nobody has a finding of that rule");
    grant(store, vec![approval(guards(), "pc.chat", "wechat*")]);
    assert!(due(store).is_empty(), "nobody has a finding on that subject");
    let ids = grant(store, vec![approval(guards(), "pc.chat", "q*")]);
    assert_eq!(due(store), [devices[0].id, devices[1].id]);
    apply(store, judged(store, &devices));
    store
        .withdraw_approval(ids[0], &withdrawal(), &audit("approval.withdraw"))
        .unwrap();
    assert_eq!(due(store), [devices[0].id, devices[1].id]);
    apply(store, judged(store, &devices));
    grant(
        store,
        vec![approval(Grantee::Asset(devices[3].asset), "pc.chat", "qq")],
    );
    assert_eq!(due(store), [devices[3].id]);
}

pub fn a_report_that_was_loaded_before_an_approval_is_stale(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[Some("保安部"), None]);
    let report = |device: &Device| {
        let state = everything(store, device);
        Batch {
            assets: vec![(state.asset.id, state.asset.version)],
            ops: judged(store, std::slice::from_ref(device)),
            ..Batch::default()
        }
    };
    let (covered, other) = (report(&devices[0]), report(&devices[1]));
    // It has no such finding yet: the report may be what opens it.
    grant(
        store,
        vec![approval(Grantee::Department("保安部".into()), "pc.video", "*")],
    );
    assert!(matches!(store.apply(&covered), Err(StoreError::Stale)));
    store.apply(&other).unwrap();
}

pub fn approvals_are_loaded_with_their_assets_until_they_are_over(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[Some("保安部"), Some("工程部")]);
    let loaded = |device: &Device| -> Vec<ApprovalId> {
        everything(store, device)
            .approvals
            .iter()
            .filter_map(|approval| approval.id)
            .collect()
    };
    let ids = grant(
        store,
        vec![
            approval(Grantee::Department("保安部".into()), "pc.video", "*"),
            approval(Grantee::Asset(devices[0].asset), "pc.chat", "qq"),
            approval(Grantee::Asset(devices[1].asset), "pc.chat", "qq"),
        ],
    );
    assert_eq!(loaded(&devices[0]), ids[..2]);
    assert_eq!(loaded(&devices[1]), ids[2..]);
    let of = store.findings(&deskwarden_domain::port::FindingFilter::default(), ALL);
    for row in of.unwrap().rows {
        let naming = store.approvals_of(row.id).unwrap();
        let expected = usize::from(row.asset.unwrap().id == devices[1].asset);
        assert_eq!(naming[0].id, ids[1 + expected]);
        assert_eq!(naming.len(), 1);
    }
    store
        .withdraw_approval(ids[1], &withdrawal(), &audit("approval.withdraw"))
        .unwrap();
    assert_eq!(loaded(&devices[0]), ids[..1]);
    store.tidy(NOW + 90 * DAY).unwrap();
    assert_eq!(loaded(&devices[0]), ids[..1], "it ends at that moment");
    store.tidy(NOW + 91 * DAY).unwrap();
    assert!(loaded(&devices[0]).is_empty());
    assert_eq!(
        listed(store, ApprovalFilter::default()).len(),
        3,
        "the record stays"
    );
}

pub fn an_approval_for_an_unknown_asset_leaves_nothing(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[None]);
    let both = [devices[0].asset, AssetId(99)].map(|asset| {
        (
            approval(Grantee::Asset(asset), "pc.chat", "qq"),
            audit("approval.grant"),
        )
    });
    let refused = store.grant(&both);
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    assert!(listed(store, ApprovalFilter::default()).is_empty() && due(store).is_empty());
}

pub fn what_several_devices_show_is_looked_at_again(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let devices = office(store, &[None]);
    let address = "10.1.2.3";
    let claim = Claim {
        kind: ClaimKind::Ip,
        value: address.into(),
        origin: ClaimOrigin::Own,
        asset: Some(devices[0].asset),
        device: Some(devices[0].id),
        item_key: "eth0".into(),
        note: "{}".into(),
    };
    let mut across = finding(&devices[0], "pc.ip-conflict", address, Severity::High);
    across.seen = Some("{}".into());
    apply(
        store,
        vec![
            Op::Claims {
                device: devices[0].id,
                item_key: "eth0".into(),
                claims: vec![claim],
            },
            Op::PutFinding(across),
        ],
    );
    let touched = store.touched(NOW, 50).unwrap();
    apply(
        store,
        vec![Op::Looked {
            ids: touched.iter().map(|touched| touched.id).collect(),
        }],
    );
    grant(
        store,
        vec![approval(Grantee::Asset(devices[0].asset), "pc.ip-conflict", "*")],
    );
    let touched = store.touched(NOW, 50).unwrap();
    assert_eq!(touched.len(), 1);
    assert_eq!(touched[0].value.value, address);
    let picture = store.picture(&[touched[0].value.clone()], NOW).unwrap();
    assert_eq!(picture.assets[&devices[0].asset].approvals.len(), 1);
}

pub fn an_approval_follows_a_link_and_comes_back_with_it(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let arrived = enrolled(store, 1);
    let asset = Asset {
        id: AssetId(0),
        number: Some("PC-7".into()),
        ..everything(store, &arrived).asset
    };
    let registered = store.put_asset(&asset, true, &audit("asset.put")).unwrap();
    let ids = grant(
        store,
        vec![approval(Grantee::Asset(arrived.asset), "pc.chat", "qq")],
    );
    store.link(arrived.id, registered, &audit("device.link")).unwrap();
    let state = everything(store, &arrived);
    assert_eq!(state.asset.id, registered);
    assert_eq!(state.approvals[0].id, Some(ids[0]));
    store.unlink(arrived.id, &audit("device.unlink")).unwrap();
    let state = everything(store, &arrived);
    assert_eq!(state.asset.id, arrived.asset);
    assert_eq!(state.approvals[0].id, Some(ids[0]));
}
