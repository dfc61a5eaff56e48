//! What SQLite alone costs: the rows that the collector wrote, put into the same schema by plain prepared inserts.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use nix::sys::resource::{UsageWho, getrusage};
use rusqlite::{Connection, types::Value};

/// Tables of which every report writes rows; each with the column that says whose they are.
pub(crate) const TABLES: [(&str, &str); 9] = [
    ("items", "device_id"),
    ("changes", "device_id"),
    ("sources", "device_id"),
    ("sums", "device_id"),
    ("claims", "device_id"),
    ("seeded", "asset_id"),
    ("baseline", "asset_id"),
    ("evidence", "asset_id"),
    ("outcomes", "asset_id"),
];
/// Tables that those refer to. They are there before.
pub(crate) const PARENTS: [&str; 3] = ["assets", "devices", "facets"];

/// Rows of one device or asset, each with its table.
type Rows = BTreeMap<i64, Vec<(usize, Vec<Value>)>>;

/// The rows of a store, and how to put them into another.
pub(crate) struct Plain {
    statements: Vec<String>,
    parents: Vec<(String, Vec<Vec<Value>>)>,
    rows: Rows,
}

impl Plain {
    /// Reads what the collector wrote.
    pub(crate) fn read(database: &Path) -> Result<Self> {
        let connection = Connection::open(database)?;
        let (mut statements, mut rows) = (Vec::new(), Rows::new());
        for (index, (table, whose)) in TABLES.into_iter().enumerate() {
            let (statement, columns, found) = all(&connection, table)?;
            let whose = columns.iter().position(|name| name == whose).context("whose")?;
            for row in found {
                let Some(Value::Integer(id)) = row.get(whose) else {
                    continue;
                };
                rows.entry(*id).or_default().push((index, row));
            }
            statements.push(statement);
        }
        let parents = PARENTS
            .into_iter()
            .map(|table| {
                let (statement, _, found) = all(&connection, table)?;
                Ok((statement, found))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            statements,
            parents,
            rows,
        })
    }

    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Seconds of CPU for inserting them, a transaction for each `group`, into a database with the collector's
    /// schema and its settings.
    pub(crate) fn insert(&self, group: usize) -> Result<f64> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("plain.db");
        drop(deskwarden_store::open(&format!("sqlite:{}", file.display()))?);
        let mut connection = Connection::open(&file)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;",
        )?;
        connection.set_prepared_statement_cache_capacity(64);
        let transaction = connection.transaction()?;
        for (statement, rows) in &self.parents {
            for row in rows {
                transaction
                    .prepare_cached(statement)?
                    .execute(rusqlite::params_from_iter(row))?;
            }
        }
        transaction.commit()?;
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA wal_checkpoint(TRUNCATE);")?;
        let rows: Vec<&(usize, Vec<Value>)> = self.rows.values().flatten().collect();
        let before = cpu()?;
        for rows in rows.chunks(group) {
            let transaction = connection.transaction()?;
            for (table, row) in rows {
                let statement = self.statements.get(*table).context("a table")?;
                transaction
                    .prepare_cached(statement)?
                    .execute(rusqlite::params_from_iter(row))?;
            }
            transaction.commit()?;
        }
        Ok(cpu()? - before)
    }
}

type All = (String, Vec<String>, Vec<Vec<Value>>);

fn all(connection: &Connection, table: &str) -> Result<All> {
    // A row id that the database gives is given again; those of parents are referred to.
    let drop_id = TABLES.iter().any(|(name, _)| *name == table);
    let mut select = connection.prepare(&format!("SELECT * FROM {table}"))?;
    let names: Vec<String> = select.column_names().map(str::to_owned).collect();
    let kept: Vec<usize> = (0..names.len())
        .filter(|at| !(drop_id && names.get(*at).is_some_and(|n| n == "id")))
        .collect();
    let columns: Vec<String> = kept.iter().filter_map(|at| names.get(*at).cloned()).collect();
    let rows = select
        .query_map([], |row| kept.iter().map(|at| row.get(*at)).collect())?
        .collect::<Result<_, _>>()?;
    let marks = vec!["?"; columns.len()].join(", ");
    let statement = format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", "));
    Ok((statement, columns, rows))
}

/// CPU of this thread in seconds.
pub(crate) fn cpu() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_THREAD)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
