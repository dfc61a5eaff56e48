//! From the text of rule files to a checked set: what stands in which table, and that every name which one
//! table takes from another exists.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    amend::{self, Amended},
    bounds::LIST_VALUES,
    condition::{Engine, Patterns, try_out},
    known::Known,
    print,
    regulation::{Checkable, Clause, Regulation},
    rule::Rule,
    rule_parts::named,
    rule_reader, values,
};
use crate::{
    catalogue::{Builder, Catalogue, Category, read_entry, read_programs},
    file::{
        Fault, RuleFile,
        read::{self, Fields, Sink, document, texts},
    },
    model::Record,
};

/// Most files of a set.
const FILES: usize = 64;

/// A checked set in its parts.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) rules: Vec<Rule>,
    pub(crate) disabled: Vec<Rule>,
    pub(crate) regulations: Vec<Regulation>,
    pub(crate) catalogue: Catalogue,
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    pub(crate) engine: Engine,
    pub(crate) catalogue_print: [u8; 32],
}

/// Loads all files: regulations, lists and the catalogue first, then the rules that refer to them.
pub(crate) fn load(files: &[RuleFile<'_>], standing: &dyn Fn(&str) -> bool) -> Result<Parts, Vec<Fault>> {
    let mut parsed: Vec<(Sink<'_>, Spanned<DeTable<'_>>)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let mut sink = Sink::new(files, index, standing(file.name));
        if index >= FILES {
            sink.fault(0, format!("there are more than {FILES} rule files"), "merge some");
        }
        let document = document(&mut sink);
        parsed.push((sink, document));
    }
    let mut known = Known::default();
    let mut builder = Builder::default();
    for (sink, document) in &mut parsed {
        lists_and_categories(sink, document.get_ref(), &mut known);
    }
    for (sink, document) in &mut parsed {
        tables(sink, document.get_ref(), "regulation", |sink, fields| {
            regulation(sink, fields, &mut known)
        });
        tables(sink, document.get_ref(), "entry", |sink, fields| {
            read_entry(sink, fields, &known.categories, &mut builder);
        });
        tables(sink, document.get_ref(), "programs", |sink, fields| {
            read_programs(sink, fields, &known.categories, &mut builder);
        });
    }
    known.entries = builder.ids();
    let mut rules = BTreeMap::new();
    let mut places = BTreeMap::new();
    let mut patterns = Patterns::default();
    let mut conditions: Vec<(usize, String, Range<usize>)> = Vec::new();
    for (index, (sink, document)) in parsed.iter_mut().enumerate() {
        let starts = print::starts(document.get_ref());
        let content = files.get(index).map(|file| file.content).unwrap_or_default();
        tables(sink, document.get_ref(), "rule", |sink, fields| {
            let at = fields.at();
            let Some((mut rule, when)) = rule_reader::read(sink, fields, &known, &mut patterns) else {
                return;
            };
            rule.text = print::text(content, &starts, at).to_owned();
            if let Some(span) = when {
                conditions.push((index, rule.id.clone(), span));
            }
            if let Some(earlier) = places.get(&rule.id) {
                let what = format!("there is already a rule `{}`", rule.id);
                sink.twice(at, *earlier, &what, "give it another id");
                return;
            }
            places.insert(rule.id.clone(), sink.place(at));
            rules.insert(rule.id.clone(), rule);
        });
        others(sink, document.get_ref());
    }
    // A rule with a fault of its own is not missing.
    let whole = parsed.iter().all(|(sink, _)| sink.is_clean());
    let mut amended = Amended::new(whole);
    for (sink, document) in &mut parsed {
        tables(sink, document.get_ref(), "map", |sink, fields| {
            amend::map(sink, fields, &known, &mut rules, &mut amended);
        });
        tables(sink, document.get_ref(), "adjust", |sink, fields| {
            amend::adjust(sink, fields, &mut rules, &mut amended);
        });
    }
    let engine = engine(&mut parsed, patterns, &known);
    if let Some(engine) = &engine {
        for (index, id, span) in conditions {
            let (Some(rule), Some((sink, _))) = (rules.get(&id), parsed.get_mut(index)) else {
                continue;
            };
            let tried = rule
                .condition
                .as_ref()
                .and_then(|condition| try_out(engine, condition, &rule.sections));
            if let Some(reason) = tried {
                sink.fault(
                    span.start,
                    format!("the condition cannot hold: {reason}"),
                    "correct the condition",
                );
            }
        }
    }
    let clean = parsed.iter().all(|(sink, _)| sink.is_clean());
    match engine {
        Some(engine) if clean => {
            for rule in rules.values_mut() {
                rule.print = print::of(rule, &known.lists);
            }
            let (rules, disabled) = rules.into_values().partition(|rule| rule.enabled);
            Ok(Parts {
                rules,
                disabled,
                regulations: known.regulations.into_values().collect(),
                catalogue: Catalogue::new(builder, known.categories),
                lists: known.lists,
                engine,
                catalogue_print: print::of_catalogue(files.iter().map(|file| file.content)),
            })
        }
        _ => {
            let mut faults: Vec<Fault> = parsed
                .into_iter()
                .flat_map(|(sink, _)| sink.into_faults())
                .collect();
            faults.sort();
            faults.dedup();
            Err(faults)
        }
    }
}

/// The engine refuses only what a build of the product got wrong; the first file then carries the fault.
fn engine(
    parsed: &mut [(Sink<'_>, Spanned<DeTable<'_>>)],
    patterns: Patterns,
    known: &Known,
) -> Option<Engine> {
    match Engine::new(patterns, values::lists(&known.lists)) {
        Ok(engine) => Some(engine),
        Err(reason) => {
            if let Some((sink, _)) = parsed.first_mut() {
                sink.fault(
                    0,
                    format!("conditions cannot be evaluated: {reason}"),
                    "report this as a defect",
                );
            }
            None
        }
    }
}

fn tables<'d>(
    sink: &mut Sink<'_>,
    document: &'d DeTable<'d>,
    name: &'static str,
    mut each: impl FnMut(&mut Sink<'_>, Fields<'d>),
) {
    let mut fields = Fields::new(document, 0..0);
    for table in fields.tables(sink, name) {
        each(sink, table);
    }
}

/// Faults for tables that are none of those above.
fn others(sink: &mut Sink<'_>, document: &DeTable<'_>) {
    let mut fields = Fields::new(document, 0..0);
    for name in [
        "regulation",
        "lists",
        "category",
        "entry",
        "programs",
        "rule",
        "map",
        "adjust",
    ] {
        fields.optional(name);
    }
    fields.finish(sink);
}

fn lists_and_categories<'d>(sink: &mut Sink<'_>, document: &'d DeTable<'d>, known: &mut Known) {
    let mut fields = Fields::new(document, 0..0);
    if let Some(lists) = fields
        .optional("lists")
        .and_then(|node| Fields::of(sink, node, "lists"))
    {
        for (name, at, node) in lists.entries() {
            if !read::id(sink, name, at) {
                continue;
            }
            if !matches!(node.get_ref(), DeValue::Array(_)) {
                sink.fault(
                    node.span().start,
                    format!("`{name}` is not a list"),
                    "write `[\"..\", \"..\"]`",
                );
                continue;
            }
            let list = known.lists.entry(name.to_owned()).or_default();
            list.extend(
                texts(sink, node, name)
                    .into_iter()
                    .map(|(value, _)| value.trim().to_owned()),
            );
            if list.len() as u64 > LIST_VALUES {
                sink.fault(
                    at,
                    format!("`{name}` has more than {LIST_VALUES} values"),
                    "split it into several lists",
                );
            }
        }
    }
    for mut table in fields.tables(sink, "category") {
        let (id, name) = (table.text(sink, "id"), table.words(sink, "name"));
        table.finish(sink);
        let (Some((id, span)), Some(name)) = (id, name) else {
            continue;
        };
        if !read::id(sink, &id, span.start) {
            continue;
        }
        if known.categories.contains_key(&id) {
            sink.fault(
                span.start,
                format!("there is already a category `{id}`"),
                "remove one of them",
            );
        }
        known.categories.insert(id.clone(), Category { id, name });
    }
}

/// `records = ["register"]`: names of records that there are.
fn records(sink: &mut Sink<'_>, table: &mut Fields<'_>) -> Vec<Record> {
    let mut found = Vec::new();
    for (name, span) in table.texts(sink, "records") {
        let all: Vec<&str> = Record::ALL.iter().map(|record| record.name()).collect();
        let help = format!("one of: {}", all.join(", "));
        found.extend(named(
            sink,
            Record::by_name(&name),
            &name,
            span.start,
            "kind of record",
            &help,
        ));
    }
    found
}

fn regulation(sink: &mut Sink<'_>, mut fields: Fields<'_>, known: &mut Known) {
    let id = fields.text(sink, "id");
    let title = fields.words(sink, "title");
    let version = fields.text(sink, "version");
    let mut clauses: Vec<Clause> = Vec::new();
    for mut table in fields.tables(sink, "clause") {
        let at = table.at();
        let number = table.text(sink, "number");
        let wording = table.words(sink, "wording");
        let checkable = table.text(sink, "checkable");
        let why = table.words(sink, "why");
        let named = table.optional("records").is_some();
        let records = records(sink, &mut table);
        table.finish(sink);
        let checkable = checkable.and_then(|(name, span)| {
            let value = Checkable::by_name(&name);
            if value.is_none() {
                sink.fault(
                    span.start,
                    format!("`{name}` does not say how a clause is checked"),
                    "write rules, records or no",
                );
            }
            value
        });
        if checkable == Some(Checkable::Records) && !named {
            let all: Vec<&str> = Record::ALL.iter().map(|record| record.name()).collect();
            sink.fault(
                at,
                "the clause is checked by records, and names none",
                format!("write `records = [..]` with some of: {}", all.join(", ")),
            );
        }
        let Some((number, _)) = number else { continue };
        // A clause with another fault still counts, so that rules that cite it are not faulted for it.
        // A word that is none was told; what rules prove of the clause is no fault of theirs.
        let checkable = checkable.unwrap_or(Checkable::Rules);
        let (wording, why) = (wording.unwrap_or_default(), why.unwrap_or_default());
        if clauses.iter().any(|clause| clause.number == number) {
            sink.fault(
                at,
                format!("clause {number} stands here twice"),
                "remove one of them",
            );
        }
        clauses.push(Clause {
            number,
            wording,
            checkable,
            why,
            records,
        });
    }
    let at = fields.at();
    fields.finish(sink);
    let (Some((id, span)), Some(title), Some((version, _))) = (id, title, version) else {
        return;
    };
    if !read::id(sink, &id, span.start) {
        return;
    }
    if clauses.is_empty() {
        sink.fault(
            at,
            format!("regulation {id} has no clauses"),
            "add `[[regulation.clause]]` tables",
        );
    }
    if known.regulations.contains_key(&id) {
        sink.fault(
            span.start,
            format!("there is already a regulation `{id}`"),
            "give it another id",
        );
    }
    known.regulations.insert(
        id.clone(),
        Regulation {
            id,
            title,
            version,
            clauses,
        },
    );
}
