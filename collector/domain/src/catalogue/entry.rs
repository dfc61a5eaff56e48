//! Catalogue entries as rule files write them, and the check that no two entries claim the same thing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use serde::Serialize;

use super::normalise::Title;
use crate::{
    file::read::{self, Fields, Sink},
    model::Text,
};

/// A category of programs: what rules select by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Category {
    /// Id, as rules name it.
    pub id: String,
    /// For people.
    pub name: Text,
}

/// A program, or a family of programs that rules treat alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Id, the subject of findings.
    pub id: String,
    /// For people.
    pub name: Text,
    /// Ids of its categories.
    pub categories: Vec<String>,
    /// Words that its publishers' names contain, normalised.
    #[serde(skip)]
    pub(crate) publishers: Vec<String>,
    /// Word sequences that make a title something else, normalised.
    #[serde(skip)]
    pub(crate) not: Vec<String>,
    /// `linux`, `windows`; empty where it does not matter.
    #[serde(skip)]
    pub(crate) platforms: Vec<String>,
}

/// How much of a title a pattern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Anywhere in the title.
    Within,
    /// The end of the title.
    End,
    /// The start of the title.
    Start,
}

/// That an entry claims a name, an executable or a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Index of the entry.
    pub(crate) entry: usize,
    /// Only where the publisher is one of the entry's.
    pub(crate) if_publisher: bool,
}

/// Entries and what they claim, while files are read.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) entries: Vec<Entry>,
    pub(crate) titles: HashMap<String, Vec<Claim>>,
    pub(crate) patterns: Vec<(String, Reach, usize)>,
    pub(crate) executables: HashMap<String, Vec<Claim>>,
    pub(crate) packages: HashMap<String, Vec<Claim>>,
}

impl Builder {
    pub(crate) fn ids(&self) -> BTreeSet<String> {
        self.entries.iter().map(|entry| entry.id.clone()).collect()
    }
}

type Claims = HashMap<String, Vec<Claim>>;

/// Reads one `[[entry]]`.
pub(crate) fn read_entry(
    sink: &mut Sink<'_>,
    mut fields: Fields<'_>,
    categories: &BTreeMap<String, Category>,
    builder: &mut Builder,
) {
    let at = fields.at();
    let id = fields
        .text(sink, "id")
        .filter(|(id, span)| read::id(sink, id, span.start));
    let name = fields.words(sink, "name");
    let mut entry = Entry::default();
    for (category, span) in fields.texts(sink, "categories") {
        if !categories.contains_key(&category) {
            let known: Vec<&str> = categories.keys().map(String::as_str).collect();
            let help = format!("add a `[[category]]`, or use one of: {}", known.join(", "));
            sink.fault(span.start, format!("unknown category `{category}`"), help);
        }
        entry.categories.push(category);
    }
    let publishers = fields.texts(sink, "publishers");
    entry.publishers = words(sink, publishers);
    let not = fields.texts(sink, "not");
    entry.not = words(sink, not);
    for (platform, span) in fields.texts(sink, "platforms") {
        if !["linux", "windows"].contains(&platform.as_str()) {
            sink.fault(
                span.start,
                format!("unknown platform `{platform}`"),
                "use linux or windows",
            );
        }
        entry.platforms.push(platform);
    }
    let titles = fields.texts(sink, "titles");
    let hinted_titles = fields.texts(sink, "titles_if_publisher");
    let executables = fields.texts(sink, "exes");
    let hinted_executables = fields.texts(sink, "exes_if_publisher");
    let mut packages = fields.texts(sink, "packages");
    packages.extend(fields.texts(sink, "product_codes"));
    fields.finish(sink);
    let (Some((id, span)), Some(name)) = (id, name) else {
        return;
    };
    if builder.entries.iter().any(|other| other.id == id) {
        sink.fault(
            span.start,
            format!("there is already an entry `{id}`"),
            "give it another id",
        );
        return;
    }
    if entry.categories.is_empty() {
        sink.fault(
            at,
            format!("entry `{id}` has no category"),
            "add `categories = [\"..\"]`",
        );
    }
    if (!hinted_titles.is_empty() || !hinted_executables.is_empty()) && entry.publishers.is_empty() {
        sink.fault(
            at,
            format!("entry `{id}` names no publishers"),
            "add `publishers = [\"..\"]`",
        );
    }
    if titles.len() + hinted_titles.len() + executables.len() + hinted_executables.len() + packages.len() == 0
    {
        sink.fault(
            at,
            format!("nothing is recognised as `{id}`"),
            "add titles, exes or packages",
        );
    }
    entry.id = id;
    entry.name = name;
    let index = builder.entries.len();
    builder.entries.push(entry);
    for (raw, span) in titles {
        title(sink, builder, &raw, &span, index);
    }
    for (raw, span) in hinted_titles {
        let words = Title::new(&raw).text().to_owned();
        claim(
            sink,
            &mut builder.titles,
            &builder.entries,
            words,
            Claim {
                entry: index,
                if_publisher: true,
            },
            &span,
        );
    }
    for (list, if_publisher) in [(executables, false), (hinted_executables, true)] {
        for (raw, span) in list {
            let name = executable(&raw);
            claim(
                sink,
                &mut builder.executables,
                &builder.entries,
                name,
                Claim {
                    entry: index,
                    if_publisher,
                },
                &span,
            );
        }
    }
    for (raw, span) in packages {
        let name = package(&raw);
        claim(
            sink,
            &mut builder.packages,
            &builder.entries,
            name,
            Claim {
                entry: index,
                if_publisher: false,
            },
            &span,
        );
    }
}

/// An executable's name as it is compared.
pub(crate) fn executable(raw: &str) -> String {
    raw.trim().to_lowercase()
}

/// A package id or product code as it is compared.
pub(crate) fn package(raw: &str) -> String {
    raw.trim().to_lowercase()
}

fn title(sink: &mut Sink<'_>, builder: &mut Builder, raw: &str, span: &Range<usize>, index: usize) {
    let (core, open_start) = raw.strip_prefix('*').map_or((raw, false), |rest| (rest, true));
    let (core, open_end) = core.strip_suffix('*').map_or((core, false), |rest| (rest, true));
    let words = Title::new(core).text().to_owned();
    let reach = match (open_start, open_end) {
        (false, false) => {
            let claimed = Claim {
                entry: index,
                if_publisher: false,
            };
            claim(sink, &mut builder.titles, &builder.entries, words, claimed, span);
            return;
        }
        (true, true) => Reach::Within,
        (true, false) => Reach::End,
        (false, true) => Reach::Start,
    };
    if words.is_empty() || core.contains('*') {
        sink.fault(
            span.start,
            format!("`{raw}` is no title pattern"),
            "write words, with `*` at the start or the end only",
        );
        return;
    }
    builder.patterns.push((words, reach, index));
}

fn claim(
    sink: &mut Sink<'_>,
    claims: &mut Claims,
    entries: &[Entry],
    name: String,
    claim: Claim,
    span: &Range<usize>,
) {
    if name.is_empty() {
        sink.fault(span.start, "there is no word in it", "write a name");
        return;
    }
    let list = claims.entry(name.clone()).or_default();
    let shares_platform = |other: &Claim| {
        let (Some(a), Some(b)) = (entries.get(claim.entry), entries.get(other.entry)) else {
            return true;
        };
        a.platforms.is_empty()
            || b.platforms.is_empty()
            || a.platforms.iter().any(|x| b.platforms.contains(x))
    };
    let twice = list
        .iter()
        .find(|other| !claim.if_publisher && !other.if_publisher && shares_platform(other));
    if let Some(other) = twice {
        let owner = entries
            .get(other.entry)
            .map(|entry| entry.id.as_str())
            .unwrap_or_default();
        if other.entry == claim.entry {
            sink.fault(
                span.start,
                format!("`{name}` stands here twice (writing aside)"),
                "remove one of them",
            );
        } else {
            let help = "keep it in one entry, or move it to `.._if_publisher`";
            sink.fault(
                span.start,
                format!("`{name}` already belongs to entry `{owner}`"),
                help,
            );
        }
        return;
    }
    list.push(claim);
}

fn words(sink: &mut Sink<'_>, list: Vec<(String, Range<usize>)>) -> Vec<String> {
    let mut out = Vec::with_capacity(list.len());
    for (raw, span) in list {
        let words = Title::new(&raw);
        if words.is_empty() {
            sink.fault(span.start, format!("there is no word in `{raw}`"), "write a name");
        } else {
            out.push(words.text().to_owned());
        }
    }
    out
}
