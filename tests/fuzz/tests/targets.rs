//! The table of targets is complete, and every target keeps its promises on what it begins with, whole, cut
//! short and damaged. The engine goes on from there (tests/fuzz/run).

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{collections::BTreeSet, fs, path::Path};

use syn::{FnArg, Item, Visibility};

/// Functions that one file of the parse crate offers to whoever has bytes, as `module::function`.
fn offered(module: &str, items: &[Item], into: &mut BTreeSet<String>) {
    for item in items {
        let Item::Fn(function) = item else { continue };
        if !matches!(function.vis, Visibility::Public(_)) {
            continue;
        }
        let name = function.sig.ident.to_string();
        let takes_bytes = function.sig.inputs.first().is_some_and(|first| match first {
            FnArg::Typed(argument) => {
                let written = quote::quote!(#argument).to_string();
                written.contains("[u8]") || written.contains("[u8 ]") || written.contains("Blocks")
            }
            FnArg::Receiver(_) => false,
        });
        if takes_bytes || name.starts_with("parse") {
            into.insert(format!("{module}::{name}"));
        }
    }
}

fn parse_crate() -> BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agent/parse/src");
    let mut found = BTreeSet::new();
    let mut folders = vec![(sources, None::<String>)];
    while let Some((folder, module)) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            // What is inside a folder is offered under the folder's name.
            let module = module.clone().unwrap_or(stem);
            if path.is_dir() {
                folders.push((path, Some(module)));
            } else {
                let text = fs::read_to_string(&path).unwrap();
                offered(&module, &syn::parse_file(&text).unwrap().items, &mut found);
            }
        }
    }
    found
}

#[test]
fn every_parser_has_a_target() {
    let offered = parse_crate();
    assert!(offered.len() > 50, "the sources were read: {offered:?}");
    let targets = deskwarden_fuzz::targets();
    let covered: BTreeSet<String> = targets
        .iter()
        .flat_map(|target| target.covers)
        .map(|name| (*name).to_owned())
        .collect();
    let missing: Vec<&String> = offered.difference(&covered).collect();
    assert!(
        missing.is_empty(),
        "a parser takes bytes from outside and has no fuzz target; add it in tests/fuzz/src: {missing:?}"
    );
    let unknown: Vec<&String> = covered.difference(&offered).collect();
    assert!(
        unknown.is_empty(),
        "a target covers what is not there: {unknown:?}"
    );
}

#[test]
fn names_of_targets_are_unique_and_each_begins_with_something() {
    let targets = deskwarden_fuzz::targets();
    let names: BTreeSet<&str> = targets.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), targets.len());
    for target in &targets {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{}", target.name);
        assert!(
            seeds
                .iter()
                .any(|seed| !seed.is_empty() && seed.len() <= deskwarden_fuzz::MAX_INPUT),
            "{}",
            target.name
        );
    }
}

#[test]
fn every_target_keeps_its_promises_on_what_is_cut_or_damaged() {
    // Always the same damage: this is no search, and must not fail now and then.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap()
    };
    for target in deskwarden_fuzz::targets() {
        for seed in (target.seeds)() {
            (target.check)(&seed);
            for _ in 0..24 {
                (target.check)(&seed[..random(seed.len() + 1)]);
                let mut damaged = seed.clone();
                for _ in 0..=random(4) {
                    let at = random(damaged.len());
                    match random(3) {
                        0 => {
                            if let Some(byte) = damaged.get_mut(at) {
                                *byte = [0, 0xff, b'\n', b'"', b'\\', b'=', 1 << random(8)][random(7)];
                            }
                        }
                        1 => {
                            damaged.truncate(at.max(1));
                        }
                        _ => {
                            let piece = damaged
                                .get(at..(at + 16).min(damaged.len()))
                                .unwrap_or_default()
                                .to_vec();
                            damaged.splice(at..at, piece);
                        }
                    }
                }
                (target.check)(&damaged);
            }
        }
    }
}
