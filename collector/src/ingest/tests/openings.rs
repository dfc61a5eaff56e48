//! What a hello is answered.

use super::*;
use crate::ingest::opening::{self, Anew};

fn at(epoch: u64, next_sequence: u64, resume_floor: u64) -> Position {
    Position {
        next_sequence,
        resume_floor,
        ..Position::start(epoch, [3; 32])
    }
}

fn hello(position: &Position, epoch: u64, acknowledged: u64, enqueued: u64) -> Hello {
    Hello {
        epoch,
        acknowledged,
        enqueued,
        resume_token: position.resume_token(acknowledged).to_vec(),
        ..Hello::default()
    }
}

#[test]
fn a_hello_is_answered_as_the_table_says() {
    let bench = Bench::new();
    let device = bench.device(1);
    let fresh = bench.state(device);
    let used = at(3, 11, 8);
    let unused = at(3, 1, 0);
    // (store, hello, epoch, next sequence, gap, fork)
    let cases = [
        (at(1, 1, 0), Hello::default(), (1, 1, false, false)),
        (used.clone(), Hello::default(), (4, 1, true, false)),
        (unused.clone(), hello(&used, 2, 7, 7), (3, 1, false, false)),
        (used.clone(), hello(&used, 2, 7, 7), (4, 1, true, true)),
        (used.clone(), hello(&used, 9, 7, 7), (10, 1, true, false)),
        (used.clone(), hello(&used, 3, 10, 10), (3, 11, false, false)),
        (used.clone(), hello(&used, 3, 8, 12), (3, 10, false, false)),
        (used.clone(), hello(&used, 3, 7, 12), (4, 1, true, true)),
        (used.clone(), hello(&used, 3, 8, 9), (4, 1, true, true)),
        (
            used.clone(),
            Hello {
                resume_token: vec![0; 16],
                ..hello(&used, 3, 10, 10)
            },
            (4, 1, true, true),
        ),
        (used.clone(), hello(&used, 3, 20, 25), (3, 21, true, false)),
    ];
    for (position, hello, expected) in cases {
        let mut state = DeviceState {
            position,
            ..fresh.clone()
        };
        let mut ops = Vec::new();
        let opened = opening::open(&mut state, &hello, KEY, NOW, &mut ops);
        let got = (
            opened.epoch,
            opened.next_sequence,
            opened.recorded_gap,
            opened.forked,
        );
        assert_eq!(got, expected, "{hello:?}");
        let moved = ops.iter().any(|op| matches!(op, Op::Position { .. }));
        assert!(moved || !opened.recorded_gap, "{hello:?} must be written down");
    }
}

#[test]
fn a_new_epoch_that_nobody_used_is_given_again() {
    let bench = Bench::new();
    let device = bench.device(1);
    let mut state = bench.state(device);
    state.position = at(2, 5, 0);
    let mut ops = Vec::new();
    opening::anew(&mut state, Anew::Fork, 2, KEY, NOW, &mut ops);
    assert_eq!((state.position.epoch, state.position.next_sequence), (3, 1));
    let position = state.position.clone();
    ops.clear();
    opening::anew(&mut state, Anew::Fork, 2, [4; 32], NOW, &mut ops);
    assert_eq!(state.position, position);
    assert!(ops.is_empty());
}

#[test]
fn an_unchanged_hello_writes_nothing() {
    let bench = Bench::new();
    let device = bench.device(1);
    let mut state = bench.state(device);
    let hello = Hello {
        agent_version: "1".into(),
        platform: "linux-x86_64".into(),
        hints: Some(state.device.hints.clone()),
        ..Hello::default()
    };
    state.device.last_seen_at = Some(NOW - 1);
    let mut ops = Vec::new();
    opening::open(&mut state, &hello, KEY, NOW, &mut ops);
    assert!(ops.is_empty(), "{ops:?}");
}

#[test]
fn a_device_that_was_away_has_what_it_shares_looked_at() {
    let bench = Bench::new();
    let device = bench.device(1);
    let returned = |seen: Option<i64>, goodbye: Option<i64>| {
        let mut state = bench.state(device);
        state.device.last_seen_at = seen;
        state.device.goodbye_at = goodbye;
        let mut ops = Vec::new();
        opening::open(&mut state, &Hello::default(), KEY, NOW, &mut ops);
        (
            ops.iter().any(|op| matches!(op, Op::Seen { .. })),
            ops.iter().any(|op| matches!(op, Op::Returned { .. })),
        )
    };
    assert_eq!(returned(None, None), (true, false), "new: it shares nothing yet");
    assert_eq!(returned(Some(NOW - 1), Some(NOW - 1)), (true, true));
    assert_eq!(returned(Some(NOW - 26 * 60_000), None), (true, true));
    assert_eq!(returned(Some(NOW - 1), None), (false, false));
}
