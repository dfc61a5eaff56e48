//! The page about Windows' functions says of each that the agent calls what is proven about it, and of nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use deskwarden_tests::architecture::tree;

const STATES: [&str; 3] = [
    "proven under Wine",
    "proven on captured data",
    "not yet run on real Windows",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn is_function(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains(|c: char| c.is_ascii_lowercase())
}

/// Whether it stands before a bracket by itself: neither as a variant of an enumeration nor as a type that is made there.
fn is_called(text: &str, word: &str) -> bool {
    text.match_indices(&format!("{word}(")).any(|(at, _)| {
        let before = &text[..at];
        !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
            && !before.ends_with("struct ")
    })
}

/// Functions that one file looks up by name, or imports and calls.
fn called(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some((name, _)) = line
            .trim()
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
            && is_function(name)
        {
            found.insert(name.to_owned());
        }
    }
    for import in text.split("use windows_sys::").skip(1) {
        let import = import.split(';').next().unwrap();
        for word in import.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if is_function(word) && is_called(text, word) {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

#[test]
fn the_page_lists_each_function_that_is_called_and_no_other() {
    let root = tree::root();
    let mut files = Vec::new();
    sources(&root.join("agent/platform/src/windows"), &mut files);
    let called: BTreeSet<String> = files
        .iter()
        .flat_map(|file| called(&fs::read_to_string(file).unwrap()))
        .collect();
    assert!(called.len() > 60, "the sources were read: {called:?}");
    let page = fs::read_to_string(root.join("deploy/docs/windows-apis.md")).unwrap();
    let rows: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            Some((
                cells.next()?.trim_end_matches('`'),
                cells
                    .next_back()
                    .filter(|cell| !cell.is_empty())
                    .or(cells.next_back())?,
            ))
        })
        .collect();
    let listed: BTreeSet<String> = rows.keys().map(|name| (*name).to_owned()).collect();
    let missing: Vec<&String> = called.difference(&listed).collect();
    assert!(missing.is_empty(), "called and not on the page: {missing:?}");
    let stale: Vec<&String> = listed.difference(&called).collect();
    assert!(stale.is_empty(), "on the page and not called: {stale:?}");
    for (name, state) in rows {
        assert!(STATES.contains(&state), "{name}: {state}");
    }
}
