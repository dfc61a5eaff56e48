//! Section `part`: what the machine is made of, one source per way of asking.

mod device;
mod disks;
mod display;
mod smbios;

pub(super) use device::Adapters;
pub(super) use disks::{Disks, control, disks};
pub(super) use display::Monitors;
pub(super) use smbios::Smbios;
