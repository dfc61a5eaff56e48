//! How the fleet complied over the last days, by department and clause, from what findings went through. A machine
//! complies at a moment when no finding about it was active then; its department is the one that it has now.

use std::collections::HashMap;

use crate::model::{AssetId, Millis, Sight};

/// Days that are looked back on: each has a bit.
pub const DAYS: usize = 90;
const DAY: Millis = 86_400_000;

/// A machine that is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its asset.
    pub asset: AssetId,
    /// Its department.
    pub department: Option<String>,
    /// Since when there is such an asset.
    pub since: Millis,
}

/// A time in which a finding about a machine was active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The machine.
    pub asset: AssetId,
    /// The clause that the finding cites.
    pub clause: String,
    /// When it became active.
    pub from: Millis,
    /// When it ended; `None`: it is active.
    pub to: Option<Millis>,
}

/// One number for each day, the newest last.
pub type Series = [u64; DAYS];

/// Machines, and those of them that complied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Machines.
    pub machines: Series,
    /// Of them, those with a finding that was active.
    pub flagged: Series,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            machines: [0; DAYS],
            flagged: [0; DAYS],
        }
    }
}

impl Rates {
    /// The rate of a day in tenths of a per cent; `None` where there was no machine.
    pub fn per_mille(&self, day: usize) -> Option<u64> {
        let machines = *self.machines.get(day)?;
        let compliant = machines.saturating_sub(*self.flagged.get(day)?);
        (compliant * 1000).checked_div(machines)
    }
}

/// What became active and what ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Findings that became active.
    pub opened: Series,
    /// Findings that ended.
    pub ended: Series,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            opened: [0; DAYS],
            ended: [0; DAYS],
        }
    }
}

/// The last days. The newest one ends now, each other one a day before the next.
#[derive(Debug, Default)]
pub struct Trend {
    departments: Vec<Department>,
}

#[derive(Debug)]
struct Department {
    name: Option<String>,
    rates: Rates,
    flow: Flow,
    clauses: HashMap<String, Series>,
}

/// The days that end now.
pub fn trend(machines: &[Machine], spans: &[Span], now: Millis) -> Trend {
    let mut departments: Vec<Department> = Vec::new();
    let mut places: HashMap<Option<&str>, usize> = HashMap::new();
    let mut of: HashMap<AssetId, (usize, u128)> = HashMap::new();
    for machine in machines {
        let at = *places.entry(machine.department.as_deref()).or_insert_with(|| {
            departments.push(Department {
                name: machine.department.clone(),
                rates: Rates::default(),
                flow: Flow::default(),
                clauses: HashMap::new(),
            });
            departments.len() - 1
        });
        let there = days(machine.since, None, now);
        of.insert(machine.asset, (at, there));
        if let Some(department) = departments.get_mut(at) {
            add(&mut department.rates.machines, there);
        }
    }
    let mut flagged: HashMap<AssetId, u128> = HashMap::new();
    let mut by_clause: HashMap<(AssetId, &str), u128> = HashMap::new();
    for span in spans {
        let Some((at, there)) = of.get(&span.asset) else {
            continue;
        };
        let active = days(span.from, span.to, now) & there;
        *flagged.entry(span.asset).or_default() |= active;
        *by_clause.entry((span.asset, &span.clause)).or_default() |= active;
        if let Some(department) = departments.get_mut(*at) {
            count(&mut department.flow.opened, span.from, now);
            if let Some(to) = span.to {
                count(&mut department.flow.ended, to, now);
            }
        }
    }
    for (asset, active) in flagged {
        if let Some(department) = of.get(&asset).and_then(|(at, _)| departments.get_mut(*at)) {
            add(&mut department.rates.flagged, active);
        }
    }
    for ((asset, clause), active) in by_clause {
        if let Some(department) = of.get(&asset).and_then(|(at, _)| departments.get_mut(*at)) {
            let series = department.clauses.entry(clause.to_owned()).or_insert([0; DAYS]);
            add(series, active);
        }
    }
    Trend { departments }
}

impl Trend {
    fn seen<'t, 's>(&'t self, sight: &'s Sight) -> impl Iterator<Item = &'t Department> + use<'t, 's> {
        let all = self.departments.iter();
        all.filter(|department| sight.sees(department.name.as_deref()))
    }

    /// All that is seen together.
    pub fn whole(&self, sight: &Sight) -> (Rates, Flow) {
        let (mut rates, mut flow) = (Rates::default(), Flow::default());
        for department in self.seen(sight) {
            sum(&mut rates.machines, &department.rates.machines);
            sum(&mut rates.flagged, &department.rates.flagged);
            sum(&mut flow.opened, &department.flow.opened);
            sum(&mut flow.ended, &department.flow.ended);
        }
        (rates, flow)
    }

    /// By department, worst first by the newest day; machines of none come last.
    pub fn departments(&self, sight: &Sight) -> Vec<(Option<&str>, Rates)> {
        let mut all: Vec<(Option<&str>, Rates)> = self
            .seen(sight)
            .map(|department| (department.name.as_deref(), department.rates))
            .collect();
        all.sort_by_key(|(name, rates)| (name.is_none(), rates.per_mille(DAYS - 1), *name));
        all
    }

    /// By clause that was ever breached in these days, worst first by the newest day.
    pub fn clauses(&self, sight: &Sight) -> Vec<(&str, Rates)> {
        let (whole, _) = self.whole(sight);
        let mut flagged: HashMap<&str, Series> = HashMap::new();
        for department in self.seen(sight) {
            for (clause, series) in &department.clauses {
                sum(flagged.entry(clause).or_insert([0; DAYS]), series);
            }
        }
        let mut all: Vec<(&str, Rates)> = flagged
            .into_iter()
            .map(|(clause, flagged)| {
                let rates = Rates {
                    machines: whole.machines,
                    flagged,
                };
                (clause, rates)
            })
            .collect();
        all.sort_by_key(|(clause, rates)| (rates.per_mille(DAYS - 1), *clause));
        all
    }
}

/// The moment at which a day ends.
pub fn moment(day: usize, now: Millis) -> Millis {
    let before = DAYS.saturating_sub(1).saturating_sub(day);
    now.saturating_sub(DAY.saturating_mul(Millis::try_from(before).unwrap_or(0)))
}

/// The first day that ends at this moment or later; [`DAYS`] when none does.
fn first(at: Millis, now: Millis) -> usize {
    if at > now {
        return DAYS;
    }
    let before = usize::try_from((now - at) / DAY).unwrap_or(DAYS);
    (DAYS - 1).saturating_sub(before)
}

/// A bit for each day at whose end something was so that began at `from` and ended at `to`.
fn days(from: Millis, to: Option<Millis>, now: Millis) -> u128 {
    let below = |day: usize| (1_u128 << day) - 1;
    let until = to.map_or(DAYS, |to| first(to, now));
    below(until) & !below(first(from, now))
}

/// Counts something on the day in which it happened.
fn count(series: &mut Series, at: Millis, now: Millis) {
    if at <= moment(0, now).saturating_sub(DAY) {
        return;
    }
    if let Some(count) = series.get_mut(first(at, now)) {
        *count += 1;
    }
}

fn add(series: &mut Series, days: u128) {
    for (day, count) in series.iter_mut().enumerate() {
        *count += u64::from(days >> day & 1 == 1);
    }
}

fn sum(to: &mut Series, from: &Series) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_000 * DAY;

    fn machine(asset: i64, department: Option<&str>, days_ago: Millis) -> Machine {
        Machine {
            asset: AssetId(asset),
            department: department.map(str::to_owned),
            since: NOW - days_ago * DAY,
        }
    }

    fn span(asset: i64, clause: &str, from: Millis, to: Option<Millis>) -> Span {
        Span {
            asset: AssetId(asset),
            clause: clause.to_owned(),
            from: NOW - from * DAY,
            to: to.map(|to| NOW - to * DAY),
        }
    }

    fn office() -> Trend {
        let machines = [
            machine(1, Some("客服部"), 400),
            machine(2, Some("客服部"), 10),
            machine(3, None, 400),
        ];
        let spans = [
            // Two of the same machine at the same time are one machine.
            span(1, "PC 3.2.4", 5, None),
            span(1, "PC 3.2.3", 5, Some(2)),
            // Long before, and longer ago than anybody looks.
            span(1, "PC 3.2.4", 300, Some(200)),
            span(3, "PC 3.2.4", 200, Some(30)),
            span(99, "PC 3.2.4", 5, None),
        ];
        trend(&machines, &spans, NOW)
    }

    #[test]
    fn a_machine_complies_when_no_finding_about_it_is_active() {
        let (whole, flow) = office().whole(&Sight::Everything);
        let day = |ago: usize| (whole.machines[DAYS - 1 - ago], whole.flagged[DAYS - 1 - ago]);
        assert_eq!(day(0), (3, 1));
        assert_eq!(day(5), (3, 1));
        assert_eq!(day(6), (3, 0));
        assert_eq!(day(11), (2, 0), "the second machine came ten days ago");
        assert_eq!(day(30), (2, 0), "it ended at that moment");
        assert_eq!(day(31), (2, 1));
        assert_eq!(whole.per_mille(DAYS - 1), Some(666));
        assert_eq!(Rates::default().per_mille(0), None);
        assert_eq!(whole.per_mille(DAYS), None);
        assert_eq!(flow.opened.iter().sum::<u64>(), 2);
        assert_eq!(flow.ended.iter().sum::<u64>(), 2);
        assert_eq!((flow.opened[DAYS - 6], flow.ended[DAYS - 3]), (2, 1));
    }

    #[test]
    fn departments_and_clauses_come_worst_first_and_only_as_far_as_they_are_seen() {
        let trend = office();
        let all = trend.departments(&Sight::Everything);
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [Some("客服部"), None]);
        assert_eq!(all[0].1.per_mille(DAYS - 1), Some(500));
        let clauses = trend.clauses(&Sight::Everything);
        let rates: Vec<_> = clauses
            .iter()
            .map(|(clause, rates)| (*clause, rates.per_mille(DAYS - 1), rates.per_mille(DAYS - 4)))
            .collect();
        assert_eq!(
            rates,
            [
                ("PC 3.2.4", Some(666), Some(666)),
                ("PC 3.2.3", Some(1000), Some(666))
            ]
        );
        let foreign = Sight::of("财务部");
        assert!(trend.departments(&foreign).is_empty() && trend.clauses(&foreign).is_empty());
        assert_eq!(trend.whole(&foreign).0, Rates::default());
    }
}
