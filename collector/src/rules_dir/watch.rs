//! The folder of rule files, watched: a saved file is imported within a second.

use std::{path::PathBuf, sync::Arc, time::Duration};

use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher as _,
    event::{AccessKind, AccessMode},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::clock;

use super::Importer;

/// Quiet time after the last event: editors write a file in several steps.
const SETTLE: Duration = Duration::from_millis(200);
/// A look without an event, for folders whose changes the system does not report.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Why the folder cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// It cannot be made.
    #[error("the rules folder {} cannot be made: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Imports what changes in the folder until cancelled. A folder that cannot be watched is looked at every
/// minute instead.
pub async fn watch(importer: Arc<Importer>, cancel: CancellationToken) -> Result<(), WatchError> {
    let folder = importer.folder().to_owned();
    std::fs::create_dir_all(&folder).map_err(|source| WatchError::Folder {
        folder: folder.clone(),
        source,
    })?;
    let (sender, mut events) = mpsc::channel::<()>(1);
    // A full queue means that a look is due anyway.
    let report = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_change(event.kind)) {
            sender.try_send(()).ok();
        }
    };
    let watcher = notify::recommended_watcher(report).and_then(|mut watcher: RecommendedWatcher| {
        watcher
            .watch(&folder, RecursiveMode::NonRecursive)
            .map(|()| watcher)
    });
    let _watcher = watcher
        .inspect_err(
            |error| warn!(folder = %folder.display(), %error, "not watched; looked at every minute instead"),
        )
        .ok();
    loop {
        let look = Arc::clone(&importer);
        match tokio::task::spawn_blocking(move || look.import_folder(clock::now())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, "the rules folder could not be imported; trying again"),
            Err(error) => warn!(%error, "importing the rules folder was cut off; trying again"),
        }
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            Some(()) = events.recv() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        // Until nothing has happened for a moment.
        while let Ok(Some(())) = tokio::time::timeout(SETTLE, events.recv()).await {}
    }
}

/// Looking at a file is an event too, and looking is what an import does.
const fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => matches!(access, AccessKind::Close(AccessMode::Write)),
        _ => true,
    }
}
