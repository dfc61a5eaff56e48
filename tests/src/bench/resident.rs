//! What a program takes that stays: its memory, and its CPU as the scheduler counts it, to the nanosecond.

use std::fs;

use anyhow::{Context as _, Result};

use super::processes::family;

/// Memory of a process in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Its own and its share of what it shares (PSS).
    pub proportional_kib: f64,
    /// What no file backs.
    pub anonymous_kib: f64,
}

/// Memory of a process now.
///
/// # Errors
/// When it is gone, or belongs to somebody else.
pub fn memory(pid: u32) -> Result<Memory> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let value = |name: &str| -> Result<f64> {
        let line = text.lines().find(|line| line.starts_with(name));
        let number = line.and_then(|line| line.split_ascii_whitespace().nth(1));
        Ok(number.with_context(|| format!("{path} has no {name}"))?.parse()?)
    };
    Ok(Memory {
        proportional_kib: value("Pss:")?,
        anonymous_kib: value("Anonymous:")?,
    })
}

/// Memory of a server and all its children now (PSS, so that what they share counts once), in KiB.
///
/// # Errors
/// When one of them belongs to somebody else.
pub fn memory_of_family(server: u32) -> Result<f64> {
    let each = family(server)?.into_iter().map(memory);
    // A child may end meanwhile.
    let there = each.filter(|told| !matches!(told, Err(error) if is_gone(error)));
    there.map(|told| Ok(told?.proportional_kib)).sum()
}

fn is_gone(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| {
        // Between its end and its burial a process still has a name, but no memory.
        cause.kind() == std::io::ErrorKind::NotFound
            || cause.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
    })
}

/// CPU of all threads of a process so far, in milliseconds. A thread that ended takes its share with it.
///
/// # Errors
/// When it is gone.
pub fn cpu_ms(pid: u32) -> Result<f64> {
    let folder = format!("/proc/{pid}/task");
    let mut nanoseconds = 0.0;
    for thread in fs::read_dir(&folder).with_context(|| format!("{folder} cannot be listed"))? {
        let told = fs::read_to_string(thread?.path().join("schedstat"));
        // A thread may end between the list and the question.
        let first = told
            .ok()
            .and_then(|told| told.split_ascii_whitespace().next()?.parse::<f64>().ok());
        nanoseconds += first.unwrap_or_default();
    }
    Ok(nanoseconds / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_has_memory_and_has_worked() {
        let pid = std::process::id();
        let own = memory(pid).unwrap();
        assert!(own.proportional_kib > 0.0 && own.anonymous_kib > 0.0);
        assert!(cpu_ms(pid).unwrap() > 0.0);
        assert!(memory(u32::MAX).is_err());
        assert!(memory_of_family(pid).unwrap() >= own.proportional_kib / 2.0);
    }
}
