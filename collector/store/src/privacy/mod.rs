//! What belongs to a person is handed out and erased, in every table that can hold something of one ([`tables`]).

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    model::AuditEntry,
    port::{Privacy, Rows, StoreError, StoreResult, Subject},
};
use deskwarden_proto::{ids::DeviceId, v1::Section};
use serde_json::{Map, Value, json};

use crate::{
    Database, audit,
    due::make_due,
    notices,
    register::books,
    saved,
    sql::{Cell, Connection, ConnectionExt as _},
};
use tables::{NAMED, OWNED, Owned};

/// Written in the place of a name that cannot be empty.
const ERASED: &str = "—";

impl Privacy for Database {
    fn accounts(
        &self,
        sections: &[Section],
        is_of: &dyn Fn(&[u8]) -> bool,
        principal: &str,
    ) -> StoreResult<Vec<(DeviceId, String)>> {
        self.read(|connection| {
            let mut found: BTreeSet<(DeviceId, String)> = BTreeSet::new();
            for section in sections {
                // Facets are few, their items many.
                let number = Cell::Int(i64::from(*section as i32));
                let facets = connection.rows(
                    "SELECT id, bytes FROM facets f WHERE EXISTS
                     (SELECT 1 FROM items i WHERE i.facet_id = f.id AND i.section = ?1)",
                    &[number],
                    |r| Ok((r.int()?, is_of(r.blob()?))),
                )?;
                for (facet, _) in facets.into_iter().filter(|(_, own)| *own) {
                    found.extend(connection.rows(
                        "SELECT d.uid, i.principal FROM items i JOIN devices d ON d.id = i.device_id
                         WHERE i.facet_id = ?1 AND i.section = ?2 AND i.principal <> ''",
                        &[Cell::Int(facet), number],
                        |r| Ok((DeviceId::from_random(r.array()?), r.string()?)),
                    )?);
                }
            }
            // A uid is somebody else on every PC; a SID is one person everywhere.
            if principal.starts_with("S-1-") {
                found.extend(connection.rows(
                    "SELECT DISTINCT d.uid, i.principal FROM items i JOIN devices d ON d.id = i.device_id
                     WHERE i.principal = ?1 AND i.principal <> ''",
                    &[Cell::Text(principal)],
                    |r| Ok((DeviceId::from_random(r.array()?), r.string()?)),
                )?);
            }
            Ok(found.into_iter().collect())
        })
    }

    fn subject(&self, subject: &Subject) -> StoreResult<Rows> {
        self.read(|connection| {
            let mut rows = Rows::new();
            for named in NAMED {
                let sql = format!(
                    "SELECT {} FROM {} WHERE {} = ?1",
                    named.shown.join(", "),
                    named.table,
                    named.column
                );
                let found = values(connection, &sql, &[Cell::Text(&subject.name)], named.shown)?;
                rows.entry(named.table).or_default().extend(found);
            }
            let named = books::naming(connection, &subject.name)?;
            rows.entry("book_rows").or_default().extend(named);
            let views = saved::naming(connection, &subject.name)?;
            rows.entry("saved_views").or_default().extend(views);
            let lines = notices::naming(connection, &subject.name)?;
            rows.entry("notice_lines").or_default().extend(lines);
            for (device, principal) in &subject.accounts {
                let Some(row) = row_of(connection, *device)? else {
                    continue;
                };
                for owned in OWNED {
                    let found = owned_rows(connection, owned, row, *device, principal)?;
                    rows.entry(owned.table).or_default().extend(found);
                }
                if row_withheld(connection, row, principal)? {
                    rows.entry("withheld")
                        .or_default()
                        .push(json!({"device": device.to_string(), "principal": principal}));
                }
            }
            let account = ["id", "name", "roles", "source", "created_at", "last_sign_in_at", "disabled_at"];
            let found = values(
                connection,
                &format!("SELECT {} FROM users WHERE name = ?1", account.join(", ")),
                &[Cell::Text(&subject.name)],
                &account,
            )?;
            rows.entry("users").or_default().extend(found);
            let log = audit::about(connection, &subject.name)?;
            rows.entry("audit").or_default().extend(log.iter().map(|record| {
                json!({
                    "sequence": record.sequence, "at": record.entry.at, "actor": record.entry.actor,
                    "action": record.entry.action, "object": record.entry.object, "detail": record.entry.detail,
                })
            }));
            rows.retain(|_, rows| !rows.is_empty());
            Ok(rows)
        })
    }

    fn erase(&self, subject: &Subject, entry: &AuditEntry) -> StoreResult<BTreeMap<&'static str, u64>> {
        self.write(|connection| {
            let mut erased = BTreeMap::new();
            let name = Cell::Text(&subject.name);
            let user = connection.row_locked(
                "SELECT id, disabled_at FROM users WHERE name = ?1",
                &[name],
                |r| Ok((r.int()?, r.opt_int()?)),
            )?;
            match user {
                Some((_, None)) => {
                    return Err(StoreError::Conflict(
                        "this person may sign in: switch the account off first".into(),
                    ));
                }
                Some((id, Some(_))) => {
                    for table in ["sessions", "recovery_codes", "saved_views"] {
                        let sql = format!("DELETE FROM {table} WHERE user_id = ?1");
                        connection.execute(&sql, &[Cell::Int(id)])?;
                    }
                    connection.execute("DELETE FROM sign_in_counters WHERE name = ?1", &[name])?;
                    let gone = connection.execute("DELETE FROM users WHERE id = ?1", &[Cell::Int(id)])?;
                    erased.insert("users", gone);
                }
                None => {}
            }
            let of_custodian =
                connection.rows("SELECT id FROM assets WHERE custodian = ?1", &[name], |r| r.int())?;
            for named in NAMED {
                let instead = if named.nullable {
                    Cell::Null
                } else {
                    Cell::Text(ERASED)
                };
                let sql = format!("UPDATE {} SET {1} = ?2 WHERE {1} = ?1", named.table, named.column);
                let gone = connection.execute(&sql, &[name, instead])?;
                *erased.entry(named.table).or_default() += gone;
            }
            let forgotten = books::forget(connection, &subject.name, ERASED)?;
            *erased.entry("book_rows").or_default() += forgotten;
            let forgotten = saved::forget(connection, &subject.name)?;
            *erased.entry("saved_views").or_default() += forgotten;
            let forgotten = notices::forget(connection, &subject.name, ERASED)?;
            *erased.entry("notice_lines").or_default() += forgotten;
            let mut due: BTreeSet<i64> = of_custodian.into_iter().collect();
            for (device, principal) in &subject.accounts {
                let Some(row) = row_of(connection, *device)? else {
                    continue;
                };
                for (table, gone) in erase_account(connection, row, principal, entry.at)? {
                    *erased.entry(table).or_default() += gone;
                }
                due.extend(connection.row(
                    "SELECT asset_id FROM devices WHERE id = ?1",
                    &[Cell::Int(row)],
                    |r| r.int(),
                )?);
            }
            for asset in due {
                make_due(connection, asset, entry.at)?;
            }
            audit::append(connection, entry)?;
            let forgotten = audit::forget(connection, &subject.name)?;
            erased.insert("pseudonyms", forgotten);
            erased.retain(|_, count| *count > 0);
            Ok(erased)
        })
    }

    fn withheld(&self) -> StoreResult<Vec<(DeviceId, Vec<String>)>> {
        self.read(|connection| {
            let rows = connection.rows(
                "SELECT d.uid, w.principal FROM withheld w JOIN devices d ON d.id = w.device_id
                 ORDER BY d.uid, w.principal",
                &[],
                |r| Ok((DeviceId::from_random(r.array()?), r.string()?)),
            )?;
            let mut all: BTreeMap<DeviceId, Vec<String>> = BTreeMap::new();
            for (device, principal) in rows {
                all.entry(device).or_default().push(principal);
            }
            Ok(all.into_iter().collect())
        })
    }
}

fn row_of(connection: &mut dyn Connection, device: DeviceId) -> StoreResult<Option<i64>> {
    connection.row(
        "SELECT id FROM devices WHERE uid = ?1",
        &[Cell::from(device.as_bytes())],
        |r| r.int(),
    )
}

fn row_withheld(connection: &mut dyn Connection, device: i64, principal: &str) -> StoreResult<bool> {
    let count = connection.number(
        "SELECT COUNT(*) FROM withheld WHERE device_id = ?1 AND principal = ?2",
        &[Cell::Int(device), Cell::Text(principal)],
    )?;
    Ok(count > 0)
}

fn owned_rows(
    connection: &mut dyn Connection,
    owned: &Owned,
    row: i64,
    device: DeviceId,
    principal: &str,
) -> StoreResult<Vec<Value>> {
    let shown: Vec<String> = owned.shown.iter().map(|column| format!("t.{column}")).collect();
    let (facet, join, mut names) = match owned.facet {
        Some(id) => (
            ", f.bytes",
            format!(" LEFT JOIN facets f ON f.id = t.{id}"),
            owned.shown.to_vec(),
        ),
        None => ("", String::new(), owned.shown.to_vec()),
    };
    if owned.facet.is_some() {
        names.push("facet");
    }
    let sql = format!(
        "SELECT {}{facet} FROM {} t{join} WHERE t.device_id = ?1 AND t.principal = ?2",
        shown.join(", "),
        owned.table
    );
    let mut rows = values(connection, &sql, &[Cell::Int(row), Cell::Text(principal)], &names)?;
    for row in rows.iter_mut().filter_map(Value::as_object_mut) {
        row.insert("device".into(), device.to_string().into());
    }
    Ok(rows)
}

/// Rows as objects of the named columns.
fn values(
    connection: &mut dyn Connection,
    sql: &str,
    params: &[Cell<'_>],
    names: &[&str],
) -> StoreResult<Vec<Value>> {
    let mut rows = Vec::new();
    connection.query(sql, params, &mut |columns| {
        let mut object = Map::new();
        for (at, name) in names.iter().enumerate() {
            let value = match columns.cell(at)? {
                Cell::Null => Value::Null,
                Cell::Int(number) => number.into(),
                Cell::Real(number) => json!(number),
                Cell::Text(text) => text.into(),
                Cell::Blob(bytes) => hex(bytes).into(),
                Cell::Wide(number) => number.to_string().into(),
            };
            object.insert((*name).to_owned(), value);
        }
        rows.push(Value::Object(object));
        Ok(())
    })?;
    Ok(rows)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Erases an account's rows; the sums of its device's sections stay those of what is left.
fn erase_account(
    connection: &mut dyn Connection,
    device: i64,
    principal: &str,
    at: i64,
) -> StoreResult<Vec<(&'static str, u64)>> {
    let own = [Cell::Int(device), Cell::Text(principal)];
    let items = connection.rows(
        "SELECT section, digest FROM items WHERE device_id = ?1 AND principal = ?2",
        &own,
        |r| Ok((r.int()?, r.wide()?)),
    )?;
    let mut sums: BTreeMap<i64, (u128, i64)> = BTreeMap::new();
    for (section, digest) in items {
        let (sum, count) = sums.entry(section).or_default();
        *sum = sum.wrapping_add(digest);
        *count += 1;
    }
    for (section, (gone, count)) in sums {
        let key = [Cell::Int(device), Cell::Int(section)];
        let before = connection.row_locked(
            "SELECT digest, items FROM sums WHERE device_id = ?1 AND section = ?2",
            &key,
            |r| Ok((r.wide()?, r.int()?)),
        )?;
        if let Some((sum, items)) = before {
            connection.execute(
                "UPDATE sums SET digest = ?3, items = ?4 WHERE device_id = ?1 AND section = ?2",
                &[
                    key[0],
                    key[1],
                    Cell::Wide(sum.wrapping_sub(gone)),
                    Cell::Int(items - count),
                ],
            )?;
        }
    }
    let mut erased = Vec::new();
    for owned in OWNED {
        let sql = format!(
            "DELETE FROM {} WHERE device_id = ?1 AND principal = ?2",
            owned.table
        );
        erased.push((owned.table, connection.execute(&sql, &own)?));
    }
    erased.push((
        "baseline",
        connection.execute(
            "DELETE FROM baseline WHERE principal = ?2
             AND asset_id = (SELECT asset_id FROM devices WHERE id = ?1)",
            &own,
        )?,
    ));
    connection.execute(
        "INSERT INTO withheld (device_id, principal, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        &[own[0], own[1], Cell::Int(at)],
    )?;
    Ok(erased)
}
