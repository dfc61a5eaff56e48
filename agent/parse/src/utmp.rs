//! Records of sign-ins and boots as login programs write them: `wtmp` and `utmp`. Two layouts exist: 384
//! bytes where 64-bit programs share the files with 32-bit ones, 400 bytes elsewhere (aarch64, riscv).

use crate::text;

/// Most records of one file; the latest count.
const MAX_RECORDS: usize = 200_000;
/// Sizes of a record, with the places of its time and the width of it.
const LAYOUTS: [Layout; 2] = [
    Layout {
        size: 384,
        seconds: 340,
        wide: false,
    },
    Layout {
        size: 400,
        seconds: 344,
        wide: true,
    },
];

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The system started.
    Boot,
    /// The system was shut down in order.
    Shutdown,
    /// Somebody signed in.
    SignIn,
    /// A session ended.
    SignOut,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it tells.
    pub kind: Kind,
    /// Account name.
    pub user: String,
    /// Terminal, as `tty2` or `pts/0`.
    pub line: String,
    /// Host of a remote session, or the display of a local one.
    pub host: String,
    /// Unix seconds.
    pub seconds: i64,
}

impl Record {
    /// Whether the session came from another machine.
    pub fn is_remote(&self) -> bool {
        let host = self.host.split('%').next().unwrap_or_default();
        !(host.is_empty()
            || host.starts_with(':')
            || host.starts_with("tmux")
            || host.starts_with("screen")
            || host.starts_with("127.")
            || matches!(host, "localhost" | "::1" | "login screen")
            || host.starts_with("tty"))
    }
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Records of interest in the order of the file.
    pub records: Vec<Record>,
    /// Some bytes are no record: the file is damaged or of another layout.
    pub damaged: bool,
}

/// Reads a file. Of more records than are believed, the last are taken.
pub fn parse_utmp(bytes: &[u8]) -> Log {
    let Some(layout) = LAYOUTS.iter().max_by_key(|layout| layout.fit(bytes)) else {
        return Log::default();
    };
    let count = bytes.len() / layout.size;
    let mut log = Log {
        damaged: !bytes.len().is_multiple_of(layout.size),
        ..Log::default()
    };
    for raw in bytes
        .chunks_exact(layout.size)
        .skip(count.saturating_sub(MAX_RECORDS))
    {
        match i16_at(raw, 0) {
            Some(0..=9) => log.records.extend(layout.record(raw)),
            _ => log.damaged = true,
        }
    }
    log
}

struct Layout {
    size: usize,
    seconds: usize,
    wide: bool,
}

impl Layout {
    /// How many records look like records; the first few tell enough.
    fn fit(&self, bytes: &[u8]) -> (usize, bool) {
        let plausible = bytes
            .chunks_exact(self.size)
            .take(16)
            .filter(|raw| matches!(i16_at(raw, 0), Some(1..=9)) && self.time(raw).is_some_and(|t| t > 0))
            .count();
        (plausible, bytes.len().is_multiple_of(self.size))
    }

    fn time(&self, raw: &[u8]) -> Option<i64> {
        let at = raw.get(self.seconds..)?;
        if self.wide {
            Some(i64::from_ne_bytes(*at.first_chunk()?))
        } else {
            // Unsigned, so that it lasts until 2106.
            Some(i64::from(u32::from_ne_bytes(*at.first_chunk()?)))
        }
    }

    fn record(&self, raw: &[u8]) -> Option<Record> {
        let user = string(raw, 44, 32);
        let line = string(raw, 8, 32);
        let kind = match i16_at(raw, 0)? {
            1 if user == "shutdown" => Kind::Shutdown,
            2 => Kind::Boot,
            7 if !user.is_empty() => Kind::SignIn,
            8 => Kind::SignOut,
            _ => return None,
        };
        Some(Record {
            kind,
            user,
            line,
            host: string(raw, 76, 256),
            seconds: self.time(raw)?,
        })
    }
}

fn i16_at(raw: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_ne_bytes(*raw.get(at..)?.first_chunk()?))
}

fn string(raw: &[u8], at: usize, length: usize) -> String {
    let field = raw.get(at..at + length).unwrap_or_default();
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    text::decode(field.get(..end).unwrap_or_default())
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn raw(layout: &Layout, kind: i16, user: &str, line: &str, host: &str, seconds: u32) -> Vec<u8> {
        let mut raw = vec![0u8; layout.size];
        raw[..2].copy_from_slice(&kind.to_ne_bytes());
        raw[8..8 + line.len()].copy_from_slice(line.as_bytes());
        raw[44..44 + user.len()].copy_from_slice(user.as_bytes());
        raw[76..76 + host.len()].copy_from_slice(host.as_bytes());
        let at = layout.seconds;
        if layout.wide {
            raw[at..at + 8].copy_from_slice(&i64::from(seconds).to_ne_bytes());
        } else {
            raw[at..at + 4].copy_from_slice(&seconds.to_ne_bytes());
        }
        raw
    }

    #[test]
    fn both_layouts_are_recognised() {
        for layout in &LAYOUTS {
            let bytes = [
                raw(layout, 2, "reboot", "~", "6.1.0", 1_700_000_000),
                raw(layout, 7, "wang", "tty2", ":0", 1_700_000_100),
                raw(layout, 7, "li", "pts/0", "192.0.2.7", 1_700_000_200),
                raw(layout, 8, "", "pts/0", "", 1_700_000_300),
                raw(layout, 1, "shutdown", "~", "6.1.0", 1_700_000_400),
                raw(layout, 5, "", "tty3", "", 1_700_000_500),
            ]
            .concat();
            let log = parse_utmp(&bytes);
            let kinds: Vec<_> = log.records.iter().map(|r| r.kind).collect();
            assert_eq!(
                kinds,
                [
                    Kind::Boot,
                    Kind::SignIn,
                    Kind::SignIn,
                    Kind::SignOut,
                    Kind::Shutdown
                ]
            );
            assert_eq!(log.records[1].seconds, 1_700_000_100);
            assert!(!log.records[1].is_remote() && log.records[2].is_remote());
            assert!(!log.damaged);
            assert!(parse_utmp(&bytes[..layout.size + 10]).damaged);
        }
        assert_eq!(parse_utmp(b""), Log::default());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1_300)) {
            parse_utmp(&bytes);
        }
    }
}
