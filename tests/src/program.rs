//! The product's programs and others as child processes: found or built once, their lines kept and shown when a
//! test fails, ended with the test.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    architecture::tree,
    wait::{PATIENCE, eventually},
};

/// Lines of a log that a failing test shows.
const SHOWN_LINES: usize = 60;

/// Path of one of the product's programs. `DESKWARDEN_BIN_DIR` names a folder of ready ones; without it they are
/// built, once per run however many tests ask.
///
/// # Errors
/// When they cannot be built.
pub fn product(name: &str) -> Result<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| folder_of_programs().map_err(|error| format!("{error:#}")));
    let path = folder
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .join(name);
    ensure!(path.is_file(), "{} is not there", path.display());
    Ok(path)
}

/// The program under another version of the same length: the same file in which it stands another number.
///
/// # Errors
/// When the file cannot be read, or holds no version of this build.
pub fn at_version(program: &Path, version: &str) -> Result<Vec<u8>> {
    const OWN: &str = env!("CARGO_PKG_VERSION");
    ensure!(
        version.len() == OWN.len(),
        "{version} has another length than {OWN}"
    );
    let mut bytes = fs::read(program)?;
    let places: Vec<usize> = bytes
        .windows(OWN.len())
        .enumerate()
        .filter(|(_, window)| *window == OWN.as_bytes())
        .map(|(at, _)| at)
        .collect();
    ensure!(!places.is_empty(), "{} holds no {OWN}", program.display());
    for at in places {
        bytes[at..at + OWN.len()].copy_from_slice(version.as_bytes());
    }
    Ok(bytes)
}

fn folder_of_programs() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("DESKWARDEN_BIN_DIR") {
        return Ok(PathBuf::from(folder));
    }
    // Tests are separate processes: one builds, the others wait for it.
    let lock = File::create(std::env::temp_dir().join("deskwarden-tests-build.lock"))?;
    lock.lock()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "build",
            "--package",
            "deskwarden-agent",
            "--package",
            "deskwarden-collector",
            "--bins",
        ])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(tree::root())
        .stderr(Stdio::inherit())
        .output()
        .context("cargo does not start")?;
    ensure!(output.status.success(), "the programs do not build");
    let executable = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("cargo built no program")?;
    Ok(executable.parent().unwrap_or(Path::new("/")).to_path_buf())
}

/// A command that runs one of the product's programs with a clock that is off by `shift` (`-40d`, empty for the
/// true time), or with clocks that run faster (`x144`). Clocks that only run on are left alone where it is off.
///
/// # Errors
/// When the program is not there.
pub fn at(shift: &str, name: &str) -> Result<Command> {
    let program = product(name)?;
    if shift.is_empty() {
        return Ok(Command::new(program));
    }
    // The wrapper of the package would stay between a test and the process that it ends.
    let library = fs::read_dir("/usr/lib")?
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketime.so.1")))
        .find(|library| library.exists())
        .context("libfaketime is not installed")?;
    let mut command = Command::new(program);
    command.env("LD_PRELOAD", library);
    if shift.starts_with('x') {
        command.env("FAKETIME", format!("+0 {shift}"));
    } else {
        command
            .env("FAKETIME", shift)
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    }
    Ok(command)
}

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    output: Output,
}

/// Where a line was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Program {
    /// Starts a command and keeps every line that it writes.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("{name} does not start: {command:?}"))?;
        let output = Output::default();
        output.follow(Stream::Out, child.stdout.take().context("no standard output")?);
        output.follow(Stream::Err, child.stderr.take().context("no standard error")?);
        Ok(Self {
            name: name.to_owned(),
            child,
            output,
        })
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line of standard output, past or to come, that `read` makes something of.
    ///
    /// # Errors
    /// When the program ends or [`PATIENCE`] does.
    pub fn line<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        let mut next = 0;
        loop {
            let lines = self.output.wait_beyond(next, Duration::from_millis(200));
            for (stream, line) in lines.get(next..).unwrap_or_default() {
                if let Some(found) = (*stream == Stream::Out).then(|| read(line)).flatten() {
                    return Ok(found);
                }
            }
            next = lines.len();
            drop(lines);
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended ({status}) before {what}:\n{}", self.name, self.log());
            }
            ensure!(
                Instant::now() < deadline,
                "{}: no {what}:\n{}",
                self.name,
                self.log()
            );
        }
    }

    /// Everything written so far to one stream.
    pub fn lines(&self, wanted: Stream) -> Vec<String> {
        self.output
            .lines()
            .iter()
            .filter(|(stream, _)| *stream == wanted)
            .map(|(_, line)| line.clone())
            .collect()
    }

    /// The last lines, for a failure.
    pub fn log(&self) -> String {
        let lines = self.output.lines();
        let start = lines.len().saturating_sub(SHOWN_LINES);
        lines
            .get(start..)
            .unwrap_or_default()
            .iter()
            .map(|(_, line)| format!("  {}| {line}\n", self.name))
            .collect()
    }

    /// Asks the program to end, as a service manager does, and waits for it.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended()
    }

    /// Whether the program has ended already.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Ends the program without notice, as a power cut does.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill()?;
        Ok(self.child.wait()?)
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Errors
    /// When it does not within [`PATIENCE`].
    pub fn ended(&mut self) -> Result<ExitStatus> {
        let status = eventually(&format!("{} to end", self.name), PATIENCE, || {
            Ok(self.child.try_wait()?)
        });
        status.with_context(|| format!("it wrote:\n{}", self.log()))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the program is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.child.id())?).context("no process id")?;
        kill_process(id, signal).with_context(|| format!("{} cannot be signalled", self.name))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
        if thread::panicking() {
            show(&self.log());
        }
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it does not start or fails; with everything that it wrote.
pub fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    arguments: I,
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    finish(&mut command)
}

/// Runs a prepared command to its end; its standard output.
///
/// # Errors
/// When it does not start or fails; with everything that it wrote.
pub fn finish(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}

#[expect(
    clippy::print_stderr,
    reason = "what a program wrote is the explanation of a failing test"
)]
fn show(log: &str) {
    eprintln!("{log}");
}

type Lines = Vec<(Stream, String)>;

/// Lines as they come, from two threads.
#[derive(Clone, Debug, Default)]
struct Output(Arc<(Mutex<Lines>, Condvar)>);

impl Output {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait_beyond(&self, count: usize, patience: Duration) -> MutexGuard<'_, Lines> {
        let waited = self
            .0
            .1
            .wait_timeout_while(self.lines(), patience, |lines| lines.len() <= count);
        waited.map_or_else(|poisoned| poisoned.into_inner().0, |(lines, _)| lines)
    }

    fn follow(&self, stream: Stream, from: impl Read + Send + 'static) {
        let output = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                output.lines().push((stream, line));
                output.0.1.notify_all();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_written_before_is_found() {
        let mut program = Program::start(
            "sh",
            Command::new("sh").args(["-c", "echo one; echo two; exec sleep 60"]),
        )
        .unwrap();
        assert_eq!(
            program.line("two", |line| (line == "two").then_some(2)).unwrap(),
            2
        );
        assert_eq!(
            program.line("one", |line| (line == "one").then_some(1)).unwrap(),
            1
        );
        assert!(!program.stop().unwrap().success());
    }

    #[test]
    fn a_program_that_ends_early_fails_with_what_it_wrote() {
        let mut program =
            Program::start("sh", Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap();
        let error = program.line("ready", |_| None::<()>).unwrap_err().to_string();
        assert!(
            error.contains("before ready") && error.contains("sh| broken"),
            "{error}"
        );
    }
}
