//! The books beside the register: rows of cells, and who has to be judged again when one changes.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    model::{AssetId, AuditEntry},
    port::{Page, Paging, StoreError, StoreResult},
    register::{Book, Row},
};

use crate::{
    audit,
    due::make_due,
    generation::raise_generation,
    sql::{Cell, Connection, ConnectionExt as _, Reader, unsigned, window},
};

/// A row of a book, of `b`.
pub(crate) const ROW: &str = "b.key, b.asset_id, b.cells, b.at, b.actor";

/// Reads [`ROW`].
pub(crate) fn row(r: &mut Reader<'_>) -> StoreResult<Row> {
    let key = r.string()?;
    let asset = r.opt_int()?.map(AssetId);
    let cells: BTreeMap<String, String> = serde_json::from_str(r.text()?).map_err(|_| {
        StoreError::Damaged(format!(
            "the cells of `{key}` in a book of the register cannot be read: restore a backup"
        ))
    })?;
    Ok(Row {
        key,
        asset,
        cells,
        at: r.int()?,
        by: r.string()?,
    })
}

/// The rows of a book, by key.
pub(super) fn all(connection: &mut dyn Connection, book: Book) -> StoreResult<Vec<Row>> {
    connection.rows(
        &format!("SELECT {ROW} FROM book_rows b WHERE b.book = ?1 ORDER BY b.key"),
        &[Cell::Text(book.name())],
        row,
    )
}

/// A page of the rows of a book, by key.
pub(super) fn page(connection: &mut dyn Connection, book: Book, paging: Paging) -> StoreResult<Page<Row>> {
    let name = Cell::Text(book.name());
    let total = connection.number("SELECT COUNT(*) FROM book_rows WHERE book = ?1", &[name])?;
    let [limit, offset] = window(paging);
    let rows = connection.rows(
        &format!("SELECT {ROW} FROM book_rows b WHERE b.book = ?1 ORDER BY b.key LIMIT ?2 OFFSET ?3"),
        &[name, limit, offset],
        row,
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// The row of a key.
pub(super) fn one(connection: &mut dyn Connection, book: Book, key: &str) -> StoreResult<Option<Row>> {
    connection.row(
        &format!("SELECT {ROW} FROM book_rows b WHERE b.book = ?1 AND b.key = ?2"),
        &[Cell::Text(book.name()), Cell::Text(key)],
        row,
    )
}

/// Puts and removes rows.
pub(super) fn edit(
    connection: &mut dyn Connection,
    book: Book,
    put: &[Row],
    remove: &[String],
    audit: &AuditEntry,
) -> StoreResult<()> {
    if book == Book::Assets {
        return Err(StoreError::Conflict("assets are no rows of a book".to_owned()));
    }
    let mut before: BTreeMap<&str, Row> = BTreeMap::new();
    for key in put.iter().map(|row| &row.key).chain(remove) {
        let sql = format!("SELECT {ROW} FROM book_rows b WHERE b.book = ?1 AND b.key = ?2");
        let found = connection.row_locked(&sql, &[Cell::Text(book.name()), Cell::Text(key)], row)?;
        if let Some(found) = found {
            before.insert(key, found);
        }
    }
    let touched: Vec<&Row> = put.iter().chain(before.values()).collect();
    // Assets are always locked first, in id order.
    for asset in assets(connection, book, &touched)? {
        make_due(connection, asset, audit.at)?;
    }
    for key in remove {
        if book == Book::Providers {
            refuse_named(connection, key)?;
        }
        connection.execute(
            "DELETE FROM book_rows WHERE book = ?1 AND key = ?2",
            &[Cell::Text(book.name()), Cell::Text(key)],
        )?;
    }
    for row in put {
        write(connection, book, row, audit)?;
    }
    match book {
        Book::Media => touch(connection, "media", &touched)?,
        Book::Licences => {
            touch(connection, "licence", &touched)?;
            let programs = |row: &Row| (row.text("entry").to_owned(), row.text("pattern").to_owned());
            let same = put.iter().all(|row| {
                let known = before.get(row.key.as_str());
                known.is_some_and(|known| programs(known) == programs(row))
            });
            // Which programs are a title is read by judging; how many may have it is not.
            if !same || before.len() > put.len() || !remove.is_empty() {
                raise_generation(connection)?;
            }
        }
        _ => {}
    }
    audit::append(connection, audit)
}

/// A provider stays as long as somebody is said to be theirs: what names no provider that there is could not be edited
/// or imported again.
fn refuse_named(connection: &mut dyn Connection, provider: &str) -> StoreResult<()> {
    let asset = connection.row(
        "SELECT COALESCE(number, name) FROM assets WHERE provider = ?1 AND merged_into IS NULL ORDER BY id LIMIT 1",
        &[Cell::Text(provider)],
        |r| r.string(),
    )?;
    let visit = connection.row(
        "SELECT key FROM book_rows WHERE about = ?1 AND book = ?2 ORDER BY key LIMIT 1",
        &[Cell::Text(provider), Cell::Text(Book::Visits.name())],
        |r| r.string(),
    )?;
    let named = asset
        .map(|asset| format!("asset {asset}"))
        .or_else(|| visit.map(|visit| format!("visit {visit}")));
    named.map_or(Ok(()), |by| {
        Err(StoreError::Conflict(format!(
            "provider {provider} is named by {by}: name another one there first"
        )))
    })
}

/// Assets that the rows name, or that belong to the people and providers that they are about.
fn assets(connection: &mut dyn Connection, book: Book, rows: &[&Row]) -> StoreResult<BTreeSet<i64>> {
    let mut found: BTreeSet<i64> = rows
        .iter()
        .filter_map(|row| row.asset)
        .map(|asset| asset.0)
        .collect();
    for id in &found {
        let known = connection.row("SELECT id FROM assets WHERE id = ?1", &[Cell::Int(*id)], |r| {
            r.int()
        })?;
        known.ok_or_else(|| StoreError::NotFound(format!("asset {id}")))?;
    }
    let column = if book == Book::People {
        "custodian"
    } else {
        "provider"
    };
    let names: BTreeSet<&str> = rows.iter().filter_map(|row| row.about(book)).collect();
    for name in names {
        let sql = format!("SELECT id FROM assets WHERE {column} = ?1 ORDER BY id");
        found.extend(connection.rows(&sql, &[Cell::Text(name)], |r| r.int())?);
    }
    Ok(found)
}

fn write(connection: &mut dyn Connection, book: Book, row: &Row, audit: &AuditEntry) -> StoreResult<()> {
    let cells = serde_json::to_string(&row.cells)
        .map_err(|_| StoreError::Conflict(format!("the cells of `{}` cannot be written", row.key)))?;
    // A visit that names an asset is that asset's alone.
    let about = row.about(book).filter(|_| row.asset.is_none());
    connection.execute(
        "INSERT INTO book_rows (book, key, asset_id, about, cells, at, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (book, key) DO UPDATE SET asset_id = excluded.asset_id, about = excluded.about,
           cells = excluded.cells, actor = excluded.actor",
        &[
            Cell::Text(book.name()),
            Cell::Text(&row.key),
            Cell::from(row.asset.map(|asset| asset.0)),
            about.map_or(Cell::Null, Cell::Text),
            Cell::Text(&cells),
            Cell::Int(audit.at),
            Cell::Text(&audit.actor),
        ],
    )?;
    Ok(())
}

fn touch(connection: &mut dyn Connection, kind: &str, rows: &[&Row]) -> StoreResult<()> {
    let keys: BTreeSet<&str> = rows.iter().map(|row| row.key.as_str()).collect();
    for key in keys {
        connection.execute(
            "INSERT INTO touched (kind, value, due_at) VALUES (?1, ?2, 0)",
            &[Cell::Text(kind), Cell::Text(key)],
        )?;
    }
    Ok(())
}

/// A cell that is exactly this text, as cells are kept.
/// A text as it stands in JSON.
pub(crate) fn quoted(text: &str) -> StoreResult<String> {
    serde_json::to_string(text).map_err(|_| StoreError::Conflict("the name cannot be written".to_owned()))
}

/// Rows with a cell that is this name, to be handed out to the person.
pub(crate) fn naming(connection: &mut dyn Connection, name: &str) -> StoreResult<Vec<serde_json::Value>> {
    connection.rows(
        "SELECT book, key, cells FROM book_rows WHERE REPLACE(cells, ?1, '') <> cells ORDER BY book, key",
        &[Cell::Text(&quoted(name)?)],
        |r| {
            let (book, key, cells) = (r.string()?, r.string()?, r.string()?);
            Ok(serde_json::json!({"book": book, "key": key, "cells": cells}))
        },
    )
}

/// Forgets a person: the row of people goes, in all others something else stands for the name. How many changed.
pub(crate) fn forget(connection: &mut dyn Connection, name: &str, instead: &str) -> StoreResult<u64> {
    let gone = connection.execute(
        "DELETE FROM book_rows WHERE book = 'people' AND key = ?1",
        &[Cell::Text(name)],
    )?;
    let changed = connection.execute(
        "UPDATE book_rows SET cells = REPLACE(cells, ?1, ?2) WHERE REPLACE(cells, ?1, '') <> cells",
        &[Cell::Text(&quoted(name)?), Cell::Text(&quoted(instead)?)],
    )?;
    Ok(gone + changed)
}
