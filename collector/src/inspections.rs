//! Inspection runs as the schedule and people start them, and providers that a person assessed anew.

use deskwarden_domain::{
    inspection,
    lifecycle::{NOTE_BYTES, PRODUCT},
    model::{AuditEntry, Every, Inspection, Lang, Millis},
    port::{Paging, Store, StoreError, StoreResult},
};
use serde_json::json;

use crate::clock;

/// How far back a run looks that has none before it.
const FIRST: Millis = 30 * 86_400_000;

/// Makes a run by hand; its number.
pub fn by_hand(store: &dyn Store, actor: &str, zone: Millis, now: Millis) -> StoreResult<i64> {
    let newest = Paging { offset: 0, limit: 1 };
    let last = store.inspections(newest)?.rows.pop();
    let run = Inspection {
        id: 0,
        label: clock::minute(now, zone),
        by: actor.to_owned(),
        at: now,
        since: last.map_or(now - FIRST, |(run, _)| run.at),
    };
    let made = store.run_inspection(&run, &audit(&run))?;
    made.ok_or_else(|| StoreError::Conflict("an inspection was made within this minute".into()))
}

/// Makes the run that the schedule asks for, if it was not made; its number.
pub fn scheduled(store: &dyn Store, every: Every, zone: Millis, now: Millis) -> StoreResult<Option<i64>> {
    let Some((label, since, due)) = inspection::closed(now, every, zone) else {
        return Ok(None);
    };
    // A period in which there was no PC yet has nothing to report.
    if store.first_enrolment()?.is_none_or(|first| first >= due) {
        return Ok(None);
    }
    if store
        .last_scheduled()?
        .is_some_and(|(last, at)| last == label || at >= due)
    {
        return Ok(None);
    }
    let run = Inspection {
        id: 0,
        label,
        by: PRODUCT.to_owned(),
        at: now,
        since,
    };
    store.run_inspection(&run, &audit(&run))
}

fn audit(run: &Inspection) -> AuditEntry {
    AuditEntry {
        at: run.at,
        actor: run.by.clone(),
        action: "inspection.run".into(),
        object: "inspection".into(),
        detail: json!({"label": run.label}).to_string(),
    }
}

/// Why a re-assessment was not settled.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// Nothing was said.
    #[error("say what the assessment came to")]
    Note,
    /// Too much was said.
    #[error("the note is longer than {NOTE_BYTES} bytes")]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A person assessed the provider anew.
pub fn settle(store: &dyn Store, id: i64, note: &str, actor: &str, now: Millis) -> Result<(), SettleError> {
    let note = note.trim();
    if note.is_empty() {
        return Err(SettleError::Note);
    }
    if note.len() > NOTE_BYTES {
        return Err(SettleError::TooLong);
    }
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "provider.reassess".into(),
        object: format!("reassessment:{id}"),
        detail: json!({"note": note}).to_string(),
    };
    Ok(store.settle_reassessment(id, note, &audit)?)
}

/// A gauge for people: `disk_free:/` x 12884901888 `By` is "12.0 GiB".
pub fn gauge(unit: &str, value: f64) -> String {
    match unit {
        "By" => {
            let gib = value / f64::from(1 << 30);
            format!("{gib:.1} GiB")
        }
        "s" => format!("{:.0} h", value / 3_600.0),
        "1" => format!("{value:.2}"),
        other => format!("{value:.1} {other}"),
    }
}

/// What a gauge is called.
pub fn gauge_name(name: &str, lang: Lang) -> String {
    let (kind, place) = name.split_once(':').unwrap_or((name, ""));
    let words = match (kind, lang) {
        ("disk_free", Lang::Zh) => "磁盘可用",
        ("disk_free", Lang::En) => "free on",
        ("memory_available", Lang::Zh) => "可用内存",
        ("memory_available", Lang::En) => "memory available",
        ("memory_swapped", Lang::Zh) => "已换出内存",
        ("memory_swapped", Lang::En) => "memory swapped out",
        ("load_15min", Lang::Zh) => "15 分钟负载",
        ("load_15min", Lang::En) => "load over 15 min",
        ("uptime", Lang::Zh) => "运行时间",
        ("uptime", Lang::En) => "uptime",
        _ => kind,
    };
    if place.is_empty() {
        words.to_owned()
    } else {
        format!("{words} {place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_for_people() {
        assert_eq!(gauge("By", 12_884_901_888.0), "12.0 GiB");
        assert_eq!(gauge("1", 0.5), "0.50");
        assert_eq!(gauge("s", 7_200.0), "2 h");
        assert_eq!(gauge("%", 4.0), "4.0 %");
        assert_eq!(gauge_name("disk_free:/home", Lang::Zh), "磁盘可用 /home");
        assert_eq!(gauge_name("other", Lang::En), "other");
    }
}
