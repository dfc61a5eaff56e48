//! Deskwarden's store: the domain's ports on SQLite and on PostgreSQL. Loads state and applies batches;
//! decides nothing. Every statement is written once (`sql/`), and each noun has one file.
//!
//! [`open`] takes a location and returns the store. Calls block: bring a thread that may wait.

mod access;
mod audit;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod cross;
mod deliveries;
mod due;
mod enrolment;
mod generation;
mod ingest;
mod ingest_across;
mod ingest_apply;
mod ingest_facets;
mod ingest_judged;
mod ingest_load;
mod ingest_rows;
mod ingest_write;
mod ingest_writer;
mod ledger;
mod migrations;
mod outbox;
mod postgres;
mod rows;
mod rulebook;
mod sign_in;
mod sql;
mod sqlite;
mod succession;
mod views;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use deskwarden_domain::port::{Store, StoreError, StoreResult};

use sql::{Connection, Engine};

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
    if let Some(path) = location.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        let path = Path::new(path);
        let engine = sqlite::Sqlite::open(path)?;
        return Ok(Arc::new(Database::new(
            Box::new(engine),
            &format!("the database {}", path.display()),
        )?));
    }
    if location.starts_with("postgres://") || location.starts_with("postgresql://") {
        let engine = postgres::Postgres::open(location)?;
        let place = engine.place().to_owned();
        return Ok(Arc::new(Database::new(Box::new(engine), &place)?));
    }
    // Not the whole: what is no location may be a password.
    let shown = location.split(':').next().unwrap_or_default();
    Err(OpenError::Location(format!("{shown}:...")))
}

/// Facets that are remembered with their row ids, so that an image of a known PC asks nothing.
const REMEMBERED_FACETS: usize = 1 << 16;

/// The ports over an engine.
struct Database {
    engine: Box<dyn Engine>,
    /// Row ids of committed facets by hash. Rows of facets are never deleted or renumbered.
    facets: Mutex<HashMap<[u8; 32], i64>>,
}

impl Database {
    fn new(engine: Box<dyn Engine>, place: &str) -> StoreResult<Self> {
        migrations::migrate(engine.as_ref(), place)?;
        engine.write(&mut |connection| succession::backfill(connection))?;
        Ok(Self {
            engine,
            facets: Mutex::default(),
        })
    }

    /// Runs `work` on a consistent picture.
    fn read<T>(&self, mut work: impl FnMut(&mut dyn Connection) -> StoreResult<T>) -> StoreResult<T> {
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
