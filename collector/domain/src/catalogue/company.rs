//! What a company adds to the catalogue by itself, as the text of rule files: titles that somebody filed, and
//! departments on allowlist mode. Whether the text may take effect is for [`crate::rules::RuleSet::load`] to say.

use std::fmt::Write as _;

use super::{entry::FILED_PREFIX, normalise::Title};

/// Name of the file that holds what was filed.
pub const FILED: &str = "catalogue-company.toml";
/// Name of the file that holds the departments on allowlist mode.
pub const ALLOWLIST: &str = "allowlist.toml";
/// Id of the rule of allowlist mode.
pub const ALLOWLIST_RULE: &str = "company.not-allowed";
/// Id of its rule about packages of a distribution.
pub const ALLOWLIST_PACKAGES_RULE: &str = "company.not-allowed-package";
/// Longest name that is filed, in characters.
const NAME_CHARS: usize = 200;

/// A title that somebody files under a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filing<'a> {
    /// The title as it registered itself; a package's name where `package` says so.
    pub title: &'a str,
    /// Whether it is a package's name or an application's id, not a title.
    pub package: bool,
    /// Category to file it under.
    pub category: &'a str,
}

/// Why a title cannot be filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilingError {
    /// It has no word in it, is too long, or is not a line.
    #[error("the title must be one line with a word in it, of at most {NAME_CHARS} characters")]
    Title,
    /// Already there.
    #[error("the title is filed already; take it out of {FILED} first")]
    Filed,
}

/// The text of the company's file with one more title; `before` is its text so far.
pub fn with_title(before: &str, filing: &Filing<'_>) -> Result<String, FilingError> {
    // A star at either end would make it a pattern over other titles.
    let title = filing.title.trim().trim_matches('*').trim();
    let words = Title::new(title);
    if words.is_empty() || title.chars().count() > NAME_CHARS || title.chars().any(char::is_control) {
        return Err(FilingError::Title);
    }
    let id = id(&words, filing.package);
    if before.contains(&format!("id = {}\n", quoted(&id))) {
        return Err(FilingError::Filed);
    }
    let mut text = before.trim_end().to_owned();
    if text.is_empty() {
        text.push_str("# Titles that people of this company filed under a category.\n");
    }
    let (name, key) = (quoted(title), if filing.package { "packages" } else { "titles" });
    write!(
        text,
        "\n\n[[entry]]\nid = {}\nname = {{ zh = {name}, en = {name} }}\ncategories = [{}]\n{key} = [{name}]\n",
        quoted(&id),
        quoted(filing.category)
    )
    .ok();
    Ok(text)
}

/// A department's mode: what its PCs may have is listed, everything else is a finding of low severity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowlist {
    /// The departments.
    pub departments: Vec<String>,
    /// Categories that they may have.
    pub categories: Vec<String>,
    /// Titles that they may have beside.
    pub titles: Vec<String>,
    /// The clause that the rule cites, as `PC 3.2.3`.
    pub clause: String,
}

/// Kinds of software that a person chose to install. Packages of a distribution are judged by a rule of their own.
const CHOSEN: [&str; 6] = [
    "uninstall_entry",
    "store_app",
    "snap",
    "flatpak",
    "app_image",
    "portable",
];

/// Categories of programs that somebody opens to do something. A package does not tell whether a person chose it,
/// and a system has thousands of them: only one that is known as such a program counts.
const OPENED: [&str; 28] = [
    "chat",
    "wechat",
    "work_chat",
    "meeting",
    "mail",
    "game",
    "video",
    "music",
    "downloader",
    "stock",
    "proxy",
    "vpn",
    "hacking",
    "malware",
    "crack",
    "remote_control",
    "cloud_drive",
    "bulk_mail",
    "mining",
    "browser",
    "office",
    "learning",
    "finance",
    "banking",
    "business",
    "medical",
    "design",
    "media_tool",
];
/// What such a package may be beside: then it came with the system.
const PREINSTALLED: &str = "preinstalled";

/// The text of the file that puts departments on allowlist mode.
pub fn allowlist(mode: &Allowlist) -> String {
    let mut not_of_packages = mode.categories.clone();
    if !not_of_packages.iter().any(|category| category == PREINSTALLED) {
        not_of_packages.push(PREINSTALLED.to_owned());
    }
    let name = if mode.titles.is_empty() {
        String::new()
    } else {
        format!(", name = {{ not = {} }}", list(&mode.titles))
    };
    let rule = |id: &str, titles: &str, select: &str| {
        format!(
            "\n[[rule]]\nid = {id}\nclause = {clause}\nseverity = \"low\"\nkind = \"item\"\n\
             sections = [\"software\"]\nneeds = [\"software\"]\ntitle = {titles}\n\
             message = {{ zh = \"{{asset}} 上的 {{subject}} 不在其部门的允许名单中\", en = \"{{subject}} on {{asset}} is not on the allowlist of its department\" }}\n\
             remedy = {{ zh = \"卸载；工作需要的，加入允许名单\", en = \"Uninstall it, or put it on the allowlist if work needs it\" }}\n\
             scope = {{ departments = {departments} }}\nselect = {{ {select}, system_component = false{name} }}\n",
            id = quoted(id),
            clause = quoted(&mode.clause),
            departments = list(&mode.departments),
        )
    };
    format!(
        "# Departments on allowlist mode.\n{}{}",
        rule(
            ALLOWLIST_RULE,
            "{ zh = \"不在允许名单中的软件\", en = \"Software that is not on the allowlist\" }",
            &format!(
                "not_category = {}, kind = {}",
                list(&mode.categories),
                list(&CHOSEN.map(str::to_owned))
            ),
        ),
        rule(
            ALLOWLIST_PACKAGES_RULE,
            "{ zh = \"不在允许名单中的软件包\", en = \"Package that is not on the allowlist\" }",
            &format!(
                "category = {}, not_category = {}, kind = \"package\"",
                list(&OPENED.map(str::to_owned)),
                list(&not_of_packages)
            ),
        ),
    )
}

fn id(words: &Title, package: bool) -> String {
    let kind = if package { "package" } else { "title" };
    let short: String = words.text().replace(' ', "-").chars().take(40).collect();
    let short: String = short
        .chars()
        .filter(|c| c.is_alphanumeric() || ".-".contains(*c))
        .collect();
    let hash = blake3::hash(words.text().as_bytes()).to_hex();
    format!(
        "{FILED_PREFIX}{kind}.{short}.{}",
        hash.get(..6).unwrap_or_default()
    )
}

fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filing(title: &str) -> Filing<'_> {
        Filing {
            title,
            package: false,
            category: "game",
        }
    }

    #[test]
    fn a_title_is_filed_once_and_as_it_is() {
        let once = with_title("", &filing("某某 \"游戏\" 1.0*")).unwrap();
        assert!(once.contains("titles = [\"某某 \\\"游戏\\\" 1.0\"]"), "{once}");
        assert_eq!(
            with_title(&once, &filing("某某游戏 1.0")),
            Err(FilingError::Filed)
        );
        let twice = with_title(&once, &filing("Another")).unwrap();
        assert!(twice.starts_with(once.trim_end()) && twice.matches("[[entry]]").count() == 2);
    }

    #[test]
    fn what_is_no_title_is_refused() {
        for title in ["", " * ", "®", "a\nb", &"a".repeat(201)] {
            assert_eq!(with_title("", &filing(title)), Err(FilingError::Title), "{title}");
        }
    }
}
