//! Section `part`: what the machine is made of, one source per file of this folder.

mod cpuinfo;
mod disks;
mod monitors;
mod pci;
mod smbios;

use crate::hardware::class_name;

pub(super) use cpuinfo::CpuInfo;
pub(super) use disks::{Disks, attached};
pub(super) use monitors::Monitors;
pub(super) use pci::Pci;
pub(super) use smbios::Smbios;
