//! `finding`: what breaks a rule, and what people decide about it.

use clap::{Args, Subcommand};
use deskwarden_domain::{
    lifecycle,
    model::{AssetId, FindingAction, FindingId, FindingState, Lang},
    port::{FindingDetail, FindingFilter, FindingRow},
    rules::{choice, explain},
};
use deskwarden_proto::{section, v1::Section};
use serde_json::{Value, json};

use crate::{
    actions::{Decision, DecisionError, decide},
    clock::rfc3339,
    notify::clean,
    rules_dir::load_context,
};

use super::{
    CliError, args,
    out::Out,
    session::{ACTOR, Session, all, now},
    terms,
};

#[derive(Debug, Subcommand)]
pub(super) enum FindingCommand {
    /// List findings, worst and newest first
    List(List),
    /// Show a finding with its evidence and history
    Show {
        /// Its number in `finding list`
        id: i64,
    },
    /// Somebody deals with it
    Acknowledge(Decide),
    /// The change is rightful: it becomes the accepted state
    Accept(Decide),
    /// The change is not rightful: it stays open until what was accepted is back; the note says why
    Reject(Decide),
    /// The rule is wrong here; the note says why
    FalsePositive(Decide),
    /// Back to open
    Reopen(Decide),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// `active`, or a state; without it all
    #[arg(long, value_parser = args::finding_states)]
    state: Option<States>,
    /// Of this asset
    #[arg(long, value_name = "ID")]
    asset: Option<i64>,
    /// Of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Of this clause, as "PC 3.2.4"
    #[arg(long)]
    clause: Option<String>,
}

/// States that an option stands for; a name of its own, or the option would be read as repeated.
type States = Vec<FindingState>;

#[derive(Debug, Args)]
pub(super) struct Decide {
    /// Its number in `finding list`
    id: i64,
    /// In your words
    #[arg(long, default_value = "")]
    note: String,
}

pub(super) fn run(command: FindingCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        FindingCommand::List(list) => show_list(list, session, out),
        FindingCommand::Show { id } => show(id, session, out),
        FindingCommand::Acknowledge(to) => act(FindingAction::Acknowledge, to, session, out),
        FindingCommand::Accept(to) => act(FindingAction::Accept, to, session, out),
        FindingCommand::Reject(to) => act(FindingAction::Reject, to, session, out),
        FindingCommand::FalsePositive(to) => act(FindingAction::FalsePositive, to, session, out),
        FindingCommand::Reopen(to) => act(FindingAction::Reopen, to, session, out),
    }
}

fn act(action: FindingAction, to: Decide, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let decision = Decision {
        finding: FindingId(to.id),
        action,
        actor: ACTOR.to_owned(),
        note: to.note,
        now: now(),
    };
    decide(session.store.as_ref(), &decision).map_err(|error| match error {
        DecisionError::Store(error) => CliError::Store(error),
        other => CliError::refused(other),
    })?;
    let detail = find(to.id, session)?;
    let state = detail.row.finding.state;
    let (zh, en) = terms::state(state);
    Ok(out.done(
        &to_json(&detail.row),
        &format!("问题 {}：{zh}", to.id),
        &format!("Finding {}: {en}", to.id),
    )?)
}

fn show_list(list: List, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let proving = match &list.clause {
        Some(label) => load_context(session.store.as_ref())?.rules.proving(label),
        None => Vec::new(),
    };
    let filter = FindingFilter {
        proving,
        states: list.state.unwrap_or_default(),
        asset: list.asset.map(AssetId),
        rule: list.rule,
        clause: list.clause,
        ..FindingFilter::default()
    };
    let rows = all(|paging| session.store.findings(&filter, paging))?;
    if out.json {
        return Ok(out.value(&rows.iter().map(to_json).collect())?);
    }
    let cells = rows.iter().map(|row| {
        let finding = &row.finding;
        let (zh, en) = terms::state(finding.state);
        vec![
            row.id.0.to_string(),
            out.pick(terms::severity(finding.severity)).to_owned(),
            finding.clause.clone(),
            choice::subject(&finding.subject_name, out.lang).into_owned(),
            row.asset
                .as_ref()
                .map_or_else(|| finding.key.holder.to_string(), |asset| asset.name.clone()),
            out.say(zh, en).to_owned(),
            out.moment(finding.first_seen),
            finding.key.rule.clone(),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("编号", "ID"),
        ("级别", "SEVERITY"),
        ("条款", "CLAUSE"),
        ("对象", "SUBJECT"),
        ("资产", "ASSET"),
        ("状态", "STATE"),
        ("首次发现", "SINCE"),
        ("规则", "RULE"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn show(id: i64, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let detail = find(id, session)?;
    if out.json {
        let mut value = to_json(&detail.row);
        if let Value::Object(fields) = &mut value {
            fields.insert("evidence".to_owned(), evidence(&detail));
            fields.insert("history".to_owned(), history(&detail));
        }
        return Ok(out.value(&value)?);
    }
    let finding = &detail.row.finding;
    let (zh, en) = terms::state(finding.state);
    let asset = detail
        .row
        .asset
        .as_ref()
        .map_or_else(|| finding.key.holder.to_string(), |asset| asset.name.clone());
    let facts = vec![
        vec![
            out.say("对象", "Subject").to_owned(),
            choice::subject(&finding.subject_name, out.lang).into_owned(),
        ],
        vec![out.say("资产", "Asset").to_owned(), asset],
        vec![out.say("条款", "Clause").to_owned(), finding.clause.clone()],
        vec![out.say("规则", "Rule").to_owned(), finding.key.rule.clone()],
        vec![
            out.say("级别", "Severity").to_owned(),
            out.pick(terms::severity(finding.severity)).to_owned(),
        ],
        vec![out.say("状态", "State").to_owned(), out.say(zh, en).to_owned()],
        vec![
            out.say("首次发现", "Since").to_owned(),
            out.moment(finding.first_seen),
        ],
    ];
    out.whole_table(&[("项", "FIELD"), ("值", "VALUE")], facts)?;
    let pieces = detail.evidence.iter().map(|piece| {
        let item = piece.item.as_ref();
        let of = item.map_or_else(String::new, |item| {
            format!("{} {}", section::name(item.section), item.source)
        });
        vec![
            of,
            item.map_or_else(String::new, |item| item.key.clone()),
            out.moment(piece.since),
            in_words(
                item.map_or(Section::Unspecified, |item| item.section),
                &piece.detail,
                out.lang,
            ),
        ]
    });
    let across = detail.row.finding.seen.iter().map(|seen| {
        vec![
            String::new(),
            String::new(),
            out.moment(finding.first_seen),
            in_words(Section::Unspecified, seen, out.lang),
        ]
    });
    let pieces = pieces.chain(across).collect();
    out.whole_table(
        &[
            ("来源", "SOURCE"),
            ("条目", "ITEM"),
            ("自", "SINCE"),
            ("详情", "DETAIL"),
        ],
        pieces,
    )?;
    let steps = detail.history.iter().map(|step| {
        let (zh, en) = terms::state(step.to);
        vec![
            out.moment(step.at),
            step.actor.clone(),
            out.say(zh, en).to_owned(),
            match lifecycle::rejection(step) {
                Some(why) => format!("{}{why}", out.say("变更不予认可：", "change rejected: ")),
                None => step.note.clone(),
            },
        ]
    });
    let steps = steps.collect();
    Ok(out.whole_table(
        &[
            ("时间", "AT"),
            ("操作人", "WHO"),
            ("状态", "STATE"),
            ("备注", "NOTE"),
        ],
        steps,
    )?)
}

/// What was seen, as a person reads it; as it is stored where there are no words for it.
fn in_words(of: Section, detail: &str, lang: Lang) -> String {
    let parsed = serde_json::from_str(detail).unwrap_or_default();
    let words = explain::words(of, &parsed, lang);
    if words.is_empty() {
        detail.to_owned()
    } else {
        words
    }
}

fn find(id: i64, session: &Session) -> Result<FindingDetail, CliError> {
    let found = session.store.finding(FindingId(id))?;
    found.ok_or_else(|| CliError::Refused(format!("there is no finding {id}; `finding list` shows all")))
}

fn to_json(row: &FindingRow) -> Value {
    let finding = &row.finding;
    json!({
        "id": row.id.0,
        "rule": finding.key.rule,
        "clause": finding.clause,
        "severity": finding.severity.name(),
        "holder": finding.key.holder.to_string(),
        "asset": row.asset.as_ref().map(super::asset::to_json),
        "subject": finding.key.subject,
        "subject_name": clean(&finding.subject_name),
        "state": finding.state.name(),
        "first_seen": rfc3339(finding.first_seen),
        "last_seen": rfc3339(finding.last_seen),
        "opened_at": rfc3339(finding.opened_at),
        "resolved_at": finding.resolved_at.map(rfc3339),
        "reopened": finding.reopened,
    })
}

fn evidence(detail: &FindingDetail) -> Value {
    let pieces = detail.evidence.iter().map(|piece| {
        let item = piece.item.as_ref().map(|item| {
            json!({"section": section::name(item.section), "source": item.source, "key": item.key, "principal": item.principal})
        });
        json!({
            "device": piece.device.map(|id| id.to_string()),
            "item": item,
            "since": rfc3339(piece.since),
            "detail": serde_json::from_str::<Value>(&piece.detail).unwrap_or(Value::Null),
        })
    });
    let across = detail.row.finding.seen.iter().map(|seen| {
        json!({
            "device": null, "item": null, "since": rfc3339(detail.row.finding.first_seen),
            "detail": serde_json::from_str::<Value>(seen).unwrap_or(Value::Null),
        })
    });
    pieces.chain(across).collect()
}

fn history(detail: &FindingDetail) -> Value {
    let steps = detail.history.iter().map(|step| {
        json!({
            "at": rfc3339(step.at), "actor": step.actor, "from": step.from.map(FindingState::name),
            "to": step.to.name(), "rejected": lifecycle::rejection(step).is_some(),
            "note": lifecycle::rejection(step).unwrap_or(&step.note),
        })
    });
    steps.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_by_people_and_what_has_no_words_stays() {
        let text = r#"{"change":"changed","against":"ledger","difference":{"mode":{"before":"static","after":"dhcp"}}}"#;
        let said = in_words(Section::Network, text, Lang::Zh);
        assert!(said.contains("取址方式") && !said.contains('{'), "{said}");
        let said = in_words(Section::Network, text, Lang::En);
        assert!(said.contains("ledger") && !said.contains('{'), "{said}");
        for raw in ["{broken", "", r#"{"nobody_knows":1}"#] {
            assert_eq!(in_words(Section::Part, raw, Lang::En), raw);
        }
    }
}
