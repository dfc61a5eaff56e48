//! `clauses`: every clause of the regulations, what checks it, and what the checks say now.

use std::collections::HashMap;

use clap::Args;
use deskwarden_domain::{
    port::RuleCount,
    rules::{Checkable, Clause, Regulation, RuleSet},
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

/// A clause with the rules that prove a breach of it.
struct Row<'a> {
    regulation: &'a Regulation,
    clause: &'a Clause,
    rules: Vec<&'a str>,
    counts: [u64; 4],
}

pub(super) fn run(clauses: Clauses, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let context = load_context(session.store.as_ref())?;
    let counts = session.store.rule_counts()?;
    let rows = rows(&context.rules, &counts);
    if out.json {
        return Ok(out.value(&rows.iter().map(to_json).collect())?);
    }
    let lang = out.lang;
    let cells = rows.iter().map(|row| {
        let [pass, fail, could_not_look, findings] = row.counts.map(|count| count.to_string());
        vec![
            row.regulation.id.clone(),
            row.clause.number.clone(),
            row.clause.wording.get(lang).to_owned(),
            checkable(row.clause.checkable, out).to_owned(),
            if row.rules.is_empty() {
                row.clause.why.get(lang).to_owned()
            } else {
                row.rules.join(" ")
            },
            pass,
            fail,
            could_not_look,
            findings,
        ]
    });
    let cells: Vec<Vec<String>> = cells.collect();
    let headings = [
        ("制度", "REGULATION"),
        ("条款", "CLAUSE"),
        ("要求", "DEMANDS"),
        ("检查", "CHECKED BY"),
        ("规则", "RULES"),
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

fn rows<'a>(rules: &'a RuleSet, counts: &[RuleCount]) -> Vec<Row<'a>> {
    let counts: HashMap<&str, &RuleCount> = counts.iter().map(|count| (count.rule.as_str(), count)).collect();
    let mut rows = Vec::new();
    for regulation in rules.regulations() {
        for clause in &regulation.clauses {
            let proving = rules
                .rules()
                .iter()
                .filter(|r| r.regulation == regulation.id && r.clause == clause.number);
            let proving: Vec<&str> = proving.map(|rule| rule.id.as_str()).collect();
            let mut sums = [0u64; 4];
            for count in proving.iter().filter_map(|rule| counts.get(rule)) {
                let of_rule = [count.pass, count.fail, count.could_not_look, count.findings];
                sums.iter_mut().zip(of_rule).for_each(|(sum, more)| *sum += more);
            }
            rows.push(Row {
                regulation,
                clause,
                rules: proving,
                counts: sums,
            });
        }
    }
    rows
}

fn checkable<'a>(by: Checkable, out: &Out<'a>) -> &'a str {
    match by {
        Checkable::Rules => out.say("规则", "rules"),
        Checkable::Records => out.say("记录", "records"),
        Checkable::No => out.say("不可检查", "not checkable"),
    }
}

fn to_json(row: &Row<'_>) -> Value {
    let [pass, fail, could_not_look, findings] = row.counts;
    json!({
        "regulation": row.regulation.id,
        "number": row.clause.number,
        "wording": {"zh-CN": row.clause.wording.zh, "en": row.clause.wording.en},
        "checkable": row.clause.checkable.name(),
        "rules": row.rules,
        "records": row.clause.checkable == Checkable::Records,
        "why": {"zh-CN": row.clause.why.zh, "en": row.clause.why.en},
        "pass": pass,
        "fail": fail,
        "could_not_look": could_not_look,
        "findings": findings,
    })
}
