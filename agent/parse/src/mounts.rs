//! Mounted file systems (`proc/self/mounts`) and encrypted ones (`etc/crypttab`).

use crate::text;

/// Most lines that are read.
const MAX_LINES: usize = 20_000;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Device or another name of what is mounted.
    pub device: String,
    /// Mount point.
    pub place: String,
    /// File-system type.
    pub kind: String,
    /// Mounted without the right to write.
    pub read_only: bool,
}

/// Mounts in the order of the file.
pub fn parse_mounts(bytes: &[u8]) -> Vec<Mount> {
    text::lines(bytes)
        .take(MAX_LINES)
        .filter_map(|line| {
            let line = text::decode(line);
            let mut fields = line.split(' ');
            Some(Mount {
                device: unescape(fields.next().filter(|device| !device.is_empty())?),
                place: unescape(fields.next()?),
                kind: fields.next()?.to_owned(),
                read_only: fields.next()?.split(',').any(|option| option == "ro"),
            })
        })
        .collect()
}

/// Names under which `crypttab` opens encrypted devices, each with its options.
pub fn parse_crypttab(bytes: &[u8]) -> Vec<(String, String)> {
    text::lines(bytes)
        .take(MAX_LINES)
        .filter_map(|line| {
            let line = text::decode(line);
            let mut fields = line.split_whitespace();
            let name = fields.next().filter(|name| !name.starts_with('#'))?.to_owned();
            fields.next()?;
            Some((name, fields.nth(1).unwrap_or_default().to_owned()))
        })
        .collect()
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = (*byte == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                out.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    text::decode(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mount_point_with_a_space_is_read() {
        let found = parse_mounts(b"/dev/sdb1 /media/wang/USB\\040DISK vfat ro,nosuid 0 0\nbad\n");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (&*found[0].place, found[0].read_only),
            ("/media/wang/USB DISK", true)
        );
    }

    #[test]
    fn crypttab_names_are_read_without_their_keys() {
        let found =
            parse_crypttab(b"# no\nhome UUID=1 /root/key luks,discard\nswap /dev/sda2 /dev/urandom swap\n");
        assert_eq!(
            found,
            [
                ("home".to_owned(), "luks,discard".to_owned()),
                ("swap".to_owned(), "swap".to_owned())
            ]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_mounts(&bytes);
            parse_crypttab(&bytes);
        }

        #[test]
        fn arbitrary_escapes_never_panic(text in "[\\\\0-7é]{0,20}") {
            unescape(&text);
        }
    }
}
