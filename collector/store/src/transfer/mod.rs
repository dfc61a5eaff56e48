//! A whole store copied into another one, of the same or of the other engine: one transaction on either side, then both
//! are read again and compared row by row. Knows tables and values, no nouns.

mod rows;
pub(crate) mod schema;
mod snapshot;

use deskwarden_domain::port::{StoreError, StoreResult};

use crate::{
    OpenError,
    opened::Opened,
    sql::{Connection, ConnectionExt as _, Dialect, Engine},
};

use rows::Row;
use schema::Shape;
pub use snapshot::snapshot;

/// How far a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<'p> {
    /// Rows of a table that were copied so far, and how many there are.
    Copied {
        /// The table.
        table: &'p str,
        /// Rows so far.
        rows: u64,
        /// Rows in all.
        of: u64,
    },
    /// All rows of a table are equal on both sides.
    Verified {
        /// The table.
        table: &'p str,
        /// Its rows.
        rows: u64,
    },
}

/// What was transferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Tables.
    pub tables: u64,
    /// Rows, each compared after it was copied.
    pub rows: u64,
}

/// Copies the store at `from` into the empty store at `to` (locations as for [`crate::open`]) and compares them row by
/// row. The source is only read. The target is filled in one transaction: it holds everything or nothing.
///
/// # Errors
/// A location that is none, a source of another schema, a target that holds something, a source that was written to
/// meanwhile (its collectors must not run), and what the databases say.
pub fn transfer(
    from: &str,
    to: &str,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Transferred, OpenError> {
    let source = Opened::existing(from)?;
    if from == to {
        return Err(conflict(format!(
            "{} is both source and target: name another target",
            source.place
        ))
        .into());
    }
    let target = Opened::at(to)?;
    let tables = fill(&source, &target, progress)?;
    let mut done = Transferred::default();
    for table in &tables {
        let rows = compare(
            source.engine.as_ref(),
            target.engine.as_ref(),
            table,
            &source.place,
        )?;
        progress(Progress::Verified {
            table: &table.name,
            rows,
        });
        done.tables += 1;
        done.rows += rows;
    }
    Ok(done)
}

/// Fills a new database with what the source holds at one moment.
fn fill(source: &Opened, target: &Opened, progress: &mut dyn FnMut(Progress<'_>)) -> StoreResult<Vec<Shape>> {
    target.migrate()?;
    let mut tables = schema::tables()?;
    target.engine.read(&mut |connection| {
        schema::also_late(&mut tables, connection)?;
        refuse_full(connection, &tables, &target.place)
    })?;
    target.engine.write(&mut |into| {
        into.clear(&tables)?;
        source.engine.read(&mut |out_of| {
            for table in &tables {
                copy(out_of, into, table, progress)?;
            }
            for table in tables.iter().filter(|table| !table.late.is_empty()) {
                each_piece(out_of, table, &mut |piece| rows::point(into, table, piece))?;
            }
            Ok(())
        })
    })?;
    Ok(tables)
}

fn conflict(text: String) -> StoreError {
    StoreError::Conflict(text)
}

/// A store with more in it than a new one is somebody's.
fn refuse_full(connection: &mut dyn Connection, tables: &[Shape], place: &str) -> StoreResult<()> {
    for table in tables {
        let rows = connection.number(&format!("SELECT COUNT(*) FROM {}", table.name), &[])?;
        if rows != table.seeded {
            return Err(conflict(format!(
                "{place} is not empty: its table {} has {rows} rows. Name a new database; nothing was changed",
                table.name
            )));
        }
    }
    Ok(())
}

/// What only a transfer does to a database.
trait Emptied {
    /// Takes out what the schema brought: the source has its own.
    fn clear(&mut self, tables: &[Shape]) -> StoreResult<()>;
    /// New rows are numbered behind the copied ones.
    fn number_on(&mut self, table: &Shape) -> StoreResult<()>;
}

impl Emptied for dyn Connection + '_ {
    fn clear(&mut self, tables: &[Shape]) -> StoreResult<()> {
        for table in tables.iter().rev().filter(|table| table.seeded > 0) {
            self.execute(&format!("DELETE FROM {}", table.name), &[])?;
        }
        Ok(())
    }

    fn number_on(&mut self, table: &Shape) -> StoreResult<()> {
        let (Some(column), Dialect::Postgres) = (&table.made, self.dialect()) else {
            // SQLite numbers behind the largest row that there ever was.
            return Ok(());
        };
        let name = &table.name;
        self.script(&format!(
            "SELECT setval(pg_get_serial_sequence('{name}', '{column}'), (SELECT COALESCE(MAX({column}), 0) + 1 FROM {name}), false)"
        ))
    }
}

fn copy(
    out_of: &mut dyn Connection,
    into: &mut dyn Connection,
    table: &Shape,
    progress: &mut dyn FnMut(Progress<'_>),
) -> StoreResult<()> {
    let of = out_of
        .number(&format!("SELECT COUNT(*) FROM {}", table.name), &[])?
        .unsigned_abs();
    let mut told = |rows| {
        progress(Progress::Copied {
            table: &table.name,
            rows,
            of,
        })
    };
    let mut rows = 0;
    told(rows);
    each_piece(out_of, table, &mut |piece| {
        rows::put(into, table, piece)?;
        rows += piece.len() as u64;
        told(rows);
        Ok(())
    })?;
    into.number_on(table)
}

fn each_piece(
    connection: &mut dyn Connection,
    table: &Shape,
    each: &mut dyn FnMut(&[Row]) -> StoreResult<()>,
) -> StoreResult<()> {
    let mut last: Option<Row> = None;
    loop {
        let piece = rows::next(connection, table, last.as_ref())?;
        let Some(end) = piece.last() else { return Ok(()) };
        last = Some(end.clone());
        each(&piece)?;
    }
}

/// Both sides in the order of their keys, each as it is now: a source that somebody still writes to is found here.
fn compare(source: &dyn Engine, target: &dyn Engine, table: &Shape, place: &str) -> StoreResult<u64> {
    let mut rows = 0;
    source.read(&mut |left| {
        target.read(&mut |right| {
            rows = 0;
            let mut last: Option<Row> = None;
            loop {
                let ours = rows::next(left, table, last.as_ref())?;
                let theirs = rows::next(right, table, last.as_ref())?;
                if let Some(row) = different(&ours, &theirs) {
                    return Err(conflict(format!(
                        "after the copy, the table {} differs at {}: {place} was written to meanwhile, or a disk is \
                         faulty. Stop every collector of it and begin again with an empty target",
                        table.name,
                        rows::shown(table, row)
                    )));
                }
                rows += ours.len() as u64;
                match ours.last() {
                    None => return Ok(()),
                    Some(end) => last = Some(end.clone()),
                }
            }
        })
    })?;
    Ok(rows)
}

/// The first row that is not the same on both sides.
fn different<'r>(ours: &'r [Row], theirs: &'r [Row]) -> Option<&'r Row> {
    let longer = if ours.len() >= theirs.len() { ours } else { theirs };
    (0..longer.len())
        .find(|at| ours.get(*at) != theirs.get(*at))
        .and_then(|at| longer.get(at))
}

#[cfg(test)]
mod tests;
