//! What findings went through lately, and what of a reader's needs attention now.

use deskwarden_domain::{
    model::{AssetId, FindingState, Millis, Sight},
    port::{Attention, StoreResult},
    trend::{Machine, Span},
};

use super::assets::{HEARD, silent};
use crate::sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, unsigned};

/// Machines that are judged.
pub(super) fn machines(connection: &mut dyn Connection) -> StoreResult<Vec<Machine>> {
    connection.rows(
        "SELECT id, department, created_at FROM assets WHERE current_device IS NOT NULL AND merged_into IS NULL ORDER BY id",
        &[],
        |r| {
            Ok(Machine {
                asset: AssetId(r.int()?),
                department: r.opt_string()?,
                since: r.int()?,
            })
        },
    )
}

/// A finding while its history is read.
struct Open {
    finding: i64,
    span: Option<Span>,
}

/// Times in which findings about machines were active that are, or that changed since then.
pub(super) fn spans(connection: &mut dyn Connection, since: Millis) -> StoreResult<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    let mut open = Open {
        finding: 0,
        span: None,
    };
    connection.query(
        "SELECT f.id, f.asset_id, f.clause, h.at, h.to_state FROM findings f
         JOIN finding_history h ON h.finding_id = f.id
         WHERE f.asset_id IS NOT NULL
           AND (f.active = 1 OR f.id IN (SELECT finding_id FROM finding_history WHERE at >= ?1))
         ORDER BY f.id, h.id",
        &[Cell::Int(since)],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let (finding, asset, clause, at) = (r.int()?, AssetId(r.int()?), r.string()?, r.int()?);
            let active = r.named(FindingState::by_name)?.is_active();
            if open.finding != finding {
                spans.extend(open.span.take());
                open.finding = finding;
            }
            match (&mut open.span, active) {
                (None, true) => {
                    open.span = Some(Span {
                        asset,
                        clause,
                        from: at,
                        to: None,
                    });
                }
                (span @ Some(_), false) => {
                    spans.extend(span.take().map(|span| Span { to: Some(at), ..span }));
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    spans.extend(open.span);
    Ok(spans)
}

/// What needs attention now; `since` bounds "reporting".
pub(super) fn attention(
    connection: &mut dyn Connection,
    now: Millis,
    since: Millis,
    sight: &Sight,
) -> StoreResult<Attention> {
    let mut count = |what: &str, and: &str, at: Millis| -> StoreResult<u64> {
        let mut c = Conditions::new();
        let at = c.bind(Cell::Int(at));
        c.and(and.replace("{at}", &at));
        if sight.is_limited() {
            c.one_of("a.department", sight.departments());
        }
        let sql = format!("SELECT COUNT({what}{}", c.sql());
        Ok(unsigned(connection.number(&sql, &c.params())?))
    };
    Ok(Attention {
        overdue: count(
            "DISTINCT l.finding_id) FROM notices n JOIN notice_lines l ON l.notice_id = n.id LEFT JOIN assets a ON a.id = l.asset_id",
            "n.state = 'issued' AND n.due_at <= {at} AND l.cleared_at IS NULL",
            now,
        )?,
        silent: count(
            &format!("*) FROM {HEARD}"),
            &format!("a.merged_into IS NULL AND {}", silent("{at}")),
            since,
        )?,
        registered_reporting: count(
            &format!("*) FROM {HEARD}"),
            "a.number IS NOT NULL AND s.last_seen_at >= {at}",
            since,
        )?,
    })
}
