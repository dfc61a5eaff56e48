//! The result of one bench, as it is kept: figures, and budgets beside what came out. Knows no page.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{machine::Machine, spread::rounded};
use crate::need;

/// What one run of a bench found, with what made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Name of the bench.
    pub bench: String,
    /// Headline of its part of the page.
    pub title: String,
    /// How it was measured: a paragraph each.
    pub about: Vec<String>,
    /// The command that measures it again.
    pub command: String,
    /// Commit of the programs; `+changes` where files differed from it.
    pub commit: String,
    /// Day of the run, UTC.
    pub date: String,
    /// Where it ran.
    pub machine: Machine,
    /// Budgets beside results.
    pub budgets: Vec<Budget>,
    /// Everything that was measured.
    pub figures: Vec<Figure>,
    /// What else was noticed: differences to peers, and their explanation.
    pub findings: Vec<Finding>,
    /// Single measurements, for whoever doubts a median.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub raw: Value,
}

/// One number: what of whom, in which unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Heading of the table that it stands in.
    pub table: String,
    /// Row: who or which case.
    pub subject: String,
    /// Column: what was measured.
    pub what: String,
    /// The number.
    pub value: f64,
    /// Its unit, as `ms`, `KiB`, `bytes`.
    pub unit: String,
}

/// A budget and what came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Budget {
    /// What is budgeted, with its comparison.
    pub what: String,
    /// The bound.
    pub limit: Limit,
    /// What came out, in the same unit.
    pub result: f64,
    /// Unit of both.
    pub unit: String,
    /// How the result was computed.
    pub from: String,
}

/// The bound of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// Something that a figure does not say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What was compared.
    pub about: String,
    /// What was found.
    pub text: String,
}

impl Budget {
    /// Whether the result keeps the bound.
    pub fn is_met(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.result <= limit,
            Limit::AtLeast(limit) => self.result >= limit,
        }
    }
}

impl Report {
    /// An empty report of this run: commit, day and command come from `tests/bench`.
    ///
    /// # Errors
    /// When the machine cannot be described.
    pub fn new(bench: &str, title: &str) -> Result<Self> {
        let given = |name: &str, otherwise: &str| env::var(name).unwrap_or_else(|_| otherwise.to_owned());
        Ok(Self {
            bench: bench.to_owned(),
            title: title.to_owned(),
            about: Vec::new(),
            command: given("DESKWARDEN_COMMAND", &format!("./tests/bench {bench}")),
            commit: given("DESKWARDEN_COMMIT", "unknown"),
            date: given("DESKWARDEN_DATE", "unknown"),
            machine: Machine::here()?,
            budgets: Vec::new(),
            figures: Vec::new(),
            findings: Vec::new(),
            raw: Value::Null,
        })
    }

    /// Adds a paragraph on how it was measured.
    pub fn about(&mut self, text: &str) {
        self.about
            .push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    /// Adds a number.
    pub fn figure(&mut self, table: &str, subject: &str, what: &str, value: f64, unit: &str) {
        self.figures.push(Figure {
            table: table.to_owned(),
            subject: subject.to_owned(),
            what: what.to_owned(),
            value: rounded(value),
            unit: unit.to_owned(),
        });
    }

    /// Adds a budget with its result.
    pub fn budget(&mut self, what: &str, limit: Limit, result: f64, unit: &str, from: &str) {
        self.budgets.push(Budget {
            what: what.to_owned(),
            limit,
            result: rounded(result),
            unit: unit.to_owned(),
            from: from.to_owned(),
        });
    }

    /// Adds what a figure does not say.
    pub fn finding(&mut self, about: &str, text: impl Into<String>) {
        self.findings.push(Finding {
            about: about.to_owned(),
            text: text.into(),
        });
    }

    /// Writes the result file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self) -> Result<()> {
        let file = need::output().join(format!("bench/{}.json", self.bench));
        fs::create_dir_all(file.parent().context("no folder")?)?;
        let text = serde_json::to_string_pretty(self)?;
        fs::write(&file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Reads every result file of a folder, in the order of their names.
    ///
    /// # Errors
    /// When one is no result.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| format!("{} cannot be listed", folder.display()))?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file)?;
            serde_json::from_str(&text).with_context(|| format!("{} is no result of a bench", file.display()))
        };
        files.into_iter().map(read).collect()
    }
}
