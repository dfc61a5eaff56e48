//! Catalogue entries as rule files write them, and the check that no two entries claim the same thing.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use serde::Serialize;

use super::normalise::Title;
use crate::{
    file::read::{self, Fields, Place, Sink},
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

impl Entry {
    /// Whether a company filed it, rather than a catalogue file listing it.
    pub(crate) fn is_filed(&self) -> bool {
        self.id.starts_with(FILED_PREFIX)
    }
}

/// How ids of filed entries begin.
pub(crate) const FILED_PREFIX: &str = "company.";

/// A text of a file, with its place.
pub(crate) type Placed = (String, Range<usize>);

/// What a program is recognised by, as a file writes it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) titles: Vec<Placed>,
    pub(crate) hinted_titles: Vec<Placed>,
    pub(crate) executables: Vec<Placed>,
    pub(crate) hinted_executables: Vec<Placed>,
    pub(crate) packages: Vec<Placed>,
    /// Publishers of nothing else.
    pub(crate) makers: Vec<Placed>,
    /// Sections of a packager's archive that hold nothing else.
    pub(crate) sections: Vec<Placed>,
    /// Ids that it had before, or that entries had which became part of it: registers and rules may name them.
    pub(crate) former: Vec<Placed>,
}

impl Names {
    fn is_empty(&self) -> bool {
        [
            &self.titles,
            &self.hinted_titles,
            &self.executables,
            &self.hinted_executables,
            &self.packages,
            &self.makers,
            &self.sections,
        ]
        .iter()
        .all(|list| list.is_empty())
    }
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
    ids: BTreeMap<String, Place>,
    /// Entries by ids that are theirs no more.
    pub(crate) former: HashMap<String, usize>,
    /// Where each entry stands.
    places: Vec<Place>,
    pub(crate) titles: HashMap<String, Vec<Claim>>,
    pub(crate) patterns: Vec<(String, Reach, usize)>,
    pub(crate) executables: HashMap<String, Vec<Claim>>,
    pub(crate) packages: HashMap<String, Vec<Claim>>,
    /// How a package's name begins, where what follows is only a number.
    pub(crate) prefixes: Vec<(String, usize)>,
    pub(crate) makers: HashMap<String, Vec<Claim>>,
    pub(crate) sections: HashMap<String, Vec<Claim>>,
}

impl Builder {
    /// Ids that rules may name, each with the one that its entry has now.
    pub(crate) fn ids(&self) -> BTreeMap<String, String> {
        let now = |id: &String| {
            let entry = self.former.get(id).and_then(|entry| self.entries.get(*entry));
            entry.map_or_else(|| id.clone(), |entry| entry.id.clone())
        };
        self.ids.keys().map(|id| (id.clone(), now(id))).collect()
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
    let mut entry = read_traits(sink, &mut fields, categories);
    let mut names = Names {
        titles: fields.texts(sink, "titles"),
        hinted_titles: fields.texts(sink, "titles_if_publisher"),
        executables: fields.texts(sink, "exes"),
        hinted_executables: fields.texts(sink, "exes_if_publisher"),
        packages: fields.texts(sink, "packages"),
        makers: fields.texts(sink, "anything_by"),
        sections: fields.texts(sink, "sections"),
        former: fields.texts(sink, "was"),
    };
    names.packages.extend(fields.texts(sink, "product_codes"));
    fields.finish(sink);
    let (Some((id, span)), Some(name)) = (id, name) else {
        return;
    };
    entry.id = id;
    entry.name = name;
    if entry.categories.is_empty() {
        sink.fault(
            at,
            format!("entry `{}` has no category", entry.id),
            "add `categories = [\"..\"]`",
        );
    }
    if (!names.hinted_titles.is_empty() || !names.hinted_executables.is_empty())
        && entry.publishers.is_empty()
    {
        sink.fault(
            at,
            format!("entry `{}` names no publishers", entry.id),
            "add `publishers = [\"..\"]`",
        );
    }
    if names.is_empty() {
        sink.fault(
            at,
            format!("nothing is recognised as `{}`", entry.id),
            "add titles, exes or packages",
        );
    }
    register(sink, builder, entry, names, &span);
}

/// What programs of one table have in common: categories, publishers, words that make a title something
/// else, platforms.
pub(crate) fn read_traits(
    sink: &mut Sink<'_>,
    fields: &mut Fields<'_>,
    categories: &BTreeMap<String, Category>,
) -> Entry {
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
    entry
}

/// Takes an entry and its names into the catalogue; `span` is where its id stands.
pub(crate) fn register(
    sink: &mut Sink<'_>,
    builder: &mut Builder,
    entry: Entry,
    names: Names,
    span: &Range<usize>,
) {
    if let Some(earlier) = builder.ids.get(&entry.id) {
        let what = format!("there is already an entry `{}`", entry.id);
        sink.twice(span.start, *earlier, &what, "give it another id");
        return;
    }
    builder.ids.insert(entry.id.clone(), sink.place(span.start));
    builder.places.push(sink.place(span.start));
    let index = builder.entries.len();
    builder.entries.push(entry);
    for (former, span) in names.former {
        if !read::id(sink, &former, span.start) {
            continue;
        }
        if let Some(earlier) = builder.ids.get(&former) {
            let what = format!("there is already an entry `{former}`");
            sink.twice(span.start, *earlier, &what, "remove one of them");
            continue;
        }
        builder.ids.insert(former.clone(), sink.place(span.start));
        builder.former.insert(former, index);
    }
    for (raw, span) in names.titles {
        title(sink, builder, &raw, &span, index);
    }
    let known = Known {
        entries: &builder.entries,
        places: &builder.places,
    };
    let mut take = |claims: &mut Claims, name: String, if_publisher: bool, span| {
        let claimed = Claim {
            entry: index,
            if_publisher,
        };
        claim(sink, claims, known, name, claimed, &span);
    };
    for (raw, span) in names.hinted_titles {
        let words = Title::new(&raw).text().to_owned();
        take(&mut builder.titles, words, true, span);
    }
    for (raw, span) in names.executables {
        let name = executable(&raw);
        take(&mut builder.executables, name, false, span);
    }
    for (raw, span) in names.hinted_executables {
        let name = executable(&raw);
        take(&mut builder.executables, name, true, span);
    }
    for (raw, span) in names.packages {
        let name = package(&raw);
        if let Some(prefix) = name.strip_suffix('*') {
            builder.prefixes.push((prefix.to_owned(), index));
        } else {
            take(&mut builder.packages, name, false, span);
        }
    }
    for (raw, span) in names.makers {
        let words = Title::new(&raw).text().to_owned();
        let within = raw.len() > 1 && raw.starts_with('*') && raw.ends_with('*') && !words.is_empty();
        // With stars it is found wherever the words stand.
        let words = if within { format!("*{words}*") } else { words };
        take(&mut builder.makers, words, false, span);
    }
    for (raw, span) in names.sections {
        let name = package(&raw);
        take(&mut builder.sections, name, false, span);
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
            let known = Known {
                entries: &builder.entries,
                places: &builder.places,
            };
            claim(sink, &mut builder.titles, known, words, claimed, span);
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

/// The entries so far, and where each stands.
#[derive(Clone, Copy)]
struct Known<'a> {
    entries: &'a [Entry],
    places: &'a [Place],
}

fn claim(
    sink: &mut Sink<'_>,
    claims: &mut Claims,
    known: Known<'_>,
    name: String,
    claim: Claim,
    span: &Range<usize>,
) {
    if name.is_empty() {
        sink.fault(span.start, "there is no word in it", "write a name");
        return;
    }
    let entries = known.entries;
    let list = claims.entry(name.clone()).or_default();
    let shares_platform = |other: &Claim| {
        let (Some(a), Some(b)) = (entries.get(claim.entry), entries.get(other.entry)) else {
            return true;
        };
        a.platforms.is_empty()
            || b.platforms.is_empty()
            || a.platforms.iter().any(|x| b.platforms.contains(x))
    };
    // What a company filed stands over what is listed, now or by a later release.
    let filed = |entry: usize| entries.get(entry).is_some_and(Entry::is_filed);
    let twice = list.iter().find(|other| {
        !claim.if_publisher
            && !other.if_publisher
            && filed(claim.entry) == filed(other.entry)
            && shares_platform(other)
    });
    if let Some(other) = twice {
        if other.entry == claim.entry {
            sink.fault(
                span.start,
                format!("`{name}` stands here twice (writing aside)"),
                "remove one of them",
            );
        } else if let Some(earlier) = known.places.get(other.entry) {
            let owner = if sink.is_fault_of(*earlier) {
                claim.entry
            } else {
                other.entry
            };
            let owner = entries
                .get(owner)
                .map(|entry| entry.id.as_str())
                .unwrap_or_default();
            let help = "keep it in one entry, or move it to `.._if_publisher`";
            let what = format!("`{name}` already belongs to entry `{owner}`");
            sink.twice(span.start, *earlier, &what, help);
        }
        return;
    }
    // First, where the first that fits is taken.
    let place = if filed(claim.entry) { 0 } else { list.len() };
    list.insert(place, claim);
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
