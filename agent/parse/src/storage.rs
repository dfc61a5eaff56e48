//! What a disk says about itself through Windows: maker, product, serial, and the names that registries gave it.
//! Answers of `IOCTL_STORAGE_QUERY_PROPERTY`, as bytes.

use crate::{
    serial::meaningful,
    smart::{ATA_DATA, Condition, NVME_LOG, parse_ata_data, parse_nvme_log},
    text,
};

/// Buses whose devices are plugged in and out: 1394, USB, SD, MMC.
const PLUGGED: [u32; 4] = [4, 7, 12, 13];
/// Buses of disks that are files.
const FILES: [u32; 2] = [14, 15];
const NVME: u32 = 17;
/// Most names of one disk.
const MAX_NAMES: usize = 64;

/// A disk or optical drive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Maker; often part of the product.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// Firmware.
    pub revision: String,
    /// Serial; empty without one.
    pub serial: String,
    /// A name that the serial turned out to be.
    pub wwn: String,
    /// Plugged in and out.
    pub removable: bool,
    /// No hardware: a file that looks like a disk.
    pub virtual_disk: bool,
}

/// Reads a `STORAGE_DEVICE_DESCRIPTOR`.
pub fn parse_device(bytes: &[u8]) -> Option<Device> {
    let bus = u32_at(bytes, 28)?;
    let text = |at: usize| -> Option<String> {
        let offset = usize::try_from(u32_at(bytes, at)?).ok()?;
        // Zero and all ones mean that there is none.
        let rest = bytes.get(offset..).filter(|_| offset >= 36)?;
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
        let text = text::decode(rest.get(..end)?);
        Some(text::kept(&text, 256).to_owned())
    };
    let raw = text(24).unwrap_or_default();
    let mut device = Device {
        vendor: text(12).unwrap_or_default(),
        product: text(16).unwrap_or_default(),
        revision: text(20).unwrap_or_default(),
        removable: *bytes.get(10)? != 0 || PLUGGED.contains(&bus),
        virtual_disk: FILES.contains(&bus),
        ..Device::default()
    };
    match eui(&raw) {
        Some(wwn) if bus == NVME => device.wwn = wwn,
        _ => device.serial = meaningful(&swapped(&raw).unwrap_or(raw)).to_owned(),
    }
    Some(device)
}

/// The name that a registry gave a disk, out of a `STORAGE_DEVICE_ID_DESCRIPTOR`: `eui.` or `naa.` and digits. Empty
/// where it has none; others are made of model and serial.
pub fn parse_names(bytes: &[u8]) -> String {
    let count = u32_at(bytes, 8)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or_default();
    let mut at = 12;
    let mut best = String::new();
    for _ in 0..count.min(MAX_NAMES) {
        let Some(entry) = bytes.get(at..) else { break };
        let (Some(set), Some(kind), Some(association)) =
            (u32_at(entry, 0), u32_at(entry, 4), u32_at(entry, 12))
        else {
            break;
        };
        let size = usize::from(u16_at(entry, 8).unwrap_or_default());
        let next = usize::from(u16_at(entry, 10).unwrap_or_default());
        let name = entry.get(16..16 + size).unwrap_or_default();
        // Binary, and of the disk rather than of the port.
        if set == 1 && association == 0 && matches!(size, 8 | 16) && name.iter().any(|byte| *byte != 0) {
            let digits: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            match kind {
                2 if best.is_empty() => best = format!("eui.{digits}"),
                3 => best = format!("naa.{digits}"),
                _ => {}
            }
        }
        if next == 0 {
            break;
        }
        at += next;
    }
    best
}

/// Bytes that describe a question to a disk in the disk's own language, and its answer.
const PROTOCOL: usize = 40;

/// Asks `IOCTL_STORAGE_QUERY_PROPERTY` for the health log of an NVMe disk.
pub fn nvme_question() -> Vec<u8> {
    /// The disk's own protocol, asked in the standard way: NVMe, a page of its logs, that of its health.
    const QUESTION: [u32; 6] = [50, 0, 3, 2, 2, 0];
    let described = [PROTOCOL as u32, NVME_LOG as u32, 0, 0, 0, 0];
    let numbers = QUESTION.into_iter().chain(described);
    numbers.flat_map(u32::to_le_bytes).chain([0; NVME_LOG]).collect()
}

/// The answer to that, a `STORAGE_PROTOCOL_DATA_DESCRIPTOR` with the log behind it.
pub fn parse_nvme_answer(bytes: &[u8]) -> Option<Condition> {
    let described = bytes.get(8..)?;
    let at = usize::try_from(u32_at(described, 16)?).ok()?;
    let length = usize::try_from(u32_at(described, 20)?).ok()?;
    let log = described.get(at..).filter(|_| at >= PROTOCOL)?;
    parse_nvme_log(log.get(..length.min(log.len()))?)
}

/// A `STORAGE_PREDICT_FAILURE`: the disk's forecast, and behind it what disks with ATA keep of their attributes.
pub fn parse_forecast(bytes: &[u8]) -> Option<Condition> {
    if u32_at(bytes, 0)? != 0 {
        return Some(Condition::Failing);
    }
    let attributes = bytes.get(4..4 + ATA_DATA).and_then(parse_ata_data);
    Some(attributes.unwrap_or(Condition::Good))
}

/// `0025_388B_01C4_F0A1.` is how the driver of NVMe disks writes an EUI.
fn eui(raw: &str) -> Option<String> {
    let body = raw.strip_suffix('.')?;
    let sound = body.len() >= 19 && body.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'_');
    let digits: String = body.chars().filter(char::is_ascii_hexdigit).collect();
    (sound && matches!(digits.len(), 16 | 32)).then(|| format!("eui.{}", digits.to_ascii_lowercase()))
}

/// Old drivers give the twenty characters of a serial as forty digits, each pair of characters the wrong way round.
fn swapped(raw: &str) -> Option<String> {
    if raw.len() != 40 || !raw.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = Vec::new();
    for at in (0..40).step_by(2) {
        bytes.push(u8::from_str_radix(raw.get(at..at + 2)?, 16).ok()?);
    }
    let turned: Vec<u8> = bytes
        .chunks(2)
        .flat_map(|pair| pair.iter().rev().copied())
        .collect();
    let sound = turned.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    sound.then(|| String::from_utf8_lossy(&turned).trim().to_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        bytes.get(at..at.checked_add(2)?)?.try_into().ok()?,
    ))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        bytes.get(at..at.checked_add(4)?)?.try_into().ok()?,
    ))
}

/// Writes answers for tests.
#[doc(hidden)]
pub mod sample {
    /// A descriptor of a disk on that bus.
    pub fn device(bus: u32, texts: [&str; 4]) -> Vec<u8> {
        let mut offsets = Vec::new();
        let mut tail = Vec::new();
        for text in texts {
            offsets.push(40 + u32::try_from(tail.len()).unwrap_or_default());
            tail.extend(text.bytes());
            tail.push(0);
        }
        let numbers = [40, 0, 0].into_iter().chain(offsets).chain([bus, 0, 0]);
        numbers.flat_map(u32::to_le_bytes).chain(tail).collect()
    }

    /// What a disk answers that was asked for its health log.
    pub fn nvme_answer(log: &[u8]) -> Vec<u8> {
        let length = u32::try_from(log.len()).unwrap_or_default();
        let numbers = [48, 48, 3, 2, 2, 0, 40, length, 0, 0, 0, 0];
        let bytes = numbers.into_iter().flat_map(u32::to_le_bytes);
        bytes.chain(log.iter().copied()).collect()
    }

    /// A list with one name.
    pub fn names(kind: u32, name: &[u8]) -> Vec<u8> {
        let length = u32::try_from(name.len()).unwrap_or_default();
        let numbers = [0, 0, 1, 1, kind, length, 0];
        numbers
            .into_iter()
            .flat_map(u32::to_le_bytes)
            .chain(name.iter().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_told_with_its_serial() {
        let found = parse_device(&sample::device(
            11,
            ["ATA", "WDC WD10EZEX", "01.0", " WD-WCC3F1234567 "],
        ))
        .unwrap();
        assert_eq!(
            (found.product.as_str(), found.serial.as_str()),
            ("WDC WD10EZEX", "WD-WCC3F1234567")
        );
        assert!(!found.removable && !found.virtual_disk);
        assert!(
            parse_device(&sample::device(7, ["", "Stick", "", ""]))
                .unwrap()
                .removable
        );
        assert!(
            parse_device(&sample::device(15, ["Msft", "Virtual Disk", "", ""]))
                .unwrap()
                .virtual_disk
        );
    }

    #[test]
    fn serials_that_drivers_spoiled_are_mended() {
        let digits = "2020202057202d4443573343314632333435363720";
        assert_eq!(swapped(&digits[..39]), None);
        let turned: String =
            b"1S2E3W4O".iter().map(|b| format!("{b:02x}")).collect::<String>() + &"20".repeat(12);
        let found = parse_device(&sample::device(11, ["", "x", "", &turned])).unwrap();
        assert_eq!(found.serial, "S1E2W3O4");
        let found = parse_device(&sample::device(17, ["", "x", "", "0025_388B_01C4_F0A1."])).unwrap();
        assert_eq!(
            (found.wwn.as_str(), found.serial.as_str()),
            ("eui.0025388b01c4f0a1", "")
        );
    }

    #[test]
    fn only_names_that_a_registry_gave_count() {
        let name = [0x50, 0x01, 0x4e, 0xe2, 0, 1, 2, 3];
        assert_eq!(parse_names(&sample::names(3, &name)), "naa.50014ee200010203");
        assert_eq!(parse_names(&sample::names(2, &name)), "eui.50014ee200010203");
        assert_eq!(parse_names(&sample::names(1, &name)), "");
        assert_eq!(parse_names(&sample::names(3, &[0; 8])), "");
    }

    #[test]
    fn the_forecast_of_a_disk_and_its_lost_sectors_are_told() {
        let told = |word: u32, attributes: &[u8]| {
            let bytes: Vec<u8> = word.to_le_bytes().iter().chain(attributes).copied().collect();
            parse_forecast(&bytes)
        };
        assert_eq!(told(1, &[]), Some(Condition::Failing));
        assert_eq!(told(0, &[]), Some(Condition::Good));
        // Sectors that were given up: number, worth, worst, count; the sum of all bytes is zero.
        let mut attributes = [0u8; ATA_DATA];
        attributes[2] = 5;
        attributes[7] = 9;
        attributes[511] = 0u8.wrapping_sub(14);
        assert_eq!(told(0, &attributes), Some(Condition::Worn));
        assert_eq!(told(1, &attributes), Some(Condition::Failing));
        attributes[511] = 0;
        assert_eq!(
            told(0, &attributes),
            Some(Condition::Good),
            "no attributes of ATA"
        );
        assert_eq!(parse_forecast(&[0, 0]), None);
    }

    #[test]
    fn the_health_log_of_an_nvme_disk_is_found_in_its_answer() {
        let mut log = [0u8; NVME_LOG];
        (log[3], log[4], log[128]) = (100, 10, 11);
        assert_eq!(
            parse_nvme_answer(&sample::nvme_answer(&log)),
            Some(Condition::Good)
        );
        log[0] = 4;
        let mut answer = sample::nvme_answer(&log);
        assert_eq!(parse_nvme_answer(&answer), Some(Condition::Failing));
        answer[24] = 8;
        assert_eq!(
            parse_nvme_answer(&answer),
            None,
            "the log begins in what describes it"
        );
        assert_eq!(parse_nvme_answer(&sample::nvme_answer(&log[..500])), None);
        assert_eq!(nvme_question().len(), 8 + PROTOCOL + NVME_LOG);
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_fail(bytes in proptest::collection::vec(0u8.., 0..700)) {
            parse_forecast(&bytes);
            parse_nvme_answer(&bytes);
            if let Some(found) = parse_device(&bytes) {
                assert!(found.product.len() <= 256);
            }
            parse_names(&bytes);
        }
    }
}
