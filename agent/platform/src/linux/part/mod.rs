//! Section `part`: what the machine is made of, one source per file of this folder.

mod cpuinfo;
mod disks;
mod monitors;
mod pci;
mod smbios;

use deskwarden_proto::v1::PartClass;

pub(super) use cpuinfo::CpuInfo;
pub(super) use disks::{Disks, attached};
pub(super) use monitors::Monitors;
pub(super) use pci::Pci;
pub(super) use smbios::Smbios;

/// The name of a class in keys.
fn class_name(class: PartClass) -> &'static str {
    match class {
        PartClass::Unspecified => "other",
        PartClass::System => "system",
        PartClass::Board => "board",
        PartClass::Chassis => "chassis",
        PartClass::Bios => "bios",
        PartClass::Cpu => "cpu",
        PartClass::Memory => "memory",
        PartClass::Disk => "disk",
        PartClass::Gpu => "gpu",
        PartClass::Nic => "nic",
        PartClass::Monitor => "monitor",
        PartClass::Battery => "battery",
        PartClass::Optical => "optical",
    }
}
