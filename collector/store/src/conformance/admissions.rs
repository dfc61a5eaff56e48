//! Admissions: tokens that end, and looks that are recorded.

use deskwarden_domain::{
    model::{Admission, AdmissionToken, Checked, Outcome, RuleVerdict, Sight, Text},
    port::{DeviceFilter, EnrolRefusal, Paging, Store, StoreError},
};
use deskwarden_proto::ids::DeviceId;

use super::{
    Bench,
    world::{NOW, audit},
};

const ALL: Paging = Paging { offset: 0, limit: 50 };

fn token(number: u8, max_uses: u32) -> AdmissionToken {
    AdmissionToken {
        id: 0,
        provider: "东方信息".into(),
        purpose: "机房巡检笔记本".into(),
        hash: [number; 32],
        max_uses,
        uses: 0,
        expires_at: NOW + 7_200_000,
        good_days: 30,
        created_at: NOW,
        created_by: "li".into(),
        revoked_at: None,
    }
}

fn device(number: u8) -> Admission {
    Admission {
        id: 0,
        device: DeviceId::from_random([number; 16]),
        provider: String::new(),
        purpose: String::new(),
        good_days: 0,
        hostname: "vendor-\u{7}pc".into(),
        serial: "PF2".into(),
        model: "T14".into(),
        platform: "linux-x86_64".into(),
        agent_version: "0.1.0".into(),
        peer: "10.9.8.7".into(),
        begun_at: NOW,
        checked: None,
    }
}

fn make(store: &dyn Store, token: &AdmissionToken) -> i64 {
    store
        .create_admission_token(token, &audit("admission.token"))
        .unwrap()
}

pub fn an_admission_token_admits_so_many_devices_and_none_becomes_part_of_the_fleet(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    make(store, &token(1, 2));
    assert!(
        store.admit(&[9; 32], &device(1)).unwrap().is_none(),
        "no such token"
    );
    let first = store.admit(&[1; 32], &device(1)).unwrap().unwrap().unwrap();
    assert_eq!((first.provider.as_str(), first.good_days), ("东方信息", 30));
    assert_eq!(first.hostname, "vendor-pc", "no control characters");
    assert!(store.admit(&[1; 32], &device(2)).unwrap().unwrap().is_ok());
    let third = store.admit(&[1; 32], &device(3)).unwrap().unwrap();
    assert_eq!(third, Err(EnrolRefusal::Used));
    assert_eq!(store.admission_tokens().unwrap()[0].uses, 2);
    assert_eq!(store.admission_of(first.device).unwrap(), Some(first.clone()));
    assert_eq!(store.admission(first.id).unwrap(), Some(first));
    assert!(
        store
            .admission_of(DeviceId::from_random([3; 16]))
            .unwrap()
            .is_none()
    );
    assert_eq!(store.devices(&DeviceFilter::default(), ALL).unwrap().total, 0);
    assert_eq!(store.overview(0, &Sight::Everything).unwrap().assets, 0);
}

pub fn an_admission_token_that_ended_or_was_withdrawn_admits_nobody(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let late = Admission {
        begun_at: NOW + 7_200_000,
        ..device(1)
    };
    make(store, &token(1, 5));
    let ended = store.admit(&[1; 32], &late).unwrap().unwrap();
    assert_eq!(ended, Err(EnrolRefusal::Expired));
    let id = make(store, &token(2, 5));
    store
        .revoke_admission_token(id, &audit("admission.revoke"))
        .unwrap();
    let withdrawn = store.admit(&[2; 32], &device(1)).unwrap().unwrap();
    assert_eq!(withdrawn, Err(EnrolRefusal::Revoked));
    let twice = store.create_admission_token(&token(2, 1), &audit("admission.token"));
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
    let unknown = store.revoke_admission_token(99, &audit("admission.revoke"));
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
}

pub fn the_last_look_counts_and_is_good_for_a_time(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    make(store, &token(1, 5));
    let one = store.admit(&[1; 32], &device(1)).unwrap().unwrap().unwrap();
    let two = store.admit(&[1; 32], &device(2)).unwrap().unwrap().unwrap();
    let verdict = |outcome, reasons: Vec<Text>| RuleVerdict {
        rule: "pc.chat".into(),
        clause: "PC 3.2.4".into(),
        title: Text::new("聊天", "Chat"),
        outcome,
        reasons,
        remedy: Text::default(),
    };
    let failed = Checked {
        at: NOW + 1,
        outcome: Outcome::Fail,
        rules: vec![verdict(
            Outcome::Fail,
            vec![Text::new("QQ 已安装", "QQ is installed")],
        )],
        valid_until: None,
    };
    let passed = Checked {
        at: NOW + 2,
        outcome: Outcome::Pass,
        rules: vec![verdict(Outcome::Pass, Vec::new())],
        valid_until: Some(NOW + 1_000),
    };
    let note = audit("admission.check");
    store.put_checked(one.id, &failed, &note).unwrap();
    assert_eq!(store.admission(one.id).unwrap().unwrap().checked, Some(failed));
    store.put_checked(one.id, &passed, &note).unwrap();
    let ids = |good_at| -> Vec<i64> {
        let page = bench.open().admissions(good_at, ALL).unwrap();
        assert_eq!(page.total, page.rows.len() as u64);
        page.rows.iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(None), [two.id, one.id], "newest first");
    assert_eq!(ids(Some(NOW + 999)), [one.id]);
    assert!(ids(Some(NOW + 1_000)).is_empty());
    let unknown = store.put_checked(99, &passed, &note);
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
}
