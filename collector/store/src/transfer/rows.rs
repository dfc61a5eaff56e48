//! Rows of any table as values: read in the order of their keys, piece by piece, and written many at once.

use std::fmt::Write as _;

use deskwarden_domain::port::StoreResult;

use super::schema::Shape;
use crate::sql::{Cell, Connection};

/// Rows that are read or compared at once.
const PIECE: usize = 1_000;
/// Values that one statement takes: SQLite's limit is 32,766, PostgreSQL's 65,535.
const MOST_VALUES: usize = 30_000;

/// One value, kept.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    Null,
    Int(i64),
    /// By its bits: a value that is no number must be equal to itself.
    Real(u64),
    Text(String),
    Blob(Vec<u8>),
}

impl Kept {
    fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Null => Self::Null,
            Cell::Int(value) => Self::Int(value),
            Cell::Real(value) => Self::Real(value.to_bits()),
            Cell::Text(text) => Self::Text(text.to_owned()),
            Cell::Blob(bytes) => Self::Blob(bytes.to_vec()),
            Cell::Wide(value) => Self::Blob(value.to_be_bytes().to_vec()),
        }
    }

    pub(super) fn cell(&self) -> Cell<'_> {
        match self {
            Self::Null => Cell::Null,
            Self::Int(value) => Cell::Int(*value),
            Self::Real(bits) => Cell::Real(f64::from_bits(*bits)),
            Self::Text(text) => Cell::Text(text),
            Self::Blob(bytes) => Cell::Blob(bytes),
        }
    }

    /// For a message: words and numbers as they are, bytes by their beginning.
    fn shown(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Real(bits) => f64::from_bits(*bits).to_string(),
            Self::Text(text) => text.chars().filter(|c| !c.is_control()).take(40).collect(),
            Self::Blob(bytes) => bytes.iter().take(8).fold(String::from("x"), |mut text, byte| {
                let _written = write!(text, "{byte:02x}");
                text
            }),
        }
    }
}

/// A row.
pub(super) type Row = Vec<Kept>;

/// The key of a row, for a message.
pub(super) fn shown(shape: &Shape, row: &Row) -> String {
    let parts = shape.key.iter().filter_map(|column| {
        row.get(shape.at(column))
            .map(|value| format!("{column} = {}", value.shown()))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// The next rows behind `after`; none when there are no more.
pub(super) fn next(
    connection: &mut dyn Connection,
    shape: &Shape,
    after: Option<&Row>,
) -> StoreResult<Vec<Row>> {
    let keys = shape.key.join(", ");
    let mut sql = format!("SELECT {} FROM {}", shape.list(), shape.name);
    let mut bound = Vec::new();
    if let Some(row) = after {
        let places: Vec<String> = (1..=shape.key.len()).map(|n| format!("?{n}")).collect();
        let _written = write!(sql, " WHERE ({keys}) > ({})", places.join(", "));
        bound.extend(
            shape
                .key
                .iter()
                .filter_map(|column| row.get(shape.at(column)))
                .map(Kept::cell),
        );
    }
    let _written = write!(sql, " ORDER BY {keys} LIMIT {PIECE}");
    let width = shape.columns.len();
    let mut rows = Vec::new();
    connection.query(&sql, &bound, &mut |columns| {
        let row: StoreResult<Row> = (0..width).map(|at| columns.cell(at).map(Kept::of)).collect();
        rows.push(row?);
        Ok(())
    })?;
    Ok(rows)
}

/// Writes rows. What names rows that come later stays empty until [`point`] fills it in.
pub(super) fn put(connection: &mut dyn Connection, shape: &Shape, rows: &[Row]) -> StoreResult<()> {
    let width = shape.columns.len().max(1);
    let late: Vec<usize> = shape.late.iter().map(|column| shape.at(column)).collect();
    for piece in rows.chunks((MOST_VALUES / width).clamp(1, PIECE)) {
        let places = (0..piece.len()).map(|row| {
            let cells = (1..=width).map(|column| format!("?{}", row * width + column));
            format!("({})", cells.collect::<Vec<_>>().join(", "))
        });
        let sql = format!(
            "INSERT INTO {} ({}) VALUES {}",
            shape.name,
            shape.list(),
            places.collect::<Vec<_>>().join(", ")
        );
        let cells: Vec<Cell<'_>> = piece
            .iter()
            .flat_map(|row| row.iter().enumerate())
            .map(|(at, value)| {
                if late.contains(&at) {
                    Cell::Null
                } else {
                    value.cell()
                }
            })
            .collect();
        connection.execute(&sql, &cells)?;
    }
    Ok(())
}

/// Fills in what names other rows, once all of them are there.
pub(super) fn point(connection: &mut dyn Connection, shape: &Shape, rows: &[Row]) -> StoreResult<()> {
    for column in &shape.late {
        let tests: Vec<String> = shape
            .key
            .iter()
            .enumerate()
            .map(|(n, key)| format!("{key} = ?{}", n + 2))
            .collect();
        let sql = format!(
            "UPDATE {} SET {column} = ?1 WHERE {}",
            shape.name,
            tests.join(" AND ")
        );
        let named = rows.iter().filter(|row| {
            row.get(shape.at(column))
                .is_some_and(|value| *value != Kept::Null)
        });
        for row in named {
            let keys = shape.key.iter().filter_map(|key| row.get(shape.at(key)));
            let cells: Vec<Cell<'_>> = row
                .get(shape.at(column))
                .into_iter()
                .chain(keys)
                .map(Kept::cell)
                .collect();
            connection.execute(&sql, &cells)?;
        }
    }
    Ok(())
}
