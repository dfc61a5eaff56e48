//! What the kernel's log tells of USB storage: which devices came, and when each was last heard of. Takes
//! messages one by one, oldest first, from wherever they were kept; and the lines of a log file.

use std::collections::BTreeMap;

use crate::{
    clock::{civil_year, day_number},
    text,
};

/// Most devices that are kept.
const MAX_DEVICES: usize = 1_000;
/// Most ports that are followed at a time.
const MAX_PORTS: usize = 256;
const MAX_TEXT: usize = 256;

/// A device that stored data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// `vendor:product` in hexadecimal.
    pub usb_id: String,
    /// Maker, as the device says.
    pub vendor: String,
    /// Product, as the device says.
    pub model: String,
    /// Serial, as the device says.
    pub serial: String,
    /// When the log last speaks of it, in Unix seconds.
    pub last_s: i64,
}

/// Follows the messages.
#[derive(Debug, Default)]
pub struct UsbLog {
    /// What is in each port, with whether it is storage.
    ports: BTreeMap<String, (Storage, bool)>,
    /// Port of the device that was announced last.
    latest: String,
    found: BTreeMap<(String, String), Storage>,
}

impl UsbLog {
    /// Takes one message of the kernel.
    pub fn message(&mut self, seconds: i64, message: &str) {
        if let Some(rest) = message.strip_prefix("usb ") {
            let Some((port, what)) = rest.split_once(": ") else {
                return;
            };
            self.of_port(seconds, port, what);
        } else if let Some(rest) = message.strip_prefix("usb-storage ") {
            // The interface stands behind the port: `1-4:1.0: USB Mass Storage device detected`.
            if let Some((port, _)) = rest.split_once(':')
                && rest.contains("Mass Storage device detected")
            {
                self.is_storage(seconds, &port.to_owned());
            }
        } else if message.starts_with("scsi host") && message.ends_with(": uas") {
            // The newer protocol names no port: it speaks right after the device was announced.
            self.is_storage(seconds, &self.latest.clone());
        }
    }

    /// Every device that was storage, by its ids.
    pub fn finish(mut self) -> Vec<Storage> {
        for (device, storage) in std::mem::take(&mut self.ports).into_values() {
            if storage {
                self.keep(device);
            }
        }
        self.found.into_values().collect()
    }

    fn of_port(&mut self, seconds: i64, port: &str, what: &str) {
        if let Some(ids) = what.strip_prefix("New USB device found, ") {
            self.gone(port);
            let id = |name: &str| {
                let value = ids.split(", ").find_map(|part| part.strip_prefix(name))?;
                (value.len() == 4 && value.bytes().all(|b| b.is_ascii_hexdigit())).then_some(value)
            };
            let (Some(vendor), Some(product)) = (id("idVendor="), id("idProduct=")) else {
                return;
            };
            let device = Storage {
                usb_id: format!("{vendor}:{product}"),
                last_s: seconds,
                ..Storage::default()
            };
            if self.ports.len() < MAX_PORTS {
                self.ports.insert(port.to_owned(), (device, false));
                port.clone_into(&mut self.latest);
            }
            return;
        }
        let Some((device, _)) = self.ports.get_mut(port) else {
            return;
        };
        device.last_s = device.last_s.max(seconds);
        let kept = |value: &str| text::kept(value, MAX_TEXT).to_owned();
        if let Some(product) = what.strip_prefix("Product: ") {
            device.model = kept(product);
        } else if let Some(maker) = what.strip_prefix("Manufacturer: ") {
            device.vendor = kept(maker);
        } else if let Some(serial) = what.strip_prefix("SerialNumber: ") {
            device.serial = kept(serial);
        } else if what.starts_with("USB disconnect") {
            self.gone(port);
        }
    }

    fn is_storage(&mut self, seconds: i64, port: &String) {
        if let Some((device, storage)) = self.ports.get_mut(port) {
            *storage = true;
            device.last_s = device.last_s.max(seconds);
        }
    }

    fn gone(&mut self, port: &str) {
        if let Some((device, true)) = self.ports.remove(port) {
            self.keep(device);
        }
    }

    fn keep(&mut self, device: Storage) {
        let id = (device.serial.clone(), device.usb_id.clone());
        if self.found.len() >= MAX_DEVICES && !self.found.contains_key(&id) {
            return;
        }
        let slot = self.found.entry(id).or_default();
        if device.last_s >= slot.last_s {
            *slot = device;
        }
    }
}

/// Time and message of a line that the kernel wrote into a log file: with the time in full
/// (`2026-11-25T10:00:01.5+08:00 pc kernel: ...`), or in the older form without a year
/// (`Nov 25 10:00:01 pc kernel: ...`), which is that of `written_s` or the one before.
pub fn parse_kernel_line(line: &str, written_s: i64) -> Option<(i64, &str)> {
    let (before, message) = line.split_once(" kernel: ")?;
    let message = match message.strip_prefix('[') {
        Some(rest) => rest.split_once("] ")?.1,
        None => message,
    };
    let mut words = before.split_ascii_whitespace();
    let first = words.next()?;
    let seconds = if first.contains('T') {
        full_time(first)?
    } else {
        let month = MONTHS.iter().position(|name| *name == first)?;
        let day: i64 = words.next()?.parse().ok()?;
        let clock = clock(words.next()?)?;
        let year = civil_year(written_s.div_euclid(DAY));
        let at = |year| Some(day_number(year, i64::try_from(month).ok()? + 1, day)? * DAY + clock);
        // The writer's own zone is not known: half a day of doubt.
        match at(year)? {
            future if future > written_s.saturating_add(DAY) => at(year - 1)?,
            past => past,
        }
    };
    Some((seconds, message))
}

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// `2026-11-25T10:00:01.5+08:00`, also with `Z` or without a zone.
fn full_time(word: &str) -> Option<i64> {
    let (date, time) = word.split_once('T')?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let seconds = clock(time.get(..8)?)?;
    let zone = time
        .get(8..)?
        .trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.split_at_checked(1) {
        Some((sign @ ("+" | "-"), rest)) => {
            let (hours, minutes) = rest.split_once(':')?;
            let ahead =
                i64::from(hours.parse::<u8>().ok()?) * 3_600 + i64::from(minutes.parse::<u8>().ok()?) * 60;
            if sign == "+" { ahead } else { -ahead }
        }
        _ => 0,
    };
    Some(day_number(year, month, day)? * DAY + seconds - offset)
}

fn clock(word: &str) -> Option<i64> {
    let mut parts = word.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let sound = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..=60).contains(&second);
    sound.then(|| hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn follow(lines: &[(i64, &str)]) -> Vec<Storage> {
        let mut log = UsbLog::default();
        lines
            .iter()
            .for_each(|(seconds, line)| log.message(*seconds, line));
        log.finish()
    }

    #[test]
    fn an_hour_beyond_all_numbers_is_no_time() {
        for line in [
            "Nov 25 9223372036854775807:00:01 pc kernel: usb 1-4: x",
            "Nov 9223372036854775807 09:00:01 pc kernel: usb 1-4: x",
            "2026-11-25T-9999999999:00:01 pc kernel: usb 1-4: x",
        ] {
            assert_eq!(parse_kernel_line(line, 1_800_000_000), None, "{line}");
        }
    }

    #[test]
    fn storage_is_told_from_other_devices_and_remembered_by_its_serial() {
        let found = follow(&[
            (
                1,
                "usb 1-4: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10",
            ),
            (1, "usb 1-4: Product: DataTraveler 3.0"),
            (1, "usb 1-4: Manufacturer: Kingston"),
            (1, "usb 1-4: SerialNumber: E0D55EA5"),
            (2, "usb-storage 1-4:1.0: USB Mass Storage device detected"),
            (
                3,
                "usb 1-5: New USB device found, idVendor=046d, idProduct=c31c, bcdDevice=64.00",
            ),
            (3, "usb 1-5: Product: USB Keyboard"),
            (9, "usb 1-4: USB disconnect, device number 5"),
            (
                20,
                "usb 2-1: New USB device found, idVendor=04e8, idProduct=61f5, bcdDevice= 1.00",
            ),
            (21, "scsi host7: uas"),
            (
                30,
                "usb 3-1: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10",
            ),
            (30, "usb 3-1: SerialNumber: E0D55EA5"),
            (31, "usb-storage 3-1:1.0: USB Mass Storage device detected"),
        ]);
        let seen: Vec<_> = found.iter().map(|s| (&*s.usb_id, &*s.serial, s.last_s)).collect();
        assert_eq!(seen, [("04e8:61f5", "", 21), ("0951:1666", "E0D55EA5", 31)]);
    }

    #[test]
    fn a_port_that_was_taken_over_is_another_device() {
        let found = follow(&[
            (
                1,
                "usb 1-4: New USB device found, idVendor=0951, idProduct=1666, bcdDevice= 1.10",
            ),
            (1, "usb-storage 1-4:1.0: USB Mass Storage device detected"),
            (
                5,
                "usb 1-4: New USB device found, idVendor=046d, idProduct=c31c, bcdDevice=64.00",
            ),
            (6, "usb 1-4: USB disconnect, device number 6"),
        ]);
        assert_eq!(found.len(), 1);
        assert_eq!((&*found[0].usb_id, found[0].last_s), ("0951:1666", 1));
    }

    #[test]
    fn lines_of_either_form_give_their_time() {
        // 2026-01-05T00:00:00Z
        let written = 1_767_571_200;
        let line = |line| parse_kernel_line(line, written);
        assert_eq!(
            line("2026-01-04T20:00:01.123456+08:00 pc kernel: [  12.5] usb 1-4: x"),
            Some((written - 12 * 3_600 + 1, "usb 1-4: x"))
        );
        assert_eq!(
            line("2026-01-04T23:59:59Z pc kernel: a"),
            Some((written - 1, "a"))
        );
        assert_eq!(
            line("Jan  4 23:59:58 pc kernel: [1.5] b"),
            Some((written - 2, "b"))
        );
        assert_eq!(
            line("Dec 31 00:00:00 pc kernel: c"),
            Some((written - 5 * DAY, "c")),
            "of last year"
        );
        for none in [
            "",
            "Jan 4 pc kernel: x",
            "Foo 4 1:2:3 pc kernel: x",
            "Jan 4 00:00:00 pc sshd: x",
        ] {
            assert_eq!(line(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_messages_never_panic(lines in proptest::collection::vec("(usb |usb-storage |scsi host)?[0-9]-[0-9](: |:1.0: )?.{0,60}", 0..20)) {
            let mut log = UsbLog::default();
            for line in &lines {
                log.message(0, line);
                parse_kernel_line(line, 0);
                parse_kernel_line(&format!("2026-{line}T kernel: {line}"), i64::MAX);
                parse_kernel_line(&format!("Jan {line} kernel: {line}"), i64::MIN);
            }
            log.finish();
        }
    }
}
