//! What the record forms list.

use deskwarden_domain::{
    model::{Asset, FindingHistory, FindingState},
    port::{AcceptedChange, Page, Paging, RecordFilter, Records, StoreError, StoreResult, Violation},
};

use crate::{
    Database,
    rows::{self, ASSET, ASSET_COLUMNS, FINDING},
    sql::{Cell, Conditions, ConnectionExt as _, Reader, unsigned, window},
};

impl Records for Database {
    fn violations(&self, filter: &RecordFilter, paging: Paging) -> StoreResult<Page<Violation>> {
        let from = "findings f LEFT JOIN assets a ON a.id = f.asset_id";
        let notice = "(SELECT MAX(t.number) FROM notice_lines l JOIN notices t ON t.id = l.notice_id \
             WHERE l.finding_id = f.id)";
        list(
            self,
            &format!("{FINDING}, {notice}"),
            from,
            ("f.opened_at", "f.opened_at, f.id"),
            filter,
            paging,
            |r| {
                let finding = rows::finding(r)?;
                let id = finding.id.ok_or_else(no_id)?;
                let notice = r.opt_string()?;
                Ok(Violation {
                    finding,
                    id,
                    notice,
                    asset: asset(r)?,
                })
            },
        )
    }

    fn accepted_changes(&self, filter: &RecordFilter, paging: Paging) -> StoreResult<Page<AcceptedChange>> {
        let from = "finding_history h JOIN findings f ON f.id = h.finding_id AND h.to_state = 'accepted' \
             LEFT JOIN assets a ON a.id = f.asset_id";
        list(
            self,
            &format!("{FINDING}, h.at, h.actor, h.from_state, h.to_state, h.note"),
            from,
            ("h.at", "h.at, h.id"),
            filter,
            paging,
            |r| {
                let finding = rows::finding(r)?;
                let id = finding.id.ok_or_else(no_id)?;
                let step = FindingHistory {
                    at: r.int()?,
                    actor: r.string()?,
                    from: r.opt_named(FindingState::by_name)?,
                    to: r.named(FindingState::by_name)?,
                    note: r.string()?,
                };
                Ok(AcceptedChange {
                    finding,
                    id,
                    step,
                    asset: asset(r)?,
                })
            },
        )
    }
}

fn no_id() -> StoreError {
    StoreError::Damaged("a finding has no id".into())
}

/// What a field of an asset said at a moment: what the first edit after it replaced, or else what it says. Where it said
/// nothing yet, what it said first.
fn said(field: &str, time: &str) -> String {
    format!(
        "COALESCE((SELECT s.was FROM asset_history s WHERE s.asset_id = a.id AND s.field = '{field}' AND s.at > {time} \
         AND s.was <> '' \
         ORDER BY s.id LIMIT 1), a.{field}, '')"
    )
}

/// The asset as it is, with who had it then.
fn asset(r: &mut Reader<'_>) -> StoreResult<Option<Asset>> {
    let then = [r.string()?, r.string()?].map(|text| Some(text).filter(|text| !text.is_empty()));
    if r.absent(ASSET_COLUMNS)? {
        return Ok(None);
    }
    let [custodian, department] = then;
    Ok(Some(Asset {
        custodian,
        department,
        ..rows::asset(r)?
    }))
}

/// Rows of a period with their assets; department and custodian are those of the time of each row.
fn list<T>(
    database: &Database,
    columns: &str,
    from: &str,
    (time, order): (&str, &str),
    filter: &RecordFilter,
    paging: Paging,
    read: impl Fn(&mut Reader<'_>) -> StoreResult<T>,
) -> StoreResult<Page<T>> {
    let mut c = Conditions::new();
    let begin = c.bind(Cell::Int(filter.from));
    let end = c.bind(Cell::Int(filter.until));
    c.and(format!("{time} >= {begin} AND {time} < {end}"));
    if let Some(department) = &filter.department {
        let department = c.bind(Cell::Text(department));
        c.and(format!("{} = {department}", said("department", time)));
    }
    let then = format!("{}, {}", said("custodian", time), said("department", time));
    database.read(|connection| {
        let mut params = c.params();
        let total = connection.number(&format!("SELECT COUNT(*) FROM {from}{}", c.sql()), &params)?;
        let (limit, offset) = (params.len() + 1, params.len() + 2);
        params.extend(window(paging));
        let rows = connection.rows(
            &format!(
                "SELECT {columns}, {then}, {ASSET} FROM {from}{} ORDER BY {order} LIMIT ?{limit} OFFSET ?{offset}",
                c.sql()
            ),
            &params,
            &read,
        )?;
        Ok(Page {
            rows,
            total: unsigned(total),
        })
    })
}
