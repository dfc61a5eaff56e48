//! What several looks of one round found, before it is enqueued: one record instead of one per source, because each
//! costs a sync of the disk, and a head and a frame on the wire. Knows neither the outbox nor the sources.

use deskwarden_proto::v1::{Delta, Section, Trigger};
use prost::Message as _;

use super::looks::Stamps;

/// Bytes above which a delta goes by itself, and gathered ones go together.
const BYTES: usize = 16 << 10;
/// The same for entries.
const ENTRIES: usize = 500;

/// What one look found.
#[derive(Debug)]
pub(super) struct Part {
    /// The source's index.
    pub(super) index: usize,
    /// Its section.
    pub(super) section: Section,
    /// Why it was looked at, and how.
    pub(super) asked: (Trigger, Stamps),
    /// The stamp that holds once this is kept.
    pub(super) stamp: Option<u64>,
    /// What changed.
    pub(super) delta: Delta,
}

/// Parts that wait, all with one trigger, no two of one source.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    parts: Vec<Part>,
    bytes: usize,
    entries: usize,
}

impl Gathered {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether what waits has to go before this source is looked at for that reason.
    pub(super) fn goes_before(&self, index: usize, trigger: Trigger) -> bool {
        self.parts
            .iter()
            .any(|part| part.index == index || part.asked.0 != trigger)
    }

    /// Whether a delta is too large to wait.
    pub(super) fn goes_alone(delta: &Delta) -> bool {
        delta.encoded_len() > BYTES || entries(delta) > ENTRIES
    }

    /// Adds a part; whether it is time for them to go.
    pub(super) fn add(&mut self, part: Part) -> bool {
        self.bytes += part.delta.encoded_len();
        self.entries += entries(&part.delta);
        self.parts.push(part);
        self.bytes > BYTES || self.entries > ENTRIES
    }

    /// Takes what waits.
    pub(super) fn take(&mut self) -> Vec<Part> {
        std::mem::take(self).parts
    }
}

/// One delta of all.
pub(super) fn together(parts: &[Part]) -> Delta {
    let mut all = Delta::default();
    for Part { delta, .. } in parts {
        all.sources.extend_from_slice(&delta.sources);
        all.gone.extend_from_slice(&delta.gone);
        all.put.extend_from_slice(&delta.put);
        all.events.extend_from_slice(&delta.events);
        all.samples.extend_from_slice(&delta.samples);
        all.gaps.extend_from_slice(&delta.gaps);
    }
    all
}

fn entries(delta: &Delta) -> usize {
    delta.sources.len()
        + delta.gone.len()
        + delta.put.len()
        + delta.events.len()
        + delta.samples.len()
        + delta.gaps.len()
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::{Item, SourceState};

    use super::*;

    fn part(index: usize, trigger: Trigger, items: usize) -> Part {
        let put = (0..items).map(|n| Item {
            key: format!("{index}-{n}"),
            ..Item::default()
        });
        Part {
            index,
            section: Section::Software,
            asked: (trigger, Stamps::Trust),
            stamp: None,
            delta: Delta {
                sources: vec![SourceState::default()],
                put: put.collect(),
                ..Delta::default()
            },
        }
    }

    #[test]
    fn parts_of_one_trigger_wait_until_they_are_many() {
        let mut gathered = Gathered::default();
        assert!(!gathered.goes_before(1, Trigger::Start));
        assert!(!gathered.add(part(1, Trigger::Start, 100)));
        assert!(gathered.goes_before(1, Trigger::Start), "the same source");
        assert!(gathered.goes_before(2, Trigger::Watch), "another reason");
        assert!(!gathered.goes_before(2, Trigger::Start));
        assert!(gathered.add(part(2, Trigger::Start, 450)));
        let parts = gathered.take();
        let all = together(&parts);
        assert_eq!((all.sources.len(), all.put.len()), (2, 550));
        assert!(gathered.is_empty());
        assert!(!gathered.add(part(3, Trigger::Watch, 1)), "counted anew");
    }

    #[test]
    fn a_large_delta_goes_alone() {
        assert!(Gathered::goes_alone(&part(1, Trigger::Start, 600).delta));
        assert!(!Gathered::goes_alone(&part(1, Trigger::Start, 10).delta));
        let mut long = part(1, Trigger::Start, 1).delta;
        long.put[0].facet = vec![0; BYTES].into();
        assert!(Gathered::goes_alone(&long));
    }
}
