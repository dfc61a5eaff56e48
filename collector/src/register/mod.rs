//! The register and its books as people edit them: rows and files in and out, transfers that move the register,
//! work orders that are closed, proposed departments. The same for the command line and for the dashboard; what
//! a row means is the domain's, where it is kept the store's.

mod departments;
mod orders;
mod shelf;

use deskwarden_domain::{
    model::{AssetId, AuditEntry, Lang, Millis, Text},
    port::{Store, StoreError, StoreResult},
    register::{Book, edited},
    rules::RuleSet,
    table::{RowFault, Table},
};
use serde_json::json;

pub use departments::{accept_departments, departments};
pub use orders::{Closing, close_order};
pub use shelf::{Preview, Shelf};

/// Who edits, when, and in which zone days are meant.
#[derive(Clone, Copy, Debug)]
pub struct Editor<'a> {
    /// Name in the audit log.
    pub name: &'a str,
    /// Now.
    pub now: Millis,
    /// Distance of local days from UTC.
    pub offset_minutes: i16,
}

/// What an edit came to.
pub type Checked<T> = Result<T, Vec<RowFault>>;

/// Headings of a book's columns.
pub fn headings(book: Book, lang: Lang) -> Vec<String> {
    let columns = book.columns().iter();
    columns.map(|column| column.title(lang).to_owned()).collect()
}

/// What a book is called.
pub const fn title(book: Book, lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => book.title().0,
        Lang::En => book.title().1,
    }
}

/// Writes one row from cells as they were typed; a number that nobody gave is made. Returns its key.
pub fn set(
    store: &dyn Store,
    rules: &RuleSet,
    book: Book,
    cells: &[(String, String)],
    editor: Editor<'_>,
) -> StoreResult<Checked<String>> {
    let shelf = Shelf::load(store, book)?;
    let mut cells = cells.to_vec();
    let has = |name: &str| {
        cells
            .iter()
            .any(|(known, cell)| known == name && !cell.trim().is_empty())
    };
    if book != Book::Assets && book.column("number").is_some() && !has("number") {
        cells.retain(|(name, _)| name != "number");
        cells.push(("number".to_owned(), next_number(&shelf, editor)));
    }
    let preview = match shelf.preview(rules, &one_row(book, cells), false, editor.offset_minutes) {
        Ok(preview) => preview,
        Err(faults) => return Ok(Err(faults)),
    };
    shelf.carry_out(store, &preview.plan, "row", editor)?;
    let key = preview.file.rows.first().map(|row| row.key.clone());
    Ok(Ok(key.unwrap_or_default()))
}

fn one_row(book: Book, cells: Vec<(String, String)>) -> Table {
    let (head, row) = cells.into_iter().unzip();
    Table {
        file: book.name().to_owned(),
        rows: vec![(1, head), (2, row)],
    }
}

/// Registers an asset that a device made: it gets a number, and what else was typed.
pub fn enter(
    store: &dyn Store,
    rules: &RuleSet,
    id: AssetId,
    cells: Vec<(String, String)>,
    editor: Editor<'_>,
) -> StoreResult<Checked<String>> {
    let Some((found, _)) = store.asset(id)? else {
        return Err(StoreError::NotFound(format!("asset {}", id.0)));
    };
    let shelf = Shelf::load(store, Book::Assets)?;
    let table = one_row(Book::Assets, cells);
    let preview = match shelf.preview(rules, &table, false, editor.offset_minutes) {
        Ok(preview) => preview,
        Err(faults) => return Ok(Err(faults)),
    };
    let Some(row) = preview.file.rows.first() else {
        return Ok(Ok(String::new()));
    };
    if shelf.numbered(&row.key).is_some_and(|other| other.id != id) {
        return Ok(Err(vec![RowFault {
            file: table.file,
            row: 2,
            column: "number".to_owned(),
            what: Text::new(
                format!("“{}”是另一台资产的编号", row.key),
                format!("`{}` is the number of another asset", row.key),
            ),
            help: Text::new(
                "请换一个编号，或在“新到设备”中把该终端归到那台资产",
                "choose another number, or link the device to that asset under arrivals",
            ),
        }]));
    }
    let edit = edited(row, Some(&found.asset));
    let audit = audit(
        editor,
        "register.assets",
        format!("asset:{}", id.0),
        json!({"number": row.key}),
    );
    store.edit_assets(&[edit], &audit)?;
    Ok(Ok(row.key.clone()))
}

/// `20261128-1`, with the next free number of the day.
fn next_number(shelf: &Shelf, editor: Editor<'_>) -> String {
    let offset = Millis::from(editor.offset_minutes) * 60_000;
    let day = deskwarden_domain::moment::day_text(editor.now + offset).replace('-', "");
    let free = (1..).map(|number: u32| format!("{day}-{number}"));
    free.into_iter()
        .find(|number| shelf.row(number).is_none())
        .unwrap_or(day)
}

/// Carries out transfers that were written ahead and whose day has come. Returns how many.
pub fn carry_out_due(store: &dyn Store, editor: Editor<'_>) -> StoreResult<usize> {
    Shelf::load(store, Book::Transfers)?.fallen_due(store, editor)
}

/// Why a row cannot be removed, if something names it: a provider, by a PC or a visit.
pub fn held_by(store: &dyn Store, book: Book, key: &str) -> StoreResult<Option<RowFault>> {
    if book != Book::Providers {
        return Ok(None);
    }
    let visits = store.book(Book::Visits)?;
    let visit = visits.iter().find(|row| row.text("provider") == key);
    let assets = Shelf::load(store, Book::Assets)?;
    let asset = assets.rows.iter().find(|row| row.text("provider") == key);
    let by = visit
        .map(|row| (format!("来访 {}", row.key), format!("visit {}", row.key)))
        .or_else(|| asset.map(|row| (format!("资产 {}", row.key), format!("asset {}", row.key))));
    Ok(by.map(|(zh, en)| RowFault {
        file: book.name().to_owned(),
        row: 1,
        column: String::new(),
        what: Text::new(
            format!("服务商“{key}”仍被{zh}引用，不能删除"),
            format!("provider {key} is named by {en} and cannot be removed"),
        ),
        help: Text::new("请先在那里改填其他服务商", "name another one there first"),
    }))
}

/// Removes a row. Assets are not removed: they are scrapped.
pub fn remove(store: &dyn Store, book: Book, key: &str, editor: Editor<'_>) -> StoreResult<()> {
    if !store.book(book)?.iter().any(|row| row.key == key) {
        return Err(StoreError::NotFound(format!("`{key}` in {}", book.name())));
    }
    let action = format!("register.{}.remove", book.name());
    let audit = audit(
        editor,
        &action,
        format!("{}:{}", book.name(), named(book, key)),
        json!({}),
    );
    store.edit_book(book, &[], &[key.to_owned()], &audit)
}

/// A key as the audit log has it: the log outlives what may be known of a person.
const fn named(book: Book, key: &str) -> &str {
    match book {
        Book::People => "-",
        _ => key,
    }
}

fn audit(editor: Editor<'_>, action: &str, object: String, detail: serde_json::Value) -> AuditEntry {
    AuditEntry {
        at: editor.now,
        actor: editor.name.to_owned(),
        action: action.to_owned(),
        object,
        detail: detail.to_string(),
    }
}
