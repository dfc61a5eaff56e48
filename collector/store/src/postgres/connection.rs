//! Statements on a PostgreSQL connection. Many rows go as one array per column.

use bytes::BytesMut;
use deskwarden_domain::port::{StoreError, StoreResult};
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::sql::{Cell, Columns, Connection, Dialect, Each, EachOf, Lookup, Table, Verb, storable};

use super::{failure, session::Session};

type Fault = Box<dyn std::error::Error + Sync + Send>;

/// A connection inside a transaction.
pub(super) struct PostgresConnection<'s> {
    pub(super) session: &'s mut Session,
    pub(super) place: &'s str,
}

impl PostgresConnection<'_> {
    fn fault(&self, error: postgres::Error) -> StoreError {
        failure(self.place, error)
    }

    fn rows(&mut self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> StoreResult<Vec<postgres::Row>> {
        let statement = self.session.prepare(sql).map_err(|e| failure(self.place, e))?;
        self.session
            .client
            .query(&statement, params)
            .map_err(|e| failure(self.place, e))
    }
}

impl Connection for PostgresConnection<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        let bound = bind(params);
        for row in self.rows(sql, &references(&bound))? {
            each(&PostgresRow { row: &row, skip: 0 })?;
        }
        Ok(())
    }

    fn query_locked(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        self.query(&format!("{sql} FOR UPDATE"), params, each)
    }

    fn query_shared(&mut self, sql: &str, params: &[Cell<'_>], each: Each<'_>) -> StoreResult<()> {
        self.query(&format!("{sql} FOR SHARE"), params, each)
    }

    fn execute(&mut self, sql: &str, params: &[Cell<'_>]) -> StoreResult<u64> {
        let bound = bind(params);
        let statement = self.session.prepare(sql).map_err(|e| failure(self.place, e))?;
        let changed = self.session.client.execute(&statement, &references(&bound));
        changed.map_err(|e| self.fault(e))
    }

    fn script(&mut self, sql: &str) -> StoreResult<()> {
        let done = self.session.client.batch_execute(sql);
        done.map_err(|e| self.fault(e))
    }

    fn lookup(&mut self, lookup: &Lookup, keys: &[Cell<'_>], each: EachOf<'_>) -> StoreResult<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let columns = columns(keys, lookup.keys.len());
        for row in self.rows(&lookup.sql(Dialect::Postgres), &references(&columns))? {
            let number: i64 = row.try_get(0).map_err(|e| failure(self.place, e))?;
            let Some(number) = usize::try_from(number).ok().and_then(|n| n.checked_sub(1)) else {
                continue;
            };
            each(number, &PostgresRow { row: &row, skip: 1 })?;
        }
        Ok(())
    }

    fn write(&mut self, table: &Table, verb: Verb, cells: &[Cell<'_>]) -> StoreResult<()> {
        if cells.is_empty() {
            return Ok(());
        }
        let columns = columns(cells, table.columns(verb).count());
        let sql = table.sql(verb, Dialect::Postgres);
        let statement = self.session.prepare(&sql).map_err(|e| failure(self.place, e))?;
        let written = self.session.client.execute(&statement, &references(&columns));
        written.map(|_| ()).map_err(|e| self.fault(e))
    }
}

fn bind<'a>(cells: &[Cell<'a>]) -> Vec<Bound<'a>> {
    cells.iter().map(|cell| Bound(*cell)).collect()
}

/// Cells of rows, turned into one array per column.
fn columns<'a>(cells: &[Cell<'a>], width: usize) -> Vec<Vec<Bound<'a>>> {
    (0..width)
        .map(|column| {
            cells
                .iter()
                .skip(column)
                .step_by(width)
                .map(|cell| Bound(*cell))
                .collect()
        })
        .collect()
}

fn references<T: ToSql + Sync>(values: &[T]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

#[derive(Debug)]
struct Bound<'a>(Cell<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Fault> {
        match self.0 {
            Cell::Null => Ok(IsNull::Yes),
            Cell::Int(value) => match *ty {
                Type::INT8 => value.to_sql(ty, out),
                Type::INT4 => i32::try_from(value)?.to_sql(ty, out),
                _ => Err(format!("a number was bound where {ty} is expected").into()),
            },
            Cell::Real(value) => value.to_sql(ty, out),
            Cell::Text(text) => storable(text).to_sql(ty, out),
            Cell::Blob(bytes) => bytes.to_sql(ty, out),
            Cell::Wide(value) => value.to_be_bytes().as_slice().to_sql(ty, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8 | Type::INT4 | Type::FLOAT8 | Type::TEXT | Type::VARCHAR | Type::BYTEA
        )
    }

    to_sql_checked!();
}

struct Raw<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Fault> {
        Ok(Self(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i64::from(i32::from_sql(ty, raw)?)),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::BYTEA => Cell::Blob(raw),
            _ => Cell::Text(<&str>::from_sql(ty, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Fault> {
        Ok(Self(Cell::Null))
    }

    fn accepts(ty: &Type) -> bool {
        Bound::accepts(ty)
    }
}

struct PostgresRow<'r> {
    row: &'r postgres::Row,
    skip: usize,
}

impl Columns for PostgresRow<'_> {
    fn cell(&self, index: usize) -> StoreResult<Cell<'_>> {
        let cell = self.row.try_get::<_, Raw<'_>>(index + self.skip);
        cell.map(|raw| raw.0).map_err(|error| {
            StoreError::Damaged(format!("column {} of a row cannot be read: {error}", index + 1))
        })
    }
}
