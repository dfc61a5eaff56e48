//! The outbox emptied over a real store, with channels that fail on demand.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use deskwarden_domain::{
    model::{
        Alert, AlertKind, Asset, AssetId, AssetState, AuditEntry, DeliveryState, Finding, FindingKey,
        FindingState, Holder,
    },
    port::{Batch, Op},
};

use super::*;
use crate::notify::{Message, SendError};

/// Notes every key; the first `failures` sends fail after the other side has the message.
#[derive(Default)]
struct Sink {
    keys: Mutex<Vec<String>>,
    failures: AtomicU32,
    arrived: Notify,
}

impl Sender for Sink {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        self.keys.lock().unwrap().push(message.idempotency_key.clone());
        self.arrived.notify_one();
        let failing = self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failing.is_ok() {
            Err(SendError::new("connection reset"))
        } else {
            Ok(())
        }
    }
}

struct Outbox {
    _home: tempfile::TempDir,
    store: Arc<dyn Store>,
    asset: AssetId,
}

impl Outbox {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("test.db").display())).unwrap();
        let audit = AuditEntry {
            at: 1,
            actor: "cli".into(),
            action: "asset.register".into(),
            object: "asset".into(),
            detail: String::new(),
        };
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
        };
        let asset = store.put_asset(&asset, true, &audit).unwrap();
        Self {
            _home: home,
            store,
            asset,
        }
    }

    fn queue(&self, subject: &str, severity: Severity) {
        let key = FindingKey {
            holder: Holder::Asset(self.asset),
            rule: "pc.chat".into(),
            subject: subject.into(),
        };
        let finding = Finding {
            id: None,
            key: key.clone(),
            severity,
            clause: "PC 3.2.4".into(),
            subject_name: subject.into(),
            state: FindingState::Open,
            first_seen: 1,
            last_seen: 1,
            opened_at: 1,
            resolved_at: None,
            reopened: 0,
            version: 0,
            seen: None,
        };
        let alert = Alert {
            kind: AlertKind::Opened,
            finding: key,
            severity,
            at: 1,
        };
        let batch = Batch {
            ops: vec![Op::PutFinding(finding), Op::Alert(alert)],
            ..Batch::default()
        };
        self.store.apply(&batch).unwrap();
    }

    fn dispatcher(&self, name: &str, sink: &Arc<Sink>, holder: &str) -> Dispatcher {
        let sender: Arc<dyn Sender> = Arc::clone(sink) as _;
        Dispatcher {
            store: Arc::clone(&self.store),
            routes: vec![Route {
                name: name.to_owned(),
                min_severity: Severity::Medium,
                sender,
            }],
            words: Arc::new(|_| None),
            style: Style::default(),
            wake: Arc::default(),
            lease: Lease::new("dispatch", holder),
        }
    }

    /// One look at the outbox and one round of the channel.
    fn round(&self, name: &str, sink: &Arc<Sink>, holder: &str) -> StoreResult<Round> {
        let shared = Arc::new(self.dispatcher(name, sink, holder));
        shared.expand()?;
        let route = shared.routes[0].clone();
        Worker { shared, route }.round(&CancellationToken::new())
    }
}

#[test]
fn a_delivery_that_was_cut_off_comes_again_with_the_same_key() {
    let (outbox, sink) = (Outbox::new(), Arc::new(Sink::default()));
    outbox.queue("QQ", Severity::High);
    sink.failures.store(1, Ordering::SeqCst);
    assert_eq!(outbox.round("mail", &sink, "one").unwrap(), Round::Failed);
    let waiting = outbox.store.deliveries(10).unwrap();
    assert_eq!(
        (waiting[0].attempts, waiting[0].state),
        (1, DeliveryState::Pending)
    );
    assert_eq!(waiting[0].last_error.as_deref(), Some("connection reset"));
    assert!(waiting[0].due_at > clock::now(), "it waits");
    // Another process after a restart, when the pause is over.
    outbox
        .store
        .delivery_failed(waiting[0].id, "connection reset", Some(0))
        .unwrap();
    assert_eq!(outbox.round("mail", &sink, "one").unwrap(), Round::Empty);
    let keys = sink.keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(
        outbox.store.deliveries(10).unwrap()[0].state,
        DeliveryState::Delivered
    );
}

#[test]
fn a_channel_that_never_works_is_given_up() {
    let (outbox, sink) = (Outbox::new(), Arc::new(Sink::default()));
    outbox.queue("QQ", Severity::High);
    sink.failures.store(u32::MAX, Ordering::SeqCst);
    for _ in 0..backoff::TRIES {
        assert_eq!(outbox.round("mail", &sink, "one").unwrap(), Round::Failed);
        let delivery = outbox.store.deliveries(1).unwrap().remove(0);
        if delivery.state == DeliveryState::Dead {
            break;
        }
        let pending = outbox.dispatcher("mail", &sink, "one");
        // Not a try: only makes it due now.
        assert!(
            pending
                .store
                .due_deliveries("mail", delivery.due_at, 1)
                .unwrap()
                .len()
                == 1
        );
        make_due(&outbox, delivery.id);
    }
    let delivery = outbox.store.deliveries(1).unwrap().remove(0);
    assert_eq!(delivery.state, DeliveryState::Dead);
}

/// Counts as a try, so that the test ends sooner.
fn make_due(outbox: &Outbox, delivery: i64) {
    outbox
        .store
        .delivery_failed(delivery, "connection reset", Some(0))
        .unwrap();
}

#[test]
fn what_is_below_the_channels_severity_is_not_sent() {
    let (outbox, sink) = (Outbox::new(), Arc::new(Sink::default()));
    outbox.queue("minor", Severity::Low);
    outbox.queue("QQ", Severity::High);
    assert_eq!(outbox.round("mail", &sink, "one").unwrap(), Round::Empty);
    assert_eq!(sink.keys.lock().unwrap().len(), 1);
    assert_eq!(
        outbox.store.deliveries(10).unwrap().len(),
        1,
        "and not shown as sent"
    );
}

#[test]
fn a_channel_that_is_set_up_later_is_not_told_of_the_past() {
    let (outbox, sink) = (Outbox::new(), Arc::new(Sink::default()));
    outbox.queue("QQ", Severity::High);
    let mut nobody = outbox.dispatcher("mail", &sink, "one");
    nobody.routes.clear();
    assert_eq!(nobody.expand().unwrap(), 0);
    assert_eq!(outbox.round("mail", &sink, "one").unwrap(), Round::Empty);
    assert!(sink.keys.lock().unwrap().is_empty());
}

#[test]
fn of_two_collectors_one_dispatches() {
    let (outbox, sink) = (Outbox::new(), Arc::new(Sink::default()));
    outbox.queue("QQ", Severity::High);
    outbox.round("mail", &sink, "one").unwrap();
    outbox.queue("MSN", Severity::High);
    outbox.round("mail", &sink, "two").unwrap();
    assert_eq!(sink.keys.lock().unwrap().len(), 1, "the second holds no lease");
    outbox.round("mail", &sink, "one").unwrap();
    assert_eq!(sink.keys.lock().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_wakes_the_dispatcher_and_a_dead_channel_delays_no_other() {
    let (outbox, good, dead) = (
        Outbox::new(),
        Arc::new(Sink::default()),
        Arc::new(Sink::default()),
    );
    dead.failures.store(u32::MAX, Ordering::SeqCst);
    let mut dispatcher = outbox.dispatcher("good", &good, "one");
    dispatcher.routes.insert(
        0,
        Route {
            name: "dead".into(),
            min_severity: Severity::Low,
            sender: Arc::clone(&dead) as _,
        },
    );
    let (wake, cancel) = (Arc::clone(&dispatcher.wake), CancellationToken::new());
    let running = tokio::spawn(dispatcher.run(cancel.clone()));
    for subject in ["QQ", "MSN"] {
        outbox.queue(subject, Severity::High);
        wake.notify_one();
        good.arrived.notified().await;
    }
    cancel.cancel();
    running.await.unwrap();
    assert_eq!(good.keys.lock().unwrap().len(), 2);
}
