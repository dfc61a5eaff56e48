//! Crashes and flipped bytes at every place: nothing that was promised is lost, nothing is silently
//! different.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use deskwarden_proto::v1::{self, SectionDigest};
use proptest::prelude::*;

use super::{
    tests::{delta, events, snapshot_of},
    *,
};

#[derive(Clone, Debug, Default)]
struct Inode {
    content: Vec<u8>,
    /// What is durable, and whether later bytes only follow it.
    synced: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct Platter {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    /// Operations until the power fails.
    left: Option<usize>,
    /// Bytes until the disk is full; removals give none back.
    room: Option<usize>,
}

/// A folder in memory that forgets what was not synced.
#[derive(Clone, Debug, Default)]
pub(super) struct SimDisk(Arc<Mutex<Platter>>);

impl SimDisk {
    fn fail_after(&self, operations: usize) {
        self.0.lock().unwrap().left = Some(operations);
    }

    /// What a reboot finds. `kept` chooses how much of what was not synced survived.
    fn reboot(&self, kept: u8, new_names: bool) -> Self {
        let old = self.0.lock().unwrap().clone();
        let survive = |inode: &Inode| {
            let mut content = inode.synced.clone();
            if let Some(tail) = inode.content.strip_prefix(inode.synced.as_slice()) {
                content.extend_from_slice(&tail[..tail.len() * usize::from(kept) / 255]);
            }
            Inode {
                synced: content.clone(),
                content,
            }
        };
        let names = if new_names { old.names } else { old.durable_names };
        Self(Arc::new(Mutex::new(Platter {
            inodes: old.inodes.iter().map(survive).collect(),
            durable_names: names.clone(),
            names,
            left: None,
            room: None,
        })))
    }

    /// From now on so many bytes can be written, or any number.
    fn has_room(&self, room: Option<usize>) {
        self.0.lock().unwrap().room = room;
    }

    fn flip(&self, name: &str, at: usize, bit: u8) {
        let mut platter = self.0.lock().unwrap();
        let inode = platter.names[name];
        platter.inodes[inode].content[at] ^= 1 << bit;
    }

    /// Takes the end of a file away, although it was synced.
    fn cut(&self, name: &str, length: usize) {
        let mut platter = self.0.lock().unwrap();
        let inode = platter.names[name];
        platter.inodes[inode].content.truncate(length);
    }

    pub(super) fn size(&self, name: &str) -> usize {
        let platter = self.0.lock().unwrap();
        platter.inodes[platter.names[name]].content.len()
    }

    /// A copy that shares nothing.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    fn act<T>(&self, act: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap();
        match platter.left {
            Some(0) => return Err(io::Error::other("no power")),
            Some(n) => platter.left = Some(n - 1),
            None => {}
        }
        act(&mut platter)
    }
}

impl Platter {
    /// What of `bytes` there is room for; whether that is all is for the caller to say.
    fn fitting<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let fits = self.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        self.room = self.room.map(|room| room - fits);
        &bytes[..fits]
    }

    fn inode(&mut self, name: &str) -> io::Result<&mut Inode> {
        let index = *self.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(&mut self.inodes[index])
    }
}

impl Disk for SimDisk {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let mut platter = self.0.lock().unwrap();
        Ok(platter.inode(name).ok().map(|inode| inode.content.clone()))
    }

    fn read_at(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut platter = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let found = platter.inode(name)?.content.get(start..start + length);
        Ok(found.ok_or(io::ErrorKind::UnexpectedEof)?.to_vec())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.act(|platter| {
            let index = platter.inodes.len();
            let fits = platter.fitting(bytes);
            platter.inodes.push(Inode {
                content: fits.to_vec(),
                synced: Vec::new(),
            });
            platter.names.insert(name.to_owned(), index);
            whole(fits, bytes)
        })
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.act(|platter| {
            let fits = platter.fitting(bytes);
            platter.inode(name)?.content.extend_from_slice(fits);
            whole(fits, bytes)
        })
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.act(|platter| {
            let length = usize::try_from(length).unwrap();
            platter.inode(name)?.content.truncate(length);
            Ok(())
        })
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.act(|platter| {
            let inode = platter.inode(name)?;
            inode.synced.clone_from(&inode.content);
            Ok(())
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.act(|platter| {
            let index = platter.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            platter.names.insert(to.to_owned(), index);
            Ok(())
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.act(|platter| {
            platter.names.remove(name);
            Ok(())
        })
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.act(|platter| {
            platter.durable_names.clone_from(&platter.names);
            Ok(())
        })
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }
}

fn whole(fits: &[u8], bytes: &[u8]) -> io::Result<()> {
    if fits.len() < bytes.len() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

#[derive(Clone, Debug)]
enum Step {
    Delta(u8, u8),
    Snapshot(u8, u8),
    Events(u8),
    Acknowledge(u8),
    Adopt(u8),
    Coalesce(u8),
    Forget(u8),
    Terms(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..3, 0u8..9).prop_map(|(s, k)| Step::Delta(s, k)),
        1 => (0u8..3, 0u8..9).prop_map(|(s, k)| Step::Snapshot(s, k)),
        1 => (1u8..4).prop_map(Step::Events),
        3 => (0u8..6).prop_map(Step::Acknowledge),
        1 => (1u8..4).prop_map(Step::Adopt),
        1 => (0u8..3).prop_map(Step::Coalesce),
        1 => (0u8..3).prop_map(Step::Forget),
        1 => (0u8..3).prop_map(Step::Terms),
    ]
}

const SMALL: Bounds = Bounds {
    bytes: 1 << 20,
    records: 1_000,
    events: 5,
};

fn take(outbox: &mut Outbox<SimDisk>, step: &Step) -> Result<(), Error> {
    match step {
        Step::Delta(section, key) => outbox.append(&[delta(*section, *key)]).map(drop),
        Step::Snapshot(section, key) => outbox.append(&snapshot_of(*section, *key, None)).map(drop),
        Step::Events(count) => outbox.append(&[events(*count)]).map(drop),
        Step::Acknowledge(count) => {
            let last = usize::from(*count).checked_sub(1);
            let last = last.map(|last| last.min(outbox.pending.len().saturating_sub(1)));
            let sequence = last
                .and_then(|last| outbox.pending.get(last))
                .map_or(outbox.mark.acknowledged, |p| p.sequence);
            let epoch = outbox.mark.epoch;
            outbox.acknowledge(&v1::Ack {
                epoch,
                sequence,
                resume_token: sequence.to_le_bytes().to_vec(),
            })
        }
        Step::Adopt(next) => outbox.adopt(outbox.mark.epoch + 1, u64::from(*next), b"token"),
        Step::Coalesce(section) => {
            let number = tests::section(*section).into();
            outbox
                .coalesce(number, |gap| snapshot_of(*section, 5, Some(gap)))
                .map(drop)
        }
        Step::Forget(section) => outbox.forget(&[tests::section(*section).into()]),
        Step::Terms(generation) => outbox.set_terms(
            &[],
            Some(&v1::Policy {
                generation: u64::from(*generation),
                ..v1::Policy::default()
            }),
        ),
    }
}

#[derive(Clone, Debug, PartialEq)]
struct View {
    epoch: u64,
    waiting: Vec<(u64, Vec<u8>)>,
    digests: Vec<SectionDigest>,
    generation: Option<u64>,
}

fn view(outbox: &Outbox<SimDisk>) -> View {
    let records = outbox.records(0, usize::MAX, usize::MAX).unwrap();
    View {
        epoch: outbox.epoch(),
        waiting: records
            .into_iter()
            .map(|r| (r.sequence, r.payload.to_vec()))
            .collect(),
        digests: outbox.shadow().digests(),
        generation: outbox.policy().map(|p| p.generation),
    }
}

fn run_until_failure(steps: &[Step], operations: usize) -> (SimDisk, Option<usize>) {
    let disk = SimDisk::default();
    let (mut outbox, _) = Outbox::open(disk.clone(), "device", SMALL).unwrap();
    disk.fail_after(operations);
    for (done, step) in steps.iter().enumerate() {
        if take(&mut outbox, step).is_err() {
            return (disk, Some(done));
        }
    }
    (disk, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_crash_loses_nothing_that_was_promised(
        steps in prop::collection::vec(step(), 1..14),
        operations in 0usize..60,
        kept in any::<u8>(),
        new_names in any::<bool>(),
    ) {
        let (mut twin, _) = Outbox::open(SimDisk::default(), "device", SMALL).unwrap();
        let mut views = vec![view(&twin)];
        for step in &steps {
            take(&mut twin, step).unwrap();
            views.push(view(&twin));
        }
        let (disk, failed) = run_until_failure(&steps, operations);
        let done = failed.unwrap_or(steps.len());
        let (found, opened) = Outbox::open(disk.reboot(kept, new_names), "device", SMALL).unwrap();
        prop_assert!(!matches!(opened, Opened::Quarantined { .. } | Opened::New), "{opened:?}");
        let now = view(&found);
        let before = &views[done];
        let after = views.get(done + 1).unwrap_or(before);
        let part_of_an_append = now.waiting.starts_with(&before.waiting) && after.waiting.starts_with(&now.waiting);
        // Dropping old events for new ones is a step of its own.
        let events = matches!(steps.get(done), Some(Step::Events(_)));
        let same = now.waiting == before.waiting || now.waiting == after.waiting || part_of_an_append || events;
        prop_assert!(same, "{now:?}\nbefore {before:?}\nafter {after:?}");
        if now.waiting == before.waiting {
            prop_assert!(now.digests == before.digests || now.digests == after.digests);
        }
        if failed.is_none() {
            prop_assert_eq!(&now, before);
        }
        // The state is the fold of what the file holds, whatever happened.
        let again = Outbox::open(found.disk.copy(), "device", SMALL).unwrap().0;
        prop_assert_eq!(view(&again), now);
    }

    #[test]
    fn what_a_compaction_writes_folds_to_the_same(steps in prop::collection::vec(step(), 1..14)) {
        let (mut outbox, _) = Outbox::open(SimDisk::default(), "device", SMALL).unwrap();
        for step in &steps {
            take(&mut outbox, step).unwrap();
        }
        let before = view(&outbox);
        let acknowledged = outbox.acknowledged_digests().unwrap();
        outbox.rewrite(&Rewrite::default()).unwrap();
        prop_assert_eq!(&view(&outbox), &before);
        prop_assert_eq!(outbox.acknowledged_digests().unwrap(), acknowledged);
    }
}

fn filled() -> SimDisk {
    filled_with(|_| {})
}

/// The same; every state that it went through is shown.
fn filled_with(mut show: impl FnMut(&SimDisk)) -> SimDisk {
    let disk = SimDisk::default();
    let (mut outbox, _) = Outbox::open(disk.clone(), "device", SMALL).unwrap();
    show(&disk);
    let steps = [
        Step::Terms(1),
        Step::Adopt(1),
        Step::Delta(0, 1),
        Step::Delta(1, 2),
        Step::Acknowledge(1),
        Step::Snapshot(2, 3),
        Step::Events(2),
        Step::Delta(0, 4),
    ];
    for step in &steps {
        take(&mut outbox, step).unwrap();
        show(&disk);
    }
    disk
}

#[test]
fn every_flipped_byte_is_repaired_or_quarantined() {
    let disk = filled();
    let whole = view(&Outbox::open(disk.copy(), "device", SMALL).unwrap().0);
    for at in 0..disk.size(JOURNAL) {
        let broken = disk.copy();
        broken.flip(JOURNAL, at, u8::try_from(at % 8).unwrap());
        let (outbox, opened) = Outbox::open(broken, "device", SMALL).unwrap();
        assert!(opened.gap().is_some(), "byte {at}: {opened:?}");
        assert!(outbox.epoch_wanted().is_some(), "byte {at}: {opened:?}");
        let now = view(&outbox);
        match opened {
            Opened::TailCut { .. } => assert!(whole.waiting.starts_with(&now.waiting), "byte {at}"),
            _ => assert!(now.waiting.is_empty(), "byte {at}"),
        }
    }
}

/// A file that ends between two writes is what it was before the second: the agent is then where a restored disk would
/// have it, which the collector tells from its own position. Everywhere else the cut itself shows.
#[test]
fn a_file_that_is_cut_anywhere_is_an_earlier_state_or_shows_the_cut() {
    let mut states = Vec::new();
    let disk = filled_with(|disk| states.push(view(&Outbox::open(disk.copy(), "device", SMALL).unwrap().0)));
    let (mut earlier, mut shown) = (0, 0);
    for length in 0..disk.size(JOURNAL) {
        let broken = disk.copy();
        broken.cut(JOURNAL, length);
        let (outbox, opened) = Outbox::open(broken, "device", SMALL).unwrap();
        let now = view(&outbox);
        match opened {
            Opened::Kept => {
                let was = |state: &View| {
                    state.epoch == now.epoch
                        && state.generation == now.generation
                        && state.waiting.starts_with(&now.waiting)
                };
                assert!(states.iter().any(was), "{length}: {now:?}");
                earlier += 1;
                continue;
            }
            Opened::TailCut { .. } => {}
            Opened::Quarantined { .. } => assert!(now.waiting.is_empty(), "{length}"),
            other => panic!("{length}: {other:?}"),
        }
        assert!(outbox.epoch_wanted().is_some(), "{length}");
        shown += 1;
    }
    assert!(earlier >= 3 && shown > 10 * earlier, "{earlier} and {shown}");
}

#[test]
fn a_byte_that_flips_while_the_agent_runs_is_detected() {
    let disk = filled();
    let (outbox, _) = Outbox::open(disk.clone(), "device", SMALL).unwrap();
    let first = outbox.pending.front().unwrap();
    disk.flip(JOURNAL, usize::try_from(first.offset).unwrap() + 40, 3);
    let refused = outbox.records(0, 10, usize::MAX);
    assert!(matches!(refused, Err(Error::Damaged(_))), "{refused:?}");
}

/// Whatever a full disk takes of a write, the file stays what it was before, and nobody has to write it anew for that.
#[test]
fn a_disk_that_is_full_at_any_byte_leaves_the_outbox_as_it_was() {
    let writes = [
        Step::Delta(0, 1),
        Step::Snapshot(1, 2),
        Step::Acknowledge(1),
        Step::Acknowledge(3),
    ];
    for write in &writes {
        let mut refused = 0;
        for room in 0.. {
            let disk = filled();
            let (mut outbox, _) = Outbox::open(disk.clone(), "device", SMALL).unwrap();
            let (before, position) = (view(&outbox), outbox.position());
            let size = disk.size(JOURNAL);
            disk.has_room(Some(room));
            let Err(error) = take(&mut outbox, write) else {
                break;
            };
            refused += 1;
            assert!(matches!(error, Error::Io { .. }), "{write:?} {room}: {error}");
            assert_eq!(disk.size(JOURNAL), size, "{write:?} {room}");
            assert_eq!(view(&outbox), before, "{write:?} {room}");
            assert_eq!(
                outbox.position(),
                position,
                "what was not written down is not presented"
            );
            // Whoever starts now finds it whole; whoever goes on does so when there is room.
            let (again, opened) = Outbox::open(disk.copy(), "device", SMALL).unwrap();
            assert_eq!((view(&again), opened), (before, Opened::Kept), "{write:?} {room}");
            disk.has_room(None);
            take(&mut outbox, write).unwrap();
            let (again, opened) = Outbox::open(disk.copy(), "device", SMALL).unwrap();
            assert_eq!(
                (view(&again), opened),
                (view(&outbox), Opened::Kept),
                "{write:?} {room}"
            );
        }
        assert!(refused > 20, "{write:?}: {refused}");
    }
}

#[test]
fn a_policy_holds_on_a_full_disk_and_is_written_down_when_there_is_room() {
    let disk = filled();
    let (mut outbox, _) = Outbox::open(disk.clone(), "device", SMALL).unwrap();
    let generation = |outbox: &Outbox<SimDisk>| outbox.policy().map(|policy| policy.generation);
    disk.has_room(Some(3));
    assert!(matches!(
        take(&mut outbox, &Step::Terms(2)),
        Err(Error::Io { .. })
    ));
    assert_eq!(generation(&outbox), Some(2));
    let (again, _) = Outbox::open(disk.copy(), "device", SMALL).unwrap();
    assert_eq!(generation(&again), Some(1));
    disk.has_room(None);
    take(&mut outbox, &Step::Terms(2)).unwrap();
    let (again, _) = Outbox::open(disk.copy(), "device", SMALL).unwrap();
    assert_eq!(generation(&again), Some(2));
}
