//! The stream's rules: each record once, forks and gaps seen, snapshots staged, digests kept.

mod support;

use deskwarden_domain::{advance::Step, port::Op};
use deskwarden_proto::{
    Message,
    diff::{self, SourceReading},
    v1::{Delta, Facet, Item, Look, Sample, Section, SnapshotChunk, Software, payload::Body},
};
use support::{Pc, context, empty_delta, item_id, memory};

fn sample(value: f64) -> Body {
    Body::Delta(Delta {
        samples: vec![Sample {
            name: "load".into(),
            value,
            unit: "1".into(),
        }],
        ..Delta::default()
    })
}

#[test]
fn a_resent_record_is_applied_once() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    assert!(matches!(
        pc.sends_as(&context, 1, 1, empty_delta()),
        Step::Applied(_)
    ));
    assert_eq!(pc.state.position.next_sequence, 2);
    pc.now -= 1_000; // the same bytes: the stamp is taken from the clock
    assert_eq!(pc.sends_as(&context, 1, 1, empty_delta()), Step::Duplicate);
    assert_eq!(pc.state.position.next_sequence, 2);
}

#[test]
fn the_same_sequence_with_another_payload_is_a_fork() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    pc.sends_as(&context, 1, 1, sample(1.0));
    assert_eq!(pc.sends_as(&context, 1, 1, sample(2.0)), Step::Fork);
}

#[test]
fn a_sequence_ahead_and_another_epoch_are_not_applied() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    assert_eq!(pc.sends_as(&context, 1, 5, empty_delta()), Step::Ahead);
    assert_eq!(pc.sends_as(&context, 2, 1, empty_delta()), Step::OtherEpoch);
    assert_eq!(pc.state.position.next_sequence, 1);
}

#[test]
fn both_sides_hold_the_same_digests() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    pc.software(&context, &["bash", "qq"]);
    pc.software_look(&context, Look::Partial, &["vim"]);
    pc.software(&context, &["vim"]);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    let agent: Vec<(i32, Vec<u8>)> = pc
        .shadow
        .digests()
        .into_iter()
        .map(|d| (d.section, d.digest))
        .collect();
    let mut collector: Vec<(i32, Vec<u8>)> = pc
        .state
        .sums
        .iter()
        .map(|(s, digest, _)| (*s as i32, digest.to_le_bytes().to_vec()))
        .collect();
    collector.sort();
    let mut agent = agent;
    agent.sort();
    assert_eq!(agent, collector);
    let counted: Vec<u64> = pc.state.sums.iter().map(|(_, _, count)| *count).collect();
    assert_eq!(counted, [1, 1]);
}

fn chunks(names: &[&str], look: Look) -> Vec<SnapshotChunk> {
    let items = names
        .iter()
        .map(|name| Item {
            section: Section::Software.into(),
            source: "dpkg".into(),
            key: format!("{name}:amd64"),
            facet: Facet::from(Software {
                name: (*name).into(),
                ..Software::default()
            })
            .encode_to_vec()
            .into(),
            ..Item::default()
        })
        .collect();
    let reading = SourceReading {
        section: Section::Software,
        source: "dpkg".into(),
        look,
        reason: if look == Look::Looked {
            String::new()
        } else {
            "why".into()
        },
        items,
    };
    diff::snapshot(Section::Software, [9; 16], vec![reading])
}

/// Cuts one chunk in two, as a large section would be.
fn in_two(names: &[&str]) -> Vec<SnapshotChunk> {
    let mut last = chunks(names, Look::Looked).remove(0);
    let first = SnapshotChunk {
        items: last.items.drain(..1).collect(),
        last: false,
        sources: Vec::new(),
        ..last.clone()
    };
    last.index = 1;
    vec![first, last]
}

#[test]
fn a_snapshot_is_applied_with_its_last_chunk() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    pc.software(&context, &["old", "kept"]);
    let [first, last] = in_two(&["kept", "new"]).try_into().unwrap();
    pc.sends(&context, Body::Chunk(first));
    assert!(
        pc.state
            .items
            .contains_key(&item_id(Section::Software, "dpkg", "old:amd64")),
        "nothing happens yet"
    );
    pc.sends(&context, Body::Chunk(last));
    let keys: Vec<&str> = pc.state.items.keys().map(|id| id.key.as_str()).collect();
    assert_eq!(keys, ["kept:amd64", "new:amd64"]);
    assert!(pc.ops.iter().any(|op| matches!(op, Op::Unstage { .. })));
}

#[test]
fn a_snapshot_with_a_missing_chunk_is_not_applied() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    let [_, last] = in_two(&["a", "b"]).try_into().unwrap();
    assert_eq!(pc.sends(&context, Body::Chunk(last)), Step::Incomplete);
    assert!(pc.state.items.is_empty());
    assert_eq!(pc.state.position.next_sequence, 1);
}

#[test]
fn a_snapshot_that_could_not_look_takes_nothing_away() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    pc.software(&context, &["old"]);
    for chunk in chunks(&[], Look::Denied) {
        pc.sends(&context, Body::Chunk(chunk));
    }
    assert_eq!(pc.state.items.len(), 1);
}

#[test]
fn an_unchanged_snapshot_writes_no_history() {
    let context = context(1, &[]);
    let mut pc = Pc::new();
    for _ in 0..2 {
        for chunk in chunks(&["a", "b"], Look::Looked) {
            pc.sends(&context, Body::Chunk(chunk));
        }
    }
    assert_eq!(pc.ops.iter().filter(|op| matches!(op, Op::Change(_))).count(), 2);
}

#[test]
fn resume_tokens_differ_by_sequence_and_epoch() {
    let mut position = Pc::new().state.position;
    let first = position.resume_token(1);
    assert_ne!(first, position.resume_token(2));
    position.epoch = 2;
    assert_ne!(first, position.resume_token(1));
}
