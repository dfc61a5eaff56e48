//! Writing the outbox file anew: compaction, coalescing, renumbering. The old file counts until the new
//! one took its name.

use deskwarden_proto::{diff::Shadow, v1::Payload};
use prost::Message as _;

use super::{
    Error, JOURNAL, Outbox, SUCCESSOR,
    entry::{self, Mark, Terms},
    fold::{self, Folded, Pending, Upto},
    frame::{self, Frame, Kind, Parsed},
    io_error,
};
use crate::disk::Disk;

/// What changes on the way.
#[derive(Default)]
pub(super) struct Rewrite<'a> {
    /// Waiting records to leave out.
    pub(super) drop: Option<&'a dyn Fn(&Pending) -> bool>,
    /// Sections to leave out of the shadow.
    pub(super) forget: &'a [i32],
    /// New epoch, its first sequence, and resume token.
    pub(super) renumber: Option<(u64, u64, &'a [u8])>,
    /// Records to add at the end.
    pub(super) append: &'a [Payload],
}

impl<D: Disk> Outbox<D> {
    pub(super) fn rewrite(&mut self, change: &Rewrite<'_>) -> Result<(), Error> {
        let added = super::encode(change.append)?;
        let bytes = self.file()?;
        let frames = sound(&bytes)?;
        let Folded {
            mut shadow, staging, ..
        } = fold_sound(&frames, Upto::Acknowledged)?;
        if !change.forget.is_empty() {
            shadow = Shadow::restore(
                shadow.sources().filter(|s| !change.forget.contains(&s.section)),
                shadow
                    .items()
                    .filter(|(id, _)| !change.forget.contains(&id.section)),
            );
        }
        let mut mark = self.mark.clone();
        if let Some((epoch, first, token)) = change.renumber {
            mark = Mark {
                epoch,
                acknowledged: first - 1,
                enqueued: first - 1,
                resume_token: token.to_vec(),
                epoch_wanted: String::new(),
            };
        }
        let mut writer = Writer::new(&self.device, &shadow, self.terms.as_ref());
        for frame in frames.iter().filter(|f| f.kind == Kind::Record) {
            let Some((sequence, _, payload)) = entry::record(frame.body) else {
                return Err(Error::Damaged("a record is too short".to_owned()));
            };
            // Chunks whose last one is still to be acknowledged are needed to fold it.
            let keep = match self.pending.binary_search_by_key(&sequence, |p| p.sequence) {
                Ok(at) => !self
                    .pending
                    .get(at)
                    .is_some_and(|p| change.drop.is_some_and(|drop| drop(p))),
                Err(_) => staging.holds(sequence),
            };
            if keep {
                let sequence = if change.renumber.is_some() {
                    mark.enqueued += 1;
                    mark.enqueued
                } else {
                    sequence
                };
                writer.record(mark.epoch, sequence, payload);
            }
        }
        for payload in &added {
            mark.enqueued += 1;
            writer.record(mark.epoch, mark.enqueued, payload);
        }
        let out = writer.finish(&mark);
        drop(bytes);
        prepare(&mut self.disk, &out)?;
        self.disk
            .rename(SUCCESSOR, JOURNAL)
            .map_err(io_error("replace", JOURNAL))?;
        self.load(&out).map_err(|why| Error::Damaged(why.to_owned()))?;
        // Not durable yet: a failure here must make the next write begin with another attempt.
        self.suspect = true;
        self.disk
            .sync_folder()
            .map_err(io_error("sync the folder of", JOURNAL))?;
        self.suspect = false;
        Ok(())
    }

    /// Folds the file as it is.
    pub(super) fn refold(&self, upto: Upto) -> Result<Folded, Error> {
        let bytes = self.file()?;
        fold_sound(&sound(&bytes)?, upto)
    }

    /// Takes over the state of a file that was just written or read.
    pub(super) fn load(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let Parsed::Whole(frames) = frame::parse(bytes) else {
            return Err("it is not a row of whole frames");
        };
        let folded = fold::fold(&frames, Upto::Enqueued)?;
        self.length = bytes.len() as u64;
        self.frames = frames.len() as u64;
        self.pending_bytes = folded.pending.iter().map(|p| u64::from(p.length)).sum();
        self.base = self.length - self.pending_bytes;
        self.shadow = folded.shadow;
        self.staging = folded.staging;
        self.pending = folded.pending;
        self.mark = folded.mark;
        self.terms = folded.terms;
        self.terms_saved = true;
        self.suspect = false;
        Ok(())
    }

    /// The sound part of the file.
    fn file(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.disk.read(JOURNAL).map_err(io_error("read", JOURNAL))?;
        let mut bytes = bytes.ok_or_else(|| Error::Damaged("it is gone".to_owned()))?;
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        if bytes.len() < length {
            return Err(Error::Damaged("it is shorter than what was written".to_owned()));
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn sound(bytes: &[u8]) -> Result<Vec<Frame<'_>>, Error> {
    match frame::parse(bytes) {
        Parsed::Whole(frames) => Ok(frames),
        Parsed::Torn { end: offset, .. } | Parsed::Damaged { offset } => {
            Err(Error::Damaged(format!("its bytes changed at offset {offset}")))
        }
    }
}

fn fold_sound(frames: &[Frame<'_>], upto: Upto) -> Result<Folded, Error> {
    fold::fold(frames, upto).map_err(|why| Error::Damaged(why.to_owned()))
}

/// Puts `bytes` in the journal's place, durably.
pub(super) fn replace(disk: &mut impl Disk, bytes: &[u8]) -> Result<(), Error> {
    prepare(disk, bytes)?;
    disk.rename(SUCCESSOR, JOURNAL)
        .map_err(io_error("replace", JOURNAL))?;
    disk.sync_folder()
        .map_err(io_error("sync the folder of", JOURNAL))
}

/// Writes the successor, durably.
pub(super) fn prepare(disk: &mut impl Disk, bytes: &[u8]) -> Result<(), Error> {
    disk.write(SUCCESSOR, bytes)
        .map_err(io_error("write", SUCCESSOR))?;
    disk.sync(SUCCESSOR).map_err(io_error("sync", SUCCESSOR))
}

/// The bytes of an outbox without records.
pub(super) fn empty(device: &str, mark: &Mark) -> Vec<u8> {
    Writer::new(device, &Shadow::default(), None).finish(mark)
}

struct Writer {
    out: Vec<u8>,
    frames: u64,
}

impl Writer {
    fn new(device: &str, shadow: &Shadow, terms: Option<&Terms>) -> Self {
        let mut writer = Self {
            out: Vec::new(),
            frames: 0,
        };
        writer.frame(Kind::Header, &[&entry::header(device)]);
        for state in entry::states(shadow) {
            writer.frame(Kind::State, &[&state.encode_to_vec()]);
        }
        if let Some(terms) = terms {
            writer.frame(Kind::Terms, &[&terms.encode_to_vec()]);
        }
        writer
    }

    fn record(&mut self, epoch: u64, sequence: u64, payload: &[u8]) {
        let head = entry::record_head(epoch, sequence);
        self.frame(Kind::Record, &[&head, payload]);
    }

    /// The mark comes last: it covers sequences whose records were dropped.
    fn finish(mut self, mark: &Mark) -> Vec<u8> {
        self.frame(Kind::Mark, &[&mark.encode_to_vec()]);
        self.out
    }

    fn frame(&mut self, kind: Kind, body: &[&[u8]]) {
        frame::write(&mut self.out, self.frames, kind, body);
        self.frames += 1;
    }
}
