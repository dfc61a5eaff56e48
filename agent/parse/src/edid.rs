//! What a monitor says about itself over its cable (EDID): maker, model, serial.

use crate::{serial::meaningful, text};

/// A monitor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor {
    /// Three letters of the maker, as registered.
    pub maker: String,
    /// Name, or the product number in hexadecimal where there is none.
    pub model: String,
    /// Serial; empty without one.
    pub serial: String,
}

/// Reads the first block; `None` where it is no EDID or is damaged.
pub fn parse_edid(bytes: &[u8]) -> Option<Monitor> {
    let block = bytes.get(..128)?;
    if !block.starts_with(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]) {
        return None;
    }
    if block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
        return None;
    }
    // Three letters of five bits, `A` being 1.
    let packed = u16::from_be_bytes(*block.get(8..)?.first_chunk()?);
    let maker = [10, 5, 0]
        .iter()
        .map(|shift| char::from(b'@' + u8::try_from(packed >> shift & 31).unwrap_or_default()))
        .filter(char::is_ascii_uppercase)
        .collect();
    let product = u16::from_le_bytes(*block.get(10..)?.first_chunk()?);
    let number = u32::from_le_bytes(*block.get(12..)?.first_chunk()?);
    let mut monitor = Monitor {
        maker,
        ..Monitor::default()
    };
    for descriptor in block.get(54..126)?.chunks_exact(18) {
        let value = descriptor.get(5..).unwrap_or_default();
        match descriptor {
            [0, 0, 0, 0xfc, ..] => monitor.model = line(value),
            [0, 0, 0, 0xff, ..] => monitor.serial = meaningful(&line(value)).to_owned(),
            _ => {}
        }
    }
    if monitor.model.is_empty() {
        monitor.model = format!("{product:04X}");
    }
    if monitor.serial.is_empty() && number != 0 && number != 0x0101_0101 && number != u32::MAX {
        monitor.serial = meaningful(&number.to_string()).to_owned();
    }
    Some(monitor)
}

/// A text that ends with a line feed and is filled with spaces.
fn line(bytes: &[u8]) -> String {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    text::decode(bytes.get(..end).unwrap_or_default())
        .trim_matches(|c: char| c.is_whitespace() || c.is_control())
        .to_owned()
}

/// Writes blocks for tests.
#[doc(hidden)]
pub mod sample {
    /// A block of a maker's number, a name and a serial.
    pub fn edid(maker: u16, name: &str, serial: &str) -> Vec<u8> {
        let mut block = vec![0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
        block.extend(maker.to_be_bytes());
        block.resize(54, 0);
        for (kind, text) in [(0xfcu8, name), (0xff, serial)] {
            let begin = block.len();
            block.extend([0, 0, 0, kind, 0]);
            block.extend(text.as_bytes());
            block.push(b'\n');
            block.resize(begin + 18, b' ');
        }
        block.resize(127, 0);
        let sum = block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        block.push(sum.wrapping_neg());
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn maker_model_and_serial_are_read() {
        // D, E, L: 4, 5, 12.
        let bytes = sample::edid(4 << 10 | 5 << 5 | 12, "DELL U2419H", "7VX1234");
        let monitor = parse_edid(&bytes).unwrap();
        assert_eq!(
            (&*monitor.maker, &*monitor.model, &*monitor.serial),
            ("DEL", "DELL U2419H", "7VX1234")
        );
        let unnamed = parse_edid(&sample::edid(4 << 10, "", "0000000")).unwrap();
        assert_eq!((&*unnamed.model, &*unnamed.serial), ("0000", ""));
    }

    #[test]
    fn a_damaged_block_is_refused() {
        let mut bytes = sample::edid(1, "x", "y");
        bytes[60] ^= 1;
        assert_eq!(parse_edid(&bytes), None);
        assert_eq!(parse_edid(b""), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 117)) {
            let mut block = vec![0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
            block.extend(bytes);
            block.resize(127, 0);
            let sum = block.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
            block.push(sum.wrapping_neg());
            prop_assert!(parse_edid(&block).is_some());
            parse_edid(&block[..100]);
        }
    }
}
