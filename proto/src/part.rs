//! The classes of parts by name: in keys, identities, rules and pages.

pub use crate::v1::PartClass;

/// The lower-case word of a class. It stands in keys, and so it never changes.
pub const fn class_name(class: PartClass) -> &'static str {
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
