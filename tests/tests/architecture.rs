//! The architecture, held by reading the project: who may use whom, what stays pure, where `unsafe` and the
//! operating system may appear, how long files get, what the tree may contain.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

use std::{collections::BTreeMap, path::Path};

use deskwarden_tests::architecture::{
    modules::Crate,
    packages,
    source::Source,
    tree::{self, File},
};

/// Every package and the packages of the workspace that it may name.
const MAY_USE: &[(&str, &[&str])] = &[
    ("deskwarden-proto", &[]),
    ("deskwarden-parse", &[]),
    ("deskwarden-system", &["deskwarden-parse"]),
    (
        "deskwarden-platform",
        &["deskwarden-proto", "deskwarden-parse", "deskwarden-system"],
    ),
    (
        "deskwarden-agent",
        &["deskwarden-proto", "deskwarden-parse", "deskwarden-platform"],
    ),
    ("deskwarden-installer", &["deskwarden-platform"]),
    ("deskwarden-domain", &["deskwarden-proto"]),
    (
        "deskwarden-store",
        &["deskwarden-proto", "deskwarden-domain", "deskwarden-system"],
    ),
    (
        "deskwarden-collector",
        &[
            "deskwarden-proto",
            "deskwarden-domain",
            "deskwarden-store",
            "deskwarden-system",
        ],
    ),
    (
        "deskwarden-fuzz",
        &["deskwarden-proto", "deskwarden-parse", "deskwarden-domain"],
    ),
    (
        "deskwarden-tests",
        &[
            "deskwarden-proto",
            "deskwarden-parse",
            "deskwarden-platform",
            "deskwarden-agent",
            "deskwarden-domain",
            "deskwarden-store",
            "deskwarden-collector",
        ],
    ),
];

/// What a package may not link, however indirectly.
const MAY_NOT_LINK: &[(&str, &[&str])] = &[
    (
        "deskwarden-parse",
        &["tokio", "mio", "hyper", "tonic", "rustix", "libc", "rusqlite"],
    ),
    ("deskwarden-domain", IMPURE),
    (
        "deskwarden-platform",
        &["tokio", "tonic", "rusqlite", "postgres", "axum"],
    ),
    (
        "deskwarden-system",
        &["tokio", "tonic", "rusqlite", "prost", "axum"],
    ),
    (
        "deskwarden-agent",
        &[
            "axum",
            "askama",
            "cel",
            "libsqlite3-sys",
            "postgres",
            "lettre",
            "argon2",
        ],
    ),
    ("deskwarden-store", &["axum", "tonic", "lettre", "ureq"]),
];
const IMPURE: &[&str] = &[
    "axum",
    "hyper",
    "lettre",
    "libsqlite3-sys",
    "mio",
    "postgres",
    "rusqlite",
    "rustls",
    "socket2",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tonic",
    "tower",
    "ureq",
];

/// Folders whose code computes and neither reads nor writes anything outside itself.
const PURE: &[&str] = &["proto/src/", "agent/parse/src/", "collector/domain/src/"];
const OUTSIDE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
];
const CLOCKS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now_utc",
    "OffsetDateTime::now_local",
];

/// The only homes of `unsafe` and of questions about the operating system: what is read of it, and what agent and
/// collector need of it to be installed.
const PLATFORM: [&str; 2] = ["agent/platform/", "system/"];

const WARN_LINES: usize = 400;
const FAIL_LINES: usize = 600;
const FIXTURE_BYTES: usize = 1024 * 1024;

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "agent",
    "clippy.toml",
    "collector",
    "deny.toml",
    "deploy",
    "proto",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "system",
    "tests",
];

#[test]
fn packages_name_only_the_packages_that_they_may_use() {
    let edges = packages::edges(&tree::root()).unwrap();
    let known: Vec<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let found: Vec<&str> = edges.keys().map(String::as_str).collect();
    let mut sorted = known.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted, "the table of who may use whom lists every package");

    let mut breaches = Vec::new();
    for (name, allowed) in MAY_USE {
        for used in &edges[*name] {
            if !allowed.contains(&used.as_str()) {
                breaches.push(format!("{name} names {used}"));
            }
        }
    }
    none("a package names one that it may not use", &breaches);
}

#[test]
fn packages_link_nothing_that_they_were_split_off_to_avoid() {
    let root = tree::root();
    let mut breaches = Vec::new();
    for (name, forbidden) in MAY_NOT_LINK {
        let linked = packages::linked(&root, name).unwrap();
        assert!(linked.contains(*name), "cargo tree lists {name} itself");
        breaches.extend(
            forbidden
                .iter()
                .filter(|used| linked.contains(**used))
                .map(|used| format!("{name} links {used}")),
        );
    }
    none("a package links what it must not know", &breaches);
}

#[test]
fn pure_code_neither_reads_the_outside_nor_a_clock() {
    let mut breaches = Vec::new();
    for (path, source) in sources() {
        if !PURE.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        for named in &source.paths {
            let written = named.segments.join("::");
            let outside = OUTSIDE.iter().any(|prefix| written.starts_with(prefix));
            let clock = CLOCKS.iter().any(|call| written.ends_with(call));
            if outside || clock {
                breaches.push(format!("{path}:{}: {written}", named.line));
            }
        }
    }
    none("pure code takes what it needs as parameters", &breaches);
}

#[test]
fn unsafe_and_the_operating_system_stay_where_they_belong() {
    let mut breaches = Vec::new();
    for (path, source) in sources() {
        if PLATFORM.iter().any(|home| path.starts_with(home)) {
            continue;
        }
        breaches.extend(
            source
                .unsafe_lines
                .iter()
                .map(|line| format!("{path}:{line}: unsafe")),
        );
        breaches.extend(
            source
                .os_lines
                .iter()
                .map(|line| format!("{path}:{line}: asks for an operating system")),
        );
    }
    none("only agent/platform and system may contain this", &breaches);
}

#[test]
fn every_file_opens_by_saying_what_it_owns() {
    let breaches: Vec<String> = sources()
        .into_iter()
        .filter(|(_, source)| !source.opens_with_doc)
        .map(|(path, _)| path)
        .collect();
    none("a file opens with `//! ` and what it owns", &breaches);
}

#[test]
fn modules_of_a_crate_form_no_cycle() {
    let mut crates: BTreeMap<String, Crate> = BTreeMap::new();
    for (path, source) in sources() {
        if let Some((package, below)) = path.split_once("/src/") {
            crates
                .entry(package.to_owned())
                .or_default()
                .add(Path::new(below), &path, source);
        }
    }
    let breaches: Vec<String> = crates
        .iter()
        .flat_map(|(package, modules)| {
            modules
                .cycles()
                .into_iter()
                .map(move |cycle| format!("{package}: {cycle}"))
        })
        .collect();
    none("modules refer to each other in a circle", &breaches);
}

#[test]
fn files_stay_short_enough_to_read() {
    let mut breaches = Vec::new();
    for (path, source) in sources() {
        let lines = source.code_lines;
        if lines > FAIL_LINES && source.long_because.is_none() {
            breaches.push(format!(
                "{path}: {lines} lines (or state `//! Long because: ...`)"
            ));
        } else if lines > WARN_LINES {
            println!("warning: {path} has {lines} lines of code without tests: split it by noun");
        }
    }
    none("a file is too long", &breaches);
}

#[test]
fn nothing_unfinished_and_nothing_of_one_machine_is_in_the_tree() {
    let mut forbidden: Vec<String> = [concat!("TO", "DO"), concat!("FIX", "ME")]
        .map(str::to_owned)
        .to_vec();
    forbidden.extend(places_of_this_machine());
    let hosts = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("crates.io", "-index"),
    ];

    let mut breaches = Vec::new();
    for file in files() {
        let Some(text) = file.text() else { continue };
        let mut words: Vec<&str> = forbidden.iter().map(String::as_str).collect();
        if !["Cargo.lock", "deny.toml"].contains(&file.path.as_str()) {
            words.extend(hosts);
        }
        for word in words {
            breaches.extend(
                tree::lines_with(text, word)
                    .into_iter()
                    .map(|line| format!("{}:{line}: {word}", file.path)),
            );
        }
    }
    none("a word that does not belong here", &breaches);
}

#[test]
fn binary_files_are_pictures_of_the_docs_or_small_fixtures() {
    let breaches: Vec<String> = files()
        .into_iter()
        .filter(|file| {
            let picture = file.path.starts_with("deploy/docs/") && file.path.ends_with(".png");
            let fixture = file
                .path
                .split('/')
                .any(|part| part == "fixtures" || part == "corpus");
            let allowed = if fixture {
                file.bytes.len() <= FIXTURE_BYTES
            } else {
                picture || file.text().is_some()
            };
            !allowed
        })
        .map(|file| format!("{} ({} bytes)", file.path, file.bytes.len()))
        .collect();
    none("a file that nobody can review", &breaches);
}

#[test]
fn the_top_level_holds_what_newcomers_are_told() {
    let mut breaches: Vec<String> = files()
        .iter()
        .filter_map(|file| file.path.split('/').next().map(str::to_owned))
        .filter(|name| !name.starts_with('.') && !TOP_LEVEL.contains(&name.as_str()))
        .collect();
    breaches.sort_unstable();
    breaches.dedup();
    none("an unexpected name at the top", &breaches);
    let present: Vec<&&str> = TOP_LEVEL
        .iter()
        .filter(|name| !tree::root().join(name).exists())
        .collect();
    assert!(present.is_empty(), "missing at the top: {present:?}");
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let breaches: Vec<String> = files()
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
        .filter(|file| {
            let manifest: toml::Table = file.text().unwrap().parse().unwrap();
            manifest.get("package").is_some()
                && manifest.get("lints").and_then(|lints| lints.get("workspace"))
                    != Some(&toml::Value::Boolean(true))
        })
        .map(|file| file.path.clone())
        .collect();
    none("`[lints] workspace = true` is missing", &breaches);
}

#[test]
fn the_pinned_toolchain_is_the_stated_minimum() {
    let root = tree::root();
    let read =
        |name: &str| -> toml::Table { std::fs::read_to_string(root.join(name)).unwrap().parse().unwrap() };
    let channel = read("rust-toolchain.toml")["toolchain"]["channel"]
        .as_str()
        .unwrap()
        .to_owned();
    let stated = read("Cargo.toml")["workspace"]["package"]["rust-version"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        channel == stated
            || channel
                .strip_prefix(&stated)
                .is_some_and(|rest| rest.starts_with('.')),
        "rust-toolchain.toml pins {channel}, Cargo.toml states {stated}"
    );
}

fn files() -> Vec<File> {
    let files = tree::files(&tree::root()).unwrap();
    assert!(
        files.iter().any(|file| file.path == "Cargo.toml"),
        "the listing reaches the top"
    );
    files
}

/// Every Rust file, without modules that exist for tests only.
fn sources() -> Vec<(String, Source)> {
    let mut all = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".rs")) {
        let text = file.text().unwrap_or_else(|| panic!("{} is no text", file.path));
        let source = Source::read(text).unwrap_or_else(|error| panic!("{}: {error:#}", file.path));
        all.push((file.path.clone(), source));
    }
    let tests: Vec<String> = all
        .iter()
        .flat_map(|(path, source)| {
            let home = path
                .strip_suffix("/mod.rs")
                .or_else(|| path.strip_suffix("/lib.rs"))
                .or_else(|| path.strip_suffix(".rs"));
            let home = home.unwrap_or(path).to_owned();
            source
                .test_modules
                .iter()
                .map(move |name| format!("{home}/{name}"))
        })
        .collect();
    for (path, source) in &mut all {
        let below = |module: &String| {
            path.strip_prefix(module.as_str())
                .is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
        };
        if path.starts_with("tests/tests/") || path.contains("/tests/") || tests.iter().any(below) {
            source.code_lines = 0;
            source.paths.clear();
        }
    }
    assert!(!all.is_empty());
    all
}

/// Folders of the machine that runs the test: none of them means anything to anybody else.
fn places_of_this_machine() -> Vec<String> {
    let mut places = vec![tree::root().display().to_string()];
    for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME"] {
        places.extend(std::env::var(name).ok());
    }
    places.retain(|place| Path::new(place).components().count() > 2);
    places
}

fn none(what: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{what}:\n  {}", breaches.join("\n  "));
}
