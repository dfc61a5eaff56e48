//! The file: made for its owner only, recognised before it is used, never overwritten.

use std::{fs, io, path::Path, time::Duration};

use deskwarden_domain::port::{StoreError, StoreResult};
use deskwarden_system::{create_private, create_private_dir, lock_folder, open_private, shut_file};
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::failure;

/// `DWK1`: what the header of our files says.
const APPLICATION_ID: i32 = 0x4457_4b31;
/// Older ones can lose commits in a race while the write-ahead log is reset.
const OLDEST_SQLITE: i32 = 3_051_003;
/// Files up to this size are checked whole at every start.
const QUICK_CHECK_BYTES: u64 = 32 << 20;
/// How long a writer of another process is waited for.
const BUSY: Duration = Duration::from_secs(10);
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// Opens the connection that writes, and makes the file if there is none.
pub(super) fn open_writer(path: &Path) -> StoreResult<Connection> {
    refuse_old_library(rusqlite::version_number())?;
    let _turn = make_private(path)?;
    let fault = |error| failure(path, "open", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    refuse_foreign_schema(&connection, path)?;
    if fs::metadata(path).is_ok_and(|file| file.len() <= QUICK_CHECK_BYTES)
        && let Some(verdict) = check(&connection, 1).map_err(fault)?.first()
    {
        return Err(damaged(path, verdict));
    }
    let _mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(fault)?;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -32768; PRAGMA journal_size_limit = 67108864;
             PRAGMA application_id = {APPLICATION_ID};"
        ))
        .map_err(fault)?;
    keep_statements(&connection).map_err(fault)?;
    Ok(connection)
}

/// Statements stay prepared, and with them their plans: SQLite would look at the values that are bound, and prepare a
/// statement anew for each of them wherever a column that has a partial index is compared with one. That was a tenth of
/// what a report costs. <https://sqlite.org/c3ref/c_dbconfig_defensive.html#sqlitedbconfigenableqpsg>
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// What SQLite finds wrong with how the file is built; at most so many.
pub(super) fn check(connection: &Connection, most: u32) -> rusqlite::Result<Vec<String>> {
    verdicts(connection, &format!("PRAGMA integrity_check({most})"))
}

/// The tables with their indexes, the one that describes them included.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY rootpage")?;
    let names = statement.query_map([], |row| row.get(0))?;
    std::iter::once(Ok("sqlite_schema".to_owned()))
        .chain(names)
        .collect()
}

/// What SQLite finds wrong with how a table and its indexes are built.
pub(super) fn check_table(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    verdicts(
        connection,
        &format!("PRAGMA integrity_check('{}')", table.replace('\'', "''")),
    )
}

fn verdicts(connection: &Connection, question: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(question)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    lines
        .filter(|line| !matches!(line, Ok(text) if text == "ok"))
        .collect()
}

/// Opens a connection that only reads.
pub(super) fn open_reader(path: &Path) -> StoreResult<Connection> {
    let fault = |error| failure(path, "open", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192;")
        .map_err(fault)?;
    keep_statements(&connection).map_err(fault)?;
    Ok(connection)
}

/// Copies the database into a new file, as it is at one moment.
pub(super) fn copy_into(path: &Path, file: &Path) -> StoreResult<()> {
    let cannot = |error: io::Error| StoreError::Unavailable {
        context: format!("cannot write {}: {error}", file.display()),
        source: Box::new(error),
    };
    let fault = |error| failure(path, "copy", error);
    // An empty file of ours: SQLite would make one that others may read. Not kept open: elsewhere than on Unix, who has a
    // file open keeps others from writing to it.
    create_private(file).map(drop).map_err(cannot)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    let name = file
        .to_str()
        .ok_or_else(|| cannot(io::Error::other("its name is not UTF-8")))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(fault)?;
    open_private(file)
        .and_then(|copy| copy.sync_all())
        .map_err(cannot)
}

/// SQLite itself is too old to keep what it was told.
pub(super) fn refuse_old_library(version: i32) -> StoreResult<()> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "SQLite {}.{}.{} can lose committed data; Deskwarden needs 3.51.3 or newer",
        version / 1_000_000,
        version / 1000 % 1000,
        version % 1000
    )))
}

/// Makes the folder and the file for the owner only, where they do not exist. Until the answer is dropped
/// no other program opens a database of this folder: two that make the same file at once would each see
/// half of what the other wrote, and SQLite does not wait for the change to its write-ahead log.
///
/// A file that exists is looked at but not opened: closing it would give up the locks that this process
/// holds on it through SQLite (<https://sqlite.org/howtocorrupt.html>, 2.2).
fn make_private(path: &Path) -> StoreResult<fs::File> {
    let cannot = |what: &str, error: io::Error| StoreError::Unavailable {
        context: format!("cannot {what} the database {}: {error}", path.display()),
        source: Box::new(error),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    create_private_dir(folder).map_err(|e| cannot("make the folder of", e))?;
    // Some network file systems lock no folders; SQLite is not meant for them.
    let turn = lock_folder(folder).map_err(|e| cannot("lock the folder of", e))?;
    match create_private(path) {
        Ok(_) => return Ok(turn),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(cannot("make", error)),
    }
    let found = fs::metadata(path).map_err(|e| cannot("look at", e))?;
    if !found.is_file() {
        return Err(StoreError::Damaged(format!(
            "{} is not a file: name a file for the database",
            path.display()
        )));
    }
    if found.len() == 0 {
        shut_file(path).map_err(|e| cannot("protect", e))?;
    }
    Ok(turn)
}

/// A SQLite database of another product is refused before anything is written.
fn refuse_foreign_schema(connection: &Connection, path: &Path) -> StoreResult<()> {
    let fault = |error| failure(path, "read", error);
    let id: i32 = connection
        .query_row("PRAGMA application_id", [], |row| row.get(0))
        .map_err(fault)?;
    let tables: i64 = connection
        .query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0))
        .map_err(fault)?;
    if id == APPLICATION_ID || (id == 0 && tables == 0) {
        return Ok(());
    }
    Err(StoreError::Damaged(format!(
        "{} is a database of another program: name another file, or move it away",
        path.display()
    )))
}

fn damaged(path: &Path, why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "the database {} is damaged: restore a backup of it, or move it away to start anew ({why})",
        path.display()
    ))
}
