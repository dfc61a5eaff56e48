//! The software catalogue: what a title, package or executable is, in which categories, and why. Owns
//! matching; the entries are data in rule files.

mod around;
pub mod company;
mod editions;
mod entry;
mod find;
mod han;
mod lines;
mod normalise;
mod packaging;
mod pairs;
mod program;
mod written;

use std::collections::{BTreeMap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};
use deskwarden_proto::v1::facet;
use serde::Serialize;

use entry::{Claim, Reach};

pub(crate) use entry::{Builder, read_entry};
pub use entry::{Category, Entry};
pub(crate) use lines::read_programs;
pub(crate) use program::file_name;

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
    titles: Claims,
    /// Titles of several words, written as one: `PotPlayer` is `Pot Player`.
    squashed: Claims,
    executables: Claims,
    packages: Claims,
    /// How packages begin whose rest is a number.
    prefixes: Vec<(String, usize)>,
    /// Publishers of nothing but what an entry says.
    makers: Claims,
    sections: Claims,
    patterns: Vec<(usize, Reach, usize)>,
    automaton: Option<AhoCorasick>,
    /// Entries by ids that are theirs no more.
    former: HashMap<String, usize>,
}

type Claims = HashMap<String, Vec<Claim>>;

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
            squashed: find::squashed(&builder.titles),
            titles: builder.titles,
            executables: builder.executables,
            packages: builder.packages,
            prefixes: builder.prefixes,
            makers: builder.makers,
            sections: builder.sections,
            patterns: builder
                .patterns
                .into_iter()
                .map(|(words, reach, entry)| (words.split(' ').count(), reach, entry))
                .collect(),
            automaton,
            former: builder.former,
        }
    }

    /// All entries, in file order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that id, or of that former id.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        let id = self.id_now(id);
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The id that an entry has now, of one that it may have had before.
    pub fn id_now<'a>(&'a self, id: &'a str) -> &'a str {
        let entry = self.former.get(id).and_then(|entry| self.entries.get(*entry));
        entry.map_or(id, |entry| entry.id.as_str())
    }

    /// All categories, by id.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// What the facet is, if it is a program that an entry describes. `platform` is the device's.
    pub fn classify(&self, facet: &facet::Kind, platform: &str) -> Option<Classified> {
        let program = program::of(facet)?;
        let (entry, why) = self.find(&program, platform)?;
        let entry = self.entries.get(entry)?;
        Some(Classified {
            entry: entry.id.clone(),
            name: entry.name.zh.clone(),
            categories: entry.categories.clone(),
            why,
        })
    }
}
