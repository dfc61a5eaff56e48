//! Writing many rows of one table: the statement for one row, executed again and again by SQLite, and the
//! statement for all rows at once for PostgreSQL, both from one description.

use std::fmt::Write as _;

use super::Dialect;

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Numbers.
    Int,
    /// Gauges.
    Real,
    /// Words.
    Text,
    /// Bytes and digests.
    Blob,
}

impl Kind {
    /// PostgreSQL's array of it.
    const fn array(self) -> &'static str {
        match self {
            Self::Int => "BIGINT[]",
            Self::Real => "DOUBLE PRECISION[]",
            Self::Text => "TEXT[]",
            Self::Blob => "BYTEA[]",
        }
    }
}

/// A column: its name, and its type.
pub(crate) type Column = (&'static str, Kind);

/// What is done with rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verb {
    /// Insert; a row of that key must not exist.
    Add,
    /// Insert unless a row of that key exists.
    AddNew,
    /// Insert, or replace everything but the kept columns.
    Put,
    /// Change the values of an existing row.
    Change,
    /// Delete by key.
    Remove,
}

/// A table as far as rows are written to it in numbers.
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// What identifies a row; empty where rows are only added.
    pub(crate) keys: &'static [Column],
    /// What is replaced.
    pub(crate) values: &'static [Column],
    /// What is written with a new row, and kept afterwards.
    pub(crate) kept: &'static [Column],
}

impl Table {
    /// The columns of a row for a verb, keys first.
    pub(crate) fn columns(&self, verb: Verb) -> impl Iterator<Item = &'static Column> + Clone {
        let (values, kept): (&'static [Column], &'static [Column]) = match verb {
            Verb::Remove => (&[], &[]),
            Verb::Change => (self.values, &[]),
            _ => (self.values, self.kept),
        };
        self.keys.iter().chain(values).chain(kept)
    }

    /// The statement: for one row (`?1`...) or for arrays of all rows' columns, by dialect.
    pub(crate) fn sql(&self, verb: Verb, dialect: Dialect) -> String {
        let name = self.name;
        let source = Source {
            dialect,
            columns: self.columns(verb).copied().collect(),
        };
        let mut sql = match verb {
            Verb::Add | Verb::AddNew | Verb::Put => {
                let columns = list(
                    source.columns.iter().map(|(column, _)| (*column).to_owned()),
                    ", ",
                );
                match dialect {
                    Dialect::Sqlite => format!(
                        "INSERT INTO {name} ({columns}) VALUES ({})",
                        source.placeholders()
                    ),
                    Dialect::Postgres => {
                        format!("INSERT INTO {name} ({columns}) SELECT * FROM {}", source.unnest())
                    }
                }
            }
            Verb::Change => {
                let sets = list(
                    self.values
                        .iter()
                        .map(|(column, _)| format!("{column} = {}", source.value(column))),
                    ", ",
                );
                match dialect {
                    Dialect::Sqlite => format!("UPDATE {name} SET {sets}"),
                    Dialect::Postgres => format!("UPDATE {name} SET {sets} FROM {}", source.unnest()),
                }
            }
            Verb::Remove => match dialect {
                Dialect::Sqlite => format!("DELETE FROM {name}"),
                Dialect::Postgres => format!("DELETE FROM {name} USING {}", source.unnest()),
            },
        };
        let keys = || list(self.keys.iter().map(|(column, _)| (*column).to_owned()), ", ");
        match verb {
            Verb::Add => {}
            Verb::AddNew => sql.push_str(" ON CONFLICT DO NOTHING"),
            Verb::Put if self.values.is_empty() => sql.push_str(" ON CONFLICT DO NOTHING"),
            Verb::Put => {
                let sets = list(
                    self.values
                        .iter()
                        .map(|(column, _)| format!("{column} = excluded.{column}")),
                    ", ",
                );
                let _written = write!(sql, " ON CONFLICT ({}) DO UPDATE SET {sets}", keys());
            }
            Verb::Change | Verb::Remove => {
                let test = self
                    .keys
                    .iter()
                    .map(|(column, _)| format!("{name}.{column} = {}", source.value(column)));
                let _written = write!(sql, " WHERE {}", list(test, " AND "));
            }
        }
        sql
    }
}

/// Where the cells of a statement come from.
pub(super) struct Source {
    pub(super) dialect: Dialect,
    pub(super) columns: Vec<Column>,
}

impl Source {
    /// `?1, ?2, ...`
    fn placeholders(&self) -> String {
        list((1..=self.columns.len()).map(|n| format!("?{n}")), ", ")
    }

    /// `UNNEST(?1::BIGINT[], ...) AS r(c1, ...)`
    fn unnest(&self) -> String {
        format!("UNNEST({}) AS r({})", self.arrays(), self.names())
    }

    pub(super) fn arrays(&self) -> String {
        list(
            self.columns
                .iter()
                .enumerate()
                .map(|(n, (_, kind))| format!("?{}::{}", n + 1, kind.array())),
            ", ",
        )
    }

    pub(super) fn names(&self) -> String {
        list((1..=self.columns.len()).map(|n| format!("c{n}")), ", ")
    }

    /// How the statement refers to the cell of a column.
    pub(super) fn value(&self, column: &str) -> String {
        let number = self
            .columns
            .iter()
            .position(|(name, _)| *name == column)
            .map_or(0, |at| at + 1);
        match self.dialect {
            Dialect::Sqlite => format!("?{number}"),
            Dialect::Postgres => format!("r.c{number}"),
        }
    }
}

pub(super) fn list(parts: impl Iterator<Item = String>, separator: &str) -> String {
    parts.collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Table = Table {
        name: "t",
        keys: &[("a", Kind::Int), ("b", Kind::Text)],
        values: &[("v", Kind::Blob)],
        kept: &[("k", Kind::Int)],
    };

    #[test]
    fn both_dialects_say_the_same() {
        assert_eq!(
            T.sql(Verb::Put, Dialect::Sqlite),
            "INSERT INTO t (a, b, v, k) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (a, b) DO UPDATE SET v = excluded.v"
        );
        assert_eq!(
            T.sql(Verb::Put, Dialect::Postgres),
            "INSERT INTO t (a, b, v, k) SELECT * FROM UNNEST(?1::BIGINT[], ?2::TEXT[], ?3::BYTEA[], ?4::BIGINT[]) \
             AS r(c1, c2, c3, c4) ON CONFLICT (a, b) DO UPDATE SET v = excluded.v"
        );
        assert_eq!(
            T.sql(Verb::Remove, Dialect::Sqlite),
            "DELETE FROM t WHERE t.a = ?1 AND t.b = ?2"
        );
        assert_eq!(
            T.sql(Verb::Remove, Dialect::Postgres),
            "DELETE FROM t USING UNNEST(?1::BIGINT[], ?2::TEXT[]) AS r(c1, c2) WHERE t.a = r.c1 AND t.b = r.c2"
        );
        assert_eq!(
            T.sql(Verb::Change, Dialect::Postgres),
            "UPDATE t SET v = r.c3 FROM UNNEST(?1::BIGINT[], ?2::TEXT[], ?3::BYTEA[]) AS r(c1, c2, c3) \
             WHERE t.a = r.c1 AND t.b = r.c2"
        );
    }
}
