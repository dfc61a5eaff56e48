//! Entries of installed titles: what their installers left below an `Uninstall` key. Every entry with a name is
//! told, also components, updates and children, which are marked; an entry that can be removed but lost its name
//! goes by that of its key.

use super::{Found, Key, Values};
use crate::{clock::civil_day, text};

/// Longest text that is kept.
const MAX_TEXT: usize = 1_024;
/// Kinds of release that are no titles of their own.
const UPDATES: [&str; 7] = [
    "security update",
    "update rollup",
    "hotfix",
    "update",
    "servicepack",
    "service pack",
    "critical update",
];

/// One entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Name of its key, below that of the title it belongs to where it has one.
    pub subkey: String,
    /// Name as shown.
    pub name: String,
    /// Version as shown.
    pub version: String,
    /// Publisher as shown.
    pub publisher: String,
    /// Folder that it was installed to; may be empty.
    pub location: String,
    /// File name of the program that its icon is taken from, where that is a program.
    pub exe: String,
    /// Day of installation, `YYYY-MM-DD`; empty where nobody wrote it down.
    pub installed_on: String,
    /// Where it was installed from.
    pub source: String,
    /// Estimated size in bytes.
    pub size_bytes: u64,
    /// Hidden from people by its installer.
    pub system_component: bool,
    /// An update of another title.
    pub update: bool,
    /// Name of the title that it belongs to.
    pub parent: String,
}

/// Every entry below an `Uninstall` key.
pub fn entries<K: Key>(uninstall: &K) -> Found<Entry> {
    let mut found = Found::default();
    found.each(uninstall, "Uninstall", |found, name, key, values| {
        let entry = entry(name, values, None);
        let parent = entry
            .as_ref()
            .map_or(name, |entry| entry.name.as_str())
            .to_owned();
        found.all.extend(entry);
        // Updates of a title may stand below it, as XP and its programs put them.
        let below = format!("Uninstall\\{name}");
        found.each(key, &below, |found, child, _, values| {
            let mut child = entry_below(name, child, values, &parent);
            found.all.extend(child.take());
        });
    });
    found
}

fn entry_below(outer: &str, inner: &str, values: &Values, parent: &str) -> Option<Entry> {
    // Settings of the title are no entry: only what was given a name is.
    if values.text("DisplayName").is_empty() {
        return None;
    }
    entry(&format!("{outer}\\{inner}"), values, Some(parent))
}

fn entry(subkey: &str, values: &Values, parent: Option<&str>) -> Option<Entry> {
    let text = |name: &str| kept(&values.text(name));
    let mut name = text("DisplayName");
    if name.is_empty() {
        name = text("QuietDisplayName");
    }
    if name.is_empty() {
        let removable = [
            "UninstallString",
            "QuietUninstallString",
            "DisplayIcon",
            "InstallLocation",
        ]
        .iter()
        .any(|of| !values.text(of).is_empty());
        if !removable {
            return None;
        }
        name = kept(subkey);
    }
    let release = text("ReleaseType").to_lowercase();
    let parent_key = text("ParentKeyName");
    let mut of = text("ParentDisplayName");
    if of.is_empty() {
        of = parent.map_or(parent_key.clone(), str::to_owned);
    }
    let update = UPDATES.contains(&release.as_str()) || is_update(subkey, &name, !parent_key.is_empty());
    Some(Entry {
        subkey: subkey.to_owned(),
        version: version(values),
        publisher: text("Publisher"),
        location: text("InstallLocation").trim_matches('"').to_owned(),
        exe: exe(&text("DisplayIcon")),
        installed_on: day(values),
        source: text("InstallSource"),
        size_bytes: values.number("EstimatedSize").unwrap_or(0).saturating_mul(1_024),
        system_component: values.number("SystemComponent").unwrap_or(0) != 0,
        update,
        parent: of,
        name,
    })
}

fn kept(text: &str) -> String {
    text::clip(text, MAX_TEXT).to_owned()
}

/// A name as it is told: without white space around it, and bounded.
#[cfg(test)]
pub(super) fn shown(name: &str) -> String {
    kept(name.trim())
}

fn version(values: &Values) -> String {
    let shown = kept(&values.text("DisplayVersion"));
    if !shown.is_empty() {
        return shown;
    }
    match (values.number("VersionMajor"), values.number("VersionMinor")) {
        (Some(major), Some(minor)) => format!("{major}.{minor}"),
        (Some(major), None) => major.to_string(),
        _ => String::new(),
    }
}

/// Updates go by the number of the article about them.
fn is_update(subkey: &str, name: &str, has_parent: bool) -> bool {
    let last = subkey.rsplit(['.', '\\']).next().unwrap_or_default();
    let numbered = is_article(last) || is_article(subkey.split('_').next().unwrap_or_default());
    numbered || (has_parent && name.split(['(', ')', ' ']).any(is_article))
}

/// `KB2565063`, as articles about updates are numbered.
pub(super) fn is_article(text: &str) -> bool {
    let digits = text.strip_prefix("KB").or_else(|| text.strip_prefix("kb"));
    digits.is_some_and(|digits| {
        let number = digits.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        (5..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Installers write the day as one number; some as people of their country do, which cannot be told apart.
fn day(values: &Values) -> String {
    let text = values.text("InstallDate");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let separated = text.len() == 10 && text.get(4..5).is_some_and(|c| matches!(c, "-" | "/" | "."));
    if digits.len() == 8 && (text.len() == 8 || separated) {
        let part = |range| digits.get(range).unwrap_or_default();
        let (year, month, day) = (part(0..4), part(4..6), part(6..8));
        let sound = ("1990".."2200").contains(&year)
            && ("01"..="12").contains(&month)
            && ("01"..="31").contains(&day);
        return if sound {
            format!("{year}-{month}-{day}")
        } else {
            String::new()
        };
    }
    // Seconds since 1970, as some write.
    match values.number("InstallDate") {
        Some(seconds) if (631_152_000..7_258_118_400).contains(&seconds) => {
            civil_day(i64::try_from(seconds / 86_400).unwrap_or_default())
        }
        _ => String::new(),
    }
}

/// `"C:\Program Files\Tencent\QQ.exe",0` is QQ.exe; an icon file is no program.
fn exe(icon: &str) -> String {
    let path = icon.trim().trim_start_matches('"');
    let path = path.split('"').next().unwrap_or_default();
    let path = match path.rsplit_once(',') {
        Some((path, number))
            if number
                .trim()
                .trim_start_matches('-')
                .bytes()
                .all(|b| b.is_ascii_digit()) =>
        {
            path
        }
        _ => path,
    };
    let name = path.rsplit(['\\', '/']).next().unwrap_or_default().trim();
    let program = name.len() > 4
        && name
            .get(name.len() - 4..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".exe"));
    // An installer's own program is not what people run.
    let lower = name.to_lowercase();
    if program
        && !["unins", "setup", "install", "msiexec"]
            .iter()
            .any(|other| lower.contains(other))
    {
        name.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Value;

    fn values(rows: &[(&str, &str)]) -> Values {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Values {
            all: rows
                .iter()
                .map(|(name, text)| ((*name).to_owned(), Value::new(1, wide(text))))
                .collect(),
            damaged: false,
        }
    }

    #[test]
    fn an_entry_that_lost_its_name_goes_by_its_key_and_an_empty_one_is_none() {
        let removable = values(&[("UninstallString", "C:\\x\\unins000.exe")]);
        assert_eq!(entry("某软件_is1", &removable, None).unwrap().name, "某软件_is1");
        assert_eq!(entry("AddressBook", &values(&[]), None), None);
    }

    #[test]
    fn days_are_read_as_installers_write_them() {
        let day_of = |text: &str| day(&values(&[("InstallDate", text)]));
        assert_eq!(day_of("20240131"), "2024-01-31");
        assert_eq!(day_of("2024/01/31"), "2024-01-31");
        assert_eq!(day_of("2024-01-31"), "2024-01-31");
        assert_eq!(day_of("1706659200"), "2024-01-31");
        for unclear in ["31/01/2024", "20241331", "yesterday", "", "00000000"] {
            assert_eq!(day_of(unclear), "", "{unclear}");
        }
    }

    #[test]
    fn updates_are_told_apart_from_titles() {
        for (subkey, release, parent) in [
            ("KB2565063", "", ""),
            ("{guid}.KB2565063", "", ""),
            ("KB946040_x", "Hotfix", "OperatingSystem"),
            ("Patch", "Security Update", ""),
        ] {
            let of = values(&[
                ("DisplayName", "x"),
                ("ReleaseType", release),
                ("ParentKeyName", parent),
            ]);
            assert!(entry(subkey, &of, None).unwrap().update, "{subkey}");
        }
        let title = values(&[("DisplayName", "KBoard 2000"), ("DisplayVersion", "1")]);
        assert!(!entry("KBoard", &title, None).unwrap().update);
    }

    #[test]
    fn the_program_is_taken_from_the_icon_where_it_is_one() {
        assert_eq!(exe("\"C:\\Program Files\\Tencent\\QQ.exe\",0"), "QQ.exe");
        assert_eq!(exe("C:\\Games\\斗地主\\ddz.exe,-3"), "ddz.exe");
        assert_eq!(exe("C:\\a, b\\c.exe"), "c.exe");
        for none in ["C:\\x\\app.ico", "C:\\x\\unins000.exe", "", ".exe", ",0"] {
            assert_eq!(exe(none), "", "{none}");
        }
    }
}
