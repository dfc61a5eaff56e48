//! CEL conditions: compiled and bounded at load, evaluated on one item within an inner scope. The engine has
//! no budget of its own, so everything that could make an evaluation long is refused before it is in force.

use std::{fmt, ops::Range, sync::Arc};

use cel::{Context, Env, ExecutionError, IdedExpr, Program, Value};
use deskwarden_proto::v1::{Section, facet};
use regex_automata::meta::Regex;

use super::{
    bounds::{self, Frame},
    brackets,
    facts::{AssetFacts, ItemFacts},
    samples, surroundings, values,
};
use crate::{
    catalogue::Classified,
    file::{position, read::Sink},
};

/// Longest condition in bytes.
const SOURCE_BYTES: usize = 2048;
/// Deepest nesting of brackets. The parser needs up to 180 KiB of stack for each, unoptimised.
const BRACKETS: usize = 8;

/// A condition that could not be evaluated on one item: the rule's outcome there is "could not look".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition of rule {rule} could not be evaluated: {reason}")]
pub struct ConditionFault {
    /// Id of the rule.
    pub rule: String,
    /// Why, in words for a person.
    pub reason: String,
}

/// A checked condition.
pub(crate) struct Condition {
    expression: IdedExpr,
    uses: Uses,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("uses", &self.uses)
            .finish_non_exhaustive()
    }
}

/// Which variables it reads: only these are built.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    item: bool,
    asset: bool,
    device: bool,
    ledger: bool,
    baseline: bool,
    section: bool,
    register: bool,
    /// `device.failed`.
    failed: bool,
}

impl Condition {
    /// Whether it asks which sources the agent failed to read.
    pub(crate) const fn reads_failed(&self) -> bool {
        self.uses.failed
    }

    /// Whether it asks how the section of the item was looked at.
    pub(crate) const fn reads_section(&self) -> bool {
        self.uses.section
    }

    /// Whether it asks what the register says.
    pub(crate) const fn reads_register(&self) -> bool {
        self.uses.register
    }
}

/// Patterns of all conditions of a set, by number.
#[derive(Debug, Default)]
pub(crate) struct Patterns(pub(crate) Vec<Regex>);

/// What all evaluations of a set share: functions, patterns and lists.
pub(crate) struct Engine {
    root: Context<'static, 'static>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// With the set's patterns, and `lists` as a variable. The error is the engine's own, in words.
    pub(crate) fn new(patterns: Patterns, lists: Value) -> Result<Self, String> {
        let patterns: Arc<[Regex]> = patterns.0.into();
        let mut root = Context::with_env(Arc::new(Env::stdlib()));
        let matches = move |text: Arc<String>, number: i64| {
            usize::try_from(number)
                .ok()
                .and_then(|number| patterns.get(number))
                .is_some_and(|regex| regex.is_match(text.as_str()))
        };
        root.add_function(bounds::MATCHES, matches)
            .map_err(|error| error.to_string())?;
        root.add_variable_from_value("lists", lists);
        Ok(Self { root })
    }

    /// Whether the condition holds. Errors are in words for a person.
    pub(crate) fn holds(
        &self,
        condition: &Condition,
        item: Option<&ItemFacts<'_>>,
        asset: &AssetFacts<'_>,
        baseline: Option<&facet::Kind>,
    ) -> Result<bool, String> {
        let mut scope = self.root.new_inner_scope();
        let uses = condition.uses;
        if let Some(item) = item.filter(|_| uses.item) {
            scope.add_variable_from_value("item", values::item(item));
        }
        if uses.asset {
            scope.add_variable_from_value("asset", values::asset(asset.asset, asset.overdue));
        }
        if uses.device {
            scope.add_variable_from_value("device", values::device(asset));
        }
        if uses.ledger {
            let ledger = values::ledger(asset).ok_or_else(|| {
                format!(
                    "the asset has more than {} ledger entries",
                    values::LEDGER_ENTRIES
                )
            })?;
            scope.add_variable_from_value("ledger", ledger);
        }
        if uses.baseline {
            scope.add_variable_from_value("baseline", values::baseline(baseline));
        }
        if let Some(item) = item.filter(|_| uses.section) {
            scope.add_variable_from_value("section", surroundings::section(item.section, asset)?);
        }
        if uses.register {
            let licences = item.map(|item| item.licences).unwrap_or_default();
            scope.add_variable_from_value("register", surroundings::register(asset, licences)?);
        }
        match Value::resolve(&condition.expression, &scope) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives {} instead of true or false", other.type_of())),
            Err(error) => Err(in_words(&error)),
        }
    }
}

/// Where a condition stands and what it may refer to.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The string value in the file.
    pub(crate) span: &'a Range<usize>,
    /// Sections of the rule; empty where the asset alone is judged.
    pub(crate) sections: &'a [Section],
    /// Names of the lists there are.
    pub(crate) lists: &'a [&'a str],
}

/// Compiles a condition, or puts its faults into the sink.
pub(crate) fn compile(
    sink: &mut Sink<'_>,
    source: &str,
    place: Place<'_>,
    patterns: &mut Patterns,
) -> Option<Condition> {
    let at = |sink: &mut Sink<'_>, what: &str, help: &str| {
        sink.fault(place.span.start, what.to_owned(), help.to_owned());
    };
    if source.len() > SOURCE_BYTES {
        at(
            sink,
            &format!("the condition exceeds {SOURCE_BYTES} bytes"),
            "split the rule, or use `select`",
        );
        return None;
    }
    match brackets::depth(source) {
        Ok(depth) if depth <= BRACKETS => {}
        Ok(_) => {
            at(
                sink,
                &format!("the condition nests more than {BRACKETS} brackets"),
                "simplify it",
            );
            return None;
        }
        Err(why) => {
            at(
                sink,
                &format!("the condition cannot be read: {why}"),
                "put texts between plain quotation marks",
            );
            return None;
        }
    }
    let program = match Program::compile(source) {
        Ok(program) => program,
        Err(errors) => {
            for error in errors.errors.iter().take(3) {
                let line = usize::try_from(error.pos.0).unwrap_or(1);
                let column = usize::try_from(error.pos.1).unwrap_or(1);
                let what = format!("the condition cannot be read: {}", one_line(&error.msg));
                sink.fault_within(
                    place.span,
                    line,
                    column,
                    what,
                    "correct the CEL expression".to_owned(),
                );
            }
            return None;
        }
    };
    let mut expression = program.expression().clone();
    let frame = Frame {
        sections: place.sections,
        lists: place.lists,
    };
    let found = bounds::inspect(&mut expression, frame, &mut patterns.0);
    for fault in &found.faults {
        let offset = program
            .source_info()
            .offset_for(fault.node)
            .map_or(0, |(start, _)| start);
        let (line, column) = position(source, byte_offset(source, offset));
        sink.fault_within(place.span, line, column, fault.what.clone(), fault.help.clone());
    }
    let uses = |name: &str| found.variables.contains(name);
    found.faults.is_empty().then(|| Condition {
        uses: Uses {
            item: uses("item"),
            asset: uses("asset"),
            device: uses("device"),
            ledger: uses("ledger"),
            baseline: uses("baseline"),
            section: uses("section"),
            register: uses("register"),
            failed: found.failed,
        },
        expression,
    })
}

/// Tries a condition on empty facts of every section it is for. Types that can never fit show here; a
/// condition that asks for more than empty facts have is left alone.
pub(crate) fn try_out(engine: &Engine, condition: &Condition, sections: &[Section]) -> Option<String> {
    let asset = samples::asset();
    let ledger = [samples::ledger()];
    let (sources, papers) = (samples::sources(sections), samples::papers());
    let facts = AssetFacts {
        ledger: &ledger,
        sources: &sources,
        papers: &papers,
        ..AssetFacts::of(&asset)
    };
    if sections.is_empty() {
        return engine
            .holds(condition, None, &facts, None)
            .err()
            .filter(|reason| is_of_types(reason));
    }
    sections
        .iter()
        .filter_map(|of| Some((*of, samples::facet(*of)?)))
        .find_map(|(section, facet)| {
            let class = Classified {
                entry: String::new(),
                name: String::new(),
                categories: Vec::new(),
                why: String::new(),
            };
            let item = ItemFacts {
                section,
                source: "",
                key: "",
                principal: "",
                facet: &facet,
                local: None,
                class: Some(&class),
                licences: &[""],
            };
            engine
                .holds(condition, Some(&item), &facts, Some(&facet))
                .err()
                .filter(|reason| is_of_types(reason))
        })
}

fn is_of_types(reason: &str) -> bool {
    [TYPES, NO_FIELD, NOT_A_VERDICT]
        .iter()
        .any(|start| reason.starts_with(start))
}

const TYPES: &str = "it compares or combines";
const NO_FIELD: &str = "there is no field";
const NOT_A_VERDICT: &str = "it gives";

/// The engine's errors in words for a person. Values are not quoted: they may be anybody's data.
fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("{NO_FIELD} `{name}` here"),
        ExecutionError::UndeclaredReference(name) => format!("`{name}` is not known here"),
        ExecutionError::NoSuchOverload(overload) => format!(
            "{TYPES} values whose types do not fit: `{}` of {}",
            overload.function(),
            overload.argument_types().join(" and ")
        ),
        ExecutionError::UnexpectedType { .. }
        | ExecutionError::ValuesNotComparable(..)
        | ExecutionError::UnsupportedTargetType { .. }
        | ExecutionError::UnsupportedBinaryOperator(..)
        | ExecutionError::UnsupportedIndex(..) => format!("{TYPES} values whose types do not fit"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list is shorter than the condition expects".to_owned(),
        ExecutionError::FunctionError { function, .. } => {
            format!("`{function}` cannot work with the value it was given")
        }
        _ => "the condition does not fit the facts".to_owned(),
    }
}

/// The parser counts characters.
fn byte_offset(source: &str, characters: u32) -> usize {
    let characters = usize::try_from(characters).unwrap_or(usize::MAX);
    source
        .char_indices()
        .nth(characters)
        .map_or(source.len(), |(at, _)| at)
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
