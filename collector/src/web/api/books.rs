//! The books of the register, as programs read them: cells by the names of their columns, moments as numbers.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use deskwarden_domain::{
    model::Lang,
    register::{Book, Kind, Row},
};
use serde_json::{Map, Value, json};

use super::{details::window, refused};
use crate::{
    register::Shelf,
    web::{asked::Asked, error::WebError, state::WebState},
};

/// `GET /api/v1/register/{book}`: rows in the order of their keys.
pub(in crate::web) async fn book(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let name = asked.places.get("book").map(String::as_str).unwrap_or_default();
    let book = Book::by_name(name).ok_or(WebError::NotFound)?;
    let paging = match window(&asked) {
        Ok((None, paging)) => paging,
        Ok((Some(_), _)) => {
            return Ok(refused(
                "there is no parameter `section`; there are limit, offset",
            ));
        }
        Err(fault) => return Ok(refused(&fault)),
    };
    let body = state
        .ask(move |store| {
            let (shelf, total) = Shelf::page(store, book, paging)?;
            let rows: Vec<Value> = shelf.rows.iter().map(|row| one(&shelf, row)).collect();
            Ok(json!({"book": book.name(), "total": total, "rows": rows}))
        })
        .await?;
    Ok(Json(body).into_response())
}

fn one(shelf: &Shelf, row: &Row) -> Value {
    let row = &row.listed(shelf.book);
    let cells: Map<String, Value> = shelf
        .book
        .columns()
        .iter()
        .map(|column| {
            let text = match column.kind {
                Kind::Asset => shelf.cell(row, column.name, Lang::En, 0),
                _ => row.text(column.name).to_owned(),
            };
            let value = match column.kind {
                _ if text.is_empty() => Value::Null,
                Kind::Moment | Kind::Number => json!(text.parse::<i64>().ok()),
                _ => Value::from(text),
            };
            (column.name.to_owned(), value)
        })
        .collect();
    json!({
        "key": row.key, "asset_id": row.asset.map(|asset| asset.0), "written_at": row.at, "written_by": row.by,
        "cells": cells,
    })
}
