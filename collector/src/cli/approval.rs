//! `approval`: what is allowed, for whom and until when.

use clap::{Args, Subcommand};
use deskwarden_domain::{
    model::{ApprovalId, ApprovalState, AssetId, FindingId, Grantee, Millis},
    port::{ApprovalFilter, ApprovalRow},
};
use serde_json::{Value, json};

use crate::{
    approvals::{self, ApprovalError, Terms},
    clock::rfc3339,
    rules_dir::load_context,
};

use super::{
    CliError, args,
    out::Out,
    session::{ACTOR, Session, all, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum ApprovalCommand {
    /// Allow something, until a day
    Grant(Grant),
    /// List approvals, those that end last first
    List(List),
    /// Take an approval back: what it covered is open again
    Withdraw {
        /// Its number in `approval list`
        id: i64,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Grant {
    /// For what this finding is about; may be given several times
    #[arg(long, value_name = "ID", conflicts_with_all = ["asset", "department", "rule", "subject"])]
    finding: Vec<i64>,
    /// For the whole department of the finding's PC
    #[arg(long, requires = "finding")]
    whole_department: bool,
    /// For this asset (see `asset list`)
    #[arg(long, value_name = "ID", conflicts_with = "department", required_unless_present_any = ["finding", "department"])]
    asset: Option<i64>,
    /// For every PC of this department
    #[arg(long)]
    department: Option<String>,
    /// Id of the rule (see `rules list`)
    #[arg(long, required_unless_present = "finding")]
    rule: Option<String>,
    /// Subject as findings name it; `*` stands for anything
    #[arg(long, value_name = "PATTERN", required_unless_present = "finding")]
    subject: Option<String>,
    /// Who approved it
    #[arg(long, value_name = "NAME")]
    approved_by: String,
    /// Why
    #[arg(long)]
    reason: String,
    /// First day, as 2027-01-31; without it from now on
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Last day, as 2027-03-31
    #[arg(long, value_name = "DAY")]
    until: String,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// in_force, planned, ended or withdrawn; without it all
    #[arg(long, value_parser = state)]
    state: Option<ApprovalState>,
    /// For this asset or its department
    #[arg(long, value_name = "ID")]
    asset: Option<i64>,
    /// Of this rule
    #[arg(long)]
    rule: Option<String>,
}

fn state(text: &str) -> Result<ApprovalState, String> {
    let names = ApprovalState::ALL.map(ApprovalState::name).join(", ");
    ApprovalState::by_name(text).ok_or(format!("one of {names}"))
}

pub(super) fn run(command: ApprovalCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        ApprovalCommand::Grant(grant) => enter(grant, session, out),
        ApprovalCommand::List(list) => show(list, session, out),
        ApprovalCommand::Withdraw { id, reason } => {
            approvals::withdraw(session.store.as_ref(), ApprovalId(id), &reason, ACTOR, now())
                .map_err(refused)?;
            Ok(out.done(
                &json!({"id": id, "withdrawn": true}),
                &format!("批准 {id} 已撤回，相关问题将重新打开。"),
                &format!("Approval {id} is taken back; what it covered opens again."),
            )?)
        }
    }
}

fn refused(error: ApprovalError) -> CliError {
    match error {
        ApprovalError::Store(error) => CliError::Store(error),
        other => CliError::refused(other),
    }
}

fn enter(grant: Grant, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let (store, at, zone) = (session.store.as_ref(), now(), session.config.zone);
    let terms = Terms {
        approver: grant.approved_by,
        reason: grant.reason,
        starts_at: match &grant.from {
            Some(text) => args::day("--from", text, zone)?.0,
            None => at,
        },
        ends_at: args::day("--until", &grant.until, zone)?.1,
    };
    let wanted = if grant.finding.is_empty() {
        let grantee = match (grant.asset, grant.department) {
            (Some(id), _) => Grantee::Asset(AssetId(id)),
            (None, name) => Grantee::Department(name.unwrap_or_default()),
        };
        let (rule, subject) = (grant.rule.unwrap_or_default(), grant.subject.unwrap_or_default());
        vec![approvals::approval(grantee, &rule, &subject, &terms, ACTOR, at)]
    } else {
        let ids: Vec<FindingId> = grant.finding.iter().copied().map(FindingId).collect();
        let rows = approvals::findings(store, &ids).map_err(refused)?;
        approvals::of_findings(&rows, grant.whole_department, &terms, ACTOR, at).map_err(refused)?
    };
    let rules = load_context(store)?.rules;
    let ids = approvals::grant(store, &rules, wanted, at).map_err(refused)?;
    let mut granted = Vec::with_capacity(ids.len());
    for id in ids {
        granted.extend(store.approval(id)?);
    }
    if out.json {
        return Ok(out.value(&granted.iter().map(|row| to_json(row, at)).collect())?);
    }
    table(&granted, at, out)
}

fn show(list: List, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let at = now();
    let filter = ApprovalFilter {
        state: list.state,
        now: at,
        asset: list.asset.map(AssetId),
        rule: list.rule,
        text: None,
    };
    let rows = all(|paging| session.store.approvals(&filter, paging))?;
    if out.json {
        return Ok(out.value(&rows.iter().map(|row| to_json(row, at)).collect())?);
    }
    table(&rows, at, out)
}

fn table(rows: &[ApprovalRow], at: Millis, out: &mut Out<'_>) -> Result<(), CliError> {
    let cells = rows.iter().map(|row| {
        let approval = &row.approval;
        let (zh, en) = match approval.state(at) {
            ApprovalState::Planned => ("未生效", "planned"),
            ApprovalState::InForce => ("生效中", "in force"),
            ApprovalState::Ended => ("已到期", "ended"),
            ApprovalState::Withdrawn => ("已撤回", "withdrawn"),
        };
        vec![
            row.id.0.to_string(),
            out.say(zh, en).to_owned(),
            grantee(row),
            approval.rule.clone(),
            approval.subject.clone(),
            approval.approver.clone(),
            out.moment(approval.starts_at),
            out.moment(approval.ends_at),
            approval.reason.clone(),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("编号", "ID"),
        ("状态", "STATE"),
        ("适用于", "FOR"),
        ("规则", "RULE"),
        ("对象", "SUBJECT"),
        ("批准人", "APPROVED BY"),
        ("自", "FROM"),
        ("至", "UNTIL"),
        ("理由", "REASON"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn grantee(row: &ApprovalRow) -> String {
    match (&row.approval.grantee, &row.asset) {
        (Grantee::Department(name), _) => name.clone(),
        (Grantee::Asset(_), Some(asset)) => match &asset.number {
            Some(number) => format!("{number} {}", asset.name),
            None => asset.name.clone(),
        },
        (Grantee::Asset(id), None) => format!("#{}", id.0),
    }
}

fn to_json(row: &ApprovalRow, at: Millis) -> Value {
    let approval = &row.approval;
    let department = match &approval.grantee {
        Grantee::Department(name) => Some(name),
        Grantee::Asset(_) => None,
    };
    json!({
        "id": row.id.0,
        "state": approval.state(at).name(),
        "asset": row.asset.as_ref().map(super::asset::to_json),
        "department": department,
        "rule": approval.rule,
        "subject": approval.subject,
        "approver": approval.approver,
        "reason": approval.reason,
        "starts_at": rfc3339(approval.starts_at),
        "ends_at": rfc3339(approval.ends_at),
        "granted_at": rfc3339(approval.granted_at),
        "granted_by": approval.granted_by,
        "finding": approval.finding.map(|id| id.0),
        "withdrawn": approval.withdrawn.as_ref().map(|withdrawn| json!({
            "at": rfc3339(withdrawn.at), "by": withdrawn.by, "reason": withdrawn.reason,
        })),
    })
}
