//! A store that takes no writes is told past it, once, and its end to whoever heard of it.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicI64, Ordering::SeqCst},
};

use deskwarden_domain::alerting::Pace;

use super::*;
use crate::notify::{Live, Message, Origin, RuleWords, SendError, Sender};

/// Notes what it is told; refuses while it is away.
#[derive(Default)]
struct Sink {
    away: AtomicBool,
    got: Mutex<Vec<Message>>,
}

impl Sender for Sink {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        if self.away.load(SeqCst) {
            return Err(SendError::new("connection refused"));
        }
        self.got.lock().unwrap().push(message.clone());
        Ok(())
    }
}

struct Bed {
    _home: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    sink: Arc<Sink>,
    watch: OutageWatch,
    state: State,
}

impl Bed {
    fn new(least: Severity) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("t.db").display())).unwrap();
        let clock = Arc::new(AtomicI64::new(1_000_000));
        let sink = Arc::new(Sink::default());
        let desk = Desk {
            channels: vec![Live {
                name: "oa".to_owned(),
                kind: "webhook".to_owned(),
                origin: Origin::File,
                min_severity: least,
                pace: Pace {
                    per_minute: None,
                    groups: false,
                },
                sender: Arc::clone(&sink) as Arc<dyn Sender>,
                fault: None,
            }],
            ..Desk::default()
        };
        let now = Arc::clone(&clock);
        let watch = OutageWatch {
            store,
            meter: Arc::default(),
            holder: "one".to_owned(),
            desk: Arc::new(move |_| Ok(desk.clone())),
            words: Arc::new(RuleWords::of_condition),
            templates: Templates::default(),
            style: Style::default(),
            clock: Arc::new(move || now.load(SeqCst)),
        };
        let (speaker, desk) = watch.probe(None).unwrap();
        let state = State {
            speaker,
            desk: desk.map(Arc::new),
            ..State::default()
        };
        Self {
            _home: home,
            clock,
            sink,
            watch,
            state,
        }
    }

    fn pass(&mut self, written: bool, times: usize) {
        for _ in 0..times {
            self.clock.fetch_add(10_000, SeqCst);
            self.watch.step(&mut self.state, written);
        }
    }

    fn got(&self) -> Vec<(String, String)> {
        let got = self.sink.got.lock().unwrap();
        got.iter()
            .map(|message| (message.event.clone(), message.idempotency_key.clone()))
            .collect()
    }
}

#[test]
fn an_hour_without_writes_is_two_messages() {
    let mut bed = Bed::new(Severity::High);
    bed.pass(true, 3);
    bed.pass(false, 360);
    bed.pass(true, 60);
    let key = |kind: &str| format!("oa:store-{kind}-1040000");
    assert_eq!(
        bed.got(),
        [
            ("opened".to_owned(), key("opened")),
            ("resolved".to_owned(), key("resolved"))
        ]
    );
    let body = bed.sink.got.lock().unwrap()[0].body.clone();
    assert!(
        body.contains("数据库不可写") && body.contains("无法写入"),
        "{body}"
    );
}

#[test]
fn a_moment_without_writes_is_none() {
    let mut bed = Bed::new(Severity::High);
    bed.pass(false, 3);
    bed.pass(true, 3);
    assert_eq!(bed.got(), []);
}

#[test]
fn reports_that_are_refused_are_an_outage_though_a_small_write_goes_through() {
    let mut bed = Bed::new(Severity::High);
    for _ in 0..30 {
        bed.watch.meter.writes.refused(bed.clock.load(SeqCst));
        bed.pass(true, 1);
    }
    let kinds = |bed: &Bed| bed.got().into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(&bed), ["opened"]);
    bed.watch.meter.writes.taken();
    bed.pass(true, 1);
    assert_eq!(kinds(&bed), ["opened", "resolved"]);
}

#[test]
fn a_channel_that_was_away_is_told_when_it_is_back_and_of_no_end_that_it_never_knew_the_beginning_of() {
    let mut bed = Bed::new(Severity::High);
    bed.sink.away.store(true, SeqCst);
    bed.pass(false, 10);
    bed.sink.away.store(false, SeqCst);
    bed.pass(false, 10);
    assert_eq!(bed.got().len(), 1);
    bed.pass(true, 1);
    assert_eq!(bed.got().len(), 2);
    bed.sink.away.store(true, SeqCst);
    bed.pass(false, 10);
    bed.pass(true, 1);
    bed.sink.away.store(false, SeqCst);
    bed.pass(true, 10);
    assert_eq!(bed.got().len(), 2);
}

#[test]
fn of_three_collectors_one_tells_and_another_takes_its_turn_when_it_is_gone() {
    let bed = Bed::new(Severity::High);
    let watch = |holder: &str| OutageWatch {
        store: Arc::clone(&bed.watch.store),
        meter: Arc::default(),
        holder: holder.to_owned(),
        desk: Arc::clone(&bed.watch.desk),
        words: Arc::new(RuleWords::of_condition),
        templates: Templates::default(),
        style: Style::default(),
        clock: Arc::clone(&bed.watch.clock),
    };
    let turn = |holder: &str| watch(holder).probe(None).unwrap().0;
    let turns = || ["one", "two", "three"].map(turn);
    let all = [Speaker::First, Speaker::Second, Speaker::Silent];
    assert_eq!(turns(), all);
    bed.clock.fetch_add(50_000, SeqCst);
    assert_eq!(turns(), all, "it keeps its turn");
    // The first one is gone; what it had ends.
    for _ in 0..3 {
        bed.clock.fetch_add(40_000, SeqCst);
        turn("two");
        turn("three");
    }
    assert_eq!((turn("two"), turn("three")), (Speaker::First, Speaker::Second));
    assert_eq!(turn("one"), Speaker::Silent);
    // One that is asked to end gives its turn back.
    watch("two").give_back().unwrap();
    assert_eq!((turn("one"), turn("three")), (Speaker::First, Speaker::Second));
}
