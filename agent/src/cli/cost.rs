//! `collect --cost`: what looking costs on this PC, source by source: the first look, and a second one right
//! after it, as the running agent does it. For whoever asks what the agent takes from a PC.

use std::io::Write;

use anyhow::Context as _;
use deskwarden_platform::{Root, cpu_us, sources};
use deskwarden_proto::{
    diff::Shadow,
    section::{self, Section},
};
use serde_json::json;

use crate::scan::looks::{Looks, Stamps};

struct Cost {
    section: Section,
    source: &'static str,
    items: usize,
    first_us: u64,
    again_us: u64,
    read_again: bool,
}

/// Looks twice at the sections, or at all, and prints the CPU that it took.
pub(super) fn run(
    sections: &[Section],
    as_json: bool,
    root: &Root,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let costs = measure(sections, root).context("this system does not tell the CPU of a program")?;
    let first: u64 = costs.iter().map(|cost| cost.first_us).sum();
    let again: u64 = costs.iter().map(|cost| cost.again_us).sum();
    if as_json {
        let sources: Vec<_> = costs
            .iter()
            .map(|cost| {
                json!({
                    "section": section::name(cost.section),
                    "source": cost.source,
                    "items": cost.items,
                    "first_us": cost.first_us,
                    "again_us": cost.again_us,
                    "read_again": cost.read_again,
                })
            })
            .collect();
        let all = json!({"first_us": first, "again_us": again, "sources": sources});
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(
        out,
        "{:>10} {:>10}  CPU in microseconds, first and again",
        "first", "again"
    )?;
    for cost in &costs {
        let name = format!("{} / {}", section::name(cost.section), cost.source);
        let read = if cost.read_again { "" } else { ", not read again" };
        let (first, again, items) = (cost.first_us, cost.again_us, cost.items);
        writeln!(out, "{first:>10} {again:>10}  {name}: {items} items{read}")?;
    }
    writeln!(out, "{first:>10} {again:>10}  all")?;
    Ok(())
}

fn measure(sections: &[Section], root: &Root) -> Option<Vec<Cost>> {
    let mut all = sources();
    all.retain(|source| sections.is_empty() || sections.contains(&source.id().section));
    let mut looks = Looks::new(root.clone(), all);
    let mut shadow = Shadow::default();
    let ids: Vec<_> = looks.sources().iter().map(|source| source.id()).collect();
    let mut costs = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let (_, items, first_us) = look(&mut looks, &mut shadow, index)?;
        costs.push(Cost {
            section: id.section,
            source: id.source,
            items,
            first_us,
            again_us: 0,
            read_again: false,
        });
    }
    for (index, cost) in costs.iter_mut().enumerate() {
        (cost.read_again, _, cost.again_us) = look(&mut looks, &mut shadow, index)?;
    }
    Some(costs)
}

/// Whether it was read, how many items came, and the CPU.
fn look(looks: &mut Looks, shadow: &mut Shadow, index: usize) -> Option<(bool, usize, u64)> {
    let begun = cpu_us()?;
    let Some(seen) = looks.look(index, Stamps::Trust, &[]) else {
        return Some((false, 0, cpu_us()?.saturating_sub(begun)));
    };
    let (reading, stamp) = seen.parts();
    let items = reading.items.len();
    if let Some(delta) = shadow.diff(reading) {
        shadow.apply(&delta);
    }
    looks.kept(index, stamp);
    Some((true, items, cpu_us()?.saturating_sub(begun)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_did_not_change_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let dpkg = folder.path().join("var/lib/dpkg");
        fs::create_dir_all(&dpkg).unwrap();
        fs::write(
            dpkg.join("status"),
            "Package: a\nStatus: install ok installed\nVersion: 1\n",
        )
        .unwrap();
        let costs = measure(&[Section::Software], &Root::at(folder.path())).unwrap();
        let dpkg = costs.iter().find(|cost| cost.source == "dpkg").unwrap();
        assert_eq!((dpkg.items, dpkg.read_again), (1, false));
        assert!(dpkg.first_us > 0);
    }
}
