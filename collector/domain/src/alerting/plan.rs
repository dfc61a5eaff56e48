//! From alerts to the queues of channels: which channel is told, and not before when.

use std::collections::{BTreeMap, BTreeSet};

use super::{Book, EntryKind, Fresh, Planned, Route, observation};
use crate::model::{AlertKind, AlertRow, Millis, OPERATIONS};

const HOUR: Millis = 3_600_000;

/// Plans alerts. An alert enters a channel's queue once, by the route that tells it soonest, and once more for
/// each channel that it escalates to. Without routes for a channel the channel's own severity decides.
pub fn plan(now: Millis, alerts: &[Fresh], book: &Book) -> Vec<Planned> {
    let mut told: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let mut planned = Vec::new();
    for fresh in alerts {
        let told = told.entry(fresh.alert.finding_id).or_default();
        told.extend(fresh.told.iter().cloned());
        let entries = one(now, &fresh.alert, told, book);
        let at_once = entries.iter().filter(|entry| entry.kind == EntryKind::Alert);
        told.extend(at_once.map(|entry| entry.channel.clone()));
        planned.extend(entries);
    }
    planned
}

fn one(now: Millis, alert: &AlertRow, told: &BTreeSet<String>, book: &Book) -> Vec<Planned> {
    let window = book
        .maintenance
        .iter()
        .filter(|window| window.covers(alert, now))
        .map(|window| window.until)
        .max();
    let from = window.unwrap_or(now).max(now);
    let mut entries: BTreeMap<(&str, EntryKind), Planned> = BTreeMap::new();
    let mut add = |channel, kind, not_before, bundle: String| {
        let entry = Planned {
            alert: alert.id,
            channel: String::from(channel),
            kind,
            bundle,
            not_before,
            held: window.is_some(),
        };
        let known = entries.entry((channel, kind)).or_insert_with(|| entry.clone());
        if entry.not_before < known.not_before {
            *known = entry;
        }
    };
    let is_end = alert.kind == AlertKind::Resolved;
    for channel in &book.channels {
        // "Resolved" follows whoever was told, whatever the time of day is by then.
        if is_end && told.contains(&channel.name) {
            let mut routes = book.routes_of(&channel.name).filter(|route| route.takes(alert));
            match routes.next() {
                Some(route) => add(
                    &channel.name,
                    EntryKind::Alert,
                    route.due(alert, from, book.zone),
                    bundle(route, alert),
                ),
                None => add(&channel.name, EntryKind::Alert, from, String::new()),
            }
            continue;
        }
        if book.routes_of(&channel.name).next().is_none() {
            let escalated = book
                .routes
                .iter()
                .any(|route| route.escalate.as_ref().is_some_and(|e| e.channel == channel.name));
            // A channel that is only escalated to is not told of everything.
            if alert.severity >= channel.min_severity && !escalated && !is_end {
                add(&channel.name, EntryKind::Alert, from, String::new());
            }
            continue;
        }
        for route in book.routes_of(&channel.name) {
            let now_is_its_time = route
                .hours
                .as_ref()
                .is_none_or(|hours| hours.contains(now, book.zone));
            if is_end || !route.takes(alert) || !now_is_its_time {
                continue;
            }
            add(
                &channel.name,
                EntryKind::Alert,
                route.due(alert, from, book.zone),
                bundle(route, alert),
            );
            if let Some(escalate) = &route.escalate
                && book
                    .channels
                    .iter()
                    .any(|channel| channel.name == escalate.channel)
            {
                let after = from.saturating_add(Millis::from(escalate.after_hours) * HOUR);
                add(&escalate.channel, EntryKind::Escalation, after, String::new());
            }
        }
    }
    let entries = entries.into_values();
    match &book.observing {
        // How the collector itself is, is no matter of the fleet.
        Some(observing) if alert.clause != OPERATIONS => entries
            .filter_map(|entry| observation::summed(entry, observing, book.zone, now))
            .collect(),
        _ => entries.collect(),
    }
}

/// What alerts of a digest are collected under; empty where there is none.
fn bundle(route: &Route, alert: &AlertRow) -> String {
    match &route.digest {
        None => String::new(),
        Some(digest) if digest.per_department => {
            format!(
                "{}/{}",
                route.name,
                alert.department.as_deref().unwrap_or_default()
            )
        }
        Some(_) => route.name.clone(),
    }
}
