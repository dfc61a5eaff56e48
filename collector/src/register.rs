//! The register and its books as people edit them: rows and files in and out, transfers that move the register,
//! work orders that are closed, proposed departments. The same for the command line and for the dashboard; what
//! a row means is the domain's, where it is kept the store's.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    model::{AssetId, AuditEntry, FindingAction, FindingId, FindingState, Lang, Millis, Text},
    port::{DepartmentFacts, FindingFilter, Paging, Store, StoreError, StoreResult},
    register::{
        AssetEdit, Book, DepartmentSign, Imported, Kind, Known, Plan, Proposed, Row, asset_cells, edited,
        propose, shown,
    },
    rules::RuleSet,
    table::{RowFault, Table},
};
use deskwarden_proto::{
    decode,
    v1::{Section, facet},
};
use serde_json::json;

use crate::{
    actions::{self, Decision, DecisionError},
    ledger::all,
};

/// PCs whose departments are looked at.
const PCS: usize = 20_000;

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
    assets: BTreeMap<String, deskwarden_domain::model::Asset>,
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
                let found = self.assets.get(number.trim()).map(|asset| asset.id);
                found.or_else(|| by_id(number))
            },
            provider: &|name| self.providers.contains(name),
            entry: &|id| rules.catalogue().entry(id).is_some(),
            offset_minutes,
        };
        let (file, plan) =
            deskwarden_domain::register::preview(self.book, table, &known, &self.rows, replace)?;
        Ok(Preview { file, plan })
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
                .map(|row| edited(row, self.assets.get(&row.key)))
                .collect();
            store.edit_assets(&edits, &audit)?;
            return Ok(());
        }
        let mut put: Vec<Row> = plan.put().cloned().collect();
        if self.book == Book::Transfers {
            put.iter_mut().for_each(|row| self.complete(row));
        }
        let removed: Vec<String> = plan.removed.iter().map(|row| row.key.clone()).collect();
        store.edit_book(self.book, &put, &removed, &audit)?;
        if self.book == Book::Transfers {
            let new = |row: &&Row| plan.added.iter().any(|added| added.key == row.key);
            self.moves(store, put.iter().filter(new), editor)?;
        }
        Ok(())
    }

    fn asset(&self, id: Option<AssetId>) -> Option<&deskwarden_domain::model::Asset> {
        self.assets.get(self.numbers.get(&id?)?)
    }

    /// Who gives: whom the register names, where the row does not say.
    fn complete(&self, row: &mut Row) {
        let Some(asset) = self.asset(row.asset) else {
            return;
        };
        for (name, value) in [
            ("from_custodian", &asset.custodian),
            ("from_department", &asset.department),
        ] {
            if let (true, Some(value)) = (row.text(name).is_empty(), value) {
                row.cells.insert(name.to_owned(), value.clone());
            }
        }
    }

    /// The register follows a transfer that has taken place.
    fn moves<'r>(
        &self,
        store: &dyn Store,
        rows: impl Iterator<Item = &'r Row>,
        editor: Editor<'_>,
    ) -> StoreResult<()> {
        let mut edits = Vec::new();
        let mut numbers = Vec::new();
        for row in rows.filter(|row| row.at("date").is_some_and(|date| date <= editor.now)) {
            let Some(asset) = self.asset(row.asset) else {
                continue;
            };
            let cell = |name: &str| Some(row.text(name).to_owned()).filter(|text| !text.is_empty());
            let mut asset = asset.clone();
            asset.custodian = cell("to_custodian");
            asset.department = cell("to_department").or(asset.department);
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

/// Headings of a book's columns.
pub fn headings(book: Book, lang: Lang) -> Vec<String> {
    let word = |column: &deskwarden_domain::register::Column| match lang {
        Lang::Zh => column.zh,
        Lang::En => column.en,
    };
    book.columns()
        .iter()
        .map(|column| word(column).to_owned())
        .collect()
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
    if shelf.assets.get(&row.key).is_some_and(|other| other.id != id) {
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
        let names = |piece: &deskwarden_domain::model::Evidence| {
            let seen: serde_json::Value = serde_json::from_str(&piece.detail).unwrap_or_default();
            seen.get("order").and_then(serde_json::Value::as_str) == Some(order.key.as_str())
        };
        if !detail.evidence.is_empty() && detail.evidence.iter().all(names) {
            found.push(row.id);
        }
    }
    Ok(found)
}

/// Departments that are proposed, with the names of the PCs.
pub fn departments(store: &dyn Store) -> StoreResult<Vec<(String, Option<String>, Proposed)>> {
    let signs = store.book(Book::Departments)?;
    let signs: Vec<DepartmentSign> = signs.iter().filter_map(DepartmentSign::of).collect();
    let all = store.department_facts(PCS)?;
    let departments = known_departments(store, &signs, &all)?;
    let mut found = Vec::new();
    for mut facts in all {
        if let Some(Ok(facet::Kind::Os(os))) = facts.os.map(|bytes| decode::facet(Section::Os, &bytes)) {
            facts.candidate.domain = os.domain;
            facts.candidate.directory = os.directory;
        }
        let known = facts.candidate.department.clone();
        if let Some(proposed) = propose(facts.asset, &facts.candidate, &signs, &departments) {
            found.push((facts.name, known, proposed));
        }
    }
    Ok(found)
}

/// Departments that the company has: of people, of signs, of PCs.
fn known_departments(
    store: &dyn Store,
    signs: &[DepartmentSign],
    facts: &[DepartmentFacts],
) -> StoreResult<BTreeSet<String>> {
    let people = store.book(Book::People)?;
    let named = people
        .iter()
        .map(|row| row.text("department"))
        .chain(signs.iter().map(|sign| sign.department.as_str()))
        .chain(
            facts
                .iter()
                .filter_map(|facts| facts.candidate.department.as_deref()),
        );
    let named = named.map(str::trim).filter(|name| !name.is_empty());
    Ok(named.map(str::to_owned).collect())
}

/// Takes proposals into the register: those of the assets named, or all for assets without a department.
pub fn accept_departments(
    store: &dyn Store,
    only: Option<&[AssetId]>,
    editor: Editor<'_>,
) -> StoreResult<usize> {
    let mut edits = Vec::new();
    for (_, known, proposed) in departments(store)? {
        let wanted = only.map_or(known.is_none(), |only| only.contains(&proposed.asset));
        if let (true, Some((row, _))) = (wanted, store.asset(proposed.asset)?) {
            let mut asset = row.asset;
            asset.department = Some(proposed.department);
            edits.push(AssetEdit {
                asset,
                make: false,
                serials: None,
            });
        }
    }
    if !edits.is_empty() {
        let audit = audit(
            editor,
            "register.departments.accept",
            "assets".to_owned(),
            json!({"accepted": edits.len()}),
        );
        store.edit_assets(&edits, &audit)?;
    }
    Ok(edits.len())
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
