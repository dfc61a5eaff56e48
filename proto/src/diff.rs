//! The shadow of what was reported, and the difference to what a probe read now.
//!
//! Keeps one digest per item instead of the item: a thousand packages cost some 100 KiB, and the
//! section digests that open a session are sums of what is already there. Knows no facet.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::{
    digest,
    limits::{CHUNK_BYTES, CHUNKS, ITEMS_PER_SECTION},
    v1::{Delta, Item, ItemKey, Look, Section, SectionDigest, SnapshotChunk, SourceState},
};

/// What one source said now. The items carry their source's name.
#[derive(Clone, Debug)]
pub struct SourceReading {
    /// The section that the source belongs to.
    pub section: Section,
    /// The source's name.
    pub source: String,
    /// How completely it was looked at.
    pub look: Look,
    /// What could not be read and why; empty when looked.
    pub reason: String,
    /// The items read; empty unless looked or partial.
    pub items: Vec<Item>,
}

/// The state as of the last enqueued delta: a digest per item, and the source states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shadow {
    sections: BTreeMap<i32, SectionShadow>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SectionShadow {
    sources: BTreeMap<Box<str>, SourceShadow>,
    sum: u128,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct SourceShadow {
    look: i32,
    reason: Box<str>,
    /// By key, then principal.
    items: BTreeMap<(Box<str>, Box<str>), u128>,
}

impl Shadow {
    /// What changed since the shadow, or `None`. An item is gone only when its source was looked at
    /// completely. Over the limit the lowest keys are kept and the source becomes `partial`.
    pub fn diff(&self, mut reading: SourceReading) -> Option<Delta> {
        bound(&mut reading);
        let known = self
            .sections
            .get(&(reading.section as i32))
            .and_then(|s| s.sources.get(reading.source.as_str()));
        let mut delta = Delta::default();
        let readable = matches!(reading.look, Look::Looked | Look::Partial);
        let mut seen = BTreeMap::new();
        if readable {
            for item in reading.items {
                let digest = item_digest(reading.section, &item);
                let ident = (Box::from(item.key.as_str()), Box::from(item.principal.as_str()));
                if known.and_then(|k| k.items.get(&ident)) != Some(&digest) {
                    delta.put.push(item);
                }
                seen.insert(ident, ());
            }
        }
        if reading.look == Look::Looked {
            let gone = known
                .into_iter()
                .flat_map(|k| k.items.keys())
                .filter(|ident| !seen.contains_key(*ident));
            delta.gone = gone
                .map(|(key, principal)| ItemKey {
                    section: reading.section.into(),
                    source: reading.source.clone(),
                    key: key.to_string(),
                    principal: principal.to_string(),
                })
                .collect();
        }
        if known.is_none_or(|k| k.look != reading.look as i32 || *k.reason != *reading.reason) {
            delta.sources.push(SourceState {
                section: reading.section.into(),
                source: reading.source,
                look: reading.look.into(),
                reason: reading.reason,
            });
        }
        (!delta.put.is_empty() || !delta.gone.is_empty() || !delta.sources.is_empty()).then_some(delta)
    }

    /// Folds a delta in. Events, samples and gaps leave no trace.
    pub fn apply(&mut self, delta: &Delta) {
        for state in &delta.sources {
            self.set_source(state);
        }
        for gone in &delta.gone {
            self.remove(gone);
        }
        for item in &delta.put {
            self.put(item);
        }
    }

    /// Folds a complete snapshot of one section in: the chunks' items in order, the sources of the last.
    pub fn apply_snapshot<'a>(
        &mut self,
        section: Section,
        chunks: impl IntoIterator<Item = &'a SnapshotChunk>,
    ) {
        let old = self.sections.remove(&(section as i32)).unwrap_or_default();
        let mut looked = Vec::new();
        for chunk in chunks {
            for state in &chunk.sources {
                self.set_source(state);
                looked.push((state.source.as_str(), state.look == Look::Looked as i32));
            }
            for item in &chunk.items {
                self.put(item);
            }
        }
        // What was not looked at keeps what was known of it.
        for (name, source) in old.sources {
            if looked.iter().any(|(n, complete)| *n == &*name && *complete) {
                continue;
            }
            let target = self.sections.entry(section as i32).or_default();
            let kept = target.sources.entry(name).or_insert_with(|| SourceShadow {
                look: source.look,
                reason: source.reason.clone(),
                items: BTreeMap::new(),
            });
            for (ident, value) in source.items {
                kept.items.entry(ident).or_insert(value);
            }
        }
        self.resum(section);
    }

    /// One digest per section that holds anything.
    pub fn digests(&self) -> Vec<SectionDigest> {
        self.sections
            .iter()
            .filter(|(_, section)| !section.sources.is_empty())
            .map(|(number, section)| SectionDigest {
                section: *number,
                digest: section.sum.to_le_bytes().to_vec(),
            })
            .collect()
    }

    /// Number of items of a section.
    pub fn count(&self, section: Section) -> usize {
        self.sections
            .get(&(section as i32))
            .map_or(0, |s| s.sources.values().map(|source| source.items.len()).sum())
    }

    /// Every known source as it was last reported.
    pub fn sources(&self) -> impl Iterator<Item = SourceState> + '_ {
        self.sections.iter().flat_map(|(section, shadow)| {
            shadow.sources.iter().map(|(name, source)| SourceState {
                section: *section,
                source: name.to_string(),
                look: source.look,
                reason: source.reason.to_string(),
            })
        })
    }

    /// Every item's identity and digest, to persist the shadow.
    pub fn items(&self) -> impl Iterator<Item = (ItemKey, u128)> + '_ {
        self.sections.iter().flat_map(|(section, shadow)| {
            shadow.sources.iter().flat_map(move |(name, source)| {
                source.items.iter().map(move |((key, principal), value)| {
                    let id = ItemKey {
                        section: *section,
                        source: name.to_string(),
                        key: key.to_string(),
                        principal: principal.to_string(),
                    };
                    (id, *value)
                })
            })
        })
    }

    /// Restores what [`Shadow::sources`] and [`Shadow::items`] gave.
    pub fn restore(
        sources: impl IntoIterator<Item = SourceState>,
        items: impl IntoIterator<Item = (ItemKey, u128)>,
    ) -> Self {
        let mut shadow = Self::default();
        for state in sources {
            shadow.set_source(&state);
        }
        for (id, value) in items {
            shadow.insert(id.section, &id.source, &id.key, &id.principal, value);
        }
        shadow
    }

    fn set_source(&mut self, state: &SourceState) {
        let section = self.sections.entry(state.section).or_default();
        let number = Section::try_from(state.section).unwrap_or_default();
        let old = section
            .sources
            .get(state.source.as_str())
            .map_or(0, |known| source_digest(number, &state.source, known));
        let known = section
            .sources
            .entry(Box::from(state.source.as_str()))
            .or_default();
        known.look = state.look;
        known.reason = Box::from(state.reason.as_str());
        let new = source_digest(number, &state.source, known);
        section.sum = section.sum.wrapping_sub(old).wrapping_add(new);
    }

    fn put(&mut self, item: &Item) {
        let section = Section::try_from(item.section).unwrap_or_default();
        self.insert(
            item.section,
            &item.source,
            &item.key,
            &item.principal,
            item_digest(section, item),
        );
    }

    fn insert(&mut self, number: i32, source: &str, key: &str, principal: &str, value: u128) {
        if !self
            .sections
            .get(&number)
            .is_some_and(|s| s.sources.contains_key(source))
        {
            self.set_source(&SourceState {
                section: number,
                source: source.to_owned(),
                look: 0,
                reason: String::new(),
            });
        }
        let section = self.sections.entry(number).or_default();
        let known = section.sources.entry(Box::from(source)).or_default();
        let old = known
            .items
            .insert((Box::from(key), Box::from(principal)), value)
            .unwrap_or(0);
        section.sum = section.sum.wrapping_sub(old).wrapping_add(value);
    }

    fn remove(&mut self, id: &ItemKey) {
        let Some(section) = self.sections.get_mut(&id.section) else {
            return;
        };
        let Some(known) = section.sources.get_mut(id.source.as_str()) else {
            return;
        };
        let ident = (Box::from(id.key.as_str()), Box::from(id.principal.as_str()));
        if let Some(old) = known.items.remove(&ident) {
            section.sum = section.sum.wrapping_sub(old);
        }
    }

    fn resum(&mut self, section: Section) {
        if let Some(shadow) = self.sections.get_mut(&(section as i32)) {
            let sources = shadow.sources.iter().map(|(name, known)| {
                known
                    .items
                    .values()
                    .fold(source_digest(section, name, known), |sum, v| sum.wrapping_add(*v))
            });
            shadow.sum = sources.fold(0, u128::wrapping_add);
        }
    }
}

/// Cuts readings of one section into chunks of at most [`CHUNK_BYTES`]. The last one carries the sources.
pub fn snapshot(section: Section, snapshot_id: [u8; 16], readings: Vec<SourceReading>) -> Vec<SnapshotChunk> {
    let new_chunk = |index| SnapshotChunk {
        section: section.into(),
        snapshot_id: snapshot_id.to_vec(),
        index,
        ..SnapshotChunk::default()
    };
    let mut chunks = Vec::new();
    let mut chunk = new_chunk(0);
    let mut size = 0;
    let mut sources = Vec::new();
    for mut reading in readings {
        bound(&mut reading);
        sources.push(SourceState {
            section: section.into(),
            source: reading.source,
            look: reading.look.into(),
            reason: reading.reason,
        });
        for item in reading.items {
            let length = item.encoded_len() + 8;
            if size + length > CHUNK_BYTES && chunk.index + 1 < CHUNKS {
                let next = new_chunk(chunk.index + 1);
                chunks.push(std::mem::replace(&mut chunk, next));
                size = 0;
            }
            size += length;
            chunk.items.push(item);
        }
    }
    chunk.last = true;
    chunk.sources = sources;
    chunks.push(chunk);
    chunks
}

fn bound(reading: &mut SourceReading) {
    if reading.items.len() <= ITEMS_PER_SECTION {
        return;
    }
    reading
        .items
        .sort_by(|a, b| (&a.key, &a.principal).cmp(&(&b.key, &b.principal)));
    let dropped = reading.items.len() - ITEMS_PER_SECTION;
    reading.items.truncate(ITEMS_PER_SECTION);
    reading.look = Look::Partial;
    reading.reason = format!("{dropped} items above the limit of {ITEMS_PER_SECTION} were left out");
}

fn item_digest(section: Section, item: &Item) -> u128 {
    digest::item(
        section,
        &item.source,
        &item.key,
        &item.principal,
        &item.facet,
        &item.local,
    )
}

fn source_digest(section: Section, name: &str, known: &SourceShadow) -> u128 {
    digest::source(
        section,
        name,
        Look::try_from(known.look).unwrap_or_default(),
        &known.reason,
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(look: Look, items: &[(u8, u8)]) -> SourceReading {
        let unique: BTreeMap<u8, u8> = items.iter().copied().collect();
        SourceReading {
            section: Section::Software,
            source: "dpkg".into(),
            look,
            reason: if look == Look::Looked {
                String::new()
            } else {
                "no permission".into()
            },
            items: unique
                .into_iter()
                .map(|(key, value)| Item {
                    section: Section::Software.into(),
                    source: "dpkg".into(),
                    key: format!("k{key}"),
                    principal: String::new(),
                    facet: vec![value].into(),
                    local: Vec::new().into(),
                })
                .collect(),
        }
    }

    fn look() -> impl Strategy<Value = Look> {
        prop_oneof![
            Just(Look::Looked),
            Just(Look::Looked),
            Just(Look::Partial),
            Just(Look::Denied)
        ]
    }

    proptest! {
        #[test]
        fn deltas_fold_to_what_was_read(steps in prop::collection::vec((look(), prop::collection::vec((0u8..8, 0u8..4), 0..8)), 1..12)) {
            let mut shadow = Shadow::default();
            let mut model: BTreeMap<String, Vec<u8>> = BTreeMap::new();
            for (look, items) in steps {
                let now = reading(look, &items);
                match look {
                    Look::Looked => model = now.items.iter().map(|i| (i.key.clone(), i.facet.to_vec())).collect(),
                    Look::Partial => model.extend(now.items.iter().map(|i| (i.key.clone(), i.facet.to_vec()))),
                    _ => {}
                }
                if let Some(delta) = shadow.diff(now.clone()) {
                    shadow.apply(&delta);
                }
                prop_assert!(shadow.diff(now).is_none(), "a second look finds nothing new");
                let known: Vec<String> = shadow.items().map(|(id, _)| id.key).collect();
                prop_assert_eq!(known, model.keys().cloned().collect::<Vec<_>>());
                let restored = Shadow::restore(shadow.sources(), shadow.items());
                prop_assert_eq!(restored.digests(), shadow.digests());
            }
        }

        #[test]
        fn a_snapshot_and_deltas_agree(before in prop::collection::vec((0u8..8, 0u8..4), 0..8), after in prop::collection::vec((0u8..8, 0u8..4), 0..8)) {
            let mut folded = Shadow::default();
            let mut snapped = Shadow::default();
            for items in [&before, &after] {
                if let Some(delta) = folded.diff(reading(Look::Looked, items)) {
                    folded.apply(&delta);
                }
                let chunks = snapshot(Section::Software, [7; 16], vec![reading(Look::Looked, items)]);
                snapped.apply_snapshot(Section::Software, &chunks);
            }
            prop_assert_eq!(folded.digests(), snapped.digests());
        }
    }

    #[test]
    fn an_unreadable_source_takes_nothing_away() {
        let mut shadow = Shadow::default();
        let first = shadow.diff(reading(Look::Looked, &[(1, 1), (2, 2)])).unwrap();
        shadow.apply(&first);
        let denied = shadow.diff(reading(Look::Denied, &[])).unwrap();
        assert!(denied.gone.is_empty() && denied.sources.len() == 1);
        shadow.apply(&denied);
        assert_eq!(shadow.count(Section::Software), 2);
        let chunks = snapshot(Section::Software, [0; 16], vec![reading(Look::Denied, &[])]);
        shadow.apply_snapshot(Section::Software, &chunks);
        assert_eq!(
            shadow.count(Section::Software),
            2,
            "nor does a snapshot that could not look"
        );
    }

    #[test]
    fn above_the_limit_the_lowest_keys_stay_and_the_source_is_partial() {
        let mut many = reading(Look::Looked, &[]);
        many.items = (0..ITEMS_PER_SECTION + 5)
            .rev()
            .map(|n| Item {
                key: format!("{n:06}"),
                source: "dpkg".into(),
                ..Item::default()
            })
            .collect();
        let delta = Shadow::default().diff(many).unwrap();
        assert_eq!(delta.put.len(), ITEMS_PER_SECTION);
        assert_eq!(delta.sources[0].look, Look::Partial as i32);
        assert!(delta.put.iter().all(|item| item.key.as_str() < "020000"));
    }
}
