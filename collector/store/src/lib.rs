//! Deskwarden's store: the domain's ports on SQLite and on PostgreSQL. Loads state and applies batches;
//! decides nothing. Every statement is written once (`sql/`), and each noun has one file.
//!
//! [`open`] takes a location and returns the store; [`transfer`] copies a whole store into another one. Calls block:
//! bring a thread that may wait.

mod access;
mod admissions;
mod approvals;
mod audit;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod cross;
mod deliveries;
mod due;
mod editing;
mod enrolment;
mod gate;
mod generation;
mod grid;
mod ingest;
mod ingest_across;
mod ingest_apply;
mod ingest_facets;
mod ingest_judged;
mod ingest_load;
mod ingest_rows;
mod ingest_write;
mod ingest_writer;
mod inspections;
mod integrity;
mod ledger;
mod migrations;
mod notices;
mod opened;
mod outbox;
mod outside;
mod people;
mod postgres;
mod privacy;
mod records;
mod register;
mod rows;
mod rulebook;
mod saved;
mod sign_in;
mod sql;
mod sqlite;
mod staff;
mod succession;
mod transfer;
mod views;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use deskwarden_domain::port::{Store, StoreError, StoreResult};

use opened::Opened;
pub use opened::file_of;
use sql::{Connection, Engine};
pub use transfer::{Progress, Transferred, snapshot, transfer};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The location is neither of the two.
    #[error("the store must be `sqlite:PATH` or `postgres://USER@HOST/DATABASE`, not `{0}`")]
    Location(String),
    /// The store is there, but cannot be used; the text says why and what to do.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Opens the store at a location: `sqlite:PATH` or `postgres://...`. The schema is brought up to this
/// build. A password in the location is never part of a message. Neither this nor the store may be used on a
/// thread of an asynchronous runtime.
pub fn open(location: &str) -> Result<Arc<dyn Store>, OpenError> {
    Ok(Arc::new(Database::new(Opened::at(location)?)?))
}

/// Facets that are remembered with their row ids, so that an image of a known PC asks nothing.
const REMEMBERED_FACETS: usize = 1 << 16;

/// The ports over an engine.
struct Database {
    engine: Box<dyn Engine>,
    questions: gate::Gate,
    /// Row ids of committed facets by hash. Rows of facets are never deleted or renumbered.
    facets: Mutex<HashMap<[u8; 32], i64>>,
}

impl Database {
    fn new(opened: Opened) -> StoreResult<Self> {
        opened.migrate()?;
        let engine = opened.engine;
        engine.write(&mut |connection| succession::backfill(connection))?;
        Ok(Self {
            questions: gate::Gate::new(engine.questions()),
            engine,
            facets: Mutex::default(),
        })
    }

    /// Runs `work` on a consistent picture.
    fn read<T>(&self, work: impl FnMut(&mut dyn Connection) -> StoreResult<T>) -> StoreResult<T> {
        let _asking = self.questions.enter();
        self.read_first(work)
    }

    /// The same for what reports wait for: it finds a connection however many questions are asked.
    fn read_first<T>(&self, mut work: impl FnMut(&mut dyn Connection) -> StoreResult<T>) -> StoreResult<T> {
        let mut answer = None;
        self.engine.read(&mut |connection| {
            answer = Some(work(connection)?);
            Ok(())
        })?;
        answered(answer)
    }

    /// Runs `work` in one durable transaction; it may run more than once.
    fn write<T>(&self, mut work: impl FnMut(&mut dyn Connection) -> StoreResult<T>) -> StoreResult<T> {
        let mut answer = None;
        self.engine.write(&mut |connection| {
            answer = Some(work(connection)?);
            Ok(())
        })?;
        answered(answer)
    }

    /// Row ids of those of `hashes` that are remembered.
    fn remembered<'h>(&self, hashes: impl Iterator<Item = &'h [u8; 32]>) -> HashMap<[u8; 32], i64> {
        let known = self.facets.lock().unwrap_or_else(PoisonError::into_inner);
        hashes
            .filter_map(|hash| known.get(hash).map(|id| (*hash, *id)))
            .collect()
    }

    /// Remembers facets of a committed transaction.
    fn remember(&self, facets: HashMap<[u8; 32], i64>) {
        let mut known = self.facets.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + facets.len() > REMEMBERED_FACETS {
            known.clear();
        }
        known.extend(facets);
    }
}

fn answered<T>(answer: Option<T>) -> StoreResult<T> {
    answer.ok_or_else(|| StoreError::Damaged("the engine ended a transaction without running it".into()))
}
