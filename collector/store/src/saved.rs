//! Filters of lists that people keep under a name.

use deskwarden_domain::{
    model::SavedView,
    port::{SavedViews, Saving, StoreError, StoreResult},
};
use serde_json::{Value, json};

use crate::{
    Database,
    sql::{Cell, Connection, ConnectionExt as _, Reader, unsigned},
};

impl SavedViews for Database {
    fn saved_views(&self, user_id: i64, list: &str) -> StoreResult<Vec<SavedView>> {
        self.read(|connection| {
            connection.rows(
                "SELECT id, list, title, filter FROM saved_views WHERE user_id = ?1 AND list = ?2
                 ORDER BY title, id",
                &[Cell::Int(user_id), Cell::Text(list)],
                view,
            )
        })
    }

    fn save_view(&self, user_id: i64, view: &SavedView, most: u64) -> StoreResult<Saving> {
        let lines: Vec<String> = view
            .filter
            .iter()
            .map(|(name, value)| format!("{name}\t{value}"))
            .collect();
        let filter = lines.join("\n");
        self.write(|connection| {
            // Two windows of one person meet here, so that the bound holds.
            connection
                .row_locked("SELECT id FROM users WHERE id = ?1", &[Cell::Int(user_id)], |r| {
                    r.int()
                })?
                .ok_or_else(|| StoreError::NotFound(format!("user {user_id}")))?;
            let own = [Cell::Int(user_id), Cell::Text(&view.list)];
            let taken = connection.number(
                "SELECT COUNT(*) FROM saved_views WHERE user_id = ?1 AND list = ?2 AND title = ?3",
                &[own[0], own[1], Cell::Text(&view.title)],
            )?;
            if taken > 0 {
                return Ok(Saving::Taken);
            }
            let kept = connection.number(
                "SELECT COUNT(*) FROM saved_views WHERE user_id = ?1 AND list = ?2",
                &own,
            )?;
            if unsigned(kept) >= most {
                return Ok(Saving::Full);
            }
            connection.execute(
                "INSERT INTO saved_views (user_id, list, title, filter) VALUES (?1, ?2, ?3, ?4)",
                &[own[0], own[1], Cell::Text(&view.title), Cell::Text(&filter)],
            )?;
            Ok(Saving::Saved)
        })
    }

    fn forget_view(&self, user_id: i64, id: i64) -> StoreResult<bool> {
        self.write(|connection| {
            let gone = connection.execute(
                "DELETE FROM saved_views WHERE id = ?1 AND user_id = ?2",
                &[Cell::Int(id), Cell::Int(user_id)],
            )?;
            Ok(gone > 0)
        })
    }
}

fn view(r: &mut Reader<'_>) -> StoreResult<SavedView> {
    Ok(SavedView {
        id: r.int()?,
        list: r.string()?,
        title: r.string()?,
        filter: r
            .string()?
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

/// Views that name somebody, whoever keeps them: for what is handed out about a person.
pub(crate) fn naming(connection: &mut dyn Connection, name: &str) -> StoreResult<Vec<Value>> {
    let views = connection.rows(
        "SELECT id, list, title, filter FROM saved_views ORDER BY id",
        &[],
        view,
    )?;
    let named = views.into_iter().filter(|view| {
        view.title.contains(name) || view.filter.iter().any(|(_, value)| value.contains(name))
    });
    Ok(named
        .map(|view| json!({"id": view.id, "list": view.list, "title": view.title, "filter": view.filter}))
        .collect())
}

/// Forgets those views; how many there were.
pub(crate) fn forget(connection: &mut dyn Connection, name: &str) -> StoreResult<u64> {
    let mut gone = 0;
    for view in naming(connection, name)? {
        let id = Cell::Int(view["id"].as_i64().unwrap_or_default());
        gone += connection.execute("DELETE FROM saved_views WHERE id = ?1", &[id])?;
    }
    Ok(gone)
}
