//! How much room the mounted file systems have. Makes no facts.

use std::collections::BTreeSet;

use deskwarden_parse::mounts::parse_mounts;

use super::{Root, gather::Gather};
use crate::Unavailable;

/// What is mounted.
pub(super) const MOUNTS: &str = "proc/self/mounts";
/// File systems that keep what people make.
const LASTING: [&str; 12] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "ntfs3", "vfat", "xfs", "zfs",
];

/// One file system, in blocks of `block` bytes.
pub(super) struct Room {
    /// Where it is mounted.
    pub(super) place: String,
    /// Blocks in use.
    pub(super) used: u64,
    /// Blocks that people can use: what only root may still write is not free.
    pub(super) usable: u64,
    /// Bytes of a block.
    pub(super) block: u64,
}

/// File systems of the running system that can fill up; `None` where it does not tell what is mounted.
pub(super) fn rooms(root: &Root, gather: &mut Gather) -> Option<Vec<Room>> {
    let bytes = gather.file(root, MOUNTS)?;
    let mut devices = BTreeSet::new();
    let mut found = Vec::new();
    for mount in parse_mounts(&bytes) {
        let lasting = LASTING.contains(&mount.kind.as_str()) || mount.kind == "fuseblk";
        // A device mounted in two places is as full in both; what is read-only never fills.
        if !lasting || mount.read_only || !devices.insert(mount.device) {
            continue;
        }
        let place = mount.place;
        match rustix::fs::statvfs(place.as_str()) {
            Ok(stat) if stat.f_blocks > 0 => {
                let used = stat.f_blocks.saturating_sub(stat.f_bfree);
                found.push(Room {
                    place,
                    used,
                    usable: used.saturating_add(stat.f_bavail),
                    block: stat.f_frsize,
                });
            }
            Ok(_) => {}
            Err(errno) => {
                let error = std::io::Error::from(errno);
                gather.fault(Unavailable::Failed(format!("{place}: {error}")));
            }
        }
    }
    Some(found)
}
