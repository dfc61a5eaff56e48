//! From a channel's queue to messages: one cause is one message, a full minute waits, and what piled up while a
//! channel was away comes as one digest.

use std::collections::{BTreeMap, BTreeSet};

use super::{EntryKind, Pace, Pack, Packed, Pulse, Waiting};
use crate::model::{AlertKind, FindingState, Millis, PackKind, Severity};

/// The window of a rate.
const MINUTE: Millis = 60_000;
/// How long an alert waits until it counts as piled up.
const PILED_UP: Millis = 15 * MINUTE;
/// Messages of one cause within a minute after which the next of it are collected.
const OF_ONE_CAUSE: usize = 3;
/// Messages that are made together for a channel without a limit.
const WITHOUT_LIMIT: usize = 2_000;
/// Alerts told of one cause within a minute after which the next of it are collected.
const ALERTS_OF_ONE_CAUSE: u64 = 10;

/// Packs what waits. `waiting` is due and in the order of the queue; every entry ends up in exactly one of the
/// packs or among the skipped, or keeps waiting.
pub fn pack(now: Millis, waiting: &[Waiting], pace: Pace, pulse: &Pulse) -> Packed {
    let mut packed = Packed::default();
    let room = room(now, pace, pulse, &mut packed);
    if room == 0 || waiting.is_empty() {
        return packed;
    }
    let told = skip_settled(waiting, &mut packed);
    if !pace.groups {
        packed.packs = told.iter().take(room).map(|entry| single(entry)).collect();
        if told.len() > room {
            packed.look_again = Some(now);
        }
        return packed;
    }
    let (piled_up, fresh): (Vec<&Waiting>, Vec<&Waiting>) = told
        .into_iter()
        .partition(|entry| entry.bundle.is_empty() && now - entry.not_before > PILED_UP);
    let mut packs = Vec::new();
    if piled_up.len() > OF_ONE_CAUSE {
        packs.push(many(PackKind::Digest, "", &piled_up));
    } else {
        packs.extend(piled_up.iter().map(|entry| single(entry)));
    }
    let mut causes: BTreeMap<(PackKind, String), Vec<&Waiting>> = BTreeMap::new();
    for entry in fresh {
        let key = if entry.bundle.is_empty() {
            let kind = match entry.kind {
                EntryKind::Alert => PackKind::Group,
                EntryKind::Escalation => PackKind::Escalation,
            };
            (kind, cause(entry))
        } else {
            (PackKind::Digest, entry.bundle.clone())
        };
        causes.entry(key).or_default().push(entry);
    }
    for ((kind, cause), entries) in causes {
        if kind == PackKind::Group && is_storm(now, &cause, pulse) {
            let oldest = entries.iter().map(|entry| entry.not_before).min().unwrap_or(now);
            if now - oldest < MINUTE {
                packed.wait(oldest + MINUTE);
                continue;
            }
        }
        packs.push(match (kind, entries.as_slice()) {
            (PackKind::Group, [one]) => single(one),
            _ => many(kind, &cause, &entries),
        });
    }
    // The worst first; what does not fit into this minute is one message.
    packs.sort_by_key(|pack| (std::cmp::Reverse(pack.severity), pack.entries.first().copied()));
    if packs.len() > room {
        let rest: Vec<Pack> = packs.split_off(room - 1);
        packs.push(merged(rest));
    }
    packed.packs = packs;
    packed
}

/// How many messages this minute still has room for.
fn room(now: Millis, pace: Pace, pulse: &Pulse, packed: &mut Packed) -> usize {
    let Some(most) = pace.per_minute else {
        return WITHOUT_LIMIT;
    };
    let mut sent: Vec<Millis> = pulse
        .tried
        .iter()
        .copied()
        .filter(|at| now - at < MINUTE)
        .collect();
    sent.sort_unstable();
    if sent.len() >= most
        && let Some(frees) = sent.get(sent.len() - most)
    {
        packed.wait(frees + MINUTE);
    }
    most.saturating_sub(sent.len())
}

/// Leaves out what nobody needs to hear any more: an escalation of what was acknowledged or settled, and both the
/// opening and the end of what came and went while it was held back.
fn skip_settled<'w>(waiting: &'w [Waiting], packed: &mut Packed) -> Vec<&'w Waiting> {
    let is_opening = |entry: &&Waiting| entry.held && entry.alert.kind != AlertKind::Resolved;
    let settled: BTreeSet<i64> = waiting
        .iter()
        .filter(is_opening)
        .filter(|entry| entry.state == FindingState::Resolved)
        .map(|entry| entry.alert.finding_id)
        .collect();
    let mut told = Vec::new();
    for entry in waiting {
        if entry.kind == EntryKind::Escalation && entry.state != FindingState::Open {
            packed.skipped.push((entry.id, "acknowledged or settled in time"));
        } else if entry.held && settled.contains(&entry.alert.finding_id) {
            packed
                .skipped
                .push((entry.id, "settled within the maintenance window"));
        } else {
            told.push(entry);
        }
    }
    told
}

fn is_storm(now: Millis, cause: &str, pulse: &Pulse) -> bool {
    let recent = pulse
        .causes
        .iter()
        .filter(|(told, at, _)| told == cause && now - at < MINUTE);
    let (messages, alerts) = recent.fold((0usize, 0u64), |(m, a), (_, _, alerts)| (m + 1, a + alerts));
    messages >= OF_ONE_CAUSE || alerts >= ALERTS_OF_ONE_CAUSE
}

/// What alerts have in common that are one message.
fn cause(entry: &Waiting) -> String {
    format!("{}/{}", entry.alert.rule, entry.alert.kind.name())
}

fn single(entry: &Waiting) -> Pack {
    Pack {
        kind: match entry.kind {
            EntryKind::Alert => PackKind::Single,
            EntryKind::Escalation => PackKind::Escalation,
        },
        cause: cause(entry),
        severity: entry.alert.severity,
        entries: vec![entry.id],
        alerts: vec![entry.alert.id],
    }
}

fn many(kind: PackKind, cause: &str, entries: &[&Waiting]) -> Pack {
    Pack {
        kind,
        cause: cause.to_owned(),
        severity: entries
            .iter()
            .map(|entry| entry.alert.severity)
            .max()
            .unwrap_or(Severity::Low),
        entries: entries.iter().map(|entry| entry.id).collect(),
        alerts: entries.iter().map(|entry| entry.alert.id).collect(),
    }
}

fn merged(packs: Vec<Pack>) -> Pack {
    let severity = packs
        .iter()
        .map(|pack| pack.severity)
        .max()
        .unwrap_or(Severity::Low);
    let (mut entries, mut alerts) = (Vec::new(), Vec::new());
    for pack in packs {
        entries.extend(pack.entries);
        alerts.extend(pack.alerts);
    }
    Pack {
        kind: PackKind::Digest,
        cause: String::new(),
        severity,
        entries,
        alerts,
    }
}
