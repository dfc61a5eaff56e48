//! A sum of the rows of every table: what is written goes in, what is removed goes out, and a bit that the disk turned since
//! does not agree any more. Triggers of the writing connection hash each row that changes; what a transaction adds up to is
//! written with it, one row per table. Says that a table changed by itself, not where.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::{
    Connection, OptionalExtension as _, Result,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};

/// Tables whose rows are of a minute and name nobody.
const OTHERS: [&str; 4] = ["staged", "leases", "collector_up", TABLE];
/// Of rows that have a hash or digest: that, and what it does not cover.
const PARTS: [(&str, &[&str]); 2] = [
    ("facets", &["id", "hash"]),
    ("items", &["device_id", "digest", "first_seen", "changed_at"]),
];
const TABLE: &str = "table_sums";
/// Called by the triggers: number of the table, whether the row comes (1) or goes (-1), its values.
const FUNCTION: &str = "deskwarden_row";
const PREFIX: &str = "table_sums_of_";

/// Columns of each table that is summed.
type Columns = BTreeMap<String, Vec<String>>;

/// What the transaction under way changes, and the tables that are watched.
#[derive(Debug, Default)]
pub(super) struct Sums {
    changes: Arc<Mutex<Changes>>,
}

#[derive(Debug, Default)]
struct Changes {
    /// By the number that the triggers know them by; empty while nothing is watched.
    tables: Vec<String>,
    sums: BTreeMap<u32, u128>,
}

impl Sums {
    /// Teaches a connection that writes what its triggers call.
    pub(super) fn teach(&self, connection: &Connection) -> Result<()> {
        let changes = Arc::clone(&self.changes);
        let note = move |context: &mut Context<'_>| {
            let (table, sign) = (context.get::<u32>(0)?, context.get::<i64>(1)?);
            let sum = row((2..context.len()).map(|at| context.get_raw(at)));
            let mut changes = locked(&changes);
            let of_table = changes.sums.entry(table).or_default();
            *of_table = if sign < 0 {
                of_table.wrapping_sub(sum)
            } else {
                of_table.wrapping_add(sum)
            };
            Ok(0)
        };
        connection.create_scalar_function(FUNCTION, -1, FunctionFlags::SQLITE_UTF8, note)
    }

    /// Watches the tables, if there is a place for their sums; called before each transaction that writes.
    pub(super) fn watch(&self, connection: &Connection) -> Result<()> {
        locked(&self.changes).sums.clear();
        if !locked(&self.changes).tables.is_empty() || !is_kept(connection)? {
            return Ok(());
        }
        let columns = columns(connection)?;
        let mut script = String::new();
        for (number, (table, columns)) in columns.iter().enumerate() {
            let row = |of: &str, sign: i8| {
                let values: String = columns
                    .iter()
                    .map(|column| format!(", {of}.\"{column}\""))
                    .collect();
                format!("SELECT {FUNCTION}({number}, {sign}{values});")
            };
            let (came, went) = (row("NEW", 1), row("OLD", -1));
            for (event, calls) in [
                ("INSERT", came.clone()),
                ("DELETE", went.clone()),
                ("UPDATE", format!("{went} {came}")),
            ] {
                script.push_str(&format!(
                    "CREATE TEMP TRIGGER {PREFIX}{number}_{event} AFTER {event} ON main.\"{table}\" BEGIN {calls} END;\n"
                ));
            }
        }
        connection.execute_batch(&format!("BEGIN; {script} COMMIT;"))?;
        locked(&self.changes).tables = columns.into_keys().collect();
        Ok(())
    }

    /// Writes what the transaction adds up to, as a part of it.
    pub(super) fn settle(&self, connection: &Connection) -> Result<()> {
        let mut changes = locked(&self.changes);
        let sums = std::mem::take(&mut changes.sums);
        for (number, change) in sums {
            let Some(table) = changes.tables.get(number as usize).filter(|_| change != 0) else {
                continue;
            };
            let sum = kept(connection, table)?.unwrap_or_default().wrapping_add(change);
            keep(connection, table, sum)?;
        }
        Ok(())
    }

    /// Stops watching: the tables are about to get other columns.
    pub(super) fn unwatch(&self, connection: &Connection) -> Result<()> {
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'")?;
        let triggers: Vec<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        for trigger in triggers.iter().filter(|name| name.starts_with(PREFIX)) {
            connection.execute_batch(&format!("DROP TRIGGER temp.{trigger}"))?;
        }
        let mut changes = locked(&self.changes);
        changes.tables.clear();
        changes.sums.clear();
        Ok(())
    }
}

/// Takes what the tables hold now for what was written to them.
pub(super) fn accept(connection: &Connection) -> Result<()> {
    if !is_kept(connection)? {
        return Ok(());
    }
    connection.execute(&format!("DELETE FROM {TABLE}"), [])?;
    for (table, columns) in columns(connection)? {
        keep(connection, &table, sum_of(connection, &table, &columns)?)?;
    }
    Ok(())
}

/// Tables, or the one, whose rows are not what was written to them.
pub(super) fn check(connection: &Connection, part: Option<&str>) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if !is_kept(connection)? {
        return Ok(faults);
    }
    let columns = columns(connection)?;
    if part.is_none_or(|part| part == TABLE) {
        let mut statement = connection.prepare(&format!("SELECT name FROM {TABLE}"))?;
        let named: BTreeSet<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_>>()?;
        for name in named.iter().filter(|name| !columns.contains_key(*name)) {
            faults.push(format!("there is a sum of a table {name:?}, which there is not"));
        }
    }
    for (table, columns) in columns
        .iter()
        .filter(|(name, _)| part.is_none_or(|part| part == *name))
    {
        // Both of one moment: collectors may be writing.
        let picture = connection.unchecked_transaction()?;
        let (noted, now) = (kept(&picture, table)?, sum_of(&picture, table, columns)?);
        if noted.unwrap_or_default() != now {
            faults.push(format!(
                "table {table}: what it holds is not what was written to it"
            ));
        }
    }
    Ok(faults)
}

fn is_kept(connection: &Connection) -> Result<bool> {
    let found: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1",
            [TABLE],
            |row| row.get(0),
        )
        .optional()?;
    Ok(found.is_some())
}

fn columns(connection: &Connection) -> Result<Columns> {
    let mut statement = connection.prepare(
        "SELECT t.name, c.name FROM main.sqlite_schema t JOIN pragma_table_info(t.name) c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY t.name, c.cid",
    )?;
    let mut found = Columns::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, column): (String, String) = (row.get(0)?, row.get(1)?);
        let covered = PARTS
            .iter()
            .any(|(name, summed)| table == *name && !summed.contains(&column.as_str()));
        if !OTHERS.contains(&table.as_str()) && !covered {
            found.entry(table).or_default().push(column);
        }
    }
    Ok(found)
}

fn sum_of(connection: &Connection, table: &str, columns: &[String]) -> Result<u128> {
    let list: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    let mut statement = connection.prepare(&format!("SELECT {} FROM main.\"{table}\"", list.join(", ")))?;
    let mut rows = statement.query([])?;
    let mut sum = 0u128;
    while let Some(found) = rows.next()? {
        let values = (0..columns.len()).map(|at| found.get_ref(at));
        let values: Vec<ValueRef<'_>> = values.collect::<Result<_>>()?;
        sum = sum.wrapping_add(row(values.into_iter()));
    }
    Ok(sum)
}

/// The hash of a row: of the kind, the length and the bytes of each value. Never 0, so that an empty row counts.
fn row<'v>(values: impl Iterator<Item = ValueRef<'v>>) -> u128 {
    // Hashed in one piece: most rows are shorter than two blocks, and many small pieces would cost more than the hash.
    let mut whole = Vec::with_capacity(256);
    let mut take = |kind: u8, bytes: &[u8]| {
        whole.push(kind);
        whole.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        whole.extend_from_slice(bytes);
    };
    for value in values {
        match value {
            ValueRef::Null => take(0, &[]),
            ValueRef::Integer(number) => take(1, &number.to_le_bytes()),
            ValueRef::Real(number) => take(2, &number.to_bits().to_le_bytes()),
            ValueRef::Text(text) => take(3, text),
            ValueRef::Blob(bytes) => take(4, bytes),
        }
    }
    let mut half = [0; 16];
    blake3::Hasher::new()
        .update(&whole)
        .finalize_xof()
        .fill(&mut half);
    u128::from_le_bytes(half).max(1)
}

fn kept(connection: &Connection, table: &str) -> Result<Option<u128>> {
    let mut statement = connection.prepare_cached(&format!("SELECT sum FROM {TABLE} WHERE name = ?1"))?;
    let sum: Option<[u8; 16]> = statement.query_row([table], |row| row.get(0)).optional()?;
    Ok(sum.map(u128::from_be_bytes))
}

fn keep(connection: &Connection, table: &str, sum: u128) -> Result<()> {
    let mut statement = connection.prepare_cached(&format!(
        "INSERT INTO {TABLE} (name, sum) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET sum = excluded.sum"
    ))?;
    statement.execute((table, sum.to_be_bytes())).map(drop)
}

fn locked(changes: &Mutex<Changes>) -> MutexGuard<'_, Changes> {
    // What a transaction that broke down had noted is forgotten before the next one.
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
