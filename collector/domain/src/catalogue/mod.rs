//! The software catalogue: what a title, package or executable is, in which categories, and why. Owns
//! matching; the entries are data in rule files.

mod editions;
mod entry;
mod han;
mod normalise;

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use deskwarden_proto::v1::{self, SoftwareKind, facet};
use serde::Serialize;

use entry::{Claim, Reach, executable, package};
use normalise::Title;

pub(crate) use entry::{Builder, read_entry};
pub use entry::{Category, Entry};

/// What the catalogue knows a program as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Classified {
    /// Id of the entry.
    pub entry: String,
    /// Its name for people.
    pub name: String,
    /// Ids of its categories.
    pub categories: Vec<String>,
    /// What it was recognised by: `title "腾讯QQ"`, `package "linuxqq"`.
    pub why: String,
}

/// All entries, indexed.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: Vec<Entry>,
    categories: Vec<Category>,
    titles: std::collections::HashMap<String, Vec<Claim>>,
    executables: std::collections::HashMap<String, Vec<Claim>>,
    packages: std::collections::HashMap<String, Vec<Claim>>,
    patterns: Vec<(usize, Reach, usize)>,
    automaton: Option<AhoCorasick>,
}

/// What is known of a program, whatever kind of fact it comes from.
#[derive(Clone, Copy, Default)]
struct Program<'a> {
    title: &'a str,
    /// Word patterns are for titles; a package's name counts only as a whole.
    title_is_package: bool,
    package: &'a str,
    executable: &'a str,
    original_name: &'a str,
    publishers: [&'a str; 2],
}

impl Catalogue {
    pub(crate) fn new(builder: Builder, categories: BTreeMap<String, Category>) -> Self {
        let needles: Vec<String> = builder
            .patterns
            .iter()
            .map(|(words, ..)| format!(" {words} "))
            .collect();
        // Refused only beyond sizes that the file limits exclude; without it only whole titles match.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&needles)
            .ok();
        Self {
            entries: builder.entries,
            categories: categories.into_values().collect(),
            titles: builder.titles,
            executables: builder.executables,
            packages: builder.packages,
            patterns: builder
                .patterns
                .into_iter()
                .map(|(words, reach, entry)| (words.split(' ').count(), reach, entry))
                .collect(),
            automaton,
        }
    }

    /// All entries, in file order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// All categories, by id.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// What the facet is, if it is a program that an entry describes. `platform` is the device's.
    pub fn classify(&self, facet: &facet::Kind, platform: &str) -> Option<Classified> {
        let program = program(facet)?;
        let (entry, why) = self.find(&program, platform)?;
        let entry = self.entries.get(entry)?;
        Some(Classified {
            entry: entry.id.clone(),
            name: entry.name.zh.clone(),
            categories: entry.categories.clone(),
            why,
        })
    }

    /// A package id says most, then the title, then the name inside the file, then the file's name.
    fn find(&self, program: &Program<'_>, platform: &str) -> Option<(usize, String)> {
        let fits = |claim: &&Claim| self.on_platform(claim.entry, platform);
        if !program.package.is_empty() {
            let name = package(program.package);
            if let Some(claim) = self
                .packages
                .get(&name)
                .and_then(|claims| claims.iter().find(fits))
            {
                return Some((claim.entry, format!("package \"{}\"", program.package)));
            }
        }
        if !program.title.is_empty()
            && let Some(entry) = self.by_title(program, platform)
        {
            return Some((entry, format!("title \"{}\"", program.title)));
        }
        if !program.original_name.is_empty() {
            let plain = executable(program.original_name);
            let with_suffix = format!("{plain}.exe");
            let found = self.by_executable(&plain, program, platform);
            if let Some(claim) = found.or_else(|| self.by_executable(&with_suffix, program, platform)) {
                return Some((
                    claim.entry,
                    format!("original file name \"{}\"", program.original_name),
                ));
            }
        }
        if program.executable.is_empty() {
            return None;
        }
        let claim = self.by_executable(&executable(program.executable), program, platform)?;
        // A file's name alone is weak: another publisher's program may bear it.
        let contradicted = self.publisher(claim.entry, program) == Publisher::Another;
        (!contradicted).then(|| (claim.entry, format!("executable \"{}\"", program.executable)))
    }

    fn by_executable(&self, name: &str, program: &Program<'_>, platform: &str) -> Option<&Claim> {
        let claims = self.executables.get(name)?;
        let of_publisher =
            |claim: &&Claim| claim.if_publisher && self.publisher(claim.entry, program) == Publisher::Fits;
        let on_platform = |claim: &&Claim| self.on_platform(claim.entry, platform);
        let fitting = claims.iter().filter(on_platform).find(of_publisher);
        fitting.or_else(|| {
            claims
                .iter()
                .filter(on_platform)
                .find(|claim| !claim.if_publisher)
        })
    }

    /// The whole title, then the title without version and edition; of patterns the longest.
    fn by_title(&self, program: &Program<'_>, platform: &str) -> Option<usize> {
        let title = Title::new(program.title);
        if title.is_empty() {
            return None;
        }
        let spaced = format!(" {} ", title.text());
        let vetoed = |entry: usize| {
            self.entries.get(entry).is_some_and(|entry| {
                entry
                    .not
                    .iter()
                    .any(|words| spaced.contains(&format!(" {words} ")))
            })
        };
        let mut count = Some(title.len());
        let mut whole = None;
        while let Some(words) = count {
            let found = self.titles.get(title.first(words)).and_then(|claims| {
                let usable = |claim: &&Claim| {
                    self.on_platform(claim.entry, platform)
                        && !vetoed(claim.entry)
                        && (!claim.if_publisher || self.publisher(claim.entry, program) == Publisher::Fits)
                };
                let best = claims
                    .iter()
                    .filter(usable)
                    .max_by_key(|claim| claim.if_publisher);
                best.map(|claim| (words, claim.entry))
            });
            if found.is_some() {
                whole = found;
                break;
            }
            // A package's name has no editions: `-dev` makes it another package.
            count = if program.title_is_package {
                None
            } else {
                title.without_edition(words)
            };
        }
        let pattern = if program.title_is_package {
            None
        } else {
            self.by_pattern(&spaced, platform, &vetoed)
        };
        match (whole, pattern) {
            // As many words, and nothing but editions around them, is more than as many words somewhere.
            (Some((words, entry)), Some((longer, other))) => Some(if longer > words { other } else { entry }),
            (Some((_, entry)), None) | (None, Some((_, entry))) => Some(entry),
            (None, None) => None,
        }
    }

    fn by_pattern(
        &self,
        spaced: &str,
        platform: &str,
        vetoed: &dyn Fn(usize) -> bool,
    ) -> Option<(usize, usize)> {
        let automaton = self.automaton.as_ref()?;
        let mut best: Option<(usize, Reach, usize)> = None;
        for found in automaton.find_overlapping_iter(spaced) {
            let Some((words, reach, entry)) = self.patterns.get(found.pattern().as_usize()).copied() else {
                continue;
            };
            let placed = match reach {
                Reach::Within => true,
                Reach::Start => found.start() == 0,
                Reach::End => found.end() == spaced.len(),
            };
            let better = best.is_none_or(|(most, from, _)| (words, reach) > (most, from));
            if placed && better && self.on_platform(entry, platform) && !vetoed(entry) {
                best = Some((words, reach, entry));
            }
        }
        best.map(|(words, _, entry)| (words, entry))
    }

    fn on_platform(&self, entry: usize, platform: &str) -> bool {
        self.entries.get(entry).is_some_and(|entry| {
            entry.platforms.is_empty()
                || entry
                    .platforms
                    .iter()
                    .any(|name| platform.starts_with(name.as_str()))
        })
    }

    fn publisher(&self, entry: usize, program: &Program<'_>) -> Publisher {
        let Some(entry) = self.entries.get(entry) else {
            return Publisher::Unknown;
        };
        let named: Vec<&str> = program
            .publishers
            .into_iter()
            .filter(|name| !name.is_empty())
            .collect();
        if named.is_empty() || entry.publishers.is_empty() {
            return Publisher::Unknown;
        }
        let fits = named.iter().any(|name| {
            let spaced = format!(" {} ", Title::new(name).text());
            entry
                .publishers
                .iter()
                .any(|words| spaced.contains(&format!(" {words} ")))
        });
        if fits { Publisher::Fits } else { Publisher::Another }
    }
}

/// What the publisher of a program says of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Publisher {
    Fits,
    Another,
    /// Not stated, or the entry names none.
    Unknown,
}

/// What a fact tells of a program; `None` for facts that are about none.
fn program(facet: &facet::Kind) -> Option<Program<'_>> {
    match facet {
        facet::Kind::Software(software) => of_software(software),
        facet::Kind::Process(process) => Some(Program {
            package: &process.package,
            executable: &process.name,
            original_name: &process.original_name,
            publishers: [&process.publisher, ""],
            ..Program::default()
        }),
        facet::Kind::Listener(listener) => Some(Program {
            package: &listener.package,
            executable: file_name(&listener.program),
            ..Program::default()
        }),
        facet::Kind::Egress(egress) => Some(Program {
            package: &egress.package,
            executable: file_name(&egress.program),
            ..Program::default()
        }),
        _ => None,
    }
}

fn of_software(software: &v1::Software) -> Option<Program<'_>> {
    let kind = software.kind();
    // An update says nothing that the title it belongs to does not.
    if kind == SoftwareKind::Update {
        return None;
    }
    let is_package = kind == SoftwareKind::Package;
    // Store apps carry version and architecture behind the first underscore of their full name.
    let id = match software.package.split_once('_') {
        Some((family, _)) if kind == SoftwareKind::StoreApp => family,
        _ => &software.package,
    };
    Some(Program {
        title: &software.name,
        title_is_package: is_package,
        package: if is_package && id.is_empty() {
            &software.name
        } else {
            id
        },
        executable: &software.exe,
        original_name: &software.original_name,
        publishers: [&software.publisher, &software.signer],
    })
}

/// The last part of a path of either system.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
