//! From a change on disk to a record in the outbox, with the platform's own sources.

use std::{fs, path::Path, time::Duration};

use deskwarden_agent::{
    disk::Folder,
    outbox::{Bounds, Outbox},
    scan::{
        engine::{self, Handle},
        recorder::Recorder,
        tools::Tools,
        watch,
    },
};
use deskwarden_platform::{Root, sources};
use deskwarden_proto::Message as _;
use deskwarden_proto::v1::{Payload, Section, Trigger, payload::Body};
use tokio_util::sync::CancellationToken;

const STATUS: &str = "Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n";
const QQ: &str = "Package: linuxqq\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.2\n\n";

struct Watching {
    folder: tempfile::TempDir,
    handle: Handle,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), engine::Gone>>,
}

impl Watching {
    /// Over a root that `fill` prepared; returns when everything was looked at once.
    async fn start(fill: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (root, outbox) = (folder.path().join("root"), folder.path().join("outbox"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&outbox).unwrap();
        fill(&root);
        let (outbox, opened) = Outbox::open(Folder::new(outbox), "device", Bounds::default()).unwrap();
        let recorder = Recorder::new(outbox, &opened, Root::at(&root), sources(), Tools::default()).unwrap();
        let (handle, _) = engine::start(recorder).unwrap();
        let cancel = CancellationToken::new();
        let task = tokio::spawn(watch::run(handle.clone(), cancel.clone()));
        handle.look_at_all(Trigger::Start).await.unwrap();
        handle.settled().await.unwrap();
        Self {
            folder,
            handle,
            cancel,
            task,
        }
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }

    /// Waits for a record of a watch that puts an item whose key begins so.
    async fn put(&self, section: Section, key: &str) {
        let mut progress = self.handle.progress();
        let mut after = 0;
        let found = async {
            loop {
                let records = self
                    .handle
                    .ask(move |recorder| recorder.records(after, usize::MAX, usize::MAX).unwrap().unwrap())
                    .await
                    .unwrap();
                for record in records {
                    after = record.sequence;
                    let Some(Body::Delta(delta)) = Payload::decode(record.payload).unwrap().body else {
                        continue;
                    };
                    let is_it = |item: &deskwarden_proto::v1::Item| {
                        item.section() == section && item.key.starts_with(key)
                    };
                    if delta.trigger() == Trigger::Watch && delta.put.iter().any(is_it) {
                        return;
                    }
                }
                progress.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(10), found)
            .await
            .unwrap();
    }

    async fn end(self) {
        self.cancel.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn replace(root: &Path, text: &str) {
    let folder = root.join("var/lib/dpkg");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("status-new"), text).unwrap();
    fs::rename(folder.join("status-new"), folder.join("status")).unwrap();
}

#[tokio::test]
async fn a_file_that_is_replaced_is_seen_by_its_watch() {
    let watching = Watching::start(|root| replace(root, STATUS)).await;
    replace(&watching.root(), &format!("{STATUS}{QQ}"));
    watching.put(Section::Software, "linuxqq").await;
    watching.end().await;
}

#[tokio::test]
async fn a_folder_that_appears_later_is_followed() {
    let watching = Watching::start(|_| {}).await;
    replace(&watching.root(), STATUS);
    watching.put(Section::Software, "hello").await;
    replace(&watching.root(), &format!("{STATUS}{QQ}"));
    watching.put(Section::Software, "linuxqq").await;
    watching.end().await;
}
