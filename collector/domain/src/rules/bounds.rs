//! What a condition may be: known names, known functions, no loop within a loop, bounded size and bounded
//! work. Literal patterns of `matches` are compiled here and replaced by their number.

use std::collections::BTreeSet;

use cel::{
    IdedExpr,
    common::{
        ast::{ComprehensionExpr, EntryExpr, Expr, LiteralValue},
        types::CelInt,
    },
};
use deskwarden_proto::{section, v1::Section};
use regex_automata::meta::Regex;

use super::{
    fields::{field_names, field_type},
    pattern,
    surroundings::{self, REGISTER_KEYS, SECTION_KEYS},
    tree::collect_guards,
    values,
};

/// The function that a literal `matches` becomes; no rule file can spell it.
pub(crate) const MATCHES: &str = "@matches";
/// Most nodes of an expression.
const NODES: usize = 400;
/// Deepest nesting of an expression: evaluation works with the stack, as the parser does.
const DEPTH: usize = 32;
/// Most values of a list that a condition may walk.
pub(crate) const LIST_VALUES: u64 = 1000;
/// Most steps that one evaluation may take, estimated from above.
const STEPS: u64 = 5_000_000;
/// Steps of running a pattern over a text.
const PATTERN_STEPS: u64 = 500;

const VARIABLES: [&str; 8] = [
    "item", "asset", "device", "section", "register", "ledger", "baseline", "lists",
];
const FUNCTIONS: [&str; 8] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "bool",
];
const OPERATORS: [&str; 16] = [
    "_?_:_", "_&&_", "_||_", "!_", "_-_", "_+_", "_*_", "_/_", "_%_", "_==_", "_!=_", "_>=_", "_<=_", "_>_",
    "_<_", "-_",
];
const INTERNAL: [&str; 3] = ["_[_]", "@in", "@not_strictly_false"];

/// What a condition may refer to.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) sections: &'a [Section],
    pub(crate) lists: &'a [&'a str],
}

/// A fault at a node of the expression.
pub(crate) struct NodeFault {
    pub(crate) node: u64,
    pub(crate) what: String,
    pub(crate) help: String,
}

/// What an inspection found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) faults: Vec<NodeFault>,
    pub(crate) variables: BTreeSet<String>,
    /// It reads `device.failed`, or `device` as a whole.
    pub(crate) failed: bool,
}

/// Checks the expression and rewrites its patterns.
pub(crate) fn inspect(expression: &mut IdedExpr, frame: Frame<'_>, patterns: &mut Vec<Regex>) -> Found {
    let mut guarded = BTreeSet::new();
    collect_guards(expression, &mut guarded);
    let root = expression.id;
    let mut inspect = Inspect {
        frame,
        patterns,
        guarded,
        locals: Vec::new(),
        nodes: 0,
        depth: 0,
        deepest: 0,
        steps: 0,
        found: Found::default(),
    };
    inspect.visit(expression, 1);
    let (nodes, steps, deepest) = (inspect.nodes, inspect.steps, inspect.deepest);
    let mut found = inspect.found;
    if nodes > NODES {
        let what = format!("the condition has {nodes} parts, more than {NODES}");
        found.faults.push(NodeFault {
            node: root,
            what,
            help: "split the rule, or use `select`".to_owned(),
        });
    } else if deepest > DEPTH {
        let what = format!("the condition nests more than {DEPTH} deep");
        found.faults.push(NodeFault {
            node: root,
            what,
            help: "simplify it".to_owned(),
        });
    } else if steps > STEPS {
        let what = format!("the condition may take {steps} steps, more than {STEPS}");
        let help = "walk shorter lists, or test the list once outside the loop".to_owned();
        found.faults.push(NodeFault {
            node: root,
            what,
            help,
        });
    }
    found
}

struct Inspect<'a> {
    frame: Frame<'a>,
    patterns: &'a mut Vec<Regex>,
    guarded: BTreeSet<String>,
    locals: Vec<String>,
    nodes: usize,
    depth: usize,
    deepest: usize,
    steps: u64,
    found: Found,
}

impl Inspect<'_> {
    fn fault(&mut self, node: u64, what: impl Into<String>, help: impl Into<String>) {
        self.found.faults.push(NodeFault {
            node,
            what: what.into(),
            help: help.into(),
        });
    }

    /// `times`: how often this node may be evaluated.
    fn visit(&mut self, node: &mut IdedExpr, times: u64) {
        self.nodes += 1;
        self.steps = self.steps.saturating_add(times);
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if self.nodes <= NODES && self.depth <= DEPTH {
            self.enter(node, times);
        }
        self.depth -= 1;
    }

    fn enter(&mut self, node: &mut IdedExpr, times: u64) {
        let id = node.id;
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => {}
            Expr::Ident(name) => {
                let name = name.clone();
                self.ident(id, &name, times);
            }
            Expr::Select(select) => {
                if let Expr::Ident(root) = &select.operand.expr
                    && !self.locals.contains(root)
                {
                    let (root, field, test) = (root.clone(), select.field.clone(), select.test);
                    self.field(id, &root, &field, test, times);
                }
                self.visit(&mut select.operand, times);
            }
            Expr::List(list) => list
                .elements
                .iter_mut()
                .for_each(|element| self.visit(element, times)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.visit(&mut entry.key, times);
                        self.visit(&mut entry.value, times);
                    }
                }
            }
            Expr::Struct(value) => {
                let name = value.type_name.clone();
                self.fault(
                    id,
                    format!("`{name}` is not a known type"),
                    "conditions build no messages",
                );
            }
            Expr::Call(_) => self.call(node, times),
            Expr::Comprehension(comprehension) => {
                if times > 1 {
                    let help = "keep one of `exists`, `all`, `filter`, `map`; move the other into a list or another rule";
                    self.fault(id, "a loop stands within a loop", help);
                    return;
                }
                self.comprehension(id, comprehension);
            }
        }
    }

    fn ident(&mut self, node: u64, name: &str, times: u64) {
        if self.locals.iter().any(|local| local == name) {
            return;
        }
        if !VARIABLES.contains(&name) {
            self.fault(
                node,
                format!("`{name}` is not known"),
                format!("use one of: {}", VARIABLES.join(", ")),
            );
            return;
        }
        if self.frame.sections.is_empty() && matches!(name, "item" | "baseline" | "section") {
            self.fault(
                node,
                format!("a rule of kind `asset` has no `{name}`"),
                "use asset, device, register, ledger or lists",
            );
        }
        if name == "ledger" {
            self.steps = self
                .steps
                .saturating_add(times.saturating_mul(values::LEDGER_ENTRIES as u64));
        }
        self.found.variables.insert(name.to_owned());
    }

    fn field(&mut self, node: u64, root: &str, field: &str, test: bool, times: u64) {
        let unknown = |known: &str| {
            (
                format!("`{root}` has no field `{field}`"),
                format!("use one of: {known}"),
            )
        };
        if root == "device" && field == "failed" {
            self.found.failed = true;
            self.steps = self
                .steps
                .saturating_add(times.saturating_mul(values::FAILED_SOURCES as u64));
        }
        let fault = match root {
            "asset" if !values::ASSET_KEYS.contains(&field) => Some(unknown(&values::ASSET_KEYS.join(", "))),
            "device" if !values::DEVICE_KEYS.contains(&field) => {
                Some(unknown(&values::DEVICE_KEYS.join(", ")))
            }
            "section" if !SECTION_KEYS.contains(&field) => Some(unknown(&SECTION_KEYS.join(", "))),
            "register" if !REGISTER_KEYS.contains(&field) => Some(unknown(&REGISTER_KEYS.join(", "))),
            "register" if field == "licences" && self.frame.sections.is_empty() => Some((
                "a rule of kind `asset` has no `register.licences`".to_owned(),
                "they are those of an item: use a rule of kind `item` about software".to_owned(),
            )),
            "section" | "register" => {
                self.steps = self
                    .steps
                    .saturating_add(times.saturating_mul(surroundings::ROWS as u64));
                None
            }
            "lists" => {
                self.steps = self.steps.saturating_add(times.saturating_mul(LIST_VALUES));
                (!self.frame.lists.contains(&field)).then(|| {
                    (
                        format!("there is no list `{field}`"),
                        format!("add `{field} = [..]` under `[lists]`"),
                    )
                })
            }
            "item" if values::ITEM_KEYS.contains(&field) => None,
            "item" | "baseline" => {
                self.steps = self.steps.saturating_add(times.saturating_mul(256));
                self.facet_field(root, field, test)
            }
            _ => None,
        };
        if let Some((what, help)) = fault {
            self.fault(node, what, help);
        }
    }

    fn facet_field(&self, root: &str, field: &str, test: bool) -> Option<(String, String)> {
        let lacks: Vec<Section> = self
            .frame
            .sections
            .iter()
            .copied()
            .filter(|of| field_type(*of, field).is_none())
            .collect();
        let everywhere = lacks.len() == self.frame.sections.len();
        let first = *lacks.first()?;
        if !everywhere && (test || self.guarded.contains(field)) {
            return None;
        }
        let what = format!(
            "`{root}` of section {} has no field `{field}`",
            section::name(first)
        );
        let help = if everywhere {
            format!("use one of: {}", field_names(first))
        } else {
            format!("ask `has({root}.{field})` first, or leave the section out")
        };
        Some((what, help))
    }

    fn call(&mut self, node: &mut IdedExpr, times: u64) {
        let id = node.id;
        let Expr::Call(call) = &mut node.expr else { return };
        let name = call.func_name.as_str();
        if name == "matches" {
            self.matches(node, times);
            return;
        }
        if !FUNCTIONS.contains(&name) && !OPERATORS.contains(&name) && !INTERNAL.contains(&name) {
            let what = format!("there is no function `{name}`");
            let help = format!(
                "use operators, `in`, `has`, `exists`, `all`, `filter`, `map`, or one of: {}",
                FUNCTIONS.join(", ")
            );
            self.fault(id, what, help);
        }
        let Expr::Call(call) = &mut node.expr else { return };
        if let Some(target) = &mut call.target {
            self.visit(target, times);
        }
        for argument in &mut call.args {
            self.visit(argument, times);
        }
    }

    /// `text.matches("literal")` or `matches(text, "literal")` becomes a call with the pattern's number.
    fn matches(&mut self, node: &mut IdedExpr, times: u64) {
        let id = node.id;
        let Expr::Call(call) = &mut node.expr else { return };
        let target = call.target.take().map(|target| *target);
        let mut arguments: Vec<IdedExpr> = target.into_iter().chain(call.args.drain(..)).collect();
        let literal = match arguments.get(1).map(|argument| &argument.expr) {
            Some(Expr::Literal(LiteralValue::String(text))) if arguments.len() == 2 => {
                text.inner().to_owned()
            }
            _ => {
                self.fault(
                    id,
                    "`matches` needs a text and a literal pattern",
                    "write the pattern as a quoted text",
                );
                return;
            }
        };
        match pattern::compile(&literal) {
            Ok(regex) => {
                let number = i64::try_from(self.patterns.len()).unwrap_or(i64::MAX);
                self.patterns.push(regex);
                if let Some(second) = arguments.get_mut(1) {
                    second.expr = Expr::Literal(LiteralValue::Int(CelInt::from(number)));
                }
            }
            Err(why) => self.fault(
                id,
                format!("the pattern is refused: {why}"),
                "simplify the pattern",
            ),
        }
        self.steps = self.steps.saturating_add(times.saturating_mul(PATTERN_STEPS));
        for argument in &mut arguments {
            self.visit(argument, times);
        }
        call_to(node, arguments);
    }

    fn comprehension(&mut self, node: u64, comprehension: &mut ComprehensionExpr) {
        for name in [Some(&comprehension.iter_var), comprehension.iter_var2.as_ref()]
            .into_iter()
            .flatten()
        {
            if VARIABLES.contains(&name.as_str()) {
                let (what, help) = (
                    format!("the loop's variable hides `{name}`"),
                    "give it another name",
                );
                self.found.faults.push(NodeFault {
                    node,
                    what,
                    help: help.to_owned(),
                });
            }
        }
        self.visit_range(&mut comprehension.iter_range);
        self.visit(&mut comprehension.accu_init, 1);
        let before = self.locals.len();
        self.locals.push(comprehension.iter_var.clone());
        self.locals.extend(comprehension.iter_var2.clone());
        self.locals.push(comprehension.accu_var.clone());
        self.visit(&mut comprehension.loop_cond, LIST_VALUES);
        self.visit(&mut comprehension.loop_step, LIST_VALUES);
        self.visit(&mut comprehension.result, 1);
        self.locals.truncate(before);
    }

    /// Only a variable, a field or a literal list may be walked: anything computed could be as long as it likes.
    fn visit_range(&mut self, range: &mut IdedExpr) {
        if !matches!(range.expr, Expr::Ident(_) | Expr::Select(_) | Expr::List(_)) {
            let help = "walk a field such as `item.addresses`, `ledger` or a list, with one loop";
            self.fault(range.id, "a loop runs over something computed", help);
            return;
        }
        self.visit(range, 1);
    }
}

fn call_to(node: &mut IdedExpr, arguments: Vec<IdedExpr>) {
    if let Expr::Call(call) = &mut node.expr {
        call.func_name = MATCHES.to_owned();
        call.args = arguments;
    }
}
