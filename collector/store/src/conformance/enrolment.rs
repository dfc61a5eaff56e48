//! Tokens and devices.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use deskwarden_domain::{
    model::{DeviceStatus, TokenId},
    port::{DeviceFilter, EnrolOutcome, EnrolRefusal, StoreError},
};
use deskwarden_proto::ids::DeviceId;

use super::{
    Bench,
    world::{NOW, audit, enrolled, everything, new_device, token},
};

fn race(bench: &dyn Bench, uses: u32, callers: u32) -> (usize, usize) {
    let store = bench.open();
    store
        .create_token(&token(1, uses), &audit("token.create"))
        .unwrap();
    let start = Barrier::new(callers as usize);
    let (enrolled, used) = (AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for caller in 0..callers {
            let (store, start, enrolled, used) = (&store, &start, &enrolled, &used);
            scope.spawn(move || {
                start.wait();
                match store.enrol(&new_device(caller, 1)).unwrap() {
                    EnrolOutcome::Enrolled(_) => enrolled.fetch_add(1, Ordering::SeqCst),
                    EnrolOutcome::Refused(EnrolRefusal::Used) => used.fetch_add(1, Ordering::SeqCst),
                    other => panic!("{other:?}"),
                };
            });
        }
    });
    let page = deskwarden_domain::port::Paging {
        offset: 0,
        limit: 500,
    };
    assert_eq!(
        store.devices(&DeviceFilter::default(), page).unwrap().total,
        u64::from(enrolled.load(Ordering::SeqCst))
    );
    (enrolled.into_inner() as usize, used.into_inner() as usize)
}

pub fn a_one_use_token_enrols_exactly_one_of_a_hundred_callers(bench: &dyn Bench) {
    assert_eq!(race(bench, 1, 100), (1, 99));
}

pub fn a_batch_token_stops_at_its_maximum(bench: &dyn Bench) {
    assert_eq!(race(bench, 7, 20), (7, 13));
    assert_eq!(bench.open().tokens().unwrap()[0].uses, 7);
}

pub fn the_same_key_and_nonce_get_the_same_device_again(bench: &dyn Bench) {
    let store = bench.open();
    store.create_token(&token(1, 1), &audit("token.create")).unwrap();
    let first = new_device(1, 1);
    let EnrolOutcome::Enrolled(device) = store.enrol(&first).unwrap() else {
        panic!("refused")
    };
    assert_eq!(device.id, first.id);
    assert_eq!(device.hints.hostname, "pc-0001");
    drop(store);
    let store = bench.open();
    // The collector made another id for the repeated request, and the token is over by now.
    let mut again = new_device(2, 1);
    again.key_hash = first.key_hash;
    again.nonce.clone_from(&first.nonce);
    again.at = NOW + 86_400_000;
    again.certificate_ends_at = NOW + 31 * 86_400_000;
    let EnrolOutcome::Enrolled(same) = store.enrol(&again).unwrap() else {
        panic!("refused")
    };
    assert_eq!((same.id, same.asset), (device.id, device.asset));
    assert_eq!(same.certificate_ends_at, Some(again.certificate_ends_at));
    assert_eq!(store.tokens().unwrap()[0].uses, 1);
    assert!(store.device(again.id).unwrap().is_none());
}

pub fn another_key_with_the_same_nonce_is_not_the_same(bench: &dyn Bench) {
    let store = bench.open();
    store.create_token(&token(1, 2), &audit("token.create")).unwrap();
    let first = new_device(1, 1);
    store.enrol(&first).unwrap();
    let mut second = new_device(2, 1);
    second.nonce.clone_from(&first.nonce);
    let EnrolOutcome::Enrolled(device) = store.enrol(&second).unwrap() else {
        panic!("refused")
    };
    assert_eq!(device.id, second.id);
    let mut third = new_device(3, 1);
    third.nonce.clone_from(&first.nonce);
    assert_eq!(
        store.enrol(&third).unwrap(),
        EnrolOutcome::Refused(EnrolRefusal::Used)
    );
}

pub fn a_token_that_does_not_hold_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    let refused = |number| store.enrol(&new_device(u32::from(number), number)).unwrap();
    assert_eq!(refused(1), EnrolOutcome::Refused(EnrolRefusal::Unknown));

    let mut expired = token(2, 1);
    expired.expires_at = NOW;
    store.create_token(&expired, &audit("token.create")).unwrap();
    assert_eq!(refused(2), EnrolOutcome::Refused(EnrolRefusal::Expired));

    let revoked = store.create_token(&token(3, 1), &audit("token.create")).unwrap();
    store.revoke_token(revoked, &audit("token.revoke")).unwrap();
    assert_eq!(refused(3), EnrolOutcome::Refused(EnrolRefusal::Revoked));

    let mut elsewhere = token(4, 1);
    elsewhere.cidr = Some("10.2.0.0/16".into());
    store.create_token(&elsewhere, &audit("token.create")).unwrap();
    assert_eq!(refused(4), EnrolOutcome::Refused(EnrolRefusal::Network));

    let mut here = token(5, 1);
    here.cidr = Some("10.1.0.0/16".into());
    store.create_token(&here, &audit("token.create")).unwrap();
    assert!(matches!(refused(5), EnrolOutcome::Enrolled(_)));
    let uses: Vec<u32> = store.tokens().unwrap().iter().map(|t| t.uses).collect();
    assert_eq!(uses, [1, 0, 0, 0]);
}

pub fn a_device_of_a_token_with_approval_waits(bench: &dyn Bench) {
    let store = bench.open();
    let mut careful = token(1, 1);
    careful.needs_approval = true;
    store.create_token(&careful, &audit("token.create")).unwrap();
    let request = new_device(1, 1);
    let EnrolOutcome::Pending(device) = store.enrol(&request).unwrap() else {
        panic!("not pending")
    };
    assert_eq!(
        (device.status, device.certificate_ends_at),
        (DeviceStatus::Pending, None)
    );
    assert!(matches!(store.enrol(&request).unwrap(), EnrolOutcome::Pending(_)));
    store
        .set_device_status(device.id, DeviceStatus::Active, &audit("device.approve"))
        .unwrap();
    let EnrolOutcome::Enrolled(same) = store.enrol(&request).unwrap() else {
        panic!("not enrolled")
    };
    assert_eq!(same.id, device.id);
    assert!(same.current);
}

pub fn a_revoked_device_gets_no_second_answer(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    store
        .set_device_status(device.id, DeviceStatus::Revoked, &audit("device.revoke"))
        .unwrap();
    assert_eq!(
        store.enrol(&new_device(1, 255)).unwrap(),
        EnrolOutcome::Refused(EnrolRefusal::Used)
    );
}

pub fn a_device_id_is_given_once(bench: &dyn Bench) {
    let store = bench.open();
    enrolled(store.as_ref(), 1);
    let mut twin = new_device(2, 255);
    twin.id = new_device(1, 255).id;
    assert!(matches!(store.enrol(&twin), Err(StoreError::Conflict(_))));
    // Nothing of it was kept.
    assert_eq!(store.tokens().unwrap()[0].uses, 1);
}

pub fn tokens_are_listed_and_withdrawn(bench: &dyn Bench) {
    let store = bench.open();
    let first = store.create_token(&token(1, 3), &audit("token.create")).unwrap();
    let second = store.create_token(&token(2, 1), &audit("token.create")).unwrap();
    assert!(matches!(
        store.create_token(&token(2, 1), &audit("token.create")),
        Err(StoreError::Conflict(_))
    ));
    store.revoke_token(first, &audit("token.revoke")).unwrap();
    let rows = store.tokens().unwrap();
    assert_eq!(rows.iter().map(|t| t.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(rows[1].revoked_at, Some(NOW));
    let mut expected = token(2, 1);
    expected.id = second;
    assert_eq!(rows[0], expected);
    assert_eq!(store.verify_audit().unwrap(), Ok(3));
}

pub fn a_token_with_a_broken_network_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    let mut broken = token(1, 1);
    broken.cidr = Some("10.0.0.0/40".into());
    let message = store
        .create_token(&broken, &audit("token.create"))
        .unwrap_err()
        .to_string();
    assert!(message.contains("10.0.0.0/40"), "{message}");
    assert!(store.tokens().unwrap().is_empty());
}

pub fn a_status_that_bars_is_listed(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<_> = (1..=3).map(|n| enrolled(store.as_ref(), n)).collect();
    assert!(store.barred_devices().unwrap().is_empty());
    store
        .set_device_status(devices[1].id, DeviceStatus::Revoked, &audit("device.revoke"))
        .unwrap();
    store
        .set_device_status(devices[2].id, DeviceStatus::Retired, &audit("device.retire"))
        .unwrap();
    let barred: BTreeSet<_> = bench
        .open()
        .barred_devices()
        .unwrap()
        .into_iter()
        .map(|(id, s)| (id, s.name()))
        .collect();
    assert_eq!(
        barred,
        BTreeSet::from([(devices[1].id, "revoked"), (devices[2].id, "retired")])
    );
    store
        .set_device_status(devices[1].id, DeviceStatus::Active, &audit("device.restore"))
        .unwrap();
    assert_eq!(store.barred_devices().unwrap().len(), 1);
}

pub fn a_retired_device_is_no_longer_current(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    assert_eq!(store.current_device(device.asset).unwrap(), Some(device.id));
    store
        .set_device_status(device.id, DeviceStatus::Retired, &audit("device.retire"))
        .unwrap();
    assert_eq!(store.current_device(device.asset).unwrap(), None);
    assert!(!store.device(device.id).unwrap().unwrap().current);
    assert!(store.due(NOW + 1, 10).unwrap().is_empty());
    assert_eq!(
        everything(store.as_ref(), &device).device.status,
        DeviceStatus::Retired
    );
}

pub fn a_renewed_certificate_is_noted(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    store.certificate_issued(device.id, [9; 32], NOW + 5).unwrap();
    let found = bench.open().device(device.id).unwrap().unwrap();
    assert_eq!(
        (found.key_hash, found.certificate_ends_at),
        ([9; 32], Some(NOW + 5))
    );
}

pub fn what_does_not_exist_cannot_be_changed(bench: &dyn Bench) {
    let store = bench.open();
    let nobody = DeviceId::from_random([0; 16]);
    assert!(store.device(nobody).unwrap().is_none());
    assert!(matches!(
        store.revoke_token(TokenId(7), &audit("token.revoke")),
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(
        store.certificate_issued(nobody, [0; 32], 1),
        Err(StoreError::NotFound(_))
    ));
    let status = store.set_device_status(nobody, DeviceStatus::Active, &audit("device.approve"));
    assert!(matches!(status, Err(StoreError::NotFound(_))));
    // What was refused is not in the audit log.
    assert_eq!(store.verify_audit().unwrap(), Ok(0));
}
