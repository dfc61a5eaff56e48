//! SQLite passes the suite, and looks after its file.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use deskwarden_domain::port::Store;

use super::file::{open_reader, open_writer, refuse_old_library};
use crate::conformance::{
    Bench,
    integrity::{filled, walked},
    world::{NOW, apply, audit, enrolled, everything, id, put_op},
};

struct File {
    folder: tempfile::TempDir,
    /// Whether somebody wrote to it who does not keep the sums of its tables, or it is no database any more.
    raw: AtomicBool,
}

/// Whatever a test of the suite wrote, the sums of the tables followed it.
impl Drop for File {
    fn drop(&mut self) {
        if std::thread::panicking() || self.raw.load(Ordering::Relaxed) || !self.path().exists() {
            return;
        }
        let faults = super::sums::check(&rusqlite::Connection::open(self.path()).unwrap(), None);
        assert_eq!(faults.unwrap(), Vec::<String>::new());
    }
}

impl File {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            raw: false.into(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("data/deskwarden.db")
    }

    /// The test itself spoils the file: nothing is expected of its sums.
    fn spoil(&self) {
        self.raw.store(true, Ordering::Relaxed);
    }

    fn raw(&self) -> rusqlite::Connection {
        self.spoil();
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

impl Bench for File {
    fn open(&self) -> Arc<dyn Store> {
        crate::open(&location(&self.path())).unwrap()
    }
}

fn location(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

fn refused(path: &Path) -> String {
    crate::open(&location(path)).err().unwrap().to_string()
}

crate::conformance!(Some(File::new()));

#[test]
fn folder_and_files_are_for_their_owner_only() {
    let file = File::new();
    let store = file.open();
    store.audit(&audit("start")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.path().parent().unwrap()), 0o700);
    for name in ["deskwarden.db", "deskwarden.db-wal", "deskwarden.db-shm"] {
        assert_eq!(mode(&file.path().with_file_name(name)), 0o600, "{name}");
    }
}

#[test]
fn a_new_file_is_opened_by_many_at_once() {
    for _ in 0..25 {
        let file = File::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| file.open().audit(&audit("start")).unwrap());
            }
        });
        assert_eq!(file.open().verify_audit().unwrap(), Ok(8));
    }
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let file = File::new();
    file.spoil();
    fs::create_dir(file.path().parent().unwrap()).unwrap();
    for content in ["shopping list: bread, milk and eggs", "short"] {
        fs::write(file.path(), content).unwrap();
        let message = refused(&file.path());
        assert!(
            message.contains("deskwarden.db") && message.contains("move it away"),
            "{message}"
        );
        assert_eq!(fs::read_to_string(file.path()).unwrap(), content);
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let file = File::new();
    fs::create_dir(file.path().parent().unwrap()).unwrap();
    file.raw()
        .execute_batch("CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    let before = fs::read(file.path()).unwrap();
    let message = refused(&file.path());
    assert!(message.contains("another program"), "{message}");
    assert_eq!(fs::read(file.path()).unwrap(), before);
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    let file = File::new();
    file.spoil();
    let store = file.open();
    let device = enrolled(store.as_ref(), 1);
    let op = |n: u32| {
        put_op(
            &device,
            id(deskwarden_proto::v1::Section::Software, "dpkg", &n.to_string()),
            b"x",
            NOW,
        )
    };
    apply(store.as_ref(), (0..2000).map(op).collect());
    drop(store);
    let mut bytes = fs::read(file.path()).unwrap();
    for byte in bytes.iter_mut().skip(8192).take(200_000) {
        *byte = 0xa5;
    }
    fs::write(file.path(), &bytes).unwrap();
    let message = refused(&file.path());
    assert!(
        message.contains("deskwarden.db is damaged") && message.contains("restore a backup"),
        "{message}"
    );
    assert_eq!(fs::read(file.path()).unwrap(), bytes);
}

#[test]
fn a_database_of_a_newer_build_is_refused() {
    let file = File::new();
    drop(file.open());
    file.raw()
        .execute("UPDATE schema_version SET version = 999", [])
        .unwrap();
    let message = refused(&file.path());
    assert!(
        message.contains("schema 999") && message.contains("deskwarden.db"),
        "{message}"
    );
}

#[test]
fn a_folder_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(folder.path());
    assert!(
        message.contains(&folder.path().display().to_string()),
        "{message}"
    );
}

#[test]
fn what_is_no_location_is_refused_without_its_secrets() {
    for text in ["", "sqlite:", "mysql://root:secret@host/db", "/var/lib/x.db"] {
        let message = crate::open(text).err().unwrap().to_string();
        assert!(
            message.contains("sqlite:PATH") && !message.contains("secret"),
            "{message}"
        );
    }
}

#[test]
fn an_old_library_is_refused() {
    assert!(
        refuse_old_library(3_051_002)
            .unwrap_err()
            .to_string()
            .contains("3.51.2")
    );
    refuse_old_library(3_051_003).unwrap();
    refuse_old_library(rusqlite::version_number()).unwrap();
}

#[test]
fn commits_are_written_through() {
    let file = File::new();
    drop(file.open());
    let sqlite = super::Sqlite::open(&file.path()).unwrap();
    let writer = sqlite.writer.lock().unwrap();
    let pragma = |name: &str| -> String {
        writer
            .query_row(
                &format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"),
                [],
                |row| row.get(0),
            )
            .unwrap()
    };
    assert_eq!(
        (pragma("synchronous"), pragma("journal_mode")),
        ("2".to_owned(), "wal".to_owned())
    );
    assert_eq!(pragma("foreign_keys"), "1");
}

fn tampered(sql: &str) -> deskwarden_domain::port::AuditFault {
    let file = File::new();
    let store = file.open();
    for n in 1..=5 {
        store.audit(&audit(&format!("action {n}"))).unwrap();
    }
    assert_eq!(store.verify_audit().unwrap(), Ok(5));
    drop(store);
    let raw = file.raw();
    let refused = raw.execute_batch(sql).unwrap_err().to_string();
    assert!(refused.contains("append-only"), "{refused}");
    raw.execute_batch("DROP TRIGGER audit_is_not_updated; DROP TRIGGER audit_is_not_deleted")
        .unwrap();
    raw.execute_batch(sql).unwrap();
    drop(raw);
    file.open().verify_audit().unwrap().unwrap_err()
}

#[test]
fn a_changed_audit_entry_is_found() {
    assert_eq!(
        tampered("UPDATE audit SET actor = 'somebody else' WHERE sequence = 3").sequence,
        3
    );
    assert_eq!(
        tampered("UPDATE audit SET at = at + 1 WHERE sequence = 1").sequence,
        1
    );
}

#[test]
fn a_missing_audit_entry_is_found() {
    assert_eq!(tampered("DELETE FROM audit WHERE sequence = 2").sequence, 2);
}

#[test]
fn an_audit_log_that_was_cut_off_is_found() {
    let fault = tampered("DELETE FROM audit WHERE sequence > 3");
    assert_eq!(fault.sequence, 4);
    assert!(fault.reason.contains('5'), "{}", fault.reason);
}

#[test]
fn equal_facets_are_stored_once() {
    let file = File::new();
    let store = file.open();
    for n in 0..3 {
        let device = enrolled(store.as_ref(), n);
        apply(
            store.as_ref(),
            vec![put_op(
                &device,
                id(deskwarden_proto::v1::Section::Os, "os", "os"),
                b"Debian",
                NOW,
            )],
        );
        assert_eq!(everything(store.as_ref(), &device).items.len(), 1);
    }
    let facets: i64 = file
        .raw()
        .query_row("SELECT COUNT(*) FROM facets", [], |row| row.get(0))
        .unwrap();
    assert_eq!(facets, 1);
}

#[test]
fn content_that_changed_under_the_store_is_found() {
    for (what, sql, faults) in [
        (
            "a content that three items share",
            "UPDATE facets SET bytes = X'00' WHERE id = (SELECT MIN(facet_id) FROM items)",
            4,
        ),
        (
            "the own part of an item",
            "UPDATE items SET local = X'00' WHERE device_id = 2 AND key = 'title-3'",
            1,
        ),
        (
            "the name of an item",
            "UPDATE items SET key = 'title-9' WHERE device_id = 2 AND key = 'title-3'",
            1,
        ),
        (
            "an item less",
            "DELETE FROM items WHERE device_id = 2 AND key = 'title-3'",
            1,
        ),
        (
            "a noted digest",
            "UPDATE items SET digest = zeroblob(16) WHERE device_id = 2 AND key = 'title-3'",
            2,
        ),
        ("a noted sum", "UPDATE sums SET items = 8 WHERE device_id = 2", 1),
        ("a sum less", "DELETE FROM sums WHERE device_id = 2", 1),
        (
            "what a source said",
            "UPDATE sources SET look = 2 WHERE device_id = 2",
            1,
        ),
        (
            "how a device stands",
            "UPDATE devices SET status = 'acti6e' WHERE id = 2",
            1,
        ),
        (
            "how an asset stands",
            "UPDATE assets SET state = 'in_u3e' WHERE id = 2",
            1,
        ),
        (
            "what a rule said of it",
            "INSERT INTO outcomes (asset_id, rule, outcome, reason) VALUES (2, 'pc.chat', 'pa3s', '')",
            1,
        ),
    ] {
        let file = File::new();
        let store = file.open();
        for number in 1..=3 {
            filled(store.as_ref(), number, 7);
        }
        let raw = file.raw();
        raw.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        assert!(raw.execute(sql, []).unwrap() > 0, "{what}");
        let found = walked(store.as_ref(), 2).faults;
        assert_eq!(found.len(), faults, "{what}: {found:?}");
    }
}

#[test]
fn a_file_that_is_built_wrongly_is_found_while_it_is_used() {
    let file = File::new();
    let store = file.open();
    filled(store.as_ref(), 1, 50);
    file.raw()
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    let mut bytes = fs::read(file.path()).unwrap();
    let page = bytes.len() / 4096 / 2 * 4096;
    bytes[page..page + 64].fill(0xff);
    // In place: the store has it open.
    std::io::Write::write_all(
        &mut fs::OpenOptions::new().write(true).open(file.path()).unwrap(),
        &bytes,
    )
    .unwrap();
    let told = match store.check_structure() {
        Ok(found) => found,
        Err(error) => vec![error.to_string()],
    };
    assert!(!told.is_empty());
}

#[test]
fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
    let file = File::new();
    drop(crate::open(&location(&file.path())).unwrap());
    // The column has a partial index, so that a plan may depend on what is bound.
    let anew = |connection: &rusqlite::Connection| {
        let mut statement = connection
            .prepare("SELECT id FROM findings WHERE active = ?1")
            .unwrap();
        for active in [1, 0, 1] {
            assert!(!statement.exists([active]).unwrap());
        }
        statement.get_status(rusqlite::StatementStatus::RePrepare)
    };
    assert_eq!(anew(&open_reader(&file.path()).unwrap()), 0);
    assert_eq!(anew(&open_writer(&file.path()).unwrap()), 0);
    assert_ne!(anew(&file.raw()), 0, "there is nothing to be kept from here");
}
