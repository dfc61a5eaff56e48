//! Inspection runs (巡检, OUT 7.4 and 15): what every PC was like at one moment, and how it did since the run before.

use serde::{Deserialize, Serialize};

use super::{AssetId, FindingId, Millis};

/// How often runs are made by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Only by hand.
    Never,
    /// Once a day.
    Day,
    /// On Mondays.
    Week,
    /// On the first of a month.
    #[default]
    Month,
}

impl Every {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Never, Self::Day, Self::Week, Self::Month];

    /// The name used in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    /// The one of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|every| every.name() == name)
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// Row id; `0` until stored.
    pub id: i64,
    /// The period that it closes: `2026-11`, `2026-W48`, `2026-11-28`; by hand the day and time.
    pub label: String,
    /// Who started it: a user name, or `deskwarden` for the schedule.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Gauges and comings and goings count from here on.
    pub since: Millis,
}

/// Numbers over some PCs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// PCs.
    pub assets: u64,
    /// Of them without an active finding, as the overview counts: a rule that could not look lately resolves nothing.
    pub compliant: u64,
    /// Of them not heard of for a week.
    pub away: u64,
    /// Rules over PCs that could not look.
    pub blind: u64,
    /// Active findings by severity: low, medium, high, critical.
    pub findings: [u64; 4],
}

impl Tally {
    /// Share of PCs without a breach, in tenths of a percent; `None` without any PC.
    pub fn rate(&self) -> Option<u64> {
        (self.compliant * 1_000).checked_div(self.assets)
    }

    /// The assessment in one word.
    pub fn grade(&self) -> Grade {
        let [_, _, _, critical] = self.findings;
        match self.rate() {
            None => Grade::Nothing,
            Some(rate) if rate >= 950 && critical == 0 => Grade::Good,
            Some(rate) if rate >= 800 && critical == 0 => Grade::Fair,
            Some(_) => Grade::Poor,
        }
    }
}

/// An overall assessment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// At least 95 % without a breach, nothing critical.
    Good,
    /// At least 80 %, nothing critical.
    Fair,
    /// Less, or something critical.
    Poor,
    /// There was nothing to inspect.
    Nothing,
}

impl Grade {
    /// The name used in locales and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Nothing => "nothing",
        }
    }
}

/// What numbers are told by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// By department.
    Department,
    /// By provider, outsourced PCs only.
    Provider,
}

/// A gauge of a PC over the period.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gauge {
    /// `disk_free:/`, `memory_available`, ...
    pub name: String,
    /// `By`, `1`, `s`.
    pub unit: String,
    /// Mean of the samples.
    pub average: f64,
    /// Lowest.
    pub lowest: f64,
    /// Highest.
    pub highest: f64,
    /// How many samples.
    pub samples: u64,
}

/// A PC in a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspected {
    /// The PC.
    pub asset: AssetId,
    /// Its number.
    pub number: Option<String>,
    /// Its name.
    pub name: String,
    /// Person responsible for it.
    pub custodian: Option<String>,
    /// Its department.
    pub department: Option<String>,
    /// Its provider.
    pub provider: Option<String>,
    /// When it was last heard of.
    pub seen_at: Option<Millis>,
    /// Rules that pass, fail, could not look.
    pub outcomes: [u64; 3],
    /// Active findings by severity.
    pub findings: [u64; 4],
    /// Its health over the period.
    pub gauges: Vec<Gauge>,
}

/// A provider that is to be assessed anew: a critical finding raised it, a person settles it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reassess {
    /// Row id.
    pub id: i64,
    /// The provider.
    pub provider: String,
    /// What raised it.
    pub finding: FindingId,
    /// When.
    pub raised_at: Millis,
    /// When it was settled, by whom, with what words.
    pub settled: Option<(Millis, String, String)>,
}
