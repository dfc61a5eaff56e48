//! Source `media/history`: USB storage that was connected before, as the system's journal or its log files
//! tell. Reaches back as far as they do, and a year further for what the agent read there itself.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    clock::{Zone, parse_tzif},
    journal,
    serial::meaningful,
    text,
    usb_log::{Storage, UsbLog, parse_kernel_line},
};
use deskwarden_proto::{
    key,
    v1::{Media, Section, facet::Kind},
};

use crate::{
    Fact, Reading, Root, Seen, Source, SourceId, Unavailable,
    linux::{
        gather::Gather,
        host::monotonic_ms,
        logon::unix_now,
        memory::{DAY_MS, Memory},
    },
};

/// Of systems that keep it on the disk, and of those that keep it in memory.
const JOURNALS: [&str; 2] = ["var/log/journal", "run/log/journal"];
/// What the kernel calls the parts that speak of storage.
const SUBSYSTEMS: [&str; 2] = ["usb", "scsi"];
const LOGS: &str = "var/log";
/// Beginnings of the names of log files with the kernel's messages, the usual one first.
const LOG_NAMES: [&str; 3] = ["kern.log", "messages", "syslog"];
/// Most bytes of the end of one log file.
const MAX_LOG: u64 = 16 << 20;
/// Most files of one kind.
const MAX_FILES: usize = 200;
const KEEP_MS: u64 = 366 * DAY_MS;
const LOCALTIME: &str = "etc/localtime";

type Message = (i64, String);

/// The journal, or else log files.
#[derive(Default)]
pub(in crate::linux) struct History {
    seen: Memory,
    /// Messages of journals that are not written any more, by path, with their stamp.
    archived: Mutex<HashMap<String, (u64, Vec<Message>)>>,
}

impl Source for History {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Media,
            source: "history",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let mut messages = self.journal(root, &mut gather);
        if messages.is_none() {
            messages = log_files(root, &mut gather);
        }
        let Some(mut messages) = messages else {
            let why = format!(
                "{}: neither a journal nor log files of the kernel",
                root.display(LOGS).display()
            );
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        messages.sort_by_key(|(seconds, _)| *seconds);
        let mut log = UsbLog::default();
        for (seconds, message) in &messages {
            log.message(*seconds, message);
        }
        let zone = root
            .read_limited(LOCALTIME, 1 << 20)
            .ok()
            .flatten()
            .map(|bytes| parse_tzif(&bytes))
            .unwrap_or_default();
        let facts = log
            .finish()
            .into_iter()
            .map(|device| fact(device, &zone))
            .collect();
        gather.facts = self.seen.merge(monotonic_ms(), KEEP_MS, facts);
        gather.finish(self.id())
    }

    fn remembered(&self) -> Vec<Seen> {
        self.seen.remembered(monotonic_ms(), unix_now())
    }

    fn recall(&self, seen: Vec<Seen>) {
        self.seen.recall(monotonic_ms(), unix_now(), seen);
    }
}

impl History {
    /// Messages of the kernel about storage; `None` where there is no journal of the system.
    fn journal(&self, root: &Root, gather: &mut Gather) -> Option<Vec<Message>> {
        let mut files = Vec::new();
        for place in JOURNALS {
            for machine in gather.folder(root, place, "") {
                let journals = gather.folder(root, &machine, ".journal").into_iter();
                // Those of users hold nothing of the kernel.
                files.extend(journals.filter(|path| path.contains("/system")));
            }
        }
        files.truncate(MAX_FILES);
        if files.is_empty() {
            return None;
        }
        let mut archived = self.archived.lock().unwrap_or_else(PoisonError::into_inner);
        archived.retain(|path, _| files.contains(path));
        let mut all = Vec::new();
        for path in files {
            // Only the one that is being written has no `@` in its name.
            let stamp = path.contains('@').then(|| root.stamp([path.as_str()]));
            if let Some((_, known)) = archived.get(&path).filter(|(of, _)| Some(*of) == stamp) {
                all.extend_from_slice(known);
                continue;
            }
            match of_journal(root, &path) {
                Ok(found) => {
                    all.extend_from_slice(&found);
                    if let Some(stamp) = stamp {
                        archived.insert(path, (stamp, found));
                    }
                }
                Err(why) => gather.fault(why),
            }
        }
        Some(all)
    }
}

fn of_journal(root: &Root, path: &str) -> Result<Vec<Message>, Unavailable> {
    let mut found = Vec::new();
    for subsystem in SUBSYSTEMS {
        let Some(file) = root.open_file(path)? else {
            return Ok(found);
        };
        let walked = journal::messages(file, "_KERNEL_SUBSYSTEM", subsystem, |micros, message| {
            let seconds = i64::try_from(micros / 1_000_000).unwrap_or_default();
            found.push((seconds, text::decode(message).into_owned()));
        });
        if walked.is_none() {
            let place = root.display(path);
            return Err(Unavailable::Failed(format!(
                "{}: damaged, or not a journal; it is not read",
                place.display()
            )));
        }
    }
    Ok(found)
}

/// Messages out of log files; `None` where there are none of the kernel.
fn log_files(root: &Root, gather: &mut Gather) -> Option<Vec<Message>> {
    let names = gather.folder(root, LOGS, "");
    let of = |kind: &&str| {
        let begin = format!("{LOGS}/{kind}");
        let all = names.iter().filter(|path| path.starts_with(&begin));
        let all: Vec<&String> = all.take(MAX_FILES).collect();
        (!all.is_empty()).then_some(all)
    };
    let files = LOG_NAMES.iter().find_map(of)?;
    let mut found = Vec::new();
    for path in files {
        if [".gz", ".xz", ".bz2", ".zst"]
            .iter()
            .any(|ending| path.ends_with(ending))
        {
            gather.fault(Unavailable::Unsupported(
                "older logs of the kernel are compressed and are not read".to_owned(),
            ));
            continue;
        }
        match root.read_end(path, MAX_LOG) {
            Ok(bytes) => {
                let written = root.modified(path).unwrap_or_else(unix_now);
                let lines = text::lines(&bytes).map(text::decode);
                found.extend(lines.filter_map(|line| {
                    let (seconds, message) = parse_kernel_line(&line, written)?;
                    let wanted = ["usb", "scsi host"]
                        .iter()
                        .any(|begin| message.starts_with(begin));
                    wanted.then(|| (seconds, message.to_owned()))
                }));
            }
            Err(why) => gather.fault(why),
        }
    }
    Some(found)
}

fn fact(device: Storage, zone: &Zone) -> Fact {
    let media = Media {
        vendor: device.vendor,
        model: device.model,
        serial: meaningful(&device.serial).to_owned(),
        usb_id: device.usb_id,
        last_seen_day: zone.day(device.last_s),
        ..Media::default()
    };
    Fact::machine(key::media(&media.serial, &media.usb_id), Kind::Media(media))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    const KERNEL: [&str; 4] = [
        "usb 1-4: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10",
        "usb 1-4: Product: DataTraveler 3.0",
        "usb 1-4: SerialNumber: E0D55EA5",
        "usb-storage 1-4:1.0: USB Mass Storage device detected",
    ];

    fn media(reading: &Reading) -> Vec<(&str, &str, bool)> {
        let media = reading.facts.iter().filter_map(|fact| match &fact.facet.kind {
            Some(Kind::Media(media)) => {
                Some((fact.key.as_str(), media.last_seen_day.as_str(), media.present))
            }
            _ => None,
        });
        media.collect()
    }

    #[test]
    fn log_files_tell_what_was_connected_and_the_agent_remembers_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let source = History::default();
        assert_eq!(source.read(&root).look, Look::Unsupported);
        let logs = folder.path().join(LOGS);
        fs::create_dir_all(&logs).unwrap();
        let lines = KERNEL.map(|line| format!("2026-11-20T09:00:00.5+00:00 pc kernel: [    9.1] {line}\n"));
        fs::write(logs.join("kern.log.1"), lines.concat()).unwrap();
        fs::write(
            logs.join("kern.log"),
            "2026-11-21T09:00:00Z pc kernel: usb usb1: x\n",
        )
        .unwrap();
        let reading = source.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        assert_eq!(media(&reading), [("serial:E0D55EA5", "2026-11-20", false)]);
        fs::remove_file(logs.join("kern.log.1")).unwrap();
        fs::write(logs.join("kern.log.2.gz"), "").unwrap();
        let later = source.read(&root);
        assert_eq!(media(&later).len(), 1, "rotated away, not forgotten");
        assert_eq!(later.look, Look::Partial);
        assert!(later.reason.contains("compressed"));
    }

    #[test]
    fn a_damaged_journal_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let place = folder.path().join(JOURNALS[0]).join("0123");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("system.journal"), "no journal").unwrap();
        fs::write(place.join("user-1000.journal"), "of a user").unwrap();
        let reading = History::default().read(&root);
        assert_eq!(reading.look, Look::Partial);
        assert!(reading.reason.contains("system.journal"), "{}", reading.reason);
        assert!(!reading.reason.contains("user-1000"));
    }

    #[test]
    fn journals_of_either_layout_tell_what_was_connected() {
        for name in ["new.parts", "old.parts"] {
            // Parts of a file of mostly zeros: place, length, bytes; see make.py beside them.
            let made = concat!(env!("CARGO_MANIFEST_DIR"), "/../parse/fixtures/journal/");
            let parts = fs::read(format!("{made}{name}")).unwrap();
            let number = |bytes: &[u8]| {
                let mut wide = [0; 8];
                wide[..bytes.len()].copy_from_slice(bytes);
                usize::try_from(u64::from_le_bytes(wide)).unwrap()
            };
            let mut whole = vec![0; number(&parts[..8])];
            let mut rest = &parts[8..];
            while !rest.is_empty() {
                let (at, length) = (number(&rest[..8]), number(&rest[8..12]));
                whole[at..at + length].copy_from_slice(&rest[12..12 + length]);
                rest = &rest[12 + length..];
            }
            let folder = tempfile::tempdir().unwrap();
            let place = folder.path().join(JOURNALS[0]).join("0123");
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("system@1-2-3.journal"), whole).unwrap();
            let source = History::default();
            for _ in 0..2 {
                let reading = source.read(&Root::at(folder.path()));
                assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
                let keys: Vec<_> = media(&reading)
                    .into_iter()
                    .map(|(key, ..)| key.to_owned())
                    .collect();
                assert_eq!(
                    keys,
                    ["serial:E0D55EA5", "serial:S5TPNJ0R"],
                    "{name}: no keyboard"
                );
            }
            let archived = source.archived.lock().unwrap();
            assert_eq!(archived.len(), 1, "read once, because it is not written any more");
        }
    }

    /// A journal that systemd wrote, where this machine has one and a disk was ever connected.
    #[test]
    fn the_running_system_answers_without_breaking_down() {
        let reading = History::default().read(&Root::host());
        assert_ne!(reading.look, Look::Unspecified);
    }
}
