//! The register and the IP ledger.

use deskwarden_domain::{
    model::{
        Asset, AssetId, AssetState, Claim, ClaimKind, ClaimOrigin, Device, LedgerEntry, LedgerMode, Sight,
    },
    port::{Op, Paging, Store, StoreError},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything},
};

fn asset(number: Option<&str>, name: &str) -> Asset {
    Asset {
        id: AssetId(0),
        number: number.map(str::to_owned),
        name: name.into(),
        custodian: Some("王伟".into()),
        department: None,
        state: AssetState::Idle,
        provisional: false,
        created_at: 0,
        version: 0,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    }
}

fn entry(address: &str) -> LedgerEntry {
    LedgerEntry::of(address.into())
}

fn judged(store: &dyn Store, devices: &[Device]) {
    let generation = store.context_generation().unwrap();
    let ops = devices.iter().map(|d| Op::Judged {
        asset: d.asset,
        generation,
        wake_at: None,
    });
    apply(store, ops.collect());
    assert!(store.due(i64::MAX, 10).unwrap().is_empty());
}

pub fn an_asset_is_made_and_changed(bench: &dyn Bench) {
    let store = bench.open();
    let id = store
        .put_asset(&asset(Some("PC-1"), "desk"), true, &audit("asset.put"))
        .unwrap();
    let (row, devices) = bench.open().asset(id).unwrap().unwrap();
    assert_eq!(
        (row.asset.number.as_deref(), row.asset.name.as_str()),
        (Some("PC-1"), "desk")
    );
    assert_eq!(
        (row.asset.state, row.asset.provisional, row.asset.created_at),
        (AssetState::Idle, false, NOW)
    );
    assert!(devices.is_empty() && row.device.is_none());
    let version = row.asset.version;
    let mut changed = row.asset;
    changed.custodian = None;
    changed.state = AssetState::Scrapped;
    assert_eq!(store.put_asset(&changed, false, &audit("asset.put")).unwrap(), id);
    let found = store.asset(id).unwrap().unwrap().0.asset;
    assert_eq!(
        (found.custodian, found.state, found.version),
        (None, AssetState::Scrapped, version + 1)
    );
    assert_eq!(store.verify_audit().unwrap(), Ok(2));
}

pub fn a_registered_asset_is_no_longer_provisional(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    judged(store.as_ref(), std::slice::from_ref(&device));
    let mut found = everything(store.as_ref(), &device).asset;
    found.name = "renamed".into();
    store.put_asset(&found, false, &audit("asset.put")).unwrap();
    assert!(everything(store.as_ref(), &device).asset.provisional);
    assert_eq!(store.due(NOW, 10).unwrap(), [device.id]);
    found.number = Some("PC-1".into());
    store.put_asset(&found, false, &audit("asset.put")).unwrap();
    assert!(!everything(store.as_ref(), &device).asset.provisional);
}

pub fn a_taken_number_is_a_conflict(bench: &dyn Bench) {
    let store = bench.open();
    store
        .put_asset(&asset(Some("PC-1"), "a"), true, &audit("asset.put"))
        .unwrap();
    let other = store
        .put_asset(&asset(None, "b"), true, &audit("asset.put"))
        .unwrap();
    store
        .put_asset(&asset(None, "c"), true, &audit("asset.put"))
        .unwrap();
    let again = store
        .put_asset(&asset(Some("PC-1"), "d"), true, &audit("asset.put"))
        .unwrap_err();
    assert!(
        matches!(again, StoreError::Conflict(_)) && again.to_string().contains("PC-1"),
        "{again:?}"
    );
    let mut taken = asset(Some("PC-1"), "b");
    taken.id = other;
    assert!(matches!(
        store.put_asset(&taken, false, &audit("asset.put")),
        Err(StoreError::Conflict(_))
    ));
    assert_eq!(store.overview(0, &Sight::Everything).unwrap().assets, 3);
}

pub fn an_unknown_asset_cannot_be_changed(bench: &dyn Bench) {
    let store = bench.open();
    let mut unknown = asset(Some("PC-1"), "a");
    unknown.id = AssetId(999);
    assert!(matches!(
        store.put_asset(&unknown, false, &audit("asset.put")),
        Err(StoreError::NotFound(_))
    ));
    let mut line = entry("10.0.0.1");
    line.asset = Some(AssetId(999));
    assert!(matches!(
        store.put_ledger_entry(&line, &audit("ledger.put")),
        Err(StoreError::NotFound(_))
    ));
    assert_eq!(store.verify_audit().unwrap(), Ok(0));
}

pub fn the_ledger_is_ordered_by_address(bench: &dyn Bench) {
    let store = bench.open();
    let id = store
        .put_asset(&asset(Some("PC-1"), "a"), true, &audit("asset.put"))
        .unwrap();
    for address in ["fd00:0:0::1", "10.0.0.10", "10.0.0.2", "9.1.1.1"] {
        store
            .put_ledger_entry(&entry(address), &audit("ledger.put"))
            .unwrap();
    }
    let full = LedgerEntry {
        address: "10.0.0.2".into(),
        prefix: Some(24),
        gateway: Some("10.0.0.254".into()),
        dns: vec!["10.0.0.53".into(), "10.0.1.53".into()],
        mode: Some(LedgerMode::Dhcp),
        mac: Some("00:1a:2b:3c:4d:5e".into()),
        asset: Some(id),
        owner: Some("王伟".into()),
        place: Some("三楼".into()),
    };
    store.put_ledger_entry(&full, &audit("ledger.put")).unwrap();
    let lines = bench.open().ledger(Paging { offset: 0, limit: 10 }).unwrap();
    let addresses: Vec<_> = lines.rows.iter().map(|line| line.address.as_str()).collect();
    assert_eq!(
        (lines.total, addresses),
        (4, vec!["9.1.1.1", "10.0.0.2", "10.0.0.10", "fd00::1"])
    );
    assert_eq!(lines.rows[1], full);
    let cut = store.ledger(Paging { offset: 3, limit: 10 }).unwrap();
    assert_eq!((cut.total, cut.rows.len()), (4, 1));
}

pub fn a_ledger_entry_makes_its_assets_due(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=4).map(|n| enrolled(store.as_ref(), n)).collect();
    let claim = Claim {
        kind: ClaimKind::Ip,
        value: "10.0.0.1".into(),
        origin: ClaimOrigin::Own,
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
            claims: vec![claim],
        }],
    );
    let mut line = entry("10.0.0.1");
    line.asset = Some(devices[0].asset);
    store.put_ledger_entry(&line, &audit("ledger.put")).unwrap();
    judged(store.as_ref(), &devices);
    line.asset = Some(devices[1].asset);
    store.put_ledger_entry(&line, &audit("ledger.put")).unwrap();
    // Who had it, who gets it, who uses it; and nobody else.
    let mut due = store.due(NOW, 10).unwrap();
    due.sort_unstable();
    assert_eq!(due, devices[..3].iter().map(|d| d.id).collect::<Vec<_>>());
    assert_eq!(everything(store.as_ref(), &devices[1]).ledger, [line]);
    assert!(everything(store.as_ref(), &devices[0]).ledger.is_empty());
}

pub fn what_is_no_address_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    for address in ["", "10.0.0", "10.0.0.256", "host", "10.0.0.0/8"] {
        let refused = store.put_ledger_entry(&entry(address), &audit("ledger.put"));
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{address}");
    }
    assert_eq!(store.ledger(Paging { offset: 0, limit: 10 }).unwrap().total, 0);
}
