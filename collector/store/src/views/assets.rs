//! Assets in lists and one by one.

use deskwarden_domain::{
    model::{AssetId, Device},
    port::{AssetFilter, AssetRow, Page, Paging, StoreResult},
};

use crate::{
    rows::{self, ASSET, DEVICE, DEVICE_COLUMNS, DEVICE_FROM},
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Kind, Lookup, Reader, like, unsigned, window},
};

const COLUMNS: &str = "a.active_low, a.active_medium, a.active_high, a.active_critical";
const FROM: &str =
    "assets a LEFT JOIN devices d ON d.id = a.current_device LEFT JOIN streams s ON s.device_id = d.id";

/// Assets with when their device was heard: what [`silent`] needs.
pub(super) const HEARD: &str = "assets a JOIN streams s ON s.device_id = a.current_device";

/// A search that finds no more than this reads the assets once.
const FEW: usize = 500;

/// Flagged first, then by name.
pub(super) fn list(
    connection: &mut dyn Connection,
    filter: &AssetFilter,
    paging: Paging,
) -> StoreResult<Page<AssetRow>> {
    let mut conditions = conditions(filter);
    // Streams are joined for the count only where it is limited by them.
    let counted = if filter.silent_since.is_some() {
        HEARD
    } else {
        "assets a"
    };
    if (filter.text.is_some() || filter.silent_since.is_some()) && filter.before.is_none() {
        let ids = connection.rows(
            &format!("SELECT a.id FROM {counted}{} LIMIT {}", conditions.sql(), FEW + 1),
            &conditions.params(),
            |r| r.int(),
        )?;
        if ids.len() <= FEW {
            conditions = Conditions::new();
            conditions.one_of_numbers("a.id", ids.iter().copied());
        }
    }
    let mut params = conditions.params();
    // Who goes on from a row asks for no number.
    let total = if filter.before.is_some() {
        None
    } else {
        let all = format!("SELECT COUNT(*) FROM {counted}{}", conditions.sql());
        Some(connection.number(&all, &params)?)
    };
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let order = if filter.before.is_some() {
        "a.id DESC"
    } else {
        "a.flagged DESC, a.name, a.id"
    };
    let mut rows = connection.rows(
        &format!(
            "SELECT {ASSET}, {COLUMNS}, {DEVICE} FROM {FROM}{}
             ORDER BY {order} LIMIT ?{limit} OFFSET ?{offset}",
            conditions.sql()
        ),
        &params,
        row,
    )?;
    addresses(connection, &mut rows)?;
    Ok(Page {
        total: total.map_or(rows.len() as u64, unsigned),
        rows,
    })
}

fn conditions(filter: &AssetFilter) -> Conditions<'_> {
    let mut c = Conditions::new();
    c.and("a.merged_into IS NULL");
    if filter.flagged {
        c.and("a.flagged = 1");
    }
    if let Some(department) = &filter.department {
        let department = c.bind(Cell::Text(department));
        c.and(format!("a.department = {department}"));
    }
    if filter.sight.is_limited() {
        c.one_of("a.department", filter.sight.departments());
    }
    if let Some(since) = filter.silent_since {
        let since = c.bind(Cell::Int(since));
        c.and(silent(&since));
    }
    if let Some(among) = &filter.among {
        c.one_of_numbers("a.id", among.iter().map(|asset| asset.0));
    }
    if let Some(before) = filter.before {
        let before = c.bind(Cell::Int(before));
        c.and(format!("a.id < {before}"));
    }
    if let Some(text) = &filter.text {
        c.words(text, |word| {
            let own = ["a.name", "a.number", "a.custodian", "a.department"]
                .map(|column| like(column, word))
                .join(" OR ");
            format!(
                "({own} OR a.id IN (SELECT asset_id FROM devices WHERE {})
                 OR a.id IN (SELECT asset_id FROM claims WHERE kind IN ('ip', 'mac', 'part_serial') AND {}))",
                like("hostname", word),
                like("value", word)
            )
        });
    }
    c
}

/// The condition of assets `a` with streams `s` that nobody heard of since a bound moment although their device did
/// not say goodbye. The few devices that are barred are looked up once, not each for itself.
pub(super) fn silent(since: &str) -> String {
    format!(
        "a.current_device NOT IN (SELECT id FROM devices WHERE status <> 'active')
         AND s.goodbye_at IS NULL AND (s.last_seen_at IS NULL OR s.last_seen_at < {since})"
    )
}

fn row(r: &mut Reader<'_>) -> StoreResult<AssetRow> {
    let asset = rows::asset(r)?;
    let mut findings = [0u64; 4];
    for count in &mut findings {
        *count = r.bits()?;
    }
    let device = if r.absent(DEVICE_COLUMNS)? {
        None
    } else {
        Some(rows::device(r)?)
    };
    Ok(AssetRow {
        asset,
        device,
        findings,
        addresses: Vec::new(),
    })
}

/// What the current devices say of themselves, for all rows at once.
fn addresses(connection: &mut dyn Connection, rows: &mut [AssetRow]) -> StoreResult<()> {
    let keys: Vec<Cell<'_>> = rows.iter().map(|row| Cell::Int(row.asset.id.0)).collect();
    let from = "claims c JOIN assets a ON a.id = c.asset_id AND a.current_device = c.device_id";
    let lookup =
        Lookup::new("c.value", from, &[("c.asset_id", Kind::Int)]).and("c.kind = 'ip' AND c.origin = 'own'");
    connection.lookup(&lookup, &keys, &mut |number, columns| {
        if let Some(row) = rows.get_mut(number) {
            row.addresses.push(Reader::new(columns).string()?);
        }
        Ok(())
    })?;
    // Here, not by the statement: SQLite would go through the addresses of all PCs, which an index has in order.
    for row in rows {
        row.addresses.sort_unstable();
        row.addresses.dedup();
    }
    Ok(())
}

/// An asset with all its devices, newest first.
pub(super) fn detail(
    connection: &mut dyn Connection,
    id: AssetId,
) -> StoreResult<Option<(AssetRow, Vec<Device>)>> {
    let sql = format!("SELECT {ASSET}, {COLUMNS}, {DEVICE} FROM {FROM} WHERE a.id = ?1");
    let mut found = connection.rows(&sql, &[Cell::Int(id.0)], row)?;
    addresses(connection, &mut found)?;
    let Some(row) = found.pop() else { return Ok(None) };
    let devices = connection.rows(
        &format!("SELECT {DEVICE} FROM {DEVICE_FROM} WHERE d.asset_id = ?1 ORDER BY d.id DESC"),
        &[Cell::Int(id.0)],
        rows::device,
    )?;
    Ok(Some((row, devices)))
}
