//! Source `media/usb`: USB storage that is connected, or was at some time while the agent ran.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::{
    clock::{Zone, parse_tzif},
    serial::meaningful,
};
use deskwarden_proto::{
    key,
    v1::{Media, Section, facet::Kind},
};

use crate::{
    Fact, KernelEvent, Reading, Root, Seen, Source, SourceId, Unavailable,
    linux::{gather::Gather, logon::unix_now},
};

const DEVICES: &str = "sys/bus/usb/devices";
const BLOCK: &str = "sys/block";
/// Interface class of mass storage.
const STORAGE: &str = "08";
const MAX_ATTRIBUTE: usize = 4_096;
/// Most devices that are remembered after they were pulled out.
const MAX_KNOWN: usize = 256;

/// Devices on the USB.
#[derive(Default)]
pub(in crate::linux) struct Usb {
    known: Mutex<BTreeMap<String, Media>>,
}

impl Source for Usb {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Media,
            source: "usb",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.exists(DEVICES) {
            let why = format!("{}: this system has no USB", root.display(DEVICES).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let mut devices: Vec<String> = gather
            .folder(root, DEVICES, "")
            .iter()
            .filter(|path| attribute(root, path, "bInterfaceClass") == STORAGE)
            .filter_map(|path| Some(path.rsplit('/').next()?.split(':').next()?.to_owned()))
            .collect();
        devices.sort();
        devices.dedup();
        let blocks = block_links(root, &mut gather);
        let present: BTreeMap<String, Media> = devices
            .iter()
            .map(|name| {
                let media = media(root, name, &blocks);
                (key::media(&media.serial, &media.usb_id), media)
            })
            .collect();
        let today = zone(root).day(unix_now());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, media) in known.iter_mut() {
            if media.present && !present.contains_key(key) {
                media.present = false;
                media.last_seen_day.clone_from(&today);
            }
        }
        known.extend(present);
        while known.len() > MAX_KNOWN {
            let Some(oldest) = known
                .iter()
                .filter(|(_, media)| !media.present)
                .min_by(|a, b| a.1.last_seen_day.cmp(&b.1.last_seen_day))
                .map(|(key, _)| key.clone())
            else {
                break;
            };
            known.remove(&oldest);
        }
        gather.facts = known
            .iter()
            .map(|(key, media)| Fact::machine(key.clone(), Kind::Media(media.clone())))
            .collect();
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }

    fn remembered(&self) -> Vec<Seen> {
        let at_s = unix_now();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .iter()
            .map(|(key, media)| Seen {
                fact: Fact::machine(key.clone(), Kind::Media(media.clone())),
                at_s,
            })
            .collect()
    }

    fn recall(&self, seen: Vec<Seen>) {
        let zone = zone(&Root::host());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for Seen { fact, at_s } in seen.into_iter().take(MAX_KNOWN) {
            if let Some(Kind::Media(mut media)) = fact.facet.kind {
                if media.present {
                    // Whether it still is, the first look tells.
                    media.present = false;
                    media.last_seen_day = zone.day(at_s);
                }
                known.entry(fact.key).or_insert(media);
            }
        }
    }
}

fn zone(root: &Root) -> Zone {
    let bytes = root.read_limited("etc/localtime", 1 << 20).ok().flatten();
    bytes.map(|bytes| parse_tzif(&bytes)).unwrap_or_default()
}

/// Block devices with the chain of devices that each is on.
fn block_links(root: &Root, gather: &mut Gather) -> Vec<(String, String)> {
    gather
        .folder(root, BLOCK, "")
        .into_iter()
        .filter_map(|path| {
            let chain = root.read_link(&path)?.to_string_lossy().into_owned();
            chain.contains("/usb").then_some((path, chain))
        })
        .collect()
}

fn media(root: &Root, name: &str, blocks: &[(String, String)]) -> Media {
    let device = format!("{DEVICES}/{name}");
    let text = |of: &str| attribute(root, &device, of);
    let on_it = format!("/{name}/");
    let sectors: u64 = blocks
        .iter()
        .filter(|(_, chain)| chain.contains(&on_it))
        .filter_map(|(path, _)| attribute(root, path, "size").parse::<u64>().ok())
        .fold(0, u64::saturating_add);
    Media {
        vendor: text("manufacturer"),
        model: text("product"),
        serial: meaningful(&text("serial")).to_owned(),
        size_bytes: sectors.saturating_mul(512),
        present: true,
        usb_id: format!("{}:{}", text("idVendor"), text("idProduct")),
        last_seen_day: String::new(),
    }
}

fn attribute(root: &Root, device: &str, name: &str) -> String {
    let bytes = root
        .read_limited(&format!("{device}/{name}"), MAX_ATTRIBUTE)
        .ok()
        .flatten()
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink, path::Path};

    fn write(folder: &Path, rows: &[(&str, &str)]) {
        for (name, value) in rows {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value).unwrap();
        }
    }

    #[test]
    fn a_stick_is_seen_and_remembered_after_it_was_pulled_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let source = Usb::default();
        assert_eq!(source.read(&root).look, Look::Unsupported);
        let at = folder.path().join(DEVICES);
        write(
            &at,
            &[
                ("1-4/idVendor", "0951\n"),
                ("1-4/idProduct", "1666\n"),
                ("1-4/manufacturer", "Kingston\n"),
                ("1-4/product", "DataTraveler 3.0\n"),
                ("1-4/serial", "E0D55EA5\n"),
                ("1-4:1.0/bInterfaceClass", "08\n"),
                ("1-5/idVendor", "046d\n"),
                ("1-5:1.0/bInterfaceClass", "03\n"),
            ],
        );
        let disk = folder
            .path()
            .join("sys/devices/pci0000:00/usb1/1-4/1-4:1.0/host6/block/sdb");
        write(&disk, &[("size", "2000\n")]);
        fs::create_dir_all(folder.path().join(BLOCK)).unwrap();
        symlink(
            "../devices/pci0000:00/usb1/1-4/1-4:1.0/host6/block/sdb",
            folder.path().join(BLOCK).join("sdb"),
        )
        .unwrap();
        let reading = source.read(&root);
        assert_eq!((reading.look, reading.facts.len()), (Look::Looked, 1));
        let Some(Kind::Media(media)) = &reading.facts[0].facet.kind else {
            panic!("not media")
        };
        assert_eq!(
            (
                &*reading.facts[0].key,
                &*media.model,
                media.size_bytes,
                media.present
            ),
            ("serial:E0D55EA5", "DataTraveler 3.0", 1_024_000, true)
        );
        fs::remove_dir_all(at.join("1-4:1.0")).unwrap();
        let after = source.read(&root);
        let Some(Kind::Media(media)) = &after.facts[0].facet.kind else {
            panic!("not media")
        };
        assert!(!media.present && !media.last_seen_day.is_empty());
    }

    #[test]
    fn a_stick_that_was_pulled_out_while_the_agent_was_off_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(DEVICES)).unwrap();
        let media = Media {
            serial: "E0D55EA5".to_owned(),
            present: true,
            ..Media::default()
        };
        let source = Usb::default();
        source.recall(vec![Seen {
            fact: Fact::machine("serial:E0D55EA5".to_owned(), Kind::Media(media)),
            at_s: 1_790_000_000,
        }]);
        let reading = source.read(&Root::at(folder.path()));
        let Some(Kind::Media(media)) = &reading.facts[0].facet.kind else {
            panic!("not media")
        };
        assert!(!media.present);
        assert!(
            media.last_seen_day.starts_with("2026-09-2"),
            "{}",
            media.last_seen_day
        );
        assert_eq!(source.remembered().len(), 1);
    }
}
