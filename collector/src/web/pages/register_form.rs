//! The form of one row of a book: its fields, what may be chosen in them, and what was typed when it was refused.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{AssetId, Lang},
    register::{Book, Row, choices, shown},
};

use crate::{register::Shelf, web::form::Fields};

/// A field of the form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// As it is: what is saved is what was there.
    pub(super) value: String,
    pub(super) needed: bool,
    /// What may be chosen, and whether it is; empty where anything may be written.
    pub(super) choices: Vec<(String, bool)>,
}

/// What somebody typed into it.
pub(super) struct Typed {
    cells: BTreeMap<&'static str, String>,
    /// The asset without a number that is to be registered.
    pub(super) entered: Option<AssetId>,
}

impl Typed {
    /// What a form says.
    pub(super) fn of(book: Book, fields: &Fields) -> Self {
        let columns = book.columns().iter();
        Self {
            cells: columns
                .map(|column| {
                    let field = format!("cell_{}", column.name);
                    (column.name, fields.text(&field).to_owned())
                })
                .collect(),
            entered: entered(book, fields.text("entered")),
        }
    }

    /// Each cell with the name of its column.
    pub(super) fn cells(&self) -> Vec<(String, String)> {
        let cells = self.cells.iter();
        cells
            .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
            .collect()
    }
}

/// The asset without a number that is to be registered.
pub(super) fn entered(book: Book, text: &str) -> Option<AssetId> {
    let id = text.parse().ok().filter(|_| book == Book::Assets)?;
    Some(AssetId(id))
}

/// The fields with what was typed, or else with what the row says.
pub(super) fn fields(
    shelf: &Shelf,
    row: Option<&Row>,
    typed: Option<&Typed>,
    lang: Lang,
    offset: i16,
) -> Vec<Field> {
    let columns = shelf.book.columns().iter();
    let fields = columns.map(|column| {
        let value = match typed {
            Some(typed) => typed.cells.get(column.name).cloned(),
            None => row.map(|row| shelf.cell(row, column.name, lang, offset)),
        };
        let value = value.unwrap_or_default();
        let choices = choices(column.kind).iter().map(|choice| {
            let choice = shown(column.kind, choice, lang == Lang::Zh, offset);
            let chosen = choice == value;
            (choice, chosen)
        });
        Field {
            name: column.name,
            label: column.title(lang),
            choices: choices.collect(),
            value,
            needed: column.needed && column.name != "number",
        }
    });
    fields.collect()
}
