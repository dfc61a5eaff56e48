//! What the collector takes from an agent and what it refuses: one test per refusal, and a property that
//! no bytes make it panic.

use deskwarden_proto::{
    Bytes, Message,
    decode::{self, Malformed, ValidBody},
    limits,
    v1::{
        self, Delta, Facet, Item, ItemKey, Look, Payload, Section, SnapshotChunk, Software, SourceState,
        Stamp, payload::Body,
    },
};
use proptest::prelude::*;

fn facet(name: &str) -> Bytes {
    Facet::from(Software {
        name: name.into(),
        ..Software::default()
    })
    .encode_to_vec()
    .into()
}

fn item(key: &str) -> Item {
    Item {
        section: Section::Software.into(),
        source: "dpkg".into(),
        key: key.into(),
        principal: String::new(),
        facet: facet("QQ"),
        local: Bytes::new(),
    }
}

fn source(look: Look) -> SourceState {
    SourceState {
        section: Section::Software.into(),
        source: "dpkg".into(),
        look: look.into(),
        reason: String::new(),
    }
}

fn encode(body: Body) -> Vec<u8> {
    let stamp = Stamp {
        observed_at_ms: 1,
        boot_id: "b".into(),
        monotonic_ms: 2,
    };
    Payload {
        stamp: Some(stamp),
        body: Some(body),
    }
    .encode_to_vec()
}

fn delta(change: impl FnOnce(&mut Delta)) -> Result<decode::ValidPayload, Malformed> {
    let mut delta = Delta {
        put: vec![item("qq")],
        sources: vec![source(Look::Looked)],
        ..Delta::default()
    };
    change(&mut delta);
    decode::payload(&encode(Body::Delta(delta)))
}

fn chunk(change: impl FnOnce(&mut SnapshotChunk)) -> Result<decode::ValidPayload, Malformed> {
    let mut chunk = SnapshotChunk {
        section: Section::Software.into(),
        snapshot_id: vec![1; 16],
        last: true,
        sources: vec![source(Look::Looked)],
        items: vec![item("qq")],
        ..SnapshotChunk::default()
    };
    change(&mut chunk);
    decode::payload(&encode(Body::Chunk(chunk)))
}

#[test]
fn a_delta_keeps_the_bytes_that_it_came_with() {
    let ValidBody::Delta(valid) = delta(|_| {}).unwrap().body else {
        panic!("not a delta")
    };
    assert_eq!(valid.put[0].facet, facet("QQ"));
    assert_eq!(valid.sources[0].look, Look::Looked);
    assert!(chunk(|_| {}).is_ok());
}

#[test]
fn fields_that_this_build_does_not_know_are_kept() {
    let mut bytes = facet("QQ").to_vec();
    bytes.extend([0xf8, 0x3f, 0x01]); // field 1023, varint 1
    let ValidBody::Delta(valid) = delta(|d| d.put[0].facet = bytes.clone().into()).unwrap().body else {
        panic!()
    };
    assert_eq!(valid.put[0].facet, bytes);
}

#[test]
fn bytes_that_are_no_payload_are_refused() {
    assert_eq!(decode::payload(&[0xff; 9]), Err(Malformed::Encoding("payload")));
    assert_eq!(decode::payload(&[]), Err(Malformed::Missing("stamp")));
    let empty = Payload {
        stamp: Some(Stamp::default()),
        body: None,
    }
    .encode_to_vec();
    assert_eq!(decode::payload(&empty), Err(Malformed::Missing("body")));
}

#[test]
fn too_much_is_refused_before_it_is_decoded() {
    let huge = vec![0u8; limits::RECORD_BYTES + 1];
    assert!(matches!(
        decode::payload(&huge),
        Err(Malformed::TooLarge { what: "record", .. })
    ));
    let key = "k".repeat(limits::KEY_BYTES + 1);
    assert!(matches!(
        delta(|d| d.put[0].key = key),
        Err(Malformed::TooLarge { what: "key", .. })
    ));
    let text = "x".repeat(limits::TEXT_BYTES + 1);
    assert!(matches!(
        delta(|d| d.put[0].facet = facet(&text)),
        Err(Malformed::TooLarge { what: "name", .. })
    ));
    let local = vec![0u8; limits::LOCAL_BYTES + 1];
    assert!(matches!(
        delta(|d| d.put[0].local = local.into()),
        Err(Malformed::TooLarge {
            what: "local part",
            ..
        })
    ));
    let reason = "x".repeat(limits::REASON_BYTES + 1);
    assert!(matches!(
        delta(|d| d.sources[0].reason = reason),
        Err(Malformed::TooLarge { what: "reason", .. })
    ));
    assert!(matches!(
        delta(|d| d.gone = vec![
            ItemKey {
                section: Section::Software.into(),
                source: "d".into(),
                key: "k".into(),
                principal: String::new()
            };
            limits::ENTRIES_PER_RECORD
        ]),
        Err(Malformed::TooLarge {
            what: "record" | "entries of a record",
            ..
        })
    ));
}

#[test]
fn values_that_the_contract_does_not_define_are_refused() {
    assert_eq!(
        delta(|d| d.put[0].section = 999),
        Err(Malformed::Unknown("section"))
    );
    assert_eq!(
        delta(|d| d.put[0].section = 0),
        Err(Malformed::Unknown("section"))
    );
    assert_eq!(delta(|d| d.sources[0].look = 0), Err(Malformed::Unknown("look")));
    assert_eq!(delta(|d| d.sources[0].look = 77), Err(Malformed::Unknown("look")));
    assert_eq!(
        delta(|d| d.put[0].facet = Bytes::new()),
        Err(Malformed::Missing("facet"))
    );
    assert_eq!(
        delta(|d| d.put[0].facet = Bytes::from_static(&[0xff])),
        Err(Malformed::Encoding("facet"))
    );
}

#[test]
fn names_without_content_or_with_control_characters_are_refused() {
    assert_eq!(
        delta(|d| d.put[0].key = String::new()),
        Err(Malformed::Missing("key"))
    );
    assert_eq!(
        delta(|d| d.put[0].source = String::new()),
        Err(Malformed::Missing("source"))
    );
    assert_eq!(
        delta(|d| d.put[0].key = "a\nb".into()),
        Err(Malformed::Control("key"))
    );
    assert_eq!(
        delta(|d| d.put[0].principal = "\u{0}".into()),
        Err(Malformed::Control("principal"))
    );
    assert_eq!(
        delta(|d| d.sources[0].reason = "\u{1b}[31m".into()),
        Err(Malformed::Control("reason"))
    );
}

#[test]
fn a_facet_of_another_section_is_refused() {
    let wrong = Malformed::WrongSection {
        claimed: "process",
        found: "software",
    };
    assert_eq!(delta(|d| d.put[0].section = Section::Process.into()), Err(wrong));
    let stranger = Malformed::WrongSection {
        claimed: "os",
        found: "software",
    };
    assert_eq!(chunk(|c| c.section = Section::Os.into()), Err(stranger));
}

#[test]
fn a_chunk_that_contradicts_the_snapshot_is_refused() {
    assert_eq!(
        chunk(|c| c.last = false),
        Err(Malformed::Unknown("sources before the last chunk"))
    );
    assert_eq!(
        chunk(|c| c.snapshot_id = vec![1; 15]),
        Err(Malformed::Encoding("snapshot id"))
    );
    assert!(matches!(
        chunk(|c| c.index = limits::CHUNKS),
        Err(Malformed::TooLarge {
            what: "chunks of a snapshot",
            ..
        })
    ));
}

#[test]
fn events_and_samples_are_checked() {
    let event = |id: usize| v1::Event {
        id: vec![0; id],
        section: Section::Health.into(),
        ..v1::Event::default()
    };
    assert_eq!(
        delta(|d| d.events = vec![event(3)]),
        Err(Malformed::Encoding("event id"))
    );
    assert!(delta(|d| d.events = vec![event(16)]).is_ok());
    let sample = |value| v1::Sample {
        name: "load".into(),
        value,
        unit: "1".into(),
    };
    assert!(delta(|d| d.samples = vec![sample(f64::NAN)]).is_err());
    assert!(delta(|d| d.samples = vec![sample(0.5)]).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _checked = decode::payload(&bytes);
        for section in deskwarden_proto::section::ALL {
            let _checked = decode::facet(section, &bytes);
        }
    }

    #[test]
    fn no_flipped_byte_makes_it_panic(position in 0usize..200, bit in 0u8..8) {
        let mut bytes = encode(Body::Delta(Delta { put: vec![item("qq")], sources: vec![source(Look::Looked)], ..Delta::default() }));
        let at = position % bytes.len();
        bytes[at] ^= 1 << bit;
        let _checked = decode::payload(&bytes);
    }
}
