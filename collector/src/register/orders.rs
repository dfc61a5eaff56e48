//! Work orders that are closed, with what becomes of the changes that they authorised.

use deskwarden_domain::{
    model::{Evidence, FindingAction, FindingId, FindingState},
    port::{FindingFilter, Store, StoreError, StoreResult},
    register::{Book, Row},
};
use serde_json::json;

use super::{Editor, audit};
use crate::{
    actions::{self, Decision, DecisionError},
    ledger::all,
};

/// What becomes of the changes that a work order authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// They are looked at later, one by one.
    Review,
    /// They are accepted.
    Accept,
    /// They were not what was ordered: from now on no order covers them.
    Reject,
}

/// Closes a work order; how many changes were accepted.
pub fn close_order(
    store: &dyn Store,
    number: &str,
    closing: Closing,
    result: &str,
    editor: Editor<'_>,
) -> Result<usize, DecisionError> {
    let rows = store.book(Book::Orders)?;
    let Some(order) = rows.into_iter().find(|row| row.key == number) else {
        return Err(StoreError::NotFound(format!("work order `{number}`")).into());
    };
    let mut accepted = 0;
    if closing == Closing::Accept {
        for finding in covered(store, &order)? {
            actions::decide(
                store,
                &Decision {
                    finding,
                    action: FindingAction::Accept,
                    actor: editor.name.to_owned(),
                    note: format!("{number} {result}").trim().to_owned(),
                    now: editor.now,
                },
            )?;
            accepted += 1;
        }
    }
    let mut closed = order.clone();
    let at = match closing {
        // Before it began: nothing lies in its time.
        Closing::Reject => order.at("from").unwrap_or(0).saturating_sub(1),
        Closing::Review | Closing::Accept => editor.now,
    };
    closed.cells.insert("closed".to_owned(), at.to_string());
    if !result.is_empty() {
        closed.cells.insert("result".to_owned(), result.to_owned());
    }
    let detail = json!({"closing": format!("{closing:?}").to_lowercase(), "accepted": accepted});
    let audit = audit(
        editor,
        "register.orders.close",
        format!("orders:{number}"),
        detail,
    );
    store.edit_book(Book::Orders, &[closed], &[], &audit)?;
    Ok(accepted)
}

/// Open findings whose evidence names the order.
fn covered(store: &dyn Store, order: &Row) -> StoreResult<Vec<FindingId>> {
    let filter = FindingFilter {
        states: FindingState::ACTIVE.to_vec(),
        asset: order.asset,
        ..FindingFilter::default()
    };
    let mut found = Vec::new();
    for row in all(|paging| store.findings(&filter, paging))? {
        let Some(detail) = store.finding(row.id)? else {
            continue;
        };
        let names = |piece: &Evidence| {
            let seen: serde_json::Value = serde_json::from_str(&piece.detail).unwrap_or_default();
            seen.get("order").and_then(serde_json::Value::as_str) == Some(order.key.as_str())
        };
        if !detail.evidence.is_empty() && detail.evidence.iter().all(names) {
            found.push(row.id);
        }
    }
    Ok(found)
}
