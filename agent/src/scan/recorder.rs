//! Looks at sources, finds what changed, and enqueues it. The only one who writes to the outbox, on a
//! thread that may block. Knows no connection.

use deskwarden_platform::{Root, Source};
use deskwarden_proto::{
    describe::section_doc,
    diff,
    v1::{self, Ack, Delta, Gap, Policy, Record, Section, SectionDigest, Trigger, Welcome},
};

use super::{
    cut,
    looks::{Looks, Stamps},
    recollect::Recollection,
    tools::Tools,
};
use crate::{
    disk::Folder,
    outbox::{Error, Opened, Outbox, Position},
};

/// Coalescing rounds before a record is given up: one per section and one more.
const ROUNDS: usize = deskwarden_proto::section::ALL.len() + 1;

/// What a session needs to introduce itself.
#[derive(Clone, Debug)]
pub struct Introduction {
    /// Where the outbox stands.
    pub position: Position,
    /// Digests as of the acknowledged sequence.
    pub digests: Vec<SectionDigest>,
}

/// What came of a welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Welcomed {
    /// Records may be sent from after this sequence.
    Ready {
        /// Highest acknowledged sequence.
        acknowledged: u64,
    },
    /// A new epoch has to be asked for, with this reason; no record may be sent before.
    WantsEpoch(String),
}

/// Sources, outbox, and what ties them.
pub struct Recorder {
    pub(super) outbox: Outbox<Folder>,
    pub(super) looks: Looks,
    pub(super) tools: Tools,
    /// Where sources' memory is kept; nowhere until it is said.
    pub(super) recollection: Option<Recollection>,
    /// Everything has to be looked at again.
    all_due: bool,
    /// How often what waits was renumbered or set aside.
    renumbered: u64,
}

impl Recorder {
    /// Over an outbox that was just opened; what opening it lost is reported.
    pub fn new(
        outbox: Outbox<Folder>,
        opened: &Opened,
        root: Root,
        sources: Vec<Box<dyn Source>>,
        tools: Tools,
    ) -> Result<Self, Error> {
        let mut recorder = Self {
            outbox,
            looks: Looks::new(root, sources),
            tools,
            recollection: None,
            all_due: false,
            renumbered: 0,
        };
        recorder.instruct();
        if let Some(gap) = opened.gap() {
            recorder.report(gap)?;
        }
        Ok(recorder)
    }

    /// The sources.
    pub fn sources(&self) -> &[Box<dyn Source>] {
        self.looks.sources()
    }

    /// The root that is looked at.
    pub fn root(&self) -> &Root {
        self.looks.root()
    }

    /// Highest sequence ever given.
    pub fn enqueued(&self) -> u64 {
        self.outbox.enqueued()
    }

    /// Highest sequence that the collector acknowledged.
    pub fn acknowledged_sequence(&self) -> u64 {
        self.outbox.acknowledged()
    }

    /// How often what waits was renumbered or set aside: a session that sees it change begins anew.
    pub fn renumbered(&self) -> u64 {
        self.renumbered
    }

    /// The policy that the collector set last.
    pub fn policy(&self) -> Option<&Policy> {
        self.outbox.policy()
    }

    /// Whether everything has to be looked at again; asking clears it.
    pub fn take_all_due(&mut self) -> bool {
        std::mem::take(&mut self.all_due)
    }

    /// Looks at one source and enqueues what changed.
    pub fn look(&mut self, index: usize, trigger: Trigger, stamps: Stamps) -> Result<(), Error> {
        let Some(source) = self.sources().get(index) else {
            return Ok(());
        };
        let section = source.id().section;
        if !self.accepts(section) {
            return Ok(());
        }
        let Some(seen) = self.looks.look(index, stamps, self.withheld()) else {
            return Ok(());
        };
        let (reading, stamp) = seen.parts();
        if let Some(delta) = self.outbox.shadow().diff(reading) {
            let payloads = cut::payloads(delta, trigger, &(self.tools.now)());
            self.append(section, &payloads)?;
        }
        self.looks.kept(index, stamp);
        Ok(())
    }

    /// Enqueues a complete picture of a section, read now.
    pub fn snapshot(&mut self, section: Section) -> Result<(), Error> {
        if !self.accepts(section) {
            return Ok(());
        }
        let payloads = self.picture(section);
        self.append(section, &payloads)
    }

    /// Indices of the sources of a section, or of all; of one source where it is named.
    pub fn matching(&self, sections: &[Section], source: &str) -> Vec<usize> {
        let ids = self.sources().iter().map(|source| source.id()).enumerate();
        ids.filter(|(_, id)| sections.is_empty() || sections.contains(&id.section))
            .filter(|(_, id)| source.is_empty() || source == id.source)
            .map(|(index, _)| index)
            .collect()
    }

    /// For the first frame of a session.
    pub fn introduce(&mut self) -> Result<Introduction, Error> {
        let position = self.outbox.position();
        let position = self.heal(position)?;
        let digests = self.outbox.acknowledged_digests();
        match self.heal(digests)? {
            Some(digests) => Ok(Introduction {
                position: match position {
                    Some(position) => position,
                    None => self.outbox.position()?,
                },
                digests,
            }),
            // Healed meanwhile: the outbox is new.
            None => Ok(Introduction {
                position: self.outbox.position()?,
                digests: self.outbox.acknowledged_digests()?,
            }),
        }
    }

    /// Takes the collector's answer to an introduction that said `introduced`.
    pub fn welcomed(&mut self, welcome: &Welcome, introduced: &Position) -> Result<Welcomed, Error> {
        self.set_terms(&welcome.sections, welcome.policy.as_ref())?;
        let same_epoch = welcome.epoch == self.outbox.epoch();
        if same_epoch && welcome.next_sequence > introduced.enqueued + 1 {
            self.outbox
                .want_epoch("the collector knows records that this outbox does not")?;
        }
        if let Some(why) = self.outbox.epoch_wanted() {
            return Ok(Welcomed::WantsEpoch(why.to_owned()));
        }
        if same_epoch {
            let sequence = welcome.next_sequence.saturating_sub(1);
            let resume_token = if welcome.resume_token.is_empty() {
                introduced.resume_token.clone()
            } else {
                welcome.resume_token.clone()
            };
            self.acknowledged(&Ack {
                epoch: welcome.epoch,
                sequence,
                resume_token,
            })?;
        } else {
            self.outbox
                .adopt(welcome.epoch, welcome.next_sequence, &welcome.resume_token)?;
        }
        for number in &welcome.resync {
            self.snapshot(Section::try_from(*number).unwrap_or_default())?;
        }
        Ok(Welcomed::Ready {
            acknowledged: self.outbox.position()?.acknowledged,
        })
    }

    /// Begins the epoch that the collector gave: what waits is kept, and everything is pictured again.
    pub fn new_epoch(&mut self, epoch: u64, resume_token: &[u8]) -> Result<(), Error> {
        self.outbox.adopt(epoch, 1, resume_token)?;
        let mut sections: Vec<Section> = self.sources().iter().map(|s| s.id().section).collect();
        sections.sort();
        sections.dedup();
        for section in sections {
            self.snapshot(section)?;
        }
        Ok(())
    }

    /// Waiting records above `after`. After damage there are none, and the session has to begin anew.
    pub fn records(
        &mut self,
        after: u64,
        records: usize,
        bytes: usize,
    ) -> Result<Option<Vec<Record>>, Error> {
        let found = self.outbox.records(after, records, bytes);
        self.heal(found)
    }

    /// The collector has everything up to there.
    pub fn acknowledged(&mut self, ack: &Ack) -> Result<(), Error> {
        let done = self.outbox.acknowledge(ack);
        self.heal(done).map(drop)
    }

    /// Keeps a policy. People who are withheld now are read again, so that they go.
    pub fn set_policy(&mut self, policy: &Policy) -> Result<(), Error> {
        let sections = self.outbox.accepted().unwrap_or_default().to_vec();
        self.set_terms(&sections, Some(policy))
    }

    /// The collector refuses what waits, again and again: it is set aside instead of being sent forever.
    pub fn give_up(&mut self, why: &str) -> Result<(), Error> {
        let opened = self.outbox.quarantine(why)?;
        self.lost(&opened)
    }

    /// Continues as another device.
    pub fn become_device(&mut self, device: &str) -> Result<(), Error> {
        self.outbox.become_device(device)?;
        self.renumbered += 1;
        self.look_again();
        Ok(())
    }

    fn set_terms(&mut self, sections: &[v1::SectionRevision], policy: Option<&Policy>) -> Result<(), Error> {
        let before = (
            self.outbox.accepted().map(<[_]>::to_vec),
            self.outbox.policy().cloned(),
        );
        self.outbox.set_terms(sections, policy)?;
        if before.0.as_deref() != Some(sections) || before.1.as_ref() != policy {
            let refused: Vec<i32> = deskwarden_proto::section::ALL
                .into_iter()
                .filter(|section| !self.accepts(*section))
                .map(i32::from)
                .collect();
            self.outbox.forget(&refused)?;
            self.instruct();
            self.look_again();
        }
        Ok(())
    }

    /// Before the collector said anything, everything is kept for it.
    fn accepts(&self, section: Section) -> bool {
        let ours = section_doc(section).map_or(0, |doc| doc.revision);
        self.outbox.accepted().is_none_or(|accepted| {
            let theirs = accepted.iter().find(|a| a.section == section as i32);
            theirs.is_some_and(|theirs| theirs.revision >= ours)
        })
    }

    /// People whose facts stay on the PC.
    fn withheld(&self) -> &[String] {
        self.outbox
            .policy()
            .map_or(&[][..], |policy| &policy.withheld_principals)
    }

    fn picture(&self, section: Section) -> Vec<v1::Payload> {
        let indices = self.matching(&[section], "");
        let readings = indices
            .into_iter()
            .filter_map(|index| self.looks.read(index, self.withheld()))
            .collect();
        let chunks = diff::snapshot(section, (self.tools.id)(), readings);
        cut::chunks(chunks, &(self.tools.now)())
    }

    /// Enqueues; where the outbox is full, sections are coalesced first. When that is the records' own
    /// section, its snapshot stands for them.
    pub(super) fn append(&mut self, section: Section, payloads: &[v1::Payload]) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            match self.outbox.append(payloads) {
                Err(Error::Full { section: full }) => {
                    let victim = Section::try_from(full).unwrap_or_default();
                    let picture = self.picture(victim);
                    let coalesced = self.outbox.coalesce(full, |gap| with_gap(picture, gap));
                    self.heal(coalesced)?;
                    if victim == section {
                        return Ok(());
                    }
                }
                other => return self.heal(other).map(drop),
            }
        }
        Ok(())
    }

    fn report(&mut self, gap: Gap) -> Result<(), Error> {
        let delta = Delta {
            gaps: vec![gap],
            ..Delta::default()
        };
        let payloads = cut::payloads(delta, Trigger::Unspecified, &(self.tools.now)());
        self.outbox.append(&payloads).map(drop)
    }

    /// Damage is set aside, and the result is `None`; other errors stay.
    fn heal<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Damaged(why)) => {
                tracing::error!(%why, "the outbox is damaged and is set aside");
                let opened = self.outbox.quarantine(&why)?;
                self.lost(&opened)?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn lost(&mut self, opened: &Opened) -> Result<(), Error> {
        self.renumbered += 1;
        if let Some(gap) = opened.gap() {
            self.report(gap)?;
        }
        self.look_again();
        Ok(())
    }

    fn look_again(&mut self) {
        self.looks.forget();
        self.all_due = true;
    }
}

fn with_gap(mut payloads: Vec<v1::Payload>, gap: Gap) -> Vec<v1::Payload> {
    if let Some(v1::payload::Body::Chunk(chunk)) = payloads.last_mut().and_then(|p| p.body.as_mut()) {
        chunk.gaps.push(gap);
    }
    payloads
}

#[cfg(test)]
mod tests {
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
        _folder: TempDir,
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
            _folder: folder,
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
}
