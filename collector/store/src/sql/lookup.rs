//! Finding the rows of many keys: one short statement per key on SQLite, where a call costs nothing, and
//! one statement for all keys on PostgreSQL, where a round trip does.

use super::{
    Column, Dialect,
    table::{Source, list},
};

/// A query by key.
pub(crate) struct Lookup {
    /// What to read.
    pub(crate) columns: std::borrow::Cow<'static, str>,
    /// Tables and joins.
    pub(crate) from: &'static str,
    /// Columns that must equal the cells of a key.
    pub(crate) keys: &'static [Column],
    /// Further condition.
    pub(crate) and: &'static str,
    /// Order of the rows of one key; empty where it does not matter.
    pub(crate) order: &'static str,
    /// Alias of the table whose rows nobody else may change until the transaction ends.
    pub(crate) lock: Option<&'static str>,
}

impl Lookup {
    /// A look-up without condition, order and lock.
    pub(crate) fn new(
        columns: impl Into<std::borrow::Cow<'static, str>>,
        from: &'static str,
        keys: &'static [Column],
    ) -> Self {
        Self {
            columns: columns.into(),
            from,
            keys,
            and: "",
            order: "",
            lock: None,
        }
    }

    /// With a further condition.
    pub(crate) fn and(mut self, condition: &'static str) -> Self {
        self.and = condition;
        self
    }

    /// With an order.
    pub(crate) fn order(mut self, order: &'static str) -> Self {
        self.order = order;
        self
    }

    /// With a lock on the rows of an alias.
    pub(crate) fn lock(mut self, alias: &'static str) -> Self {
        self.lock = Some(alias);
        self
    }

    /// The statement: for one key, or for arrays of all keys' cells with the key's number (from 1) first.
    pub(crate) fn sql(&self, dialect: Dialect) -> String {
        let Self {
            columns,
            from,
            and,
            order,
            ..
        } = self;
        let source = Source {
            dialect,
            columns: self.keys.to_vec(),
        };
        let test = list(
            self.keys
                .iter()
                .map(|(column, _)| format!("{column} = {}", source.value(column))),
            " AND ",
        );
        let and = if and.is_empty() {
            String::new()
        } else {
            format!(" AND {and}")
        };
        match dialect {
            Dialect::Sqlite => {
                let order = if order.is_empty() {
                    String::new()
                } else {
                    format!(" ORDER BY {order}")
                };
                format!("SELECT {columns} FROM {from} WHERE {test}{and}{order}")
            }
            Dialect::Postgres => {
                let comma = if order.is_empty() { "" } else { ", " };
                let lock = self
                    .lock
                    .map(|alias| format!(" FOR UPDATE OF {alias}"))
                    .unwrap_or_default();
                format!(
                    "SELECT r.n, {columns} FROM UNNEST({}) WITH ORDINALITY AS r({}, n), {from} WHERE {test}{and} \
                     ORDER BY r.n{comma}{order}{lock}",
                    source.arrays(),
                    source.names(),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Kind;

    #[test]
    fn both_dialects_ask_the_same() {
        let lookup = Lookup::new("t.v", "t", &[("t.a", Kind::Int)])
            .order("t.v")
            .lock("t");
        assert_eq!(
            lookup.sql(Dialect::Sqlite),
            "SELECT t.v FROM t WHERE t.a = ?1 ORDER BY t.v"
        );
        assert_eq!(
            lookup.sql(Dialect::Postgres),
            "SELECT r.n, t.v FROM UNNEST(?1::BIGINT[]) WITH ORDINALITY AS r(c1, n), t WHERE t.a = r.c1 \
             ORDER BY r.n, t.v FOR UPDATE OF t"
        );
    }
}
