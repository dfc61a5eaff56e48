//! Every title of a fleet and which PCs have it, in little memory: most titles are on few PCs, and the others take
//! one bit for each PC.

use std::collections::HashMap;

use deskwarden_proto::{
    decode,
    v1::{Section, SoftwareKind, facet},
};

use super::{platform, version};
use crate::{
    catalogue::Classified,
    model::{AssetId, Sight},
    port::{FacetId, Holding},
    rules::RuleSet,
};

/// Newest versions that are kept of a title.
const VERSIONS: usize = 3;
/// From so many PCs on, one bit for each PC is smaller.
const FEW: usize = 4_096;

/// A title of the fleet, whatever its versions.
#[derive(Debug)]
pub struct FleetTitle {
    /// The same for the same name, publisher and kind, for addresses.
    pub id: String,
    /// As it registered itself.
    pub name: String,
    /// Its publisher.
    pub publisher: String,
    /// Whether the name is a package's.
    pub package: bool,
    /// Newest versions seen, newest first.
    pub versions: Vec<String>,
    /// What is searched for.
    folded: String,
    /// One of its facets, to be classified.
    sample: facet::Kind,
    platform: &'static str,
    holders: Holders,
    /// PCs by department, in the fleet's order of departments.
    departments: Vec<u32>,
}

impl FleetTitle {
    /// Whether all these words, in lower case, are in its name or publisher.
    pub fn has(&self, words: &[String]) -> bool {
        words.iter().all(|word| self.folded.contains(word.as_str()))
    }
}

/// Positions of PCs, ascending.
#[derive(Debug)]
enum Holders {
    Few(Vec<u32>),
    Many(Vec<u64>),
}

/// Titles, PCs, departments.
#[derive(Debug, Default)]
pub struct Fleet {
    titles: Vec<FleetTitle>,
    by_id: HashMap<String, usize>,
    by_facet: HashMap<FacetId, Option<usize>>,
    assets: Vec<(AssetId, usize)>,
    departments: Vec<Option<String>>,
}

impl Fleet {
    /// Facets that must be [told](Self::learn) before these are [added](Self::add).
    pub fn missing(&self, holdings: &[Holding]) -> Vec<FacetId> {
        let mut missing: Vec<FacetId> = holdings
            .iter()
            .flat_map(|holding| &holding.facets)
            .filter(|id| !self.by_facet.contains_key(id))
            .copied()
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Says what a facet is. What another version wrote, and updates, are no titles.
    pub fn learn(&mut self, id: FacetId, bytes: &[u8]) {
        let title = self.title_of(bytes);
        self.by_facet.insert(id, title);
    }

    fn title_of(&mut self, bytes: &[u8]) -> Option<usize> {
        let kind = decode::facet(Section::Software, bytes).ok()?;
        let facet::Kind::Software(software) = &kind else {
            return None;
        };
        if software.kind() == SoftwareKind::Update {
            return None;
        }
        let package = software.kind() == SoftwareKind::Package;
        let id = title_id(&software.name, &software.publisher, package);
        let version = software.version.trim().to_owned();
        let at = match self.by_id.get(&id) {
            Some(at) => *at,
            None => {
                self.by_id.insert(id.clone(), self.titles.len());
                self.titles.push(FleetTitle {
                    id,
                    name: software.name.clone(),
                    publisher: software.publisher.clone(),
                    package,
                    versions: Vec::new(),
                    folded: format!("{}\n{}", software.name, software.publisher).to_lowercase(),
                    platform: platform(software),
                    sample: kind,
                    holders: Holders::Few(Vec::new()),
                    departments: Vec::new(),
                });
                self.titles.len() - 1
            }
        };
        if let Some(title) = self.titles.get_mut(at)
            && !version.is_empty()
            && !title.versions.contains(&version)
        {
            title.versions.push(version);
            title.versions.sort_by(|a, b| version::compare(b, a));
            title.versions.truncate(VERSIONS);
        }
        Some(at)
    }

    /// Adds a PC. Facets that were not told are left out.
    pub fn add(&mut self, holding: &Holding) {
        let Ok(position) = u32::try_from(self.assets.len()) else {
            return;
        };
        let department = self
            .departments
            .iter()
            .position(|known| *known == holding.department)
            .unwrap_or_else(|| {
                self.departments.push(holding.department.clone());
                self.departments.len() - 1
            });
        self.assets.push((holding.asset, department));
        for facet in &holding.facets {
            let title = self.by_facet.get(facet).copied().flatten();
            if let Some(title) = title.and_then(|title| self.titles.get_mut(title))
                && title.holders.push(position)
            {
                if title.departments.len() <= department {
                    title.departments.resize(department + 1, 0);
                }
                if let Some(count) = title.departments.get_mut(department) {
                    *count += 1;
                }
            }
        }
    }

    /// All titles.
    pub fn titles(&self) -> &[FleetTitle] {
        &self.titles
    }

    /// A title by its id.
    pub fn title(&self, id: &str) -> Option<(usize, &FleetTitle)> {
        let at = *self.by_id.get(id)?;
        Some((at, self.titles.get(at)?))
    }

    /// What the catalogue knows the titles as, in their order.
    pub fn classify(&self, rules: &RuleSet) -> Vec<Option<Classified>> {
        self.titles
            .iter()
            .map(|title| rules.classify(&title.sample, title.platform))
            .collect()
    }

    /// Which departments are seen, in the fleet's order.
    pub fn seen(&self, sight: &Sight) -> Vec<bool> {
        self.departments
            .iter()
            .map(|department| sight.sees(department.as_deref()))
            .collect()
    }

    /// How many PCs of the [seen](Self::seen) departments have a title.
    pub fn devices(&self, title: &FleetTitle, seen: &[bool]) -> u64 {
        let counts = title.departments.iter().zip(seen);
        counts
            .filter(|(_, seen)| **seen)
            .map(|(n, _)| u64::from(*n))
            .sum()
    }

    /// Some of the PCs of the [seen](Self::seen) departments that have a title, by their number.
    pub fn holders(&self, title: &FleetTitle, seen: &[bool], skip: usize, limit: usize) -> Vec<AssetId> {
        let (mut found, mut left) = (Vec::new(), skip);
        title.holders.each(|position| {
            let asset = usize::try_from(position).ok().and_then(|at| self.assets.get(at));
            if let Some((asset, department)) = asset
                && seen.get(*department).copied().unwrap_or(false)
            {
                if left > 0 {
                    left -= 1;
                } else {
                    found.push(*asset);
                }
            }
            found.len() < limit
        });
        found
    }
}

impl Holders {
    /// Adds a position, which is the last one or above it; `false` when it was there.
    fn push(&mut self, position: u32) -> bool {
        match self {
            Self::Few(positions) if positions.last() == Some(&position) => false,
            Self::Few(positions) if positions.len() < FEW => {
                positions.push(position);
                true
            }
            Self::Few(positions) => {
                let mut words = Vec::new();
                for position in positions.iter().chain([&position]) {
                    mark(&mut words, *position);
                }
                *self = Self::Many(words);
                true
            }
            Self::Many(words) => mark(words, position),
        }
    }

    /// Hands over the positions until it is enough.
    fn each(&self, mut more: impl FnMut(u32) -> bool) {
        match self {
            Self::Few(positions) => {
                for position in positions {
                    if !more(*position) {
                        return;
                    }
                }
            }
            Self::Many(words) => {
                for (word, base) in words.iter().zip((0..).step_by(64)) {
                    let mut bits = *word;
                    while bits != 0 {
                        if !more(base + bits.trailing_zeros()) {
                            return;
                        }
                        bits &= bits - 1;
                    }
                }
            }
        }
    }
}

/// Sets a bit; `false` when it was set.
fn mark(words: &mut Vec<u64>, position: u32) -> bool {
    let at = usize::try_from(position / 64).unwrap_or(0);
    if words.len() <= at {
        words.resize(at + 1, 0);
    }
    let Some(word) = words.get_mut(at) else {
        return false;
    };
    let bit = 1_u64 << (position % 64);
    let new = *word & bit == 0;
    *word |= bit;
    new
}

fn title_id(name: &str, publisher: &str, package: bool) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [name, publisher] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&[u8::from(package)]);
    let hash = hasher.finalize().to_hex();
    hash.get(..20).unwrap_or_default().to_owned()
}
