//! `GET /audit`: who did what, newest first, filtered by its address; and whether the chain is whole.

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::{AuditFilter, AuditRecord, Lang, Millis, PERSON_BEGINS},
    port::{Paging, Store, StoreResult},
};
use time::{Date, PrimitiveDateTime, Time, UtcOffset, macros::format_description};

use super::{
    Asked,
    pager::{Pager, ROWS, window},
    render,
};
use crate::web::{
    error::WebError,
    form::Query,
    list::{Batch, Column, Exports, List, ListAsk},
    logged,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    p: Page,
    actor: String,
    action: String,
    object: String,
    text: String,
    since: String,
    until: String,
    /// Names of date fields that hold no date.
    faults: Vec<&'static str>,
    lines: Vec<AuditLine>,
    /// `whole`, `broken`, or empty while nobody asked.
    chain: &'static str,
    entries: u64,
    chain_fault: Agent,
    head: String,
    /// Codes of actions and their words, which the filter proposes.
    actions: Vec<(String, &'static str)>,
    pager: Pager,
    exports: Exports,
}

struct AuditLine {
    sequence: i64,
    at: Millis,
    actor: Agent,
    action: String,
    /// Words of the action; the code itself where there are none.
    words: String,
    object: Agent,
    /// Page of the object, where it has one.
    link: Option<String>,
    detail: Agent,
    hash: String,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/audit");
    let offset = state.config.utc_offset_minutes;
    let (filter, faults) = filter(&asked.query, offset);
    let number = asked.query.page();
    let verify = asked.query.some("verify").is_some();
    let (found, (last, hash), verified) = state
        .ask(move |store| {
            let verified = if verify { Some(store.verify_audit()?) } else { None };
            Ok((
                store.audit_page(&filter, window(number, ROWS))?,
                store.audit_head()?,
                verified,
            ))
        })
        .await?;
    let get = |name| asked.query.some(name).unwrap_or_default().to_owned();
    let names = ["actor", "action", "object", "text", "since", "until"];
    let values = names.map(|name| (name, get(name)));
    let parameters: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let (chain, entries, chain_fault) = match &verified {
        None => ("", 0, Agent::default()),
        Some(Ok(entries)) => ("whole", u64::try_from(*entries).unwrap_or(0), Agent::default()),
        Some(Err(fault)) => ("broken", 0, agent_text(&fault.reason)),
    };
    let page = AuditPage {
        actor: get("actor"),
        action: get("action"),
        object: get("object"),
        text: get("text"),
        since: get("since"),
        until: get("until"),
        faults,
        lines: found.rows.iter().map(|record| line(record, p.lang())).collect(),
        actions: logged::proposals(p.lang()),
        chain,
        entries,
        chain_fault,
        head: format!("{last}:{}", data_encoding::HEXLOWER.encode(&hash)),
        pager: Pager::new("/audit", &parameters, number, ROWS, found.rows.len(), found.total),
        exports: Exports::of("/audit/export", &asked),
        p,
    };
    render(&page)
}

fn line(record: &AuditRecord, lang: Lang) -> AuditLine {
    let entry = &record.entry;
    AuditLine {
        sequence: record.sequence,
        at: entry.at,
        actor: agent_text(&entry.actor),
        words: logged::words(lang, &entry.action).unwrap_or_else(|| entry.action.clone()),
        action: entry.action.clone(),
        object: agent_text(&entry.object),
        link: address(&entry.object),
        detail: agent_text(&entry.detail),
        hash: data_encoding::HEXLOWER.encode(record.hash.get(..6).unwrap_or_default()),
    }
}

/// Where an object is shown.
fn address(object: &str) -> Option<String> {
    let (kind, id) = object.split_once(':')?;
    let folder = match kind {
        "asset" => "/assets/",
        "finding" => "/findings/",
        "device" => "/devices/",
        _ => return None,
    };
    let plain = !id.is_empty() && id.len() <= 32 && id.chars().all(|c| c.is_ascii_alphanumeric());
    (plain && !object.contains(PERSON_BEGINS)).then(|| format!("{folder}{id}"))
}

/// The filter that an address asks for, and fields whose dates cannot be read. Those do not limit.
pub(in crate::web) fn filter(query: &Query, offset_minutes: i16) -> (AuditFilter, Vec<&'static str>) {
    let text = |name| {
        query
            .some(name)
            .map(|text| text.chars().take(200).collect::<String>())
    };
    let mut faults = Vec::new();
    let mut day = |name: &'static str, days: i64| {
        let typed = query.some(name)?;
        let found = midnight(typed, offset_minutes).map(|at| at + days * 86_400_000);
        if found.is_none() {
            faults.push(name);
        }
        found
    };
    let (since, until) = (day("since", 0), day("until", 1));
    let filter = AuditFilter {
        actor: text("actor"),
        action: text("action"),
        object: text("object"),
        since,
        until,
        text: text("text"),
        before: None,
    };
    (filter, faults)
}

/// The beginning of a day in the configured zone.
fn midnight(text: &str, offset_minutes: i16) -> Option<Millis> {
    let day = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    let offset = UtcOffset::from_whole_seconds(i32::from(offset_minutes) * 60).ok()?;
    let at = PrimitiveDateTime::new(day, Time::MIDNIGHT).assume_offset(offset);
    Millis::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
}

/// The audit log, as a list.
pub(in crate::web) struct AuditList;

impl List for AuditList {
    type Row = AuditRecord;
    const NAME: &'static str = "audit";
    const TITLE: &'static str = "nav.audit";
    const FILTERS: &'static [(&'static str, &'static str)] = &[
        ("actor", "Sign-in name of who acted"),
        ("action", "Beginning of the action: `user.` finds all about users"),
        ("object", "Exactly this object: `asset:12`"),
        ("since", "First day, YYYY-MM-DD"),
        ("until", "Last day, YYYY-MM-DD"),
        ("text", "Words to find in action, object and detail"),
    ];

    fn columns() -> Vec<Column<AuditRecord>> {
        vec![
            Column::number("sequence", "audit.sequence", |row| Some(row.sequence)),
            Column::when("at", "audit.at", |row| Some(row.entry.at)),
            Column::text("actor", "audit.actor", |row, _| Some(row.entry.actor.clone())),
            Column::text("action", "audit.action_code", |row, _| {
                Some(row.entry.action.clone())
            }),
            Column::text("action_words", "audit.action", |row, context| {
                logged::words(context.lang, &row.entry.action)
            }),
            Column::text("object", "audit.object", |row, _| Some(row.entry.object.clone())),
            Column::text("detail", "audit.detail", |row, _| Some(row.entry.detail.clone())),
            Column::text("hash", "audit.hash", |row, _| {
                Some(data_encoding::HEXLOWER.encode(&row.hash))
            }),
        ]
    }

    fn fetch(
        store: &dyn Store,
        ask: &ListAsk,
        from: Option<i64>,
        limit: u32,
    ) -> StoreResult<Batch<AuditRecord>> {
        let (mut filter, _) = filter(&ask.query, ask.context.offset_minutes);
        filter.before = from;
        let rows = store.audit_page(&filter, Paging { offset: 0, limit })?.rows;
        Ok(Batch::by_id(rows, limit, |row| row.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::form::Fields;

    #[test]
    fn days_are_those_of_the_configured_zone_and_the_last_is_whole() {
        let query = Query(Fields::parse(b"since=2026-11-23&until=2026-11-23&actor=wang"));
        let (found, faults) = filter(&query, 480);
        assert_eq!(found.since, Some(1_795_363_200_000));
        assert_eq!(found.until, Some(1_795_363_200_000 + 86_400_000));
        assert!(faults.is_empty());
        let (found, faults) = filter(&Query(Fields::parse(b"since=yesterday")), 480);
        assert_eq!((found.since, faults), (None, vec!["since"]));
    }

    #[test]
    fn only_plain_objects_become_addresses() {
        assert_eq!(address("asset:12").as_deref(), Some("/assets/12"));
        for other in ["user:12", "asset:../../x", "asset:", "asset", "finding:1?x"] {
            assert_eq!(address(other), None, "{other}");
        }
    }
}
