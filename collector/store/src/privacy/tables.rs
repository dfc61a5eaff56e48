//! The tables and columns that can hold something of a person. A new table with a person in it gets a line in
//! [`NAMED`] or [`OWNED`]; a test reads the schema and fails until it has.

/// A column that names a person, and what of its row is theirs to see.
pub(super) struct Named {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    /// Columns that are handed out.
    pub(super) shown: &'static [&'static str],
    /// Whether the name may be empty.
    pub(super) nullable: bool,
}

/// Columns that hold a person's name.
pub(super) const NAMED: &[Named] = &[
    Named {
        table: "assets",
        column: "custodian",
        shown: &["id", "number", "name", "custodian", "department", "state"],
        nullable: true,
    },
    Named {
        table: "assets",
        column: "responsible",
        shown: &["id", "number", "name", "responsible", "provider"],
        nullable: true,
    },
    Named {
        table: "asset_history",
        column: "actor",
        shown: &["asset_id", "at", "field", "was", "becomes"],
        nullable: false,
    },
    Named {
        table: "asset_history",
        column: "was",
        shown: &["asset_id", "at", "field"],
        nullable: false,
    },
    Named {
        table: "asset_history",
        column: "becomes",
        shown: &["asset_id", "at", "field"],
        nullable: false,
    },
    Named {
        table: "book_rows",
        column: "actor",
        shown: &["book", "key", "at"],
        nullable: false,
    },
    Named {
        table: "ledger",
        column: "owner",
        shown: &["address", "mac", "owner", "place"],
        nullable: true,
    },
    Named {
        table: "finding_history",
        column: "actor",
        shown: &["finding_id", "at", "to_state", "note"],
        nullable: false,
    },
    Named {
        table: "baseline",
        column: "accepted_by",
        shown: &["asset_id", "section", "key", "accepted_at"],
        nullable: false,
    },
    Named {
        table: "approvals",
        column: "approver",
        shown: &["id", "rule", "subject", "reason", "starts_at", "ends_at"],
        nullable: false,
    },
    Named {
        table: "approvals",
        column: "granted_by",
        shown: &["id", "rule", "subject", "reason", "granted_at"],
        nullable: false,
    },
    Named {
        table: "approvals",
        column: "withdrawn_by",
        shown: &["id", "rule", "subject", "withdrawn_reason", "withdrawn_at"],
        nullable: true,
    },
    Named {
        table: "acknowledgements",
        column: "name",
        shown: &["device_id", "version", "name", "at"],
        nullable: false,
    },
    Named {
        table: "links",
        column: "actor",
        shown: &["from_asset", "to_asset", "at"],
        nullable: false,
    },
    Named {
        table: "tokens",
        column: "created_by",
        shown: &["id", "label", "created_at"],
        nullable: false,
    },
    Named {
        table: "api_tokens",
        column: "created_by",
        shown: &["id", "label", "created_at"],
        nullable: false,
    },
    Named {
        table: "alert_definitions",
        column: "changed_by",
        shown: &["kind", "name", "changed_at"],
        nullable: false,
    },
    Named {
        table: "notices",
        column: "name",
        shown: &["number", "name", "issued_at", "due_at", "demand", "state"],
        nullable: false,
    },
    Named {
        table: "notices",
        column: "issued_by",
        shown: &["number", "issued_at"],
        nullable: false,
    },
    Named {
        table: "notices",
        column: "closed_by",
        shown: &["number", "closed_at", "closed_note"],
        nullable: true,
    },
    Named {
        table: "notice_replies",
        column: "author",
        shown: &["notice_id", "at", "objection", "text"],
        nullable: false,
    },
    Named {
        table: "notice_replies",
        column: "recorded_by",
        shown: &["notice_id", "at"],
        nullable: false,
    },
    Named {
        table: "admission_tokens",
        column: "created_by",
        shown: &["id", "provider", "purpose", "created_at"],
        nullable: false,
    },
    Named {
        table: "inspections",
        column: "started_by",
        shown: &["id", "label", "at"],
        nullable: false,
    },
    Named {
        table: "inspection_rows",
        column: "custodian",
        shown: &["inspection_id", "asset_id", "number", "name", "department"],
        nullable: true,
    },
    Named {
        table: "reassessments",
        column: "settled_by",
        shown: &["id", "provider", "finding_id", "settled_at", "note"],
        nullable: true,
    },
];

/// A table with rows of a device's account.
pub(super) struct Owned {
    pub(super) table: &'static str,
    pub(super) shown: &'static [&'static str],
    /// Column with a facet's id, handed out as the facet's bytes.
    pub(super) facet: Option<&'static str>,
}

/// Tables whose rows have `device_id` and `principal`.
pub(super) const OWNED: &[Owned] = &[
    Owned {
        table: "items",
        shown: &[
            "section",
            "source",
            "key",
            "principal",
            "first_seen",
            "changed_at",
        ],
        facet: Some("facet_id"),
    },
    Owned {
        table: "changes",
        shown: &[
            "section",
            "source",
            "key",
            "principal",
            "kind",
            "received_at",
            "observed_at",
        ],
        facet: Some("after_id"),
    },
    Owned {
        table: "events",
        shown: &["kind", "section", "key", "principal", "at"],
        facet: Some("facet_id"),
    },
    Owned {
        table: "evidence",
        shown: &[
            "rule",
            "subject",
            "section",
            "key",
            "principal",
            "subject_name",
            "since",
        ],
        facet: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns of which a person's name or account could be told, by how they are called.
    fn tells(column: &str) -> bool {
        [
            "custodian",
            "owner",
            "actor",
            "approver",
            "responsible",
            "principal",
            "author",
        ]
        .contains(&column)
            || (column.ends_with("_by") && !column.starts_with("sorted"))
    }

    /// Read with a row of another table, or no person.
    const ELSEWHERE: [&str; 3] = ["audit.actor", "baseline.principal", "withheld.principal"];

    #[test]
    fn every_column_that_names_a_person_is_handed_out_and_erased() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dw.db");
        drop(crate::open(&format!("sqlite:{}", path.display())).unwrap());
        let raw = rusqlite::Connection::open(path).unwrap();
        let mut statement = raw
            .prepare(
                "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c
                 WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let columns = statement
            .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
            .unwrap();
        let mut seen = 0;
        for (table, column) in columns.map(Result::unwrap) {
            if !tells(&column) {
                continue;
            }
            seen += 1;
            let known = NAMED
                .iter()
                .any(|named| named.table == table && named.column == column)
                || (column == "principal" && OWNED.iter().any(|owned| owned.table == table))
                || ELSEWHERE.contains(&format!("{table}.{column}").as_str());
            assert!(
                known,
                "{table}.{column} may name a person: add it to NAMED or OWNED"
            );
        }
        assert!(seen >= 12, "{seen}");
    }
}
