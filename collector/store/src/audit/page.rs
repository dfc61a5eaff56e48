//! Reading the audit log: as it is stored, and for people.

use deskwarden_domain::{
    model::{AuditEntry, AuditFilter, AuditRecord},
    port::{Page, Paging, StoreResult},
};

use crate::sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, like, unsigned, window};

use super::pseudonym::{Names, known};

const COLUMNS: &str = "sequence, at, actor, action, object, detail, hash";

/// Records from a sequence on, as the chain holds them.
pub(super) fn stored(
    connection: &mut dyn Connection,
    from: i64,
    limit: i64,
) -> StoreResult<Vec<AuditRecord>> {
    connection.rows(
        &format!("SELECT {COLUMNS} FROM audit WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2"),
        &[Cell::Int(from), Cell::Int(limit)],
        record,
    )
}

/// Records from a sequence on, for people.
pub(crate) fn records(
    connection: &mut dyn Connection,
    from: i64,
    limit: i64,
) -> StoreResult<Vec<AuditRecord>> {
    let mut rows = stored(connection, from, limit)?;
    reveal(connection, &mut rows)?;
    Ok(rows)
}

/// Records that a filter lets through, newest first.
pub(crate) fn page(
    connection: &mut dyn Connection,
    filter: &AuditFilter,
    paging: Paging,
) -> StoreResult<Page<AuditRecord>> {
    let actor = match &filter.actor {
        Some(name) => Some(known(connection, name)?.unwrap_or_else(|| name.clone())),
        None => None,
    };
    let people = match &filter.text {
        Some(text) => named_like(connection, text)?,
        None => Vec::new(),
    };
    let mut c = Conditions::new();
    if let Some(actor) = &actor {
        let actor = c.bind(Cell::Text(actor));
        c.and(format!("actor = {actor}"));
    }
    if let Some(action) = &filter.action {
        let (from, to) = (c.bind(Cell::Text(action)), c.bind(Cell::Text(action)));
        c.and(format!(
            "action >= {from} AND SUBSTR(action, 1, LENGTH({to})) = {to}"
        ));
    }
    if let Some(object) = &filter.object {
        let object = c.bind(Cell::Text(object));
        c.and(format!("object = {object}"));
    }
    if let Some(since) = filter.since {
        let since = c.bind(Cell::Int(since));
        c.and(format!("at >= {since}"));
    }
    if let Some(until) = filter.until {
        let until = c.bind(Cell::Int(until));
        c.and(format!("at < {until}"));
    }
    if let Some(before) = filter.before {
        let before = c.bind(Cell::Int(before));
        c.and(format!("sequence < {before}"));
    }
    if let Some(text) = &filter.text {
        let mut tests = Vec::new();
        for pseudonym in &people {
            let exact = c.bind(Cell::Text(pseudonym));
            let inside = c.pattern(pseudonym);
            tests.push(format!(
                "actor = {exact} OR {} OR {}",
                like("object", &inside),
                like("detail", &inside)
            ));
        }
        let words = c.pattern(text);
        tests.push(
            ["action", "object", "detail"]
                .map(|column| like(column, &words))
                .join(" OR "),
        );
        c.and(format!("({})", tests.join(" OR ")));
    }
    let mut params = c.params();
    let total = connection.number(&format!("SELECT COUNT(*) FROM audit{}", c.sql()), &params)?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let mut rows = connection.rows(
        &format!(
            "SELECT {COLUMNS} FROM audit{} ORDER BY sequence DESC LIMIT ?{limit} OFFSET ?{offset}",
            c.sql()
        ),
        &params,
        record,
    )?;
    reveal(connection, &mut rows)?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

/// What somebody did, and what names them, oldest first.
pub(crate) fn about(connection: &mut dyn Connection, name: &str) -> StoreResult<Vec<AuditRecord>> {
    let Some(pseudonym) = known(connection, name)? else {
        return Ok(Vec::new());
    };
    let mut c = Conditions::new();
    let (actor, inside) = (c.bind(Cell::Text(&pseudonym)), c.pattern(&pseudonym));
    c.and(format!(
        "(actor = {actor} OR {} OR {})",
        like("object", &inside),
        like("detail", &inside)
    ));
    let mut rows = connection.rows(
        &format!("SELECT {COLUMNS} FROM audit{} ORDER BY sequence", c.sql()),
        &c.params(),
        record,
    )?;
    reveal(connection, &mut rows)?;
    Ok(rows)
}

/// Pseudonyms of people whose names hold a text.
fn named_like(connection: &mut dyn Connection, text: &str) -> StoreResult<Vec<String>> {
    let mut c = Conditions::new();
    let pattern = c.pattern(text);
    c.and(like("name", &pattern));
    connection.rows(
        &format!(
            "SELECT pseudonym FROM pseudonyms{} ORDER BY pseudonym LIMIT 20",
            c.sql()
        ),
        &c.params(),
        |r| r.string(),
    )
}

fn reveal(connection: &mut dyn Connection, rows: &mut [AuditRecord]) -> StoreResult<()> {
    let mut names = Names::default();
    for row in rows {
        names.reveal(connection, &mut row.entry)?;
    }
    Ok(())
}

fn record(r: &mut Reader<'_>) -> StoreResult<AuditRecord> {
    Ok(AuditRecord {
        sequence: r.int()?,
        entry: AuditEntry {
            at: r.int()?,
            actor: r.string()?,
            action: r.string()?,
            object: r.string()?,
            detail: r.string()?,
        },
        hash: r.array()?,
    })
}
