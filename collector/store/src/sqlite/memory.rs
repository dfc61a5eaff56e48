//! A database in memory: gone with its value. For looking at a fresh schema.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use deskwarden_domain::port::StoreResult;

use crate::sql::{Connection, Engine};

use super::{connection::SqliteConnection, failure};

/// What messages call it.
const NAME: &str = "in memory";

/// One connection, which is the whole database.
pub(crate) struct Memory(Mutex<rusqlite::Connection>);

impl Memory {
    /// A new, empty one.
    pub(crate) fn open() -> StoreResult<Self> {
        let connection = rusqlite::Connection::open_in_memory();
        let connection = connection.map_err(|error| failure(Path::new(NAME), "make", error))?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl Engine for Memory {
    fn questions(&self) -> usize {
        1
    }

    fn read(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        self.write(work)
    }

    fn write(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        let fault = |error| failure(Path::new(NAME), "write", error);
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction().map_err(fault)?;
        work(&mut SqliteConnection {
            connection: &transaction,
            path: Path::new(NAME),
            sums: None,
        })?;
        transaction.commit().map_err(fault)
    }
}
