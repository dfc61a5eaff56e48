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
    gather::{Gathered, Part, together},
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

/// What was seen and could not be enqueued: it has to be looked at again.
#[derive(Debug)]
pub(super) struct Unkept {
    /// Why.
    pub(super) error: Error,
    /// The sources, and why and how each was looked at.
    pub(super) asked: Vec<(usize, (Trigger, Stamps))>,
}

/// Sources, outbox, and what ties them.
pub struct Recorder {
    pub(super) outbox: Outbox<Folder>,
    pub(super) looks: Looks,
    pub(super) tools: Tools,
    /// Where sources' memory is kept; nowhere until it is said.
    pub(super) recollection: Option<Recollection>,
    /// What looks found and nobody enqueued yet.
    gathered: Gathered,
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
            gathered: Gathered::default(),
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
        let kept = self.gather(index, trigger, stamps).and_then(|()| self.flush());
        kept.map_err(|unkept| unkept.error)
    }

    /// Looks at one source; what changed waits for what the next looks find, until [`Recorder::flush`].
    pub(super) fn gather(&mut self, index: usize, trigger: Trigger, stamps: Stamps) -> Result<(), Unkept> {
        let Some(source) = self.sources().get(index) else {
            return Ok(());
        };
        let section = source.id().section;
        if !self.accepts(section) {
            return Ok(());
        }
        let asked = (trigger, stamps);
        if self.gathered.goes_before(index, trigger)
            && let Err(mut unkept) = self.flush()
        {
            unkept.asked.push((index, asked));
            return Err(unkept);
        }
        let Some(seen) = self.looks.look(index, stamps, self.withheld()) else {
            return Ok(());
        };
        let (reading, stamp) = seen.parts();
        let Some(delta) = self.outbox.shadow().diff(reading) else {
            self.looks.kept(index, stamp);
            return Ok(());
        };
        let alone = Gathered::goes_alone(&delta);
        let part = Part {
            index,
            section,
            asked,
            stamp,
            delta,
        };
        if alone {
            return self.keep(vec![part]);
        }
        if self.gathered.add(part) {
            self.flush()?;
        }
        Ok(())
    }

    /// Whether looks found something that is not enqueued yet.
    pub(super) fn has_gathered(&self) -> bool {
        !self.gathered.is_empty()
    }

    /// Enqueues what looks found.
    pub(super) fn flush(&mut self) -> Result<(), Unkept> {
        let parts = self.gathered.take();
        if parts.is_empty() {
            return Ok(());
        }
        self.keep(parts)
    }

    fn keep(&mut self, parts: Vec<Part>) -> Result<(), Unkept> {
        let stamps: Vec<(usize, Option<u64>)> = parts.iter().map(|part| (part.index, part.stamp)).collect();
        let asked = parts.iter().map(|part| (part.index, part.asked)).collect();
        let before = self.renumbered;
        self.enqueue(parts).map_err(|error| Unkept { error, asked })?;
        // Where the outbox was set aside meanwhile, everything is looked at again.
        if self.renumbered == before {
            for (index, stamp) in stamps {
                self.looks.kept(index, stamp);
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, parts: Vec<Part>) -> Result<(), Error> {
        let now = (self.tools.now)();
        if let [first, _, ..] = parts.as_slice() {
            match self
                .outbox
                .append(&cut::payloads(together(&parts), first.asked.0, &now))
            {
                // What makes room is a section's own: then each goes by itself.
                Err(Error::Full { .. }) => {}
                other => return self.heal(other).map(drop),
            }
        }
        for part in parts {
            self.append(part.section, &cut::payloads(part.delta, part.asked.0, &now))?;
        }
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
        let digests = self.outbox.acknowledged_digests();
        let digests = match self.heal(digests)? {
            Some(digests) => digests,
            // Healed meanwhile: the outbox is new.
            None => self.outbox.acknowledged_digests()?,
        };
        Ok(Introduction {
            position: self.outbox.position(),
            digests,
        })
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
            let acknowledged = self.acknowledged(&Ack {
                epoch: welcome.epoch,
                sequence,
                resume_token,
            });
            or_later(acknowledged, "where the collector is")?;
        } else {
            self.outbox
                .adopt(welcome.epoch, welcome.next_sequence, &welcome.resume_token)?;
        }
        for number in &welcome.resync {
            self.snapshot(Section::try_from(*number).unwrap_or_default())?;
        }
        Ok(Welcomed::Ready {
            // The collector's word, also where it could not be written down: what it has is not sent again.
            acknowledged: self
                .outbox
                .acknowledged()
                .max(welcome.next_sequence.saturating_sub(1)),
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
        or_later(
            self.outbox.set_terms(sections, policy),
            "what the collector accepts and its policy",
        )?;
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

/// What a disk that is full did not take is written down later, and no reason to do without the collector.
fn or_later(done: Result<(), Error>, what: &'static str) -> Result<(), Error> {
    if let Err(error @ Error::Io { .. }) = done {
        tracing::warn!(%error, what, "something could not be written down");
        return Ok(());
    }
    done
}

fn with_gap(mut payloads: Vec<v1::Payload>, gap: Gap) -> Vec<v1::Payload> {
    if let Some(v1::payload::Body::Chunk(chunk)) = payloads.last_mut().and_then(|p| p.body.as_mut()) {
        chunk.gaps.push(gap);
    }
    payloads
}

#[cfg(test)]
mod tests;
