//! Gauges of the kernel that are text: `proc/meminfo` and `proc/loadavg`.

use crate::text;

/// Memory of the PC, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What the kernel has to give out.
    pub total: u64,
    /// What programs could get without anything being swapped out.
    pub available: u64,
    /// What is swapped out.
    pub swapped: u64,
}

/// `proc/meminfo`; `None` where it does not say how much there is.
pub fn parse_meminfo(bytes: &[u8]) -> Option<Memory> {
    let value = |wanted: &str| {
        text::lines(bytes).find_map(|line| {
            let line = text::decode(line);
            let (name, rest) = line.split_once(':')?;
            let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
            (name == wanted).then(|| kibibytes.saturating_mul(1_024))
        })
    };
    Some(Memory {
        total: value("MemTotal")?,
        available: value("MemAvailable")?,
        swapped: value("SwapTotal")
            .unwrap_or_default()
            .saturating_sub(value("SwapFree").unwrap_or_default()),
    })
}

/// How many programs wanted to run, over the last 1, 5 and 15 minutes: `proc/loadavg`.
pub fn parse_loadavg(bytes: &[u8]) -> Option<[f64; 3]> {
    let line = text::decode(bytes);
    let mut words = line.split_ascii_whitespace();
    let mut next = || -> Option<f64> {
        let value: f64 = words.next()?.parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let text = b"MemTotal:       16303428 kB\nMemFree:  1000 kB\nMemAvailable:    9000000 kB\n\
SwapTotal:        100 kB\nSwapFree:          40 kB\nHugePages_Total:       0\n";
        assert_eq!(
            parse_meminfo(text),
            Some(Memory {
                total: 16_303_428 * 1_024,
                available: 9_000_000 * 1_024,
                swapped: 60 * 1_024
            })
        );
        assert_eq!(parse_meminfo(b"MemTotal: 5 kB\n"), None);
    }

    #[test]
    fn load_is_three_numbers() {
        assert_eq!(
            parse_loadavg(b"0.52 0.58 1.59 3/602 29834\n"),
            Some([0.52, 0.58, 1.59])
        );
        assert_eq!(parse_loadavg(b"0.52 nan 1"), None);
        assert_eq!(parse_loadavg(b"1 2"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "(Mem[A-Z][a-z]+: +[0-9]{0,30} ?kB\n){0,4}") {
            parse_meminfo(&bytes);
            parse_meminfo(text.as_bytes());
            parse_loadavg(&bytes);
        }
    }
}
