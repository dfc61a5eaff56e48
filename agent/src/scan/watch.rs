//! Turns changes of files and of the network into looks. Watches folders, because writers replace files;
//! where a folder is missing, its nearest parent, until it appears.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    thread,
};

use deskwarden_platform::{KernelEvent, WatchPath, Watched, kernel_events};
use deskwarden_proto::v1::Trigger;
use notify::{Config, EventKindMask, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    engine::{Gone, Handle},
    trigger::Debounce,
};

/// Changes that may wait; more are taken as a change of everything.
const QUEUE: usize = 256;

/// Something changed.
#[derive(Debug)]
enum Change {
    Path(PathBuf),
    Network(BTreeSet<KernelEvent>),
    /// More changed than could be told.
    Anything,
}

/// What every source wants to be told about.
#[derive(Clone, Debug, Default)]
struct Wishes {
    paths: Vec<(usize, WatchPath)>,
    events: Vec<(usize, &'static [KernelEvent])>,
}

impl Wishes {
    /// Sources that a change at `path` concerns.
    fn concerned(&self, path: &Path) -> impl Iterator<Item = usize> + '_ {
        let path = path.to_owned();
        self.paths
            .iter()
            .filter(move |(_, wish)| {
                let inside = wish.what == Watched::Folder && path.parent() == Some(wish.path.as_path());
                // A parent that comes or goes takes what is watched with it.
                inside || wish.path.starts_with(&path)
            })
            .map(|(source, _)| *source)
    }

    /// Folders to watch: those that hold what is wished, or their nearest parents that exist.
    fn folders(&self, exists: impl Fn(&Path) -> bool) -> BTreeSet<PathBuf> {
        let wanted = self.paths.iter().filter_map(|(_, wish)| match wish.what {
            Watched::File => wish.path.parent(),
            Watched::Folder => Some(wish.path.as_path()),
        });
        wanted
            .filter_map(|folder| folder.ancestors().find(|place| exists(place)))
            .map(Path::to_owned)
            .collect()
    }

    /// Whether a change at `path` may change which folders exist.
    fn moves_folders(&self, path: &Path) -> bool {
        self.paths.iter().any(|(_, wish)| {
            wish.path != path && wish.path.starts_with(path)
                || wish.what == Watched::Folder && wish.path == path
        })
    }
}

/// Watches until cancelled.
pub async fn run(handle: Handle, cancel: CancellationToken) -> Result<(), Gone> {
    let (sender, mut changes) = mpsc::channel(QUEUE);
    let mut wishes = wishes(&handle).await?;
    let mut folders = Folders::new(sender.clone());
    folders.follow(&wishes);
    let stopper = follow_network(sender);
    let mut debounce = Debounce::default();
    let result = loop {
        let next = debounce.next();
        tokio::select! {
            () = cancel.cancelled() => break Ok(()),
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let ready = debounce.take(Instant::now());
                if handle.look(ready, Trigger::Watch).await.is_err() {
                    break Err(Gone);
                }
            }
            Some(change) = changes.recv() => {
                let now = Instant::now();
                match change {
                    Change::Path(path) => {
                        wishes.concerned(&path).for_each(|source| debounce.touched(source, now));
                        if wishes.moves_folders(&path) {
                            folders.follow(&wishes);
                        }
                    }
                    Change::Network(events) => {
                        if events.contains(&KernelEvent::Address) || events.contains(&KernelEvent::Route) {
                            handle.moved();
                        }
                        for (source, wanted) in &wishes.events {
                            if wanted.iter().any(|event| events.contains(event)) {
                                debounce.touched(*source, now);
                            }
                        }
                    }
                    Change::Anything => {
                        wishes = match self::wishes(&handle).await {
                            Ok(wishes) => wishes,
                            Err(gone) => break Err(gone),
                        };
                        folders.follow(&wishes);
                        wishes.paths.iter().for_each(|(source, _)| debounce.touched(*source, now));
                    }
                }
            }
        }
    };
    if let Some(stopper) = stopper {
        stopper.stop();
    }
    result
}

async fn wishes(handle: &Handle) -> Result<Wishes, Gone> {
    handle
        .ask(|recorder| {
            let mut wishes = Wishes::default();
            for (index, source) in recorder.sources().iter().enumerate() {
                let paths = source.watches(recorder.root());
                wishes.paths.extend(paths.into_iter().map(|path| (index, path)));
                if recorder.root().is_host() && !source.events().is_empty() {
                    wishes.events.push((index, source.events()));
                }
            }
            wishes
        })
        .await
}

/// The folders that are watched now.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Folders {
    fn new(sender: mpsc::Sender<Change>) -> Self {
        // Opening and reading are no changes, and would wake the agent all the time. Where closing after
        // writing is not told, every write is.
        let mut kinds = EventKindMask::CREATE
            | EventKindMask::REMOVE
            | EventKindMask::MODIFY_NAME
            | EventKindMask::ACCESS_CLOSE;
        if std::env::consts::OS != "linux" {
            kinds |= EventKindMask::MODIFY_DATA;
        }
        let tell = move |event: notify::Result<notify::Event>| {
            let told = match event {
                Ok(event) if !event.need_rescan() => event
                    .paths
                    .into_iter()
                    .try_for_each(|path| sender.try_send(Change::Path(path))),
                _ => sender.try_send(Change::Anything),
            };
            if told.is_err() {
                // The queue is full: whoever empties it gets to this at the latest with its last entry.
                sender.blocking_send(Change::Anything).ok();
            }
        };
        let watcher = RecommendedWatcher::new(tell, Config::default().with_event_kinds(kinds));
        if let Err(error) = &watcher {
            tracing::warn!(%error, "files cannot be watched; changes are seen by the full scan only");
        }
        Self {
            watcher: watcher.ok(),
            watched: BTreeSet::new(),
        }
    }

    fn follow(&mut self, wishes: &Wishes) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let wanted = wishes.folders(Path::is_dir);
        for gone in self.watched.difference(&wanted) {
            // It may be gone from the disk as well.
            watcher.unwatch(gone).ok();
        }
        self.watched.retain(|folder| wanted.contains(folder));
        for folder in wanted {
            if self.watched.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(folder);
                }
                Err(error) => tracing::warn!(
                    folder = %folder.display(),
                    %error,
                    "this folder cannot be watched; its changes are seen by the full scan only"
                ),
            }
        }
    }
}

/// Tells of the network's changes from a thread of its own; `None` where the kernel does not tell.
fn follow_network(sender: mpsc::Sender<Change>) -> Option<deskwarden_platform::Stopper> {
    let events = match kernel_events() {
        Ok(events) => events,
        Err(error) => {
            tracing::info!(%error, "the network's changes are seen by the full scan only");
            return None;
        }
    };
    let stopper = events.stopper();
    let thread = thread::Builder::new()
        .name("network".to_owned())
        .stack_size(256 << 10)
        .spawn(move || {
            for event in events {
                let change = match event {
                    Ok(events) => Change::Network(events),
                    Err(error) => {
                        tracing::warn!(%error, "the network's changes cannot be followed any more");
                        return;
                    }
                };
                if sender.blocking_send(change).is_err() {
                    return;
                }
            }
        });
    if let Err(error) = thread {
        tracing::warn!(%error, "no thread for the network's changes; they are seen by the full scan only");
        return None;
    }
    Some(stopper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> Wishes {
        let wish = |path: &str, what| WatchPath {
            path: PathBuf::from(path),
            what,
        };
        Wishes {
            paths: vec![
                (0, wish("/var/lib/dpkg/status", Watched::File)),
                (1, wish("/etc/NetworkManager/system-connections", Watched::Folder)),
                (2, wish("/etc/environment", Watched::File)),
            ],
            events: Vec::new(),
        }
    }

    fn concerned(path: &str) -> Vec<usize> {
        wishes().concerned(Path::new(path)).collect()
    }

    #[test]
    fn a_change_concerns_those_who_asked_for_it() {
        assert_eq!(concerned("/var/lib/dpkg/status"), [0]);
        assert!(concerned("/var/lib/dpkg/status-old").is_empty());
        assert_eq!(concerned("/etc/NetworkManager/system-connections/eth0"), [1]);
        assert!(concerned("/etc/NetworkManager/other").is_empty());
        assert_eq!(concerned("/etc"), [1, 2], "a parent takes what is below with it");
    }

    #[test]
    fn a_missing_folder_is_waited_for_at_its_parent() {
        let there = ["/", "/etc", "/var", "/var/lib", "/var/lib/dpkg"];
        let folders = wishes().folders(|path| there.iter().any(|t| Path::new(t) == path));
        let folders: Vec<&str> = folders.iter().filter_map(|f| f.to_str()).collect();
        assert_eq!(folders, ["/etc", "/var/lib/dpkg"]);
        assert!(wishes().moves_folders(Path::new("/etc/NetworkManager")));
        assert!(!wishes().moves_folders(Path::new("/etc/environment")));
    }
}
