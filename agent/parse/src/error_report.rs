//! What Windows Error Reporting keeps of a program that crashed: the summary (`Report.wer`, lines of `name=value` in
//! UTF-16) and the name of its folder; and the names of the dumps of Windows itself. What a program had in memory lies
//! beside them and is never read.

use crate::{
    registry::unix_seconds,
    text::{self, clip},
};

/// Most bytes of a summary that are looked at. What is wanted stands in front of the list of libraries.
const MAX_REPORT: usize = 64 << 10;
/// Longest name of a program that is kept, in bytes.
const MAX_NAME: usize = 256;

/// Kinds of events that are crashes; what hangs, or failed to update, is none. Those of Store apps begin with `Mo`.
const CRASHES: [&str; 8] = [
    "APPCRASH",
    "BEX",
    "BEX64",
    "CLR20r3",
    "InPageError",
    "MoAppCrash",
    "MoBEX",
    "MoBEX64",
];

/// A program that crashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCrash {
    /// Name of its file; of a Store app, that of its package.
    pub program: String,
    /// When, in Unix seconds; `None` where only the file's own time tells.
    pub seconds: Option<i64>,
}

/// A `Report.wer`; `None` where it tells of something else than a crash, or of none.
pub fn parse_error_report(bytes: &[u8]) -> Option<ProgramCrash> {
    let text = wide_or_not(bytes.get(..MAX_REPORT).unwrap_or(bytes));
    let (mut kind, mut program, mut first) = (None, None, None);
    let mut seconds = None;
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        let slot = match name.trim() {
            "EventType" => &mut kind,
            "NsAppName" => &mut program,
            // The name of this one is in the language of Windows, its place is not.
            "Sig[0].Value" => &mut first,
            "EventTime" => {
                seconds = seconds.or_else(|| unix_seconds(value.parse().ok()?));
                continue;
            }
            _ => continue,
        };
        // Only the first of a name counts: what follows may come from the program.
        slot.get_or_insert(value);
    }
    let kind = kind?;
    let store = kind.starts_with("Mo");
    let known = CRASHES.iter().any(|crash| crash.eq_ignore_ascii_case(kind));
    let named = |value: Option<&str>| program_name(value?, store);
    let program = if store {
        named(first).or_else(|| named(program))
    } else {
        named(program).or_else(|| named(first))
    };
    known.then_some(())?;
    Some(ProgramCrash {
        program: program?,
        seconds,
    })
}

/// A folder's name, `AppCrash_WeChat.exe_5a4d...`, for where the summary cannot be read. Windows keeps sixteen characters
/// of the program's name there.
pub fn parse_report_folder(name: &str) -> Option<ProgramCrash> {
    let (kind, rest) = name.split_once('_')?;
    if !kind.eq_ignore_ascii_case("AppCrash") {
        return None;
    }
    // Hashes follow, as many as Windows' version likes: the first is the longest.
    let hash = |part: &&str| part.len() >= 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let end = rest.split('_').find(hash).and_then(|hash| rest.find(hash))?;
    let program = rest.get(..end)?.strip_suffix('_')?;
    Some(ProgramCrash {
        program: program_name(program, false)?,
        seconds: None,
    })
}

/// Whether a file's name is that of a small dump that Windows left when it stopped: `112826-4711-01.dmp`.
pub fn is_minidump(name: &str) -> bool {
    let Some((name, ending)) = name.rsplit_once('.') else {
        return false;
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // Windows XP wrote `Mini112826-01.dmp`.
    let name = name
        .get(..4)
        .filter(|begin| begin.eq_ignore_ascii_case("Mini"))
        .and_then(|_| name.get(4..))
        .unwrap_or(name);
    let mut parts = name.split('-');
    let day = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    ending.eq_ignore_ascii_case("dmp")
        && day.len() == 6
        && digits(day)
        && matches!(rest.len(), 1 | 2)
        && rest.iter().all(|part| digits(part))
}

/// The name of a program's file, or of the package of a Store app without its version.
fn program_name(value: &str, store: bool) -> Option<String> {
    let name = value.rsplit(['\\', '/']).next()?.trim();
    let name = if store { name.split('_').next()? } else { name };
    let sound = !name.is_empty() && !name.contains(char::is_control);
    sound.then(|| clip(name, MAX_NAME).to_owned())
}

/// Text with the mark of UTF-16, or as it is.
fn wide_or_not(bytes: &[u8]) -> String {
    let Some(wide) = bytes.strip_prefix(&[0xff, 0xfe]) else {
        return text::decode(bytes).into_owned();
    };
    let units = wide
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Synthesised after the files that Windows 7 to 11 leave.
    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/fixtures/wer/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    fn told(name: &str) -> Option<(String, Option<i64>)> {
        parse_error_report(&fixture(name)).map(|crash| (crash.program, crash.seconds))
    }

    #[test]
    fn a_summary_tells_the_program_and_when_it_crashed() {
        let of = |program: &str, seconds| Some((program.to_owned(), seconds));
        assert_eq!(
            told("windows11-chinese.wer"),
            of("微信样例.exe", Some(1_796_000_000))
        );
        assert_eq!(told("windows7-russian.wer"), of("1cv8.exe", Some(1_796_000_100)));
        assert_eq!(told("store-app.wer"), of("Sample.Notes", Some(1_796_000_200)));
        assert_eq!(told("dotnet.wer"), of("accounts.exe", Some(1_796_000_300)));
    }

    #[test]
    fn what_hangs_and_what_could_not_be_updated_is_no_crash() {
        assert_eq!(told("hang.wer"), None);
        assert_eq!(told("update.wer"), None);
        for none in [
            "",
            "EventType=APPCRASH\n",
            "NsAppName=a.exe\n",
            "EventType=\nNsAppName=a.exe",
        ] {
            assert_eq!(parse_error_report(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn a_line_that_the_program_adds_changes_nothing() {
        let text =
            "EventType=APPCRASH\nEventTime=x\nNsAppName=C:\\a\\b.exe\nNsAppName=c.exe\nEventType=AppHangB1\n";
        assert_eq!(
            parse_error_report(text.as_bytes()),
            Some(ProgramCrash {
                program: "b.exe".to_owned(),
                seconds: None
            })
        );
    }

    #[test]
    fn names_of_folders_tell_the_program() {
        let of = |name: &str| parse_report_folder(name).map(|crash| crash.program);
        let hash = "5a4d0c3f8d1b2a6e7f9c5a4d0c3f8d1b2a6e7f9c";
        assert_eq!(
            of(&format!("AppCrash_WeChat.exe_{hash}_12345678_cab_0a1b2c3d")).as_deref(),
            Some("WeChat.exe")
        );
        assert_eq!(
            of(&format!("AppCrash_my_program.exe_{hash}_12345678_00000000-0000")).as_deref(),
            Some("my_program.exe")
        );
        for none in [
            "AppHang_a.exe_5a4d",
            "AppCrash_a.exe",
            "AppCrash__",
            "NonCritical_x64",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn names_of_dumps_of_windows_are_known() {
        for name in ["112826-4711-01.dmp", "Mini112826-01.dmp", "112826-1-01.DMP"] {
            assert!(is_minidump(name), "{name}");
        }
        for name in [
            "MEMORY.DMP",
            "chat.exe.4711.dmp",
            "112826.dmp",
            "112826-a-01.dmp",
            "112826-1-01.txt",
        ] {
            assert!(!is_minidump(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_program_is_told_is_found(name in "[^\\p{C}\\\\/\\s]{1,30}", at in 116_444_736_010_000_000u64..200_000_000_000_000_000) {
            let text = format!("\u{feff}Version=1\r\nEventType=BEX64\r\nEventTime={at}\r\nNsAppName={name}\r\n");
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let found = parse_error_report(&bytes).unwrap();
            prop_assert_eq!(found.program, name);
            prop_assert_eq!(found.seconds, unix_seconds(at));
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "(AppCrash_|Mini)?[-_a-f0-9.\\PC]{0,80}(.dmp)?") {
            parse_error_report(&bytes);
            bytes.splice(0..0, [0xff, 0xfe]);
            parse_error_report(&bytes);
            parse_error_report(text.as_bytes());
            parse_report_folder(&text);
            is_minidump(&text);
        }
    }
}
