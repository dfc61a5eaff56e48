//! Coverage: every clause of every regulation with what proves a breach of it, which records show how it is kept,
//! and what the checks say now. The command line, the pages and the API show the same rows.

use std::collections::BTreeMap;

use deskwarden_proto::describe;

use crate::{
    model::Record,
    port::RuleCount,
    rules::{Clause, Regulation, Rule, RuleSet},
};

/// How often there is a record of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordCount {
    /// Kind of record.
    pub record: Record,
    /// How many there are; `None` where this build keeps none of them yet.
    pub count: Option<u64>,
}

/// A clause with what is known of it.
#[derive(Clone, Debug)]
pub struct Covered<'a> {
    /// The regulation.
    pub regulation: &'a Regulation,
    /// The clause.
    pub clause: &'a Clause,
    /// Rules in force that prove a breach of it.
    pub rules: Vec<&'a Rule>,
    /// Records that show how it is kept.
    pub records: Vec<RecordCount>,
    /// Judgements of assets by these rules.
    pub pass: u64,
    /// Of them, breaches.
    pub fail: u64,
    /// Of them, where nobody could look.
    pub could_not_look: u64,
    /// Active findings.
    pub findings: u64,
}

/// Every clause, in the order of the regulations.
pub fn coverage<'a>(rules: &'a RuleSet, counts: &[RuleCount], records: &[(Record, u64)]) -> Vec<Covered<'a>> {
    let counts: BTreeMap<&str, &RuleCount> =
        counts.iter().map(|count| (count.rule.as_str(), count)).collect();
    let records: BTreeMap<Record, u64> = records.iter().copied().collect();
    let count_of = |record: Record| match record {
        Record::Fields => Some(described_fields()),
        other => records.get(&other).copied(),
    };
    let mut rows = Vec::new();
    for regulation in rules.regulations() {
        for clause in &regulation.clauses {
            let proving = rules
                .rules()
                .iter()
                .filter(|rule| rule.proves(&regulation.id, &clause.number));
            let mut row = Covered {
                regulation,
                clause,
                rules: proving.collect(),
                records: clause
                    .records
                    .iter()
                    .map(|record| RecordCount {
                        record: *record,
                        count: count_of(*record),
                    })
                    .collect(),
                pass: 0,
                fail: 0,
                could_not_look: 0,
                findings: 0,
            };
            for count in row.rules.iter().filter_map(|rule| counts.get(rule.id.as_str())) {
                row.pass += count.pass;
                row.fail += count.fail;
                row.could_not_look += count.could_not_look;
                row.findings += count.findings;
            }
            rows.push(row);
        }
    }
    rows
}

/// Fields of the contract that state purpose and sensitivity: all of them, or it would not build.
fn described_fields() -> u64 {
    let fields = describe::SECTIONS.iter().map(|doc| doc.fields.len());
    fields.map(|count| count as u64).sum()
}
