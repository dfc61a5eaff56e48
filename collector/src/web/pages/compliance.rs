//! How the fleet complies, by department and clause, with the way it went: a part of the first page.

use deskwarden_domain::{
    model::{Millis, Sight},
    port::{Store, StoreResult},
    rules::RuleSet,
    trend::{self, DAYS, Rates, Trend, moment},
};

use crate::web::{
    form::link,
    page::Page,
    plot::{Line, Lines},
    rulewords,
    text::{Agent, agent_text},
};

/// Rows of the table beside the chart.
const ROWS: usize = 10;
/// Departments and clauses that are shown: the worst.
const GROUPS: usize = 30;

/// How many days are looked back on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Back {
    /// A month.
    #[default]
    Month,
    /// A quarter.
    Quarter,
}

impl Back {
    /// What an address asks for.
    pub(super) fn of(text: Option<&str>) -> Self {
        match text {
            Some("90") => Self::Quarter,
            _ => Self::Month,
        }
    }

    /// Days.
    pub(super) const fn days(self) -> usize {
        match self {
            Self::Month => 30,
            Self::Quarter => DAYS,
        }
    }
}

/// The part of the page.
pub(super) struct ComplianceView {
    pub(super) at: Millis,
    pub(super) days: u64,
    pub(super) rate: String,
    pub(super) change: Change,
    pub(super) chart: Lines,
    pub(super) rows: Vec<Row>,
    pub(super) departments: Vec<Group>,
    pub(super) clauses: Vec<Group>,
}

/// Some days of the table beside the chart.
pub(super) struct Row {
    pub(super) at: Millis,
    pub(super) rate: String,
    pub(super) machines: u64,
    pub(super) flagged: u64,
    pub(super) opened: u64,
    pub(super) ended: u64,
}

/// A department or a clause.
pub(super) struct Group {
    pub(super) name: Agent,
    pub(super) wording: String,
    pub(super) address: String,
    pub(super) machines: u64,
    pub(super) flagged: u64,
    pub(super) rate: String,
    pub(super) change: Change,
    pub(super) chart: Lines,
}

/// How a rate moved.
pub(super) struct Change {
    /// Class of its colour.
    pub(super) class: &'static str,
    /// `+1.5`, or nothing.
    pub(super) points: String,
}

impl ComplianceView {
    pub(super) fn new(
        trend: &Trend,
        at: Millis,
        back: Back,
        sight: &Sight,
        rules: &RuleSet,
        p: &Page,
    ) -> Self {
        let (whole, flow) = trend.whole(sight);
        let days = back.days();
        let span = days / ROWS;
        let rows = (0..ROWS).map(|row| {
            let last = DAYS - days + (row + 1) * span - 1;
            let sum = |series: &[u64]| series.iter().skip(last + 1 - span).take(span).sum();
            Row {
                at: moment(last, at),
                rate: rate(whole.per_mille(last)),
                machines: of_day(&whole.machines, last),
                flagged: of_day(&whole.flagged, last),
                opened: sum(&flow.opened),
                ended: sum(&flow.ended),
            }
        });
        let departments = trend
            .departments(sight)
            .into_iter()
            .take(GROUPS)
            .map(|(name, rates)| {
                let none = p.t("compliance.no_department");
                let address = name.map(|name| link("/assets", &[("department", name), ("show", "flagged")]));
                group(
                    name.unwrap_or(none),
                    String::new(),
                    address.unwrap_or_default(),
                    &rates,
                    back,
                    p,
                )
            });
        let clauses = trend
            .clauses(sight)
            .into_iter()
            .take(GROUPS)
            .map(|(label, rates)| {
                let wording = rulewords::clause(rules, label, p.lang()).map_or("", |clause| clause.wording);
                let address = link("/findings", &[("clause", label)]);
                group(label, wording.to_owned(), address, &rates, back, p)
            });
        Self {
            at,
            days: days as u64,
            rate: rate(whole.per_mille(DAYS - 1)),
            change: change(&whole, back),
            chart: chart(&whole, back, p.t("compliance.whole")),
            rows: rows.collect(),
            departments: departments.collect(),
            clauses: clauses.collect(),
        }
    }
}

/// Reads what findings went through. Takes long in a large fleet.
pub(super) fn count(store: &dyn Store, now: Millis) -> StoreResult<Trend> {
    let spans = store.spans(moment(0, now))?;
    Ok(trend::trend(&store.machines()?, &spans, now))
}

fn group(name: &str, wording: String, address: String, rates: &Rates, back: Back, p: &Page) -> Group {
    Group {
        name: agent_text(name),
        wording,
        address,
        machines: of_day(&rates.machines, DAYS - 1),
        flagged: of_day(&rates.flagged, DAYS - 1),
        rate: rate(rates.per_mille(DAYS - 1)),
        change: change(rates, back),
        // Its words are our own: the name stands beside it.
        chart: chart(rates, back, p.t("compliance.rate")),
    }
}

fn of_day(series: &[u64], day: usize) -> u64 {
    series.get(day).copied().unwrap_or(0)
}

fn chart(rates: &Rates, back: Back, words: &str) -> Lines {
    let first = DAYS - back.days();
    let per_mille: Vec<Option<u64>> = (first..DAYS).map(|day| rates.per_mille(day)).collect();
    let ends = [
        per_mille.iter().flatten().next(),
        per_mille.last().and_then(Option::as_ref),
    ];
    let [from, to] = ends.map(|end| rate(end.copied()));
    Lines {
        words: format!("{words} {from} → {to}"),
        lines: vec![Line {
            class: "rate",
            per_mille,
        }],
    }
}

/// `97.3 %`; a dash where there is no machine.
fn rate(per_mille: Option<u64>) -> String {
    per_mille.map_or_else(|| "—".to_owned(), |rate| format!("{}.{} %", rate / 10, rate % 10))
}

/// Against the first of the days on which there was a machine.
fn change(rates: &Rates, back: Back) -> Change {
    let first = (DAYS - back.days()..DAYS).find_map(|day| rates.per_mille(day));
    let (Some(from), Some(to)) = (first, rates.per_mille(DAYS - 1)) else {
        return Change {
            class: "soft",
            points: String::new(),
        };
    };
    let moved = to.abs_diff(from);
    let (class, sign) = match to.cmp(&from) {
        std::cmp::Ordering::Less => ("worse", "−"),
        std::cmp::Ordering::Equal => ("soft", "±"),
        std::cmp::Ordering::Greater => ("better", "+"),
    };
    Change {
        class,
        points: format!("{sign}{}.{}", moved / 10, moved % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_its_change_are_written_as_people_do() {
        assert_eq!(rate(Some(973)), "97.3 %");
        assert_eq!(rate(Some(1000)), "100.0 %");
        assert_eq!(rate(None), "—");
        let mut rates = Rates::default();
        assert_eq!(change(&rates, Back::Month).points, "");
        for day in DAYS - 10..DAYS {
            (rates.machines[day], rates.flagged[day]) = (8, 1);
        }
        assert_eq!(change(&rates, Back::Month).points, "±0.0");
        rates.flagged[DAYS - 1] = 2;
        let worse = change(&rates, Back::Quarter);
        assert_eq!((worse.class, worse.points.as_str()), ("worse", "−12.5"));
        rates.flagged[DAYS - 1] = 0;
        assert_eq!(change(&rates, Back::Month).points, "+12.5");
    }
}
