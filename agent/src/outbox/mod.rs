//! The durable queue of what was seen and not yet acknowledged, and the shadow that it folds to: one file,
//! so that a record and its shadow step are one write. Compacted by rename. Opens no connection and
//! reads no source.
//!
//! A file starts with a header and the shadow as of the last acknowledgement; records and marks follow.
//! What was cut off at the end is removed, what is damaged elsewhere is set aside; both make the
//! agent ask for a new epoch, because a record that was lost here may have arrived there.

mod bound;
mod entry;
mod fold;
mod frame;
mod open;
mod rewrite;

use std::{collections::VecDeque, io};

use deskwarden_proto::{
    Bytes,
    diff::Shadow,
    limits::RECORD_BYTES,
    v1::{self, Payload, Record},
};
use prost::Message as _;

use crate::disk::Disk;
use entry::{Class, Mark, Terms};
use fold::{Pending, Staging};
use frame::Kind;
use rewrite::Rewrite;

pub use bound::Bounds;
pub use open::Opened;

/// The file that counts.
const JOURNAL: &str = "outbox.journal";
/// Its successor while it is written.
const SUCCESSOR: &str = "outbox.new";
/// Prefix of files that were set aside.
const DAMAGED: &str = "outbox.damaged-";
/// Slack before a file is compacted.
const SLACK: u64 = 64 << 10;

/// Why the outbox could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused. Nothing changed.
    #[error("outbox: cannot {action} {file}: {source}; free space or check the disk")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        file: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file does not hold what was written to it; [`Outbox::quarantine`] is the remedy.
    #[error("outbox: {JOURNAL} is damaged: {0}")]
    Damaged(String),
    /// Too much waits: coalesce this section first.
    #[error("outbox: its bound is reached; section {} is to be coalesced", section_name(*.section))]
    Full {
        /// Number of the section with the most waiting bytes.
        section: i32,
    },
    /// The record exceeds the contract's limit.
    #[error("outbox: a record of {bytes} bytes exceeds the limit of {RECORD_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The collector acknowledged what was never enqueued.
    #[error(
        "the collector acknowledged {epoch}/{sequence}, which this agent never enqueued; is it another database?"
    )]
    NeverEnqueued {
        /// Epoch of the acknowledgement.
        epoch: u64,
        /// Sequence of the acknowledgement.
        sequence: u64,
    },
}

/// Where the outbox stands, for the first frame of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Position {
    /// Epoch of the sequences; 0 when the collector never told one.
    pub epoch: u64,
    /// Highest acknowledged sequence.
    pub acknowledged: u64,
    /// Highest sequence ever given.
    pub enqueued: u64,
    /// Token of the last acknowledgement.
    pub resume_token: Vec<u8>,
    /// Why a new epoch is needed, if one is.
    pub epoch_wanted: Option<String>,
}

impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Position")
            .field("epoch", &self.epoch)
            .field("acknowledged", &self.acknowledged)
            .field("enqueued", &self.enqueued)
            .field("epoch_wanted", &self.epoch_wanted)
            .finish_non_exhaustive()
    }
}

/// The outbox of one device.
#[derive(Debug)]
pub struct Outbox<D> {
    disk: D,
    device: String,
    bounds: Bounds,
    /// As it stands in the file.
    mark: Mark,
    terms: Option<Terms>,
    /// Whether the file holds `terms`.
    terms_saved: bool,
    shadow: Shadow,
    staging: Staging,
    pending: VecDeque<Pending>,
    pending_bytes: u64,
    /// Sound bytes of the file.
    length: u64,
    /// Bytes of the file that are not waiting records, when it was written anew.
    base: u64,
    /// Position of the next frame.
    frames: u64,
    /// A write failed and could not be taken back: the end of the file is unknown until it is written anew.
    suspect: bool,
}

impl<D: Disk> Outbox<D> {
    /// The state as of the last enqueued record.
    pub fn shadow(&self) -> &Shadow {
        &self.shadow
    }

    /// Number of waiting records.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Highest sequence ever given.
    pub fn enqueued(&self) -> u64 {
        self.mark.enqueued
    }

    /// Highest acknowledged sequence.
    pub fn acknowledged(&self) -> u64 {
        self.mark.acknowledged
    }

    /// Epoch of the records.
    pub fn epoch(&self) -> u64 {
        self.mark.epoch
    }

    /// Why a new epoch is needed, if one is.
    pub fn epoch_wanted(&self) -> Option<&str> {
        Some(self.mark.epoch_wanted.as_str()).filter(|why| !why.is_empty())
    }

    /// What the collector said that it accepts; `None` before it said anything.
    pub fn accepted(&self) -> Option<&[v1::SectionRevision]> {
        self.terms.as_ref().map(|terms| terms.sections.as_slice())
    }

    /// The policy that the collector set last.
    pub fn policy(&self) -> Option<&v1::Policy> {
        self.terms.as_ref().and_then(|terms| terms.policy.as_ref())
    }

    /// Enqueues records: durable, and folded into the shadow, when this returns. All or none.
    pub fn append(&mut self, payloads: &[Payload]) -> Result<u64, Error> {
        let encoded = encode(payloads)?;
        let bytes: usize = encoded.iter().map(Vec::len).sum();
        self.make_room(payloads, bytes as u64)?;
        self.settle()?;
        let mut out = Vec::with_capacity(bytes + encoded.len() * 64);
        let mut pending = Vec::with_capacity(payloads.len());
        let mut sequence = self.mark.enqueued;
        for (index, (payload, encoded)) in payloads.iter().zip(&encoded).enumerate() {
            sequence += 1;
            let start = out.len();
            let head = entry::record_head(self.mark.epoch, sequence);
            frame::write(
                &mut out,
                self.frames + index as u64,
                Kind::Record,
                &[&head, encoded],
            );
            let offset = self.length + start as u64;
            pending.push(Pending::new(sequence, offset, out.len() - start, payload));
        }
        drop(encoded);
        self.commit(&out, payloads.len() as u64)?;
        self.pending_bytes += pending.iter().map(|p| u64::from(p.length)).sum::<u64>();
        for (payload, record) in payloads.iter().zip(&pending) {
            self.staging.apply(&mut self.shadow, record.sequence, payload);
        }
        self.pending.extend(pending);
        self.mark.enqueued = sequence;
        Ok(sequence)
    }

    /// Waiting records above `after`, in order: at most `records`, and at most `bytes` unless it is one.
    pub fn records(&self, after: u64, records: usize, bytes: usize) -> Result<Vec<Record>, Error> {
        let from = self.pending.partition_point(|p| p.sequence <= after);
        let mut found = Vec::new();
        let mut size = 0;
        for pending in self.pending.range(from..).take(records) {
            size += pending.length as usize;
            if size > bytes && !found.is_empty() {
                break;
            }
            let raw = self
                .disk
                .read_at(JOURNAL, pending.offset, pending.length as usize)
                .map_err(io_error("read", JOURNAL))?;
            let record = frame::check(&raw).and_then(entry::record);
            let Some((_, epoch, payload)) = record.filter(|(sequence, ..)| *sequence == pending.sequence)
            else {
                return Err(Error::Damaged(format!("record {} changed", pending.sequence)));
            };
            found.push(Record {
                epoch,
                sequence: pending.sequence,
                payload: Bytes::copy_from_slice(payload),
                packed: false,
            });
        }
        Ok(found)
    }

    /// Where the outbox stands. The resume token in it is durable: presenting one that a crash could
    /// take back would look like a restored disk.
    pub fn position(&self) -> Position {
        Position {
            epoch: self.mark.epoch,
            acknowledged: self.mark.acknowledged,
            enqueued: self.mark.enqueued,
            resume_token: self.mark.resume_token.clone(),
            epoch_wanted: self.epoch_wanted().map(str::to_owned),
        }
    }

    /// Digests of the state as of the last acknowledgement.
    pub fn acknowledged_digests(&self) -> Result<Vec<v1::SectionDigest>, Error> {
        if self.pending.is_empty() {
            return Ok(self.shadow.digests());
        }
        Ok(self.refold(fold::Upto::Acknowledged)?.shadow.digests())
    }

    /// Everything up to the acknowledged sequence is done. What could not be written down did not happen: the records
    /// wait on, and a later acknowledgement or the next connection covers them.
    pub fn acknowledge(&mut self, ack: &v1::Ack) -> Result<(), Error> {
        if ack.epoch != self.mark.epoch || ack.sequence > self.mark.enqueued {
            return Err(Error::NeverEnqueued {
                epoch: ack.epoch,
                sequence: ack.sequence,
            });
        }
        // Its token is an older one: to present it would look like a restored disk.
        if ack.sequence < self.mark.acknowledged {
            return Ok(());
        }
        self.save_mark(Mark {
            acknowledged: ack.sequence,
            resume_token: ack.resume_token.clone(),
            ..self.mark.clone()
        })?;
        while let Some(first) = self
            .pending
            .pop_front_if(|first| first.sequence <= self.mark.acknowledged)
        {
            self.pending_bytes -= u64::from(first.length);
        }
        if self.length - self.pending_bytes > 2 * self.base + SLACK {
            self.rewrite(&Rewrite::default())?;
        }
        Ok(())
    }

    /// Takes the collector's word for the epoch: what waits is numbered anew from `next_sequence`.
    pub fn adopt(&mut self, epoch: u64, next_sequence: u64, resume_token: &[u8]) -> Result<(), Error> {
        self.rewrite(&Rewrite {
            renumber: Some((epoch, next_sequence.max(1), resume_token)),
            ..Rewrite::default()
        })
    }

    /// Remembers that the collector knows records which this outbox does not.
    pub fn want_epoch(&mut self, why: &str) -> Result<(), Error> {
        if !self.mark.epoch_wanted.is_empty() {
            return Ok(());
        }
        self.save_mark(Mark {
            epoch_wanted: why.to_owned(),
            ..self.mark.clone()
        })
    }

    /// Remembers what the collector accepts and its policy. They hold from now on even where they could not be written
    /// down: the collector says them again to whoever comes back without.
    pub fn set_terms(
        &mut self,
        sections: &[v1::SectionRevision],
        policy: Option<&v1::Policy>,
    ) -> Result<(), Error> {
        let terms = Some(Terms {
            sections: sections.to_vec(),
            policy: policy.cloned(),
        });
        if self.terms == terms && self.terms_saved {
            return Ok(());
        }
        self.terms = terms;
        self.terms_saved = false;
        let body = self.terms.as_ref().map(Terms::encode_to_vec).unwrap_or_default();
        self.append_frame(Kind::Terms, &body)?;
        self.terms_saved = true;
        Ok(())
    }

    /// Drops sections that the collector does not accept: their waiting records and their shadow.
    pub fn forget(&mut self, sections: &[i32]) -> Result<(), Error> {
        let known = self.shadow.sources().any(|s| sections.contains(&s.section));
        let waits = |p: &Pending| matches!(p.class, Class::Section(s) if sections.contains(&s));
        if !known && !self.pending.iter().any(waits) {
            return Ok(());
        }
        self.rewrite(&Rewrite {
            drop: Some(&waits),
            forget: sections,
            ..Rewrite::default()
        })
    }

    fn save_mark(&mut self, mark: Mark) -> Result<(), Error> {
        self.append_frame(Kind::Mark, &mark.encode_to_vec())?;
        self.mark = mark;
        Ok(())
    }

    fn append_frame(&mut self, kind: Kind, body: &[u8]) -> Result<(), Error> {
        self.settle()?;
        let mut out = Vec::new();
        frame::write(&mut out, self.frames, kind, &[body]);
        self.commit(&out, 1)
    }

    /// After a failed write that could not be taken back the file is written anew before anything is added.
    fn settle(&mut self) -> Result<(), Error> {
        if self.suspect {
            self.rewrite(&Rewrite::default())?;
        }
        Ok(())
    }

    fn commit(&mut self, out: &[u8], frames: u64) -> Result<(), Error> {
        let appended = self
            .disk
            .append(JOURNAL, out)
            .map_err(io_error("append to", JOURNAL));
        let done = appended.and_then(|()| self.disk.sync(JOURNAL).map_err(io_error("sync", JOURNAL)));
        if let Err(error) = done {
            // A full disk leaves a part of it there. To take that away needs no room, to write anew does.
            let cut = self.disk.cut(JOURNAL, self.length);
            self.suspect = cut.and_then(|()| self.disk.sync(JOURNAL)).is_err();
            return Err(error);
        }
        self.length += out.len() as u64;
        self.frames += frames;
        Ok(())
    }
}

fn encode(payloads: &[Payload]) -> Result<Vec<Vec<u8>>, Error> {
    payloads
        .iter()
        .map(|payload| match payload.encoded_len() {
            bytes if bytes > RECORD_BYTES => Err(Error::TooLarge { bytes }),
            _ => Ok(payload.encode_to_vec()),
        })
        .collect()
}

fn io_error(action: &'static str, file: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io { action, file, source }
}

fn section_name(number: i32) -> &'static str {
    deskwarden_proto::section::name(v1::Section::try_from(number).unwrap_or_default())
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
