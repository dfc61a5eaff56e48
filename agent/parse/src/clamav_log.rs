//! What ClamAV writes of what it found: the lines of its log that end in `FOUND`.

use crate::{clock::day_number, text};

/// Longest path or name that is kept, in bytes.
const MAX_TEXT: usize = 1_024;
/// Most detections of one log; the last ones are kept.
const MAX_FOUND: usize = 1_000;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Something that was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// What ClamAV calls it.
    pub name: String,
    /// The file.
    pub path: String,
    /// Days since 1970 by the PC's clock; `None` where the log has no times.
    pub day: Option<i64>,
}

/// The detections of a log, in its order.
pub fn parse_clamav_log(bytes: &[u8]) -> Vec<Detection> {
    let mut found: Vec<Detection> = text::lines(bytes).filter_map(detection).collect();
    let surplus = found.len().saturating_sub(MAX_FOUND);
    found.drain(..surplus);
    found
}

/// `Thu Nov 26 10:00:00 2026 -> /home/wang/x: Win.Test.EICAR_HDB-1 FOUND`, without the time in a scan's own log.
fn detection(line: &[u8]) -> Option<Detection> {
    let line = line.strip_suffix(b" FOUND")?;
    let line = text::decode(line);
    let (day, said) = match line.split_once(" -> ") {
        Some((time, said)) => (day_of(time), said),
        None => (None, &*line),
    };
    let (path, name) = said.rsplit_once(": ")?;
    // clamd adds the hash and the size of a file: `NAME(md5:size)`.
    let name = name.split('(').next().unwrap_or_default().trim();
    (path.starts_with('/') && !name.is_empty()).then(|| Detection {
        name: text::clip(name, MAX_TEXT).to_owned(),
        path: text::clip(path, MAX_TEXT).to_owned(),
        day,
    })
}

fn day_of(time: &str) -> Option<i64> {
    let mut words = time.split_whitespace().skip(1);
    let (month, day) = (words.next()?, words.next()?.parse().ok()?);
    let year = words.nth(1)?.parse().ok()?;
    let month = MONTHS.iter().position(|name| *name == month)?;
    day_number(year, i64::try_from(month).ok()? + 1, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_where_and_when() {
        let log = "Thu Nov 26 10:00:00 2026 -> /home/wang/a: b.exe: Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND\n\
                   Thu Nov 26 10:00:01 2026 -> SelfCheck: Database status OK.\n\
                   /srv/x.doc: Doc.Malware.Agent FOUND\n\
                   stream(127.0.0.1@1): Eicar FOUND\n";
        let found = parse_clamav_log(log.as_bytes());
        let rows: Vec<_> = found.iter().map(|d| (&*d.name, &*d.path, d.day)).collect();
        assert_eq!(
            rows,
            [
                (
                    "Win.Test.EICAR_HDB-1",
                    "/home/wang/a: b.exe",
                    day_number(2026, 11, 26)
                ),
                ("Doc.Malware.Agent", "/srv/x.doc", None),
            ]
        );
    }

    #[test]
    fn the_last_of_very_many_are_kept() {
        let log: String = (0..1_200).map(|n| format!("/f{n}: X FOUND\n")).collect();
        let found = parse_clamav_log(log.as_bytes());
        assert_eq!((found.len(), &*found[0].path), (1_000, "/f200"));
    }
}
