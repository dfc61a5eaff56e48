//! Writes SMBIOS tables: the firmware's list of parts, as Linux shows it below `/sys/firmware/dmi/tables`.
//! Virtual machines have no memory modules to swap, so the tests bring their own. Written from DSP0134 and
//! independent of the product's reader.

use std::{fs, path::Path};

use anyhow::Result;

/// A memory module as the firmware describes it.
#[derive(Clone, Debug)]
pub struct Memory {
    /// Slot, as printed on the board.
    pub slot: String,
    /// Maker.
    pub maker: String,
    /// Part number.
    pub part: String,
    /// Serial number.
    pub serial: String,
    /// Capacity in MiB.
    pub mib: u16,
}

impl Memory {
    /// An 8 GiB module in a slot.
    pub fn of(slot: &str, serial: &str) -> Self {
        Self {
            slot: slot.to_owned(),
            maker: "Samsung".to_owned(),
            part: "M378A1K43EB2-CWE".to_owned(),
            serial: serial.to_owned(),
            mib: 8192,
        }
    }
}

/// What the firmware of one PC says.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// Serial number of the system.
    pub serial: String,
    /// Serial number of the board.
    pub board: String,
    /// Its memory modules.
    pub memory: Vec<Memory>,
}

impl Default for Firmware {
    fn default() -> Self {
        let memory = vec![
            Memory::of("DIMM_A1", "36F1A2B4"),
            Memory::of("DIMM_B1", "36F1A2C7"),
        ];
        Self {
            serial: "PF3K8Z2M".to_owned(),
            board: "L1HF9A80123".to_owned(),
            memory,
        }
    }
}

impl Firmware {
    /// Writes both tables below a root.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, root: &Path) -> Result<()> {
        let folder = root.join("sys/firmware/dmi/tables");
        fs::create_dir_all(&folder)?;
        let table = self.table();
        fs::write(folder.join("DMI"), &table)?;
        fs::write(folder.join("smbios_entry_point"), entry_point(table.len()))?;
        Ok(())
    }

    fn table(&self) -> Vec<u8> {
        let mut table = Table::default();
        // BIOS: vendor, version, start segment, date, ROM size, characteristics, their extension, releases.
        let mut bios = vec![1, 2, 0, 0xe8, 3, 0xff];
        bios.extend([0; 8]);
        bios.extend([3, 0, 1, 0, 0xff, 0xff]);
        table.add(0, &bios, &["LENOVO", "M2TKT4AA", "03/15/2024"]);

        let mut system = vec![1, 2, 3, 4];
        system.extend([
            0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x47, 0x78, 0x89, 0x9a, 0xab, 0xbc, 0xcd, 0xde, 0xef, 0x01,
        ]);
        system.extend([6, 5, 6]);
        table.add(
            1,
            &system,
            &[
                "LENOVO",
                "11DBS0V900",
                "ThinkCentre M70q",
                &self.serial,
                "LENOVO_MT_11DB",
                "ThinkCentre",
            ],
        );

        table.add(
            2,
            &[1, 2, 3, 4, 5, 9, 6, 3, 0, 10, 0],
            &["LENOVO", "3170", "NOK", &self.board, "", "Default string"],
        );
        table.add(
            3,
            &[1, 3, 2, 3, 4, 3, 3, 3, 3, 0, 0, 0, 0, 0, 1, 0, 0, 5],
            &["LENOVO", "None", "PF3K8Z2M", "IT-0042", "Default string"],
        );

        // Processor: socket, type, family, maker, id, version, voltage, clocks, status, upgrade, caches,
        // serial, asset tag, part number, cores.
        let mut processor = vec![1, 3, 0xcd, 2];
        processor.extend([0x53, 0x06, 0x0a, 0, 0xff, 0xfb, 0xeb, 0xbf]);
        processor.extend([3, 0x88]);
        for clock in [100_u16, 4300, 2300] {
            processor.extend(clock.to_le_bytes());
        }
        processor.extend([0x41, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 6, 6, 12]);
        processor.extend([0xfc, 0, 0xcd, 0]);
        table.add(
            4,
            &processor,
            &[
                "U3E1",
                "Intel(R) Corporation",
                "Intel(R) Core(TM) i5-10400T CPU @ 2.00GHz",
            ],
        );

        let slots = u8::try_from(self.memory.len()).unwrap_or(u8::MAX);
        let array = table.add(
            16,
            &[3, 3, 3, 0, 0, 0, 4, 0xfe, 0xff, slots, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[],
        );
        for module in &self.memory {
            table.memory(module, array);
        }
        table.add(127, &[], &[]);
        table.bytes
    }
}

#[derive(Default)]
struct Table {
    bytes: Vec<u8>,
    handle: u16,
}

impl Table {
    /// A structure: type, length, handle, the formatted area, then its strings and the empty one.
    fn add(&mut self, kind: u8, formatted: &[u8], strings: &[&str]) -> u16 {
        let handle = self.handle;
        self.handle += 1;
        self.bytes
            .extend([kind, u8::try_from(formatted.len() + 4).unwrap_or(u8::MAX)]);
        self.bytes.extend(handle.to_le_bytes());
        self.bytes.extend(formatted);
        for text in strings {
            // An empty string would end the set; firmware writes a blank.
            self.bytes
                .extend(if text.is_empty() { b" " } else { text.as_bytes() });
            self.bytes.push(0);
        }
        if strings.is_empty() {
            self.bytes.push(0);
        }
        self.bytes.push(0);
        handle
    }

    fn memory(&mut self, module: &Memory, array: u16) {
        let mut formatted = array.to_le_bytes().to_vec();
        formatted.extend([0xfe, 0xff, 64, 0, 64, 0]);
        formatted.extend(module.mib.to_le_bytes());
        // DIMM, no set, slot, bank, DDR4, synchronous.
        formatted.extend([9, 0, 1, 2, 0x1a, 0x80, 0]);
        formatted.extend(3200_u16.to_le_bytes());
        formatted.extend([3, 4, 5, 6, 1]);
        formatted.extend([0, 0, 0, 0]);
        formatted.extend(2666_u16.to_le_bytes());
        formatted.extend([0; 6]);
        self.add(
            17,
            &formatted,
            &[
                &module.slot,
                "BANK 0",
                &module.maker,
                &module.serial,
                "Default string",
                &module.part,
            ],
        );
    }
}

/// The 64-bit entry point of SMBIOS 3.2.
fn entry_point(table: usize) -> Vec<u8> {
    let mut bytes = b"_SM3_\0\x18\x03\x02\x00\x01\0".to_vec();
    bytes.extend(u32::try_from(table).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(0x000e_0000_u64.to_le_bytes());
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(checksum) = bytes.get_mut(5) {
        *checksum = sum.wrapping_neg();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_point_adds_up_to_zero_and_is_as_long_as_it_says() {
        let bytes = entry_point(1234);
        assert_eq!(bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        assert_eq!(bytes.len(), usize::from(bytes[6]));
    }

    #[test]
    fn dmidecode_reads_what_was_written() {
        if !crate::need::program("dmidecode_reads_what_was_written", "dmidecode") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        Firmware::default().write(folder.path()).unwrap();
        let tables = folder.path().join("sys/firmware/dmi/tables");
        // The dump format of dmidecode: the entry point with its address field set to 32, padded, then the table.
        let mut dump = fs::read(tables.join("smbios_entry_point")).unwrap();
        dump[16..24].copy_from_slice(&32_u64.to_le_bytes());
        dump[5] = 0;
        dump[5] = dump
            .iter()
            .fold(0_u8, |sum, byte| sum.wrapping_add(*byte))
            .wrapping_neg();
        dump.resize(32, 0);
        dump.extend(fs::read(tables.join("DMI")).unwrap());
        let file = folder.path().join("dump");
        fs::write(&file, dump).unwrap();
        let text = crate::program::run(
            "dmidecode",
            [std::ffi::OsStr::new("--from-dump"), file.as_os_str()],
        )
        .unwrap();
        for expected in [
            "Serial Number: PF3K8Z2M",
            "Locator: DIMM_B1",
            "Serial Number: 36F1A2C7",
            "Size: 8 GB",
            "Type: DDR4",
            "Part Number: M378A1K43EB2-CWE",
        ] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
        assert!(
            !text.contains("TRUNCATED") && !text.contains("Wrong DMI"),
            "{text}"
        );
    }
}
