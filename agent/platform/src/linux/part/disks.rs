//! Source `part/sysfs-disks`: disks and optical drives as the kernel sees them.

use std::path::Path;

use deskwarden_parse::serial::meaningful;
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable, hardware::separate,
    linux::gather::Gather,
};

const BLOCK: &str = "sys/block";
/// Block devices that are no parts: made by software, or parts of a disk that is listed itself.
const VIRTUAL: [&str; 8] = ["loop", "ram", "zram", "dm-", "md", "nbd", "rbd", "fd"];
const MAX_ATTRIBUTE: usize = 4_096;

/// Block devices with hardware behind them.
pub(in crate::linux) struct Disks;

impl Source for Disks {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "sysfs-disks",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.exists(BLOCK) {
            let why = format!("{}: no sysfs here", root.display(BLOCK).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        gather.facts = attached(root, &mut gather)
            .into_iter()
            .map(|(_, fact)| fact)
            .collect();
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

/// Every drive: the kernel's name of it, and the part that it is.
pub(in crate::linux) fn attached(root: &Root, gather: &mut Gather) -> Vec<(String, Fact)> {
    let mut names = Vec::new();
    let mut facts = Vec::new();
    for path in gather.folder(root, BLOCK, "") {
        let name = path.rsplit('/').next().unwrap_or_default();
        if VIRTUAL.iter().any(|prefix| name.starts_with(prefix)) || name.contains("boot") {
            continue;
        }
        if let Some(fact) = disk(root, name) {
            names.push(name.to_owned());
            facts.push(fact);
        }
    }
    separate(&mut facts);
    names.into_iter().zip(facts).collect()
}

fn disk(root: &Root, name: &str) -> Option<Fact> {
    let device = Device { root, name };
    let link = root.read_link(&format!("{BLOCK}/{name}"));
    let chain = link.as_deref().map(Path::to_string_lossy).unwrap_or_default();
    if chain.contains("/virtual/") {
        return None;
    }
    let position = bus_path(&chain, name);
    let removable = device.text("removable") == "1" || chain.contains("/usb");
    let optical = name.starts_with("sr");
    let sectors: u64 = device.text("size").parse().unwrap_or(0);
    let class = if optical {
        PartClass::Optical
    } else {
        PartClass::Disk
    };
    let part = Part {
        class: class.into(),
        manufacturer: device.first(&["device/vendor", "device/manfid"]),
        model: device.first(&["device/model", "device/name"]),
        serial: device.serial(),
        wwn: device.wwn(),
        // A drive's medium is not the drive.
        size_bytes: if optical { 0 } else { sectors.saturating_mul(512) },
        firmware: device.first(&["device/firmware_rev", "device/rev", "device/fwrev"]),
        removable,
        position,
        ..Part::default()
    };
    let key = match class {
        PartClass::Disk => key::disk(&part.wwn, &part.serial, &part.position),
        class => key::part(class_name(class), &part.position),
    };
    Some(Fact::machine(key, Kind::Part(part)))
}

struct Device<'a> {
    root: &'a Root,
    name: &'a str,
}

impl Device<'_> {
    /// One attribute without surrounding space; empty when there is none or it cannot be read.
    fn text(&self, attribute: &str) -> String {
        let bytes = self.bytes(attribute);
        meaningful_or(&String::from_utf8_lossy(&bytes), attribute)
    }

    fn first(&self, attributes: &[&str]) -> String {
        attributes
            .iter()
            .map(|attribute| self.text(attribute))
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    }

    fn serial(&self) -> String {
        let plain = self.first(&["device/serial", "serial"]);
        if !plain.is_empty() {
            return plain;
        }
        // SCSI page 0x80: four bytes of header, then the serial.
        let page = self.bytes("device/vpd_pg80");
        let serial = String::from_utf8_lossy(page.get(4..).unwrap_or_default()).into_owned();
        meaningful(&serial).to_owned()
    }

    /// Only names that a registry gave; others are made of model and serial.
    fn wwn(&self) -> String {
        let name = self.first(&["wwid", "device/wwid"]);
        match name.split_once('.') {
            Some(("eui" | "naa" | "uuid", id)) if !meaningful(id).is_empty() => name,
            _ => String::new(),
        }
    }

    fn bytes(&self, attribute: &str) -> Vec<u8> {
        let path = format!("{BLOCK}/{}/{attribute}", self.name);
        self.root
            .read_limited(&path, MAX_ATTRIBUTE)
            .ok()
            .flatten()
            .unwrap_or_default()
    }
}

/// Flags may be `0`; names and serials may not.
fn meaningful_or(text: &str, attribute: &str) -> String {
    match attribute {
        "removable" | "size" => text.trim().to_owned(),
        _ => meaningful(text).to_owned(),
    }
}

/// Where a device is plugged in, without numbers that depend on the order of discovery.
fn bus_path(chain: &str, name: &str) -> String {
    let mut bus = String::new();
    let mut tail: Vec<&str> = Vec::new();
    for step in chain.split('/').take_while(|step| *step != "block") {
        if is_pci_address(step) {
            bus = format!("pci-{step}");
            tail.clear();
        } else if step.starts_with("ata") || is_usb_port(step) {
            // Only the innermost port matters.
            tail = vec![step];
        } else if let Some((_, unit)) = step.split_once(':').filter(|_| is_scsi_address(step)) {
            tail.push(unit);
        }
    }
    if bus.is_empty() {
        return name.to_owned();
    }
    tail.insert(0, &bus);
    tail.join("-")
}

fn is_pci_address(step: &str) -> bool {
    step.len() == 12
        && step.bytes().enumerate().all(|(position, byte)| match position {
            4 | 7 => byte == b':',
            10 => byte == b'.',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_usb_port(step: &str) -> bool {
    step.contains('-')
        && step
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

fn is_scsi_address(step: &str) -> bool {
    step.matches(':').count() == 3 && step.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::{fs, os::unix::fs::symlink};

    fn device(folder: &Path, name: &str, chain: &str, attributes: &[(&str, &[u8])]) {
        let real = folder.join("sys/devices").join(chain).join("block").join(name);
        fs::create_dir_all(real.join("device")).unwrap();
        for (attribute, value) in attributes {
            fs::write(real.join(attribute), value).unwrap();
        }
        fs::create_dir_all(folder.join(BLOCK)).unwrap();
        symlink(
            format!("../devices/{chain}/block/{name}"),
            folder.join(BLOCK).join(name),
        )
        .unwrap();
    }

    #[test]
    fn disks_are_known_by_wwn_then_serial_then_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        device(
            at,
            "sda",
            "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0",
            &[
                ("device/model", b"Samsung SSD 870 "),
                ("device/wwid", b"naa.5002538f42b2daed\n"),
                ("device/vpd_pg80", b"\0\x80\0\x08S6PNNX0T"),
                ("size", b"1000\n"),
                ("removable", b"0\n"),
            ],
        );
        device(
            at,
            "nvme0n1",
            "pci0000:00/0000:01:00.0/nvme/nvme0",
            &[
                ("device/serial", b"S4EWNX0M \n"),
                ("wwid", b"eui.0000000000000000\n"),
            ],
        );
        device(at, "vda", "pci0000:00/0000:00:02.0/virtio1", &[("size", b"8\n")]);
        device(at, "loop0", "virtual", &[]);
        let reading = Disks.read(&Root::at(at));
        assert_eq!(reading.look, Look::Looked);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "disk:bus:pci-0000:00:02.0",
                "disk:serial:S4EWNX0M",
                "disk:wwn:naa.5002538f42b2daed"
            ]
        );
        let Some(Kind::Part(part)) = &reading.facts[2].facet.kind else {
            panic!("not a part")
        };
        assert_eq!(
            (&*part.serial, part.size_bytes, &*part.position),
            ("S6PNNX0T", 512_000, "pci-0000:00:17.0-ata1-0:0:0")
        );
    }

    #[test]
    fn disks_that_share_a_serial_stay_two_parts() {
        let folder = tempfile::tempdir().unwrap();
        for (name, slot) in [("nvme0n1", "01"), ("nvme1n1", "02")] {
            let chain = format!("pci0000:00/0000:{slot}:00.0/nvme/{name}c");
            device(
                folder.path(),
                name,
                &chain,
                &[("device/serial", b"AA000000000001")],
            );
        }
        let reading = Disks.read(&Root::at(folder.path()));
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["disk:bus:pci-0000:01:00.0", "disk:bus:pci-0000:02:00.0"]);
    }

    #[test]
    fn usb_disks_are_removable() {
        let folder = tempfile::tempdir().unwrap();
        let chain = "pci0000:00/0000:00:14.0/usb1/1-4/1-4.2/1-4.2:1.0/host6/target6:0:0/6:0:0:0";
        device(
            folder.path(),
            "sdb",
            chain,
            &[("removable", b"0"), ("device/vendor", b"Kingston")],
        );
        let reading = Disks.read(&Root::at(folder.path()));
        let Some(Kind::Part(part)) = &reading.facts[0].facet.kind else {
            panic!("not a part")
        };
        assert!(part.removable);
        assert_eq!(part.position, "pci-0000:00:14.0-1-4.2-0:0:0");
    }

    #[test]
    fn a_root_without_sysfs_is_unsupported() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Disks.read(&Root::at(folder.path())).look, Look::Unsupported);
    }
}
