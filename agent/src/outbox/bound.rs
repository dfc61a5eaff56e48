//! What happens when too much waits: sections become a snapshot, the oldest events go, and both are
//! counted.

use deskwarden_proto::v1::{self, Payload};

use super::{
    Error, Outbox,
    entry::{self, Class},
    fold::Pending,
    rewrite::Rewrite,
};
use crate::disk::Disk;

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of waiting records.
    pub bytes: u64,
    /// Waiting records.
    pub records: usize,
    /// Waiting events.
    pub events: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            records: 10_000,
            events: 5_000,
        }
    }
}

impl<D: Disk> Outbox<D> {
    /// Replaces what waits of a section by a fresh snapshot of it, with fresh sequences. `snapshot` makes
    /// the payloads from the gap that they must carry.
    pub fn coalesce(
        &mut self,
        section: i32,
        snapshot: impl FnOnce(v1::Gap) -> Vec<Payload>,
    ) -> Result<u64, Error> {
        let of_section = |p: &Pending| p.class == Class::Section(section);
        let payloads = snapshot(self.gap(
            section,
            of_section,
            "the outbox was full; one snapshot stands for the changes in between",
        ));
        self.rewrite(&Rewrite {
            drop: Some(&of_section),
            append: &payloads,
            ..Rewrite::default()
        })?;
        Ok(self.mark.enqueued)
    }

    /// Room for the payloads: the oldest events go for new ones; for anything else the caller coalesces.
    pub(super) fn make_room(&mut self, payloads: &[Payload], bytes: u64) -> Result<(), Error> {
        let events = |class: Class| match class {
            Class::Events(count) => count,
            _ => 0,
        };
        let new: u32 = payloads.iter().map(|p| events(entry::class(p))).sum();
        let waiting: u32 = self.pending.iter().map(|p| events(p.class)).sum();
        let mut excess = (new + waiting).saturating_sub(self.bounds.events);
        if new > 0 && excess > 0 {
            let mut last = 0;
            for pending in self.pending.iter().filter(|p| events(p.class) > 0) {
                if excess == 0 {
                    break;
                }
                excess = excess.saturating_sub(events(pending.class));
                last = pending.sequence;
            }
            let old = |p: &Pending| events(p.class) > 0 && p.sequence <= last;
            let gap = self.gap(0, old, "the outbox was full; the oldest events were dropped");
            let append = [gap_payload(gap, payloads)];
            self.rewrite(&Rewrite {
                drop: Some(&old),
                append: &append,
                ..Rewrite::default()
            })?;
        }
        let over = self.pending_bytes + bytes > self.bounds.bytes
            || self.pending.len() + payloads.len() > self.bounds.records;
        match self.victim() {
            Some(section) if over => Err(Error::Full { section }),
            _ => Ok(()),
        }
    }

    /// The section with the most waiting bytes among those with enough records to gain from coalescing.
    fn victim(&self) -> Option<i32> {
        let mut sizes: Vec<(i32, usize, u64)> = Vec::new();
        for pending in &self.pending {
            if let Class::Section(section) = pending.class {
                let length = u64::from(pending.length);
                match sizes.iter_mut().find(|(s, ..)| *s == section) {
                    Some((_, count, size)) => {
                        *count += 1;
                        *size += length;
                    }
                    None => sizes.push((section, 1, length)),
                }
            }
        }
        let enough = sizes.into_iter().filter(|(_, count, _)| *count > 1);
        enough
            .max_by_key(|(_, _, size)| *size)
            .map(|(section, ..)| section)
    }

    fn gap(&self, section: i32, which: impl Fn(&Pending) -> bool, reason: &str) -> v1::Gap {
        let mut gap = v1::Gap {
            section,
            reason: reason.to_owned(),
            ..v1::Gap::default()
        };
        for pending in self.pending.iter().filter(|p| which(p)) {
            if gap.records == 0 {
                gap.from_ms = pending.since_ms;
            }
            gap.from_ms = gap.from_ms.min(pending.since_ms);
            gap.records = gap.records.saturating_add(pending.stands_for);
            gap.to_ms = pending.at_ms;
        }
        gap
    }
}

/// A record that reports a gap, stamped like the records that it makes room for.
fn gap_payload(gap: v1::Gap, like: &[Payload]) -> Payload {
    Payload {
        stamp: like.first().and_then(|p| p.stamp.clone()),
        body: Some(v1::payload::Body::Delta(v1::Delta {
            gaps: vec![gap],
            ..v1::Delta::default()
        })),
    }
}
