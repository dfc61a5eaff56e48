//! The firmware's own inventory (SMBIOS): system, board, chassis, firmware, processors, memory modules.
//! Reads the binary table; an empty slot is no part, a placeholder is no serial.

use std::collections::{BTreeMap, BTreeSet};

use crate::{serial::meaningful, text};

/// Most structures of one table.
const MAX_STRUCTURES: usize = 4_096;

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Firmware.
    Bios,
    /// The machine as sold.
    System,
    /// Main or other board.
    Board,
    /// Case.
    Chassis,
    /// Processor.
    Cpu,
    /// Memory module.
    Memory,
}

/// One part that is there. Texts are empty when the firmware does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub class: Class,
    /// Socket, slot, or a number where the firmware names none; unique within the class.
    pub position: String,
    /// Maker.
    pub manufacturer: String,
    /// Product, part number or processor name.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// Asset tag.
    pub asset_tag: String,
    /// Version, of firmware or product.
    pub version: String,
    /// System UUID.
    pub uuid: String,
    /// Capacity of a memory module.
    pub size_bytes: u64,
    /// MT/s of memory, highest MHz of a processor.
    pub speed: u32,
    /// Cores of a processor.
    pub cores: u32,
}

/// What a table holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Parts in the order of the table.
    pub parts: Vec<Part>,
    /// The table ended inside a structure.
    pub damaged: bool,
}

/// Version that an entry point states, `_SM_` or `_SM3_`; `None` when it is none.
pub fn parse_entry_point(bytes: &[u8]) -> Option<(u8, u8)> {
    match bytes {
        [b'_', b'S', b'M', b'3', b'_', _, _, major, minor, ..] => Some((*major, *minor)),
        [b'_', b'S', b'M', b'_', _, _, major, minor, ..] => Some((*major, *minor)),
        _ => None,
    }
}

/// Reads a structure table.
pub fn parse_table(bytes: &[u8]) -> Table {
    let mut table = Table::default();
    // Every slot, filled or not: a position must not depend on what is plugged in.
    let mut slots: Vec<(Part, [String; 2])> = Vec::new();
    let mut rest = bytes;
    for _ in 0..MAX_STRUCTURES {
        let Some(header) = rest.first_chunk::<4>() else {
            break;
        };
        let [kind, length, ..] = *header;
        if kind == 127 {
            break;
        }
        let Some((structure, after)) = Structure::read(rest, usize::from(length)) else {
            table.damaged = true;
            break;
        };
        rest = after;
        slots.extend(structure.part(kind));
    }
    let mut positions = Positions::default();
    for (part, place) in &slots {
        positions.count(part.class, place);
    }
    for (mut part, place) in slots {
        part.position = positions.name(part.class, &place);
        if part.size_bytes != ABSENT {
            table.parts.push(part);
        }
    }
    table
}

/// Marks a slot without a part.
const ABSENT: u64 = u64::MAX;

#[derive(Default)]
struct Positions {
    counts: BTreeMap<(Class, String), u32>,
    given: BTreeMap<(Class, String), u32>,
    names: BTreeSet<(Class, String)>,
}

impl Positions {
    fn count(&mut self, class: Class, place: &[String; 2]) {
        let [near, _] = place;
        *self.counts.entry((class, near.clone())).or_default() += 1;
    }

    /// The near name; with the far one where several share the near one; numbered where that is no help.
    fn name(&mut self, class: Class, place: &[String; 2]) -> String {
        let [near, far] = place;
        let shared = self
            .counts
            .get(&(class, near.clone()))
            .is_some_and(|count| *count > 1);
        let base = if shared && !far.is_empty() {
            format!("{far}/{near}")
        } else {
            near.clone()
        };
        // A board may name a slot as another one is numbered: what is given is given once.
        loop {
            let nth = self.given.entry((class, base.clone())).or_default();
            *nth += 1;
            let name = match (*nth, base.is_empty()) {
                (1, false) => base.clone(),
                (nth, true) => (nth - 1).to_string(),
                (nth, false) => format!("{base}#{nth}"),
            };
            if self.names.insert((class, name.clone())) {
                return name;
            }
        }
    }
}

struct Structure<'a> {
    formatted: &'a [u8],
    strings: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Splits one structure off: its formatted part, and strings up to two zeros.
    fn read(bytes: &'a [u8], length: usize) -> Option<(Self, &'a [u8])> {
        if length < 4 {
            return None;
        }
        let (formatted, rest) = bytes.split_at_checked(length)?;
        let mut end = 0;
        loop {
            let zero = end + memchr::memchr(0, rest.get(end..)?)?;
            match rest.get(zero + 1)? {
                0 => {
                    return Some((
                        Self {
                            formatted,
                            strings: rest.get(..zero)?,
                        },
                        rest.get(zero + 2..)?,
                    ));
                }
                _ => end = zero + 1,
            }
        }
    }

    fn part(&self, kind: u8) -> Option<(Part, [String; 2])> {
        let mut part = Part {
            class: Class::System,
            position: String::new(),
            manufacturer: String::new(),
            model: String::new(),
            serial: String::new(),
            asset_tag: String::new(),
            version: String::new(),
            uuid: String::new(),
            size_bytes: 0,
            speed: 0,
            cores: 0,
        };
        let mut place = [String::new(), String::new()];
        match kind {
            0 => {
                part.class = Class::Bios;
                part.manufacturer = self.text(0x04);
                part.version = self.text(0x05);
            }
            1 => {
                part.manufacturer = self.text(0x04);
                part.model = self.text(0x05);
                part.version = self.text(0x06);
                part.serial = self.text(0x07);
                part.uuid = self.uuid();
            }
            2 => {
                part.class = Class::Board;
                part.manufacturer = self.text(0x04);
                part.model = self.text(0x05);
                part.version = self.text(0x06);
                part.serial = self.text(0x07);
                part.asset_tag = self.text(0x08);
                place = [self.text(0x0a), String::new()];
            }
            3 => {
                part.class = Class::Chassis;
                part.manufacturer = self.text(0x04);
                part.version = self.text(0x06);
                part.serial = self.text(0x07);
                part.asset_tag = self.text(0x08);
            }
            4 => self.processor(&mut part, &mut place),
            17 => self.memory(&mut part, &mut place),
            _ => return None,
        }
        Some((part, place))
    }

    fn processor(&self, part: &mut Part, place: &mut [String; 2]) {
        part.class = Class::Cpu;
        *place = [self.text(0x04), String::new()];
        part.manufacturer = self.text(0x07);
        part.model = self
            .text(0x10)
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        part.speed = self.word(0x14).into();
        part.serial = self.text(0x20);
        part.asset_tag = self.text(0x21);
        part.cores = match self.byte(0x23) {
            0xff => self.word(0x2a).into(),
            cores => cores.into(),
        };
        let populated = self.byte(0x18) & 0x40 != 0;
        if !populated {
            part.size_bytes = ABSENT;
        }
    }

    fn memory(&self, part: &mut Part, place: &mut [String; 2]) {
        part.class = Class::Memory;
        *place = [self.text(0x10), self.text(0x11)];
        part.manufacturer = self.text(0x17);
        part.serial = self.text(0x18);
        part.asset_tag = self.text(0x19);
        part.model = self.text(0x1a);
        part.speed = match self.word(0x15) {
            0xffff => self.double(0x54),
            speed => speed.into(),
        };
        part.size_bytes = match self.word(0x0c) {
            0 => ABSENT,
            0xffff => 0,
            0x7fff => u64::from(self.double(0x1c) & 0x7fff_ffff) << 20,
            kib if kib & 0x8000 != 0 => u64::from(kib & 0x7fff) << 10,
            mib => u64::from(mib) << 20,
        };
    }

    /// The string that the byte at `offset` numbers, without placeholders.
    fn text(&self, offset: usize) -> String {
        let number = usize::from(self.byte(offset));
        let Some(nth) = number.checked_sub(1) else {
            return String::new();
        };
        let bytes = self.strings.split(|byte| *byte == 0).nth(nth).unwrap_or_default();
        let decoded = text::decode(bytes);
        let clean: String = meaningful(&decoded).chars().filter(|c| !c.is_control()).collect();
        clean
    }

    fn uuid(&self) -> String {
        let Some(bytes) = self
            .formatted
            .get(0x08..)
            .and_then(|rest| rest.first_chunk::<16>())
        else {
            return String::new();
        };
        let [a0, a1, a2, a3, b0, b1, c0, c1, d @ ..] = *bytes;
        if bytes.iter().all(|byte| *byte == 0) || bytes.iter().all(|byte| *byte == 0xff) {
            return String::new();
        }
        // The first three fields are little-endian.
        let mut out = String::with_capacity(36);
        let ordered = [a3, a2, a1, a0, b1, b0, c1, c0].into_iter().chain(d);
        for (position, byte) in ordered.enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                out.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        // A board maker's sample, on very many boards.
        if out == "03000200-0400-0500-0006-000700080009" {
            String::new()
        } else {
            out
        }
    }

    fn byte(&self, offset: usize) -> u8 {
        self.formatted.get(offset).copied().unwrap_or_default()
    }

    fn word(&self, offset: usize) -> u16 {
        let chunk = self.formatted.get(offset..).and_then(|rest| rest.first_chunk());
        chunk.map_or(0, |chunk| u16::from_le_bytes(*chunk))
    }

    fn double(&self, offset: usize) -> u32 {
        let chunk = self.formatted.get(offset..).and_then(|rest| rest.first_chunk());
        chunk.map_or(0, |chunk| u32::from_le_bytes(*chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn structure(kind: u8, body: &[u8], strings: &[&str]) -> Vec<u8> {
        let mut out = vec![kind, body.len() as u8 + 4, 0, 0];
        out.extend(body);
        for text in strings {
            out.extend(text.as_bytes());
            out.push(0);
        }
        out.extend(if strings.is_empty() { &[0, 0][..] } else { &[0] });
        out
    }

    /// Memory device: size word, then locator, bank, maker, serial, tag and part as strings 1 to 6.
    fn module(size: u16, strings: &[&str; 6]) -> Vec<u8> {
        let mut body = vec![0u8; 0x28 - 4];
        body[0x0c - 4..0x0e - 4].copy_from_slice(&size.to_le_bytes());
        body[0x15 - 4..0x17 - 4].copy_from_slice(&3200u16.to_le_bytes());
        for (offset, number) in [(0x10, 1), (0x11, 2), (0x17, 3), (0x18, 4), (0x19, 5), (0x1a, 6)] {
            body[offset - 4] = number;
        }
        structure(17, &body, strings)
    }

    #[test]
    fn modules_are_read_and_empty_slots_are_no_parts() {
        let mut table = module(
            8_192,
            &["DIMM_A1", "BANK 0", "Samsung", "3A4B5C", "None", "M471A1K43DB1 "],
        );
        table.extend(module(
            0,
            &["DIMM_A2", "BANK 1", "NO DIMM", "NO DIMM", "None", "NO DIMM"],
        ));
        table.extend(structure(127, &[], &[]));
        let found = parse_table(&table);
        assert!(!found.damaged);
        assert_eq!(found.parts.len(), 1);
        let part = &found.parts[0];
        assert_eq!(
            (
                &*part.position,
                &*part.manufacturer,
                &*part.serial,
                &*part.asset_tag,
                &*part.model
            ),
            ("DIMM_A1", "Samsung", "3A4B5C", "", "M471A1K43DB1")
        );
        assert_eq!((part.size_bytes, part.speed), (8 << 30, 3_200));
    }

    #[test]
    fn a_position_does_not_depend_on_what_is_plugged_in() {
        let name = |first: u16| {
            let mut table = module(first, &["DIMM 0", "P0 CHANNEL A", "a", "s1", "t", "p"]);
            table.extend(module(4_096, &["DIMM 0", "P0 CHANNEL B", "a", "s2", "t", "p"]));
            parse_table(&table).parts.last().unwrap().position.clone()
        };
        assert_eq!(name(4_096), "P0 CHANNEL B/DIMM 0");
        assert_eq!(name(4_096), name(0));
    }

    #[test]
    fn the_system_has_its_serial_and_uuid() {
        let mut body = vec![1, 2, 0, 3];
        body.extend((0u8..16).map(|byte| byte + 0x10));
        body.extend([6, 0, 0]);
        let found = parse_table(&structure(1, &body, &["LENOVO", "开天 M90", "PF2ABCDE"]));
        let part = &found.parts[0];
        assert_eq!((&*part.model, &*part.serial), ("开天 M90", "PF2ABCDE"));
        assert_eq!(part.uuid, "13121110-1514-1716-1819-1a1b1c1d1e1f");
        assert_eq!(part.position, "0");
    }

    #[test]
    fn a_placeholder_is_no_serial() {
        let found = parse_table(&structure(
            2,
            &[1, 2, 0, 3, 0, 0, 0],
            &["ASUS", "B85", "Default string"],
        ));
        assert_eq!(found.parts[0].serial, "");
    }

    #[test]
    fn a_cut_table_is_damaged_and_keeps_what_came_before() {
        let mut table = module(8_192, &["A", "B", "C", "D1", "E", "F"]);
        let whole = table.len();
        table.extend(module(8_192, &["A2", "B", "C", "D2", "E", "F"]));
        let found = parse_table(&table[..whole + 10]);
        assert!(found.damaged);
        assert_eq!(found.parts.len(), 1);
    }

    #[test]
    fn both_entry_points_are_known() {
        assert_eq!(parse_entry_point(b"_SM3_\0\x18\x03\x02\0"), Some((3, 2)));
        assert_eq!(parse_entry_point(b"_SM_\0\x1f\x02\x08\0"), Some((2, 8)));
        assert_eq!(parse_entry_point(b"nothing"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            parse_table(&bytes);
            parse_entry_point(&bytes);
        }

        #[test]
        fn arbitrary_structures_never_panic(
            structures in proptest::collection::vec(
                (0u8..20, proptest::collection::vec(any::<u8>(), 0..100), proptest::collection::vec("[a-z ]{1,9}", 0..5)),
                0..10,
            )
        ) {
            let bytes: Vec<u8> = structures.iter().flat_map(|(kind, body, strings)| {
                let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
                structure(*kind, body, &strings)
            }).collect();
            prop_assert!(!parse_table(&bytes).damaged);
        }
    }
}
