//! What the agent does on the stream.

use std::time::{Duration, Instant};

use deskwarden_proto::{
    decode::ValidBody,
    packed,
    v1::{
        Directive, Gap, GoodbyeReason, Limits, NewEpoch, Policy, Refresh, Refusal, RefusalCode, Resync,
        Section, agent_frame::Frame, collector_frame::Frame as Reply, directive::What,
    },
};

use super::{
    desk::{Agent, body, chunk, delta, first_contact, recorder, section_of},
    fake::{Fake, welcome, without},
};

#[tokio::test]
async fn a_change_is_reported_and_done_with_its_acknowledgement() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    let hello = conversation.greet(1, 1).await;
    assert_eq!((hello.epoch, hello.acknowledged, hello.enqueued), (0, 0, 2));
    assert_eq!(hello.hints.unwrap().department, "财务部");
    assert!(hello.digests.is_empty(), "nothing was acknowledged");
    let records = first_contact(&mut conversation).await;
    assert_eq!(delta(&records[0]).put[0].id.key, "qq");
    assert_eq!((records[0].epoch, records[0].sequence), (1, 1));
    agent.drained().await;
    agent.install("qq", "2").await;
    let changed = conversation.record().await;
    assert_eq!(changed.sequence, 3);
    assert_eq!(agent.waiting().await, 1, "sent is not done");
    conversation.ack(&changed).await;
    agent.drained().await;
    agent.stop().await;
}

#[tokio::test]
async fn what_was_not_acknowledged_is_sent_again_with_the_same_bytes() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    let sent = [conversation.record().await, conversation.record().await];
    conversation.ack(&sent[0]).await;
    drop(conversation);
    let mut conversation = fake.session().await;
    let hello = conversation.hello().await;
    assert_eq!((hello.epoch, hello.acknowledged, hello.enqueued), (1, 1, 2));
    assert_eq!(hello.resume_token, 1u64.to_le_bytes());
    assert_eq!(hello.digests.len(), 1, "the state as of the acknowledgement");
    conversation.reply(Reply::Welcome(welcome(&hello, 1, 2))).await;
    let again = conversation.record().await;
    assert_eq!(again, sent[1]);
    agent.stop().await;
}

#[tokio::test]
async fn what_the_collector_has_already_is_not_sent_again() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    conversation.record().await;
    conversation.record().await;
    drop(conversation);
    // It committed both, and its acknowledgements were lost.
    let mut conversation = fake.session().await;
    conversation.greet(1, 3).await;
    agent.drained().await;
    agent.install("qq", "2").await;
    assert_eq!(conversation.record().await.sequence, 3);
    agent.stop().await;
}

#[tokio::test]
async fn no_more_than_the_window_is_under_way() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    for version in ["1", "2", "3", "4"] {
        agent.install("qq", version).await;
    }
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    let hello = conversation.hello().await;
    let mut greeting = welcome(&hello, 1, 1);
    greeting.heartbeat_seconds = 1;
    greeting.limits = Some(Limits {
        records_in_flight: 2,
        ..Limits::default()
    });
    conversation.reply(Reply::Welcome(greeting)).await;
    conversation.record().await;
    let second = conversation.record().await;
    // The next frame is a heartbeat, although more waits.
    assert!(matches!(conversation.frame().await, Some(Frame::Heartbeat(_))));
    conversation.ack(&second).await;
    assert_eq!(conversation.record().await.sequence, 3);
    agent.stop().await;
}

#[tokio::test]
async fn a_refusal_is_waited_out() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.hello().await;
    let refused = Instant::now();
    let refusal = Refusal {
        code: RefusalCode::Busy.into(),
        message: "later".into(),
        retry_after_seconds: 1,
    };
    conversation.reply(Reply::Refusal(refusal)).await;
    let mut conversation = fake.session().await;
    assert!(refused.elapsed() >= Duration::from_secs(1));
    conversation.greet(1, 1).await;
    agent.stop().await;
}

#[tokio::test]
async fn records_that_are_refused_again_and_again_are_set_aside() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    for _ in 0..3 {
        let mut conversation = fake.session().await;
        conversation.greet(1, 1).await;
        conversation.record().await;
        let refusal = Refusal {
            code: RefusalCode::Malformed.into(),
            ..Refusal::default()
        };
        conversation.reply(Reply::Refusal(refusal)).await;
    }
    let mut conversation = fake.session().await;
    let hello = conversation.hello().await;
    assert_eq!(hello.epoch, 0);
    conversation.reply(Reply::Welcome(welcome(&hello, 1, 1))).await;
    assert!(matches!(conversation.frame().await, Some(Frame::EpochRequest(_))));
    agent.stop().await;
}

#[tokio::test]
async fn a_resync_is_answered_with_a_complete_picture() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    first_contact(&mut conversation).await;
    conversation
        .reply(Reply::Directive(Directive {
            id: 4,
            what: Some(What::Resync(Resync {
                sections: vec![Section::Software.into()],
                reason: "digest".into(),
            })),
        }))
        .await;
    let mut done = false;
    let record = loop {
        match conversation.frame().await {
            Some(Frame::DirectiveDone(told)) => done = told.done && told.id == 4,
            Some(Frame::Record(record)) => break record,
            other => panic!("{other:?}"),
        }
    };
    let picture = chunk(&record);
    assert!(picture.last && picture.items.len() == 1 && picture.sources.len() == 1);
    if !done {
        assert!(matches!(conversation.frame().await, Some(Frame::DirectiveDone(told)) if told.done));
    }
    drop(conversation);
    let mut conversation = fake.session().await;
    let hello = conversation.hello().await;
    let mut greeting = welcome(&hello, 1, 4);
    greeting.resync = vec![Section::Proxy.into()];
    conversation.reply(Reply::Welcome(greeting)).await;
    assert_eq!(chunk(&conversation.record().await).section, Section::Proxy);
    agent.stop().await;
}

#[tokio::test]
async fn a_refresh_reads_again_and_reports_back() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    agent.say("qq", "1", "");
    conversation
        .reply(Reply::Directive(Directive {
            id: 9,
            what: Some(What::Refresh(Refresh {
                sections: vec![Section::Software.into()],
                source: String::new(),
            })),
        }))
        .await;
    let (mut record, mut done) = (None, None);
    while record.is_none() || done.is_none() {
        match conversation.frame().await {
            Some(Frame::Record(found)) if section_of(&found) == Section::Software => record = Some(found),
            Some(Frame::Record(_)) => {}
            Some(Frame::DirectiveDone(told)) => done = Some(told),
            other => panic!("{other:?}"),
        }
    }
    assert!(done.is_some_and(|told| told.id == 9 && told.done));
    agent.stop().await;
}

#[tokio::test]
async fn a_large_record_goes_packed_where_the_collector_reads_that() {
    for reads in [true, false] {
        let fake = Fake::start().await;
        let mut agent = Agent::new(&fake).await;
        for n in 0..200 {
            agent.say(&format!("package-{n}"), "1", "");
        }
        agent.look().await;
        agent.connect(&fake);
        let mut conversation = fake.session().await;
        let hello = conversation.hello().await;
        let mut welcome = welcome(&hello, 1, 1);
        welcome.packed = reads;
        conversation.reply(Reply::Welcome(welcome)).await;
        let mut record = conversation.record().await;
        assert_eq!(record.packed, reads);
        if reads {
            record.payload = packed::unpack(&record.payload).unwrap().into();
        }
        assert_eq!(delta(&record).put.len(), 200);
        agent.stop().await;
    }
}

#[tokio::test]
async fn what_the_collector_does_not_accept_is_not_sent() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    let hello = conversation.hello().await;
    assert_eq!(hello.sections.len(), 2);
    let mut greeting = welcome(&hello, 1, 1);
    greeting.sections = without(&hello, Section::Proxy);
    conversation.reply(Reply::Welcome(greeting)).await;
    let first = conversation.record().await;
    assert_eq!(section_of(&first), Section::Software);
    conversation.ack(&first).await;
    agent.install("qq", "2").await;
    let next = conversation.record().await;
    assert_eq!(section_of(&next), Section::Software);
    conversation.ack(&next).await;
    agent.drained().await;
    agent.stop().await;
}

#[tokio::test]
async fn withheld_people_are_taken_back_and_stay_withheld() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.say("game", "1", "1000");
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    first_contact(&mut conversation).await;
    conversation
        .reply(Reply::Directive(Directive {
            id: 1,
            what: Some(What::Policy(Policy {
                generation: 2,
                withheld_principals: vec!["1000".into()],
                ..Policy::default()
            })),
        }))
        .await;
    let record = conversation.record().await;
    assert_eq!(delta(&record).gone[0].principal, "1000");
    agent.stop().await;
}

#[tokio::test]
async fn a_damaged_outbox_asks_for_a_new_epoch_and_begins_it_with_everything() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    let journal = agent.pc.store.folder().join("outbox/outbox.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[5] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    agent.recorder = recorder(&agent.pc, &agent.identity, &agent.facts);
    agent.look().await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(3, 40).await;
    let asked = conversation.frame().await;
    assert!(matches!(asked, Some(Frame::EpochRequest(_))), "{asked:?}");
    conversation
        .reply(Reply::Directive(Directive {
            id: 1,
            what: Some(What::NewEpoch(NewEpoch {
                epoch: 4,
                resume_token: b"fresh".to_vec(),
            })),
        }))
        .await;
    let mut gaps: Vec<Gap> = Vec::new();
    let mut pictured = Vec::new();
    let mut expected = 1;
    while pictured.len() < 2 {
        let record = conversation.record().await;
        assert_eq!((record.epoch, record.sequence), (4, expected));
        expected += 1;
        match body(&record) {
            ValidBody::Delta(delta) => gaps.extend(delta.gaps),
            ValidBody::Chunk(chunk) => pictured.push(chunk.section),
        }
    }
    assert_eq!(pictured, [Section::Software, Section::Proxy]);
    assert!(gaps[0].reason.contains("outbox.damaged-1"), "{gaps:?}");
    agent.stop().await;
}

#[tokio::test]
async fn a_collector_that_knows_more_than_the_outbox_is_asked_for_a_new_epoch() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    first_contact(&mut conversation).await;
    drop(conversation);
    // As after a restored disk: what this PC sent later is not in its outbox.
    let mut conversation = fake.session().await;
    conversation.greet(1, 12).await;
    assert!(matches!(conversation.frame().await, Some(Frame::EpochRequest(_))));
    agent.stop().await;
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_ends_the_session_and_loses_nothing() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    let mut wrong = conversation.record().await;
    wrong.sequence = 77;
    conversation.ack(&wrong).await;
    let mut conversation = fake.session().await;
    assert_eq!(conversation.greet(1, 1).await.acknowledged, 0);
    assert_eq!(conversation.record().await.sequence, 1);
    agent.stop().await;
}

#[tokio::test]
async fn the_agent_says_goodbye() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    // Wait until the agent talks, so that the goodbye is not said before it is welcome.
    agent.install("qq", "1").await;
    conversation.record().await;
    let (task, cancel) = agent.running.take().unwrap();
    cancel.cancel();
    loop {
        match conversation.frame().await {
            Some(Frame::Goodbye(goodbye)) => break assert_eq!(goodbye.reason(), GoodbyeReason::Shutdown),
            Some(Frame::Record(_)) => {}
            other => panic!("a goodbye, not {other:?}"),
        }
    }
    drop(conversation);
    task.await.unwrap().unwrap();
}
