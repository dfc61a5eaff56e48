//! What the agent does on the stream.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use deskwarden_agent::{
    disk::Folder,
    identity::Identity,
    outbox::{Bounds, Outbox},
    scan::{
        engine::{self, Handle},
        looks::Stamps,
        recorder::Recorder,
        tools::Tools,
    },
    session::{Leave, Session},
};
use deskwarden_platform::{Fact, Reading, Root, Source, SourceId};
use deskwarden_proto::{
    decode::{self, ValidBody, ValidChunk, ValidDelta},
    packed,
    v1::{
        Directive, Gap, GoodbyeReason, Limits, NewEpoch, Policy, Record, Refresh, Refusal, RefusalCode,
        Rekey, Resync, Section, Software, Trigger, agent_frame::Frame, collector_frame::Frame as Reply,
        directive::What, facet::Kind,
    },
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    enrolment::Pc,
    fake::{Conversation, Fake, TOKEN, welcome, without},
    pki::{Pki, Valid},
};

/// What the source of the test says: key, version, principal.
type Facts = Arc<Mutex<Vec<(String, String, String)>>>;

struct FakeSource {
    id: SourceId,
    facts: Facts,
}

impl Source for FakeSource {
    fn id(&self) -> SourceId {
        self.id
    }

    fn read(&self, _: &Root) -> Reading {
        let facts = self.facts.lock().unwrap();
        let facts = facts.iter().map(|(key, version, principal)| Fact {
            principal: principal.clone(),
            ..Fact::machine(
                key.clone(),
                match self.id.section {
                    Section::Software => Kind::Software(Software {
                        name: key.clone(),
                        version: version.clone(),
                        ..Software::default()
                    }),
                    _ => Kind::Proxy(Default::default()),
                },
            )
        });
        Reading::looked(self.id, facts.collect(), &[])
    }
}

/// An enrolled PC with a source that the test changes, and its agent.
struct Agent {
    pc: Pc,
    identity: Identity,
    facts: Facts,
    recorder: Handle,
    running: Option<(
        JoinHandle<Result<(), deskwarden_agent::session::Error>>,
        CancellationToken,
    )>,
}

impl Agent {
    async fn new(fake: &Fake) -> Self {
        let pc = Pc::new();
        let identity = pc.enrolled(fake).await;
        let facts = Facts::default();
        let recorder = recorder(&pc, &identity, &facts);
        Self {
            pc,
            identity,
            facts,
            recorder,
            running: None,
        }
    }

    fn connect(&mut self, fake: &Fake) {
        let cancel = CancellationToken::new();
        let mut session = Session {
            endpoints: vec![fake.endpoint.clone()],
            store: self.pc.store.clone(),
            clock: self.pc.clock.clone(),
            identity: self.identity.clone(),
            recorder: self.recorder.clone(),
            department: "财务部".into(),
            jitter: || 0.0,
            updates: std::sync::Arc::default(),
        };
        let task = {
            let leave = Leave::on(cancel.clone());
            tokio::spawn(async move { session.run(&leave).await })
        };
        self.running = Some((task, cancel));
    }

    /// The source says this now, and the agent has looked.
    async fn install(&self, key: &str, version: &str) {
        self.say(key, version, "");
        self.look().await;
    }

    fn say(&self, key: &str, version: &str, principal: &str) {
        let mut facts = self.facts.lock().unwrap();
        facts.retain(|(known, ..)| known != key);
        facts.push((key.into(), version.into(), principal.into()));
    }

    /// One source after the other, so that each has a record of its own.
    async fn look(&self) {
        for index in 0..2 {
            let look = move |recorder: &mut Recorder| recorder.look(index, Trigger::Watch, Stamps::Trust);
            self.recorder.ask(look).await.unwrap().unwrap();
        }
    }

    async fn waiting(&self) -> usize {
        self.recorder
            .ask(|recorder| {
                recorder
                    .records(0, usize::MAX, usize::MAX)
                    .unwrap()
                    .unwrap()
                    .len()
            })
            .await
            .unwrap()
    }

    /// Returns when nothing waits any more.
    async fn drained(&self) {
        while self.waiting().await > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn stop(&mut self) {
        let (task, cancel) = self.running.take().unwrap();
        cancel.cancel();
        task.await.unwrap().unwrap();
    }
}

fn recorder(pc: &Pc, identity: &Identity, facts: &Facts) -> Handle {
    let folder = pc.store.folder().join("outbox");
    std::fs::create_dir_all(&folder).unwrap();
    let device = identity.device.to_string();
    let (outbox, opened) = Outbox::open(Folder::new(folder), &device, Bounds::default()).unwrap();
    let source = |section, source| -> Box<dyn Source> {
        Box::new(FakeSource {
            id: SourceId { section, source },
            facts: Arc::clone(facts),
        })
    };
    let sources = vec![source(Section::Software, "test"), source(Section::Proxy, "test")];
    let recorder = Recorder::new(outbox, &opened, Root::host(), sources, Tools::default()).unwrap();
    engine::start(recorder).unwrap().0
}

fn body(record: &Record) -> ValidBody {
    decode::payload(&record.payload).unwrap().body
}

fn delta(record: &Record) -> ValidDelta {
    match body(record) {
        ValidBody::Delta(delta) => delta,
        ValidBody::Chunk(chunk) => panic!("a delta, not {chunk:?}"),
    }
}

fn chunk(record: &Record) -> ValidChunk {
    match body(record) {
        ValidBody::Chunk(chunk) => chunk,
        ValidBody::Delta(delta) => panic!("a chunk, not {delta:?}"),
    }
}

fn section_of(record: &Record) -> Section {
    match body(record) {
        ValidBody::Chunk(chunk) => chunk.section,
        ValidBody::Delta(delta) => {
            let put = delta.put.first().map(|put| put.id.section);
            put.or(delta.sources.first().map(|s| s.section)).unwrap()
        }
    }
}

/// Takes the records of the first contact: one per section.
async fn first_contact(conversation: &mut Conversation) -> Vec<Record> {
    let records = vec![conversation.record().await, conversation.record().await];
    conversation.ack(&records[1]).await;
    records
}

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

#[tokio::test]
async fn a_certificate_past_its_half_life_is_renewed_and_tried_at_once() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-20, 10));
    let mut agent = Agent::new(&fake).await;
    let before = agent.identity.validity();
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    let said = loop {
        match conversation.frame().await {
            Some(Frame::Record(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(said, Some(Frame::Goodbye(goodbye)) if goodbye.reason() == GoodbyeReason::Restart));
    drop(conversation);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    agent.install("qq", "1").await;
    conversation.record().await;
    assert_eq!(fake.knobs(|knobs| knobs.renewals), 1);
    let stored = agent.pc.store.load().unwrap().unwrap();
    assert!(stored.validity().1 > before.1);
    agent.stop().await;
    assert!(agent.pc.store.load_previous().is_none(), "the new one worked");
}

#[tokio::test]
async fn an_expired_certificate_is_regained_before_the_session() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-60, -30));
    let mut agent = Agent::new(&fake).await;
    // The enrolment told a time; the PC's own clock is right and later.
    let told = deskwarden_agent::identity::clock::Anchor {
        server_time_ms: deskwarden_agent::identity::clock::wall_ms(),
        boot_id: deskwarden_platform::boot_id(),
        monotonic_ms: deskwarden_platform::monotonic_ms(),
    };
    agent.pc.clock.told(&agent.pc.store.clock_file(), told).unwrap();
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 1);
    agent.stop().await;
}

/// An agent whose certificate ended a month ago while its own clocks say that no time has passed.
async fn unaware(fake: &Fake) -> Agent {
    fake.knobs(|knobs| knobs.valid = Valid::days(-60, -30));
    let agent = Agent::new(fake).await;
    let own = agent
        .pc
        .clock
        .best_ms(deskwarden_agent::identity::clock::wall_ms());
    assert!(own < agent.identity.validity().1, "it does not know");
    agent
}

#[tokio::test]
async fn a_certificate_that_only_the_collector_knows_to_have_ended_is_regained() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| (knobs.refused, knobs.recoveries)), (1, 1));
    agent.stop().await;
}

#[tokio::test]
async fn who_waits_for_approval_to_come_back_does_so_by_itself() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    fake.knobs(|knobs| knobs.pending = 2);
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 3);
    agent.stop().await;
}

#[tokio::test]
async fn regained_certificates_that_are_refused_again_are_waited_out() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    fake.knobs(|knobs| knobs.regained = Valid::days(-60, -30));
    agent.connect(&fake);
    while fake.knobs(|knobs| knobs.refused) < 8 {
        tokio::task::yield_now().await;
    }
    agent.stop().await;
    let (refused, recoveries) = fake.knobs(|knobs| (knobs.refused, knobs.recoveries));
    assert!(recoveries * 2 <= refused + 1, "{recoveries} for {refused}");
}

#[tokio::test]
async fn a_certificate_that_is_refused_for_another_reason_is_not_traded() {
    let fake = Fake::start().await;
    let stranger = Pki::new(&["localhost"], Valid::days(-1, 30));
    fake.knobs(|knobs| knobs.issuer = Some(stranger));
    let mut agent = Agent::new(&fake).await;
    agent.connect(&fake);
    while fake.knobs(|knobs| knobs.refused) < 4 {
        tokio::task::yield_now().await;
    }
    agent.stop().await;
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 0);
}

#[tokio::test]
async fn one_of_two_that_share_an_identity_becomes_a_device_of_its_own() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    first_contact(&mut conversation).await;
    let old = conversation.device.clone();
    conversation
        .reply(Reply::Directive(Directive {
            id: 2,
            what: Some(What::Rekey(Rekey { token: TOKEN.into() })),
        }))
        .await;
    let mut conversation = fake.session().await;
    assert_ne!(conversation.device, old);
    let hello = conversation.greet(1, 1).await;
    assert_eq!((hello.epoch, hello.acknowledged), (0, 0));
    assert!(hello.resume_token.is_empty());
    assert_eq!(
        delta(&conversation.record().await).put[0].id.key,
        "qq",
        "everything is told anew"
    );
    agent.stop().await;
}
