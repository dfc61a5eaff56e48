//! `clauses`: every clause of the regulations, what checks it, and what the checks say now.

use clap::Args;
use deskwarden_domain::{
    coverage::{Covered, coverage},
    rules::Checkable,
};
use serde_json::{Value, json};

use crate::rules_dir::load_context;

use super::{CliError, out::Out, session::Session};

#[derive(Debug, Args)]
pub(super) struct Clauses {
    /// Print a Markdown table
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

pub(super) fn run(clauses: Clauses, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let context = load_context(session.store.as_ref())?;
    let counts = session.store.rule_counts()?;
    let rows = coverage(&context.rules, &counts, &session.store.record_counts()?);
    if out.json {
        return Ok(out.value(&rows.iter().map(to_json).collect())?);
    }
    let lang = out.lang;
    let cells = rows.iter().map(|row| {
        let rules: Vec<&str> = row.rules.iter().map(|rule| rule.id.as_str()).collect();
        let records: Vec<String> = row
            .records
            .iter()
            .map(|kept| format!("{} {}", kept.record.words().get(lang), shown(kept.count, out)))
            .collect();
        vec![
            row.regulation.id.clone(),
            row.clause.number.clone(),
            row.clause.wording.get(lang).to_owned(),
            checkable(row.clause.checkable, out).to_owned(),
            if rules.is_empty() && records.is_empty() {
                row.clause.why.get(lang).to_owned()
            } else {
                rules.join(" ")
            },
            records.join(out.say("、", ", ")),
            row.pass.to_string(),
            row.fail.to_string(),
            row.could_not_look.to_string(),
            row.findings.to_string(),
        ]
    });
    let cells: Vec<Vec<String>> = cells.collect();
    let headings = [
        ("制度", "REGULATION"),
        ("条款", "CLAUSE"),
        ("要求", "DEMANDS"),
        ("检查", "CHECKED BY"),
        ("规则", "RULES"),
        ("记录", "RECORDS"),
        ("通过", "PASS"),
        ("不通过", "FAIL"),
        ("未能查看", "COULD NOT LOOK"),
        ("问题", "FINDINGS"),
    ];
    if !clauses.markdown {
        return Ok(out.table(&headings, cells)?);
    }
    let head: Vec<&str> = headings.iter().map(|(zh, en)| out.say(zh, en)).collect();
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in cells {
        let row: Vec<String> = row
            .iter()
            .map(|cell| cell.replace('|', "\\|").replace('\n', " "))
            .collect();
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    Ok(out.raw(&text)?)
}

fn checkable<'a>(by: Checkable, out: &Out<'a>) -> &'a str {
    match by {
        Checkable::Rules => out.say("规则", "rules"),
        Checkable::Records => out.say("记录", "records"),
        Checkable::No => out.say("不可检查", "not checkable"),
    }
}

/// A number of records; what is kept nowhere yet is no zero.
fn shown(count: Option<u64>, out: &Out<'_>) -> String {
    count.map_or_else(
        || out.say("（未启用）", "(not kept)").to_owned(),
        |count| count.to_string(),
    )
}

fn to_json(row: &Covered<'_>) -> Value {
    let rules: Vec<&str> = row.rules.iter().map(|rule| rule.id.as_str()).collect();
    let records = row
        .records
        .iter()
        .map(|kept| json!({"record": kept.record.name(), "count": kept.count}));
    json!({
        "regulation": row.regulation.id,
        "number": row.clause.number,
        "wording": {"zh-CN": row.clause.wording.zh, "en": row.clause.wording.en},
        "checkable": row.clause.checkable.name(),
        "rules": rules,
        "records": records.collect::<Value>(),
        "why": {"zh-CN": row.clause.why.zh, "en": row.clause.why.en},
        "pass": row.pass,
        "fail": row.fail,
        "could_not_look": row.could_not_look,
        "findings": row.findings,
    })
}
