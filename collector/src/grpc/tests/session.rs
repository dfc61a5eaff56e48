//! What a session does when both sides keep the contract.

use std::time::Instant;

use deskwarden_proto::v1::{EpochRequest, Goodbye, Heartbeat, SectionDigest, SnapshotChunk, directive::What};

use super::{super::Rate, *};

#[tokio::test]
async fn a_first_report_is_acknowledged_once_it_is_stored() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert_eq!(
        (welcome.epoch, welcome.next_sequence, welcome.protocol),
        (1, 1, PROTOCOL)
    );
    assert!(welcome.resync.is_empty() && !welcome.recorded_gap);
    assert_eq!(welcome.sections.len(), deskwarden_proto::section::ALL.len());
    talk.record(1, 1, &delta(&["vim", "qq"])).await;
    let token = talk.acknowledged(1).await;
    assert_eq!(bed.keys(agent.id), ["qq", "vim"]);
    assert_eq!(token.len(), 16);
}

#[tokio::test]
async fn a_packed_record_is_the_payload_that_was_packed() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert!(welcome.packed);
    let payload = delta(&SEVERAL);
    let packed = deskwarden_proto::packed::pack(&payload.encode_to_vec()).unwrap();
    talk.say(Said::Record(Record {
        epoch: 1,
        sequence: 1,
        payload: packed.into(),
        packed: true,
    }))
    .await;
    talk.acknowledged(1).await;
    assert_eq!(bed.keys(agent.id), SEVERAL);
    // As it is: the same record once more, and no fork.
    talk.record(1, 1, &payload).await;
    talk.record(1, 2, &delta(&["wps"])).await;
    talk.acknowledged(2).await;
    assert_eq!(bed.keys(agent.id), [SEVERAL.as_slice(), &["wps"]].concat());
}

#[tokio::test]
async fn many_records_in_flight_are_applied_in_order() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    for sequence in 1..=60 {
        talk.record(1, sequence, &delta(&[&format!("p{sequence:02}")]))
            .await;
    }
    talk.acknowledged(60).await;
    assert_eq!(bed.keys(agent.id).len(), 60);
}

#[tokio::test]
async fn a_session_goes_on_where_the_last_one_ended() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let token = talk.acknowledged(1).await;
    drop(talk);
    let digests = digest_of(&bed, agent.id);
    let (_talk, welcome) = bed
        .welcomed(
            &agent,
            Hello {
                digests,
                ..hello_again(1, 1, &token)
            },
        )
        .await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (1, 2));
    assert!(welcome.resync.is_empty() && !welcome.recorded_gap);
}

#[tokio::test]
async fn a_record_that_is_sent_twice_is_acknowledged_twice_and_applied_once() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let first = talk.acknowledged(1).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    assert_eq!(talk.acknowledged(1).await, first);
    talk.record(1, 2, &delta(&["qq"])).await;
    talk.acknowledged(2).await;
}

#[tokio::test]
async fn content_that_differs_is_asked_for_whole() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let token = talk.acknowledged(1).await;
    let digests = vec![
        SectionDigest {
            section: Section::Software.into(),
            digest: vec![9; 16],
        },
        SectionDigest {
            section: Section::Part.into(),
            digest: vec![1; 16],
        },
    ];
    let (_talk, welcome) = bed
        .welcomed(
            &agent,
            Hello {
                digests,
                ..hello_again(1, 1, &token)
            },
        )
        .await;
    assert_eq!(
        welcome.resync,
        [i32::from(Section::Part), i32::from(Section::Software)]
    );
}

#[tokio::test]
async fn a_snapshot_in_chunks_takes_the_place_of_what_was_there() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["old"])).await;
    talk.record(1, 2, &chunk(0, false, &["a"])).await;
    talk.record(1, 3, &chunk(1, true, &["b"])).await;
    talk.acknowledged(3).await;
    assert_eq!(bed.keys(agent.id), ["a", "b"]);
}

#[tokio::test]
async fn a_snapshot_without_its_first_chunk_is_passed_over_and_asked_for_again() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["old"])).await;
    talk.acknowledged(1).await;
    talk.record(1, 2, &chunk(1, true, &["b"])).await;
    talk.acknowledged(2).await;
    let Frame::Directive(directive) = talk.next().await else {
        panic!("no directive")
    };
    let Some(What::Resync(resync)) = directive.what else {
        panic!("another directive")
    };
    assert_eq!(resync.sections, [i32::from(Section::Software)]);
    assert_eq!(bed.keys(agent.id), ["old"]);
    talk.record(1, 3, &chunk(0, true, &["new"])).await;
    talk.acknowledged(3).await;
    assert_eq!(bed.keys(agent.id), ["new"]);
}

#[tokio::test]
async fn a_hole_in_the_sequence_is_passed_over_visibly() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 4, &delta(&["vim"])).await;
    talk.acknowledged(4).await;
    assert_eq!(bed.keys(agent.id), ["vim"]);
    assert_eq!(bed.gaps(agent.id), ["records before this one were left out"]);
}

#[tokio::test]
async fn an_agent_that_is_ahead_of_a_restored_store_goes_on_with_a_recorded_gap() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
    drop(talk);
    // The token that an acknowledgement of sequence 5 would have had.
    let state = bed
        .store
        .load(&[everything(agent.id)])
        .unwrap()
        .remove(0)
        .unwrap();
    let token = state.position.resume_token(5);
    let (_talk, again) = bed.welcomed(&agent, hello_again(1, 5, &token)).await;
    assert_eq!((again.epoch, again.next_sequence), (welcome.epoch, 6));
    assert!(again.recorded_gap);
    assert_eq!(again.resync, [i32::from(Section::Software)]);
    assert!(bed.gaps(agent.id)[0].contains("older backup"));
}

#[tokio::test]
async fn an_agent_that_lost_its_outbox_gets_a_new_epoch() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
    talk.say(Said::EpochRequest(EpochRequest {
        reason: "damaged".into(),
    }))
    .await;
    let Frame::Directive(directive) = talk.next().await else {
        panic!("no directive")
    };
    let Some(What::NewEpoch(new)) = directive.what else {
        panic!("another directive")
    };
    assert_eq!(new.epoch, 2);
    talk.record(2, 1, &delta(&["emacs"])).await;
    talk.acknowledged(1).await;
    let (_talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert_eq!(
        (welcome.epoch, welcome.next_sequence),
        (3, 1),
        "epoch 0 after records: its outbox is gone"
    );
    assert_eq!(welcome.resync, [i32::from(Section::Software)]);
}

#[tokio::test]
async fn the_acknowledgements_of_what_was_queued_follow_a_goodbye() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    for sequence in 1..=20 {
        talk.record(1, sequence, &delta(&[&format!("p{sequence}")])).await;
    }
    talk.say(Said::Goodbye(Goodbye::default())).await;
    talk.acknowledged(20).await;
    assert_eq!(talk.maybe().await.unwrap(), None);
    let (_home, store) = bed.stop().await;
    assert!(store.device(agent.id).unwrap().unwrap().goodbye_at.is_some());
}

#[tokio::test]
async fn a_heartbeat_is_written_down() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let before = bed.store.device(agent.id).unwrap().unwrap().last_seen_at;
    let (talk, _) = bed.welcomed(&agent, hello()).await;
    talk.say(Said::Heartbeat(Heartbeat {})).await;
    let (_home, store) = bed.stop().await;
    let after = store.device(agent.id).unwrap().unwrap().last_seen_at;
    assert!(after.is_some() && after > before, "{before:?} {after:?}");
}

#[tokio::test]
async fn a_directive_reaches_the_agent() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    assert!(
        bed.sessions
            .direct(agent.id, What::Refresh(v1::Refresh::default()))
    );
    let Frame::Directive(directive) = talk.next().await else {
        panic!("no directive")
    };
    assert!(matches!(directive.what, Some(What::Refresh(_))));
}

#[tokio::test]
async fn a_session_ends_in_peace_when_its_time_is_over() {
    let settings = SessionSettings {
        age: Duration::from_millis(200),
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    assert_eq!(talk.maybe().await.unwrap(), None);
}

#[tokio::test]
async fn an_open_session_ends_with_its_certificate() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let ends = crate::pki::ends_at(&agent.chain[0]).unwrap();
    bed.ahead
        .store(ends - crate::clock::now() - 300, Ordering::SeqCst);
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    assert_eq!(talk.maybe().await.unwrap(), None);
}

#[tokio::test]
async fn a_silent_session_ends() {
    let settings = SessionSettings {
        idle: Duration::from_millis(200),
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    assert_eq!(talk.maybe().await.unwrap(), None);
}

#[tokio::test]
async fn a_flood_is_read_slowly_and_nothing_of_it_is_lost() {
    let records = Rate {
        per_second: 50.0,
        burst: 5.0,
    };
    let settings = SessionSettings {
        records,
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    let began = Instant::now();
    for sequence in 1..=30 {
        talk.record(1, sequence, &delta(&["vim"])).await;
    }
    talk.acknowledged(30).await;
    assert!(
        began.elapsed() >= Duration::from_millis(400),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn stopping_tells_the_agents_to_come_back() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
    bed.cancel.cancel();
    talk.refused(RefusalCode::Busy).await;
    bed.stop().await;
}

#[tokio::test]
async fn agents_are_told_to_come_back_one_after_the_other() {
    let settings = SessionSettings {
        returns_per_second: 0.05,
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let mut talks = Vec::new();
    for _ in 0..3 {
        let agent = bed.enrolled().await;
        talks.push(bed.welcomed(&agent, hello()).await.0);
    }
    bed.cancel.cancel();
    let mut waits = Vec::new();
    for talk in &mut talks {
        waits.push(talk.refusal().await.retry_after_seconds);
    }
    waits.sort_unstable();
    assert_eq!(
        waits,
        [2, 16, 30],
        "a span of 3 ln 2 / 0.05 = 42 s, in three steps"
    );
    bed.stop().await;
}

#[tokio::test]
async fn a_flooder_finds_no_more_on_its_next_connection() {
    let records = Rate {
        per_second: 100.0,
        burst: 40.0,
    };
    let settings = SessionSettings {
        records,
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let agent = bed.enrolled().await;
    let began = Instant::now();
    for _ in 0..4 {
        // Each time as an agent that lost everything: a new epoch, and no end of records.
        let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
        let first = welcome.next_sequence;
        for sequence in first..first + 40 {
            talk.record(welcome.epoch, sequence, &delta(&["vim"])).await;
        }
        talk.acknowledged(first + 39).await;
        talk.say(Said::Goodbye(Goodbye::default())).await;
        assert_eq!(talk.maybe().await.unwrap(), None);
    }
    // 160 records and four hellos of 16 each, of which 40 are free; the last gulp is not waited for.
    assert!(
        began.elapsed() >= Duration::from_millis(1_000),
        "{:?}",
        began.elapsed()
    );
}

fn everything(device: DeviceId) -> deskwarden_domain::port::LoadRequest {
    deskwarden_domain::port::LoadRequest {
        device,
        scope: deskwarden_domain::port::Scope::Everything,
        staged: None,
    }
}

fn digest_of(bed: &Bed, id: DeviceId) -> Vec<SectionDigest> {
    let state = bed.store.load(&[everything(id)]).unwrap().remove(0).unwrap();
    state
        .sums
        .iter()
        .map(|(section, sum, _)| SectionDigest {
            section: (*section).into(),
            digest: sum.to_le_bytes().to_vec(),
        })
        .collect()
}

fn chunk(index: u32, last: bool, keys: &[&str]) -> Payload {
    let chunk = SnapshotChunk {
        section: Section::Software.into(),
        snapshot_id: vec![
            if index == 1 && keys == ["b"] || !last {
                1
            } else {
                2
            };
            16
        ],
        index,
        last,
        sources: if last { vec![looked()] } else { Vec::new() },
        items: keys.iter().map(|key| software(key)).collect(),
        gaps: Vec::new(),
    };
    Payload {
        stamp: Some(stamp()),
        body: Some(Body::Chunk(chunk)),
    }
}
