//! People, sessions, sign-in counters, the audit log, leases.

use std::{
    collections::BTreeSet,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use deskwarden_domain::{
    model::{Device, DeviceStatus, Role, Session},
    port::{Op, SignInAttempt, Store, StoreError},
};
use deskwarden_proto::v1::Section;

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled},
};

fn user(store: &dyn Store, name: &str) -> i64 {
    store
        .create_user(
            name,
            "$argon2id$1",
            &[Role::Technician, Role::RuleOfficer],
            true,
            &audit("user.create"),
        )
        .unwrap()
}

fn session(user_id: i64, name: u8) -> Session {
    Session {
        hash: [name; 32],
        user_id,
        csrf: [name ^ 0xff; 32],
        created_at: NOW,
        last_used_at: NOW,
        code_due: false,
    }
}

pub fn a_user_is_found_by_name_and_id(bench: &dyn Bench) {
    let id = user(bench.open().as_ref(), "wang");
    let store = bench.open();
    user(store.as_ref(), "li");
    let found = store.user_by_name("wang").unwrap().unwrap();
    assert_eq!(
        (found.id, found.name.as_str(), found.password_hash.as_str()),
        (id, "wang", "$argon2id$1")
    );
    assert_eq!(found.roles, [Role::Technician, Role::RuleOfficer]);
    assert!(found.must_change_password && found.disabled_at.is_none() && found.locked_until.is_none());
    assert!(store.user(id).unwrap() == Some(found));
    assert!(store.user_by_name("Wang").unwrap().is_none() && store.user(999).unwrap().is_none());
    let names: Vec<String> = store.users().unwrap().into_iter().map(|u| u.name).collect();
    assert_eq!(names, ["li", "wang"]);
}

pub fn a_taken_name_is_a_conflict(bench: &dyn Bench) {
    let store = bench.open();
    user(store.as_ref(), "wang");
    let again = store.create_user("wang", "x", &[], false, &audit("user.create"));
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(store.verify_audit().unwrap(), Ok(1));
}

pub fn a_new_password_ends_the_other_sessions(bench: &dyn Bench) {
    let store = bench.open();
    let (wang, li) = (user(store.as_ref(), "wang"), user(store.as_ref(), "li"));
    for (user, name) in [(wang, 1), (wang, 2), (li, 3)] {
        store
            .create_session(&session(user, name), &audit("sign_in"))
            .unwrap();
    }
    let alive = || {
        (1..=3u8)
            .filter(|n| store.session(&[*n; 32], 0, 0).unwrap().is_some())
            .collect::<Vec<_>>()
    };
    store
        .set_password(wang, "$argon2id$2", false, Some(&[1; 32]), &audit("password.set"))
        .unwrap();
    assert_eq!(alive(), [1, 3]);
    let found = store.user(wang).unwrap().unwrap();
    assert_eq!(
        (found.password_hash.as_str(), found.must_change_password),
        ("$argon2id$2", false)
    );
    store
        .set_password(wang, "$argon2id$3", true, None, &audit("password.set"))
        .unwrap();
    assert_eq!(alive(), [3]);
    let unknown = store.set_password(999, "x", false, None, &audit("password.set"));
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
}

pub fn a_session_ends_by_age_idleness_and_order(bench: &dyn Bench) {
    let store = bench.open();
    let id = user(store.as_ref(), "wang");
    let signed_in = session(id, 1);
    store.create_session(&signed_in, &audit("sign_in")).unwrap();
    let store = bench.open();
    let (found, person) = store.session(&[1; 32], NOW, NOW).unwrap().unwrap();
    assert!(found == signed_in && person.id == id);
    assert!(
        store.session(&[1; 32], NOW + 1, NOW).unwrap().is_none(),
        "too old"
    );
    assert!(store.session(&[1; 32], NOW, NOW + 1).unwrap().is_none(), "idle");
    assert!(store.session(&[2; 32], 0, 0).unwrap().is_none(), "unknown");
    store.touch_session(&[1; 32], NOW + 5).unwrap();
    // A slower request does not turn the clock back.
    store.touch_session(&[1; 32], NOW + 2).unwrap();
    assert_eq!(
        store
            .session(&[1; 32], NOW, NOW + 5)
            .unwrap()
            .unwrap()
            .0
            .last_used_at,
        NOW + 5
    );
    store.end_session(&[1; 32], &audit("sign_out")).unwrap();
    store.end_session(&[1; 32], &audit("sign_out")).unwrap();
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
    assert_eq!(store.verify_audit().unwrap(), Ok(3));
}

pub fn a_session_of_nobody_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    let refused = store.create_session(&session(999, 1), &audit("sign_in"));
    assert!(matches!(refused, Err(StoreError::NotFound(_))), "{refused:?}");
    let id = user(store.as_ref(), "wang");
    store.create_session(&session(id, 1), &audit("sign_in")).unwrap();
    assert!(matches!(
        store.create_session(&session(id, 1), &audit("sign_in")),
        Err(StoreError::Conflict(_))
    ));
}

pub fn of_parallel_guesses_at_most_the_threshold_is_allowed(bench: &dyn Bench) {
    const THREADS: usize = 50;
    const GUESSES: usize = 20;
    let store = bench.open();
    let allowed = AtomicUsize::new(0);
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..GUESSES {
                    match store.count_sign_in("nobody", NOW, 5, 900_000).unwrap() {
                        SignInAttempt::Allowed => {
                            allowed.fetch_add(1, Ordering::SeqCst);
                        }
                        SignInAttempt::LockedUntil(until) => assert_eq!(until, NOW + 900_000),
                    }
                }
            });
        }
    });
    assert_eq!(allowed.into_inner(), 5);
}

pub fn a_lockout_ends_and_a_right_password_clears_it(bench: &dyn Bench) {
    let store = bench.open();
    user(store.as_ref(), "wang");
    let guess = |now| store.count_sign_in("wang", now, 2, 1000).unwrap();
    assert_eq!(guess(NOW), SignInAttempt::Allowed);
    assert_eq!(guess(NOW + 1), SignInAttempt::Allowed);
    assert_eq!(guess(NOW + 2), SignInAttempt::LockedUntil(NOW + 1001));
    // It is the name that is locked, and it stays so after a restart.
    let again = bench.open();
    assert_eq!(
        again.count_sign_in("wang", NOW + 3, 2, 1000).unwrap(),
        SignInAttempt::LockedUntil(NOW + 1001)
    );
    assert_eq!(
        again.count_sign_in("li", NOW + 3, 2, 1000).unwrap(),
        SignInAttempt::Allowed
    );
    let locked = again.user_by_name("wang").unwrap().unwrap();
    assert_eq!((locked.failures, locked.locked_until), (2, Some(NOW + 1001)));
    assert_eq!(guess(NOW + 1001), SignInAttempt::Allowed);
    assert_eq!(guess(NOW + 1002), SignInAttempt::Allowed);
    assert!(matches!(guess(NOW + 1003), SignInAttempt::LockedUntil(_)));
    store.clear_sign_in("wang").unwrap();
    assert_eq!(guess(NOW + 1004), SignInAttempt::Allowed);
    assert_eq!(store.user_by_name("wang").unwrap().unwrap().failures, 1);
}

pub fn guesses_far_apart_do_not_add_up(bench: &dyn Bench) {
    let store = bench.open();
    for n in 0..5 {
        assert_eq!(
            store.count_sign_in("wang", NOW + n * 1000, 2, 1000).unwrap(),
            SignInAttempt::Allowed
        );
    }
    assert_eq!(
        store.count_sign_in("wang", NOW + 4999, 2, 1000).unwrap(),
        SignInAttempt::Allowed
    );
    assert!(matches!(
        store.count_sign_in("wang", NOW + 5000, 2, 1000).unwrap(),
        SignInAttempt::LockedUntil(_)
    ));
}

pub fn the_audit_chain_holds_under_parallel_writers(bench: &dyn Bench) {
    const WRITERS: usize = 8;
    const ENTRIES: usize = 10;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let store = bench.open();
                for entry in 0..ENTRIES {
                    store.audit(&audit(&format!("{writer}.{entry}\0"))).unwrap();
                }
            });
        }
    });
    let store = bench.open();
    let written = (WRITERS * ENTRIES) as i64;
    assert_eq!(store.verify_audit().unwrap(), Ok(written));
    let records = store.audit_records(1, 1000).unwrap();
    assert!(records.iter().zip(1..).all(|(record, n)| record.sequence == n));
    let actions: BTreeSet<&str> = records
        .iter()
        .map(|record| record.entry.action.as_str())
        .collect();
    assert_eq!(actions.len(), WRITERS * ENTRIES);
}

pub fn audit_records_are_read_from_a_sequence_on(bench: &dyn Bench) {
    let store = bench.open();
    assert_eq!(store.verify_audit().unwrap(), Ok(0));
    for n in 1..=5 {
        store.audit(&audit(&n.to_string())).unwrap();
    }
    let page = bench.open().audit_records(3, 2).unwrap();
    assert_eq!(page.iter().map(|r| r.sequence).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(page[0].entry, audit("3"));
    assert_ne!(page[0].hash, page[1].hash);
    assert!(store.audit_records(6, 10).unwrap().is_empty());
}

pub fn one_of_many_gets_a_lease(bench: &dyn Bench) {
    const HOLDERS: usize = 16;
    let store = bench.open();
    let start = Barrier::new(HOLDERS);
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for holder in 0..HOLDERS {
            let (store, start, taken) = (&store, &start, &taken);
            scope.spawn(move || {
                start.wait();
                if store.lease("judge", &holder.to_string(), NOW, NOW + 100).unwrap() {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(taken.into_inner(), 1);
}

pub fn a_lease_is_renewed_and_expires(bench: &dyn Bench) {
    let store = bench.open();
    assert!(store.lease("judge", "a", NOW, NOW + 100).unwrap());
    assert!(!store.lease("judge", "b", NOW + 50, NOW + 150).unwrap());
    assert!(store.lease("dispatch", "b", NOW + 50, NOW + 150).unwrap());
    assert!(store.lease("judge", "a", NOW + 60, NOW + 160).unwrap());
    assert!(!bench.open().lease("judge", "b", NOW + 159, NOW + 300).unwrap());
    assert!(store.lease("judge", "b", NOW + 160, NOW + 300).unwrap());
    assert!(!store.lease("judge", "a", NOW + 170, NOW + 300).unwrap());
}

pub fn a_clock_that_was_ahead_keeps_nobody_away(bench: &dyn Bench) {
    const AHEAD: i64 = 3_650 * 86_400_000;
    let store = bench.open();
    assert!(store.lease("judge", "a", NOW + AHEAD, NOW + AHEAD + 100).unwrap());
    store.collector_up(NOW + AHEAD, 1_000).unwrap();
    // The same collector, started again when its clock was right.
    assert!(store.lease("judge", "b", NOW, NOW + 100).unwrap());
    assert!(!store.lease("judge", "a", NOW + 50, NOW + 150).unwrap());
    store.collector_up(NOW, 1_000).unwrap();
    store.collector_up(NOW + 5_000, 1_000).unwrap();
    assert_eq!(store.collector_down(NOW).unwrap(), [(NOW, NOW + 5_000)]);
}

pub fn what_nobody_asks_for_again_is_tidied_away(bench: &dyn Bench) {
    let store = bench.open();
    let id = user(store.as_ref(), "wang");
    store.create_session(&session(id, 1), &audit("sign_in")).unwrap();
    let devices = [1, 2].map(|n| enrolled(store.as_ref(), n));
    let stage = |device: &Device| Op::Stage {
        device: device.id,
        section: Section::Software,
        snapshot_id: [1; 16],
        index: 0,
        payload: vec![1],
    };
    apply(store.as_ref(), devices.iter().map(stage).collect());
    assert_eq!(store.tidy(NOW).unwrap(), 0);
    store
        .set_device_status(devices[0].id, DeviceStatus::Revoked, &audit("device.revoke"))
        .unwrap();
    assert_eq!(store.tidy(NOW).unwrap(), 1);
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_some());
    assert_eq!(store.tidy(NOW + 1).unwrap(), 1);
    assert!(store.session(&[1; 32], 0, 0).unwrap().is_none());
}
