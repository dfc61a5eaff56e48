//! What must be judged again.

use deskwarden_domain::{
    model::DeviceStatus,
    port::{EnrolOutcome, Op},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, new_device, token},
};

pub fn a_new_asset_is_due_until_it_is_judged(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    assert_eq!(store.due(NOW, 10).unwrap(), [device.id]);
    let generation = store.context_generation().unwrap();
    apply(
        store.as_ref(),
        vec![Op::Judged {
            asset: device.asset,
            generation,
            wake_at: None,
        }],
    );
    assert!(store.due(i64::MAX, 10).unwrap().is_empty());
}

pub fn a_wake_up_time_makes_due_when_it_comes(bench: &dyn Bench) {
    let store = bench.open();
    let generation = store.context_generation().unwrap();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    let judged = devices
        .iter()
        .zip([NOW + 30, NOW + 10, NOW + 20])
        .map(|(device, at)| Op::Judged {
            asset: device.asset,
            generation,
            wake_at: Some(at),
        });
    apply(store.as_ref(), judged.collect());
    let store = bench.open();
    assert!(store.due(NOW + 9, 10).unwrap().is_empty());
    assert_eq!(store.due(NOW + 20, 10).unwrap(), [devices[1].id, devices[2].id]);
    assert_eq!(
        store.due(NOW + 99, 10).unwrap(),
        [devices[1].id, devices[2].id, devices[0].id]
    );
}

pub fn a_raised_generation_makes_everything_due(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    let judge = || {
        let generation = store.context_generation().unwrap();
        let ops = devices.iter().map(|d| Op::Judged {
            asset: d.asset,
            generation,
            wake_at: None,
        });
        apply(store.as_ref(), ops.collect());
    };
    judge();
    assert!(store.due(NOW, 10).unwrap().is_empty());
    store.put_setting("observe", "1", &audit("setting.put")).unwrap();
    assert_eq!(store.due(NOW, 10).unwrap().len(), 3);
    judge();
    assert!(store.due(NOW, 10).unwrap().is_empty());
}

pub fn an_edit_makes_due_and_raises_the_version(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let generation = store.context_generation().unwrap();
    let judged = || Op::Judged {
        asset: device.asset,
        generation,
        wake_at: Some(NOW + 1000),
    };
    apply(store.as_ref(), vec![judged()]);
    let before = everything(store.as_ref(), &device).asset.version;
    apply(store.as_ref(), vec![judged(), Op::Due { asset: device.asset }]);
    assert_eq!(store.due(NOW, 10).unwrap(), [device.id]);
    assert_eq!(everything(store.as_ref(), &device).asset.version, before + 1);
    // In the order of the batch.
    apply(store.as_ref(), vec![Op::Due { asset: device.asset }, judged()]);
    assert!(store.due(NOW, 10).unwrap().is_empty());
}

pub fn a_device_is_due_once_and_within_the_limit(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=6).map(|n| enrolled(store.as_ref(), n)).collect();
    // Three are due for both reasons, three for their age alone.
    let ops = devices
        .iter()
        .zip([1, 1, 1, 0, 0, 0])
        .map(|(d, woken)| Op::Judged {
            asset: d.asset,
            generation: 0,
            wake_at: (woken == 1).then_some(NOW),
        });
    apply(store.as_ref(), ops.collect());
    let all = store.due(NOW, 100).unwrap();
    assert_eq!(all, devices.iter().map(|d| d.id).collect::<Vec<_>>());
    assert_eq!(store.due(NOW, 4).unwrap(), all[..4]);
    assert_eq!(store.due(NOW, 2).unwrap(), all[..2]);
    assert!(store.due(NOW, 0).unwrap().is_empty());
}

pub fn a_pending_device_is_not_due(bench: &dyn Bench) {
    let store = bench.open();
    let mut careful = token(1, 1);
    careful.needs_approval = true;
    store.create_token(&careful, &audit("token.create")).unwrap();
    let EnrolOutcome::Pending(device) = store.enrol(&new_device(1, 1)).unwrap() else {
        panic!("not pending")
    };
    assert!(store.due(NOW, 10).unwrap().is_empty());
    store
        .set_device_status(device.id, DeviceStatus::Active, &audit("device.approve"))
        .unwrap();
    assert_eq!(store.due(NOW, 10).unwrap(), [device.id]);
}
