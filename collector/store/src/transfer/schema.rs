//! What a store of this build holds: tables, columns and keys, read from a fresh schema in memory, so that there is no
//! second list of tables that could be forgotten.

use std::collections::BTreeSet;

use deskwarden_domain::port::{StoreError, StoreResult};

use crate::{
    migrations::{self, Migration},
    sql::{Connection, ConnectionExt as _, Dialect, Engine},
    sqlite::Memory,
};

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) name: String,
    /// Columns in their order.
    pub(crate) columns: Vec<String>,
    /// Columns of the primary key, in its order.
    pub(crate) key: Vec<String>,
    /// The column whose values the database makes, where there is one.
    pub(crate) made: Option<String>,
    /// Columns that name rows which are not there yet when this table is filled: of the same table, or of a later one.
    pub(crate) late: Vec<String>,
    /// Other tables whose rows it names.
    pub(crate) needs: BTreeSet<String>,
    /// Rows that the schema itself brings.
    pub(crate) seeded: i64,
}

impl Shape {
    /// Position of a column.
    pub(crate) fn at(&self, column: &str) -> usize {
        self.columns.iter().position(|name| name == column).unwrap_or(0)
    }

    /// The columns as a list.
    pub(crate) fn list(&self) -> String {
        self.columns.join(", ")
    }
}

/// All tables of this build's schema, each behind those whose rows it names. The table of the schema's own version and
/// that of the sums of the others are none of them.
pub(super) fn tables() -> StoreResult<Vec<Shape>> {
    tables_after(migrations::STEPS)
}

/// The same of the schema that these steps make.
pub(crate) fn tables_after(steps: &[Migration]) -> StoreResult<Vec<Shape>> {
    let fresh = Memory::open()?;
    migrations::migrate_to(&fresh, "a fresh schema", steps)?;
    let mut found = Vec::new();
    fresh.read(&mut |connection| {
        let names = connection.rows(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
             AND name NOT IN ('schema_version', 'table_sums') ORDER BY name",
            &[],
            |r| Ok((r.string()?, r.string()?)),
        )?;
        found.clear();
        for (name, sql) in names {
            found.push(shape(connection, name, &sql)?);
        }
        Ok(())
    })?;
    in_order(found)
}

/// Adds what only the target asks for: PostgreSQL can name rows of a later table, SQLite cannot be told to.
pub(crate) fn also_late(tables: &mut [Shape], target: &mut dyn Connection) -> StoreResult<()> {
    if target.dialect() != Dialect::Postgres {
        return Ok(());
    }
    let named = target.rows(
        "SELECT here.relname::text, a.attname::text, there.relname::text FROM pg_constraint c
         JOIN pg_class here ON here.oid = c.conrelid JOIN pg_class there ON there.oid = c.confrelid
         JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
         WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace",
        &[],
        |r| Ok((r.string()?, r.string()?, r.string()?)),
    )?;
    let places: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    let place = |name: &str| places.iter().position(|table| table == name);
    for (here, column, there) in named {
        let later = place(&there) >= place(&here);
        if let Some(table) = tables.iter_mut().find(|table| table.name == here)
            && later
            && !table.late.contains(&column)
        {
            table.late.push(column);
        }
    }
    Ok(())
}

fn shape(connection: &mut dyn Connection, name: String, sql: &str) -> StoreResult<Shape> {
    let mut columns = Vec::new();
    let mut key = Vec::new();
    let described = connection.rows(
        "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid",
        &[name.as_str().into()],
        |r| Ok((r.string()?, r.int()?)),
    )?;
    for (column, place) in described {
        if place > 0 {
            key.push((place, column.clone()));
        }
        columns.push(column);
    }
    key.sort();
    let key: Vec<String> = key.into_iter().map(|(_, column)| column).collect();
    if key.is_empty() {
        return Err(StoreError::Damaged(format!(
            "the table {name} has no primary key: it cannot be copied"
        )));
    }
    let named = connection.rows(
        "SELECT \"table\", \"from\" FROM pragma_foreign_key_list(?1)",
        &[name.as_str().into()],
        |r| Ok((r.string()?, r.string()?)),
    )?;
    let late = named
        .iter()
        .filter(|(table, _)| *table == name)
        .map(|(_, column)| column.clone())
        .collect();
    let needs = named
        .into_iter()
        .map(|(table, _)| table)
        .filter(|table| *table != name)
        .collect();
    let seeded = connection.number(&format!("SELECT COUNT(*) FROM {name}"), &[])?;
    let made = sql
        .contains("AUTOINCREMENT")
        .then(|| key.first().cloned())
        .flatten();
    Ok(Shape {
        name,
        columns,
        key,
        made,
        late,
        needs,
        seeded,
    })
}

/// Tables behind those that they need.
fn in_order(mut left: Vec<Shape>) -> StoreResult<Vec<Shape>> {
    let mut placed: Vec<Shape> = Vec::new();
    while !left.is_empty() {
        let ready = |shape: &Shape| {
            shape
                .needs
                .iter()
                .all(|need| placed.iter().any(|there| there.name == *need))
        };
        let (now, later): (Vec<Shape>, Vec<Shape>) = left.into_iter().partition(ready);
        if now.is_empty() {
            let names: Vec<&str> = later.iter().map(|shape| shape.name.as_str()).collect();
            return Err(StoreError::Damaged(format!(
                "the tables {} name each other's rows in a circle: no order of copying serves them",
                names.join(", ")
            )));
        }
        placed.extend(now);
        left = later;
    }
    Ok(placed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_comes_behind_those_that_it_names() {
        let tables = tables().unwrap();
        assert!(tables.len() > 20, "{}", tables.len());
        for (at, table) in tables.iter().enumerate() {
            for need in &table.needs {
                assert!(
                    tables.iter().take(at).any(|earlier| earlier.name == *need),
                    "{} before {need}",
                    table.name
                );
            }
        }
        let assets = tables.iter().find(|table| table.name == "assets").unwrap();
        assert_eq!(assets.made.as_deref(), Some("id"));
        assert_eq!(assets.late, ["merged_into"]);
        assert_eq!(assets.key, ["id"]);
        let items = tables.iter().find(|table| table.name == "items").unwrap();
        assert_eq!(items.key, ["device_id", "section", "source", "key", "principal"]);
        assert_eq!(items.made, None);
    }

    #[test]
    fn a_circle_of_tables_is_refused() {
        let shape = |name: &str, need: &str| Shape {
            name: name.to_owned(),
            columns: vec!["id".to_owned()],
            key: vec!["id".to_owned()],
            made: None,
            late: Vec::new(),
            needs: BTreeSet::from([need.to_owned()]),
            seeded: 0,
        };
        let error = in_order(vec![shape("a", "b"), shape("b", "a")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("a, b"), "{error}");
    }
}
