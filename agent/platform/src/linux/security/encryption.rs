//! Source `security/disk-encryption`: whether the file systems that hold the system and people's files lie on
//! an encrypted device. Hardware that encrypts by itself is not seen.

use deskwarden_parse::mounts::{parse_crypttab, parse_mounts};
use deskwarden_proto::{
    key,
    v1::{Security, facet::Kind},
};

use super::{file, id, switch};
use crate::{Fact, Reading, Root, Source, SourceId, WatchPath, linux::gather::Gather};

const MOUNTS: &str = "proc/self/mounts";
const CRYPTTAB: &str = "etc/crypttab";
const BLOCK: &str = "sys/block";
/// Where what people make is kept.
const PLACES: [&str; 3] = ["/", "/home", "/data"];
/// Deepest stack of devices that is followed.
const MAX_DEPTH: u32 = 16;
const MAX_NAMES: usize = 1_000;

/// The device mapper's devices and the table of encrypted ones.
pub(in crate::linux) struct Encryption;

impl Source for Encryption {
    fn id(&self) -> SourceId {
        id("disk-encryption")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let mounts = if root.exists(BLOCK) {
            gather.file(root, MOUNTS).unwrap_or_default()
        } else {
            Vec::new()
        };
        let mapper = mapper(root);
        for mount in parse_mounts(&mounts) {
            if !PLACES.contains(&mount.place.as_str()) || !mount.device.starts_with("/dev/") {
                continue;
            }
            let name = mount.device.trim_start_matches("/dev/");
            let device = match name.strip_prefix("mapper/") {
                Some(name) => mapper
                    .iter()
                    .find(|(_, known)| known == name)
                    .map(|(device, _)| device.clone()),
                None => Some(name.to_owned()),
            };
            let on = device.is_some_and(|device| is_encrypted(root, &device, 0));
            gather.facts.push(fact(&mount.place, on, "device mapper"));
        }
        if gather.facts.is_empty() {
            // Without a running kernel only the table tells; swap with a random key protects no files.
            if let Some(bytes) = gather.file(root, CRYPTTAB) {
                let on = parse_crypttab(&bytes)
                    .iter()
                    .any(|(_, options)| !options.split(',').any(|o| o == "swap"));
                gather.facts.push(fact("crypttab", on, "crypttab"));
            }
        }
        gather.answered();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![file(root, CRYPTTAB)]
    }
}

/// Devices of the device mapper with their names.
fn mapper(root: &Root) -> Vec<(String, String)> {
    let names = root.list(BLOCK, MAX_NAMES).ok().flatten().unwrap_or_default();
    names
        .iter()
        .filter_map(|name| name.to_str().filter(|name| name.starts_with("dm-")))
        .map(|device| (device.to_owned(), attribute(root, device, "dm/name")))
        .collect()
}

/// Whether the device, or one below it, is encrypted.
fn is_encrypted(root: &Root, device: &str, depth: u32) -> bool {
    if attribute(root, device, "dm/uuid").starts_with("CRYPT-") {
        return true;
    }
    depth < MAX_DEPTH
        && root
            .list(&format!("{BLOCK}/{device}/slaves"), MAX_NAMES)
            .ok()
            .flatten()
            .unwrap_or_default()
            .iter()
            .filter_map(|name| name.to_str())
            .any(|below| is_encrypted(root, below, depth + 1))
}

fn attribute(root: &Root, device: &str, name: &str) -> String {
    let bytes = root
        .read_limited(&format!("{BLOCK}/{device}/{name}"), 4_096)
        .ok()
        .flatten()
        .unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn fact(subject: &str, on: bool, product: &str) -> Fact {
    let security = Security {
        topic: "disk_encryption".to_owned(),
        product: product.to_owned(),
        enabled: switch(on).into(),
        detail: subject.to_owned(),
        ..Security::default()
    };
    Fact::machine(
        key::named(&["disk_encryption", subject]),
        Kind::Security(security),
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{switches, write};
    use super::*;
    use deskwarden_proto::v1::Switch;

    #[test]
    fn a_volume_on_an_encrypted_device_counts_as_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert!(Encryption.read(&root).facts.is_empty());
        write(
            folder.path(),
            &[
                ("sys/block/dm-0/dm/uuid", b"CRYPT-LUKS2-0123-luks\n"),
                ("sys/block/dm-0/dm/name", b"luks\n"),
                ("sys/block/dm-1/dm/uuid", b"LVM-abc\n"),
                ("sys/block/dm-1/dm/name", b"vg-root\n"),
                ("sys/block/dm-1/slaves/dm-0/x", b""),
                (
                    MOUNTS,
                    b"/dev/mapper/vg-root / ext4 rw 0 0\n/dev/sdb1 /home ext4 rw 0 0\ntmpfs /data tmpfs rw 0 0\n",
                ),
            ],
        );
        assert_eq!(
            switches(&Encryption.read(&root)),
            [
                ("disk_encryption:/", Switch::On),
                ("disk_encryption:/home", Switch::Off)
            ]
        );
    }

    #[test]
    fn in_another_root_the_table_tells() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[(CRYPTTAB, b"swap /dev/sda2 /dev/urandom swap\n")],
        );
        let root = Root::at(folder.path());
        assert_eq!(
            switches(&Encryption.read(&root)),
            [("disk_encryption:crypttab", Switch::Off)]
        );
        write(folder.path(), &[(CRYPTTAB, b"root UUID=1 none luks\n")]);
        assert_eq!(
            switches(&Encryption.read(&root)),
            [("disk_encryption:crypttab", Switch::On)]
        );
    }
}
