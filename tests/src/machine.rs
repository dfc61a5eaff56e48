//! A Debian that really boots: a debootstrapped tree, kept beside the build results and never changed, under a
//! layer of its own for every test, started with `systemd-nspawn` and joined to this machine by a cable.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{
    need,
    netns::Netns,
    packages::build_folder,
    program::{self, Program},
    wait::{PATIENCE, eventually},
};

/// Release of Debian that is booted, and what it has beside the smallest system.
const RELEASE: &str = "bookworm";
const INCLUDED: &str = "systemd-sysv,dbus";
/// A boot shares two processors with other tests.
const BOOT: Duration = Duration::from_secs(150);

/// A changed copy of the Debian tree; not started.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

/// A started machine.
#[derive(Debug)]
pub struct Machine {
    container: Program,
    leader: u32,
    groups: Vec<PathBuf>,
    netns: Netns,
    disk: Disk,
}

impl Disk {
    /// A fresh one, or `None` where it cannot be had: the test is noted as not run then.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn new(test: &str) -> Result<Option<Self>> {
        if !(need::root(test) && need::program(test, "debootstrap")) {
            return Ok(None);
        }
        let tree = match debian() {
            Ok(tree) => tree,
            Err(error) => {
                let last = error.to_string().lines().last().unwrap_or_default().to_owned();
                need::missing(test, &format!("no Debian tree could be made: {last}"));
                return Ok(None);
            }
        };
        let disk = Self {
            folder: tempfile::Builder::new().prefix("deskwarden-machine-").tempdir()?,
        };
        for part in ["changes", "work", "root"] {
            fs::create_dir(disk.folder.path().join(part))?;
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            tree.display(),
            disk.folder.path().join("changes").display(),
            disk.folder.path().join("work").display()
        );
        let mut mount = Command::new("mount");
        mount.args(["-t", "overlay", "deskwarden-machine", "-o", &layers]);
        if let Err(error) = program::finish(mount.arg(disk.root())) {
            need::missing(test, &format!("overlays cannot be mounted here: {error}"));
            return Ok(None);
        }
        Ok(Some(disk))
    }

    /// Its files.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Boots it, or `None` where containers cannot boot: the test is noted as not run then. `octet` keeps the cables
    /// of tests apart.
    ///
    /// # Errors
    /// When it does not come up although containers boot here.
    pub fn boot(self, test: &str, octet: u8) -> Result<Option<Machine>> {
        if !need::program(test, "systemd-nspawn") {
            return Ok(None);
        }
        let groups = match own_groups(octet) {
            Ok(groups) => groups,
            Err(error) => {
                need::missing(test, &format!("no control group for a container: {error:#}"));
                return Ok(None);
            }
        };
        let netns = Netns::new(octet)?;
        let mut command = in_groups(&groups);
        command
            .args(["systemd-nspawn", "--quiet", "--boot", "--console=pipe"])
            .arg(format!("--directory={}", self.root().display()))
            .arg(format!("--network-namespace-path={}", netns.path()))
            .arg(format!("--machine=deskwarden-{octet}-{}", std::process::id()));
        if !Path::new("/run/systemd/system").is_dir() {
            // Nobody here to make a scope or to register with.
            command.args(["--register=no", "--keep-unit"]);
        }
        let container = Program::start("container", &mut command)?;
        let mut machine = Machine {
            container,
            leader: 0,
            groups,
            netns,
            disk: self,
        };
        machine.wait_until_up()?;
        Ok(Some(machine))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Processes of a container that was ended go a moment after it.
        let root = self.root();
        eventually("the overlay to be free", PATIENCE, || {
            program::run("umount", [&root]).map(Some)
        })
        .ok();
    }
}

impl Machine {
    /// Runs a script as root inside; what it writes.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, script: &str) -> Result<String> {
        program::finish(&mut self.command(script))
            .with_context(|| format!("the machine wrote:\n{}", self.journal()))
    }

    /// A script as root inside, not started.
    pub fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--all", "--target", &self.leader.to_string(), "--"])
            .args([
                "env",
                "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "LC_ALL=C.UTF-8",
                "sh",
                "-euc",
                script,
            ]);
        command
    }

    /// This machine's end of the cable.
    pub fn gateway(&self) -> String {
        self.netns.gateway()
    }

    /// Its own address.
    pub fn address(&self) -> String {
        self.netns.address(2).trim_end_matches("/24").to_owned()
    }

    /// A file inside, seen from here.
    pub fn file(&self, path: &str) -> PathBuf {
        self.disk.root().join(path.trim_start_matches('/'))
    }

    /// Puts a file inside, below a folder of `/root`.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn put(&self, file: &Path) -> Result<String> {
        let name = file
            .file_name()
            .context("no file name")?
            .to_string_lossy()
            .into_owned();
        fs::copy(file, self.file("/root").join(&name))?;
        Ok(format!("/root/{name}"))
    }

    /// The last lines of its journal, for a failure.
    pub fn journal(&self) -> String {
        let mut command = self.command("journalctl --no-pager --lines=60 --unit=deskwarden-*.service");
        command.output().map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    }

    fn wait_until_up(&mut self) -> Result<()> {
        let waited = eventually("the machine to be up", BOOT, || {
            ensure!(!self.container.is_over()?, "the container ended");
            self.leader = leader_of(self.container.id())?;
            let mut asked = self.command("systemctl is-system-running");
            let output = asked.output()?;
            let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            // A container may lack what one of Debian's own services wants; that is not under test.
            ensure!(["running", "degraded"].contains(&state.as_str()), "it is {state}");
            Ok(Some(()))
        });
        waited.with_context(|| format!("it wrote:\n{}", self.container.log()))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its first process takes everything inside with it.
        if self.leader != 0 {
            program::run("kill", ["-KILL", &self.leader.to_string()]).ok();
        }
        self.container.ended().ok();
        for group in &self.groups {
            remove_group(group);
        }
    }
}

/// The init of a container: the child of nspawn that stays.
fn leader_of(nspawn: u32) -> Result<u32> {
    let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children"))?;
    for child in children.split_whitespace() {
        if fs::read_to_string(format!("/proc/{child}/comm"))?.trim() == "systemd" {
            return Ok(child.parse()?);
        }
    }
    anyhow::bail!("the container has no init yet")
}

/// The Debian tree, made once however many tests ask.
fn debian() -> Result<PathBuf> {
    let trees = build_folder()?.join("trees");
    let tree = trees.join(format!("{RELEASE}-{}", INCLUDED.replace(',', "-")));
    fs::create_dir_all(&trees)?;
    let lock = File::create(trees.join("lock"))?;
    lock.lock()?;
    if tree.is_dir() {
        return Ok(tree);
    }
    let part = trees.join("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    let mut command = Command::new("debootstrap");
    command.args(["--variant=minbase", &format!("--include={INCLUDED}"), RELEASE]);
    program::finish(command.arg(&part))?;
    for unneeded in ["var/cache/apt/archives", "var/lib/apt/lists"] {
        fs::remove_dir_all(part.join(unneeded)).ok();
    }
    fs::rename(&part, &tree)?;
    Ok(tree)
}

/// Control groups for one container: two of them in one group would take each other's services for their own.
fn own_groups(octet: u8) -> Result<Vec<PathBuf>> {
    if Path::new("/run/systemd/system").is_dir() {
        return Ok(Vec::new());
    }
    let top = Path::new("/sys/fs/cgroup");
    let mut parents: Vec<PathBuf> = ["systemd", "unified"]
        .iter()
        .map(|name| top.join(name))
        .filter(|path| path.join("cgroup.procs").is_file())
        .collect();
    if parents.is_empty() {
        ensure!(
            top.join("cgroup.procs").is_file(),
            "{} is not mounted",
            top.display()
        );
        parents.push(top.to_path_buf());
    }
    parents
        .into_iter()
        .map(|parent| {
            let group = parent.join(format!("deskwarden-{octet}-{}", std::process::id()));
            remove_group(&group);
            fs::create_dir(&group).with_context(|| group.display().to_string())?;
            Ok(group)
        })
        .collect()
}

/// A command that enters groups before it becomes another program.
fn in_groups(groups: &[PathBuf]) -> Command {
    let mut command = Command::new("sh");
    let script = "while [ \"$1\" != -- ]; do echo $$ >\"$1/cgroup.procs\"; shift; done; shift; exec \"$@\"";
    command.args(["-euc", script, "sh"]).args(groups).arg("--");
    command
}

/// From the innermost outwards: a group with others inside stays.
fn remove_group(group: &Path) {
    let Ok(inside) = fs::read_dir(group) else { return };
    for entry in inside.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    fs::remove_dir(group).ok();
}
