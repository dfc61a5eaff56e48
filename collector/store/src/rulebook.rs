//! Versions of rules, and settings: what raises the generation that judging runs under.

use deskwarden_domain::{
    model::AuditEntry,
    port::{RuleVersion, RuleVersionState, Rulebook, StoreError, StoreResult},
};

use crate::{
    Database, audit,
    generation::raise_generation,
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

const VERSION: &str = "id, file, content, hash, origin, imported_at, state, faults, removed";

impl Rulebook for Database {
    fn rules_in_force(&self) -> StoreResult<Vec<RuleVersion>> {
        self.read(|connection| {
            connection.rows(
                &format!(
                    "SELECT {VERSION} FROM rule_versions WHERE removed = 0 AND id IN
                     (SELECT MAX(id) FROM rule_versions WHERE state = 'accepted' GROUP BY file) ORDER BY file"
                ),
                &[],
                version,
            )
        })
    }

    fn add_rule_version(&self, version: &RuleVersion, audit: &AuditEntry) -> StoreResult<i64> {
        self.write(|connection| {
            if version.state == RuleVersionState::Accepted {
                // First, so that versions of one moment get their ids in the order of generations.
                raise_generation(connection)?;
            }
            add(connection, version, audit)
        })
    }

    fn replace_rule_version(
        &self,
        version: &RuleVersion,
        replaced: i64,
        audit: &AuditEntry,
    ) -> StoreResult<i64> {
        self.write(|connection| {
            // First, so that of two who replace the same version the second one waits, and then sees the first.
            raise_generation(connection)?;
            let newest = connection.row(
                "SELECT id, removed FROM rule_versions WHERE file = ?1 AND state = 'accepted' ORDER BY id DESC LIMIT 1",
                &[Cell::Text(&version.file)],
                |r| Ok((r.int()?, r.flag()?)),
            )?;
            let in_force = newest.map_or(0, |(id, removed)| if removed { 0 } else { id });
            if in_force != replaced {
                return Err(StoreError::Stale);
            }
            add(connection, version, audit)
        })
    }

    fn rule_version_known(&self, file: &str, hash: &[u8; 32]) -> StoreResult<bool> {
        self.read(|connection| {
            let found = connection.row(
                "SELECT id FROM rule_versions WHERE file = ?1 AND hash = ?2 LIMIT 1",
                &[Cell::Text(file), Cell::from(hash)],
                |r| r.int(),
            )?;
            Ok(found.is_some())
        })
    }

    fn rule_versions(&self, limit: usize) -> StoreResult<Vec<RuleVersion>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|connection| {
            let sql = format!("SELECT {VERSION} FROM rule_versions ORDER BY id DESC LIMIT ?1");
            connection.rows(&sql, &[Cell::Int(limit)], version)
        })
    }

    fn setting(&self, name: &str) -> StoreResult<Option<String>> {
        self.read(|connection| {
            connection.row(
                "SELECT value FROM settings WHERE name = ?1",
                &[Cell::Text(name)],
                |r| r.string(),
            )
        })
    }

    fn put_setting(&self, name: &str, value: &str, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            raise_generation(connection)?;
            connection.execute(
                "INSERT INTO settings (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[Cell::Text(name), Cell::Text(value)],
            )?;
            audit::append(connection, audit)
        })
    }
}

fn add(connection: &mut dyn Connection, version: &RuleVersion, audit: &AuditEntry) -> StoreResult<i64> {
    let id = connection.row(
        "INSERT INTO rule_versions (file, content, hash, origin, imported_at, state, faults, removed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
        &[
            Cell::Text(&version.file),
            Cell::Text(&version.content),
            Cell::from(&version.hash),
            Cell::Text(&version.origin),
            Cell::Int(version.imported_at),
            Cell::Text(version.state.name()),
            Cell::Text(&version.faults),
            Cell::flag(version.removed),
        ],
        |r| r.int(),
    )?;
    audit::append(connection, audit)?;
    id.ok_or_else(|| StoreError::Damaged("a rule version was written without an id".into()))
}

fn version(r: &mut Reader<'_>) -> StoreResult<RuleVersion> {
    Ok(RuleVersion {
        id: r.int()?,
        file: r.string()?,
        content: r.string()?,
        hash: r.array()?,
        origin: r.string()?,
        imported_at: r.int()?,
        state: r.named(RuleVersionState::by_name)?,
        faults: r.string()?,
        removed: r.flag()?,
    })
}
