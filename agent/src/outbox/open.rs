//! Opening the outbox: what is found is kept, cut, set aside or begun.

use std::collections::VecDeque;

use deskwarden_proto::{diff::Shadow, v1};
use prost::Message as _;

use super::{
    Bounds, DAMAGED, Error, JOURNAL, Outbox, SUCCESSOR,
    entry::Mark,
    fold::{self, Staging, Upto},
    frame::{self, Parsed},
    io_error, rewrite,
};
use crate::disk::Disk;

/// Most damaged files that are kept for a person to look at.
const DAMAGED_KEPT: usize = 3;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Everything as it was left.
    Kept,
    /// There was none.
    New,
    /// It belonged to another device; a new one was begun.
    OtherDevice,
    /// The last write was cut short and removed.
    TailCut {
        /// Bytes that were removed.
        bytes: u64,
    },
    /// It was damaged, and set aside.
    Quarantined {
        /// The file's new name.
        file: String,
        /// What was wrong.
        why: String,
    },
}

impl Opened {
    /// The gap to report, if something may be lost.
    pub fn gap(&self) -> Option<v1::Gap> {
        let reason = match self {
            Self::Kept | Self::New | Self::OtherDevice => return None,
            Self::TailCut { .. } => {
                "the last write to the outbox was cut short; everything was read again".to_owned()
            }
            Self::Quarantined { file, .. } => {
                format!("the outbox was damaged and set aside as {file}; everything was read again")
            }
        };
        Some(v1::Gap {
            reason,
            ..v1::Gap::default()
        })
    }
}

impl<D: Disk> Outbox<D> {
    /// Opens the outbox of `device`, or begins one.
    pub fn open(mut disk: D, device: &str, bounds: Bounds) -> Result<(Self, Opened), Error> {
        let mut opened = Opened::Kept;
        let bytes = match disk.read(JOURNAL) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => match successor(&disk) {
                Some(bytes) => {
                    rewrite::replace(&mut disk, &bytes)?;
                    bytes
                }
                None => {
                    let lost = damaged(&disk)?.pop();
                    opened = match lost.clone() {
                        None => Opened::New,
                        Some((_, file)) => Opened::Quarantined {
                            file,
                            why: "it was set aside before".to_owned(),
                        },
                    };
                    let why = lost.map_or("", |_| "the outbox was damaged and set aside");
                    begin(&mut disk, device, why)?
                }
            },
            Err(error) => {
                let why = error.to_string();
                let (file, bytes) = set_aside(&mut disk, device, &why)?;
                opened = Opened::Quarantined { file, why };
                bytes
            }
        };
        disk.remove(SUCCESSOR).map_err(io_error("remove", SUCCESSOR))?;
        let (bytes, found) = inspect(&mut disk, device, bytes)?;
        if found != Opened::Kept {
            opened = found;
        }
        let mut outbox = Self {
            disk,
            device: device.to_owned(),
            bounds,
            mark: Mark::default(),
            terms: None,
            terms_saved: false,
            shadow: Shadow::default(),
            staging: Staging::default(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            length: 0,
            base: 0,
            frames: 0,
            suspect: false,
        };
        outbox
            .load(&bytes)
            .map_err(|why| Error::Damaged(why.to_owned()))?;
        Ok((outbox, opened))
    }

    /// Sets the file aside and continues with an empty outbox that wants a new epoch. What the collector
    /// accepts, and its policy, stay.
    pub fn quarantine(&mut self, why: &str) -> Result<Opened, Error> {
        let terms = self.terms.take();
        let (file, bytes) = set_aside(&mut self.disk, &self.device, why)?;
        self.load(&bytes).map_err(|why| Error::Damaged(why.to_owned()))?;
        if let Some(terms) = terms {
            self.set_terms(&terms.sections, terms.policy.as_ref())?;
        }
        Ok(Opened::Quarantined {
            file,
            why: why.to_owned(),
        })
    }

    /// Begins anew as another device: nothing of the old one's is sent in the new one's name.
    pub fn become_device(&mut self, device: &str) -> Result<(), Error> {
        let bytes = begin(&mut self.disk, device, "")?;
        device.clone_into(&mut self.device);
        self.load(&bytes).map_err(|why| Error::Damaged(why.to_owned()))
    }
}

/// Judges what was read; the result is whole.
fn inspect(disk: &mut impl Disk, device: &str, bytes: Vec<u8>) -> Result<(Vec<u8>, Opened), Error> {
    let (frames, end) = match frame::parse(&bytes) {
        Parsed::Whole(frames) => (frames, bytes.len()),
        Parsed::Torn { frames, end } => (frames, end),
        Parsed::Damaged { offset } => {
            let why = format!("the bytes at offset {offset} are not what was written");
            return quarantined(disk, device, why);
        }
    };
    let folded = match fold::fold(&frames, Upto::Acknowledged) {
        Ok(folded) => folded,
        Err(why) => return quarantined(disk, device, why.to_owned()),
    };
    if folded.device != device {
        return Ok((begin(disk, device, "")?, Opened::OtherDevice));
    }
    if end == bytes.len() {
        return Ok((bytes, Opened::Kept));
    }
    // The cut and the wish for a new epoch are one write: what was cut may have been sent.
    let mark = Mark {
        epoch_wanted: "the last write to the outbox was cut short".to_owned(),
        ..folded.mark
    };
    let mut whole = bytes.get(..end).unwrap_or_default().to_vec();
    frame::write(
        &mut whole,
        frames.len() as u64,
        frame::Kind::Mark,
        &[&mark.encode_to_vec()],
    );
    rewrite::replace(disk, &whole)?;
    let removed = (bytes.len() - end) as u64;
    Ok((whole, Opened::TailCut { bytes: removed }))
}

fn quarantined(disk: &mut impl Disk, device: &str, why: String) -> Result<(Vec<u8>, Opened), Error> {
    let (file, bytes) = set_aside(disk, device, &why)?;
    Ok((bytes, Opened::Quarantined { file, why }))
}

/// A successor that only lacks its name: the journal was renamed away before it.
fn successor(disk: &impl Disk) -> Option<Vec<u8>> {
    let bytes = disk.read(SUCCESSOR).ok().flatten()?;
    let whole = matches!(frame::parse(&bytes), Parsed::Whole(frames) if fold::fold(&frames, Upto::Acknowledged).is_ok());
    whole.then_some(bytes)
}

fn begin(disk: &mut impl Disk, device: &str, epoch_wanted: &str) -> Result<Vec<u8>, Error> {
    let bytes = rewrite::empty(device, &wanting(epoch_wanted));
    rewrite::replace(disk, &bytes)?;
    Ok(bytes)
}

fn wanting(why: &str) -> Mark {
    Mark {
        epoch_wanted: why.to_owned(),
        ..Mark::default()
    }
}

/// Renames the journal away and begins an empty one. The empty one is durable before the rename, so
/// that a crash in between is not taken for a first start.
fn set_aside(disk: &mut impl Disk, device: &str, why: &str) -> Result<(String, Vec<u8>), Error> {
    let mut kept = damaged(disk)?;
    let next = kept.last().map_or(1, |(number, _)| number + 1);
    let file = format!("{DAMAGED}{next}");
    let bytes = rewrite::empty(device, &wanting(&format!("the outbox was damaged: {why}")));
    rewrite::prepare(disk, &bytes)?;
    disk.rename(JOURNAL, &file)
        .map_err(io_error("set aside", JOURNAL))?;
    disk.rename(SUCCESSOR, JOURNAL)
        .map_err(io_error("replace", JOURNAL))?;
    kept.push((next, file.clone()));
    for (_, old) in kept.iter().rev().skip(DAMAGED_KEPT) {
        disk.remove(old).map_err(io_error("remove old", JOURNAL))?;
    }
    disk.sync_folder()
        .map_err(io_error("sync the folder of", JOURNAL))?;
    Ok((file, bytes))
}

/// Files that were set aside, oldest first.
fn damaged(disk: &impl Disk) -> Result<Vec<(u64, String)>, Error> {
    let names = disk.names().map_err(io_error("list the folder of", JOURNAL))?;
    let mut found: Vec<(u64, String)> = names
        .into_iter()
        .filter_map(|name| Some((name.strip_prefix(DAMAGED)?.parse().ok()?, name)))
        .collect();
    found.sort();
    Ok(found)
}
