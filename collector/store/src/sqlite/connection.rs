//! Statements on a SQLite connection. Prepared once each and kept.

use std::path::Path;

use deskwarden_domain::port::{StoreError, StoreResult};
use rusqlite::{
    CachedStatement, ToSql,
    types::{ToSqlOutput, Value, ValueRef},
};

use crate::sql::{Cell, Columns, Connection, Dialect, Each, EachOf, Lookup, Table, Verb, storable};

use super::{
    failure,
    sums::{self, Sums},
};

/// A connection inside a transaction.
pub(super) struct SqliteConnection<'c> {
    pub(super) connection: &'c rusqlite::Connection,
    pub(super) path: &'c Path,
    /// What the transaction adds up to, where it may write.
    pub(super) sums: Option<&'c Sums>,
}

impl SqliteConnection<'_> {
    fn prepare(&self, sql: &str) -> StoreResult<CachedStatement<'_>> {
        #[cfg(debug_assertions)]
        super::plans::look(self.connection, sql);
        self.connection.prepare_cached(sql).map_err(|e| self.fault(e))
    }

    fn fault(&self, error: rusqlite::Error) -> StoreError {
        failure(self.path, "use", error)
    }

    fn bind(&self, statement: &mut CachedStatement<'_>, cells: &[Cell<'_>]) -> StoreResult<()> {
        for (at, cell) in cells.iter().enumerate() {
            let bound = match cell {
                Cell::Wide(value) => statement.raw_bind_parameter(at + 1, value.to_be_bytes().as_slice()),
                cell => statement.raw_bind_parameter(at + 1, Bound(*cell)),
            };
            bound.map_err(|e| self.fault(e))?;
        }
        Ok(())
    }
}

impl Connection for SqliteConnection<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        let mut statement = self.prepare(sql)?;
        self.bind(&mut statement, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|e| self.fault(e))? {
            each(&SqliteRow(row))?;
        }
        Ok(())
    }

    fn query_locked(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        // The write transaction holds the only lock that there is.
        self.query(sql, params, each)
    }

    fn query_shared(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        self.query(sql, params, each)
    }

    fn execute(&mut self, sql: &str, params: &[Cell<'_>]) -> StoreResult<u64> {
        let mut statement = self.prepare(sql)?;
        self.bind(&mut statement, params)?;
        statement
            .raw_execute()
            .map(|rows| rows as u64)
            .map_err(|e| self.fault(e))
    }

    fn script(&mut self, sql: &str) -> StoreResult<()> {
        self.connection.execute_batch(sql).map_err(|e| self.fault(e))
    }

    fn unwatch(&mut self) -> StoreResult<()> {
        let done = self.sums.map_or(Ok(()), |sums| sums.unwatch(self.connection));
        done.map_err(|e| self.fault(e))
    }

    fn accept(&mut self) -> StoreResult<()> {
        sums::accept(self.connection).map_err(|e| self.fault(e))
    }

    fn lookup(&mut self, lookup: &Lookup, keys: &[Cell<'_>], each: EachOf<'_>) -> StoreResult<()> {
        let mut statement = self.prepare(&lookup.sql(Dialect::Sqlite))?;
        for (number, key) in keys.chunks_exact(lookup.keys.len()).enumerate() {
            self.bind(&mut statement, key)?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().map_err(|e| self.fault(e))? {
                each(number, &SqliteRow(row))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, table: &Table, verb: Verb, cells: &[Cell<'_>]) -> StoreResult<()> {
        let mut statement = self.prepare(&table.sql(verb, Dialect::Sqlite))?;
        for row in cells.chunks_exact(table.columns(verb).count()) {
            self.bind(&mut statement, row)?;
            statement.raw_execute().map_err(|e| self.fault(e))?;
        }
        Ok(())
    }
}

struct Bound<'a>(Cell<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Cell::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Cell::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(value)),
            Cell::Real(value) => ToSqlOutput::Borrowed(ValueRef::Real(value)),
            Cell::Text(text) => match storable(text) {
                std::borrow::Cow::Borrowed(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
                std::borrow::Cow::Owned(text) => ToSqlOutput::Owned(Value::Text(text)),
            },
            Cell::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Cell::Wide(value) => ToSqlOutput::Owned(Value::Blob(value.to_be_bytes().to_vec())),
        })
    }
}

struct SqliteRow<'r, 's>(&'r rusqlite::Row<'s>);

impl Columns for SqliteRow<'_, '_> {
    fn cell(&self, index: usize) -> StoreResult<Cell<'_>> {
        match self.0.get_ref(index) {
            Ok(ValueRef::Null) => Ok(Cell::Null),
            Ok(ValueRef::Integer(value)) => Ok(Cell::Int(value)),
            Ok(ValueRef::Real(value)) => Ok(Cell::Real(value)),
            Ok(ValueRef::Blob(bytes)) => Ok(Cell::Blob(bytes)),
            Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).map(Cell::Text).map_err(|_| {
                StoreError::Damaged(format!(
                    "column {} of a row is not UTF-8: restore a backup",
                    index + 1
                ))
            }),
            Err(error) => Err(StoreError::Damaged(format!(
                "a row lacks column {}: {error}",
                index + 1
            ))),
        }
    }
}
