//! The page of what the Linux agent looks at (`deploy/docs/sources.md`): its table has a row for every source that the
//! agent has. What a source reads is told by people; what makes the agent look again is what the source itself says.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use deskwarden_platform::{KernelEvent, Root, Source};
use deskwarden_proto::section;

/// The line that the table is below.
const HEAD: &str = "| section | source | reads | looked at again by |\n|---|---|---|---|\n";

/// The page with a table of these sources: descriptions as they stand in `page`, the rest anew.
///
/// # Errors
/// When the page has no such table, or describes a source that there is not.
pub fn renewed(page: &str, sources: &[Box<dyn Source>], empty: &Root) -> Result<String> {
    let (before, rest) = page
        .split_once(HEAD)
        .context("the page has no table of sources")?;
    let rows = rest
        .split_inclusive('\n')
        .take_while(|line| line.starts_with('|'));
    let end = rows.map(str::len).sum();
    let (old, after) = rest.split_at(end);
    let mut told: Vec<(&str, &str, &str)> = old.lines().map(cells).collect::<Result<_>>()?;
    let mut table = String::new();
    for source in sources {
        let id = source.id();
        let name = section::name(id.section);
        let at = told
            .iter()
            .position(|(section, source, _)| (*section, *source) == (name, id.source));
        let reads = at.map_or("", |at| told.swap_remove(at).2);
        let again = again(source.as_ref(), empty);
        // Writing to a string does not fail.
        let _ok = writeln!(table, "| {name} | {} | {reads} | {again} |", id.source);
    }
    ensure!(told.is_empty(), "there are no such sources: {told:?}");
    Ok(format!("{before}{HEAD}{table}{after}"))
}

/// Sources of the table whose description is missing.
///
/// # Errors
/// When the page has no such table.
pub fn undescribed(page: &str) -> Result<Vec<String>> {
    let (_, rest) = page
        .split_once(HEAD)
        .context("the page has no table of sources")?;
    let rows = rest.lines().take_while(|line| line.starts_with('|'));
    let cells: Vec<(&str, &str, &str)> = rows.map(cells).collect::<Result<_>>()?;
    let empty = cells.iter().filter(|(_, _, reads)| reads.len() < 10);
    Ok(empty
        .map(|(section, source, _)| format!("{section} / {source}"))
        .collect())
}

/// Section, source and description of a row.
fn cells(row: &str) -> Result<(&str, &str, &str)> {
    let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
    let [section, source, reads, _] = cells.as_slice() else {
        anyhow::bail!("not four cells: {row}");
    };
    Ok((section, source, reads))
}

/// What makes the agent look again before the next full scan.
fn again(source: &dyn Source, root: &Root) -> String {
    let mut ways = Vec::new();
    if !source.watches(root).is_empty() {
        ways.push("watch".to_owned());
    }
    let events = source.events();
    if events.iter().any(|event| *event != KernelEvent::Device) {
        ways.push("netlink".to_owned());
    }
    if events.contains(&KernelEvent::Device) {
        ways.push("device events".to_owned());
    }
    if let Some(every) = source.every() {
        let minutes = every.as_secs() / 60;
        ways.push(match minutes {
            1 => "every minute".to_owned(),
            minutes => format!("every {minutes} minutes"),
        });
    }
    if ways.is_empty() {
        "full scan".to_owned()
    } else {
        ways.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_stay_new_sources_wait_for_theirs_and_gone_ones_are_told() {
        let empty = tempfile::tempdir().unwrap();
        let root = Root::at(empty.path());
        let sources = deskwarden_platform::sources();
        let bare = format!("# Title\n\n{HEAD}\n\nAfter.\n");
        let first = renewed(&bare, &sources, &root).unwrap();
        assert_eq!(undescribed(&first).unwrap().len(), sources.len());
        let told = first.replace(
            "| software | dpkg |  |",
            "| software | dpkg | the list of packages |",
        );
        let again = renewed(&told, &sources, &root).unwrap();
        assert_eq!(again, told);
        assert_eq!(undescribed(&again).unwrap().len(), sources.len() - 1);
        assert!(again.ends_with("\n\nAfter.\n"));
        let wrong = told.replace("| software | dpkg |", "| software | dkpg |");
        let error = renewed(&wrong, &sources, &root).unwrap_err();
        assert!(error.to_string().contains("dkpg"), "{error}");
    }
}
