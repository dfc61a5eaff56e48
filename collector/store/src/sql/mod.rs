//! The one way to speak SQL: every statement of this crate is written once, with `?1` placeholders, and
//! runs on both engines. Owns values, columns, tables and look-ups; knows no driver.

mod cell;
mod conditions;
mod lookup;
mod reader;
mod table;

pub(crate) use cell::{Cell, storable};
pub(crate) use conditions::{Conditions, insensitive, like, unsigned, window};
pub(crate) use lookup::Lookup;
pub(crate) use reader::{Columns, Reader};
pub(crate) use table::{Column, Kind, Table, Verb};

use deskwarden_domain::port::StoreResult;

/// Called with every row of an answer.
pub(crate) type Each<'e> = &'e mut dyn FnMut(&dyn Columns) -> StoreResult<()>;

/// Called with every row of a look-up, and the number of the key that it belongs to.
pub(crate) type EachOf<'e> = &'e mut dyn FnMut(usize, &dyn Columns) -> StoreResult<()>;

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL, or an engine that speaks its protocol.
    Postgres,
}

/// A connection inside a transaction.
pub(crate) trait Connection {
    /// Which SQL is spoken.
    fn dialect(&self) -> Dialect;

    /// Runs a query.
    fn query(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()>;

    /// Runs a query whose rows nobody else may change until the transaction ends. The text must be able to
    /// take `FOR UPDATE` at its end.
    fn query_locked(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()>;

    /// Runs a query whose rows others may lock so too, but nobody may change until the transaction ends. The text must
    /// be able to take `FOR SHARE` at its end.
    fn query_shared(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()>;

    /// Runs a statement; returns the number of rows that it changed.
    fn execute(&mut self, sql: &str, params: &[Cell<'_>]) -> StoreResult<u64>;

    /// Runs several statements without parameters.
    fn script(&mut self, sql: &str) -> StoreResult<()>;

    /// The tables are about to change: an engine that sums their rows begins anew with the next transaction.
    fn unwatch(&mut self) -> StoreResult<()> {
        Ok(())
    }

    /// Takes what the tables hold for what was written to them. Nothing for an engine that keeps no sums of them.
    fn accept(&mut self) -> StoreResult<()> {
        Ok(())
    }

    /// Finds the rows of many keys at once; `keys` holds the cells of all keys, one after the other.
    fn lookup(&mut self, lookup: &Lookup, keys: &[Cell<'_>], each: EachOf<'_>) -> StoreResult<()>;

    /// Writes many rows of one table at once; `cells` holds the cells of all rows, one after the other, in
    /// the order that [`Table::columns`] gives for the verb.
    fn write(&mut self, table: &Table, verb: Verb, cells: &[Cell<'_>]) -> StoreResult<()>;
}

/// A database: transactions over connections.
pub(crate) trait Engine: Send + Sync {
    /// Runs `work` on a consistent picture of the database. It may run again after a lost connection.
    fn read(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()>;

    /// Runs `work` in a transaction that is durable when this returns, and undone when it fails. It may run
    /// again when another transaction was in its way.
    fn write(&self, work: &mut dyn FnMut(&mut dyn Connection) -> StoreResult<()>) -> StoreResult<()>;

    /// How many questions may be asked at once so that reports find a connection.
    fn questions(&self) -> usize;

    /// What can be checked one at a time. Nothing for an engine that has its own way of looking.
    fn parts(&self) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }

    /// Reads everything once, or that part, to see whether it is built as it must be; what is not, for a person. Nothing
    /// for an engine that has its own way of looking.
    fn check(&self, _part: Option<&str>) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Convenience over [`Connection::query`].
pub(crate) trait ConnectionExt: Connection {
    /// All rows, each turned into a value.
    fn rows<T>(
        &mut self,
        sql: &str,
        params: &[Cell<'_>],
        read: impl Fn(&mut Reader<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let mut rows = Vec::new();
        self.query(sql, params, &mut |columns| {
            rows.push(read(&mut Reader::new(columns))?);
            Ok(())
        })?;
        Ok(rows)
    }

    /// The first row, if any.
    fn row<T>(
        &mut self,
        sql: &str,
        params: &[Cell<'_>],
        read: impl Fn(&mut Reader<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        let mut first = None;
        self.query(sql, params, &mut |columns| {
            if first.is_none() {
                first = Some(read(&mut Reader::new(columns))?);
            }
            Ok(())
        })?;
        Ok(first)
    }

    /// The first row, if any, locked until the transaction ends.
    fn row_locked<T>(
        &mut self,
        sql: &str,
        params: &[Cell<'_>],
        read: impl Fn(&mut Reader<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        let mut first = None;
        self.query_locked(sql, params, &mut |columns| {
            if first.is_none() {
                first = Some(read(&mut Reader::new(columns))?);
            }
            Ok(())
        })?;
        Ok(first)
    }

    /// One number, as of `COUNT(*)`; 0 when there is no row.
    fn number(&mut self, sql: &str, params: &[Cell<'_>]) -> StoreResult<i64> {
        Ok(self.row(sql, params, |r| r.int())?.unwrap_or(0))
    }
}

impl<C: Connection + ?Sized> ConnectionExt for C {}
