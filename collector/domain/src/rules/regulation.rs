//! Regulations as data: the written rules that a finding is tied to, clause by clause, and whether a clause
//! can be checked at all.

use serde::Serialize;

use crate::model::{Record, Text};

/// A company's written regulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Regulation {
    /// Short id that clause labels start with: `PC`.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Version of the regulation, as the company dates it.
    pub version: String,
    /// Its clauses, in its own order.
    pub clauses: Vec<Clause>,
}

impl Regulation {
    /// The clause of that number.
    pub fn clause(&self, number: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.number == number)
    }
}

/// One clause of a regulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Clause {
    /// Its number in the regulation: `3.2.4`, `3.1.4.3 c`.
    pub number: String,
    /// What it demands, in one line.
    pub wording: Text,
    /// Whether a breach can be proved, and by what.
    pub checkable: Checkable,
    /// Why it can or cannot be checked, or which records show it.
    pub why: Text,
    /// Records that show how it is kept.
    pub records: Vec<Record>,
}

/// Whether the product can prove a breach of a clause. It never pretends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checkable {
    /// By rules over what devices report.
    Rules,
    /// By the collector's own records: register, approvals, inspections, audit log.
    Records,
    /// By neither.
    No,
}

impl Checkable {
    /// The name used in rule files and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Records => "records",
            Self::No => "no",
        }
    }

    /// The value of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Rules, Self::Records, Self::No]
            .into_iter()
            .find(|value| value.name() == name)
    }
}
