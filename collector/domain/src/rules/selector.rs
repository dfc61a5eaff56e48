//! Selectors: the common case of a rule's condition, decided on the facet and its class alone, so that the
//! verdict can be cached per facet. All tests must hold.

use deskwarden_proto::{
    describe::{Describe, FieldDoc, Visitor},
    section,
    v1::Section,
};
use regex_automata::meta::Regex;
use toml::de::DeValue;

use super::{
    facts::ItemFacts,
    fields::{FieldType, ITEM_FIELDS, choices, field_names, field_type},
    known::Known,
    pattern,
};
use crate::file::read::{self, Fields, Node, Sink, number, texts};

/// What a rule's `select` says.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    categories: Vec<String>,
    all_categories: Vec<String>,
    not_categories: Vec<String>,
    entries: Vec<String>,
    facet: Vec<Test>,
    item: Vec<Test>,
}

impl Selector {
    /// Whether nothing but facet and class decides.
    pub(crate) const fn facet_only(&self) -> bool {
        self.item.is_empty()
    }

    /// Whether it asks for a category or an entry of the catalogue.
    pub(crate) const fn asks_catalogue(&self) -> bool {
        !self.categories.is_empty() || !self.all_categories.is_empty() || !self.entries.is_empty()
    }

    pub(crate) fn takes(&self, item: &ItemFacts<'_>) -> bool {
        self.takes_class(item) && self.item.iter().all(|test| test.holds_of(item)) && self.takes_facet(item)
    }

    fn takes_class(&self, item: &ItemFacts<'_>) -> bool {
        let Some(class) = item.class else {
            return !self.asks_catalogue();
        };
        let has = |name: &String| class.categories.contains(name);
        (self.categories.is_empty() || self.categories.iter().any(has))
            && self.all_categories.iter().all(has)
            && !self.not_categories.iter().any(has)
            && (self.entries.is_empty() || self.entries.contains(&class.entry))
    }

    fn takes_facet(&self, item: &ItemFacts<'_>) -> bool {
        if self.facet.is_empty() {
            return true;
        }
        let mut visit = Visit {
            tests: &self.facet,
            held: 0,
            failed: false,
        };
        item.facet.describe(&mut visit);
        !visit.failed && visit.held == self.facet.len()
    }
}

/// What one field must be.
#[derive(Debug)]
struct Test {
    field: String,
    is: Vec<String>,
    not: Vec<String>,
    not_in: Vec<String>,
    prefix: Vec<String>,
    suffix: Vec<String>,
    contains: Vec<String>,
    matches: Option<Regex>,
    above: Option<u64>,
    below: Option<u64>,
}

impl Test {
    fn new(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            is: Vec::new(),
            not: Vec::new(),
            not_in: Vec::new(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            contains: Vec::new(),
            matches: None,
            above: None,
            below: None,
        }
    }

    /// Text is compared without regard to case.
    fn text(&self, value: &str) -> bool {
        let value = value.to_lowercase();
        let any =
            |list: &[String], test: &dyn Fn(&str) -> bool| list.is_empty() || list.iter().any(|x| test(x));
        any(&self.is, &|x| x == value)
            && any(&self.prefix, &|x| value.starts_with(x))
            && any(&self.suffix, &|x| value.ends_with(x))
            && any(&self.contains, &|x| value.contains(x))
            && !self.not.contains(&value)
            && !self.not_in.contains(&value)
            && self
                .matches
                .as_ref()
                .is_none_or(|regex| regex.is_match(value.as_str()))
            && self.above.is_none()
            && self.below.is_none()
    }

    fn number(&self, value: u64) -> bool {
        let text = value.to_string();
        (self.is.is_empty() || self.is.contains(&text))
            && !self.not.contains(&text)
            && self.above.is_none_or(|limit| value > limit)
            && self.below.is_none_or(|limit| value < limit)
    }

    /// Of a list: some value fulfils it; where it only excludes, no value may be excluded.
    fn texts(&self, values: &[String]) -> bool {
        if self.only_excludes() {
            values.iter().all(|value| self.text(value))
        } else {
            values.iter().any(|value| self.text(value))
        }
    }

    const fn only_excludes(&self) -> bool {
        self.is.is_empty()
            && self.prefix.is_empty()
            && self.suffix.is_empty()
            && self.contains.is_empty()
            && self.matches.is_none()
    }

    fn holds_of(&self, item: &ItemFacts<'_>) -> bool {
        let value = match self.field.as_str() {
            "key" => item.key,
            "source" => item.source,
            "principal" => item.principal,
            _ => item.local.map(|local| local.path.as_str()).unwrap_or_default(),
        };
        self.text(value)
    }
}

/// Tests the fields of a facet as they come by.
struct Visit<'a> {
    tests: &'a [Test],
    held: usize,
    failed: bool,
}

impl Visit<'_> {
    fn each(&mut self, doc: &'static FieldDoc, holds: impl Fn(&Test) -> bool) {
        if self.failed {
            return;
        }
        for test in self.tests.iter().filter(|test| test.field == doc.name) {
            if holds(test) {
                self.held += 1;
            } else {
                self.failed = true;
            }
        }
    }
}

impl Visitor for Visit<'_> {
    fn text(&mut self, doc: &'static FieldDoc, value: &str) {
        self.each(doc, |test| test.text(value));
    }
    fn texts(&mut self, doc: &'static FieldDoc, value: &[String]) {
        self.each(doc, |test| test.texts(value));
    }
    fn flag(&mut self, doc: &'static FieldDoc, value: bool) {
        self.each(doc, |test| test.text(if value { "true" } else { "false" }));
    }
    fn number(&mut self, doc: &'static FieldDoc, value: u64) {
        self.each(doc, |test| test.number(value));
    }
    fn choice(&mut self, doc: &'static FieldDoc, _: i32, name: Option<&'static str>) {
        self.each(doc, |test| test.text(name.unwrap_or("unknown")));
    }
    fn list(&mut self, _: &'static FieldDoc, _: &mut dyn Iterator<Item = &dyn Describe>) {}
}

/// Reads `select`. Fields must exist in every section of the rule.
pub(crate) fn read(sink: &mut Sink<'_>, node: &Node<'_>, sections: &[Section], known: &Known) -> Selector {
    let mut selector = Selector::default();
    let Some(fields) = Fields::of(sink, node, "select") else {
        return selector;
    };
    for (name, at, value) in fields.entries() {
        match name {
            "category" | "all_categories" | "not_category" => {
                for (category, span) in texts(sink, value, name) {
                    if known.categories.contains_key(&category) {
                        match name {
                            "category" => selector.categories.push(category),
                            "all_categories" => selector.all_categories.push(category),
                            _ => selector.not_categories.push(category),
                        }
                    } else {
                        let all: Vec<&str> = known.categories.keys().map(String::as_str).collect();
                        sink.fault(
                            span.start,
                            format!("unknown category `{category}`"),
                            format!("add a `[[category]]`, or use one of: {}", all.join(", ")),
                        );
                    }
                }
            }
            "entry" => {
                for (entry, span) in texts(sink, value, name) {
                    let Some(now) = known.entries.get(&entry) else {
                        sink.fault(
                            span.start,
                            format!("the catalogue has no entry `{entry}`"),
                            "add the entry, or correct its id",
                        );
                        continue;
                    };
                    selector.entries.push(now.clone());
                }
            }
            _ if ITEM_FIELDS.contains(&name) => selector.item.extend(test(sink, name, value, known)),
            _ => {
                let missing = sections
                    .iter()
                    .find(|of| matches!(field_type(**of, name), None | Some(FieldType::List)));
                if let Some(of) = missing {
                    sink.fault(
                        at,
                        format!("items of section {} have no field `{name}`", section::name(*of)),
                        format!("use `category`, `entry` or one of: {}", field_names(*of)),
                    );
                } else if let Some(test) = test(sink, name, value, known) {
                    for of in sections {
                        suits(sink, &test, *of, at);
                    }
                    selector.facet.push(test);
                }
            }
        }
    }
    selector
}

fn test(sink: &mut Sink<'_>, field: &str, node: &Node<'_>, known: &Known) -> Option<Test> {
    let mut test = Test::new(field);
    if !matches!(node.get_ref(), DeValue::Table(_)) {
        test.is = scalars(sink, node, field)?;
        return Some(test);
    }
    let mut fields = Fields::of(sink, node, field)?;
    let lower = |list: Vec<(String, _)>| {
        list.into_iter()
            .map(|(text, _)| text.to_lowercase())
            .collect::<Vec<_>>()
    };
    if let Some(node) = fields.optional("is") {
        test.is = scalars(sink, node, "is")?;
    }
    if let Some(node) = fields.optional("not") {
        test.not = scalars(sink, node, "not")?;
    }
    test.prefix = lower(fields.texts(sink, "prefix"));
    test.suffix = lower(fields.texts(sink, "suffix"));
    test.contains = lower(fields.texts(sink, "contains"));
    if let Some(node) = fields.optional("matches")
        && let Some(text) = read::text(sink, node, "matches")
    {
        match pattern::compile(text) {
            Ok(regex) => test.matches = Some(regex),
            Err(why) => sink.fault(
                node.span().start,
                format!("the pattern is refused: {why}"),
                "simplify the pattern",
            ),
        }
    }
    for (key, list) in [("in", &mut test.is), ("not_in", &mut test.not_in)] {
        for (name, span) in fields.texts(sink, key) {
            match known.lists.get(&name) {
                // An empty list contains nothing: the test must then fail, not vanish.
                Some(values) if key == "in" && values.is_empty() => list.push("\u{0}".to_owned()),
                Some(values) => list.extend(values.iter().map(|value| value.to_lowercase())),
                None => sink.fault(
                    span.start,
                    format!("there is no list `{name}`"),
                    format!("add `{name} = [..]` under `[lists]`"),
                ),
            }
        }
    }
    test.above = fields
        .optional("above")
        .and_then(|node| number(sink, node, "above"));
    test.below = fields
        .optional("below")
        .and_then(|node| number(sink, node, "below"));
    fields.finish(sink);
    Some(test)
}

/// Faults for a test that could never hold of such a field: a misspelt choice, a bound on a text.
fn suits(sink: &mut Sink<'_>, test: &Test, of: Section, at: usize) {
    let field = &test.field;
    let kind = field_type(of, field);
    if (test.above.is_some() || test.below.is_some()) && kind != Some(FieldType::Number) {
        sink.fault(
            at,
            format!("`{field}` is not a number"),
            "remove `above` and `below`",
        );
    }
    let allowed: Vec<&str> = match kind {
        Some(FieldType::Flag) => vec!["true", "false"],
        Some(FieldType::Choice) => choices(of, field),
        _ => return,
    };
    for value in test.is.iter().chain(&test.not) {
        if !allowed.contains(&value.as_str()) {
            let allowed: Vec<&str> = allowed.iter().copied().filter(|name| !name.is_empty()).collect();
            sink.fault(
                at,
                format!("`{field}` is never `{value}`"),
                format!("use one of: {}", allowed.join(", ")),
            );
        }
    }
}

/// A text, number or truth value, or a list of them, as lower-case text. The empty text is a value here.
fn scalars(sink: &mut Sink<'_>, node: &Node<'_>, what: &str) -> Option<Vec<String>> {
    if let DeValue::Array(array) = node.get_ref() {
        if array.is_empty() {
            sink.fault(
                node.span().start,
                format!("`{what}` is an empty list"),
                "list at least one value",
            );
        }
        return array.iter().map(|node| scalar(sink, node, what)).collect();
    }
    scalar(sink, node, what).map(|value| vec![value])
}

fn scalar(sink: &mut Sink<'_>, node: &Node<'_>, what: &str) -> Option<String> {
    match node.get_ref() {
        DeValue::String(text) => Some(text.to_lowercase()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Integer(_) => number(sink, node, what).map(|value| value.to_string()),
        _ => {
            sink.fault(
                node.span().start,
                format!("`{what}` is neither text, number nor truth value"),
                "write a value, a list of values, or a table of tests",
            );
            None
        }
    }
}
