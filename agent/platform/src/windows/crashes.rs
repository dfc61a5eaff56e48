//! Source `health/crashes`: programs that crashed lately, by the summaries that Windows Error Reporting keeps for the PC and
//! for each person, and how often Windows itself stopped, by the names of its dumps. What was in memory is not read.

use std::collections::BTreeMap;

use deskwarden_parse::{
    error_report::{ProgramCrash, is_minidump, parse_error_report, parse_report_folder},
    registry::Key as _,
};
use deskwarden_proto::v1::Section;

use super::{
    Root,
    gather::Gather,
    host::unix_now,
    people,
    registry::{self, View},
};
use crate::{
    Reading, Source, SourceId, Unavailable, WatchPath, Watched,
    condition::{CRASHES_S, crash},
};

/// Below the folder of programs' data, of all and of each person.
const REPORTS: &str = "Microsoft\\Windows\\WER";
const OF_ALL: &str = "C:\\ProgramData";
const OF_USER: &str = "AppData\\Local";
/// Reports that were dealt with, and those that wait for it.
const KINDS: [&str; 2] = ["ReportArchive", "ReportQueue"];
const SUMMARY: &str = "Report.wer";
/// Where Windows leaves small dumps of itself, and the large one.
const DUMPS: &str = "C:\\Windows\\Minidump";
const DUMP: &str = "C:\\Windows\\MEMORY.DMP";
/// What stands for Windows among the programs.
const WINDOWS: &str = "Windows";
/// Settings of the PC and of its administrators.
const SETTINGS: [&str; 2] = [
    "SOFTWARE\\Microsoft\\Windows\\Windows Error Reporting",
    "SOFTWARE\\Policies\\Microsoft\\Windows\\Windows Error Reporting",
];
/// Most reports of one folder, and largest summary.
const MAX_REPORTS: usize = 5_000;
const MAX_SUMMARY: usize = 4 << 20;

/// What Windows Error Reporting keeps.
pub(super) struct Crashes;

/// Whose a folder of reports is: SID and name, both empty for the PC's.
type Owner = (String, String);

impl Source for Crashes {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Health,
            source: "crashes",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let begin = unix_now() - CRASHES_S;
        let mut counts: BTreeMap<(Owner, String), usize> = BTreeMap::new();
        let mut kept = false;
        for (folder, owner) in places(root, &mut gather) {
            kept |= root.exists(&folder);
            for found in KINDS
                .iter()
                .flat_map(|kind| reports(root, &mut gather, &format!("{folder}\\{kind}"), begin))
            {
                *counts.entry((owner.clone(), found.program)).or_default() += 1;
            }
        }
        let stops = stops(root, &mut gather, begin);
        if !kept && stops == 0 {
            let why = format!(
                "{}: no crashes are kept here",
                root.display(&format!("{OF_ALL}\\{REPORTS}")).display()
            );
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        gather.answered();
        if let Some(place) = SETTINGS.iter().find(|place| is_off(root, &mut gather, place)) {
            gather.fault(Unavailable::Unsupported(format!(
                "HKLM\\{place}: Windows was told to keep no reports of programs that crash"
            )));
        }
        gather.facts = counts
            .into_iter()
            .map(|(((sid, account), program), count)| crash(&program, count).of(sid, &account))
            .chain((stops > 0).then(|| crash(WINDOWS, stops)))
            .collect();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let of_all = format!("{OF_ALL}\\{REPORTS}");
        KINDS
            .iter()
            .map(|kind| format!("{of_all}\\{kind}"))
            .chain([DUMPS.to_owned()])
            .filter(|folder| root.exists(folder))
            .map(|folder| WatchPath {
                path: root.display(&folder),
                what: Watched::Folder,
            })
            .collect()
    }
}

fn places(root: &Root, gather: &mut Gather) -> Vec<(String, Owner)> {
    let mut all = vec![(format!("{OF_ALL}\\{REPORTS}"), Owner::default())];
    for person in people::people(root, gather) {
        if !person.folder.is_empty() {
            let folder = format!("{}\\{OF_USER}\\{REPORTS}", person.folder);
            all.push((folder, (person.sid, person.account)));
        }
    }
    all
}

/// Crashes of a folder of reports, those of the last 30 days.
fn reports(root: &Root, gather: &mut Gather, folder: &str, begin: i64) -> Vec<ProgramCrash> {
    if leads_elsewhere(root, gather, folder) {
        return Vec::new();
    }
    let names = match root.list(folder, MAX_REPORTS) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            gather.fault(why);
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for name in names.into_iter().filter_map(|name| name.into_string().ok()) {
        let report = format!("{folder}\\{name}");
        let summary = format!("{report}\\{SUMMARY}");
        let written = root.modified(&summary).or_else(|| root.modified(&report));
        // Nothing is reported before it happened.
        let Some(written) = written.filter(|at| *at > begin) else {
            continue;
        };
        if leads_elsewhere(root, gather, &report) {
            continue;
        }
        let told = match root.read_limited(&summary, MAX_SUMMARY) {
            Ok(Some(bytes)) => parse_error_report(&bytes),
            Ok(None) => parse_report_folder(&name),
            Err(why) => {
                gather.fault(why);
                parse_report_folder(&name)
            }
        };
        found.extend(told.filter(|crash| crash.seconds.unwrap_or(written) > begin));
    }
    found
}

/// How often Windows stopped. The large dump is that of the last time, and the only one where no small ones are made.
fn stops(root: &Root, gather: &mut Gather, begin: i64) -> usize {
    let recent = |path: &str| root.modified(path).is_some_and(|at| at > begin);
    let names = match root.list(DUMPS, MAX_REPORTS) {
        Ok(names) => names.unwrap_or_default(),
        Err(why) => {
            gather.fault(why);
            Vec::new()
        }
    };
    let small = names
        .into_iter()
        .filter_map(|name| name.into_string().ok())
        .filter(|name| is_minidump(name) && recent(&format!("{DUMPS}\\{name}")))
        .count();
    small.max(usize::from(recent(DUMP)))
}

/// A folder that leads elsewhere is not followed, and that is told: its owner must not choose what is read.
fn leads_elsewhere(root: &Root, gather: &mut Gather, folder: &str) -> bool {
    let leads = root.read_link(folder).is_some();
    if leads {
        let place = root.display(folder);
        gather.fault(Unavailable::Failed(format!(
            "{}: the folder leads elsewhere, not followed",
            place.display()
        )));
    }
    leads
}

fn is_off(root: &Root, gather: &mut Gather, place: &str) -> bool {
    let key = match registry::machine(root, place, View::Native) {
        Ok(key) => key,
        Err(why) => {
            gather.fault(why);
            None
        }
    };
    let set = |name| {
        key.as_ref()
            .and_then(|key| key.number(name))
            .is_some_and(|set| set != 0)
    };
    set("Disabled") || set("LoggingDisabled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fact;
    use deskwarden_proto::v1::{Band, Look, facet::Kind};
    use std::fs;

    /// A summary as Windows writes it, of a crash that long ago.
    fn report(folder: &std::path::Path, name: &str, program: &str, days: i64) {
        let at = (unix_now() - days * 86_400 + 11_644_473_600) * 10_000_000;
        let text = format!("\u{feff}EventType=APPCRASH\r\nEventTime={at}\r\nNsAppName={program}\r\n");
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::create_dir_all(folder.join(name)).unwrap();
        fs::write(folder.join(name).join(SUMMARY), bytes).unwrap();
    }

    fn seen(reading: &Reading) -> Vec<(&str, Band)> {
        let band = |fact: &'_ Fact| match &fact.facet.kind {
            Some(Kind::Health(health)) => health.band(),
            _ => panic!("not health"),
        };
        reading
            .facts
            .iter()
            .map(|fact| (&*fact.key, band(fact)))
            .collect()
    }

    #[test]
    fn crashes_are_counted_by_program_and_old_ones_and_hangs_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Crashes.read(&root).look, Look::Unsupported);
        let kept = folder.path().join("ProgramData\\Microsoft\\Windows\\WER");
        let (archive, queue) = (kept.join("ReportArchive"), kept.join("ReportQueue"));
        for number in 0..4 {
            report(&archive, &format!("AppCrash_{number}"), "微信.exe", number);
        }
        report(&queue, "AppCrash_5", "微信.exe", 1);
        report(&queue, "AppCrash_6", "wps.exe", 1);
        report(&queue, "AppCrash_7", "old.exe", 40);
        let hash = "5a4d0c3f8d1b2a6e7f9c5a4d0c3f8d1b2a6e7f9c";
        fs::create_dir_all(queue.join(format!("AppCrash_et.exe_{hash}_1234_cab_1"))).unwrap();
        fs::create_dir_all(queue.join(format!("AppHang_no.exe_{hash}_1234_cab_1"))).unwrap();
        let dumps = folder.path().join("Windows\\Minidump");
        fs::create_dir_all(&dumps).unwrap();
        for name in ["112826-4711-01.dmp", "112826-4712-01.dmp", "chat.dmp"] {
            fs::write(dumps.join(name), "").unwrap();
        }
        let reading = Crashes.read(&root);
        assert_eq!(
            seen(&reading),
            [
                ("crash:Windows", Band::Warning),
                ("crash:et.exe", Band::Warning),
                ("crash:wps.exe", Band::Warning),
                ("crash:微信.exe", Band::Critical),
            ],
            "{}",
            reading.reason
        );
        assert_eq!(Crashes.watches(&root).len(), 3);
    }
}
