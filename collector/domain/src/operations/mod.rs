//! What the collector watches of itself: certificates, disk, backup, what agents lost, rules that were refused, messages
//! that nobody took. A condition is a finding of the organisation, so that it is told, routed, shown and resolved like
//! one: once when it begins, once when it ends. What could not be looked at changes nothing. Pure; who looks and how
//! often is the collector's matter.

mod kind;
mod outage;

use std::collections::BTreeMap;

use crate::{
    cross::{CrossVerdict, Out, Seen, Shown},
    model::{Finding, FindingKey, Holder, Millis, Severity},
    port::Op,
};

/// The clause of what the collector watches of itself.
pub use crate::model::OPERATIONS as CLAUSE;
pub use kind::Kind;
pub use outage::{Outage, Refused, Speaker, Told, Tried};

/// A day.
const DAY: Millis = 86_400_000;
/// Percentage points above the limit that a disk must have free before it counts as emptied: a disk at the limit is
/// told once.
const EASE: u64 = 2;
/// Days before the end of a certificate that should have been renewed by itself weeks ago.
const RENEWED_BY: u16 = 14;

/// When a condition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Days before the end of a certificate.
    pub certificate_days: u16,
    /// Percent of the disk that must be free.
    pub disk_free: u8,
    /// Hours that the last backup may be old.
    pub backup_hours: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            certificate_days: 30,
            disk_free: 10,
            backup_hours: 26,
        }
    }
}

/// What was seen. `None`: it could not be looked at, which is neither good nor bad.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Certificates in use.
    pub certificates: Option<Vec<Certificate>>,
    /// The data folder's disk.
    pub disk: Option<Disk>,
    /// The last backup.
    pub backup: Option<Backup>,
    /// Agents that lost records lately: device, name of the asset, records.
    pub lost: Option<Vec<(String, String, u64)>>,
    /// Rule files whose newest text was refused, with the first fault.
    pub refused: Option<Vec<(String, String)>>,
    /// Messages that were given up, by channel.
    pub dead: Option<BTreeMap<String, u64>>,
    /// What the last walk over the store found to be other than it was stored.
    pub damaged: Option<Vec<String>>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for.
    pub name: String,
    /// Its end.
    pub ends_at: Millis,
    /// The collector issues the next one by itself, long before the end.
    pub renews: bool,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it.
    pub folder: String,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Whether backups are expected, and when the last one was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Nobody asked for any.
    NotExpected,
    /// Expected, and none was ever made, although there is something to keep since then.
    Never(Millis),
    /// The last one.
    At(Millis),
}

/// One condition that holds.
struct Condition {
    kind: Kind,
    subject: String,
    name: String,
    severity: Severity,
    seen: Seen,
}

/// Compares what was seen with the findings that are known, which must be all of [`CLAUSE`], and says what changes.
pub fn judge(now: Millis, facts: &Facts, limits: &Limits, known: &[Finding]) -> Vec<Op> {
    let mut looked = Vec::new();
    let mut holds = Vec::new();
    let mut take = |kind, conditions: Option<Vec<Condition>>| {
        if let Some(conditions) = conditions {
            looked.push(kind);
            holds.extend(conditions);
        }
    };
    take(Kind::CertificateEnds, certificates(now, facts, limits));
    take(Kind::DiskFilling, disk(facts, limits, known));
    take(Kind::BackupOverdue, backup(now, facts, limits));
    take(Kind::RecordsLost, lost(facts));
    take(Kind::RulesRefused, refused(facts));
    take(Kind::NotDelivered, dead(facts));
    take(Kind::StoreDamaged, damaged(facts));

    let mut verdict = CrossVerdict::default();
    let mut out = Out {
        now,
        verdict: &mut verdict,
    };
    for condition in &holds {
        let key = key(condition.kind, &condition.subject);
        let shown = Shown {
            severity: condition.severity,
            clause: CLAUSE.to_owned(),
            name: condition.name.clone(),
            seen: condition.seen.clone(),
            approved: None,
        };
        match known.iter().find(|finding| finding.key == key) {
            Some(finding) => out.still(finding, &shown),
            None => out.open(key, &shown),
        }
    }
    for finding in known {
        let holding = holds
            .iter()
            .any(|condition| key(condition.kind, &condition.subject) == finding.key);
        let was_looked_at = Kind::by_rule(&finding.key.rule).is_some_and(|kind| looked.contains(&kind));
        if was_looked_at && !holding {
            out.resolve(finding, "");
        }
    }
    verdict.into_ops()
}

fn key(kind: Kind, subject: &str) -> FindingKey {
    FindingKey {
        holder: Holder::Organisation,
        rule: kind.rule().to_owned(),
        subject: subject.to_owned(),
    }
}

fn certificates(now: Millis, facts: &Facts, limits: &Limits) -> Option<Vec<Condition>> {
    let ending = facts.certificates.as_ref()?.iter().filter(|certificate| {
        let days = if certificate.renews {
            limits.certificate_days.min(RENEWED_BY)
        } else {
            limits.certificate_days
        };
        certificate.ends_at.saturating_sub(now) <= Millis::from(days) * DAY
    });
    let condition = |certificate: &Certificate| {
        let (name, end) = (&certificate.name, certificate.ends_at);
        let days = (end - now).max(0) / DAY;
        let (zh, en) = if end <= now {
            ("已到期".to_owned(), "it has ended".to_owned())
        } else {
            (format!("还有 {days} 天到期"), format!("it ends in {days} days"))
        };
        Condition {
            kind: Kind::CertificateEnds,
            subject: name.clone(),
            name: name.clone(),
            severity: if end <= now {
                Severity::Critical
            } else {
                Severity::High
            },
            seen: Seen::new(zh, en).with("ends_at", end),
        }
    };
    Some(ending.map(condition).collect())
}

fn disk(facts: &Facts, limits: &Limits, known: &[Finding]) -> Option<Vec<Condition>> {
    let disk = facts.disk.as_ref().filter(|disk| disk.total > 0)?;
    let told = known
        .iter()
        .any(|finding| finding.key == key(Kind::DiskFilling, &disk.folder) && finding.state.is_active());
    let limit = u64::from(limits.disk_free) + if told { EASE } else { 0 };
    // In whole percent, so that it is told anew only when that changes.
    let percent = u64::try_from(u128::from(disk.free) * 100 / u128::from(disk.total)).unwrap_or(100);
    if percent >= limit {
        return Some(Vec::new());
    }
    Some(vec![Condition {
        kind: Kind::DiskFilling,
        subject: disk.folder.clone(),
        name: disk.folder.clone(),
        severity: if percent <= 2 {
            Severity::Critical
        } else {
            Severity::High
        },
        seen: Seen::new(format!("只剩 {percent}% 可用"), format!("{percent} % is free"))
            .with("free_percent", percent),
    }])
}

fn backup(now: Millis, facts: &Facts, limits: &Limits) -> Option<Vec<Condition>> {
    let (seen, at) = match facts.backup? {
        Backup::NotExpected => return Some(Vec::new()),
        // A new collector's first backup is still to come.
        Backup::Never(since) if now - since <= Millis::from(limits.backup_hours) * 3_600_000 => {
            return Some(Vec::new());
        }
        Backup::Never(_) => (
            Seen::new("从未备份".to_owned(), "none was ever made".to_owned()),
            None,
        ),
        Backup::At(at) if now - at <= Millis::from(limits.backup_hours) * 3_600_000 => {
            return Some(Vec::new());
        }
        Backup::At(at) => {
            let days = (now - at) / DAY;
            let seen = Seen::new(
                format!("超过 {} 小时没有新的备份（{days} 天）", limits.backup_hours),
                format!("none for more than {} hours ({days} days)", limits.backup_hours),
            );
            (seen, Some(at))
        }
    };
    Some(vec![Condition {
        kind: Kind::BackupOverdue,
        subject: "backup".to_owned(),
        name: "backup".to_owned(),
        severity: Severity::High,
        seen: seen.with("last_at", at),
    }])
}

fn damaged(facts: &Facts) -> Option<Vec<Condition>> {
    let found = facts.damaged.as_ref()?;
    let Some(first) = found.first() else {
        return Some(Vec::new());
    };
    let count = found.len();
    Some(vec![Condition {
        kind: Kind::StoreDamaged,
        subject: "store".to_owned(),
        name: "store".to_owned(),
        severity: Severity::Critical,
        seen: Seen::new(
            format!("发现 {count} 处，例如：{first}"),
            format!("{count} were found, for example: {first}"),
        )
        .with("found", count as u64),
    }])
}

fn lost(facts: &Facts) -> Option<Vec<Condition>> {
    let condition = |(device, name, records): &(String, String, u64)| Condition {
        kind: Kind::RecordsLost,
        subject: device.clone(),
        name: name.clone(),
        severity: Severity::Medium,
        seen: Seen::new(
            format!("丢失 {records} 条记录"),
            format!("{records} records were lost"),
        )
        .with("records", *records),
    };
    Some(facts.lost.as_ref()?.iter().map(condition).collect())
}

fn refused(facts: &Facts) -> Option<Vec<Condition>> {
    let condition = |(file, fault): &(String, String)| Condition {
        kind: Kind::RulesRefused,
        subject: file.clone(),
        name: file.clone(),
        severity: Severity::High,
        seen: Seen::new(fault.clone(), fault.clone()),
    };
    Some(facts.refused.as_ref()?.iter().map(condition).collect())
}

fn dead(facts: &Facts) -> Option<Vec<Condition>> {
    let condition = |(channel, messages): (&String, &u64)| Condition {
        kind: Kind::NotDelivered,
        subject: channel.clone(),
        name: channel.clone(),
        severity: Severity::High,
        seen: Seen::new(
            format!("{messages} 条消息未能送达"),
            format!("{messages} messages were given up"),
        )
        .with("messages", *messages),
    };
    Some(facts.dead.as_ref()?.iter().map(condition).collect())
}

#[cfg(test)]
mod tests;
