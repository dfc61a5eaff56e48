//! Approvals: kept, listed, granted and withdrawn; and who has to be judged again when they change.

use std::collections::BTreeSet;

use deskwarden_domain::{
    model::{
        Approval, ApprovalId, ApprovalState, AssetId, AuditEntry, FindingId, Grantee, Millis, Withdrawal,
    },
    port::{ApprovalFilter, ApprovalRow, Approvals, Page, Paging, StoreError, StoreResult},
};

use crate::{
    Database, audit,
    due::make_due,
    rows::{self, ASSET, ASSET_COLUMNS},
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, like, unsigned, window},
};

/// An approval, of `p`.
pub(crate) const APPROVAL: &str = "p.id, p.asset_id, p.department, p.rule, p.subject, p.approver, p.reason, p.starts_at, \
     p.ends_at, p.granted_at, p.granted_by, p.finding_id, p.withdrawn_at, p.withdrawn_by, p.withdrawn_reason";
/// Approvals `p` for an asset `a` or its department.
/// In two questions, each with its index: of an OR, SQLite makes a walk over the approvals of everybody.
pub(crate) const APPROVALS_OF_ASSET: &str = "assets a JOIN approvals p ON p.id IN (\
     SELECT o.id FROM approvals o WHERE o.over = 0 AND o.asset_id = a.id UNION ALL \
     SELECT t.id FROM approvals t WHERE t.over = 0 AND t.department = a.department)";

const FROM: &str = "approvals p LEFT JOIN assets a ON a.id = p.asset_id";

/// Reads [`APPROVAL`].
pub(crate) fn approval(r: &mut Reader<'_>) -> StoreResult<Approval> {
    let id = Some(ApprovalId(r.int()?));
    let (asset, department) = (r.opt_int()?, r.opt_string()?);
    let grantee = match (asset, department) {
        (Some(asset), _) => Grantee::Asset(AssetId(asset)),
        (None, Some(name)) => Grantee::Department(name),
        (None, None) => {
            return Err(StoreError::Damaged(
                "an approval is for nobody: was the database changed by hand?".into(),
            ));
        }
    };
    Ok(Approval {
        id,
        grantee,
        rule: r.string()?,
        subject: r.string()?,
        approver: r.string()?,
        reason: r.string()?,
        starts_at: r.int()?,
        ends_at: r.int()?,
        granted_at: r.int()?,
        granted_by: r.string()?,
        finding: r.opt_int()?.map(FindingId),
        withdrawn: match (r.opt_int()?, r.opt_string()?, r.opt_string()?) {
            (Some(at), by, reason) => Some(Withdrawal {
                at,
                by: by.unwrap_or_default(),
                reason: reason.unwrap_or_default(),
            }),
            (None, ..) => None,
        },
    })
}

/// Approvals of an asset and its department that are not over.
pub(crate) fn of_asset(connection: &mut dyn Connection, asset: i64) -> StoreResult<Vec<Approval>> {
    let mut found = connection.rows(
        &format!("SELECT {APPROVAL} FROM {APPROVALS_OF_ASSET} WHERE a.id = ?1"),
        &[Cell::Int(asset)],
        approval,
    )?;
    found.sort_unstable_by_key(|approval| approval.id);
    Ok(found)
}

/// Marks those that ended before a time: judging need not load them any more.
pub(crate) fn close_ended(connection: &mut dyn Connection, before: Millis) -> StoreResult<()> {
    connection.execute(
        "UPDATE approvals SET over = 1 WHERE over = 0 AND ends_at < ?1",
        &[Cell::Int(before)],
    )?;
    Ok(())
}

impl Approvals for Database {
    fn approvals(&self, filter: &ApprovalFilter, paging: Paging) -> StoreResult<Page<ApprovalRow>> {
        self.read(|connection| list(connection, filter, paging))
    }

    fn approval(&self, id: ApprovalId) -> StoreResult<Option<ApprovalRow>> {
        self.read(|connection| one(connection, id))
    }

    fn approvals_of(&self, finding: FindingId) -> StoreResult<Vec<ApprovalRow>> {
        self.read(|connection| {
            let found = connection.row(
                "SELECT asset_id, rule, subject FROM findings WHERE id = ?1",
                &[Cell::Int(finding.0)],
                |r| Ok((r.opt_int()?, r.string()?, r.string()?)),
            )?;
            let Some((Some(asset), rule, subject)) = found else {
                return Ok(Vec::new());
            };
            let mut rows = Vec::new();
            for approval in of_asset(connection, asset)? {
                if let (true, Some(id)) = (approval.names(&rule, &subject), approval.id) {
                    rows.extend(one(connection, id)?);
                }
            }
            rows.sort_by_key(|row| std::cmp::Reverse(row.approval.ends_at));
            Ok(rows)
        })
    }

    fn grant(&self, approvals: &[(Approval, AuditEntry)]) -> StoreResult<Vec<ApprovalId>> {
        self.write(|connection| {
            let granted: Vec<&Approval> = approvals.iter().map(|(approval, _)| approval).collect();
            let at = approvals.first().map_or(0, |(_, audit)| audit.at);
            affect(connection, &granted, at)?;
            let mut ids = Vec::with_capacity(approvals.len());
            for (approval, entry) in approvals {
                let id = insert(connection, approval)?;
                let entry = AuditEntry {
                    object: format!("approval:{}", id.0),
                    ..entry.clone()
                };
                audit::append(connection, &entry)?;
                ids.push(id);
            }
            Ok(ids)
        })
    }

    fn withdraw_approval(
        &self,
        id: ApprovalId,
        withdrawal: &Withdrawal,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        self.write(|connection| {
            let row =
                one(connection, id)?.ok_or_else(|| StoreError::NotFound(format!("approval {}", id.0)))?;
            affect(connection, &[&row.approval], audit.at)?;
            let changed = connection.execute(
                "UPDATE approvals SET withdrawn_at = ?2, withdrawn_by = ?3, withdrawn_reason = ?4, over = 1
                 WHERE id = ?1 AND withdrawn_at IS NULL",
                &[
                    Cell::Int(id.0),
                    Cell::Int(withdrawal.at),
                    Cell::Text(&withdrawal.by),
                    Cell::Text(&withdrawal.reason),
                ],
            )?;
            if changed == 0 {
                return Err(StoreError::Stale);
            }
            audit::append(connection, audit)
        })
    }
}

fn one(connection: &mut dyn Connection, id: ApprovalId) -> StoreResult<Option<ApprovalRow>> {
    connection.row(
        &format!("SELECT {APPROVAL}, {ASSET} FROM {FROM} WHERE p.id = ?1"),
        &[Cell::Int(id.0)],
        row,
    )
}

fn row(r: &mut Reader<'_>) -> StoreResult<ApprovalRow> {
    let approval = approval(r)?;
    let id = approval
        .id
        .ok_or_else(|| StoreError::Damaged("an approval has no id".into()))?;
    let asset = if r.absent(ASSET_COLUMNS)? {
        None
    } else {
        Some(rows::asset(r)?)
    };
    Ok(ApprovalRow { approval, id, asset })
}

fn list(
    connection: &mut dyn Connection,
    filter: &ApprovalFilter,
    paging: Paging,
) -> StoreResult<Page<ApprovalRow>> {
    let conditions = conditions(filter);
    let mut params = conditions.params();
    let total = connection.number(
        &format!("SELECT COUNT(*) FROM {FROM}{}", conditions.sql()),
        &params,
    )?;
    let (limit, offset) = (params.len() + 1, params.len() + 2);
    params.extend(window(paging));
    let rows = connection.rows(
        &format!(
            "SELECT {APPROVAL}, {ASSET} FROM {FROM}{} ORDER BY p.ends_at DESC, p.id DESC LIMIT ?{limit} OFFSET ?{offset}",
            conditions.sql()
        ),
        &params,
        row,
    )?;
    Ok(Page {
        rows,
        total: unsigned(total),
    })
}

fn conditions(filter: &ApprovalFilter) -> Conditions<'_> {
    let mut c = Conditions::new();
    if let Some(state) = filter.state {
        if state == ApprovalState::Withdrawn {
            c.and("p.withdrawn_at IS NOT NULL");
        } else {
            c.and("p.withdrawn_at IS NULL");
            let now = c.bind(Cell::Int(filter.now));
            c.and(match state {
                ApprovalState::Planned => format!("p.starts_at > {now}"),
                ApprovalState::InForce => format!("p.starts_at <= {now} AND p.ends_at > {now}"),
                _ => format!("p.starts_at <= {now} AND p.ends_at <= {now}"),
            });
        }
    }
    if let Some(asset) = filter.asset {
        let asset = c.bind(Cell::Int(asset.0));
        c.and(format!(
            "(p.asset_id = {asset} OR p.department = (SELECT department FROM assets WHERE id = {asset}))"
        ));
    }
    if let Some(rule) = &filter.rule {
        let rule = c.bind(Cell::Text(rule));
        c.and(format!("p.rule = {rule}"));
    }
    if let Some(text) = &filter.text {
        c.words(text, |word| {
            let columns = [
                "p.department",
                "p.rule",
                "p.subject",
                "p.approver",
                "p.reason",
                "a.name",
                "a.number",
                "a.custodian",
                "a.department",
            ];
            format!("({})", columns.map(|column| like(column, word)).join(" OR "))
        });
    }
    c
}

fn insert(connection: &mut dyn Connection, approval: &Approval) -> StoreResult<ApprovalId> {
    let (asset, department) = match &approval.grantee {
        Grantee::Asset(id) => (Cell::Int(id.0), Cell::Null),
        Grantee::Department(name) => (Cell::Null, Cell::Text(name)),
    };
    let id = connection.row(
        "INSERT INTO approvals (asset_id, department, rule, subject, approver, reason, starts_at, ends_at, granted_at,
         granted_by, finding_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
        &[
            asset,
            department,
            Cell::Text(&approval.rule),
            Cell::Text(&approval.subject),
            Cell::Text(&approval.approver),
            Cell::Text(&approval.reason),
            Cell::Int(approval.starts_at),
            Cell::Int(approval.ends_at),
            Cell::Int(approval.granted_at),
            Cell::Text(&approval.granted_by),
            Cell::from(approval.finding.map(|id| id.0)),
        ],
        |r| r.int(),
    )?;
    id.map(ApprovalId)
        .ok_or_else(|| StoreError::Damaged("an approval was written without an id".into()))
}

/// Locks everybody meant, in id order; has those judged again whose findings are named, and makes reports
/// stale that were loaded for any of them: one that opens a finding now must know.
fn affect(connection: &mut dyn Connection, approvals: &[&Approval], at: Millis) -> StoreResult<()> {
    let mut meant: BTreeSet<i64> = BTreeSet::new();
    for approval in approvals {
        match &approval.grantee {
            Grantee::Asset(id) => {
                let found = connection.row(
                    "SELECT id FROM assets WHERE id = ?1 AND merged_into IS NULL",
                    &[Cell::Int(id.0)],
                    |r| r.int(),
                )?;
                meant.insert(found.ok_or_else(|| StoreError::NotFound(format!("asset {}", id.0)))?);
            }
            Grantee::Department(name) => meant.extend(connection.rows(
                "SELECT id FROM assets WHERE department = ?1 ORDER BY id",
                &[Cell::Text(name)],
                |r| r.int(),
            )?),
        }
    }
    for asset in &meant {
        connection.execute(
            "UPDATE assets SET version = version + 1 WHERE id = ?1",
            &[Cell::Int(*asset)],
        )?;
    }
    let mut due = BTreeSet::new();
    for approval in approvals {
        for (asset, subject, across) in findings_of(connection, approval)? {
            if !approval.names(&approval.rule, &subject) {
                continue;
            }
            due.insert(asset);
            if across {
                // Findings of several devices are judged by whoever sees all of them.
                connection.execute(
                    "INSERT INTO touched (kind, value, due_at)
                     SELECT DISTINCT kind, value, 0 FROM claims WHERE value = ?1",
                    &[Cell::Text(&subject)],
                )?;
            }
        }
    }
    for asset in due {
        make_due(connection, asset, at)?;
    }
    Ok(())
}

/// Asset, subject, and whether several devices show it: the findings of the rule that somebody still has.
fn findings_of(
    connection: &mut dyn Connection,
    approval: &Approval,
) -> StoreResult<Vec<(i64, String, bool)>> {
    let (of, grantee) = match &approval.grantee {
        Grantee::Asset(id) => ("a.id = ?2", Cell::Int(id.0)),
        Grantee::Department(name) => ("a.department = ?2", Cell::Text(name)),
    };
    connection.rows(
        &format!(
            "SELECT f.asset_id, f.subject, CASE WHEN f.seen IS NULL THEN 0 ELSE 1 END FROM assets a
             JOIN findings f ON f.asset_id = a.id
             WHERE f.rule = ?1 AND {of} AND f.state <> 'resolved' ORDER BY f.asset_id, f.id"
        ),
        &[Cell::Text(&approval.rule), grantee],
        |r| Ok((r.int()?, r.string()?, r.flag()?)),
    )
}
