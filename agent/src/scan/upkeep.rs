//! What the recorder does for its sources beside looking at them: tells them the policy, keeps what they
//! remember over restarts, knows their rounds; and takes samples, which are of no source.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use deskwarden_platform::{Seen, SourceId};
use deskwarden_proto::v1::{Delta, Section, Trigger};

use super::{cut, recollect::Recollection, recorder::Recorder};
use crate::outbox::Error;

/// Records that may wait while samples are still taken: of a PC that is offline for months, facts count.
const SAMPLES_UNTIL: u64 = 1_000;

impl Recorder {
    /// Keeps what sources remember in this file from now on, and gives them what the last run left there.
    pub fn remember_in(&mut self, file: PathBuf) {
        let recollection = Recollection::new(file);
        for (section, name, seen) in recollection.load() {
            let of = |id: SourceId| id.section == section && id.source == name;
            if let Some(source) = self.sources().iter().find(|source| of(source.id())) {
                source.recall(seen);
            }
        }
        self.recollection = Some(recollection);
    }

    /// Writes what sources remember, when it is worth it; at `the_end` in any case.
    pub(super) fn keep_memory(&mut self, the_end: bool) {
        let Some(recollection) = &mut self.recollection else {
            return;
        };
        let remembered: Vec<(SourceId, Vec<Seen>)> = self
            .looks
            .sources()
            .iter()
            .map(|source| (source.id(), source.remembered()))
            .filter(|(_, seen)| !seen.is_empty())
            .collect();
        recollection.save(&remembered, (self.tools.now)().monotonic_ms, the_end);
    }

    /// Sources that have to be looked at by the clock, by how often.
    pub fn rounds(&self) -> BTreeMap<Duration, Vec<usize>> {
        let mut rounds: BTreeMap<Duration, Vec<usize>> = BTreeMap::new();
        for (index, source) in self.sources().iter().enumerate() {
            // Another root does not change by itself.
            if let (Some(every), true) = (source.every(), self.root().is_host()) {
                rounds.entry(every).or_default().push(index);
            }
        }
        rounds
    }

    /// Enqueues the gauges of now.
    pub fn sample(&mut self) -> Result<(), Error> {
        if self.outbox.enqueued().saturating_sub(self.outbox.acknowledged()) > SAMPLES_UNTIL {
            return Ok(());
        }
        let samples = (self.tools.samples)(self.looks.root());
        if samples.is_empty() {
            return Ok(());
        }
        let delta = Delta {
            samples,
            ..Delta::default()
        };
        let payloads = cut::payloads(delta, Trigger::Clock, &(self.tools.now)());
        self.append(Section::Health, &payloads)
    }

    /// Tells every source what the collector wants.
    pub(super) fn instruct(&self) {
        let policy = self.outbox.policy().cloned().unwrap_or_default();
        self.sources().iter().for_each(|source| source.instruct(&policy));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use deskwarden_platform::{Fact, Reading, Root, Source};
    use deskwarden_proto::v1::{Policy, Process, Sample, Stamp, facet::Kind};
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        disk::Folder,
        outbox::{Bounds, Outbox},
        scan::{engine, tools::Tools, trigger},
    };

    /// Remembers what it is told to, and counts.
    #[derive(Clone, Default)]
    struct Fake {
        seen: Arc<Mutex<Vec<Seen>>>,
        reads: Arc<AtomicUsize>,
        policy: Arc<Mutex<Option<Policy>>>,
    }

    impl Source for Fake {
        fn id(&self) -> SourceId {
            SourceId {
                section: Section::Process,
                source: "proc",
            }
        }

        fn read(&self, _: &Root) -> Reading {
            self.reads.fetch_add(1, Ordering::Relaxed);
            Reading::looked(self.id(), Vec::new(), &[])
        }

        fn every(&self) -> Option<Duration> {
            Some(Duration::from_millis(5))
        }

        fn instruct(&self, policy: &Policy) {
            *self.policy.lock().unwrap() = Some(policy.clone());
        }

        fn remembered(&self) -> Vec<Seen> {
            self.seen.lock().unwrap().clone()
        }

        fn recall(&self, seen: Vec<Seen>) {
            *self.seen.lock().unwrap() = seen;
        }
    }

    fn recorder(folder: &Path, fake: &Fake) -> Recorder {
        let (outbox, opened) = Outbox::open(Folder::new(folder), "device", Bounds::default()).unwrap();
        let tools = Tools {
            now: Stamp::default,
            id: || [7; 16],
            samples: |_| {
                vec![Sample {
                    name: "load".into(),
                    value: 1.0,
                    unit: "1".into(),
                }]
            },
        };
        let mut recorder =
            Recorder::new(outbox, &opened, Root::host(), vec![Box::new(fake.clone())], tools).unwrap();
        recorder.remember_in(folder.join("seen"));
        recorder
    }

    fn folder() -> TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn what_a_source_remembers_outlives_the_agent() {
        let folder = folder();
        let first = Fake::default();
        let mut one = recorder(folder.path(), &first);
        let process = Process {
            name: "qq".into(),
            ..Process::default()
        };
        let seen = vec![Seen {
            fact: Fact::machine("/opt/qq".into(), Kind::Process(process)),
            at_s: 7,
        }];
        first.recall(seen.clone());
        one.keep_memory(false);
        drop(one);
        let second = Fake::default();
        drop(recorder(folder.path(), &second));
        assert_eq!(second.remembered(), seen);
    }

    #[test]
    fn the_policy_reaches_the_sources_also_after_a_restart() {
        let folder = folder();
        let fake = Fake::default();
        let mut one = recorder(folder.path(), &fake);
        assert_eq!(*fake.policy.lock().unwrap(), Some(Policy::default()));
        let policy = Policy {
            generation: 2,
            observe_neighbours: true,
            ..Policy::default()
        };
        one.set_policy(&policy).unwrap();
        assert_eq!(*fake.policy.lock().unwrap(), Some(policy.clone()));
        drop(one);
        let again = Fake::default();
        drop(recorder(folder.path(), &again));
        assert_eq!(*again.policy.lock().unwrap(), Some(policy));
    }

    #[test]
    fn samples_stop_when_much_waits_already() {
        let folder = folder();
        let mut recorder = recorder(folder.path(), &Fake::default());
        for _ in 0..SAMPLES_UNTIL + 50 {
            recorder.sample().unwrap();
        }
        assert_eq!(recorder.enqueued(), SAMPLES_UNTIL + 1);
    }

    #[tokio::test]
    async fn what_nothing_tells_of_is_looked_at_again_and_again() {
        let folder = folder();
        let fake = Fake::default();
        let (handle, thread) = engine::start(recorder(folder.path(), &fake)).unwrap();
        let cancel = CancellationToken::new();
        let rounds = tokio::spawn(trigger::rounds(handle.clone(), 0.5, cancel.clone()));
        while fake.reads.load(Ordering::Relaxed) < 3 {
            handle.settled().await.unwrap();
        }
        cancel.cancel();
        rounds.await.unwrap().unwrap();
        handle.stop().await.unwrap();
        thread.join().unwrap();
    }
}
