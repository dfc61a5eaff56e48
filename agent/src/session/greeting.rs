//! How an agent introduces itself, and what it remembers of the answer.

use deskwarden_proto::{
    PROTOCOL, PROTOCOL_OLDEST,
    describe::section_doc,
    v1::{self, Hello, SectionRevision},
};

use super::{ending::Error, stream::Stream};
use crate::{
    identity::clock::{Anchor, wall_ms},
    outbox,
};

impl Stream {
    /// The first frame, and the position that it tells.
    pub(super) async fn hello(&self) -> Result<(Hello, outbox::Position), Error> {
        let department = self.shared.department.to_string();
        let (introduction, sections, hints) = self
            .shared
            .recorder
            .ask(move |recorder| {
                let mut sections: Vec<_> = recorder.sources().iter().map(|s| s.id().section).collect();
                sections.sort();
                sections.dedup();
                let mut hints = deskwarden_platform::host_hints(recorder.root());
                hints.department = department;
                (recorder.introduce(), sections, hints)
            })
            .await?;
        let introduction = introduction?;
        let position = introduction.position;
        let hello = Hello {
            protocol: PROTOCOL,
            protocol_oldest: PROTOCOL_OLDEST,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            platform: deskwarden_platform::platform_name(),
            stamp: Some(v1::Stamp {
                observed_at_ms: wall_ms(),
                boot_id: deskwarden_platform::boot_id(),
                monotonic_ms: deskwarden_platform::monotonic_ms(),
            }),
            epoch: position.epoch,
            acknowledged: position.acknowledged,
            enqueued: position.enqueued,
            resume_token: position.resume_token.clone(),
            digests: introduction.digests,
            hints: Some(hints),
            sections: sections
                .into_iter()
                .map(|section| SectionRevision {
                    section: section.into(),
                    revision: section_doc(section).map_or(0, |doc| doc.revision),
                })
                .collect(),
            instance: self.shared.store.instance().to_vec(),
        };
        Ok((hello, position))
    }

    /// Remembers the collector's time for the day on which this PC's clock is wrong.
    pub(super) fn told(&self, server_time_ms: i64) {
        if server_time_ms <= 0 {
            return;
        }
        let anchor = Anchor {
            server_time_ms,
            boot_id: deskwarden_platform::boot_id(),
            monotonic_ms: deskwarden_platform::monotonic_ms(),
        };
        let file = self.shared.store.clock_file();
        if let Err(error) = self.shared.clock.told(&file, anchor) {
            tracing::warn!(%error, "the collector's time could not be written down");
        }
    }
}
