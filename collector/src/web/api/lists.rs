//! Lists as JSON, some rows at a time. A cursor says where the last answer ended: rows that come and go
//! meanwhile neither repeat nor hide others.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::refused;
use crate::web::{
    asked::Asked,
    error::WebError,
    list::{Column, Context, Get, List, ListAsk},
    state::WebState,
};

/// Rows of an answer where nobody says how many.
const USUAL: u32 = 100;
/// Most rows of an answer.
pub(super) const MOST: u32 = 500;

/// `GET /api/v1/<list>`: parameters of the list, `limit` and `cursor`.
pub(in crate::web) async fn list<L: List>(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let known = |name: &str| {
        matches!(name, "limit" | "cursor") || L::FILTERS.iter().any(|(filter, _)| *filter == name)
    };
    if let Some((name, _)) = asked.query.pairs().find(|(name, _)| !known(name)) {
        let names: Vec<&str> = L::FILTERS.iter().map(|(name, _)| *name).collect();
        return Ok(refused(&format!(
            "there is no parameter `{}`; there are {} limit, cursor",
            name.chars().take(50).collect::<String>(),
            names
                .iter()
                .map(|name| format!("{name},"))
                .collect::<Vec<_>>()
                .join(" ")
        )));
    }
    if let Some(why) = L::FILTERS
        .iter()
        .find_map(|(name, about)| misfit(name, about, asked.query.some(name)?))
    {
        return Ok(refused(&why));
    }
    let limit = match asked.query.some("limit").map(str::parse::<u32>) {
        None => USUAL,
        Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
        Some(_) => return Ok(refused(&format!("`limit` is a number from 1 to {MOST}"))),
    };
    let from = match asked.query.some("cursor") {
        None => None,
        Some(text) => match opened(L::NAME, text) {
            Some(from) => Some(from),
            None => return Ok(refused("`cursor` is not one that this list gave")),
        },
    };
    let ask = ListAsk {
        query: asked.query.clone(),
        sight: asked.sight(),
        id: asked.places.get("id").cloned().unwrap_or_default(),
        context: Context::of(&state, asked.preferences.lang),
    };
    let body = state
        .ask(move |store| {
            let batch = L::fetch(store, &ask, from, limit)?;
            let columns = L::columns();
            let rows: Vec<Value> = batch
                .rows
                .iter()
                .map(|row| Value::Object(object(&columns, row, &ask.context)))
                .collect();
            Ok(json!({L::NAME: rows, "next": batch.next.map(|next| sealed(L::NAME, next))}))
        })
        .await?;
    Ok(Json(body).into_response())
}

/// Why a parameter cannot have a value, by its own description. A page leaves out what it does not know; a program that is
/// told everything instead of what it asked for would not notice.
fn misfit(name: &str, about: &str, value: &str) -> Option<String> {
    if about.ends_with("with this id") && value.parse::<i64>().is_err() {
        return Some(format!("`{name}` is the number of an asset"));
    }
    let words: Vec<&str> = about.split('`').skip(1).step_by(2).collect();
    (about.starts_with('`') && !words.contains(&value))
        .then(|| format!("`{name}` is one of {}", words.join(", ")))
}

/// A row as the API gives it.
pub(super) fn object<R>(columns: &[Column<R>], row: &R, context: &Context) -> Map<String, Value> {
    columns
        .iter()
        .map(|column| {
            let value = match &column.get {
                Get::Text(get) => json!(get(row, context)),
                Get::Number(get) | Get::When(get) => json!(get(row)),
                Get::Flag(get) => json!(get(row)),
                Get::Word(_, get) => json!(get(row)),
                Get::Texts(get) => json!(get(row)),
            };
            (column.name.to_owned(), value)
        })
        .collect()
}

fn sealed(list: &str, next: i64) -> String {
    data_encoding::BASE64URL_NOPAD.encode(format!("{list}:{next}").as_bytes())
}

fn opened(list: &str, cursor: &str) -> Option<i64> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, next) = text.split_once(':')?;
    next.parse().ok().filter(|next| name == list && *next >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_taken_back_by_its_own_list_only() {
        let cursor = sealed("findings", 77);
        assert_eq!(opened("findings", &cursor), Some(77));
        assert_eq!(opened("assets", &cursor), None);
        for bad in ["", "77", "%%%", &sealed("findings", -1)] {
            assert_eq!(opened("findings", bad), None, "{bad}");
        }
    }
}
