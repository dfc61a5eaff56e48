//! The outbox.

use std::thread;

use deskwarden_domain::{
    alerting::{self, Book, EntryKind, Pace, Planned, Pulse, Told},
    model::{
        Alert, AlertKind, Delivery, DeliveryState, Device, FindingState, Holder, PackKind, Severity, Sight,
    },
    port::{AlertingKind, Definition, DeliveryFilter, Op, Paging, Store, StoreError},
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

const SINGLE: Pace = Pace {
    per_minute: None,
    groups: false,
};
const GROUPS: Pace = Pace {
    per_minute: None,
    groups: true,
};

/// Plans everything for these channels; how many entries were put.
fn plan(store: &dyn Store, names: &[&str]) -> u64 {
    let book = Book {
        channels: names
            .iter()
            .map(|name| Told {
                name: (*name).to_owned(),
                min_severity: Severity::Low,
            })
            .collect(),
        ..Book::default()
    };
    let fresh = store.fresh_alerts(1_000).unwrap();
    let planned = alerting::plan(NOW, &fresh, &book);
    let done: Vec<i64> = fresh.iter().map(|fresh| fresh.alert.id).collect();
    store.plan_alerts(&planned, &done).unwrap()
}

/// Makes messages of what waits for a channel, and returns those due.
fn bound(store: &dyn Store, channel: &str, pace: Pace) -> Vec<Delivery> {
    let waiting = store.queue_due(channel, NOW, 1_000).unwrap();
    let packed = alerting::pack(NOW, &waiting, pace, &Pulse::default());
    store.bind(channel, &packed.packs, &packed.skipped, NOW).unwrap();
    store.due_deliveries(channel, NOW, 1_000).unwrap()
}

fn all(store: &dyn Store) -> Vec<Delivery> {
    let paging = Paging {
        offset: 0,
        limit: 500,
    };
    store.deliveries(&DeliveryFilter::default(), paging).unwrap().rows
}

fn subjects(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries
        .iter()
        .flat_map(|delivery| &delivery.alerts)
        .map(|alert| alert.subject_name.as_str())
        .collect()
}

pub fn an_alert_is_queued_once_per_channel_and_bound_once(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a", "b"]);
    assert_eq!(plan(store.as_ref(), &["mail", "webhook"]), 4);
    assert_eq!(plan(store.as_ref(), &["mail", "webhook"]), 0);
    let store = bench.open();
    assert_eq!(
        store.queued().unwrap(),
        [("mail".to_owned(), 2), ("webhook".to_owned(), 2)]
    );
    assert!(store.queue_due("mail", NOW - 1, 10).unwrap().is_empty());
    assert!(store.queue_due("other", NOW, 10).unwrap().is_empty());
    let waiting = store.queue_due("mail", NOW, 10).unwrap();
    assert_eq!(waiting[0].state, FindingState::Open);
    let mail = bound(store.as_ref(), "mail", SINGLE);
    assert_eq!(subjects(&mail), ["A", "B"]);
    assert_eq!(mail[0].key, format!("mail:{}", mail[0].alerts[0].id));
    let again = alerting::pack(NOW, &waiting, SINGLE, &Pulse::default());
    let refused = store.bind("mail", &again.packs, &[], NOW);
    assert!(
        matches!(refused, Err(StoreError::Stale)),
        "bound already: {refused:?}"
    );
    assert_eq!(all(store.as_ref()).len(), 2, "and nothing of it stays");
    store.trying(mail[0].id, NOW + 6).unwrap();
    store.delivered(&[(mail[0].id, NOW + 7)]).unwrap();
    assert_eq!(subjects(&store.due_deliveries("mail", NOW, 10).unwrap()), ["B"]);
    let group = bound(store.as_ref(), "webhook", GROUPS);
    assert_eq!(
        (group.len(), group[0].total, group[0].kind),
        (1, 2, PackKind::Group)
    );
    assert_eq!(subjects(&group), ["A", "B"]);
    // A channel that is added later hears of what comes, not of what was.
    assert_eq!(plan(store.as_ref(), &["mail", "webhook", "late"]), 0);
    alerts(store.as_ref(), &device, &["c"]);
    assert_eq!(plan(store.as_ref(), &["mail", "webhook", "late"]), 3);
    let done = all(store.as_ref())
        .into_iter()
        .find(|d| d.id == mail[0].id)
        .unwrap();
    assert_eq!(
        (done.state, done.delivered_at, done.attempts),
        (DeliveryState::Delivered, Some(NOW + 7), 1)
    );
    let pulse = store.pulse("mail", NOW).unwrap();
    assert_eq!((pulse.tried.as_slice(), pulse.failing), (&[NOW + 6][..], 0));
    assert_eq!(store.pulse("mail", NOW - 1).unwrap().causes.len(), 2);
}

pub fn deliveries_are_listed_newest_first_by_channel_and_state(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a", "b", "c"]);
    plan(store.as_ref(), &["mail", "webhook"]);
    let mail = bound(store.as_ref(), "mail", SINGLE);
    bound(store.as_ref(), "webhook", GROUPS);
    store.delivery_failed(mail[1].id, "refused", None, true).unwrap();
    let list = |channel: Option<&str>, state, limit| {
        let filter = DeliveryFilter {
            channel: channel.map(str::to_owned),
            state,
        };
        let page = store.deliveries(&filter, Paging { offset: 0, limit }).unwrap();
        (page.total, page.rows)
    };
    let (total, rows) = list(None, None, 2);
    assert_eq!((total, rows.len()), (4, 2));
    assert!(rows[0].id > rows[1].id);
    assert_eq!(
        (rows[0].channel.as_str(), rows[0].total, rows[0].alerts.len()),
        ("webhook", 3, 1)
    );
    assert_eq!(list(Some("mail"), None, 10).0, 3);
    let (total, rows) = list(Some("mail"), Some(DeliveryState::Dead), 10);
    assert_eq!((total, rows[0].id), (1, mail[1].id));
}

pub fn an_alert_that_no_channel_wants_is_done_with(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a"]);
    assert_eq!(plan(store.as_ref(), &[]), 0);
    assert_eq!(plan(store.as_ref(), &["mail"]), 0);
}

pub fn resolved_knows_who_was_told(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a"]);
    let fresh = store.fresh_alerts(10).unwrap();
    let entry = |channel: &str, kind| Planned {
        alert: fresh[0].alert.id,
        channel: channel.to_owned(),
        kind,
        bundle: String::new(),
        not_before: NOW,
        held: false,
    };
    let entries = [
        entry("mail", EntryKind::Alert),
        entry("boss", EntryKind::Escalation),
    ];
    assert_eq!(store.plan_alerts(&entries, &[fresh[0].alert.id]).unwrap(), 2);
    let end = Alert {
        kind: AlertKind::Resolved,
        finding: finding(&device, "chat", "a", Severity::High).key,
        severity: Severity::High,
        at: NOW + 2,
    };
    apply(store.as_ref(), vec![Op::Alert(end)]);
    assert_eq!(
        store.fresh_alerts(10).unwrap()[0].told,
        ["mail"],
        "an escalation that waits told nobody"
    );
    bound(store.as_ref(), "boss", SINGLE);
    let mut told = store.fresh_alerts(10).unwrap()[0].told.clone();
    told.sort();
    assert_eq!(told, ["boss", "mail"]);
}

pub fn parallel_planning_and_binding_make_no_delivery_twice(bench: &dyn Bench) {
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
                    plan(store.as_ref(), &["mail", "webhook"]);
                    let waiting = store.queue_due("mail", NOW, 100).unwrap();
                    let packed = alerting::pack(NOW, &waiting, SINGLE, &Pulse::default());
                    // Whoever is later is refused as a whole.
                    store.bind("mail", &packed.packs, &[], NOW).ok();
                }
            });
        }
    });
    let store = bench.open();
    plan(store.as_ref(), &["mail", "webhook"]);
    for channel in ["mail", "webhook"] {
        let deliveries = bound(store.as_ref(), channel, SINGLE);
        let mut alerts: Vec<i64> = deliveries
            .iter()
            .flat_map(|d| &d.alerts)
            .map(|alert| alert.id)
            .collect();
        alerts.sort_unstable();
        let before = alerts.len();
        alerts.dedup();
        assert_eq!((alerts.len(), before), (20, 20), "{channel}");
    }
    assert_eq!(all(store.as_ref()).len(), 40);
}

pub fn a_failed_delivery_is_tried_again_or_dead_and_sent_again_when_asked(bench: &dyn Bench) {
    let store = bench.open();
    let device = enrolled(store.as_ref(), 1);
    alerts(store.as_ref(), &device, &["a", "b"]);
    plan(store.as_ref(), &["mail"]);
    let [first, second] = bound(store.as_ref(), "mail", SINGLE).try_into().unwrap();
    store
        .delivery_failed(first.id, "no answer", Some(NOW + 60), true)
        .unwrap();
    assert_eq!(
        subjects(&store.due_deliveries("mail", NOW + 59, 10).unwrap()),
        ["B"]
    );
    assert_eq!(store.pulse("mail", NOW).unwrap().failing, 1);
    store
        .delivery_failed(first.id, "too fast", Some(NOW + 60), false)
        .unwrap();
    let due = store.due_deliveries("mail", NOW + 60, 10).unwrap();
    // Oldest due first.
    assert_eq!(subjects(&due), ["B", "A"]);
    assert_eq!(
        (due[1].attempts, due[1].last_error.as_deref()),
        (1, Some("too fast"))
    );
    store.delivery_failed(second.id, "refused", None, true).unwrap();
    let dead = |store: &dyn Store| all(store).into_iter().find(|d| d.id == second.id).unwrap();
    assert_eq!(
        (
            dead(store.as_ref()).state,
            dead(store.as_ref()).last_error.as_deref()
        ),
        (DeliveryState::Dead, Some("refused"))
    );
    assert_eq!(
        subjects(&store.due_deliveries("mail", i64::MAX, 10).unwrap()),
        ["A"]
    );
    assert_eq!(store.overview(0, &Sight::Everything).unwrap().dead_deliveries, 1);
    store
        .resend(second.id, NOW + 70, &audit("delivery.resend"))
        .unwrap();
    let again = dead(store.as_ref());
    assert_eq!(
        (again.state, again.attempts, again.key),
        (DeliveryState::Pending, 0, second.key.clone())
    );
    assert!(matches!(
        store.resend(second.id, NOW, &audit("delivery.resend")),
        Err(StoreError::Conflict(_))
    ));
}

pub fn definitions_are_kept_replaced_and_removed(bench: &dyn Bench) {
    let store = bench.open();
    let version = store.definitions_version().unwrap();
    let mut definition = Definition {
        kind: AlertingKind::Channel,
        name: "group".into(),
        text: "{}".into(),
        sealed: Some(vec![1, 2]),
        changed_at: NOW,
        changed_by: "admin".into(),
    };
    store.put_definition(&definition, &audit("channel.put")).unwrap();
    definition.text = "{\"a\":1}".into();
    definition.sealed = None;
    store.put_definition(&definition, &audit("channel.put")).unwrap();
    definition.kind = AlertingKind::Route;
    store.put_definition(&definition, &audit("route.put")).unwrap();
    let kept = bench.open().definitions().unwrap();
    assert_eq!(kept.len(), 2);
    assert_eq!(
        (kept[0].kind, kept[0].text.as_str()),
        (AlertingKind::Channel, "{\"a\":1}")
    );
    assert_eq!(kept[0].sealed, None);
    store
        .remove_definition(AlertingKind::Route, "group", &audit("route.remove"))
        .unwrap();
    assert_eq!(store.definitions().unwrap().len(), 1);
    assert_eq!(store.definitions_version().unwrap(), version + 4);
    assert!(matches!(
        store.remove_definition(AlertingKind::Route, "group", &audit("route.remove")),
        Err(StoreError::NotFound(_))
    ));
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
    plan(store.as_ref(), &["mail"]);
    let [asset, machine] = bound(store.as_ref(), "mail", SINGLE).try_into().unwrap();
    let (alert, machine) = (&asset.alerts[0], &machine.alerts[0]);
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
    assert_eq!((machine.kind, machine.asset_id), (AlertKind::Reopened, None));
    assert_eq!(
        (machine.asset_name.as_str(), machine.evidence.as_str()),
        ("00:1a:2b:3c:4d:5e", "{}")
    );
}

pub fn an_unknown_delivery_is_refused(bench: &dyn Bench) {
    let store = bench.open();
    let unknown = store.delivered(&[(999, NOW)]);
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
    assert!(matches!(
        store.delivery_failed(999, "x", None, true),
        Err(StoreError::NotFound(_))
    ));
}
