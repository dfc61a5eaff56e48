//! The modules of one crate and who refers to whom. Siblings below one parent must form no cycle; a name that a
//! parent passes on counts as a reference to the sibling that it comes from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::source::Source;

/// Position of a module below the root of its crate: empty for the root.
pub type ModulePath = Vec<String>;

/// The modules of a crate.
#[derive(Debug, Default)]
pub struct Crate {
    modules: BTreeMap<ModulePath, Module>,
}

#[derive(Debug)]
struct Module {
    file: String,
    source: Source,
}

/// A reference from one sibling to another, with one place that proves it.
type Edges = BTreeMap<(ModulePath, ModulePath), String>;

impl Crate {
    /// Adds a file. `below_src` is its path below `src/`; `shown` is how messages call it.
    pub fn add(&mut self, below_src: &Path, shown: &str, source: Source) {
        if let Some(path) = module_path(below_src) {
            self.modules.insert(
                path,
                Module {
                    file: shown.to_owned(),
                    source,
                },
            );
        }
    }

    /// Cycles among siblings, each as one line for a person.
    pub fn cycles(&self) -> Vec<String> {
        let edges = self.edges();
        let parents: BTreeSet<&[String]> = edges.keys().map(|(from, _)| parent(from)).collect();
        parents
            .into_iter()
            .filter_map(|under| {
                let level: Edges = edges
                    .iter()
                    .filter(|((from, _), _)| parent(from) == under)
                    .map(|(edge, place)| (edge.clone(), place.clone()))
                    .collect();
                cycle(&level)
            })
            .collect()
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (from, module) in &self.modules {
            for named in &module.source.paths {
                let Some(target) = self.resolve(from, &named.segments) else {
                    continue;
                };
                if let Some((left, right)) = diverge(from, &target) {
                    edges
                        .entry((left, right))
                        .or_insert_with(|| format!("{}:{}", module.file, named.line));
                }
            }
        }
        edges
    }

    /// The module that a path written in `at` ends in; `None` if it leaves the crate.
    fn resolve(&self, at: &[String], written: &[String]) -> Option<ModulePath> {
        let mut path = absolute(at, written).or_else(|| {
            let first = at.iter().chain(written.first()).cloned().collect::<Vec<_>>();
            self.modules.contains_key(&first).then(|| [at, written].concat())
        })?;
        for _ in 0..8 {
            let depth = self.known_prefix(&path);
            let module = self.modules.get(path.get(..depth)?)?;
            let Some(name) = path.get(depth) else {
                return Some(path);
            };
            let passed_on = module
                .source
                .bindings
                .iter()
                .find(|binding| binding.name == *name)
                .and_then(|binding| {
                    let from = absolute(path.get(..depth)?, &binding.from).or_else(|| {
                        let below = [path.get(..depth)?, &binding.from].concat();
                        (self.known_prefix(&below) > depth).then_some(below)
                    })?;
                    Some([from.as_slice(), path.get(depth + 1..)?].concat())
                });
            match passed_on {
                Some(next) if next != path => path = next,
                _ => {
                    path.truncate(depth);
                    return Some(path);
                }
            }
        }
        None
    }

    fn known_prefix(&self, path: &[String]) -> usize {
        (0..=path.len())
            .rev()
            .find(|length| {
                path.get(..*length)
                    .is_some_and(|prefix| self.modules.contains_key(prefix))
            })
            .unwrap_or(0)
    }
}

/// `lib.rs` is the root; programs' own roots and build scripts are no part of the library.
fn module_path(below_src: &Path) -> Option<ModulePath> {
    let mut parts: Vec<String> = below_src
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    match parts.last().map(String::as_str) {
        Some("mod") => {
            parts.pop();
        }
        Some("lib") if parts.len() == 1 => parts.clear(),
        Some("main") if parts.len() == 1 => return None,
        _ => {}
    }
    (parts.first().map(String::as_str) != Some("bin")).then_some(parts)
}

fn absolute(at: &[String], written: &[String]) -> Option<ModulePath> {
    let mut at = at.to_vec();
    let mut rest = written;
    match rest.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = rest.get(1..)?;
        }
        "self" => rest = rest.get(1..)?,
        "super" => {}
        _ => return None,
    }
    while rest.first().is_some_and(|segment| segment == "super") {
        at.pop()?;
        rest = rest.get(1..)?;
    }
    at.extend(rest.iter().cloned());
    Some(at)
}

/// The siblings at which two modules part; `None` where one contains the other.
fn diverge(from: &[String], to: &[String]) -> Option<(ModulePath, ModulePath)> {
    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    Some((from.get(..=shared)?.to_vec(), to.get(..=shared)?.to_vec()))
}

fn parent(path: &[String]) -> &[String] {
    path.split_last().map_or(&[], |(_, above)| above)
}

/// The shortest way round: siblings and, for each step, the place that proves it.
fn cycle(edges: &Edges) -> Option<String> {
    let starts: BTreeSet<&ModulePath> = edges.keys().map(|(from, _)| from).collect();
    let round = starts
        .into_iter()
        .filter_map(|start| way_back(edges, start))
        .min_by_key(Vec::len)?;
    let steps: Vec<String> = round
        .iter()
        .map(|((from, to), place)| format!("{} -> {} ({place})", from.join("::"), to.join("::")))
        .collect();
    Some(steps.join(", "))
}

/// The shortest way from a sibling back to itself, breadth first.
fn way_back<'a>(
    edges: &'a Edges,
    start: &ModulePath,
) -> Option<Vec<(&'a (ModulePath, ModulePath), &'a String)>> {
    let mut ways = vec![Vec::new()];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let at = way
                .last()
                .map_or(start, |((_, to), _): &(&(ModulePath, ModulePath), &String)| to);
            for step in edges.iter().filter(|((from, _), _)| from == at) {
                let mut next = way.clone();
                next.push(step);
                if step.0.1 == *start {
                    return Some(next);
                }
                if seen.insert(&step.0.1) {
                    longer.push(next);
                }
            }
        }
        ways = longer;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Crate {
        let mut all = Crate::default();
        for (file, text) in files {
            all.add(Path::new(file), file, Source::read(text).unwrap());
        }
        all
    }

    #[test]
    fn two_modules_that_use_each_other_are_a_cycle() {
        let found = crate_of(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "fn f(a: super::a::A) {}"),
        ])
        .cycles();
        assert_eq!(found, ["a -> b (a.rs:1), b -> a (b.rs:1)"]);
    }

    #[test]
    fn one_direction_is_no_cycle() {
        let found = crate_of(&[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::{b::B, c::C};"),
            ("b.rs", "use crate::c::C;"),
            ("c/mod.rs", "mod d;"),
            ("c/d.rs", "use super::E;"),
        ])
        .cycles();
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn a_cycle_through_what_the_parent_passes_on_is_found() {
        let found = crate_of(&[
            ("lib.rs", "pub mod model;"),
            ("model/mod.rs", "mod a; mod b; pub use a::A; pub use b::B;"),
            ("model/a.rs", "use super::B;"),
            ("model/b.rs", "use crate::model::A;"),
        ])
        .cycles();
        assert_eq!(
            found,
            ["model::a -> model::b (model/a.rs:1), model::b -> model::a (model/b.rs:1)"]
        );
    }

    #[test]
    fn a_cycle_of_three_names_only_those_in_it() {
        let found = crate_of(&[
            ("lib.rs", ""),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "use crate::c::C;"),
            ("c.rs", "use crate::a::A;"),
            ("d.rs", "use crate::a::A;"),
        ])
        .cycles();
        assert_eq!(found, ["a -> b (a.rs:1), b -> c (b.rs:1), c -> a (c.rs:1)"]);
    }
}
