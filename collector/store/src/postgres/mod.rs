//! PostgreSQL: a few connections that are made again when the server was restarted, and transactions that
//! run again when another one was in their way. Owns connections and errors; the statements are elsewhere.

mod connection;
mod session;
mod tls;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use deskwarden_domain::port::{StoreError, StoreResult};
use postgres::error::{DbError, SqlState};

use crate::sql::{Connection, Engine};

use connection::PostgresConnection;
use session::{Session, Target};

/// Connections that are kept open.
const CONNECTIONS: usize = 8;
/// Those of them that are left to reports, of which some are read and others written at the same time, and to whatever
/// is written.
const FOR_REPORTS: usize = 3;
/// How often a transaction is begun before its caller hears that it did not get through.
const ATTEMPTS: u32 = 4;

/// A PostgreSQL database.
pub(crate) struct Postgres {
    target: Target,
    pool: Mutex<Pool>,
    returned: Condvar,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Session>,
    open: usize,
}

/// What became of an attempt.
enum Ended {
    Done,
    Failed(StoreError),
    /// Nothing happened: the connection was lost before the end, or another transaction was in the way.
    Again(StoreError),
}

impl Postgres {
    /// Connects to the database at a location (`postgres://...`).
    pub(crate) fn open(location: &str) -> StoreResult<Self> {
        let target = Target::parse(location)?;
        let first = target.connect()?;
        Ok(Self {
            target,
            pool: Mutex::new(Pool {
                idle: vec![first],
                open: 1,
            }),
            returned: Condvar::new(),
        })
    }

    /// The database without user and password, for messages.
    pub(crate) fn place(&self) -> &str {
        self.target.place()
    }

    fn transaction(
        &self,
        begin: &str,
        work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>,
    ) -> StoreResult<()> {
        let mut attempt = 1;
        loop {
            let mut lent = self.lend()?;
            let Some(session) = lent.session.as_mut() else {
                continue;
            };
            match run(session, &self.target, begin, work) {
                Ended::Done => return Ok(()),
                Ended::Failed(error) => {
                    lent.settle();
                    return Err(error);
                }
                Ended::Again(error) => {
                    lent.settle();
                    drop(lent);
                    if attempt == ATTEMPTS {
                        return Err(error);
                    }
                    tracing::debug!(%error, attempt, "a transaction is begun again");
                    attempt += 1;
                }
            }
        }
    }

    fn lend(&self) -> StoreResult<Lent<'_>> {
        let mut pool = locked(&self.pool);
        loop {
            if let Some(session) = pool.idle.pop() {
                return Ok(Lent {
                    pool: self,
                    session: Some(session),
                });
            }
            if pool.open < CONNECTIONS {
                pool.open += 1;
                drop(pool);
                // Not under the lock: a server that does not answer must not stop those that have a connection.
                let mut lent = Lent {
                    pool: self,
                    session: None,
                };
                lent.session = Some(self.target.connect()?);
                return Ok(lent);
            }
            pool = self.returned.wait(pool).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Gives a session back when dropped, also when the work panicked.
struct Lent<'p> {
    pool: &'p Postgres,
    session: Option<Session>,
}

impl Lent<'_> {
    /// After a failure: a session that is not at rest is not used again, and if it was lost, the idle
    /// ones were lost with it.
    fn settle(&mut self) {
        if self
            .session
            .as_mut()
            .is_some_and(|session| !session.rolled_back())
        {
            self.session = None;
            let mut pool = locked(&self.pool.pool);
            pool.open -= pool.idle.len();
            let lost = std::mem::take(&mut pool.idle);
            drop(pool);
            drop(lost);
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let mut pool = locked(&self.pool.pool);
        match self.session.take() {
            Some(session) if !session.in_transaction => pool.idle.push(session),
            _ => pool.open -= 1,
        }
        drop(pool);
        self.pool.returned.notify_one();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The driver waits while it says goodbye, and must not do so on a thread of somebody's runtime.
        let idle = std::mem::take(&mut locked(&self.pool).idle);
        let _ended = std::thread::spawn(move || drop(idle)).join();
    }
}

impl Engine for Postgres {
    fn questions(&self) -> usize {
        CONNECTIONS - FOR_REPORTS
    }

    fn read(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
    }

    fn write(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()> {
        // What must not change is locked row by row.
        self.transaction("BEGIN ISOLATION LEVEL READ COMMITTED", work)
    }
}

fn run(
    session: &mut Session,
    target: &Target,
    begin: &str,
    work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>,
) -> Ended {
    session.in_transaction = true;
    let before = session
        .client
        .batch_execute(begin)
        .map_err(|error| failure(target.place(), error))
        .and_then(|()| {
            work(&mut PostgresConnection {
                session,
                place: target.place(),
            })
        });
    if let Err(error) = before {
        return if passes(&error) {
            Ended::Again(error)
        } else {
            Ended::Failed(error)
        };
    }
    match session.client.batch_execute("COMMIT") {
        Ok(()) => {
            session.in_transaction = false;
            Ended::Done
        }
        Err(error) => {
            let refused = error.code().is_some_and(in_the_way);
            let error = failure(target.place(), error);
            // Without an answer nobody knows whether it was committed: only the caller can find out.
            if refused {
                Ended::Again(error)
            } else {
                Ended::Failed(error)
            }
        }
    }
}

/// Whether the same transaction may succeed when it is begun again.
fn passes(error: &StoreError) -> bool {
    let StoreError::Unavailable { source, .. } = error else {
        return false;
    };
    let Some(error) = source.downcast_ref::<postgres::Error>() else {
        return false;
    };
    if error.is_closed() || error.as_db_error().is_some_and(made_meanwhile) {
        return true;
    }
    match error.code() {
        Some(code) => in_the_way(code) || stopping(code),
        None => lost(error),
    }
}

/// Whether another collector made the same table at the same moment: `IF NOT EXISTS` does not wait for it.
fn made_meanwhile(error: &DbError) -> bool {
    *error.code() == SqlState::DUPLICATE_TABLE
        || (*error.code() == SqlState::UNIQUE_VIOLATION && error.schema() == Some("pg_catalog"))
}

fn in_the_way(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .contains(code)
}

fn stopping(code: &SqlState) -> bool {
    [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CONNECTION_FAILURE,
    ]
    .contains(code)
}

/// Whether the driver's error is one of the connection, not of a statement.
fn lost(error: &postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The driver's error, as the domain knows it.
fn failure(place: &str, error: postgres::Error) -> StoreError {
    let why = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned());
    match error.code() {
        Some(&SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED) => StoreError::Damaged(format!(
            "{place} is damaged: stop the collector and restore a backup ({why})"
        )),
        _ => StoreError::Unavailable {
            context: format!("cannot use {place}: {why}"),
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests;
