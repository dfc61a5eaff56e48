//! What sources remember beyond the moment, kept over restarts: one small private file. The outbox tells
//! whether a fact is reported; this file tells when it was last seen. Losing it loses only that.

use std::{
    fs::File,
    hash::{DefaultHasher, Hasher as _},
    io::{self, Read as _},
    path::PathBuf,
};

use deskwarden_platform::{Fact, Seen, SourceId, write_private};
use deskwarden_proto::{
    decode,
    v1::{Facet, Item, Section},
};
use prost::Message;

/// Largest file that is read.
const MAX_FILE: u64 = 32 << 20;
/// How long a changed time of last sight may wait for the disk, in milliseconds.
const SLOW_MS: u64 = 6 * 3600 * 1_000;

/// The file, and what was last written to it.
pub(super) struct Recollection {
    path: PathBuf,
    saved: u64,
    saved_at_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Kept {
    #[prost(message, repeated, tag = "1")]
    items: Vec<KeptItem>,
}

#[derive(Clone, PartialEq, Message)]
struct KeptItem {
    #[prost(message, optional, tag = "1")]
    item: Option<Item>,
    /// Unix seconds.
    #[prost(int64, tag = "2")]
    seen_s: i64,
}

impl Recollection {
    /// Over a file that need not exist.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            saved: 0,
            saved_at_ms: 0,
        }
    }

    /// What the last run left, by section and source. A damaged file is as good as none, and said.
    pub(super) fn load(&self) -> Vec<(Section, String, Vec<Seen>)> {
        let kept = match self.read() {
            Ok(bytes) => Kept::decode(bytes.as_slice()).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => Err(error.to_string()),
        };
        let kept = match kept {
            Ok(kept) => kept,
            Err(error) => {
                let file = self.path.display();
                tracing::warn!(%file, %error, "when things were last seen is forgotten");
                return Vec::new();
            }
        };
        let mut found: Vec<(Section, String, Vec<Seen>)> = Vec::new();
        for KeptItem { item, seen_s } in kept.items {
            let Some(item) = item else { continue };
            let Ok(section) = Section::try_from(item.section) else {
                continue;
            };
            let (Ok(kind), Ok(local)) = (decode::facet(section, &item.facet), decode::local(&item.local))
            else {
                continue;
            };
            let seen = Seen {
                fact: Fact {
                    key: item.key,
                    principal: item.principal,
                    facet: Facet { kind: Some(kind) },
                    local,
                },
                at_s: seen_s,
            };
            match found.last_mut() {
                Some((of, source, all)) if *of == section && *source == item.source => all.push(seen),
                _ => found.push((section, item.source, vec![seen])),
            }
        }
        found
    }

    /// Writes what is remembered when there is something new in it, or, for its times alone, after a while or
    /// at `the_end`.
    pub(super) fn save(&mut self, remembered: &[(SourceId, Vec<Seen>)], now_ms: u64, the_end: bool) {
        let mut hasher = DefaultHasher::new();
        let items = remembered.iter().flat_map(|(id, all)| {
            all.iter().map(|seen| KeptItem {
                item: Some(Item {
                    section: id.section.into(),
                    source: id.source.to_owned(),
                    key: seen.fact.key.clone(),
                    principal: seen.fact.principal.clone(),
                    facet: seen.fact.facet.encode_to_vec().into(),
                    local: seen.fact.local.encode_to_vec().into(),
                }),
                seen_s: seen.at_s,
            })
        });
        let kept = Kept {
            items: items.collect(),
        };
        for item in kept.items.iter().filter_map(|kept| kept.item.as_ref()) {
            hasher.write(&item.encode_to_vec());
        }
        let digest = hasher.finish();
        let stale = the_end || now_ms.saturating_sub(self.saved_at_ms) >= SLOW_MS;
        if digest == self.saved && !stale {
            return;
        }
        match write_private(&self.path, &kept.encode_to_vec()) {
            Ok(()) => {
                self.saved = digest;
                self.saved_at_ms = now_ms;
            }
            Err(error) => tracing::warn!(%error, "when things were last seen is not kept for the next start"),
        }
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(&self.path)?;
        if file.metadata()?.len() > MAX_FILE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "larger than expected",
            ));
        }
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::{Process, facet::Kind};

    use super::*;

    const ID: SourceId = SourceId {
        section: Section::Process,
        source: "proc",
    };

    fn seen(key: &str, at_s: i64) -> Seen {
        let process = Process {
            name: key.to_owned(),
            ..Process::default()
        };
        Seen {
            fact: Fact::machine(key.to_owned(), Kind::Process(process)).at("/opt/qq"),
            at_s,
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_a_damaged_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let mut kept = Recollection::new(path.clone());
        assert!(kept.load().is_empty());
        let all = vec![seen("a", 5), seen("b", 6)];
        kept.save(&[(ID, all.clone())], 0, false);
        let loaded = Recollection::new(path.clone()).load();
        assert_eq!(loaded, [(Section::Process, "proc".to_owned(), all)]);
        std::fs::write(&path, [0xff; 9]).unwrap();
        assert!(Recollection::new(path).load().is_empty());
    }

    #[test]
    fn new_facts_are_written_at_once_and_times_alone_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let mut kept = Recollection::new(path.clone());
        let at = |path: &PathBuf| Recollection::new(path.clone()).load()[0].2[0].at_s;
        kept.save(&[(ID, vec![seen("a", 1)])], 0, false);
        kept.save(&[(ID, vec![seen("a", 2)])], 1_000, false);
        assert_eq!(at(&path), 1, "the time alone waits");
        kept.save(&[(ID, vec![seen("a", 3), seen("b", 3)])], 2_000, false);
        assert_eq!(at(&path), 3);
        kept.save(&[(ID, vec![seen("a", 4), seen("b", 4)])], 2_000 + SLOW_MS, false);
        assert_eq!(at(&path), 4);
        kept.save(&[(ID, vec![seen("a", 5), seen("b", 5)])], 2_001 + SLOW_MS, true);
        assert_eq!(at(&path), 5);
    }
}
