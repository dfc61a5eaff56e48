//! The schema, in numbered steps. Each step is one transaction; a step that was released never changes.

use deskwarden_domain::port::{StoreError, StoreResult};

use crate::sql::{Cell, Connection, ConnectionExt as _, Dialect, Engine};

/// One step.
pub(crate) struct Migration {
    /// Both engines, with the words of [`translate`].
    shared: &'static str,
    /// What only SQLite understands.
    sqlite: &'static str,
    /// What only PostgreSQL understands.
    postgres: &'static str,
}

/// The version of a database's schema.
const VERSION: &str = "SELECT version FROM schema_version WHERE product = 'deskwarden'";

/// All steps; a schema's version is the number of steps that made it.
pub(crate) const STEPS: &[Migration] = &[
    Migration {
        shared: include_str!("0001_first.sql"),
        sqlite: include_str!("0001_first.sqlite.sql"),
        postgres: include_str!("0001_first.postgres.sql"),
    },
    Migration {
        shared: include_str!("0002_forks.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0003_successor.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0004_ledger.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0005_alerts.sql"),
        sqlite: "",
        postgres: include_str!("0005_alerts.postgres.sql"),
    },
    Migration {
        shared: include_str!("0006_approvals.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0007_access.sql"),
        sqlite: include_str!("0007_access.sqlite.sql"),
        postgres: include_str!("0007_access.postgres.sql"),
    },
    Migration {
        shared: include_str!("0008_privacy.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0009_register.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0010_staff.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0011_notices.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0012_admissions.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0013_inspections.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0014_saved_views.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0015_lists.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0016_outside.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0017_newest.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        shared: include_str!("0018_narrow.sql"),
        sqlite: include_str!("0018_narrow.sqlite.sql"),
        postgres: "",
    },
    Migration {
        shared: "",
        sqlite: include_str!("0019_table_sums.sqlite.sql"),
        postgres: "",
    },
];

/// Brings the schema of `place` (named in messages) up to this build. Refuses a newer one.
pub(crate) fn migrate(engine: &dyn Engine, place: &str) -> StoreResult<()> {
    migrate_to(engine, place, STEPS)
}

/// Refuses a database whose schema is not exactly that of this build. Changes nothing.
pub(crate) fn refuse_other(engine: &dyn Engine, place: &str) -> StoreResult<()> {
    let newest = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let mut version = None;
    engine.read(&mut |connection| {
        let known = match connection.dialect() {
            Dialect::Sqlite => "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'",
            Dialect::Postgres => "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_version'",
        };
        version = match connection.number(known, &[])? {
            0 => None,
            _ => connection.row(VERSION, &[], |r| r.int())?,
        };
        Ok(())
    })?;
    match version {
        Some(version) if version == newest => Ok(()),
        Some(version) if version < newest => Err(StoreError::Conflict(format!(
            "{place} has schema {version}, this build's is {newest}: start this build's collector on it once, stop it, \
             then run this again"
        ))),
        Some(version) => Err(newer(place, version, newest)),
        None => Err(StoreError::Conflict(format!("{place} holds no Deskwarden store"))),
    }
}

fn newer(place: &str, version: i64, newest: i64) -> StoreError {
    StoreError::Damaged(format!(
        "{place} has schema {version}, but this build knows schemas up to {newest}: start the newer \
         deskwarden-collector that made it, or restore a backup from before the upgrade"
    ))
}

/// Brings the schema as far as `migrations` go.
pub(crate) fn migrate_to(engine: &dyn Engine, place: &str, migrations: &[Migration]) -> StoreResult<()> {
    loop {
        let mut done = false;
        engine.write(&mut |connection| {
            done = step(connection, place, migrations)?;
            Ok(())
        })?;
        if done {
            return Ok(());
        }
    }
}

/// Takes the next step; `true` when there is none.
fn step(connection: &mut dyn Connection, place: &str, migrations: &[Migration]) -> StoreResult<bool> {
    let dialect = connection.dialect();
    connection.script(&translate(
        "CREATE TABLE IF NOT EXISTS schema_version (product {text} PRIMARY KEY, version {int} NOT NULL) {rows}",
        dialect,
    ))?;
    if dialect == Dialect::Postgres {
        // Collectors that start together take their steps one after the other.
        connection.script("LOCK TABLE schema_version IN ACCESS EXCLUSIVE MODE")?;
    }
    let version = connection.number(VERSION, &[])?;
    let newest = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if version > newest {
        return Err(newer(place, version, newest));
    }
    let Some(next) = usize::try_from(version).ok().and_then(|at| migrations.get(at)) else {
        return Ok(true);
    };
    connection.unwatch()?;
    connection.script(&translate(next.shared, dialect))?;
    connection.script(match dialect {
        Dialect::Sqlite => next.sqlite,
        Dialect::Postgres => next.postgres,
    })?;
    connection.execute(
        "INSERT INTO schema_version (product, version) VALUES ('deskwarden', ?1)
         ON CONFLICT (product) DO UPDATE SET version = excluded.version",
        &[Cell::Int(version + 1)],
    )?;
    connection.accept()?;
    Ok(false)
}

/// The engine's words for the types and tables of a shared script.
fn translate(script: &str, dialect: Dialect) -> String {
    let words: [(&str, &str); 7] = match dialect {
        Dialect::Sqlite => [
            ("{id}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{int}", "INTEGER"),
            ("{text}", "TEXT"),
            ("{blob}", "BLOB"),
            ("{real}", "REAL"),
            ("{rows}", "STRICT"),
            ("{keyed}", "STRICT, WITHOUT ROWID"),
        ],
        Dialect::Postgres => [
            ("{id}", "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"),
            ("{int}", "BIGINT"),
            // Both engines sort text by its bytes.
            ("{text}", "TEXT COLLATE \"C\""),
            ("{blob}", "BYTEA"),
            ("{real}", "DOUBLE PRECISION"),
            ("{rows}", ""),
            ("{keyed}", ""),
        ],
    };
    words.iter().fold(script.to_owned(), |text, (word, meaning)| {
        text.replace(word, meaning)
    })
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod released;
#[cfg(test)]
pub(crate) use released::a_row_in_every_table;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Sqlite;

    const FIRST: Migration = Migration {
        shared: "CREATE TABLE a (v {int}) {rows};",
        sqlite: "",
        postgres: "",
    };
    const BROKEN: Migration = Migration {
        shared: "CREATE TABLE b (v {int}) {rows}; CREATE TABLE a (v {int}) {rows};",
        sqlite: "",
        postgres: "",
    };

    fn database() -> (tempfile::TempDir, Sqlite) {
        let dir = tempfile::tempdir().unwrap();
        let engine = Sqlite::open(&dir.path().join("m.db")).unwrap();
        (dir, engine)
    }

    fn tables(engine: &Sqlite) -> Vec<String> {
        let mut names = Vec::new();
        engine
            .write(&mut |c| {
                names = c.rows(
                    "SELECT name FROM sqlite_master WHERE name IN ('a', 'b') ORDER BY name",
                    &[],
                    |r| r.string(),
                )?;
                Ok(())
            })
            .unwrap();
        names
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let (_dir, engine) = database();
        assert!(migrate_to(&engine, "m.db", &[FIRST, BROKEN]).is_err());
        assert_eq!(tables(&engine), ["a"]);
        migrate_to(&engine, "m.db", &[FIRST]).unwrap();
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let (_dir, engine) = database();
        migrate_to(&engine, "m.db", &[FIRST]).unwrap();
        let message = migrate_to(&engine, "m.db", &[]).unwrap_err().to_string();
        assert!(
            message.contains("m.db has schema 1, but this build knows schemas up to 0"),
            "{message}"
        );
    }
}
