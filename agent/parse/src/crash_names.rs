//! Names of the files that are kept of programs that crashed: systemd's (`core.NAME.UID.BOOT.PID.MICROS.zst`) and
//! those of Debian and Ubuntu (`_usr_bin_NAME.UID.crash`). The files themselves hold people's data and are never
//! read.

/// A crash, as a file's name tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Name or path of the program.
    pub program: String,
    /// Who ran it.
    pub uid: u32,
    /// When, in Unix seconds; `None` where only the file's own time tells.
    pub seconds: Option<i64>,
}

/// A name of `var/lib/systemd/coredump`.
pub fn parse_coredump_name(name: &str) -> Option<Crash> {
    let rest = name.strip_prefix("core.")?;
    let rest = [".zst", ".lz4", ".xz"]
        .iter()
        .find_map(|ending| rest.strip_suffix(ending))
        .unwrap_or(rest);
    // The program's name may have dots of its own: counted from the end.
    let mut parts = rest.rsplitn(5, '.');
    let micros: i64 = parts.next()?.parse().ok()?;
    let pid = parts.next()?;
    let boot = parts.next()?;
    let uid = parts.next()?.parse().ok()?;
    let program = parts.next()?;
    let sound = pid.bytes().all(|b| b.is_ascii_digit()) && boot.len() == 32 && !program.is_empty();
    sound.then(|| Crash {
        program: unescape(program),
        uid,
        seconds: Some(micros / 1_000_000),
    })
}

/// A name of `var/crash`.
pub fn parse_crash_name(name: &str) -> Option<Crash> {
    let rest = name.strip_suffix(".crash")?;
    let (path, uid) = rest.rsplit_once('.')?;
    let uid = uid.parse().ok()?;
    // Every slash became a line, and so did every line: the last part is the program in most cases.
    let program = path.rsplit('_').next().filter(|program| !program.is_empty())?;
    Some(Crash {
        program: program.to_owned(),
        uid,
        seconds: None,
    })
}

/// Bytes that would be no name of a file are written as `\x2f`.
fn unescape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.push_str(before);
        let code = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(u8::is_ascii_graphic) {
            Some(code) => {
                out.push(char::from(code));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push_str("\\x");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_tell_the_program_and_when_it_crashed() {
        let boot = "0123456789abcdef0123456789abcdef";
        let crash = |name: &str| parse_coredump_name(name);
        assert_eq!(
            crash(&format!("core.wechat.bin.1000.{boot}.4711.1790000000123456.zst")),
            Some(Crash {
                program: "wechat.bin".to_owned(),
                uid: 1000,
                seconds: Some(1_790_000_000)
            })
        );
        let slash = crash(&format!("core.kworker\\x2fu8.0.{boot}.7.1790000000000000")).unwrap();
        assert_eq!(slash.program, "kworker/u8");
        for none in ["core", "core.qq.1000.short.1.2", "vmcore", "core..1000.x.1.1"] {
            assert_eq!(crash(none), None, "{none}");
        }
    }

    #[test]
    fn older_names_tell_the_program_only() {
        assert_eq!(
            parse_crash_name("_usr_bin_gnome-shell.1000.crash"),
            Some(Crash {
                program: "gnome-shell".to_owned(),
                uid: 1000,
                seconds: None
            })
        );
        assert_eq!(parse_crash_name("_usr_bin_x.1000.upload"), None);
        assert_eq!(parse_crash_name("x.crash"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(name in "(core)?[.a-z_0-9\\\\x\\PC]{0,60}(.zst|.crash)?") {
            parse_coredump_name(&name);
            parse_crash_name(&name);
        }
    }
}
