//! `GET /channels` and its forms: channels, routes and maintenance windows. A secret goes in and never comes out: the
//! page knows only whether there is one.

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    alerting::{MOST_DAYS, Maintenance, Observation, Route},
    model::{Lang, Millis},
    port::{AlertingKind, Store, StoreError},
};
use serde_json::{Map, Value, json};

use super::{
    Asked,
    channel_form::{self, ChannelForm, list},
    render,
};
use crate::{
    config::{KINDS, Secret},
    notify::{Actor, Book, BookError, Desk, DeskSource, Live, Origin, SECRETS},
    observation::{self, Standing},
    web::{
        badge::{self, Badge},
        error::WebError,
        form::Fields,
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

#[derive(Template)]
#[template(path = "channels.html")]
struct ChannelsPage {
    p: Page,
    channels: Vec<ChannelLine>,
    routes: Vec<RouteLine>,
    windows: Vec<WindowLine>,
    faults: Vec<Agent>,
    /// Days of observation that are left.
    left: Option<u64>,
    observed_until: Option<Millis>,
    /// The configuration file decides about it.
    configured: bool,
    /// What came of a form.
    said: Option<Said>,
    form: ChannelForm,
    kinds: [&'static str; 8],
    severities: [&'static str; 4],
}

struct Said {
    good: bool,
    text: Agent,
}

struct ChannelLine {
    name: Agent,
    kind: &'static str,
    stored: bool,
    severity: Badge,
    fault: Agent,
}

struct RouteLine {
    name: Agent,
    channel: Agent,
    severity: Badge,
    only: Agent,
    when: Agent,
}

struct WindowLine {
    name: Agent,
    from: Millis,
    until: Millis,
    only: Agent,
}

/// The page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let form = ChannelForm::empty(asked.query.some("kind").unwrap_or_default());
    render(&build(&state, &asked, None, form).await?)
}

/// Makes or replaces a channel.
pub(in crate::web) async fn put_channel(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let keys = channel_form::keys(&fields);
    let secrets: BTreeMap<String, Secret> = SECRETS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Secret::new(fields.some(name)?.to_owned()))))
        .collect();
    let form = ChannelForm::of(&fields);
    change(&state, asked, form, move |book, actor| {
        book.put_channel(&keys, secrets.clone(), actor).map(drop)
    })
    .await
}

/// Makes or replaces a route.
pub(in crate::web) async fn put_route(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let route = route(&fields);
    change(&state, asked, ChannelForm::default(), move |book, actor| {
        book.put(AlertingKind::Route, &route, actor).map(drop)
    })
    .await
}

/// Makes or replaces a maintenance window.
pub(in crate::web) async fn put_window(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let window = window(&fields, state.config.channels.zone);
    change(&state, asked, ChannelForm::default(), move |book, actor| {
        let window = window
            .clone()
            .ok_or_else(|| BookError::Refused("from, until: 2026-12-01T22:00".to_owned()))?;
        book.put(AlertingKind::Maintenance, &window, actor).map(drop)
    })
    .await
}

/// Removes a channel, a route or a window.
pub(in crate::web) async fn remove(
    State(state): State<WebState>,
    asked: Asked,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let kind = AlertingKind::by_name(&kind).ok_or(WebError::NotFound)?;
    change(&state, asked, ChannelForm::default(), move |book, actor| {
        book.remove(kind, &name, actor)
    })
    .await
}

/// Sends a test message.
pub(in crate::web) async fn test(
    State(state): State<WebState>,
    asked: Asked,
    Path(name): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/channels");
    let lang = p.lang();
    let words = p.t("channels.tested").to_owned();
    let sent = work(&state, &asked, move |book, actor| book.test(&name, lang, actor)).await?;
    let said = match sent {
        Ok(()) => Said {
            good: true,
            text: agent_text(&words),
        },
        Err(why) => Said {
            good: false,
            text: agent_text(&why),
        },
    };
    render(&build(&state, &asked, Some(said), ChannelForm::default()).await?)
}

/// Carries out a change; a refused one comes back on the page, with what was typed.
async fn change(
    state: &WebState,
    asked: Asked,
    form: ChannelForm,
    what: impl Fn(&Book<'_>, Actor<'_>) -> Result<(), BookError> + Send + 'static,
) -> Result<Response, WebError> {
    match work(state, &asked, what).await? {
        Ok(()) => Ok(Redirect::to("/channels").into_response()),
        Err(why) => {
            let said = Said {
                good: false,
                text: agent_text(&why),
            };
            let page = build(state, &asked, Some(said), form).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
    }
}

/// Ends the observation of the fleet, or has it last so many days from now on.
pub(in crate::web) async fn observe(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let (actor, now) = (asked.viewer.name.clone(), state.clock.now());
    let days: Option<u32> = fields.text("days").parse().ok();
    let days = days
        .filter(|days| *days <= MOST_DAYS)
        .ok_or(WebError::Malformed)?;
    if state.config.channels.observation.is_some() {
        return Err(WebError::Stale);
    }
    let wanted = Observation::from_now(days, now);
    state
        .ask(move |store| observation::put(store, wanted, &actor, now))
        .await?;
    Ok(Redirect::to("/channels").into_response())
}

/// Runs work on the book; the inner error is for the page.
async fn work(
    state: &WebState,
    asked: &Asked,
    what: impl Fn(&Book<'_>, Actor<'_>) -> Result<(), BookError> + Send + 'static,
) -> Result<Result<(), String>, WebError> {
    let (name, at) = (asked.viewer.name.clone(), state.clock.now());
    let source = state.config.channels.clone();
    state
        .ask(move |store| {
            let book = Book {
                store,
                source: &source,
            };
            match what(&book, Actor { name: &name, at }) {
                Ok(()) => Ok(Ok(())),
                Err(BookError::Refused(why)) => Ok(Err(why)),
                Err(BookError::Store(StoreError::NotFound(what))) => Ok(Err(what)),
                Err(BookError::Store(error)) => Err(error),
            }
        })
        .await
}

async fn build(
    state: &WebState,
    asked: &Asked,
    said: Option<Said>,
    form: ChannelForm,
) -> Result<ChannelsPage, WebError> {
    let p = asked.page(state, "/channels");
    let (source, now): (DeskSource, _) = (state.config.channels.clone(), p.now);
    let (desk, standing): (Desk, Standing) = state
        .ask(move |store: &dyn Store| {
            let standing = observation::standing(store, source.observation, now)?;
            Ok((source.load(store)?, standing))
        })
        .await?;
    let lang = p.lang();
    Ok(ChannelsPage {
        channels: desk
            .channels
            .iter()
            .map(|live| channel_line(live, lang))
            .collect(),
        routes: desk.routes.iter().map(|route| route_line(route, lang)).collect(),
        windows: desk.maintenance.iter().map(window_line).collect(),
        faults: desk.faults.iter().map(|fault| agent_text(fault)).collect(),
        said,
        form,
        kinds: KINDS,
        left: standing.left,
        observed_until: standing.until.filter(|_| standing.first.is_some()),
        configured: state.config.channels.observation.is_some(),
        severities: ["low", "medium", "high", "critical"],
        p,
    })
}

fn channel_line(live: &Live, lang: Lang) -> ChannelLine {
    ChannelLine {
        name: agent_text(&live.name),
        kind: KINDS
            .into_iter()
            .find(|kind| *kind == live.kind)
            .unwrap_or("unknown"),
        stored: live.origin == Origin::Stored,
        severity: badge::severity(live.min_severity, lang),
        fault: agent_text(live.fault.as_deref().unwrap_or_default()),
    }
}

fn route_line(route: &Route, lang: Lang) -> RouteLine {
    let mut only = route.clauses.clone();
    only.extend(route.departments.iter().chain(&route.providers).cloned());
    let mut when = Vec::new();
    if let Some(hours) = &route.hours {
        when.push(format!("{}-{}", hours.from, hours.to));
    }
    if let Some(quiet) = &route.quiet {
        when.push(format!("z {}-{}", quiet.hours.from, quiet.hours.to));
    }
    if let Some(digest) = &route.digest {
        let day = digest.weekday.map(|day| format!(" {day}/7")).unwrap_or_default();
        when.push(format!("Σ {}{day}", digest.at));
    }
    if let Some(escalate) = &route.escalate {
        when.push(format!("{} h → {}", escalate.after_hours, escalate.channel));
    }
    RouteLine {
        name: agent_text(&route.name),
        channel: agent_text(&route.channel),
        severity: badge::severity(route.min_severity, lang),
        only: agent_text(&only.join(", ")),
        when: agent_text(&when.join(", ")),
    }
}

fn window_line(window: &Maintenance) -> WindowLine {
    let only: Vec<String> = window.departments.iter().chain(&window.assets).cloned().collect();
    WindowLine {
        name: agent_text(&window.name),
        from: window.from,
        until: window.until,
        only: agent_text(&only.join(", ")),
    }
}

fn route(fields: &Fields) -> Value {
    let mut route = Map::new();
    for name in ["name", "channel", "min_severity"] {
        if let Some(text) = fields.some(name) {
            route.insert(name.to_owned(), json!(text));
        }
    }
    for name in ["clauses", "departments", "providers"] {
        route.insert(name.to_owned(), json!(list(fields.text(name))));
    }
    let hours = |from: &str, to: &str, days: &str| {
        // Half of it is not nothing: what is missing is told, not left out.
        [from, to, days].iter().find_map(|name| fields.some(name))?;
        let days: Vec<u8> = list(fields.text(days))
            .iter()
            .map(|day| day.parse().unwrap_or(0))
            .collect();
        Some(json!({"days": days, "from": fields.text(from), "to": fields.text(to)}))
    };
    if let Some(hours) = hours("hours_from", "hours_to", "days") {
        route.insert("hours".to_owned(), hours);
    }
    if let Some(hours) = hours("quiet_from", "quiet_to", "quiet_days") {
        route.insert("quiet".to_owned(), json!({"hours": hours}));
    }
    let weekday = fields
        .some("digest_weekday")
        .map(|day| day.parse::<u8>().unwrap_or(0));
    if fields.some("digest_at").is_some() || weekday.is_some() {
        let at = fields.text("digest_at");
        let per_department = fields.some("per_department").is_some();
        route.insert(
            "digest".to_owned(),
            json!({"at": at, "weekday": weekday, "per_department": per_department}),
        );
    }
    let (hours, channel) = (fields.text("escalate_hours"), fields.text("escalate_channel"));
    if !hours.is_empty() || !channel.is_empty() {
        let hours = hours.parse::<u32>().unwrap_or(0);
        route.insert(
            "escalate".to_owned(),
            json!({"after_hours": hours, "channel": channel}),
        );
    }
    Value::Object(route)
}

fn window(fields: &Fields, zone: Millis) -> Option<Value> {
    let format = time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let moment = |name: &str| {
        let text = fields.text(name);
        let local = time::PrimitiveDateTime::parse(text, &format).ok()?;
        Some(local.assume_utc().unix_timestamp() * 1_000 - zone)
    };
    Some(json!({
        "name": fields.text("name"),
        "from": moment("from")?,
        "until": moment("until")?,
        "departments": list(fields.text("departments")),
        "assets": list(fields.text("assets")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_becomes_a_route_and_a_window() {
        let fields = Fields::parse(
            b"name=r&channel=group&min_severity=high&departments=a,b&quiet_from=22:00&quiet_to=07:00&digest_at=09:00&escalate_hours=4&escalate_channel=boss",
        );
        let route: Route = serde_json::from_value(route(&fields)).unwrap();
        assert_eq!(route.departments, ["a", "b"]);
        assert!(route.quiet.is_some() && route.digest.is_some() && route.hours.is_none());
        assert_eq!(route.escalate.unwrap().channel, "boss");
        let fields = Fields::parse(b"name=w&from=2026-11-23T00:00&until=2026-11-23T06:00&departments=");
        let window = window(&fields, 8 * 3_600_000).unwrap();
        assert_eq!(window["from"], 1_795_363_200_000i64);
        assert!(super::window(&Fields::parse(b"name=w&from=x&until=y"), 0).is_none());
    }
}
