//! What a whole program costs: CPU of it and everything that it starts and waits for, and the peak memory of its
//! largest process. A small copy of the bench starts it, so that the memory of the bench itself does not count.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::File,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// First argument of the small copy.
const SERVE: &str = "--serve-cost";

/// What one run of a program cost.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// User and system CPU of the program and all that it waited for, in milliseconds.
    pub cpu_ms: f64,
    /// From start to end, in milliseconds.
    pub wall_ms: f64,
    /// Peak resident memory of the largest of its processes, in KiB.
    pub peak_kib: f64,
}

/// Runs a program to its end, with its standard output into a file.
///
/// # Errors
/// When it does not start or fails.
pub fn cost<S: AsRef<OsStr>>(command: &[S], output: &File) -> Result<Cost> {
    let served = Command::new(env::current_exe()?)
        .arg(SERVE)
        .args(command)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(Stdio::piped())
        .output()?;
    let told = String::from_utf8_lossy(&served.stderr);
    let shown: Vec<_> = command
        .iter()
        .map(|part| part.as_ref().to_string_lossy())
        .collect();
    ensure!(served.status.success(), "{}: {told}", shown.join(" "));
    let last = told.lines().next_back().context("the cost was not told")?;
    serde_json::from_str(last).with_context(|| format!("no cost: {told}"))
}

/// A bench that measures costs calls this first: true when this process is the small copy, which is then done.
///
/// # Errors
/// When the program does not start or fails.
#[expect(clippy::print_stderr, reason = "the copy answers on its standard error")]
pub fn serve_cost() -> Result<bool> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(SERVE)) {
        return Ok(false);
    }
    let command: Vec<OsString> = arguments.collect();
    let (program, rest) = command.split_first().context("no program")?;
    let begun = Instant::now();
    let status = Command::new(program).args(rest).status()?;
    let wall_ms = begun.elapsed().as_secs_f64() * 1000.0;
    ensure!(status.success(), "{}: {status}", program.display());
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let ms = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 * 1e3 + time.tv_usec() as f64 / 1e3;
    let cost = Cost {
        cpu_ms: ms(usage.user_time()) + ms(usage.system_time()),
        wall_ms,
        peak_kib: usage.max_rss() as f64,
    };
    eprintln!("{}", serde_json::to_string(&cost)?);
    Ok(true)
}
