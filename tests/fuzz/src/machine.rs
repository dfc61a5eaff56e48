//! What hardware says about itself: firmware tables, monitors, the time zone's file.

use deskwarden_parse::{clock, edid, smbios};

use crate::{Target, measure::in_proportion};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "smbios",
        covers: &["smbios::parse_table", "smbios::parse_entry_point"],
        check: |bytes| {
            smbios::parse_entry_point(bytes);
            let table = smbios::parse_table(bytes);
            in_proportion(bytes, &table);
            for (at, part) in table.parts.iter().enumerate() {
                assert!(!part.position.is_empty(), "a part has a place");
                let same = table.parts[..at]
                    .iter()
                    .any(|other| (other.class, &other.position) == (part.class, &part.position));
                assert!(!same, "a place is of one part: {part:?}");
            }
        },
        seeds: || {
            let structure = |kind: u8, length: usize, fields: &[(usize, u8)], texts: &[&str]| {
                let mut out = vec![0u8; length];
                out[0] = kind;
                out[1] = length as u8;
                for (at, value) in fields {
                    out[*at] = *value;
                }
                for text in texts {
                    out.extend(text.as_bytes());
                    out.push(0);
                }
                out.push(0);
                if texts.is_empty() {
                    out.push(0);
                }
                out
            };
            let memory = |slot: &str| {
                structure(
                    17,
                    40,
                    &[(12, 0), (13, 0x20), (16, 1), (17, 2), (23, 3), (24, 4), (26, 5)],
                    &[slot, "BANK 0", "Samsung", "12345678", "M471A"],
                )
            };
            let end = structure(127, 4, &[], &[]);
            vec![
                [
                    structure(
                        0,
                        24,
                        &[(4, 1), (5, 2), (8, 3)],
                        &["LENOVO", "N2HET", "2024-01-01"],
                    ),
                    structure(
                        1,
                        27,
                        &[(4, 1), (5, 2), (7, 3), (8, 9)],
                        &["LENOVO", "20T0", "PF3X9A2B"],
                    ),
                    structure(2, 15, &[(4, 1), (7, 2)], &["LENOVO", "L1HF0"]),
                    structure(3, 21, &[(4, 1), (7, 2)], &["LENOVO", "PF3X9A2B"]),
                    structure(
                        4,
                        48,
                        &[(4, 1), (7, 2), (16, 3), (24, 0x41), (35, 4)],
                        &["U3E1", "Intel", "i5"],
                    ),
                    memory("ChannelA-DIMM0"),
                    memory("ChannelA-DIMM0"),
                    end.clone(),
                ]
                .concat(),
                end,
                b"_SM3_\x00\x18\x03\x02".to_vec(),
                b"_SM_\x00\x1f\x02\x08".to_vec(),
            ]
        },
    },
    Target {
        name: "edid",
        covers: &["edid::parse_edid"],
        check: |bytes| {
            // The sum is what random bytes lack: it is set right, so that what it guards is reached.
            let mut block = bytes.to_vec();
            block.resize(block.len().max(128), 0);
            block[..8].copy_from_slice(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
            let sum = block[..127].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            block[127] = sum.wrapping_neg();
            edid::parse_edid(bytes);
            let monitor = edid::parse_edid(&block).expect("a sound sum is believed");
            assert!(monitor.maker.len() <= 3 && !monitor.model.is_empty());
            assert!(monitor.model.len() <= 39 && monitor.serial.len() <= 39);
        },
        seeds: || {
            vec![
                edid::sample::edid(0x10ac, "DELL U2720Q", "8XN0Y13"),
                edid::sample::edid(0, "", ""),
            ]
        },
    },
    Target {
        name: "time-zone",
        covers: &["clock::parse_tzif"],
        check: |bytes| {
            let zone = clock::parse_tzif(bytes);
            in_proportion(bytes, &zone);
            for seconds in [0, 1_700_000_000, -1, i64::MIN, i64::MAX] {
                let day = zone.day(seconds);
                assert!(
                    day.len() >= 10 && day.bytes().filter(|byte| *byte == b'-').count() >= 2,
                    "{day}"
                );
            }
            let number = bytes.iter().fold(0i64, |sum, byte| {
                sum.wrapping_mul(257).wrapping_add(i64::from(*byte))
            });
            let (day, next) = (
                clock::civil_day(number % 9_999_999),
                clock::civil_day(number % 9_999_999 + 1),
            );
            assert_ne!(day, next);
        },
        seeds: || {
            let part = |version: u8, width: usize| {
                let mut out = b"TZif".to_vec();
                out.push(version);
                out.extend([0; 15]);
                for count in [0u32, 0, 0, 2, 2, 4] {
                    out.extend(count.to_be_bytes());
                }
                for at in [-1_000_000i64, 1_600_000_000] {
                    out.extend(&at.to_be_bytes()[8 - width..]);
                }
                out.extend([0, 1]);
                for offset in [28_800i32, 32_400] {
                    out.extend(offset.to_be_bytes());
                    out.extend([0, 0]);
                }
                out.extend(b"CST\0");
                out
            };
            let mut two = part(b'2', 4);
            two.extend(part(b'2', 8));
            two.extend(b"\nCST-8\n");
            vec![part(0, 4), two]
        },
    },
];
