//! What a disk holds after the power fails at some moment of a trace: everything that was synced, and of the rest
//! whatever the disk happened to have written, also in part and out of order. The page cache, which outlives a
//! killed process, does not outlive this.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::strace::Call;

/// Sectors are written whole or not at all.
const SECTOR: usize = 512;

/// Whether a sync is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// As programs may expect.
    Honest,
    /// The disk says that it is done and does nothing: then a test must find a loss.
    Ignored,
}

/// A folder on a disk, followed through a trace.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
    syncs: Syncs,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
}

#[derive(Clone, Debug, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    /// What was not synced yet, each with the line on which it began.
    pending: Vec<(usize, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

impl Change {
    fn on(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write(at, bytes) => {
                if content.len() < at + bytes.len() {
                    content.resize(at + bytes.len(), 0);
                }
                if let Some(place) = content.get_mut(*at..at + bytes.len()) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }
}

impl Disk {
    /// A folder as it is now, all of it durable. `was` is where it is read, `folder` where the trace will name it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(was: &Path, folder: &Path, syncs: Syncs) -> Result<Self> {
        let mut disk = Self {
            folder: folder.to_owned(),
            syncs,
            inodes: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
        };
        disk.add(was, folder)?;
        disk.durable_names.clone_from(&disk.names);
        Ok(disk)
    }

    fn add(&mut self, was: &Path, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(was)? {
            let entry = entry?;
            let name = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.add(&entry.path(), &name)?;
            } else {
                let content = fs::read(entry.path())?;
                self.names.insert(name, self.inodes.len());
                self.inodes.push(Inode {
                    durable: content.clone(),
                    now: content,
                    pending: Vec::new(),
                });
            }
        }
        Ok(())
    }

    /// Does a call that has ended.
    ///
    /// # Errors
    /// When the log lacks what was written.
    pub fn follow(&mut self, call: &Call) -> Result<()> {
        if call.result < 0 {
            return Ok(());
        }
        match call.name.as_str() {
            "openat" => self.open(call),
            "write" | "pwrite64" => self.write(call),
            "ftruncate" => {
                if let (Some(inode), Some(length)) = (self.inode(call), call.last_number()) {
                    inode.change(call.begin, Change::Length(usize::try_from(length)?));
                }
                Ok(())
            }
            "fsync" | "fdatasync" => {
                self.sync(call);
                Ok(())
            }
            "rename" | "renameat" | "renameat2" => {
                let paths = paths(call)?;
                if let [from, to] = paths.as_slice()
                    && let Some(inode) = self.names.remove(from)
                {
                    self.names.insert(to.clone(), inode);
                }
                Ok(())
            }
            "unlink" | "unlinkat" => {
                for path in paths(call)? {
                    self.names.remove(&path);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Writes what is left into a folder. `rng` decides what of the unsynced the disk had got to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn fail(&self, rng: &mut fastrand::Rng, into: &Path) -> Result<()> {
        let names = if rng.bool() {
            &self.names
        } else {
            &self.durable_names
        };
        for (name, inode) in names {
            let inode = self.inodes.get(*inode).context("a name without a file")?;
            let target = into.join(name.strip_prefix(&self.folder)?);
            let parent = target.parent().context("a file without a folder")?;
            fs::create_dir_all(parent)?;
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            fs::set_permissions(parent, private)?;
            fs::write(&target, inode.left(rng))?;
            fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
        Ok(())
    }

    fn open(&mut self, call: &Call) -> Result<()> {
        let flags = &call.arguments;
        for path in paths(call)?
            .into_iter()
            .filter(|path| path.starts_with(&self.folder))
        {
            match self
                .names
                .get(&path)
                .and_then(|inode| self.inodes.get_mut(*inode))
            {
                Some(inode) if flags.contains("O_TRUNC") => inode.change(call.begin, Change::Length(0)),
                None if flags.contains("O_CREAT") => {
                    self.names.insert(path, self.inodes.len());
                    self.inodes.push(Inode::default());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, call: &Call) -> Result<()> {
        let at = (call.name == "pwrite64").then(|| call.last_number()).flatten();
        let Some(inode) = self.inode(call) else {
            return Ok(());
        };
        let mut bytes = call.quoted()?.pop().context("a write without contents")?;
        bytes.truncate(usize::try_from(call.result)?);
        // Everything else only adds to the end of its file.
        let at = at.map_or(Ok(inode.now.len()), usize::try_from)?;
        inode.change(call.begin, Change::Write(at, bytes));
        Ok(())
    }

    fn sync(&mut self, call: &Call) {
        if self.syncs == Syncs::Ignored {
            return;
        }
        if let Some(inode) = self.inode(call) {
            let (done, left) = std::mem::take(&mut inode.pending)
                .into_iter()
                .partition::<Vec<_>, _>(|(begun, _)| *begun < call.begin);
            for (_, change) in done {
                change.on(&mut inode.durable);
            }
            inode.pending = left;
        } else if let Some(folder) = call.on().map(PathBuf::from) {
            let inside = |name: &PathBuf| name.parent() == Some(folder.as_path());
            let gone: BTreeSet<PathBuf> = self
                .durable_names
                .keys()
                .filter(|name| inside(name))
                .cloned()
                .collect();
            for name in gone {
                self.durable_names.remove(&name);
            }
            let there = self.names.iter().filter(|(name, _)| inside(name));
            self.durable_names
                .extend(there.map(|(name, inode)| (name.clone(), *inode)));
        }
    }

    fn inode(&mut self, call: &Call) -> Option<&mut Inode> {
        let index = *self.names.get(&PathBuf::from(call.on()?))?;
        self.inodes.get_mut(index)
    }
}

impl Inode {
    fn change(&mut self, line: usize, change: Change) {
        change.on(&mut self.now);
        self.pending.push((line, change));
    }

    fn left(&self, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut content = self.durable.clone();
        // The end of the file as it would be: a disk that got to a later write has the room before it, too.
        for (_, change) in &self.pending {
            match (rng.u8(0..3), change) {
                (0, _) => {}
                (1, Change::Write(at, bytes)) => {
                    let part = rng.usize(0..=bytes.len()) / SECTOR * SECTOR;
                    let part = bytes.get(..part).unwrap_or_default().to_vec();
                    Change::Write(*at, part).on(&mut content);
                }
                (_, change) => change.on(&mut content),
            }
        }
        content
    }
}

fn paths(call: &Call) -> Result<Vec<PathBuf>> {
    let texts = call.quoted()?;
    Ok(texts
        .into_iter()
        .map(|bytes| PathBuf::from(String::from_utf8_lossy(&bytes).into_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strace::read;

    fn after(log: &str, syncs: Syncs) -> BTreeSet<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), b"old").unwrap();
        let mut disk = Disk::new(folder.path(), Path::new("/d"), syncs).unwrap();
        for call in read(log).unwrap() {
            disk.follow(&call).unwrap();
        }
        (0..64)
            .map(|seed| {
                let out = tempfile::tempdir().unwrap();
                disk.fail(&mut fastrand::Rng::with_seed(seed), out.path())
                    .unwrap();
                fs::read(out.path().join("f")).unwrap_or_default()
            })
            .collect()
    }

    /// `new` over `old`, synced or not.
    const WRITE: &str = "1 1.0 pwrite64(3<\\x2f\\x64\\x2f\\x66>, \"\\x6e\\x65\\x77\", 3, 0) = 3\n";
    const SYNC: &str = "1 1.1 fdatasync(3<\\x2f\\x64\\x2f\\x66>) = 0\n";

    #[test]
    fn what_was_synced_is_there_and_the_rest_may_be() {
        let either = BTreeSet::from([b"old".to_vec(), b"new".to_vec()]);
        assert_eq!(after(WRITE, Syncs::Honest), either);
        let both = format!("{WRITE}{SYNC}");
        assert_eq!(after(&both, Syncs::Honest), BTreeSet::from([b"new".to_vec()]));
        assert_eq!(after(&both, Syncs::Ignored), either);
    }

    #[test]
    fn a_new_name_is_durable_when_its_folder_is() {
        let rename = "1 2.0 openat(AT_FDCWD</>, \"\\x2f\\x64\\x2f\\x67\", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 4\n\
                      1 2.1 write(4<\\x2f\\x64\\x2f\\x67>, \"\\x67\", 1) = 1\n1 2.2 fsync(4<\\x2f\\x64\\x2f\\x67>) = 0\n\
                      1 2.3 rename(\"\\x2f\\x64\\x2f\\x67\", \"\\x2f\\x64\\x2f\\x66\") = 0\n";
        assert_eq!(
            after(rename, Syncs::Honest),
            BTreeSet::from([b"old".to_vec(), b"g".to_vec()])
        );
        let synced = format!("{rename}1 2.4 fsync(5<\\x2f\\x64>) = 0\n");
        assert_eq!(after(&synced, Syncs::Honest), BTreeSet::from([b"g".to_vec()]));
    }
}
