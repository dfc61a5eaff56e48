//! A Windows PC for a test: a fresh prefix of Wine's, which stands in for Windows. Commands go to Wine's own loader,
//! because the usual wrapper needs the 32-bit half that is not installed.

use std::{
    env,
    ffi::OsStr,
    fs::{self, OpenOptions},
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::{
    need, program,
    relay::{self, Calls},
    wait::{PATIENCE, eventually},
};

/// Debian's loader and server of 64-bit programs.
const LOADER: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";

/// The agent for Windows and what packs it, which `tests/run` built.
#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
}

impl Build {
    /// What is under test, or `None` where there is nothing: the test is noted as not run then.
    pub fn of(test: &str) -> Option<Self> {
        let folder = env::var_os("DESKWARDEN_WINDOWS").map(PathBuf::from);
        let Some(folder) = folder.filter(|folder| folder.join("deskwarden-agent.exe").is_file()) else {
            need::missing(
                test,
                "DESKWARDEN_WINDOWS names no folder with the agent for Windows",
            );
            return None;
        };
        Some(Self { folder })
    }

    /// The same, with the collector for Windows among it.
    pub fn with_collector(test: &str) -> Option<Self> {
        let build = Self::of(test)?;
        if !build.collector().is_file() {
            need::missing(
                test,
                "DESKWARDEN_WINDOWS names no folder with the collector for Windows",
            );
            return None;
        }
        Some(build)
    }

    /// The collector.
    pub fn collector(&self) -> PathBuf {
        self.folder.join("deskwarden-collector.exe")
    }

    /// The agent.
    pub fn program(&self) -> PathBuf {
        self.folder.join("deskwarden-agent.exe")
    }

    /// What an installation loads.
    pub fn library(&self) -> PathBuf {
        self.folder.join("deskwarden_installer.dll")
    }

    /// Unit tests of a crate with parts that only Windows has: `platform`, `system`.
    pub fn unit_tests(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}-tests.exe"))
    }

    /// Packs the agent as an MSI of that version.
    ///
    /// # Errors
    /// When the packing script refuses.
    pub fn msi(&self, version: &str, out: &Path) -> Result<PathBuf> {
        self.packed(&self.program(), version, out)
    }

    /// Packs the collector as an MSI of that version.
    ///
    /// # Errors
    /// When the packing script refuses.
    pub fn collector_msi(&self, version: &str, out: &Path) -> Result<PathBuf> {
        self.packed(&self.collector(), version, out)
    }

    fn packed(&self, program: &Path, version: &str, out: &Path) -> Result<PathBuf> {
        let script = crate::architecture::tree::root().join("deploy/windows/package");
        let mut command = Command::new(script);
        command.arg(program).arg(self.library()).arg(version).arg(out);
        Ok(PathBuf::from(program::finish(&mut command)?.trim()))
    }
}

/// A PC with Windows. Everything that runs on it ends with this.
#[derive(Debug)]
pub struct WindowsPc {
    prefix: TempDir,
    /// Where Wine notes calls, if it was asked to.
    notes: Option<PathBuf>,
}

impl WindowsPc {
    /// A new PC, or `None` where there is no Wine.
    ///
    /// # Errors
    /// When the prefix cannot be made.
    pub fn new(test: &str) -> Result<Option<Self>> {
        for file in [LOADER, SERVER] {
            if !Path::new(file).exists() {
                need::missing(test, "wine64 is not installed");
                return Ok(None);
            }
        }
        let pc = Self {
            prefix: tempfile::Builder::new().prefix("deskwarden-wine-").tempdir()?,
            notes: None,
        };
        pc.finish("wineboot", ["--init"])?;
        // The first start goes on in the background.
        pc.server("--wait")?;
        // Services outlive the command that started them, as on a PC that stays on.
        pc.server("--persistent")?;
        Ok(Some(pc))
    }

    /// Where a path of the PC lies on this machine: `Program Files/Deskwarden`.
    pub fn file(&self, path: &str) -> PathBuf {
        self.prefix.path().join("drive_c").join(path)
    }

    /// The prefix itself: drives and registry.
    pub fn prefix(&self) -> &Path {
        self.prefix.path()
    }

    /// From now on Wine notes which of these functions a program calls, and what they answer.
    ///
    /// # Errors
    /// When the PC cannot be started anew.
    pub fn note_calls(&mut self, program: &str, functions: &[String]) -> Result<()> {
        self.import(&relay::keys(program, functions))?;
        // Services take after who started them, so that all of it begins anew.
        self.server("--kill")?;
        self.server("--wait")?;
        self.notes = Some(self.prefix.path().join("calls.txt"));
        self.server("--persistent")
    }

    /// What was noted so far.
    ///
    /// # Errors
    /// When nothing was to be noted.
    pub fn calls(&self) -> Result<Calls> {
        Calls::read(self.notes.as_deref().context("no calls were noted")?)
    }

    /// Runs a program of the PC.
    ///
    /// # Errors
    /// When it does not start.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<(ExitStatus, String)> {
        let mut command = Command::new(LOADER);
        command.arg(program).args(arguments);
        self.settle(&mut command);
        // Files, because services that a command starts keep what it was given open, and a pipe would never end.
        let (mut told, mut faults) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let errors = match &self.notes {
            Some(notes) => OpenOptions::new().create(true).append(true).open(notes)?,
            None => faults.try_clone()?,
        };
        let status = command
            .stdin(Stdio::null())
            .stdout(told.try_clone()?)
            .stderr(errors)
            .status()
            .with_context(|| format!("{command:?}"))?;
        let mut bytes = Vec::new();
        for file in [&mut told, &mut faults] {
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((status, text))
    }

    /// The same; a failure of the program is an error.
    ///
    /// # Errors
    /// When it does not start, or fails.
    pub fn finish<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String> {
        let (status, text) = self.run(program, arguments)?;
        ensure!(status.success(), "{program} ended with {status}: {text}");
        Ok(text)
    }

    /// Runs the installer without a window; arguments are the command line's.
    ///
    /// # Errors
    /// When it fails; the message names its exit status.
    pub fn msiexec(&self, arguments: &[&str]) -> Result<()> {
        self.finish("msiexec", arguments.iter().chain(&["/qn"])).map(drop)
    }

    /// Imports a registry file, as a setup program writes keys.
    ///
    /// # Errors
    /// When it is refused.
    pub fn import(&self, keys: &str) -> Result<()> {
        let file = self.file("import.reg");
        // What regedit itself exports: UTF-16 with a mark.
        let text = format!(
            "Windows Registry Editor Version 5.00\r\n\r\n{}",
            keys.replace('\n', "\r\n")
        );
        let units: Vec<u8> = [0xFEFF]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        fs::write(&file, units)?;
        self.finish("regedit", ["/S", r"C:\import.reg"])?;
        Ok(fs::remove_file(file)?)
    }

    /// Whether a key is there.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn has_key(&self, key: &str) -> Result<bool> {
        Ok(self.run("reg", ["query", key])?.0.success())
    }

    /// What the service manager says of a service's state; empty where there is no such service.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn service_state(&self, name: &str) -> Result<String> {
        let (_, text) = self.run("sc", ["query", name])?;
        Ok(text
            .lines()
            .find_map(|line| line.trim().strip_prefix("STATE"))
            .and_then(|rest| rest.split_whitespace().next_back())
            .unwrap_or_default()
            .to_owned())
    }

    /// Waits until a service is in a state.
    ///
    /// # Errors
    /// At the deadline.
    pub fn wait_for_service(&self, name: &str, state: &str) -> Result<()> {
        eventually(&format!("{name} to be {state}"), PATIENCE, || {
            let found = self.service_state(name)?;
            ensure!(found == state, "it is {found:?}");
            Ok(Some(()))
        })
    }

    /// The path by which programs of the PC reach a file of this machine.
    pub fn outside(path: &Path) -> String {
        format!("Z:{}", path.display().to_string().replace('/', "\\"))
    }

    fn server(&self, what: &str) -> Result<()> {
        let mut command = Command::new(SERVER);
        command.arg(what);
        self.settle(&mut command);
        // It goes on in the background with what it was given.
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("{command:?}"))?;
        ensure!(status.success(), "{command:?} ended with {status}");
        Ok(())
    }

    fn settle(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", self.prefix.path())
            .env(
                "WINEDEBUG",
                if self.notes.is_some() {
                    relay::CHANNELS
                } else {
                    "-all"
                },
            )
            // Neither .NET nor HTML is needed, and both would be offered for download.
            .env("WINEDLLOVERRIDES", "mscoree=d;mshtml=d;winemenubuilder.exe=d")
            .env("WINESERVER", SERVER)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("DISPLAY");
    }
}

impl Drop for WindowsPc {
    fn drop(&mut self) {
        // What still runs would write to a folder that goes.
        self.server("--kill").ok();
        self.server("--wait").ok();
    }
}
