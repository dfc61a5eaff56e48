//! What a test needs from the machine, and the list of what could therefore not run. A test that lacks something
//! says so there and ends; `tests/run` shows the list before its result.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf, process::Command};

use crate::architecture::tree;

/// Where pictures, logs and the list of what did not run are put.
pub fn output() -> PathBuf {
    let folder = tree::root().join("tests/output");
    std::fs::create_dir_all(&folder).ok();
    folder
}

/// Whether this process is root; notes the test as not run where it is not.
pub fn root(test: &str) -> bool {
    rustix::process::geteuid().is_root() || missing(test, "it needs root (or sudo without a password)")
}

/// Whether a program is installed; notes the test as not run where it is not.
pub fn program(test: &str, name: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$1\" >/dev/null", "sh", name])
        .status();
    found.is_ok_and(|status| status.success()) || missing(test, &format!("{name} is not installed"))
}

/// Whether long runs are wanted (`./tests/run --soak`). A test that only makes sense long ends where they are not;
/// one that is useful short chooses its length by this.
pub fn soak() -> bool {
    std::env::var_os("DESKWARDEN_SOAK").is_some_and(|value| value == "1")
}

/// Notes that a test did not run.
pub fn missing(test: &str, why: &str) -> bool {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(output().join("not-run.txt"));
    if let Ok(mut file) = file {
        writeln!(file, "{test}: {why}").ok();
    }
    false
}
