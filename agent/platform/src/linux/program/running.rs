//! The processes of the kernel, as the programs that they run. Reads no arguments.

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_parse::procnet::is_kernel_thread;
use deskwarden_proto::limits::{TEXT_BYTES, cut};

use crate::{Root, Unavailable};

const PROC: &str = "proc";
/// Linux knows at most 4,194,304 processes; that many are no office PC.
const MAX_PROCESSES: usize = 100_000;
const MAX_STAT: usize = 4_096;
/// For so long a walk speaks for the next source of the same scan.
const RECENT: Duration = Duration::from_secs(2);

/// A process that runs a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::linux) struct Running {
    /// Process id.
    pub(in crate::linux) pid: u32,
    /// Path of the executable.
    pub(in crate::linux) exe: String,
    /// The executable is no longer on the disk, under no content.
    pub(in crate::linux) deleted: bool,
}

/// What the kernel shows.
#[derive(Debug, Default)]
pub(in crate::linux) struct Processes {
    /// In the order of their ids.
    pub(in crate::linux) running: Vec<Running>,
    /// Some programs are hidden.
    pub(in crate::linux) denied: Option<Unavailable>,
}

/// The last walk over the processes: two sources of one scan need not walk twice.
#[derive(Default)]
pub(in crate::linux) struct Walk(Mutex<Option<(PathBuf, Instant, Arc<Processes>)>>);

impl Walk {
    /// What runs now.
    pub(in crate::linux) fn anew(&self, root: &Root) -> Result<Arc<Processes>, Unavailable> {
        let found = Arc::new(processes(root)?);
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((root.display(PROC), Instant::now(), Arc::clone(&found)));
        Ok(found)
    }

    /// What ran a moment ago, or now.
    pub(in crate::linux) fn recent(&self, root: &Root) -> Result<Arc<Processes>, Unavailable> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Taken once: who asks again by itself sees what runs then.
        match last {
            Some((place, at, found)) if place == root.display(PROC) && at.elapsed() < RECENT => Ok(found),
            _ => processes(root).map(Arc::new),
        }
    }
}

/// Every process that runs a program. Kernel threads run none.
pub(in crate::linux) fn processes(root: &Root) -> Result<Processes, Unavailable> {
    let unsupported = || {
        let place = root.display(PROC);
        Unavailable::Unsupported(format!(
            "{}: no running system below this root, so no programs run",
            place.display()
        ))
    };
    let names = root.list(PROC, MAX_PROCESSES)?.ok_or_else(unsupported)?;
    let mut pids: Vec<u32> = names
        .iter()
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect();
    if pids.is_empty() {
        return Err(unsupported());
    }
    pids.sort_unstable();
    let mut found = Processes::default();
    if pids.first() != Some(&1) && root.is_host() {
        // The mount option hidepid takes away even the names of others' processes.
        found.denied = Some(hidden(root));
    }
    for pid in pids {
        match root.link(&format!("{PROC}/{pid}/exe")) {
            Ok(Some(target)) => found.running.push(program(root, pid, &target.to_string_lossy())),
            Ok(None) => {}
            Err(_) if found.denied.is_some() => {}
            Err(_) => {
                let stat = root.read_limited(&format!("{PROC}/{pid}/stat"), MAX_STAT);
                if stat.ok().flatten().is_some_and(|stat| !is_kernel_thread(&stat)) {
                    found.denied = Some(hidden(root));
                }
            }
        }
    }
    Ok(found)
}

fn hidden(root: &Root) -> Unavailable {
    let place = root.display(PROC);
    Unavailable::Denied(format!(
        "{}: no right to see which programs other users run; run the agent as root",
        place.display()
    ))
}

fn program(root: &Root, pid: u32, target: &str) -> Running {
    let (exe, gone) = match target.strip_suffix(" (deleted)") {
        Some(path) => (path, true),
        None => (target, false),
    };
    Running {
        pid,
        exe: cut(&settled(exe), TEXT_BYTES).to_owned(),
        // An update replaces the file under a program that still runs: that one is on the disk.
        deleted: gone && !root.exists(exe),
    }
}

/// An AppImage mounts itself at a place that ends in six random letters: without them it is the same program
/// each time.
fn settled(exe: &str) -> Cow<'_, str> {
    const MOUNT: &str = "/tmp/.mount_";
    let Some((mount, inside)) = exe.strip_prefix(MOUNT).and_then(|rest| rest.split_once('/')) else {
        return Cow::Borrowed(exe);
    };
    let name = mount.get(..mount.len().saturating_sub(6)).unwrap_or(mount);
    Cow::Owned(format!("{MOUNT}{name}*/{inside}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, path::Path};

    pub(in crate::linux) fn process(folder: &Path, pid: u32, exe: &str) {
        let place = folder.join(format!("proc/{pid}"));
        fs::create_dir_all(&place).unwrap();
        symlink(exe, place.join("exe")).unwrap();
    }

    #[test]
    fn programs_are_read_and_kernel_threads_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert!(matches!(processes(&root), Err(Unavailable::Unsupported(_))));
        fs::create_dir_all(folder.path().join("proc/2")).unwrap();
        fs::create_dir_all(folder.path().join("proc/sys")).unwrap();
        fs::create_dir_all(folder.path().join("usr/bin")).unwrap();
        fs::write(folder.path().join("usr/bin/updated"), "").unwrap();
        process(folder.path(), 10, "/usr/bin/qq");
        process(folder.path(), 9, "/tmp/miner (deleted)");
        process(folder.path(), 11, "/usr/bin/updated (deleted)");
        let found = processes(&root).unwrap();
        let seen: Vec<_> = found
            .running
            .iter()
            .map(|r| (r.pid, r.exe.as_str(), r.deleted))
            .collect();
        assert_eq!(
            seen,
            [
                (9, "/tmp/miner", true),
                (10, "/usr/bin/qq", false),
                (11, "/usr/bin/updated", false)
            ]
        );
        assert_eq!(found.denied, None);
    }

    #[test]
    fn a_walk_serves_the_next_source_once_and_no_other_root() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = Root::at(folder.path());
        process(folder.path(), 10, "/usr/bin/qq");
        process(other.path(), 10, "/usr/bin/other");
        let walk = Walk::default();
        let first = walk.anew(&root).unwrap();
        assert!(Arc::ptr_eq(&first, &walk.recent(&root).unwrap()));
        process(folder.path(), 11, "/usr/bin/new");
        assert_eq!(walk.recent(&root).unwrap().running.len(), 2);
        walk.anew(&root).unwrap();
        let others = walk.recent(&Root::at(other.path())).unwrap();
        assert_eq!(others.running[0].exe, "/usr/bin/other");
    }

    #[test]
    fn an_app_image_is_one_program_wherever_it_mounts_itself() {
        assert_eq!(
            settled("/tmp/.mount_QQ-linAbC123/usr/qq"),
            "/tmp/.mount_QQ-lin*/usr/qq"
        );
        assert_eq!(
            settled("/tmp/.mount_QQ-lin9xYz00/usr/qq"),
            "/tmp/.mount_QQ-lin*/usr/qq"
        );
        assert_eq!(settled("/tmp/.mount_é/x"), "/tmp/.mount_*/x");
        assert_eq!(settled("/tmp/miner"), "/tmp/miner");
    }

    #[test]
    fn the_own_program_is_among_those_of_the_running_system() {
        let own = std::env::current_exe().unwrap();
        let found = processes(&Root::host()).unwrap();
        let own_pid = std::process::id();
        let seen = found.running.iter().find(|r| r.pid == own_pid).unwrap();
        assert_eq!(Path::new(&seen.exe), own);
    }
}
