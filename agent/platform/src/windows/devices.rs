//! Devices that are there now, by class or bus, and what the registry keeps about one.

use deskwarden_parse::registry::Key as _;

use super::{
    Root,
    dll::functions,
    registry::{self, Registry, View},
    wide::wide,
};
use crate::Unavailable;

functions! {
    "cfgmgr32.dll":
        fn CM_Get_Device_ID_List_SizeW(*mut u32, *const u16, u32) -> u32;
        fn CM_Get_Device_ID_ListW(*const u16, *mut u16, u32, u32) -> u32;
}

/// Class of graphics adapters.
pub(super) const DISPLAY: &str = "{4d36e968-e325-11ce-bfc1-08002be10318}";
/// Class of network adapters.
pub(super) const NET: &str = "{4d36e972-e325-11ce-bfc1-08002be10318}";
/// Class of monitors.
pub(super) const MONITOR: &str = "{4d36e96e-e325-11ce-bfc1-08002be10318}";

/// What a list is of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Filter<'a> {
    /// Devices of a class, by its identity.
    Class(&'a str),
    /// Devices that a bus found, by its name.
    Bus(&'a str),
}

const OF_BUS: u32 = 0x1;
const PRESENT: u32 = 0x100;
const OF_CLASS: u32 = 0x200;
const SUCCESS: u32 = 0;
const BUFFER_SMALL: u32 = 0x1a;
/// Longest list in characters.
const MAX_LIST: u32 = 1 << 20;
const TRIES: u32 = 8;
const ENUM: &str = "SYSTEM\\CurrentControlSet\\Enum";

/// Names of the devices that are there now.
pub(super) fn present(filter: Filter<'_>) -> Result<Vec<String>, Unavailable> {
    let (size, list) = (CM_Get_Device_ID_List_SizeW()?, CM_Get_Device_ID_ListW()?);
    let (of, flags) = match filter {
        Filter::Class(class) => (wide(class), OF_CLASS | PRESENT),
        Filter::Bus(bus) => (wide(bus), OF_BUS | PRESENT),
    };
    for _ in 0..TRIES {
        let mut length = 0;
        // SAFETY: the length is written to a place of ours, and the filter ends in zero.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe { size(&raw mut length, of.as_ptr(), flags) };
        if result != SUCCESS {
            return Err(told("CM_Get_Device_ID_List_Size", result));
        }
        let length = length.min(MAX_LIST);
        if length == 0 {
            return Ok(Vec::new());
        }
        let mut names = vec![0u16; usize::try_from(length).unwrap_or_default()];
        // SAFETY: names and length describe a buffer of ours, and the filter ends in zero.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe { list(of.as_ptr(), names.as_mut_ptr(), length, flags) };
        match result {
            SUCCESS => {
                return Ok(names
                    .split(|unit| *unit == 0)
                    .filter(|name| !name.is_empty())
                    .map(String::from_utf16_lossy)
                    .collect());
            }
            // A device came in between.
            BUFFER_SMALL => {}
            result => return Err(told("CM_Get_Device_ID_List", result)),
        }
    }
    Err(Unavailable::Failed(
        "devices come faster than they are listed".to_owned(),
    ))
}

fn told(what: &str, result: u32) -> Unavailable {
    // Not implemented, or no such filter.
    if matches!(result, 0x1e | 0x20 | 0x24) {
        Unavailable::Unsupported(format!("{what}: not available on this system"))
    } else {
        Unavailable::Failed(format!("{what}: error {result:#x}"))
    }
}

/// What the registry keeps about a device.
pub(super) fn key(root: &Root, name: &str) -> Option<Registry> {
    registry::machine(root, &format!("{ENUM}\\{name}"), View::Native)
        .ok()
        .flatten()
}

/// A text of a device: behind a semicolon where it stands in a driver's file.
pub(super) fn text(key: &Registry, name: &str) -> String {
    let text = key.text(name);
    let shown = text.rsplit(';').next().unwrap_or_default();
    shown.trim().to_owned()
}

/// Bus, device and function, where it is on the PCI bus: `0000:01:00.0`.
pub(super) fn pci_address(key: &Registry) -> Option<String> {
    let text = key.text("LocationInformation");
    // `PCI bus 1, device 0, function 0`, or the numbers alone in brackets at the end.
    let numbers: Vec<u32> = match text.rsplit_once(";(") {
        Some((_, tail)) => tail
            .trim_end_matches(')')
            .split(',')
            .filter_map(|part| part.trim().parse().ok())
            .collect(),
        None => text
            .split(|c: char| !c.is_ascii_digit())
            .filter(|part| !part.is_empty())
            .filter_map(|part| part.parse().ok())
            .collect(),
    };
    match numbers.as_slice() {
        [bus, device, function] => Some(format!("0000:{bus:02x}:{device:02x}.{function:x}")),
        _ => None,
    }
}
