//! Looks at sources, each on its own, and only where their inputs may have changed. Keeps the stamps of what was
//! read last; knows neither the outbox nor what was reported.

use std::thread::{self, ScopedJoinHandle};

use deskwarden_platform::{Reading, Root, Source, Unavailable};
use deskwarden_proto::{diff::SourceReading, v1::Look};

use super::reading;

/// Stack of a look; the deepest parser needs far less.
const STACK: usize = 1 << 20;

/// Whether an unchanged stamp excuses from looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Nothing changed: nothing is read.
    Trust,
    /// Read anyway.
    Ignore,
}

/// The sources, with the stamp of each when it was last read.
pub struct Looks {
    root: Root,
    sources: Vec<Box<dyn Source>>,
    stamps: Vec<Option<u64>>,
}

/// What was seen, and the stamp that goes with it once it is kept.
pub struct Sight {
    reading: SourceReading,
    stamp: Option<u64>,
}

impl Looks {
    /// Over sources that nobody looked at yet.
    pub fn new(root: Root, sources: Vec<Box<dyn Source>>) -> Self {
        Self {
            stamps: vec![None; sources.len()],
            root,
            sources,
        }
    }

    /// The sources.
    pub fn sources(&self) -> &[Box<dyn Source>] {
        &self.sources
    }

    /// The root that is looked at.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Reads a source; `None` where it did not change since what was kept last.
    pub fn look(&self, index: usize, stamps: Stamps, withheld: &[String]) -> Option<Sight> {
        let source = self.sources.get(index)?;
        // Taken before reading: what changes meanwhile is seen the next time.
        let stamp = source.stamp(&self.root);
        let known = self.stamps.get(index).copied().flatten();
        if stamps == Stamps::Trust && stamp.is_some() && stamp == known {
            return None;
        }
        let reading = self.read(index, withheld)?;
        // What is not there is known as completely as what was read whole.
        let stamp = stamp.filter(|_| matches!(reading.look, Look::Looked | Look::Unsupported));
        Some(Sight { reading, stamp })
    }

    /// What was seen is kept: until its stamp changes it is not read again.
    pub fn kept(&mut self, index: usize, stamp: Option<u64>) {
        if let Some(slot) = self.stamps.get_mut(index) {
            *slot = stamp;
        }
    }

    /// Everything has to be read again.
    pub fn forget(&mut self) {
        self.stamps.fill(None);
    }

    /// Reads a source whatever its stamp.
    pub fn read(&self, index: usize, withheld: &[String]) -> Option<SourceReading> {
        let source = self.sources.get(index)?;
        // On a thread of its own: a source that breaks down ends only that, and what it allocates is given
        // back whole instead of being held by the small things that stay.
        let read = || reading::encode(source.read(&self.root), withheld);
        let read = thread::scope(|scope| {
            let thread = thread::Builder::new().name("look".to_owned()).stack_size(STACK);
            thread.spawn_scoped(scope, read).map(ScopedJoinHandle::join)
        });
        let why = match read {
            Ok(Ok(reading)) => return Some(reading),
            Ok(Err(_)) => "reading this source failed inside the agent".to_owned(),
            Err(error) => format!("there is no thread to read this source: {error}"),
        };
        let failed = Reading::unavailable(source.id(), &Unavailable::Failed(why));
        Some(reading::encode(failed, withheld))
    }
}

impl Sight {
    /// The reading, encoded and within the contract's limits, and the stamp for [`Looks::kept`].
    pub fn parts(self) -> (SourceReading, Option<u64>) {
        (self.reading, self.stamp)
    }
}
