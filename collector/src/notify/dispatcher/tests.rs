//! The outbox emptied over a real store under a simulated clock, with channels that fail on demand.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use deskwarden_domain::{
    alerting::Pace,
    model::{
        Alert, AlertKind, Asset, AssetId, AssetState, AuditEntry, DeliveryState, Finding, FindingKey,
        FindingState, Holder, PackKind, Severity,
    },
    port::{Batch, DeliveryFilter, Op, Paging},
};

use super::*;
use crate::notify::{Message, Origin, PER_MINUTE, SendError, Sender};

const START: Millis = 1_795_363_200_000;
const HOUR: Millis = 3_600_000;
const PEOPLE: Pace = Pace {
    per_minute: Some(PER_MINUTE),
    groups: true,
};
const PROGRAM: Pace = Pace {
    per_minute: None,
    groups: false,
};

/// A channel that notes every message that reaches it, and refuses on demand.
#[derive(Default)]
struct Sink {
    clock: Arc<AtomicI64>,
    /// Key, time, alerts in it, of all that came.
    seen: Mutex<Vec<(String, Millis, u64)>>,
    /// Fails so many times after it has the message.
    failures: AtomicU32,
    /// Nothing reaches it.
    down: AtomicBool,
    arrived: Notify,
    refusal: Mutex<Option<SendError>>,
}

impl Sink {
    fn keys(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap()
            .iter()
            .map(|(key, ..)| key.clone())
            .collect()
    }
}

impl Sender for Sink {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(SendError::new("connection refused"));
        }
        let alerts = message.json["count"].as_u64().unwrap_or(1);
        let now = self.clock.load(Ordering::SeqCst);
        let mut seen = self.seen.lock().unwrap();
        seen.push((message.idempotency_key.clone(), now, alerts));
        self.arrived.notify_one();
        if let Some(refusal) = self.refusal.lock().unwrap().take() {
            return Err(refusal);
        }
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failing.is_ok() {
            return Err(SendError::new("connection reset"));
        }
        Ok(())
    }
}

struct Outbox {
    _home: tempfile::TempDir,
    store: Arc<dyn Store>,
    asset: AssetId,
    clock: Arc<AtomicI64>,
}

impl Outbox {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("test.db").display())).unwrap();
        let asset = Asset {
            id: AssetId(0),
            number: Some("ZC-1".into()),
            name: "desk-1".into(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            provisional: false,
            created_at: 1,
            version: 0,
            wake_at: None,
            judged_generation: 0,
            ..Asset::named("")
        };
        let asset = store.put_asset(&asset, true, &audit()).unwrap();
        Self {
            _home: home,
            store,
            asset,
            clock: Arc::new(AtomicI64::new(START)),
        }
    }

    fn sink(&self) -> Arc<Sink> {
        Arc::new(Sink {
            clock: Arc::clone(&self.clock),
            ..Sink::default()
        })
    }

    fn now(&self) -> Millis {
        self.clock.load(Ordering::SeqCst)
    }

    fn pass(&self, time: Millis) {
        self.clock.fetch_add(time, Ordering::SeqCst);
    }

    fn queue(&self, subject: &str, severity: Severity) {
        self.queue_all(&[(format!("rule-{subject}"), subject.to_owned())], severity);
    }

    fn queue_all(&self, subjects: &[(String, String)], severity: Severity) {
        let at = self.now();
        let ops = subjects.iter().flat_map(|(rule, subject)| {
            let key = FindingKey {
                holder: Holder::Asset(self.asset),
                rule: rule.clone(),
                subject: subject.clone(),
            };
            let finding = Finding {
                id: None,
                key: key.clone(),
                severity,
                clause: "PC 3.2.4".into(),
                subject_name: subject.clone(),
                state: FindingState::Open,
                first_seen: at,
                last_seen: at,
                opened_at: at,
                resolved_at: None,
                reopened: 0,
                version: 0,
                seen: None,
            };
            let alert = Alert {
                kind: AlertKind::Opened,
                finding: key,
                severity,
                at,
            };
            [Op::PutFinding(finding), Op::Alert(alert)]
        });
        let batch = Batch {
            ops: ops.collect(),
            ..Batch::default()
        };
        self.store.apply(&batch).unwrap();
    }

    /// A process with these channels.
    fn process(&self, holder: &str, channels: &[(&str, Pace, &Arc<Sink>)]) -> Process {
        let channels: Vec<Live> = channels
            .iter()
            .map(|(name, pace, sink)| Live {
                name: (*name).to_owned(),
                kind: "log".to_owned(),
                origin: Origin::File,
                min_severity: Severity::Medium,
                pace: *pace,
                sender: Arc::clone(sink) as _,
                fault: None,
            })
            .collect();
        let desk = Desk {
            version: 1,
            channels: channels.clone(),
            ..Desk::default()
        };
        let (clock, made) = (Arc::clone(&self.clock), desk.clone());
        let shared = Arc::new(Dispatcher {
            store: Arc::clone(&self.store),
            desk: Arc::new(move |_| Ok(made.clone())),
            words: Arc::new(|_| None),
            templates: Templates::default(),
            style: Style::default(),
            wake: Arc::default(),
            lease: Arc::new(Lease::new("dispatch", holder)),
            clock: Arc::new(move || clock.load(Ordering::SeqCst)),
        });
        let workers = channels
            .into_iter()
            .map(|live| Worker::new(Arc::clone(&shared), live))
            .collect();
        Process {
            shared,
            desk,
            workers,
        }
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let paging = Paging {
            offset: 0,
            limit: 500,
        };
        let page = self.store.deliveries(&DeliveryFilter::default(), paging).unwrap();
        page.rows
    }
}

fn audit() -> AuditEntry {
    AuditEntry {
        at: 1,
        actor: "cli".into(),
        action: "asset.register".into(),
        object: "asset".into(),
        detail: String::new(),
    }
}

struct Process {
    shared: Arc<Dispatcher>,
    desk: Desk,
    workers: Vec<Worker>,
}

impl Process {
    /// Plans, and lets every worker work until nothing more can be done now.
    fn work(&self) {
        self.shared.plan(&self.desk).unwrap();
        for worker in &self.workers {
            while worker.round(&CancellationToken::new()).unwrap() == Round::More {}
        }
    }
}

#[test]
fn a_delivery_that_was_cut_off_comes_again_with_the_same_key() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    outbox.queue("QQ", Severity::High);
    sink.failures.store(1, Ordering::SeqCst);
    outbox.process("one", &[("mail", PEOPLE, &sink)]).work();
    let waiting = outbox.deliveries();
    assert_eq!(
        (waiting[0].attempts, waiting[0].state),
        (1, DeliveryState::Pending)
    );
    assert_eq!(waiting[0].last_error.as_deref(), Some("connection reset"));
    assert!(waiting[0].due_at > outbox.now(), "it waits");
    // Another process after a kill, when lease and pause are over.
    outbox.pass(20_000);
    outbox.process("two", &[("mail", PEOPLE, &sink)]).work();
    let keys = sink.keys();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(outbox.deliveries()[0].state, DeliveryState::Delivered);
}

#[test]
fn a_collector_killed_between_any_two_steps_loses_nothing_and_repeats_under_the_same_key() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    let many: Vec<(String, String)> = (0..40)
        .map(|n| (format!("rule-{}", n % 4), format!("s{n}")))
        .collect();
    outbox.queue_all(&many, Severity::High);
    // Killed after planning, after binding, and after the other side had the message but before that was noted.
    let first = outbox.process("one", &[("group", PEOPLE, &sink)]);
    first.shared.plan(&first.desk).unwrap();
    drop(first);
    outbox.pass(20_000);
    let second = outbox.process("two", &[("group", PEOPLE, &sink)]);
    assert_eq!(
        second.workers[0].round(&CancellationToken::new()).unwrap(),
        Round::More
    );
    let bound = outbox.deliveries();
    assert_eq!(bound.len(), 4);
    assert!(sink.keys().is_empty());
    drop(second);
    outbox.pass(20_000);
    let due = outbox.store.due_deliveries("group", outbox.now(), 1).unwrap();
    let composer = Composer {
        words: &|_| None,
        style: &Style::default(),
        templates: &Templates::default(),
    };
    sink.send(&composer.compose(&due[0])).unwrap();
    outbox.process("three", &[("group", PEOPLE, &sink)]).work();
    let keys = sink.keys();
    assert_eq!(keys.len(), 5, "one was repeated");
    assert_eq!(keys[0], keys[1]);
    let told: std::collections::BTreeMap<String, u64> = sink
        .seen
        .lock()
        .unwrap()
        .iter()
        .map(|(key, _, alerts)| (key.clone(), *alerts))
        .collect();
    assert_eq!(told.values().sum::<u64>(), 40);
    assert!(
        outbox
            .deliveries()
            .iter()
            .all(|delivery| delivery.state == DeliveryState::Delivered)
    );
}

#[test]
fn ten_thousand_findings_while_the_channel_was_down_for_two_hours_come_complete_and_slowly() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    sink.down.store(true, Ordering::SeqCst);
    let process = outbox.process("one", &[("group", PEOPLE, &sink)]);
    for n in 0..100 {
        let many: Vec<(String, String)> = (0..100)
            .map(|m| (format!("rule-{}", m % 30), format!("s{n}-{m}")))
            .collect();
        outbox.queue_all(&many, Severity::High);
        process.work();
        outbox.pass(2 * HOUR / 100);
    }
    assert!(
        outbox.deliveries().len() <= PER_MINUTE + 3,
        "what a dead channel would get later stays together"
    );
    sink.down.store(false, Ordering::SeqCst);
    for _ in 0..200 {
        outbox.pass(5_000);
        process.work();
    }
    let seen = sink.seen.lock().unwrap();
    assert_eq!(seen.iter().map(|(.., alerts)| alerts).sum::<u64>(), 10_000);
    for (n, (_, at, _)) in seen.iter().enumerate() {
        let within = seen[n..]
            .iter()
            .filter(|(_, other, _)| other - at < 60_000)
            .count();
        assert!(within <= PER_MINUTE, "{within} messages within a minute");
    }
    assert!(seen.len() <= 40, "no storm: {} messages", seen.len());
    let all = outbox.deliveries();
    assert!(
        all.iter()
            .all(|delivery| delivery.state == DeliveryState::Delivered)
    );
    // Jitter decides whether the rest comes as one digest or as a few.
    let digests = all.iter().filter(|delivery| delivery.kind == PackKind::Digest);
    assert!(digests.map(|delivery| delivery.total).sum::<u64>() > 9_000);
}

#[test]
fn a_channel_that_never_works_is_given_up_after_three_days_and_can_be_sent_again() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    outbox.queue("QQ", Severity::High);
    sink.down.store(true, Ordering::SeqCst);
    let process = outbox.process("one", &[("mail", PEOPLE, &sink)]);
    for _ in 0..400 {
        process.work();
        assert_eq!(outbox.deliveries().len(), 1);
        outbox.pass(900_000);
    }
    let dead = outbox.deliveries().remove(0);
    assert_eq!(dead.state, DeliveryState::Dead);
    assert!(outbox.now() - START > 72 * HOUR);
    sink.down.store(false, Ordering::SeqCst);
    process.work();
    assert!(sink.keys().is_empty(), "dead is dead until somebody says so");
    outbox.store.resend(dead.id, outbox.now(), &audit()).unwrap();
    process.work();
    assert_eq!(sink.keys(), [dead.key]);
    assert!(
        outbox.store.resend(dead.id, outbox.now(), &audit()).is_err(),
        "it was delivered"
    );
}

#[test]
fn a_message_that_will_never_be_taken_is_dead_at_once_and_holds_up_no_other() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    *sink.refusal.lock().unwrap() = Some(SendError::new("malformed").never());
    outbox.queue("QQ", Severity::High);
    outbox.queue("MSN", Severity::High);
    let process = outbox.process("one", &[("mail", PEOPLE, &sink)]);
    process.work();
    process.work();
    let states: Vec<DeliveryState> = outbox
        .deliveries()
        .iter()
        .map(|delivery| delivery.state)
        .collect();
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Dead]);
}

#[test]
fn a_robot_that_is_blocked_is_left_alone_for_as_long_as_it_asks() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    let blocked = SendError::new("130101").not_before(Duration::from_secs(600));
    *sink.refusal.lock().unwrap() = Some(blocked);
    let process = outbox.process("one", &[("ding", PEOPLE, &sink)]);
    outbox.queue("QQ", Severity::High);
    process.work();
    for _ in 0..59 {
        outbox.pass(10_000);
        outbox.queue(&format!("s{}", outbox.now()), Severity::High);
        process.work();
    }
    assert_eq!(sink.keys().len(), 1, "nothing for ten minutes");
    assert_eq!(
        outbox.deliveries()[0].attempts,
        0,
        "what is put off is no failed try"
    );
    outbox.pass(10_000);
    process.work();
    assert_eq!(
        sink.seen
            .lock()
            .unwrap()
            .iter()
            .skip(1)
            .map(|(.., alerts)| alerts)
            .sum::<u64>(),
        60
    );
}

#[test]
fn what_is_below_the_channels_severity_is_not_sent() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    outbox.queue("minor", Severity::Low);
    outbox.queue("QQ", Severity::High);
    outbox.process("one", &[("mail", PEOPLE, &sink)]).work();
    assert_eq!(sink.keys().len(), 1);
    assert_eq!(outbox.deliveries().len(), 1, "and not shown as sent");
}

#[test]
fn a_channel_that_is_set_up_later_is_not_told_of_the_past() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    outbox.queue("QQ", Severity::High);
    outbox.process("one", &[]).work();
    outbox.process("one", &[("mail", PEOPLE, &sink)]).work();
    assert!(sink.keys().is_empty());
}

#[test]
fn of_two_collectors_one_dispatches() {
    let outbox = Outbox::new();
    let sink = outbox.sink();
    let one = outbox.process("one", &[("mail", PROGRAM, &sink)]);
    let two = outbox.process("two", &[("mail", PROGRAM, &sink)]);
    outbox.queue("QQ", Severity::High);
    one.work();
    outbox.queue("MSN", Severity::High);
    two.work();
    assert_eq!(sink.keys().len(), 1, "the second holds no lease");
    one.work();
    assert_eq!(sink.keys().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_the_dispatcher_and_a_dead_channel_delays_no_other() {
    let outbox = Outbox::new();
    let (good, dead) = (outbox.sink(), outbox.sink());
    dead.down.store(true, Ordering::SeqCst);
    let process = outbox.process("one", &[("dead", PROGRAM, &dead), ("good", PROGRAM, &good)]);
    drop(process.workers);
    let Ok(dispatcher) = Arc::try_unwrap(process.shared) else {
        panic!("somebody holds it")
    };
    let (wake, cancel) = (Arc::clone(&dispatcher.wake), CancellationToken::new());
    let running = tokio::spawn(dispatcher.run(cancel.clone()));
    for subject in ["QQ", "MSN"] {
        outbox.queue(subject, Severity::High);
        wake.notify_one();
        good.arrived.notified().await;
    }
    cancel.cancel();
    running.await.unwrap();
    assert_eq!(good.keys().len(), 2);
}
