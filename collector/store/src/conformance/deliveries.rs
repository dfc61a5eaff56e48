//! The outbox.

use std::thread;

use deskwarden_domain::{
    model::{Alert, AlertKind, Delivery, DeliveryState, Device, Holder, Severity},
    port::{Op, Store, StoreError},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, evidence, finding},
};

fn alerts(store: &dyn Store, device: &Device, subjects: &[&str]) {
    let mut ops = Vec::new();
    for subject in subjects {
        let found = finding(device, "chat", subject, Severity::High);
        let alert = Alert {
            kind: AlertKind::Opened,
            finding: found.key.clone(),
            severity: found.severity,
            at: NOW + 1,
        };
        ops.extend([Op::PutFinding(found), Op::Alert(alert)]);
    }
    apply(store, ops);
}

fn channels(names: &[&str]) -> Vec<(String, Severity)> {
    names
        .iter()
        .map(|name| ((*name).to_owned(), Severity::Low))
        .collect()
}

fn subjects(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|d| d.alert.subject_name.as_str()).collect()
}

pub fn an_alert_is_delivered_once_per_channel(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a", "b"]);
    let both = channels(&["mail", "webhook"]);
    assert_eq!(store.expand_alerts(&both, NOW).unwrap(), 4);
    assert_eq!(store.expand_alerts(&both, NOW).unwrap(), 0);
    let store = bench.open();
    let mail = store.due_deliveries("mail", NOW, 10).unwrap();
    assert_eq!(subjects(&mail), ["A", "B"]);
    assert!(store.due_deliveries("mail", NOW - 1, 10).unwrap().is_empty());
    assert!(store.due_deliveries("other", NOW, 10).unwrap().is_empty());
    store.delivered(mail[0].id, NOW + 7).unwrap();
    assert_eq!(subjects(&store.due_deliveries("mail", NOW, 10).unwrap()), ["B"]);
    assert_eq!(store.due_deliveries("webhook", NOW, 1).unwrap().len(), 1);
    // A channel that is added later hears of what comes, not of what was.
    assert_eq!(
        store
            .expand_alerts(&channels(&["mail", "webhook", "late"]), NOW)
            .unwrap(),
        0
    );
    alerts(store.as_ref(), &device, &["c"]);
    assert_eq!(
        store
            .expand_alerts(&channels(&["mail", "webhook", "late"]), NOW + 9)
            .unwrap(),
        3
    );
    let all = store.deliveries(100).unwrap();
    assert_eq!(all.len(), 7);
    assert!(all.windows(2).all(|pair| pair[0].id > pair[1].id));
    assert_eq!(store.deliveries(2).unwrap(), all[..2]);
    let done = all.iter().find(|d| d.id == mail[0].id).unwrap();
    assert_eq!(
        (done.state, done.delivered_at, done.attempts),
        (DeliveryState::Delivered, Some(NOW + 7), 1)
    );
}

pub fn an_alert_that_no_channel_wants_is_done_with(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a"]);
    assert_eq!(store.expand_alerts(&[], NOW).unwrap(), 0);
    assert_eq!(store.expand_alerts(&channels(&["mail"]), NOW).unwrap(), 0);
}

pub fn a_channel_is_told_from_its_severity_on(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a"]);
    let told = [
        ("mail".to_owned(), Severity::Critical),
        ("webhook".to_owned(), Severity::High),
    ];
    assert_eq!(store.expand_alerts(&told, NOW).unwrap(), 1);
    assert!(store.due_deliveries("mail", NOW, 10).unwrap().is_empty());
    assert_eq!(store.due_deliveries("webhook", NOW, 10).unwrap().len(), 1);
}

pub fn parallel_expansion_makes_no_delivery_twice(bench: &dyn Bench) {
    let device = enrolled(bench.open().as_ref(), 1);
    thread::scope(|scope| {
        scope.spawn(|| {
            let store = bench.open();
            for n in 0..20 {
                alerts(store.as_ref(), &device, &[&format!("s{n}")]);
            }
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let store = bench.open();
                for _ in 0..20 {
                    store.expand_alerts(&channels(&["mail", "webhook"]), NOW).unwrap();
                }
            });
        }
    });
    let store = bench.open();
    store.expand_alerts(&channels(&["mail", "webhook"]), NOW).unwrap();
    for channel in ["mail", "webhook"] {
        let mut alerts: Vec<i64> = store
            .due_deliveries(channel, NOW, 100)
            .unwrap()
            .iter()
            .map(|d| d.alert.id)
            .collect();
        alerts.sort_unstable();
        alerts.dedup();
        assert_eq!(alerts.len(), 20);
    }
    assert_eq!(store.deliveries(1000).unwrap().len(), 40);
}

pub fn a_failed_delivery_is_tried_again_or_dead(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a", "b"]);
    store.expand_alerts(&channels(&["mail"]), NOW).unwrap();
    let [first, second] = store.due_deliveries("mail", NOW, 10).unwrap().try_into().unwrap();
    store
        .delivery_failed(first.id, "no answer", Some(NOW + 60))
        .unwrap();
    assert_eq!(
        subjects(&store.due_deliveries("mail", NOW + 59, 10).unwrap()),
        ["B"]
    );
    let due = store.due_deliveries("mail", NOW + 60, 10).unwrap();
    // Oldest due first.
    assert_eq!(subjects(&due), ["B", "A"]);
    assert_eq!(
        (due[1].attempts, due[1].last_error.as_deref()),
        (1, Some("no answer"))
    );
    store.delivery_failed(second.id, "refused", None).unwrap();
    let dead = store
        .deliveries(10)
        .unwrap()
        .into_iter()
        .find(|d| d.id == second.id)
        .unwrap();
    assert_eq!(
        (dead.state, dead.last_error.as_deref()),
        (DeliveryState::Dead, Some("refused"))
    );
    assert_eq!(
        subjects(&store.due_deliveries("mail", i64::MAX, 10).unwrap()),
        ["A"]
    );
    assert_eq!(store.overview(0).unwrap().dead_deliveries, 1);
}

pub fn a_delivery_says_what_a_message_needs(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    let mut asset = everything(store.as_ref(), &device).asset;
    asset.number = Some("PC-001".into());
    asset.custodian = Some("王伟".into());
    store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    alerts(store.as_ref(), &device, &["qq"]);
    let mut later = evidence(&device, "chat", "qq", None);
    later.since = NOW + 5;
    later.detail = "{\"later\":true}".into();
    let item = super::world::id(deskwarden_proto::v1::Section::Software, "dpkg", "qq");
    apply(
        store.as_ref(),
        vec![
            Op::PutEvidence(later),
            Op::PutEvidence(evidence(&device, "chat", "qq", Some(item))),
        ],
    );
    let mut machine = finding(&device, "unknown", "machine", Severity::Critical);
    machine.key.holder = Holder::Machine("00:1a:2b:3c:4d:5e".into());
    let alert = Alert {
        kind: AlertKind::Reopened,
        finding: machine.key.clone(),
        severity: Severity::Critical,
        at: NOW,
    };
    apply(store.as_ref(), vec![Op::PutFinding(machine), Op::Alert(alert)]);
    store.expand_alerts(&channels(&["mail"]), NOW).unwrap();
    let [asset, machine] = store.due_deliveries("mail", NOW, 10).unwrap().try_into().unwrap();
    let alert = asset.alert;
    assert_eq!(
        (alert.kind, alert.rule.as_str(), alert.clause.as_str()),
        (AlertKind::Opened, "chat", "PC 3.2.4")
    );
    assert_eq!(
        (alert.severity, alert.subject_name.as_str()),
        (Severity::High, "QQ")
    );
    assert_eq!(
        (alert.asset_id, alert.asset_number.as_deref()),
        (Some(device.asset.0), Some("PC-001"))
    );
    assert_eq!(
        (alert.asset_name.as_str(), alert.custodian.as_deref()),
        ("pc-0001", Some("王伟"))
    );
    assert_eq!(alert.department.as_deref(), Some("信息管理部"));
    assert_eq!((alert.first_seen, alert.at), (NOW, NOW + 1));
    assert_eq!(alert.evidence, r#"{"name":"QQ"}"#);
    assert_eq!(
        (machine.alert.kind, machine.alert.asset_id),
        (AlertKind::Reopened, None)
    );
    assert_eq!(
        (machine.alert.asset_name.as_str(), machine.alert.evidence.as_str()),
        ("00:1a:2b:3c:4d:5e", "{}")
    );
}

pub fn an_unknown_delivery_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    assert!(matches!(store.delivered(999, NOW), Err(StoreError::NotFound(_))));
    assert!(matches!(
        store.delivery_failed(999, "x", None),
        Err(StoreError::NotFound(_))
    ));
}
