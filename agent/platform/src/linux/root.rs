//! The root of the file system that is looked at: the running one, or a folder that holds another. Opens
//! what is below it and nothing else: inside a folder, symbolic links count from that folder. Reads are
//! bounded, never block on a pipe and never touch a device. Knows no file format.

use std::{
    ffi::{OsStr, OsString},
    hash::{DefaultHasher, Hasher},
    ops::ControlFlow,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{self, Dir, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use crate::Unavailable;

/// Most symbolic links on one way.
const MAX_LINKS: u32 = 40;

/// A file-system root. Paths given to it are relative to it, with or without a leading slash.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    host: bool,
}

impl Root {
    /// The running system.
    pub fn host() -> Self {
        Self {
            path: PathBuf::from("/"),
            host: true,
        }
    }

    /// Another system's files below a folder; `/` is the running system.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let host = path == Path::new("/");
        Self { path, host }
    }

    /// Whether this is the running system, so that the kernel may be asked too.
    pub fn is_host(&self) -> bool {
        self.host
    }

    /// Where `path` lies for people and for watches. Do not open it: links in it may lead out.
    pub fn display(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// The content of a regular file; `None` where there is none. A file above `max` bytes fails.
    pub fn read_limited(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Unavailable> {
        self.read(path, max)
            .map_err(|fault| self.unavailable(path, &fault))
    }

    /// Names in a folder, sorted; `None` where there is none. More than `max` entries fail.
    pub fn list(&self, path: &str, max: usize) -> Result<Option<Vec<OsString>>, Unavailable> {
        self.names(path, max)
            .map_err(|fault| self.unavailable(path, &fault))
    }

    /// Whether something is there; what cannot be reached is not.
    pub fn exists(&self, path: &str) -> bool {
        self.resolve(path, Last::Follow).is_ok()
    }

    /// Whether something is there; unlike [`Self::exists`], a missing right is told.
    pub(crate) fn probe(&self, path: &str) -> Result<bool, Unavailable> {
        match self.resolve(path, Last::Follow) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(errno) => Err(self.unavailable(path, &errno.into())),
        }
    }

    /// Where a symbolic link points, unresolved; `None` for anything else.
    pub fn read_link(&self, path: &str) -> Option<PathBuf> {
        let link = self.resolve(path, Last::Keep).ok()?;
        let target = fs::readlinkat(&link, "", Vec::new()).ok()?;
        Some(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// Where a symbolic link points; `None` where there is none. Unlike [`Self::read_link`], a missing right is
    /// told.
    pub(super) fn link(&self, path: &str) -> Result<Option<PathBuf>, Unavailable> {
        let target = if self.host {
            fs::readlink(self.display(path), Vec::new())
        } else {
            self.resolve(path, Last::Keep)
                .and_then(|link| fs::readlinkat(&link, "", Vec::new()))
        };
        match target {
            Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::SRCH) => Ok(None),
            Err(errno) => Err(self.unavailable(path, &errno.into())),
        }
    }

    /// User id that owns a file; `None` where it cannot be told.
    pub(super) fn owner(&self, path: &str) -> Option<u32> {
        self.stat(path).ok().map(|stat| stat.st_uid)
    }

    /// When a file was last written, in Unix seconds; `None` where it cannot be told.
    pub(super) fn modified(&self, path: &str) -> Option<i64> {
        self.stat(path).ok().map(|stat| stat.st_mtime)
    }

    /// Bytes of a file; `None` where it cannot be told.
    pub(super) fn size(&self, path: &str) -> Option<u64> {
        u64::try_from(self.stat(path).ok()?.st_size).ok()
    }

    /// Calls back with name and content of every regular file of a folder whose name ends so, those that go first
    /// before the others, until it says stop. For many small files: one buffer, one way to the folder, no links
    /// followed. What cannot be read or is above `max` bytes is left out.
    pub(super) fn each_file(
        &self,
        path: &str,
        ending: &str,
        max: usize,
        goes_first: impl Fn(&str) -> bool,
        mut each: impl FnMut(&str, &[u8]) -> ControlFlow<()>,
    ) {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(folder) = self
            .resolve(path, Last::Follow)
            .and_then(|handle| fs::openat(&handle, ".", flags | OFlags::DIRECTORY, Mode::empty()))
        else {
            return;
        };
        let Ok(entries) = Dir::read_from(&folder) else {
            return;
        };
        // Neither waits for a pipe nor becomes the terminal of one.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let names = entries.map_while(Result::ok).filter_map(|entry| {
            let name = entry.file_name().to_str().ok()?;
            name.ends_with(ending).then(|| name.to_owned())
        });
        let (first, others): (Vec<String>, Vec<String>) = names.partition(|name| goes_first(name));
        let mut buffer: Vec<u8> = Vec::new();
        for name in first.iter().chain(&others) {
            let Ok(file) = fs::openat(&folder, name.as_str(), flags, Mode::empty()) else {
                continue;
            };
            let size = match fs::fstat(&file) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => {
                    usize::try_from(stat.st_size).unwrap_or(usize::MAX)
                }
                _ => continue,
            };
            if size > max {
                continue;
            }
            if buffer.len() < size {
                buffer.resize(size.next_power_of_two(), 0);
            }
            let got = rustix::io::read(&file, buffer.get_mut(..size).unwrap_or_default());
            // A regular file gives all at once; one that shrank meanwhile gives what is left.
            let content = got.ok().and_then(|got| buffer.get(..got)).unwrap_or_default();
            if each(name, content).is_break() {
                return;
            }
        }
    }

    /// The last bytes of a regular file, at most `max`; nothing where there is none.
    pub(super) fn read_end(&self, path: &str, max: u64) -> Result<Vec<u8>, Unavailable> {
        let Some(mut file) = self.open_file(path)? else {
            return Ok(Vec::new());
        };
        let size = self.size(path).unwrap_or_default();
        let length = usize::try_from(size.min(max)).unwrap_or_default();
        let part = deskwarden_parse::sqlite::Blocks::read(&mut file, size - size.min(max), length);
        // A file that shrank meanwhile was rotated: the next look reads its successor.
        Ok(part.unwrap_or_default())
    }

    /// Calls back with where each symbolic link of a folder points, unresolved, for at most `max` entries. For many
    /// links: one way to the folder. What cannot be read is left out.
    pub(super) fn each_link(&self, path: &str, max: usize, mut each: impl FnMut(&[u8])) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = if self.host {
            fs::open(self.display(path), flags, Mode::empty())
        } else {
            self.resolve(path, Last::Follow)
                .and_then(|handle| fs::openat(&handle, ".", flags, Mode::empty()))
        };
        let Ok(folder) = folder else { return };
        let Ok(entries) = Dir::read_from(&folder) else {
            return;
        };
        let mut buffer = Vec::new();
        for entry in entries.map_while(Result::ok).take(max) {
            let Ok(target) = fs::readlinkat(&folder, entry.file_name(), buffer) else {
                buffer = Vec::new();
                continue;
            };
            each(target.as_bytes());
            buffer = target.into_bytes();
        }
    }

    /// A regular file, to read parts of; `None` where there is none.
    pub(super) fn open_file(&self, path: &str) -> Result<Option<Parts>, Unavailable> {
        let open = || -> Result<Option<Parts>, Fault> {
            let Some((handle, stat)) = self.open(path)? else {
                return Ok(None);
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(Fault::Irregular);
            }
            let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
            Ok(Some(Parts(self.reopen(path, &handle, flags)?)))
        };
        open().map_err(|fault| self.unavailable(path, &fault))
    }

    /// Changes whenever one of the files or folders is changed, replaced, made or removed.
    pub fn stamp<'a>(&self, paths: impl IntoIterator<Item = &'a str>) -> u64 {
        let mut hasher = DefaultHasher::new();
        for path in paths {
            let seen = self.stat(path).map(|stat| {
                (
                    i128::from(stat.st_mtime),
                    i128::from(stat.st_mtime_nsec),
                    i128::from(stat.st_size),
                    stat.st_ino,
                )
            });
            match seen {
                Ok((seconds, nanos, size, inode)) => {
                    hasher.write_i128(seconds);
                    hasher.write_i128(nanos);
                    hasher.write_i128(size);
                    hasher.write_u64(inode);
                }
                Err(errno) => hasher.write_i32(errno.raw_os_error()),
            }
        }
        hasher.finish()
    }

    fn read(&self, path: &str, max: usize) -> Result<Option<Vec<u8>>, Fault> {
        let Some((handle, stat)) = self.open(path)? else {
            return Ok(None);
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Fault::Irregular);
        }
        let file = self.reopen(path, &handle, OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC)?;
        let expected = usize::try_from(stat.st_size).unwrap_or_default();
        if expected > max {
            return Err(Fault::TooLarge(max));
        }
        // One byte more than expected finds the end without a second allocation. What the kernel makes up
        // while it is read has no size, and each read of it may cost a walk through a table.
        let mut content: Vec<u8> = Vec::with_capacity(if expected == 0 { 16 << 10 } else { expected + 1 });
        loop {
            if content.len() == content.capacity() {
                content.reserve(16 << 10);
            }
            let got = rustix::io::read(&file, rustix::buffer::spare_capacity(&mut content))?;
            if got == 0 {
                return Ok(Some(content));
            }
            if content.len() > max {
                return Err(Fault::TooLarge(max));
            }
        }
    }

    fn names(&self, path: &str, max: usize) -> Result<Option<Vec<OsString>>, Fault> {
        let Some((handle, stat)) = self.open(path)? else {
            return Ok(None);
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(None);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = fs::openat(&handle, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == max {
                return Err(Fault::TooMany(max));
            }
            names.push(OsStr::from_bytes(name).to_owned());
        }
        names.sort_unstable();
        Ok(Some(names))
    }

    fn open(&self, path: &str) -> Result<Option<(OwnedFd, Stat)>, Fault> {
        match self.resolve(path, Last::Follow) {
            Ok(handle) => {
                let stat = fs::fstat(&handle)?;
                Ok(Some((handle, stat)))
            }
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn stat(&self, path: &str) -> Result<Stat, Errno> {
        if self.host {
            return fs::stat(self.display(path));
        }
        fs::fstat(self.resolve(path, Last::Follow)?)
    }

    /// A handle that names the file without opening it.
    fn resolve(&self, path: &str, last: Last) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        if self.host {
            let flags = if last == Last::Keep {
                flags | OFlags::NOFOLLOW
            } else {
                flags
            };
            return fs::open(self.display(path), flags, Mode::empty());
        }
        // By hand, because openat2 is missing before Linux 5.6, which offices still run.
        let top = fs::open(&self.path, flags | OFlags::DIRECTORY, Mode::empty())?;
        let mut below: Vec<OwnedFd> = Vec::new();
        let mut todo = steps(Path::new(path));
        let mut links = 0;
        while let Some(step) = todo.pop() {
            if step.as_bytes() == b".." {
                below.pop();
                continue;
            }
            let here = below.last().unwrap_or(&top);
            let next = fs::openat(here, &step, flags | OFlags::NOFOLLOW, Mode::empty())?;
            let kind = FileType::from_raw_mode(fs::fstat(&next)?.st_mode);
            if kind != FileType::Symlink || (todo.is_empty() && last == Last::Keep) {
                below.push(next);
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP);
            }
            let target = OsString::from_vec(fs::readlinkat(&next, "", Vec::new())?.into_bytes());
            if Path::new(&target).is_absolute() {
                below.clear();
            }
            todo.extend(steps(Path::new(&target)));
        }
        Ok(below.pop().unwrap_or(top))
    }

    /// Opens the very file of a handle: what was checked is what gets opened. Where a system hides even a program's own
    /// processes from it, by the path once more, and only if that is the same file still.
    fn reopen(&self, path: &str, handle: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
        let own = format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd());
        match fs::open(own, flags, Mode::empty()) {
            Err(Errno::ACCESS | Errno::NOENT) if self.host => {
                // Neither waits for a pipe that came meanwhile.
                let file = fs::open(self.display(path), flags | OFlags::NONBLOCK, Mode::empty())?;
                let (checked, opened) = (fs::fstat(handle)?, fs::fstat(&file)?);
                let same = (checked.st_dev, checked.st_ino) == (opened.st_dev, opened.st_ino);
                if same { Ok(file) } else { Err(Errno::AGAIN) }
            }
            opened => opened,
        }
    }

    fn unavailable(&self, path: &str, fault: &Fault) -> Unavailable {
        let place = self.display(path);
        let place = place.display();
        match fault {
            Fault::Os(Errno::ACCESS | Errno::PERM) => {
                Unavailable::Denied(format!("{place}: no right to read it; run the agent as root"))
            }
            Fault::Os(errno) => Unavailable::Failed(format!("{place}: {}", std::io::Error::from(*errno))),
            Fault::TooLarge(max) => {
                Unavailable::Failed(format!("{place}: larger than {max} bytes, not read"))
            }
            Fault::TooMany(max) => Unavailable::Failed(format!("{place}: more than {max} entries, not read")),
            Fault::Irregular => Unavailable::Failed(format!("{place}: not a regular file, not read")),
        }
    }
}

/// An open file of which parts are read.
pub(super) struct Parts(OwnedFd);

impl deskwarden_parse::sqlite::Blocks for Parts {
    fn read(&mut self, at: u64, length: usize) -> Option<Vec<u8>> {
        let mut part = vec![0; length];
        let mut done = 0;
        while done < length {
            let rest = part.get_mut(done..)?;
            let got = rustix::io::pread(&self.0, rest, at.checked_add(done as u64)?).ok()?;
            if got == 0 {
                return None;
            }
            done += got;
        }
        Some(part)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Follow,
    Keep,
}

enum Fault {
    Os(Errno),
    TooLarge(usize),
    TooMany(usize),
    Irregular,
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

/// The steps of a path, last first.
fn steps(path: &Path) -> Vec<OsString> {
    let mut steps: Vec<OsString> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect();
    steps.reverse();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn root() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        (folder, root)
    }

    #[test]
    fn a_link_counts_from_the_root_and_never_leads_out() {
        let (folder, root) = root();
        fs::create_dir_all(folder.path().join("etc/real")).unwrap();
        fs::write(folder.path().join("etc/real/file"), "inside").unwrap();
        symlink("/etc/real", folder.path().join("etc/absolute")).unwrap();
        symlink("../../../../etc/real/file", folder.path().join("etc/climbing")).unwrap();
        symlink("/etc/hostname", folder.path().join("etc/outside")).unwrap();
        let read = |path| root.read_limited(path, 100).unwrap();
        assert_eq!(read("etc/absolute/file").unwrap(), b"inside");
        assert_eq!(read("/etc/climbing").unwrap(), b"inside");
        assert_eq!(read("../../etc/real/file").unwrap(), b"inside");
        assert_eq!(read("etc/outside"), None);
        assert_eq!(root.read_link("etc/absolute").unwrap(), Path::new("/etc/real"));
    }

    #[test]
    fn a_ring_of_links_is_refused() {
        let (folder, root) = root();
        symlink("b", folder.path().join("a")).unwrap();
        symlink("a", folder.path().join("b")).unwrap();
        assert!(matches!(root.read_limited("a", 10), Err(Unavailable::Failed(_))));
    }

    #[test]
    fn a_pipe_is_refused_without_waiting_and_a_large_file_without_reading() {
        let (folder, root) = root();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe"),
            FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        fs::write(folder.path().join("large"), "12345").unwrap();
        for path in ["pipe", "large"] {
            assert!(
                matches!(root.read_limited(path, 4), Err(Unavailable::Failed(_))),
                "{path}"
            );
        }
        assert_eq!(root.read_limited("large", 5).unwrap().unwrap(), b"12345");
    }

    #[test]
    fn the_stamp_changes_with_any_of_its_files() {
        let (folder, root) = root();
        let before = root.stamp(["a", "b"]);
        assert_eq!(before, root.stamp(["a", "b"]));
        fs::write(folder.path().join("b"), "x").unwrap();
        assert_ne!(before, root.stamp(["a", "b"]));
    }

    #[test]
    fn a_list_is_sorted_and_bounded() {
        let (folder, root) = root();
        for name in ["b", "a", "c"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(root.list("/", 3).unwrap().unwrap(), ["a", "b", "c"]);
        assert!(root.list("/", 2).is_err());
        assert_eq!(root.list("none", 2).unwrap(), None);
    }
}
