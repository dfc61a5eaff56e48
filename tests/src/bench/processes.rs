//! CPU of processes that run on: one, or a server with all its children. In seconds, as the kernel counts ticks.

use std::fs;

use anyhow::{Context as _, Result};

/// CPU of a process so far.
///
/// # Errors
/// When it is gone.
pub fn cpu_of(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields = fields(&stat).context("stat is cut off")?;
    Ok(fields.own / ticks())
}

/// CPU of a server and of all its children, past and present.
///
/// # Errors
/// When processes cannot be listed.
pub fn cpu_of_family(server: u32) -> Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some(fields) = fields(&stat) else { continue };
        if fields.process == server {
            sum += fields.own + fields.ended_children;
        } else if fields.parent == server {
            sum += fields.own;
        }
    }
    Ok(sum / ticks())
}

/// A server and its children of now.
///
/// # Errors
/// When processes cannot be listed.
pub fn family(server: u32) -> Result<Vec<u32>> {
    let mut members = vec![server];
    for entry in fs::read_dir("/proc")?.flatten() {
        let stat = fs::read_to_string(entry.path().join("stat"));
        // One may end between the list and the question.
        let Some(fields) = stat.ok().and_then(|stat| fields(&stat)) else {
            continue;
        };
        if fields.parent == server {
            members.push(fields.process);
        }
    }
    Ok(members)
}

/// What a piece of work cost a process, and what it gave.
///
/// # Errors
/// When the work fails or the process is gone.
pub fn spent<T>(process: u32, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
    let before = cpu_of(process)?;
    let done = work()?;
    Ok((cpu_of(process)? - before, done))
}

struct Fields {
    process: u32,
    parent: u32,
    /// Ticks.
    own: f64,
    ended_children: f64,
}

/// The fields of proc(5)'s stat: process, parent, then user and system time, of itself and of children that ended.
fn fields(stat: &str) -> Option<Fields> {
    // The name may hold spaces and brackets; what follows it does not.
    let (head, rest) = stat.rsplit_once(") ")?;
    let rest: Vec<&str> = rest.split(' ').collect();
    let number = |at: usize| rest.get(at)?.parse::<f64>().ok();
    Some(Fields {
        process: head.split(' ').next()?.parse().ok()?,
        parent: rest.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        ended_children: number(13)? + number(14)?,
    })
}

fn ticks() -> f64 {
    rustix::param::clock_ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "42 (a) b (c)) S 7 42 42 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0";
        let fields = fields(stat).unwrap();
        assert_eq!((fields.process, fields.parent), (42, 7));
        assert_eq!((fields.own, fields.ended_children), (120.0, 7.0));
        assert!(super::fields("42 (a) S 7").is_none());
    }

    #[test]
    fn a_family_costs_at_least_what_its_parent_does() {
        let own = std::process::id();
        assert!(cpu_of_family(own).unwrap() >= cpu_of(own).unwrap());
        assert!(cpu_of(u32::MAX).is_err());
    }

    #[test]
    fn a_family_is_a_server_and_its_children() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let members = family(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(members.contains(&std::process::id()) && members.contains(&child.id()));
    }
}
