//! `asset set/import/export/history`, and the books beside the register: `person`, `transfer`, `order`, `provider`,
//! `visit`, `licence`, `media`, `department`. One set of commands for all of them.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use deskwarden_domain::{
    model::AssetId,
    register::{Book, Plan, Row},
};
use serde_json::{Map, Value, json};

use crate::{
    clock::rfc3339,
    register::{self, Closing, Editor, Shelf},
    rules_dir::load_context,
    sheet::{self, Format},
};

use super::{
    CliError,
    files::{faulty, headings_of, left_out, table},
    out::Out,
    session::{ACTOR, Session, now},
};

/// Edits of one asset that are shown.
const STEPS: usize = 500;

#[derive(Debug, Subcommand)]
pub(super) enum BookCommand {
    /// List the rows
    List,
    /// Write one row: COLUMN=VALUE for each column; an empty value clears
    Set {
        /// As `number=PC-1 state=idle`; columns that are not named stay
        #[arg(required = true, value_name = "COLUMN=VALUE")]
        cells: Vec<String>,
    },
    /// Remove a row
    Remove {
        /// What identifies it, as `list` shows it
        key: String,
    },
    /// Load a file; nothing is half-loaded
    Import(Import),
    /// Write a file
    Export(Export),
}

#[derive(Debug, Args)]
pub(super) struct Import {
    /// CSV (UTF-8, GB18030, UTF-16) or XLSX with a row of headings
    file: PathBuf,
    /// Remove rows that the file does not have; assets always stay
    #[arg(long)]
    replace: bool,
    /// Only show what would be added, changed and removed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// File to write; XLSX when its name ends so, else CSV
    file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum OrderCommand {
    #[command(flatten)]
    Book(BookCommand),
    /// Close a work order, and accept or reject what was changed under it
    Close {
        /// Its number
        number: String,
        /// Accept the changes that it authorised
        #[arg(long)]
        accept: bool,
        /// They were not what was ordered: no order covers them any more
        #[arg(long, conflicts_with = "accept")]
        reject: bool,
        /// What came of it
        #[arg(long, default_value = "")]
        result: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DepartmentCommand {
    #[command(flatten)]
    Book(BookCommand),
    /// Show to which departments PCs seem to belong
    Proposals,
    /// Take proposals into the register: of these assets, or of every asset without a department
    Accept {
        /// Ids of assets
        assets: Vec<i64>,
    },
}

pub(super) fn run(
    book: Book,
    command: BookCommand,
    session: &Session,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    match command {
        BookCommand::List => list(book, session, out),
        BookCommand::Set { cells } => set(book, &cells, session, out),
        BookCommand::Remove { key } => {
            register::remove(session.store.as_ref(), book, &key, editor(session))?;
            Ok(out.done(&json!({"removed": key}), "已删除。", "Removed.")?)
        }
        BookCommand::Import(import) => self::import(book, &import, session, out),
        BookCommand::Export(export) => self::export(book, &export.file, session, out),
    }
}

fn editor(session: &Session) -> Editor<'static> {
    Editor {
        name: ACTOR,
        now: now(),
        offset_minutes: offset(session),
    }
}

fn offset(session: &Session) -> i16 {
    i16::try_from(session.config.zone / 60_000).unwrap_or(0)
}

fn row_json(shelf: &Shelf, row: &Row) -> Value {
    let mut fields: Map<String, Value> = row
        .cells
        .iter()
        .map(|(name, cell)| {
            let is_moment = shelf
                .book
                .column(name)
                .is_some_and(|column| column.kind == deskwarden_domain::register::Kind::Moment);
            let value = match cell.parse() {
                Ok(at) if is_moment => json!(rfc3339(at)),
                _ => json!(cell),
            };
            (name.clone(), value)
        })
        .collect();
    if let Some(AssetId(id)) = row.asset {
        fields.insert("asset_id".to_owned(), json!(id));
    }
    fields.insert("key".to_owned(), json!(row.key));
    Value::Object(fields)
}

fn list(book: Book, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let shelf = Shelf::load(session.store.as_ref(), book)?;
    let listed = shelf.rows.iter().map(|row| row.listed(book));
    if out.json {
        let rows: Vec<Value> = listed.map(|row| row_json(&shelf, &row)).collect();
        return Ok(out.value(&json!(rows))?);
    }
    let rows = listed
        .map(|row| shelf.cells(&row, out.lang, offset(session)))
        .collect();
    Ok(out.table(&heads(book), rows)?)
}

fn heads(book: Book) -> Vec<(&'static str, &'static str)> {
    book.columns()
        .iter()
        .map(|column| (column.zh, column.en))
        .collect()
}

fn set(book: Book, cells: &[String], session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut typed = Vec::new();
    for cell in cells {
        let known = cell
            .split_once('=')
            .filter(|(name, _)| book.named(name).is_some());
        let Some((name, value)) = known else {
            let names: Vec<&str> = book.columns().iter().map(|column| column.name).collect();
            return Err(CliError::Refused(format!(
                "`{cell}` names no column; write COLUMN=VALUE with one of: {}",
                names.join(", ")
            )));
        };
        typed.push((name.to_owned(), value.to_owned()));
    }
    let store = session.store.as_ref();
    let context = load_context(store)?;
    let key = match register::set(store, &context.rules, book, &typed, editor(session))? {
        Ok(key) => key,
        Err(faults) => {
            let faults = faults.iter().map(|fault| fault.said_of(&fault.column, out.lang));
            return Err(CliError::Refused(faults.collect::<Vec<_>>().join("\n")));
        }
    };
    Ok(out.done(
        &json!({"key": key}),
        &format!("{key} 已写入。"),
        &format!("{key} is written."),
    )?)
}

fn import(book: Book, import: &Import, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let table = table(&import.file, out)?;
    let store = session.store.as_ref();
    let context = load_context(store)?;
    let shelf = Shelf::load(store, book)?;
    let preview = match shelf.preview(&context.rules, &table, import.replace, offset(session)) {
        Ok(preview) => preview,
        Err(faults) => return Err(faulty(&faults, out)?),
    };
    let plan = &preview.plan;
    let held = shelf.held(store, plan, &table.file)?;
    if !held.is_empty() {
        return Err(faulty(&held, out)?);
    }
    if !import.dry_run {
        shelf.carry_out(store, plan, &table.file, editor(session))?;
    }
    if out.json {
        let rows = |rows: &[Row]| rows.iter().map(|row| row_json(&shelf, row)).collect::<Vec<_>>();
        let changed = plan.changed.iter();
        return Ok(out.value(&json!({
            "added": rows(&plan.added),
            "changed": changed
                .map(|(was, becomes)| json!({"before": row_json(&shelf, was), "after": row_json(&shelf, becomes)}))
                .collect::<Vec<_>>(),
            "removed": rows(&plan.removed),
            "unchanged": plan.same,
            "ignored_columns": headings_of(&preview.file.ignored),
            "loaded": !import.dry_run,
        }))?);
    }
    show(&shelf, plan, session, out)?;
    left_out(&preview.file.ignored, out)?;
    let text = if import.dry_run {
        out.say("仅预览，未写入。", "A preview only: nothing was written.")
    } else {
        out.say("已写入。", "Written.")
    };
    let text = text.to_owned();
    Ok(out.line(&text)?)
}

fn show(shelf: &Shelf, plan: &Plan, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut rows = Vec::new();
    let words = [
        ("新增", "add"),
        ("原为", "was"),
        ("改为", "becomes"),
        ("删除", "remove"),
    ];
    let [add, was, becomes, remove] = words.map(|(zh, en)| out.say(zh, en));
    let mut push = |what: &str, row: &Row| {
        let mut cells = vec![what.to_owned()];
        cells.extend(shelf.cells(row, out.lang, offset(session)));
        rows.push(cells);
    };
    plan.added.iter().for_each(|row| push(add, row));
    for (before, after) in &plan.changed {
        push(was, before);
        push(becomes, after);
    }
    plan.removed.iter().for_each(|row| push(remove, row));
    let mut headings = vec![("变更", "CHANGE")];
    headings.extend(heads(shelf.book));
    out.table(&headings, rows)?;
    let counts = [
        plan.added.len(),
        plan.changed.len(),
        plan.removed.len(),
        plan.same,
    ];
    let [added, changed, removed, same] = counts;
    let (zh, en) = (
        format!("新增 {added}，修改 {changed}，删除 {removed}，不变 {same}"),
        format!("{added} added, {changed} changed, {removed} removed, {same} unchanged"),
    );
    let text = out.say(&zh, &en).to_owned();
    Ok(out.line(&text)?)
}

fn export(book: Book, file: &Path, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    let shelf = Shelf::load(store, book)?;
    let headings = shelf.headings(out.lang);
    let rows: Vec<Vec<String>> = shelf
        .rows
        .iter()
        .map(|row| shelf.cells(row, out.lang, offset(session)))
        .collect();
    let bytes = match Format::of(&file.to_string_lossy()) {
        Format::Csv => sheet::csv(&headings, &rows).map_err(CliError::refused)?,
        Format::Xlsx => {
            sheet::xlsx(register::title(book, out.lang), &headings, &rows).map_err(CliError::refused)?
        }
    };
    let written = File::create(file).and_then(|mut file| file.write_all(&bytes));
    let shown = file.display();
    written.map_err(|error| CliError::Refused(format!("{shown} cannot be written: {error}")))?;
    let count = rows.len();
    let action = format!("register.{}.export", book.name());
    store.audit(&session.audit(&action, book.name().to_owned(), count.to_string()))?;
    Ok(out.done(
        &json!({"file": shown.to_string(), "rows": count}),
        &format!("已导出 {count} 条到 {shown}。"),
        &format!("{count} rows were written to {shown}."),
    )?)
}

pub(super) fn order(command: OrderCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        OrderCommand::Book(command) => run(Book::Orders, command, session, out),
        OrderCommand::Close {
            number,
            accept,
            reject,
            result,
        } => {
            let closing = match (accept, reject) {
                (true, _) => Closing::Accept,
                (_, true) => Closing::Reject,
                _ => Closing::Review,
            };
            let store = session.store.as_ref();
            let accepted = register::close_order(store, &number, closing, &result, editor(session))
                .map_err(CliError::refused)?;
            Ok(out.done(
                &json!({"closed": number, "accepted": accepted}),
                &format!("工单 {number} 已结，认可变更 {accepted} 项。"),
                &format!("Work order {number} is closed; {accepted} changes were accepted."),
            )?)
        }
    }
}

pub(super) fn department(
    command: DepartmentCommand,
    session: &Session,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    let store = session.store.as_ref();
    match command {
        DepartmentCommand::Book(command) => run(Book::Departments, command, session, out),
        DepartmentCommand::Proposals => {
            let found = register::departments(store)?;
            if out.json {
                let rows = found.iter().map(|(name, known, proposed)| {
                    json!({
                        "asset": proposed.asset.0, "name": name, "department": known,
                        "proposed": proposed.department, "reason": proposed.reason.name(), "by": proposed.by,
                    })
                });
                return Ok(out.value(&rows.collect())?);
            }
            let rows = found.into_iter().map(|(name, known, proposed)| {
                let (zh, en) = proposed.reason.words();
                vec![
                    proposed.asset.0.to_string(),
                    name,
                    known.unwrap_or_default(),
                    proposed.department,
                    format!("{} {}", out.say(zh, en), proposed.by),
                ]
            });
            let headings = [
                ("资产", "ASSET"),
                ("名称", "NAME"),
                ("现部门", "DEPARTMENT"),
                ("建议", "PROPOSED"),
                ("依据", "SIGN"),
            ];
            let rows = rows.collect();
            Ok(out.table(&headings, rows)?)
        }
        DepartmentCommand::Accept { assets } => {
            let ids: Vec<AssetId> = assets.into_iter().map(AssetId).collect();
            let only = (!ids.is_empty()).then_some(ids.as_slice());
            let count = register::accept_departments(store, only, editor(session))?;
            Ok(out.done(
                &json!({"accepted": count}),
                &format!("已采纳 {count} 条。"),
                &format!("{count} proposals were accepted."),
            )?)
        }
    }
}

/// What was edited of an asset.
pub(super) fn history(number: &str, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    let shelf = Shelf::load(store, Book::Assets)?;
    let id = shelf.row(number).and_then(|row| row.asset);
    let id = id.ok_or_else(|| {
        CliError::Refused(format!(
            "no asset has the number `{number}`; `asset list` shows all"
        ))
    })?;
    let steps = store.asset_history(id, STEPS)?;
    if out.json {
        let rows = steps.iter().map(|step| {
            json!({
                "at": rfc3339(step.at), "actor": step.actor, "field": step.field, "was": step.was,
                "becomes": step.becomes,
            })
        });
        return Ok(out.value(&rows.collect())?);
    }
    let rows: Vec<Vec<String>> = steps
        .into_iter()
        .map(|step| {
            let column = Book::Assets.column(&step.field);
            let field = column.map_or(step.field.clone(), |column| {
                out.say(column.zh, column.en).to_owned()
            });
            vec![out.moment(step.at), step.actor, field, step.was, step.becomes]
        })
        .collect();
    let headings = [
        ("时间", "AT"),
        ("操作人", "BY"),
        ("字段", "FIELD"),
        ("原为", "WAS"),
        ("改为", "BECOMES"),
    ];
    Ok(out.table(&headings, rows)?)
}
