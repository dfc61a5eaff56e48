//! An enrolled PC with a source that the test changes, its agent, and what its records say.

use std::sync::{Arc, Mutex};

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
    v1::{Record, Section, Software, Trigger, facet::Kind},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    enrolment::Pc,
    fake::{Conversation, Fake},
};

/// What the source of the test says: key, version, principal.
pub type Facts = Arc<Mutex<Vec<(String, String, String)>>>;

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
pub struct Agent {
    pub pc: Pc,
    pub identity: Identity,
    pub facts: Facts,
    pub recorder: Handle,
    pub running: Option<(
        JoinHandle<Result<(), deskwarden_agent::session::Error>>,
        CancellationToken,
    )>,
}

impl Agent {
    pub async fn new(fake: &Fake) -> Self {
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

    pub fn connect(&mut self, fake: &Fake) {
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
    pub async fn install(&self, key: &str, version: &str) {
        self.say(key, version, "");
        self.look().await;
    }

    pub fn say(&self, key: &str, version: &str, principal: &str) {
        let mut facts = self.facts.lock().unwrap();
        facts.retain(|(known, ..)| known != key);
        facts.push((key.into(), version.into(), principal.into()));
    }

    /// One source after the other, so that each has a record of its own.
    pub async fn look(&self) {
        for index in 0..2 {
            let look = move |recorder: &mut Recorder| recorder.look(index, Trigger::Watch, Stamps::Trust);
            self.recorder.ask(look).await.unwrap().unwrap();
        }
    }

    pub async fn waiting(&self) -> usize {
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
    pub async fn drained(&self) {
        while self.waiting().await > 0 {
            tokio::task::yield_now().await;
        }
    }

    pub async fn stop(&mut self) {
        let (task, cancel) = self.running.take().unwrap();
        cancel.cancel();
        task.await.unwrap().unwrap();
    }
}

pub fn recorder(pc: &Pc, identity: &Identity, facts: &Facts) -> Handle {
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

pub fn body(record: &Record) -> ValidBody {
    decode::payload(&record.payload).unwrap().body
}

pub fn delta(record: &Record) -> ValidDelta {
    match body(record) {
        ValidBody::Delta(delta) => delta,
        ValidBody::Chunk(chunk) => panic!("a delta, not {chunk:?}"),
    }
}

pub fn chunk(record: &Record) -> ValidChunk {
    match body(record) {
        ValidBody::Chunk(chunk) => chunk,
        ValidBody::Delta(delta) => panic!("a chunk, not {delta:?}"),
    }
}

pub fn section_of(record: &Record) -> Section {
    match body(record) {
        ValidBody::Chunk(chunk) => chunk.section,
        ValidBody::Delta(delta) => {
            let put = delta.put.first().map(|put| put.id.section);
            put.or(delta.sources.first().map(|s| s.section)).unwrap()
        }
    }
}

/// Takes the records of the first contact: one per section.
pub async fn first_contact(conversation: &mut Conversation) -> Vec<Record> {
    let records = vec![conversation.record().await, conversation.record().await];
    conversation.ack(&records[1]).await;
    records
}
