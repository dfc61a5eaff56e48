//! A book as it is: its rows for people, what a file would change in it, and the change carried out.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    model::{Asset, AssetId, Lang},
    port::{Paging, Store, StoreResult},
    register::{
        AssetEdit, Book, Holder, Imported, Kind, Known, Plan, Row, asset_cells, complete, deciding, edited,
        fallen_due, preview, shown,
    },
    rules::RuleSet,
    table::{RowFault, Table},
};
use serde_json::json;

use super::{Checked, Editor, audit, headings, held_by, named};
use crate::ledger::all;

/// What a file says and would change.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The file.
    pub file: Imported,
    /// What it would change.
    pub plan: Plan,
}

/// A book as it is, with the numbers of assets.
pub struct Shelf {
    /// The book.
    pub book: Book,
    /// Its rows, by key.
    pub rows: Vec<Row>,
    numbers: BTreeMap<AssetId, String>,
    assets: BTreeMap<String, Asset>,
    /// Names that a cell may say.
    providers: BTreeSet<String>,
}

impl Shelf {
    /// Loads a book.
    pub fn load(store: &dyn Store, book: Book) -> StoreResult<Self> {
        let numbered = all(|paging| store.registered(None, paging))?
            .into_iter()
            .filter_map(|asset| Some((asset.number.clone()?.trim().to_owned(), asset)));
        let assets: BTreeMap<String, _> = numbered.collect();
        let rows = if book == Book::Assets {
            let mut serials: BTreeMap<AssetId, Vec<String>> = BTreeMap::new();
            for (asset, serial) in store.expected_serials()? {
                serials.entry(asset).or_default().push(serial);
            }
            let of = |id| serials.get(&id).map(Vec::as_slice).unwrap_or_default();
            assets
                .values()
                .map(|asset| asset_cells(asset, of(asset.id)))
                .collect()
        } else {
            store.book(book)?
        };
        let names_providers = book.columns().iter().any(|column| column.kind == Kind::Provider);
        let providers = if names_providers {
            let rows = store.book(Book::Providers)?.into_iter();
            rows.map(|row| row.key).collect()
        } else {
            BTreeSet::new()
        };
        Ok(Self {
            book,
            rows,
            providers,
            numbers: assets
                .iter()
                .map(|(number, asset)| (asset.id, number.clone()))
                .collect(),
            assets,
        })
    }

    /// Some rows of a book, with the numbers of the assets that they name: enough to show them.
    pub fn of(store: &dyn Store, book: Book, rows: Vec<Row>) -> StoreResult<Self> {
        let mut numbers = BTreeMap::new();
        if book != Book::Assets {
            for id in rows.iter().filter_map(|row| row.asset) {
                if let Some(number) = store.asset(id)?.and_then(|(row, _)| row.asset.number) {
                    numbers.insert(id, number);
                }
            }
        }
        Ok(Self {
            numbers,
            ..Self::of_rows(book, rows)
        })
    }

    /// Some rows of a book that name no assets.
    pub const fn of_rows(book: Book, rows: Vec<Row>) -> Self {
        Self {
            book,
            rows,
            numbers: BTreeMap::new(),
            assets: BTreeMap::new(),
            providers: BTreeSet::new(),
        }
    }

    /// One row of a book.
    pub fn find(store: &dyn Store, book: Book, key: &str) -> StoreResult<Option<Row>> {
        if book != Book::Assets {
            return store.book_row(book, key);
        }
        let first = Paging { offset: 0, limit: 1 };
        let found = store.registered(Some(key), first)?.rows.into_iter().next();
        found
            .map(|asset| Ok(asset_cells(&asset, &store.asset_serials(asset.id)?)))
            .transpose()
    }

    /// A page of a book in the order of its keys, and how many rows it has. Of the assets only those with a number.
    pub fn page(store: &dyn Store, book: Book, paging: Paging) -> StoreResult<(Self, u64)> {
        if book != Book::Assets {
            let page = store.book_page(book, paging)?;
            return Ok((Self::of(store, book, page.rows)?, page.total));
        }
        let page = store.registered(None, paging)?;
        let rows = page.rows.iter();
        let rows = rows.map(|asset| Ok(asset_cells(asset, &store.asset_serials(asset.id)?)));
        Ok((Self::of_rows(book, rows.collect::<StoreResult<_>>()?), page.total))
    }

    /// The row of a key.
    pub fn row(&self, key: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.key == key)
    }

    /// A cell as people read it.
    pub fn cell(&self, row: &Row, name: &str, lang: Lang, offset_minutes: i16) -> String {
        let Some(column) = self.book.column(name) else {
            return String::new();
        };
        if column.kind == Kind::Asset {
            return row
                .asset
                .map(|id| {
                    self.numbers
                        .get(&id)
                        .cloned()
                        .unwrap_or_else(|| format!("#{}", id.0))
                })
                .unwrap_or_default();
        }
        shown(column.kind, row.text(name), lang == Lang::Zh, offset_minutes)
    }

    /// The cells of a row in the order of columns.
    pub fn cells(&self, row: &Row, lang: Lang, offset_minutes: i16) -> Vec<String> {
        let columns = self.book.columns().iter();
        columns
            .map(|column| self.cell(row, column.name, lang, offset_minutes))
            .collect()
    }

    /// Headings of its columns.
    pub fn headings(&self, lang: Lang) -> Vec<String> {
        headings(self.book, lang)
    }

    /// Reads a table against the book.
    pub fn preview(
        &self,
        rules: &RuleSet,
        table: &Table,
        replace: bool,
        offset_minutes: i16,
    ) -> Checked<Preview> {
        let by_id = |text: &str| {
            let id = AssetId(text.strip_prefix('#')?.parse().ok()?);
            self.numbers.contains_key(&id).then_some(id)
        };
        let known = Known {
            asset: &|number| {
                let found = self.numbered(number.trim()).map(|asset| asset.id);
                found.or_else(|| by_id(number))
            },
            provider: &|name| self.providers.contains(name),
            entry: &|id| rules.catalogue().entry(id).is_some(),
            offset_minutes,
        };
        let (file, plan) = preview(self.book, table, &known, &self.rows, replace)?;
        Ok(Preview { file, plan })
    }

    /// What a plan would remove although something names it.
    pub fn held(&self, store: &dyn Store, plan: &Plan, file: &str) -> StoreResult<Vec<RowFault>> {
        let mut held = Vec::new();
        for row in &plan.removed {
            held.extend(held_by(store, self.book, &row.key)?.map(|fault| RowFault {
                file: file.to_owned(),
                ..fault
            }));
        }
        Ok(held)
    }

    /// Carries a plan out: in one transaction; a new transfer moves custodian and department in a second one.
    pub fn carry_out(
        &self,
        store: &dyn Store,
        plan: &Plan,
        source: &str,
        editor: Editor<'_>,
    ) -> StoreResult<()> {
        if plan.is_empty() {
            return Ok(());
        }
        let audit = audit(
            editor,
            &format!("register.{}", self.book.name()),
            self.book.name().to_owned(),
            json!({
                "source": source, "added": plan.added.len(), "changed": plan.changed.len(),
                "removed": plan.removed.len(),
                "keys": plan.put().map(|row| named(self.book, &row.key)).take(20).collect::<Vec<_>>(),
            }),
        );
        if self.book == Book::Assets {
            let edits: Vec<AssetEdit> = plan
                .put()
                .map(|row| edited(row, self.numbered(&row.key)))
                .collect();
            store.edit_assets(&edits, &audit)?;
            return Ok(());
        }
        let mut put: Vec<Row> = plan.put().cloned().collect();
        let removed: Vec<String> = plan.removed.iter().map(|row| row.key.clone()).collect();
        if self.book != Book::Transfers {
            return store.edit_book(self.book, &put, &removed, &audit);
        }
        let edited = put.iter().chain(&plan.removed).map(|row| row.key.clone());
        let edited: BTreeSet<String> = edited.collect();
        let stays = self.rows.iter().filter(|row| !edited.contains(&row.key));
        let mut all: Vec<Row> = stays.cloned().collect();
        complete(&mut put, &all, &|id| self.holder(id));
        store.edit_book(self.book, &put, &removed, &audit)?;
        // Of one day, what was written last decides.
        all.extend(put.into_iter().map(|row| Row {
            at: row.at.max(editor.now),
            ..row
        }));
        let added: BTreeSet<&str> = plan.added.iter().map(|row| row.key.as_str()).collect();
        let last = deciding(&all, editor.now);
        let moved = last.into_values().filter(|row| added.contains(row.key.as_str()));
        self.moves(store, moved, editor)?;
        Ok(())
    }

    /// The asset that has a number.
    pub(super) fn numbered(&self, number: &str) -> Option<&Asset> {
        self.assets.get(number)
    }

    fn asset(&self, id: Option<AssetId>) -> Option<&Asset> {
        self.numbered(self.numbers.get(&id?)?)
    }

    /// Whom the register names.
    fn holder(&self, asset: AssetId) -> Option<Holder> {
        self.asset(Some(asset)).map(|asset| Holder {
            custodian: asset.custodian.clone(),
            department: asset.department.clone(),
        })
    }

    /// The register follows transfers that were written ahead and whose day has come. How many did.
    pub(super) fn fallen_due(&self, store: &dyn Store, editor: Editor<'_>) -> StoreResult<usize> {
        let due = fallen_due(&self.rows, editor.now, &|id| self.holder(id));
        self.moves(store, due.iter().copied(), editor)?;
        Ok(due.len())
    }

    /// The register follows transfers, one of each asset.
    fn moves<'r>(
        &self,
        store: &dyn Store,
        rows: impl Iterator<Item = &'r Row>,
        editor: Editor<'_>,
    ) -> StoreResult<()> {
        let mut edits = Vec::new();
        let mut numbers = Vec::new();
        for row in rows {
            let Some(asset) = self.asset(row.asset) else {
                continue;
            };
            let mut asset = asset.clone();
            let receiver = Holder::receiver(row, asset.department.as_deref());
            (asset.custodian, asset.department) = (receiver.custodian, receiver.department);
            numbers.push(row.key.clone());
            edits.push(AssetEdit {
                asset,
                make: false,
                serials: None,
            });
        }
        if edits.is_empty() {
            return Ok(());
        }
        let audit = audit(
            editor,
            "register.transferred",
            "assets".to_owned(),
            json!({"transfers": numbers}),
        );
        store.edit_assets(&edits, &audit).map(drop)
    }
}
