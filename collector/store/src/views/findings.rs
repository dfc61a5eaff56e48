//! Findings in lists and one by one.

use deskwarden_domain::{
    model::{FindingHistory, FindingId, FindingState},
    port::{FindingDetail, FindingFilter, FindingRow, Page, Paging, StoreError, StoreResult},
};

use crate::{
    rows::{
        self, ACTIVE_AMONG_FEW, ASSET, ASSET_COLUMNS, DEVICE, DEVICE_FROM, EVIDENCE, EVIDENCE_FROM, FINDING,
        severity_rank,
    },
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, like, unsigned, window},
};

const FROM: &str = "findings f LEFT JOIN assets a ON a.id = f.asset_id";
/// The order of the index of open business, and of lists.
const WORST_FIRST: &str = "f.severity DESC, f.opened_at DESC, f.id DESC";
/// The same of few that something else names: no index in this order is worth a walk, which the sign says to SQLite.
const WORST_OF_FEW: &str = "+f.severity DESC, f.opened_at DESC, f.id DESC";
/// The order in which they came, backwards.
const NEWEST_FIRST: &str = "f.id DESC";
/// A search that finds no more than this reads the findings once.
const FEW: usize = 500;

/// Worst first, then newest.
pub(super) fn list(
    connection: &mut dyn Connection,
    filter: &FindingFilter,
    paging: Paging,
) -> StoreResult<Page<FindingRow>> {
    let found = conditions(filter);
    // Assets are joined for the count only where it is limited by them.
    let counted = if filter.sight.is_limited() {
        FROM
    } else {
        "findings f"
    };
    let in_order = reads_in_order(filter).then(|| format!(" ORDER BY {NEWEST_FIRST}"));
    if filter.text.is_some() && filter.before.is_none() {
        let ids = connection.rows(
            &format!(
                "SELECT f.id FROM {counted}{}{} LIMIT {}",
                found.sql(),
                in_order.as_deref().unwrap_or_default(),
                FEW + 1
            ),
            &found.params(),
            |r| r.int(),
        )?;
        if ids.len() <= FEW {
            return few(connection, &ids, paging);
        }
    }
    let mut params = found.params();
    // Who goes on from a row asks for no number.
    let total = match &in_order {
        _ if filter.before.is_some() => None,
        None => Some(format!("SELECT COUNT(*) FROM {counted}{}", found.sql())),
        Some(order) => Some(format!(
            "SELECT COUNT(*) FROM (SELECT 1 FROM {counted}{}{order} LIMIT {}) n",
            found.sql(),
            i64::MAX
        )),
    };
    let total = total.map(|all| connection.number(&all, &params)).transpose()?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let order = if filter.before.is_some() {
        NEWEST_FIRST
    } else if filter.asset.is_some() {
        WORST_OF_FEW
    } else {
        WORST_FIRST
    };
    let rows = connection.rows(
        &format!(
            "SELECT {FINDING}, {ASSET} FROM {FROM}{}
             ORDER BY {order} LIMIT ?{limit} OFFSET ?{offset}",
            found.sql()
        ),
        &params,
        row,
    )?;
    Ok(Page {
        total: total.map_or(rows.len() as u64, unsigned),
        rows,
    })
}

/// The page of few findings, which are known.
fn few(connection: &mut dyn Connection, ids: &[i64], paging: Paging) -> StoreResult<Page<FindingRow>> {
    let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let mut c = Conditions::new();
    c.one_of_numbers("f.id", ids.iter().copied());
    let mut params = c.params();
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let rows = connection.rows(
        &format!(
            "SELECT {FINDING}, {ASSET} FROM {FROM}{} ORDER BY {WORST_FIRST} LIMIT ?{limit} OFFSET ?{offset}",
            c.sql()
        ),
        &params,
        row,
    )?;
    Ok(Page { rows, total })
}

/// Whether what open business says must be read, and no index narrows it: rows in the order in which they came lie
/// beside each other, while every other index jumps for every row.
fn reads_in_order(filter: &FindingFilter) -> bool {
    let states = &filter.states;
    let active = !states.is_empty() && states.iter().all(|state| state.is_active());
    let every = FindingState::ACTIVE.iter().all(|state| states.contains(state));
    let narrowed = filter.rule.is_some() || filter.asset.is_some() || filter.clause.is_some();
    active && !narrowed && filter.before.is_none() && (filter.text.is_some() || !every)
}

fn conditions(filter: &FindingFilter) -> Conditions<'_> {
    let mut c = Conditions::new();
    let states = &filter.states;
    if !states.is_empty() {
        if states.iter().all(|state| state.is_active()) {
            // Says to the planner that the small index of open business holds them all.
            c.and(if filter.asset.is_some() || filter.sight.is_limited() {
                ACTIVE_AMONG_FEW
            } else {
                "f.active = 1"
            });
        }
        let every_active = FindingState::ACTIVE.iter().all(|state| states.contains(state));
        if !every_active || states.iter().any(|state| !state.is_active()) {
            let names: Vec<String> = states
                .iter()
                .map(|state| c.bind(Cell::Text(state.name())))
                .collect();
            c.and(format!("f.state IN ({})", names.join(", ")));
        }
    }
    if let Some(asset) = filter.asset {
        let asset = c.bind(Cell::Int(asset.0));
        c.and(format!("f.asset_id = {asset}"));
    }
    if let Some(rule) = &filter.rule {
        let rule = c.bind(Cell::Text(rule));
        c.and(format!("f.rule = {rule}"));
    }
    if !filter.proving.is_empty() {
        let rules: Vec<String> = filter
            .proving
            .iter()
            .map(|rule| c.bind(Cell::Text(rule)))
            .collect();
        c.and(format!("f.rule IN ({})", rules.join(", ")));
    } else if let Some(clause) = &filter.clause {
        let clause = c.bind(Cell::Text(clause));
        c.and(format!("f.clause = {clause}"));
    }
    if let Some(severity) = filter.severity {
        let rank = c.bind(Cell::Int(severity_rank(severity)));
        c.and(format!("f.severity >= {rank}"));
    }
    if filter.sight.is_limited() {
        c.one_of("a.department", filter.sight.departments());
    }
    if let Some(before) = filter.before {
        let before = c.bind(Cell::Int(before));
        c.and(format!("f.id < {before}"));
    }
    if let Some(text) = &filter.text {
        c.words(text, |word| {
            let any = |columns: &[&str]| {
                let each: Vec<String> = columns.iter().map(|column| like(column, word)).collect();
                each.join(" OR ")
            };
            // Assets are looked through once, not once per finding; a holder that is one says only its number.
            format!(
                "({} OR (f.asset_id IS NULL AND {}) OR f.asset_id IN (SELECT w.id FROM assets w WHERE {}))",
                any(&["f.subject", "f.subject_name"]),
                like("f.holder", word),
                any(&["w.name", "w.number", "w.custodian", "w.department"])
            )
        });
    }
    c
}

fn row(r: &mut Reader<'_>) -> StoreResult<FindingRow> {
    let finding = rows::finding(r)?;
    let id = finding
        .id
        .ok_or_else(|| StoreError::Damaged("a finding has no id".into()))?;
    let asset = if r.absent(ASSET_COLUMNS)? {
        None
    } else {
        Some(rows::asset(r)?)
    };
    Ok(FindingRow { finding, id, asset })
}

/// A finding with what shows it and its life.
pub(super) fn detail(connection: &mut dyn Connection, id: FindingId) -> StoreResult<Option<FindingDetail>> {
    let sql = format!("SELECT {FINDING}, {ASSET} FROM {FROM} WHERE f.id = ?1");
    let Some(row) = connection.row(&sql, &[Cell::Int(id.0)], row)? else {
        return Ok(None);
    };
    let history = connection.rows(
        "SELECT at, actor, from_state, to_state, note FROM finding_history WHERE finding_id = ?1 ORDER BY id",
        &[Cell::Int(id.0)],
        |r| {
            Ok(FindingHistory {
                at: r.int()?,
                actor: r.string()?,
                from: r.opt_named(FindingState::by_name)?,
                to: r.named(FindingState::by_name)?,
                note: r.string()?,
            })
        },
    )?;
    let (mut device, mut evidence) = (None, Vec::new());
    if let Some(asset) = &row.asset {
        device = connection.row(
            &format!("SELECT {DEVICE} FROM {DEVICE_FROM} WHERE a.id = ?1 AND a.current_device = d.id"),
            &[Cell::Int(asset.id.0)],
            rows::device,
        )?;
        evidence = connection.rows(
            &format!(
                "SELECT {EVIDENCE} FROM {EVIDENCE_FROM} WHERE e.asset_id = ?1 AND e.rule = ?2 AND e.subject = ?3
                 ORDER BY e.since, e.section, e.source, e.key, e.principal"
            ),
            &[Cell::Int(asset.id.0), Cell::Text(&row.finding.key.rule), Cell::Text(&row.finding.key.subject)],
            rows::evidence,
        )?;
    }
    Ok(Some(FindingDetail {
        row,
        device,
        evidence,
        history,
    }))
}
