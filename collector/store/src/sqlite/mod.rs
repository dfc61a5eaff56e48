//! SQLite: one writer and a few read-only connections over one file in WAL mode. Owns the file, its
//! safety and its transactions; the statements are elsewhere.

mod connection;
mod file;
mod memory;
mod sums;

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
};

use deskwarden_domain::port::{StoreError, StoreResult};

use crate::sql::{Connection, Engine};

use connection::SqliteConnection;
pub(crate) use memory::Memory;
use sums::Sums;

/// Read-only connections that are kept open.
const READERS: usize = 4;
/// Those of them that are left to reports.
const FOR_REPORTS: usize = 1;
/// Faults of the file that are told.
const MOST_FAULTS: u32 = 20;

/// A SQLite database.
pub(crate) struct Sqlite {
    path: PathBuf,
    // Before the writer, so that they are closed before it: only the last connection that may write moves
    // the write-ahead log into the file.
    readers: Mutex<Readers>,
    returned: Condvar,
    writer: Mutex<rusqlite::Connection>,
    sums: Sums,
}

/// The pool of read-only connections.
#[derive(Default)]
struct Readers {
    idle: Vec<rusqlite::Connection>,
    open: usize,
}

impl Sqlite {
    /// Opens or makes the file, readable by its owner only. A file that is damaged or not Deskwarden's is
    /// left as it is.
    pub(crate) fn open(path: &Path) -> StoreResult<Self> {
        let writer = file::open_writer(path)?;
        let sums = Sums::default();
        sums.teach(&writer)
            .map_err(|error| failure(path, "open", error))?;
        Ok(Self {
            path: path.to_owned(),
            sums,
            writer: Mutex::new(writer),
            readers: Mutex::new(Readers::default()),
            returned: Condvar::new(),
        })
    }

    /// Copies the database into a new file, as it is at one moment; others may use it meanwhile. The file is for its owner
    /// only, and on disk when this returns.
    pub(crate) fn copy_into(path: &Path, file: &Path) -> StoreResult<()> {
        file::copy_into(path, file)
    }

    fn reader(&self) -> StoreResult<rusqlite::Connection> {
        let mut readers = locked(&self.readers);
        loop {
            if let Some(connection) = readers.idle.pop() {
                return Ok(connection);
            }
            if readers.open < READERS {
                let connection = file::open_reader(&self.path)?;
                readers.open += 1;
                return Ok(connection);
            }
            readers = self
                .returned
                .wait(readers)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Gives a reader back when dropped, also when the work panicked.
struct Lent<'p> {
    pool: &'p Sqlite,
    connection: Option<rusqlite::Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut readers = locked(&self.pool.readers);
        match self.connection.take() {
            Some(connection) if connection.is_autocommit() => readers.idle.push(connection),
            _ => readers.open -= 1,
        }
        drop(readers);
        self.pool.returned.notify_one();
    }
}

impl Engine for Sqlite {
    fn questions(&self) -> usize {
        READERS - FOR_REPORTS
    }

    fn read(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        let lent = Lent {
            pool: self,
            connection: Some(self.reader()?),
        };
        let Some(reader) = lent.connection.as_ref() else {
            return Ok(());
        };
        let fault = |error| failure(&self.path, "read", error);
        let transaction = reader.unchecked_transaction().map_err(fault)?;
        let done = work(&mut SqliteConnection {
            connection: &transaction,
            path: &self.path,
            sums: None,
        });
        transaction.finish().map_err(fault)?;
        done
    }

    fn write(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        let fault = |error| failure(&self.path, "write", error);
        let mut writer = locked(&self.writer);
        self.sums.watch(&writer).map_err(fault)?;
        // Immediate: what this transaction reads cannot change before it writes.
        let transaction = writer
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(fault)?;
        work(&mut SqliteConnection {
            connection: &transaction,
            path: &self.path,
            sums: Some(&self.sums),
        })?;
        self.sums.settle(&transaction).map_err(fault)?;
        transaction.commit().map_err(fault)
    }

    fn parts(&self) -> StoreResult<Vec<String>> {
        file::tables(&file::open_reader(&self.path)?).map_err(|error| failure(&self.path, "check", error))
    }

    fn check(&self, part: Option<&str>) -> StoreResult<Vec<String>> {
        // A connection of its own: it takes as long as reading the file does.
        let fault = |error| failure(&self.path, "check", error);
        let connection = file::open_reader(&self.path)?;
        let mut found = match part {
            None => file::check(&connection, MOST_FAULTS),
            Some(table) => file::check_table(&connection, table),
        }
        .map_err(fault)?;
        found.extend(sums::check(&connection, part).map_err(fault)?);
        Ok(found)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic inside a transaction undid it; the connection is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The driver's error, as the domain knows it.
pub(super) fn failure(path: &Path, doing: &str, error: rusqlite::Error) -> StoreError {
    let place = path.display();
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
            StoreError::Damaged(format!(
                "the database {place} is damaged: stop the collector, then restore a backup of it or move it away ({error})"
            ))
        }
        Some(rusqlite::ErrorCode::DiskFull) => StoreError::Unavailable {
            context: format!(
                "cannot {doing} the database {place}: the disk is full; make room and try again"
            ),
            source: Box::new(error),
        },
        _ => StoreError::Unavailable {
            context: format!("cannot {doing} the database {place}: {error}"),
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod mutations;
#[cfg(debug_assertions)]
mod plans;
#[cfg(test)]
mod tests;
