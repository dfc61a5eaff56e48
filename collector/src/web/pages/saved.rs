//! Saved views: filters of a list that its reader keeps under a name. Each is an address, so that it is shared by
//! sending its link. `POST /<list>/views`, `POST /views/{id}/remove`. Knows no list: pages and routes name theirs.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{model::SavedView, port::Saving};

use super::Asked;
use crate::web::{
    error::WebError,
    form::{Fields, Query, link, local_path},
    list::{Filter, List},
    state::WebState,
    text::{Agent, agent_text},
};

/// Most views of one list that somebody keeps.
const MOST: u64 = 20;
/// Longest name, in characters.
const LONGEST_TITLE: usize = 60;
/// Longest value of a parameter, in characters.
const LONGEST_VALUE: usize = 200;

/// What a page shows of its reader's views, with `_saved.html`.
pub(super) struct Saved {
    /// Where the form goes.
    pub(super) action: String,
    /// Address of the list as it is filtered now.
    pub(super) here: String,
    pub(super) lines: Vec<Line>,
    /// What was typed, to come back with its fault.
    pub(super) title: String,
    /// Why it was not saved; empty for no reason. A member of the family `saved_fault`.
    pub(super) fault: String,
}

pub(super) struct Line {
    pub(super) id: i64,
    pub(super) title: Agent,
    pub(super) address: String,
    pub(super) current: bool,
}

impl Saved {
    /// The views of whoever asks, for a list.
    pub(super) async fn of<L: List>(state: &WebState, asked: &Asked) -> Result<Self, WebError> {
        let (list, path) = (L::NAME, path::<L>());
        let user = asked.viewer.user;
        let views = state.ask(move |store| store.saved_views(user, list)).await?;
        let here = address(&path, &chosen(L::FILTERS, &asked.query));
        let get = |name| asked.query.some(name).unwrap_or_default();
        Ok(Self {
            lines: views
                .iter()
                .map(|view| {
                    let address = address(&path, &view.filter);
                    Line {
                        id: view.id,
                        title: agent_text(&view.title),
                        current: address == here,
                        address,
                    }
                })
                .collect(),
            action: format!("{path}/views"),
            here,
            title: get("view_title").chars().take(LONGEST_TITLE).collect(),
            fault: get("view_fault").to_owned(),
        })
    }
}

/// Keeps the filter of the page that the form stands on.
pub(in crate::web) async fn save<L: List>(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let (_, query) = fields.text("back").split_once('?').unwrap_or_default();
    let filter = chosen(L::FILTERS, &Query(Fields::parse(query.as_bytes())));
    let title = fields.text("title").to_owned();
    let good =
        !title.is_empty() && title.chars().count() <= LONGEST_TITLE && !title.chars().any(char::is_control);
    let fault = if !good {
        "title"
    } else if filter.is_empty() {
        "filter"
    } else {
        let view = SavedView {
            id: 0,
            list: L::NAME.to_owned(),
            title: title.clone(),
            filter: filter.clone(),
        };
        let user = asked.viewer.user;
        match state.ask(move |store| store.save_view(user, &view, MOST)).await? {
            Saving::Saved => "",
            Saving::Taken => "taken",
            Saving::Full => "full",
        }
    };
    let mut to = filter;
    if !fault.is_empty() {
        to.push(("view_fault".to_owned(), fault.to_owned()));
        to.push((
            "view_title".to_owned(),
            title.chars().take(LONGEST_TITLE).collect(),
        ));
    }
    Ok(Redirect::to(&address(&path::<L>(), &to)).into_response())
}

/// Forgets a view.
pub(in crate::web) async fn remove(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
    fields: Fields,
) -> Result<Response, WebError> {
    let id: i64 = id.parse().map_err(|_| WebError::NotFound)?;
    let user = asked.viewer.user;
    if !state.ask(move |store| store.forget_view(user, id)).await? {
        return Err(WebError::NotFound);
    }
    Ok(Redirect::to(local_path(fields.text("back")).unwrap_or("/findings")).into_response())
}

/// Address of a list's page, which is called as the list is.
fn path<L: List>() -> String {
    format!("/{}", L::NAME)
}

/// The parameters that limit a list, in the list's order: `page` and what else stands in an address is no filter.
fn chosen(filters: &[Filter], query: &Query) -> Vec<(String, String)> {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| !c.is_control());
        kept.take(LONGEST_VALUE).collect()
    };
    filters
        .iter()
        .filter_map(|(name, _)| Some(((*name).to_owned(), plain(query.some(name)?))))
        .collect()
}

fn address(path: &str, filter: &[(String, String)]) -> String {
    let parameters: Vec<(&str, &str)> = filter
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    link(path, &parameters)
}
