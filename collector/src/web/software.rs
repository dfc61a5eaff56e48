//! The titles of the fleet as pages, exports and the API read them: counted over the fleet, classified by the rules
//! in force, filtered, sorted and cut.

use std::{
    cmp::Reverse,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskwarden_domain::{
    catalogue::Classified,
    census::{Fleet, FleetTitle},
    model::{AssetId, Lang, Millis, Sight},
    port::{Store, StoreResult},
    rules::RuleSet,
};
use deskwarden_proto::v1::Section;

use super::{form::Query, kept::Kept};

/// PCs that are read at a time.
const PART: u32 = 1_000;
/// Category of what no entry knows, in addresses.
pub(super) const UNKNOWN: &str = "unknown";

/// The titles of a store's fleet.
pub(super) struct Software {
    store: Arc<dyn Store>,
    kept: Arc<Kept<Fleet>>,
    known: Mutex<Option<Known>>,
}

type Classes = Arc<Vec<Option<Classified>>>;

/// What a catalogue knows the titles of a fleet as.
struct Known {
    fleet: Arc<Fleet>,
    catalogue: [u8; 32],
    classes: Classes,
}

/// The fleet's titles at some moment.
pub(super) struct Picture {
    fleet: Arc<Fleet>,
    classes: Classes,
    /// When it was counted.
    pub(super) at: Millis,
}

/// How titles are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    /// Those that nobody knows first, then by how many PCs have them.
    #[default]
    Unknown,
    /// By how many PCs have them.
    Devices,
    /// By name.
    Name,
    /// By publisher, then name.
    Publisher,
}

impl Sort {
    /// In the order of the form.
    pub(super) const ALL: [Self; 4] = [Self::Unknown, Self::Devices, Self::Name, Self::Publisher];

    /// The name in addresses.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Devices => "devices",
            Self::Name => "name",
            Self::Publisher => "publisher",
        }
    }
}

/// Which titles, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Words of name and publisher.
    pub(super) text: String,
    /// Id of a category, or [`UNKNOWN`]; empty: any.
    pub(super) category: String,
    /// Only packages, or only what is none.
    pub(super) packages: Option<bool>,
    /// The order.
    pub(super) sort: Sort,
}

impl Wanted {
    /// What an address asks for.
    pub(super) fn of(query: &Query) -> Self {
        let get = |name| -> String {
            let text = query.some(name).unwrap_or_default();
            text.chars().take(200).collect()
        };
        Self {
            text: get("text"),
            category: get("category"),
            packages: match query.some("kind") {
                Some("package") => Some(true),
                Some("title") => Some(false),
                _ => None,
            },
            sort: Sort::ALL
                .into_iter()
                .find(|sort| query.some("sort") == Some(sort.name()))
                .unwrap_or_default(),
        }
    }
}

/// A title of a list.
pub(super) struct TitleRow {
    /// Its id in addresses.
    pub(super) id: String,
    /// As it registered itself.
    pub(super) name: String,
    /// Its publisher.
    pub(super) publisher: String,
    /// Whether the name is a package's.
    pub(super) package: bool,
    /// Newest versions seen.
    pub(super) versions: Vec<String>,
    /// What the catalogue knows it as.
    pub(super) class: Option<Classified>,
    /// PCs that have it, of those that the reader sees.
    pub(super) devices: u64,
}

impl TitleRow {
    /// Names of its categories.
    pub(super) fn categories(&self, rules: &RuleSet, lang: Lang) -> Vec<String> {
        let ids = self.class.iter().flat_map(|class| &class.categories);
        ids.map(|id| category(rules, id, lang)).collect()
    }
}

/// What a category is called.
pub(super) fn category(rules: &RuleSet, id: &str, lang: Lang) -> String {
    let known = rules.catalogue().categories().iter().find(|known| known.id == id);
    known.map_or_else(|| id.to_owned(), |known| known.name.get(lang).to_owned())
}

impl Software {
    /// The titles of a store's fleet.
    pub(super) fn new(store: Arc<dyn Store>, quick: Duration) -> Self {
        Self {
            store,
            kept: Arc::new(Kept::new(quick)),
            known: Mutex::new(None),
        }
    }

    /// The fleet as it was counted last; `None` when that takes longer than `wait`. Blocks.
    pub(super) fn picture(
        &self,
        rules: &RuleSet,
        now: Millis,
        wait: Duration,
    ) -> StoreResult<Option<Picture>> {
        let Some((fleet, at)) = self.kept.get(&self.store, now, wait, count)? else {
            return Ok(None);
        };
        let catalogue = rules.catalogue_print();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let classes = match known.as_ref() {
            Some(known) if Arc::ptr_eq(&known.fleet, &fleet) && known.catalogue == catalogue => {
                Arc::clone(&known.classes)
            }
            _ => Arc::new(fleet.classify(rules)),
        };
        *known = Some(Known {
            fleet: Arc::clone(&fleet),
            catalogue,
            classes: Arc::clone(&classes),
        });
        Ok(Some(Picture { fleet, classes, at }))
    }
}

fn count(store: &dyn Store, _: Millis) -> StoreResult<Fleet> {
    let (mut fleet, mut after) = (Fleet::default(), AssetId(0));
    loop {
        let part = store.holdings(Section::Software, after, PART)?;
        let Some(last) = part.last() else {
            return Ok(fleet);
        };
        after = last.asset;
        for (id, bytes) in store.facets(&fleet.missing(&part))? {
            fleet.learn(id, &bytes);
        }
        for holding in &part {
            fleet.add(holding);
        }
    }
}

impl Picture {
    /// The titles that are wanted and seen: some of them, and how many there are.
    pub(super) fn list(
        &self,
        wanted: &Wanted,
        sight: &Sight,
        skip: usize,
        limit: usize,
    ) -> (Vec<TitleRow>, usize) {
        let seen = self.fleet.seen(sight);
        let words: Vec<String> = wanted.text.split_whitespace().map(str::to_lowercase).collect();
        let titles = self.fleet.titles();
        let mut found: Vec<(&FleetTitle, Option<&Classified>, u64)> = titles
            .iter()
            .zip(self.classes.iter())
            .filter(|(title, class)| {
                let of_category = match wanted.category.as_str() {
                    "" => true,
                    UNKNOWN => class.is_none(),
                    id => class
                        .as_ref()
                        .is_some_and(|class| class.categories.iter().any(|c| c == id)),
                };
                of_category
                    && wanted.packages.is_none_or(|package| package == title.package)
                    && title.has(&words)
            })
            .map(|(title, class)| (title, class.as_ref(), self.fleet.devices(title, &seen)))
            .filter(|(_, _, devices)| *devices > 0)
            .collect();
        match wanted.sort {
            Sort::Unknown => {
                found.sort_by_key(|(title, class, n)| (class.is_some(), Reverse(*n), &title.name))
            }
            Sort::Devices => found.sort_by_key(|(title, _, n)| (Reverse(*n), &title.name)),
            Sort::Name => found.sort_by_key(|(title, ..)| &title.name),
            Sort::Publisher => found.sort_by_key(|(title, ..)| (&title.publisher, &title.name)),
        }
        let total = found.len();
        let rows = found.into_iter().skip(skip).take(limit);
        let rows = rows
            .map(|(title, class, devices)| row(title, class, devices))
            .collect();
        (rows, total)
    }

    /// A title that the reader sees on some PC.
    pub(super) fn title(&self, id: &str, sight: &Sight) -> Option<TitleRow> {
        let (at, title) = self.fleet.title(id)?;
        let devices = self.fleet.devices(title, &self.fleet.seen(sight));
        let class = self.classes.get(at).and_then(Option::as_ref);
        (devices > 0).then(|| row(title, class, devices))
    }

    /// Some of the PCs that have it.
    pub(super) fn holders(&self, id: &str, sight: &Sight, skip: usize, limit: usize) -> Vec<AssetId> {
        self.fleet.title(id).map_or_else(Vec::new, |(_, title)| {
            self.fleet.holders(title, &self.fleet.seen(sight), skip, limit)
        })
    }

    /// How many titles nobody knows, of how many, among what is seen.
    pub(super) fn unknown(&self, sight: &Sight) -> (u64, u64) {
        let seen = self.fleet.seen(sight);
        let titles = self.fleet.titles().iter().zip(self.classes.iter());
        let seen = titles.filter(|(title, _)| self.fleet.devices(title, &seen) > 0);
        seen.fold((0, 0), |(unknown, all), (_, class)| {
            (unknown + u64::from(class.is_none()), all + 1)
        })
    }
}

fn row(title: &FleetTitle, class: Option<&Classified>, devices: u64) -> TitleRow {
    TitleRow {
        id: title.id.clone(),
        name: title.name.clone(),
        publisher: title.publisher.clone(),
        package: title.package,
        versions: title.versions.clone(),
        class: class.cloned(),
        devices,
    }
}
