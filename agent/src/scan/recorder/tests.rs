//! The recorder over an outbox on disk, with sources that say what the test wants.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use deskwarden_platform::{Fact, Reading, SourceId};
use deskwarden_proto::{
    decode::{self, ValidBody},
    v1::{Look, SectionRevision, Software, Stamp, facet::Kind},
};
use tempfile::TempDir;

use super::*;
use crate::outbox::Bounds;

/// Says `value`, unless it is 0: then it breaks down.
struct Fake {
    section: Section,
    value: Arc<AtomicU64>,
    stamp: Arc<AtomicU64>,
    reads: Arc<AtomicUsize>,
}

impl Source for Fake {
    fn id(&self) -> SourceId {
        SourceId {
            section: self.section,
            source: "fake",
        }
    }

    fn read(&self, _: &Root) -> Reading {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let value = self.value.load(Ordering::Relaxed);
        assert_ne!(value, 0, "on purpose");
        let software = Software {
            name: "n".repeat(1_000),
            version: value.to_string(),
            ..Software::default()
        };
        let kind = match self.section {
            Section::Software => Kind::Software(software),
            _ => Kind::Proxy(v1::Proxy::default()),
        };
        Reading::looked(self.id(), vec![Fact::machine("key".into(), kind)], &[])
    }

    fn stamp(&self, _: &Root) -> Option<u64> {
        Some(self.stamp.load(Ordering::Relaxed)).filter(|stamp| *stamp > 0)
    }
}

struct Setup {
    folder: TempDir,
    recorder: Recorder,
    value: Arc<AtomicU64>,
    stamp: Arc<AtomicU64>,
    reads: Arc<AtomicUsize>,
}

fn setup(bounds: Bounds) -> Setup {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, opened) = Outbox::open(Folder::new(folder.path()), "device", bounds).unwrap();
    let (value, stamp, reads) = (Arc::new(AtomicU64::new(1)), Arc::default(), Arc::default());
    let source = |section| -> Box<dyn Source> {
        Box::new(Fake {
            section,
            value: Arc::clone(&value),
            stamp: Arc::clone(&stamp),
            reads: Arc::clone(&reads),
        })
    };
    let sources = vec![source(Section::Software), source(Section::Proxy)];
    let tools = Tools {
        now: Stamp::default,
        id: || [7; 16],
        samples: |_| Vec::new(),
    };
    let recorder = Recorder::new(outbox, &opened, Root::host(), sources, tools).unwrap();
    Setup {
        folder,
        recorder,
        value,
        stamp,
        reads,
    }
}

fn bodies(recorder: &mut Recorder) -> Vec<ValidBody> {
    let records = recorder.records(0, usize::MAX, usize::MAX).unwrap().unwrap();
    records
        .iter()
        .map(|record| decode::payload(&record.payload).unwrap().body)
        .collect()
}

#[test]
fn an_unchanged_stamp_excuses_from_reading_and_a_directive_does_not() {
    let mut setup = setup(Bounds::default());
    setup.stamp.store(5, Ordering::Relaxed);
    for _ in 0..3 {
        setup.recorder.look(0, Trigger::Clock, Stamps::Trust).unwrap();
    }
    assert_eq!(setup.reads.load(Ordering::Relaxed), 1);
    setup
        .recorder
        .look(0, Trigger::Directive, Stamps::Ignore)
        .unwrap();
    setup.stamp.store(6, Ordering::Relaxed);
    setup.recorder.look(0, Trigger::Clock, Stamps::Trust).unwrap();
    assert_eq!(setup.reads.load(Ordering::Relaxed), 3);
    assert_eq!(bodies(&mut setup.recorder).len(), 1, "nothing changed");
}

#[test]
fn a_source_that_breaks_down_is_reported_as_failed_and_removes_nothing() {
    let mut setup = setup(Bounds::default());
    setup.recorder.look(0, Trigger::Start, Stamps::Trust).unwrap();
    setup.value.store(0, Ordering::Relaxed);
    setup.recorder.look(0, Trigger::Clock, Stamps::Trust).unwrap();
    let Some(ValidBody::Delta(delta)) = bodies(&mut setup.recorder).pop() else {
        panic!("a delta");
    };
    assert_eq!(delta.sources[0].look, Look::Failed);
    assert!(delta.gone.is_empty() && delta.put.is_empty());
}

#[test]
fn a_full_outbox_keeps_the_newest_picture_and_tells_the_gap() {
    let mut setup = setup(Bounds {
        records: 10,
        ..Bounds::default()
    });
    setup.recorder.look(1, Trigger::Start, Stamps::Trust).unwrap();
    for value in 1..=40 {
        setup.value.store(value, Ordering::Relaxed);
        setup.recorder.look(0, Trigger::Watch, Stamps::Trust).unwrap();
    }
    let bodies = bodies(&mut setup.recorder);
    assert!(bodies.len() <= 10, "{}", bodies.len());
    let mut version = Vec::new();
    let mut gaps = 0;
    for body in &bodies {
        let (items, found) = match body {
            ValidBody::Delta(delta) => (&delta.put, &delta.gaps),
            ValidBody::Chunk(chunk) => (&chunk.items, &chunk.gaps),
        };
        gaps += found.iter().map(|gap| gap.records).sum::<u64>();
        for item in items.iter().filter(|item| item.id.section == Section::Software) {
            if let Ok(Kind::Software(software)) = decode::facet(Section::Software, &item.facet) {
                version.push(software.version);
            }
        }
    }
    assert_eq!(version.last().map(String::as_str), Some("40"));
    assert!(
        gaps + bodies.len() as u64 >= 41,
        "every record is there or counted: {gaps}"
    );
    let proxies = bodies.iter().filter(|body| match body {
        ValidBody::Delta(delta) => delta.put.iter().any(|put| put.id.section == Section::Proxy),
        ValidBody::Chunk(_) => false,
    });
    assert_eq!(proxies.count(), 1, "the other section keeps its record");
}

#[test]
fn what_the_looks_of_a_round_find_is_one_record() {
    let mut setup = setup(Bounds::default());
    for index in 0..2 {
        setup
            .recorder
            .gather(index, Trigger::Start, Stamps::Trust)
            .unwrap();
    }
    assert!(bodies(&mut setup.recorder).is_empty(), "it waits");
    setup.recorder.flush().unwrap();
    let Some(ValidBody::Delta(delta)) = bodies(&mut setup.recorder).pop() else {
        panic!("a delta");
    };
    assert_eq!((delta.sources.len(), delta.put.len()), (2, 2));
    // Another reason, and the same source again, are another record.
    setup.value.store(2, Ordering::Relaxed);
    setup.recorder.gather(0, Trigger::Start, Stamps::Trust).unwrap();
    setup.recorder.gather(1, Trigger::Watch, Stamps::Trust).unwrap();
    assert_eq!(setup.recorder.enqueued(), 2);
    for value in 3..=4 {
        setup.value.store(value, Ordering::Relaxed);
        setup.recorder.gather(0, Trigger::Watch, Stamps::Trust).unwrap();
    }
    assert_eq!(setup.recorder.enqueued(), 3);
    setup.recorder.flush().unwrap();
    assert_eq!(setup.recorder.enqueued(), 4);
    assert!(!setup.recorder.has_gathered());
}

#[test]
fn a_round_that_finds_no_room_goes_source_by_source() {
    let mut setup = setup(Bounds {
        records: 4,
        ..Bounds::default()
    });
    for value in 1..=20 {
        setup.value.store(value, Ordering::Relaxed);
        for index in 0..2 {
            setup
                .recorder
                .gather(index, Trigger::Watch, Stamps::Trust)
                .unwrap();
        }
        setup.recorder.flush().unwrap();
    }
    let bodies = bodies(&mut setup.recorder);
    assert!(bodies.len() <= 4, "{}", bodies.len());
    let newest = bodies.into_iter().any(|body| {
        let items = match body {
            ValidBody::Delta(delta) => delta.put,
            ValidBody::Chunk(chunk) => chunk.items,
        };
        items.iter().any(|item| {
            let facet = decode::facet(item.id.section, &item.facet);
            matches!(facet, Ok(Kind::Software(software)) if software.version == "20")
        })
    });
    assert!(newest, "the newest state is among what waits");
}

#[test]
fn what_could_not_be_kept_is_named_whole() {
    let mut setup = setup(Bounds::default());
    for index in 0..2 {
        setup
            .recorder
            .gather(index, Trigger::Start, Stamps::Trust)
            .unwrap();
    }
    let journal = setup.folder.path().to_owned();
    std::fs::remove_dir_all(&journal).unwrap();
    std::fs::write(&journal, "no folder any more").unwrap();
    let unkept = setup.recorder.flush().unwrap_err();
    let asked: Vec<usize> = unkept.asked.iter().map(|(index, _)| *index).collect();
    assert_eq!(asked, [0, 1], "{}", unkept.error);
    std::fs::remove_file(&journal).unwrap();
}

#[test]
fn a_section_of_an_older_collector_is_not_reported() {
    let mut setup = setup(Bounds::default());
    let old = SectionRevision {
        section: Section::Software.into(),
        revision: 0,
    };
    let welcome = Welcome {
        epoch: 1,
        next_sequence: 1,
        sections: vec![old],
        ..Welcome::default()
    };
    let position = setup.recorder.introduce().unwrap().position;
    setup.recorder.welcomed(&welcome, &position).unwrap();
    setup.recorder.look(0, Trigger::Start, Stamps::Trust).unwrap();
    assert!(bodies(&mut setup.recorder).is_empty());
    assert_eq!(setup.reads.load(Ordering::Relaxed), 0);
}
