//! New devices proposed for earlier assets, linked, and taken back.

use deskwarden_domain::{
    model::{
        Asset, AssetId, AuditEntry, BaselineItem, Device, DeviceStatus, FindingState, HintKind, LedgerEntry,
        Severity,
    },
    port::{EnrolOutcome, FindingFilter, NewDevice, Op, Paging, Store, StoreError},
};
use deskwarden_proto::{
    Bytes, digest,
    v1::{HostHints, Section},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, finding, id, new_device, put_op},
};

fn hints(system: &str, board: &str, disks: &[&str]) -> HostHints {
    HostHints {
        hostname: "pc".into(),
        system_serial: system.into(),
        board_serial: board.into(),
        disk_serials: disks.iter().map(|serial| (*serial).to_owned()).collect(),
        ..HostHints::default()
    }
}

fn with(store: &dyn Store, number: u32, hints: HostHints) -> Device {
    // Makes the token.
    enrolled(store, 9_000 + number);
    let new = NewDevice {
        hints,
        ..new_device(number, 255)
    };
    match store.enrol(&new).unwrap() {
        EnrolOutcome::Enrolled(device) => device,
        other => panic!("{other:?}"),
    }
}

/// A registered PC with an accepted part, a ledger entry and a finding, and a device on it.
fn office(store: &dyn Store) -> Device {
    let old = with(store, 1, hints("SYS-77", "BRD-77", &["DSK-77"]));
    let (row, _) = store.asset(old.asset).unwrap().unwrap();
    let asset = Asset {
        number: Some("PC-1".into()),
        custodian: Some("王伟".into()),
        department: Some("财务部".into()),
        ..row.asset
    };
    store.put_asset(&asset, false, &audit("asset.register")).unwrap();
    let board = id(Section::Part, "smbios", "board:0");
    let facet = Bytes::from_static(b"board");
    apply(
        store,
        vec![
            put_op(&old, board.clone(), &facet, NOW),
            Op::Seeded {
                asset: old.asset,
                section: Section::Part,
                source: "smbios".into(),
            },
            Op::PutBaseline {
                asset: old.asset,
                item: BaselineItem {
                    id: board,
                    facet_hash: digest::facet(&facet),
                    facet,
                    accepted_at: NOW,
                    accepted_by: "tester".into(),
                },
            },
            Op::PutFinding(finding(&old, "pc.chat", "qq", Severity::High)),
        ],
    );
    old
}

fn address(asset: AssetId) -> LedgerEntry {
    LedgerEntry {
        asset: Some(asset),
        ..LedgerEntry::of("10.0.0.9".into())
    }
}

fn states(store: &dyn Store, asset: AssetId) -> Vec<FindingState> {
    let filter = FindingFilter {
        asset: Some(asset),
        ..FindingFilter::default()
    };
    let all = Paging { offset: 0, limit: 10 };
    let page = store.findings(&filter, all).unwrap();
    page.rows.into_iter().map(|row| row.finding.state).collect()
}

fn refused(result: Result<(), StoreError>, word: &str) {
    match result {
        Err(StoreError::Conflict(why)) => assert!(why.contains(word), "{why}"),
        other => panic!("{other:?}"),
    }
}

pub fn a_new_device_is_proposed_for_the_asset_that_shares_its_serials(bench: &dyn Bench) {
    let store = bench.open();
    let old = office(store.as_ref());
    with(store.as_ref(), 2, hints("SYS-1", "BRD-1", &["DSK-1"]));
    let new = with(store.as_ref(), 3, hints("sys-77", "BRD-77", &["DSK-NEW"]));
    let proposals = bench.open().proposals(None, 10).unwrap();
    let [proposal] = proposals.as_slice() else {
        panic!("{proposals:?}")
    };
    assert_eq!((proposal.device.id, proposal.asset.id), (new.id, old.asset));
    assert_eq!(proposal.provisional.id, new.asset);
    assert_eq!(proposal.current.as_ref().map(|device| device.id), Some(old.id));
    let expected = [(HintKind::System, "sys-77"), (HintKind::Board, "brd-77")];
    assert_eq!(
        proposal.matched,
        expected.map(|(kind, value)| (kind, value.to_owned()))
    );
    assert!(store.proposals(Some(old.id), 10).unwrap().is_empty());
    store
        .dismiss(new.id, old.asset, &audit("device.dismiss"))
        .unwrap();
    assert!(store.proposals(Some(new.id), 10).unwrap().is_empty());
    assert!(matches!(
        store.dismiss(new.id, old.asset, &audit("device.dismiss")),
        Err(StoreError::NotFound(_))
    ));
}

pub fn a_serial_that_many_share_recognises_nobody(bench: &dyn Bench) {
    let store = bench.open();
    for number in 1..=4 {
        with(store.as_ref(), number, hints("FILLED-BY-MAKER", "", &[]));
    }
    let fifth = with(store.as_ref(), 5, hints("FILLED-BY-MAKER", "", &[]));
    assert!(store.proposals(Some(fifth.id), 10).unwrap().is_empty());
}

pub fn a_hello_with_other_hints_is_found_by_them(bench: &dyn Bench) {
    let store = bench.open();
    let old = office(store.as_ref());
    apply(
        store.as_ref(),
        vec![Op::Hello {
            device: old.id,
            agent_version: "1".into(),
            platform: "linux".into(),
            hints: hints("SYS-NEW", "", &[]),
        }],
    );
    let by_old = with(store.as_ref(), 2, hints("SYS-77", "", &[]));
    let by_new = with(store.as_ref(), 3, hints("SYS-NEW", "", &[]));
    assert!(store.proposals(Some(by_old.id), 10).unwrap().is_empty());
    assert_eq!(store.proposals(Some(by_new.id), 10).unwrap().len(), 1);
}

pub fn a_linked_device_takes_the_place_of_the_earlier_one(bench: &dyn Bench) {
    let store = bench.open();
    let old = office(store.as_ref());
    let new = with(store.as_ref(), 2, hints("SYS-77", "BRD-77", &[]));
    let part = id(Section::Part, "wmi", "board:0");
    apply(
        store.as_ref(),
        vec![
            put_op(&new, part, b"board", NOW),
            Op::Seeded {
                asset: new.asset,
                section: Section::Part,
                source: "wmi".into(),
            },
            Op::PutFinding(finding(&new, "pc.unregistered", "pc", Severity::Low)),
        ],
    );
    store
        .put_ledger_entry(&address(new.asset), &audit("ledger.put"))
        .unwrap();
    store.link(new.id, old.asset, &audit("device.link")).unwrap();
    let store = bench.open();
    let (row, devices) = store.asset(old.asset).unwrap().unwrap();
    assert_eq!(row.asset.number.as_deref(), Some("PC-1"));
    assert_eq!(row.asset.custodian.as_deref(), Some("王伟"));
    assert_eq!(row.device.map(|device| device.id), Some(new.id));
    assert_eq!(devices.len(), 2);
    assert_eq!(
        store.device(old.id).unwrap().unwrap().status,
        DeviceStatus::Retired
    );
    let state = everything(store.as_ref(), &store.device(new.id).unwrap().unwrap());
    assert_eq!(state.asset.id, old.asset);
    assert_eq!(state.baseline.len(), 1, "what was accepted stays");
    assert_eq!(state.seeded.len(), 2, "what it brought is no change");
    assert_eq!(state.ledger.len(), 1);
    assert_eq!(states(store.as_ref(), old.asset), [FindingState::Open]);
    assert_eq!(states(store.as_ref(), new.asset), [FindingState::Resolved]);
    let due = store.due(NOW, 10).unwrap();
    assert!(due.contains(&new.id) && !due.contains(&old.id));
    let all = Paging { offset: 0, limit: 50 };
    let listed = store.assets(&Default::default(), all).unwrap();
    assert!(listed.rows.iter().all(|row| row.asset.id != new.asset));
    assert_eq!(
        store.links(10).unwrap().first().map(|link| link.replaced),
        Some(Some(old.id))
    );
    assert!(store.proposals(None, 10).unwrap().is_empty());
}

pub fn a_link_is_taken_back_as_it_was(bench: &dyn Bench) {
    let store = bench.open();
    let old = office(store.as_ref());
    let new = with(store.as_ref(), 2, hints("SYS-77", "BRD-77", &[]));
    let before = everything(store.as_ref(), &new);
    apply(
        store.as_ref(),
        vec![Op::Seeded {
            asset: new.asset,
            section: Section::Part,
            source: "wmi".into(),
        }],
    );
    store
        .put_ledger_entry(&address(new.asset), &audit("ledger.put"))
        .unwrap();
    store.link(new.id, old.asset, &audit("device.link")).unwrap();
    store.unlink(new.id, &audit("device.unlink")).unwrap();
    let again = store.device(old.id).unwrap().unwrap();
    assert_eq!(
        (again.status, again.current, again.asset),
        (DeviceStatus::Active, true, old.asset)
    );
    let state = everything(store.as_ref(), &again);
    assert_eq!((state.baseline.len(), state.ledger.len()), (1, 0));
    assert!(!state.seeded.contains(&(Section::Part, "wmi".to_owned())));
    let apart = everything(store.as_ref(), &store.device(new.id).unwrap().unwrap());
    assert_eq!(apart.asset.id, before.asset.id);
    assert!(apart.device.current && apart.asset.provisional);
    assert_eq!(apart.ledger.len(), 1);
    assert_eq!(
        store.proposals(Some(new.id), 10).unwrap().len(),
        1,
        "it may be linked again"
    );
    refused(
        store.unlink(new.id, &audit("device.unlink")),
        "nothing to take back",
    );
}

pub fn only_a_new_device_is_linked(bench: &dyn Bench) {
    let store = bench.open();
    let old = office(store.as_ref());
    let new = with(store.as_ref(), 2, hints("SYS-77", "", &[]));
    let link = |device: &Device, asset| store.link(device.id, asset, &audit("device.link"));
    refused(link(&new, new.asset), "already");
    refused(link(&old, new.asset), "registered");
    assert!(matches!(
        link(&new, AssetId(999_999)),
        Err(StoreError::NotFound(_))
    ));
    store
        .set_device_status(new.id, DeviceStatus::Pending, &audit("device"))
        .unwrap();
    refused(link(&new, old.asset), "approve");
    store
        .set_device_status(new.id, DeviceStatus::Active, &audit("device"))
        .unwrap();
    link(&new, old.asset).unwrap();
    let third = with(store.as_ref(), 3, hints("SYS-77", "", &[]));
    refused(link(&third, new.asset), "itself linked");
    link(&third, old.asset).unwrap();
    refused(store.unlink(new.id, &audit("device.unlink")), "another device");
}

pub fn a_pc_that_was_registered_before_it_came_is_linked(bench: &dyn Bench) {
    let store = bench.open();
    let expected = Asset {
        id: AssetId(0),
        number: Some("PC-9".into()),
        name: "PC-9".into(),
        custodian: Some("李娜".into()),
        department: None,
        state: deskwarden_domain::model::AssetState::InUse,
        provisional: false,
        created_at: NOW,
        version: 0,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    };
    let by = AuditEntry {
        actor: "wang".into(),
        ..audit("device.link")
    };
    let asset = store
        .put_asset(&expected, true, &audit("asset.register"))
        .unwrap();
    let new = with(store.as_ref(), 2, hints("SYS-9", "", &[]));
    store.link(new.id, asset, &by).unwrap();
    let links = store.links(10).unwrap();
    assert_eq!((links[0].replaced, links[0].by.as_str()), (None, "wang"));
    assert_eq!(store.device(new.id).unwrap().unwrap().asset, asset);
    store.unlink(new.id, &by).unwrap();
    let (row, devices) = store.asset(asset).unwrap().unwrap();
    assert!(row.device.is_none() && devices.is_empty());
    assert!(store.links(10).unwrap().is_empty());
}
