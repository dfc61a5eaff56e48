//! Custody of parts (PC 3.2.1): what makes a part the same part wherever it turns up. Owns identity and the
//! look of serials that are none; who holds which part is the matter of claims and of [`crate::cross`].

mod serial;

use deskwarden_proto::{
    part::class_name,
    v1::{Part, PartClass},
};

pub use serial::meaningful;

/// What a part is known by on whatever PC it turns up; `None` where nothing tells it from another, and for
/// what is plugged in and out every day.
pub fn identity(part: &Part) -> Option<String> {
    if part.removable || !is_kept(part.class()) {
        return None;
    }
    let class = class_name(part.class());
    let wwn = part.wwn.trim().to_lowercase();
    if part.class() == PartClass::Disk && !meaningful(&wwn).is_empty() {
        return Some(format!("{class}:wwn:{wwn}"));
    }
    let serial = meaningful(&part.serial);
    if serial.is_empty() {
        return None;
    }
    let maker = part.manufacturer.trim().to_lowercase();
    Some(format!("{class}:{maker}:{serial}"))
}

/// Classes whose parts are in somebody's custody: a monitor or a battery is no part of the case.
const fn is_kept(class: PartClass) -> bool {
    matches!(
        class,
        PartClass::Board
            | PartClass::Cpu
            | PartClass::Memory
            | PartClass::Disk
            | PartClass::Gpu
            | PartClass::Nic
    )
}

/// The word of a class for people.
pub fn class_words(name: &str) -> (&'static str, &'static str) {
    match name {
        "board" => ("主板", "board"),
        "cpu" => ("处理器", "processor"),
        "memory" => ("内存", "memory module"),
        "disk" => ("硬盘", "disk"),
        "gpu" => ("显卡", "graphics card"),
        "nic" => ("网卡", "network card"),
        _ => ("部件", "part"),
    }
}

/// Whether an identity is a board's: two installations with one board are one PC.
pub fn is_board(identity: &str) -> bool {
    identity.starts_with("board:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(class: PartClass, serial: &str) -> Part {
        Part {
            class: class.into(),
            manufacturer: "Samsung".into(),
            serial: serial.into(),
            ..Part::default()
        }
    }

    #[test]
    fn a_part_is_known_by_maker_and_serial_and_a_disk_by_its_world_wide_name() {
        let memory = part(PartClass::Memory, " 36F1A2C7 ");
        assert_eq!(identity(&memory).as_deref(), Some("memory:samsung:36F1A2C7"));
        let disk = Part {
            wwn: "EUI.0025388B01C4F0A1".into(),
            ..part(PartClass::Disk, "S4EW")
        };
        assert_eq!(identity(&disk).as_deref(), Some("disk:wwn:eui.0025388b01c4f0a1"));
    }

    #[test]
    fn placeholders_docks_and_monitors_are_known_by_nothing() {
        for serial in [
            "",
            "Default string",
            "To Be Filled By O.E.M.",
            "00000000",
            "FFFFFFFF",
            "0123456789",
            "SerNum00",
            "N/A",
            "未知",
        ] {
            assert_eq!(identity(&part(PartClass::Memory, serial)), None, "{serial}");
        }
        let plugged = Part {
            removable: true,
            ..part(PartClass::Disk, "4C530001")
        };
        assert_eq!(identity(&plugged), None);
        assert_eq!(identity(&part(PartClass::Monitor, "CN0X")), None);
    }
}
