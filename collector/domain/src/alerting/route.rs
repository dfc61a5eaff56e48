//! Routes: who is told of what, when and how. Values and matching; the plan that follows is in `plan`.

use serde::{Deserialize, Serialize};

use super::{
    Hours,
    times::{self, TimeOfDay},
};
use crate::model::{AlertRow, Millis, Severity};

/// One way from alerts to a channel. Lists that are empty do not limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Its name.
    pub name: String,
    /// Channel that is told.
    pub channel: String,
    /// From this severity on.
    #[serde(default = "lowest")]
    pub min_severity: Severity,
    /// Clauses: `PC 3.2` is all below it too, `PC` the whole regulation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<String>,
    /// Departments of the asset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<String>,
    /// Providers that the asset belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Only alerts of these times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Times at which nobody is disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    /// Collected, and told at a fixed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Somebody else is told when nobody acknowledges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalate>,
}

/// Quiet hours: alerts wait for their end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiet {
    /// When.
    pub hours: Hours,
    /// From this severity on nothing waits.
    #[serde(default = "highest")]
    pub except: Severity,
}

/// A collection that is told at a fixed time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// At what time of day.
    pub at: TimeOfDay,
    /// On which day of the week, Monday is 1; without it every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<u8>,
    /// One per department.
    #[serde(default)]
    pub per_department: bool,
}

/// What follows when nobody acknowledges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalate {
    /// After so many hours.
    pub after_hours: u32,
    /// Channel that is told then.
    pub channel: String,
}

/// A time of planned work: alerts wait for its end, and those that are settled by then are not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// Its name.
    pub name: String,
    /// Beginning.
    pub from: Millis,
    /// End.
    pub until: Millis,
    /// Only these departments; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departments: Vec<String>,
    /// Only these assets, by number; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<String>,
}

/// What is wrong with a route or a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteFault {
    /// No usable name.
    #[error("name: use 1 to 40 letters, digits, `-` and `_`")]
    Name,
    /// The channel is not there.
    #[error("there is no channel {0:?}")]
    Channel(String),
    /// No day of the week.
    #[error("{0} is no day of the week: Monday is 1, Sunday 7")]
    Day(u8),
    /// Escalating at once or in a year helps nobody.
    #[error("escalate.after_hours: from 1 to 720")]
    After,
    /// Ends before it begins.
    #[error("a window ends after it begins, within 30 days")]
    Window,
}

impl Route {
    /// Checks what the types do not say.
    pub fn check(&self, channels: &[&str]) -> Vec<RouteFault> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults.push(RouteFault::Name);
        }
        let escalation = self.escalate.as_ref().map(|escalate| escalate.channel.as_str());
        for channel in [Some(self.channel.as_str()), escalation].into_iter().flatten() {
            if !channels.contains(&channel) {
                faults.push(RouteFault::Channel(channel.to_owned()));
            }
        }
        let spans = [self.hours.as_ref(), self.quiet.as_ref().map(|quiet| &quiet.hours)];
        let days = spans
            .into_iter()
            .flatten()
            .flat_map(|hours| hours.days.iter().copied());
        let weekday = self.digest.as_ref().and_then(|digest| digest.weekday);
        faults.extend(
            days.chain(weekday)
                .filter(|day| !(1..=7).contains(day))
                .map(RouteFault::Day),
        );
        if self
            .escalate
            .as_ref()
            .is_some_and(|escalate| !(1..=720).contains(&escalate.after_hours))
        {
            faults.push(RouteFault::After);
        }
        faults
    }

    /// Whether it is about this alert, whatever the time.
    pub fn takes(&self, alert: &AlertRow) -> bool {
        let one_of = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|name| name.trim() == value.trim()))
        };
        alert.severity >= self.min_severity
            && (self.clauses.is_empty() || self.clauses.iter().any(|clause| below(&alert.clause, clause)))
            && one_of(&self.departments, alert.department.as_deref())
            && one_of(&self.providers, alert.provider.as_deref())
    }

    /// When an alert of `from` may be told, and whether it is collected.
    pub(super) fn due(&self, alert: &AlertRow, from: Millis, zone: Millis) -> Millis {
        if let Some(digest) = &self.digest {
            return times::next(from, digest.at, digest.weekday, zone);
        }
        match &self.quiet {
            Some(quiet) if alert.severity < quiet.except => quiet.hours.end(from, zone),
            _ => from,
        }
    }
}

impl Maintenance {
    /// Checks what the types do not say.
    pub fn check(&self) -> Vec<RouteFault> {
        let mut faults = Vec::new();
        if !is_name(&self.name) {
            faults.push(RouteFault::Name);
        }
        if self.until <= self.from || self.until - self.from > 30 * 86_400_000 {
            faults.push(RouteFault::Window);
        }
        faults
    }

    /// Whether an alert falls into it at this time.
    pub fn covers(&self, alert: &AlertRow, at: Millis) -> bool {
        let one_of = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_some_and(|value| list.iter().any(|name| name.trim() == value.trim()))
        };
        (self.from..self.until).contains(&at)
            && one_of(&self.departments, alert.department.as_deref())
            && one_of(&self.assets, alert.asset_number.as_deref())
    }
}

/// Whether a name is one of a channel, a route or a window.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (1..=40).contains(&name.len()) && name.chars().all(plain)
}

/// Whether a clause is this one or below it: `PC 3.2.4` is below `PC 3.2` and `PC`, not below `PC 3.24`.
fn below(clause: &str, above: &str) -> bool {
    clause
        .strip_prefix(above.trim())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ' ']))
}

const fn lowest() -> Severity {
    Severity::Low
}

const fn highest() -> Severity {
    Severity::Critical
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_takes_what_is_below_it() {
        assert!(below("PC 3.2.4", "PC 3.2.4") && below("PC 3.2.4", "PC 3.2") && below("PC 3.2.4", "PC"));
        assert!(!below("PC 3.24", "PC 3.2") && !below("NET 3.2", "PC") && !below("PC 3.2", "PC 3.2.4"));
    }

    #[test]
    fn every_fault_of_a_route_is_named() {
        let route: Route = serde_json::from_str(
            r#"{"name": "a b", "channel": "gone", "hours": {"days": [8], "from": "08:00", "to": "18:00"},
                "digest": {"at": "09:00", "weekday": 0}, "escalate": {"after_hours": 0, "channel": "boss"}}"#,
        )
        .unwrap();
        assert_eq!(route.check(&["mail"]).len(), 6);
        let good: Route = serde_json::from_str(r#"{"name": "a", "channel": "mail"}"#).unwrap();
        assert_eq!(good.check(&["mail"]), []);
        assert!(serde_json::from_str::<Route>(r#"{"name": "a", "channel": "mail", "hour": 1}"#).is_err());
    }
}
