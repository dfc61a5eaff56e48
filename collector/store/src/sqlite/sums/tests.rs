//! Sums follow what is written by whatever way, and nothing else.

use std::path::{Path, PathBuf};

use deskwarden_domain::port::StoreError;
use rusqlite::Connection;

use super::*;
use crate::{
    conformance::world,
    migrations::a_row_in_every_table,
    opened::Opened,
    sql::{Cell, ConnectionExt as _},
};

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("t.db")
    }

    fn location(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }
}

fn faults(path: &Path) -> Vec<String> {
    check(&Connection::open(path).unwrap(), None).unwrap()
}

/// Somebody who knows nothing of sums: what a disk does, too.
fn behind_its_back(path: &Path, sql: &str) {
    let raw = Connection::open(path).unwrap();
    raw.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .unwrap();
    raw.execute_batch(sql).unwrap();
}

#[test]
fn a_value_that_changed_by_itself_is_told_of_every_table() {
    let home = Home::new();
    a_row_in_every_table(&home.location());
    assert_eq!(faults(&home.path()), Vec::<String>::new());
    let raw = Connection::open(home.path()).unwrap();
    raw.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
        .unwrap();
    let triggers: Vec<String> = raw
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_>>()
        .unwrap();
    for trigger in triggers {
        raw.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    let mut changed = 0;
    for (table, columns) in columns(&raw).unwrap() {
        let told = [format!(
            "table {table}: what it holds is not what was written to it"
        )];
        for column in columns {
            raw.execute_batch("BEGIN").unwrap();
            // Another value of the same kind.
            let sql = format!(
                "UPDATE {table} SET {column} = CASE typeof({column}) WHEN 'integer' THEN {column} + 1
                 WHEN 'real' THEN {column} + 0.5 WHEN 'text' THEN {column} || 'x' WHEN 'blob' THEN x'00112233' ELSE NULL END
                 WHERE {column} IS NOT NULL"
            );
            if raw.execute(&sql, []).unwrap() > 0 {
                changed += 1;
                assert_eq!(check_inside(&raw), told, "{column}");
            }
            raw.execute_batch("ROLLBACK").unwrap();
        }
        raw.execute_batch("BEGIN").unwrap();
        raw.execute(&format!("DELETE FROM {table}"), []).unwrap();
        assert_eq!(check_inside(&raw), told);
        raw.execute_batch("ROLLBACK").unwrap();
    }
    assert!(changed > 200, "{changed}");
    assert_eq!(faults(&home.path()), Vec::<String>::new());
}

/// As [`check`] within a transaction that is under way.
fn check_inside(connection: &Connection) -> Vec<String> {
    let of_all = columns(connection).unwrap();
    let changed = of_all.iter().filter(|(table, columns)| {
        kept(connection, table).unwrap().unwrap_or_default() != sum_of(connection, table, columns).unwrap()
    });
    changed
        .map(|(table, _)| format!("table {table}: what it holds is not what was written to it"))
        .collect()
}

#[test]
fn a_sum_that_changed_itself_is_told_too() {
    let home = Home::new();
    a_row_in_every_table(&home.location());
    behind_its_back(
        &home.path(),
        "UPDATE table_sums SET sum = zeroblob(16) WHERE name = 'findings';
         UPDATE table_sums SET name = 'lodger' WHERE name = 'ledger'",
    );
    assert_eq!(
        faults(&home.path()),
        [
            "there is a sum of a table \"lodger\", which there is not",
            "table findings: what it holds is not what was written to it",
            "table ledger: what it holds is not what was written to it",
        ]
    );
}

#[test]
fn what_is_undone_is_not_summed_and_two_that_write_in_turns_are() {
    let home = Home::new();
    let (one, other) = (
        Opened::at(&home.location()).unwrap(),
        Opened::at(&home.location()).unwrap(),
    );
    one.migrate().unwrap();
    let setting = |opened: &Opened, name: &str, fails: bool| {
        opened.engine.write(&mut |connection| {
            connection.execute(
                "INSERT INTO settings (name, value) VALUES (?1, '') ON CONFLICT (name) DO UPDATE SET value = value || '+'",
                &[Cell::Text(name)],
            )?;
            if fails {
                return Err(StoreError::Conflict("no".into()));
            }
            Ok(())
        })
    };
    for round in 0..4 {
        setting(&one, &format!("a{round}"), false).unwrap();
        setting(&other, "b", false).unwrap();
        setting(&one, "c", true).unwrap_err();
        setting(&other, &format!("a{round}"), false).unwrap();
    }
    assert_eq!(faults(&home.path()), Vec::<String>::new());
    one.engine
        .write(&mut |connection| connection.execute("DELETE FROM settings", &[]).map(drop))
        .unwrap();
    assert_eq!(faults(&home.path()), Vec::<String>::new());
    let rows =
        |connection: &mut dyn crate::sql::Connection| connection.number("SELECT COUNT(*) FROM settings", &[]);
    one.engine
        .read(&mut |connection| {
            assert_eq!(rows(connection)?, 0);
            Ok(())
        })
        .unwrap();
}

#[test]
fn what_a_person_accepts_is_what_was_written() {
    let home = Home::new();
    let store = crate::open(&home.location()).unwrap();
    drop(world::enrolled(store.as_ref(), 1));
    behind_its_back(&home.path(), "UPDATE assets SET name = 'other'");
    let told = ["table assets: what it holds is not what was written to it"];
    assert_eq!(store.check_structure().unwrap(), told);
    assert_eq!(
        check(&Connection::open(home.path()).unwrap(), Some("assets")).unwrap(),
        told
    );
    assert!(
        check(&Connection::open(home.path()).unwrap(), Some("devices"))
            .unwrap()
            .is_empty()
    );
    store.accept_tables().unwrap();
    assert_eq!(store.check_structure().unwrap(), Vec::<String>::new());
    drop(world::enrolled(store.as_ref(), 2));
    assert_eq!(store.check_structure().unwrap(), Vec::<String>::new());
}
