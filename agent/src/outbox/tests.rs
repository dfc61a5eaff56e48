//! What the outbox promises while nothing breaks.

use deskwarden_proto::{
    diff,
    v1::{Delta, Event, Gap, Item, Look, Section, SourceState, Stamp, payload::Body},
};

use super::{crash_tests::SimDisk, *};

pub(super) fn section(number: u8) -> Section {
    [Section::Software, Section::Network, Section::Proxy][usize::from(number)]
}

fn payload(body: Body) -> Payload {
    Payload {
        stamp: Some(Stamp {
            observed_at_ms: 1_000,
            boot_id: "boot".into(),
            monotonic_ms: 5,
        }),
        body: Some(body),
    }
}

fn item(number: u8, key: u8, value: u8) -> Item {
    Item {
        section: section(number).into(),
        source: "source".into(),
        key: format!("k{key}"),
        principal: String::new(),
        facet: vec![value].into(),
        local: Vec::new().into(),
    }
}

pub(super) fn delta(number: u8, key: u8) -> Payload {
    payload(Body::Delta(Delta {
        sources: vec![SourceState {
            section: section(number).into(),
            source: "source".into(),
            look: Look::Looked.into(),
            reason: String::new(),
        }],
        put: vec![item(number, key, key)],
        ..Delta::default()
    }))
}

pub(super) fn events(count: u8) -> Payload {
    payload(Body::Delta(Delta {
        events: (0..count)
            .map(|n| Event {
                id: vec![n; 16],
                ..Event::default()
            })
            .collect(),
        ..Delta::default()
    }))
}

/// Three chunks, so that a crash or an acknowledgement can fall between them.
pub(super) fn snapshot_of(number: u8, key: u8, gap: Option<Gap>) -> Vec<Payload> {
    let reading = |key| diff::SourceReading {
        section: section(number),
        source: "source".into(),
        look: Look::Looked,
        reason: String::new(),
        items: vec![item(number, key, 7)],
    };
    let mut last = diff::snapshot(section(number), [key; 16], vec![reading(key)]);
    let mut chunks = Vec::new();
    for index in 0..2u8 {
        chunks.push(v1::SnapshotChunk {
            section: section(number).into(),
            snapshot_id: vec![key; 16],
            index: index.into(),
            items: vec![item(number, index, 9)],
            ..v1::SnapshotChunk::default()
        });
    }
    for chunk in &mut last {
        chunk.index = 2;
        chunk.gaps.extend(gap.clone());
    }
    chunks.append(&mut last);
    chunks
        .into_iter()
        .map(|chunk| payload(Body::Chunk(chunk)))
        .collect()
}

pub(super) fn payload_bytes(payload: &Payload) -> Vec<u8> {
    payload.encode_to_vec()
}

fn open(bounds: Bounds) -> (SimDisk, Outbox<SimDisk>) {
    let disk = SimDisk::default();
    let (outbox, opened) = Outbox::open(disk.clone(), "device", bounds).unwrap();
    assert_eq!(opened, Opened::New);
    (disk, outbox)
}

fn ack(outbox: &Outbox<SimDisk>, sequence: u64) -> v1::Ack {
    v1::Ack {
        epoch: outbox.epoch(),
        sequence,
        resume_token: b"next".to_vec(),
    }
}

fn sequences(outbox: &Outbox<SimDisk>) -> Vec<u64> {
    let records = outbox.records(0, usize::MAX, usize::MAX).unwrap();
    records.iter().map(|r| r.sequence).collect()
}

#[test]
fn a_record_and_its_shadow_survive_a_restart() {
    let (disk, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(1, 2)]).unwrap();
    let (again, opened) = Outbox::open(disk, "device", Bounds::default()).unwrap();
    assert_eq!(opened, Opened::Kept);
    assert_eq!(again.shadow(), outbox.shadow());
    let records = again.records(0, 10, usize::MAX).unwrap();
    assert_eq!(records[1].payload, payload_bytes(&delta(1, 2)));
    assert_eq!(sequences(&again), [1, 2]);
}

#[test]
fn records_come_in_bounded_portions() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(0, 2), delta(0, 3)]).unwrap();
    assert_eq!(outbox.records(1, 1, usize::MAX).unwrap()[0].sequence, 2);
    assert_eq!(outbox.records(0, 10, 1).unwrap().len(), 1, "one always comes");
}

#[test]
fn an_acknowledgement_is_remembered_with_its_token() {
    let (disk, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(0, 2)]).unwrap();
    outbox.acknowledge(&ack(&outbox, 1)).unwrap();
    let (again, _) = Outbox::open(disk, "device", Bounds::default()).unwrap();
    let position = again.position();
    assert_eq!((position.acknowledged, position.enqueued), (1, 2));
    assert_eq!(position.resume_token, b"next");
    assert_eq!(sequences(&again), [2]);
}

#[test]
fn an_acknowledgement_that_comes_late_does_not_undo_a_younger_one() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(0, 2)]).unwrap();
    let late = v1::Ack {
        resume_token: b"older".to_vec(),
        ..ack(&outbox, 1)
    };
    outbox.acknowledge(&ack(&outbox, 2)).unwrap();
    outbox.acknowledge(&late).unwrap();
    let position = outbox.position();
    assert_eq!((position.acknowledged, position.enqueued), (2, 2));
    assert_eq!(position.resume_token, b"next");
}

#[test]
fn an_acknowledgement_of_the_unknown_is_refused() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1)]).unwrap();
    let refused = outbox.acknowledge(&ack(&outbox, 2));
    assert!(matches!(refused, Err(Error::NeverEnqueued { .. })));
    let other_epoch = v1::Ack {
        epoch: 9,
        ..ack(&outbox, 1)
    };
    assert!(matches!(
        outbox.acknowledge(&other_epoch),
        Err(Error::NeverEnqueued { .. })
    ));
    assert_eq!(outbox.waiting(), 1);
}

#[test]
fn digests_are_as_of_the_acknowledgement() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1)]).unwrap();
    let first = outbox.shadow().digests();
    outbox.append(&[delta(0, 2)]).unwrap();
    outbox.acknowledge(&ack(&outbox, 1)).unwrap();
    assert_eq!(outbox.acknowledged_digests().unwrap(), first);
    assert_ne!(outbox.shadow().digests(), first);
}

#[test]
fn a_new_epoch_numbers_anew_and_keeps_the_bytes() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(0, 2), delta(1, 3)]).unwrap();
    outbox.acknowledge(&ack(&outbox, 1)).unwrap();
    outbox.want_epoch("test").unwrap();
    let shadow = outbox.shadow().clone();
    outbox.adopt(7, 5, b"token").unwrap();
    let records = outbox.records(0, 10, usize::MAX).unwrap();
    let numbers: Vec<(u64, u64)> = records.iter().map(|r| (r.epoch, r.sequence)).collect();
    assert_eq!(numbers, [(7, 5), (7, 6)]);
    assert_eq!(records[0].payload, payload_bytes(&delta(0, 2)));
    assert_eq!(outbox.shadow(), &shadow);
    assert_eq!(outbox.epoch_wanted(), None);
    assert_eq!(outbox.append(&[delta(0, 9)]).unwrap(), 7);
}

#[test]
fn at_the_bound_a_section_becomes_a_snapshot_with_a_gap() {
    let bounds = Bounds {
        records: 6,
        ..Bounds::default()
    };
    let (disk, mut outbox) = open(bounds);
    for key in 0..5 {
        outbox.append(&[delta(0, key)]).unwrap();
    }
    outbox.append(&[delta(1, 0)]).unwrap();
    let full = outbox.append(&[delta(1, 1)]);
    let software = Section::Software.into();
    assert!(
        matches!(full, Err(Error::Full { section }) if section == software),
        "{full:?}"
    );
    assert_eq!(outbox.waiting(), 6, "nothing was written");
    let mut seen = None;
    outbox
        .coalesce(software, |gap| {
            seen = Some(gap.clone());
            snapshot_of(0, 5, Some(gap))
        })
        .unwrap();
    assert_eq!(seen.unwrap().records, 5);
    assert_eq!(
        sequences(&outbox),
        [6, 7, 8, 9],
        "the other section's record stays, the rest is fresh"
    );
    let (again, _) = Outbox::open(disk, "device", bounds).unwrap();
    assert_eq!(again.shadow(), outbox.shadow());
    assert_eq!(again.shadow().count(Section::Software), 3);
}

#[test]
fn the_oldest_events_go_first_and_are_counted() {
    let bounds = Bounds {
        events: 5,
        ..Bounds::default()
    };
    let (_, mut outbox) = open(bounds);
    for _ in 0..3 {
        outbox.append(&[events(2)]).unwrap();
    }
    let records = outbox.records(0, 10, usize::MAX).unwrap();
    assert_eq!(sequences(&outbox), [2, 3, 4]);
    let gap = Payload::decode(records[1].payload.clone()).unwrap();
    let Some(Body::Delta(delta)) = gap.body else {
        panic!("a delta");
    };
    assert_eq!(delta.gaps[0].records, 1);
}

#[test]
fn what_the_collector_does_not_accept_is_forgotten() {
    let (_, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1), delta(1, 2), delta(0, 3)]).unwrap();
    outbox.acknowledge(&ack(&outbox, 1)).unwrap();
    outbox.forget(&[Section::Software.into()]).unwrap();
    assert_eq!(sequences(&outbox), [2]);
    assert_eq!(outbox.shadow().count(Section::Software), 0);
    assert_eq!(outbox.shadow().count(Section::Network), 1);
}

#[test]
fn a_record_above_the_limit_is_refused() {
    let (_, mut outbox) = open(Bounds::default());
    let mut big = delta(0, 1);
    if let Some(Body::Delta(delta)) = &mut big.body {
        delta.put[0].facet = vec![0; RECORD_BYTES].into();
    }
    assert!(matches!(outbox.append(&[big]), Err(Error::TooLarge { .. })));
    assert_eq!(outbox.waiting(), 0);
}

#[test]
fn another_devices_outbox_is_not_sent() {
    let (disk, mut outbox) = open(Bounds::default());
    outbox.append(&[delta(0, 1)]).unwrap();
    let (again, opened) = Outbox::open(disk, "other", Bounds::default()).unwrap();
    assert_eq!(opened, Opened::OtherDevice);
    assert_eq!(again.waiting(), 0);
}

#[test]
fn the_file_does_not_grow_with_history() {
    let (disk, mut outbox) = open(Bounds::default());
    for round in 0..5_000u64 {
        let last = outbox
            .append(&[delta(0, u8::try_from(round % 9).unwrap())])
            .unwrap();
        outbox.acknowledge(&ack(&outbox, last)).unwrap();
    }
    assert!(disk.size(JOURNAL) < 200 << 10, "{}", disk.size(JOURNAL));
}

#[test]
fn what_was_set_aside_is_kept_three_times() {
    let (disk, mut outbox) = open(Bounds::default());
    for _ in 0..5 {
        outbox.append(&[delta(0, 1)]).unwrap();
        let opened = outbox.quarantine("test").unwrap();
        assert!(opened.gap().is_some());
        assert_eq!(outbox.waiting(), 0);
        assert!(outbox.epoch_wanted().is_some());
    }
    let names: Vec<String> = disk.names().unwrap();
    assert_eq!(
        names,
        [
            "outbox.damaged-3",
            "outbox.damaged-4",
            "outbox.damaged-5",
            "outbox.journal"
        ]
    );
}
