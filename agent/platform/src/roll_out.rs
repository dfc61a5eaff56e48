//! What an installation was told, as the file that the agent takes its settings from. Knows no installer and writes
//! nothing.

use std::path::{Path, PathBuf};

/// Between the values that the installer hands over; the last may contain it.
const BETWEEN: char = '|';
/// Settings in the order in which they are handed over; the one without a name is the installed package.
const ORDER: [&str; 6] = ["collector", "pin", "token", "proxy", "", "department"];
/// Name of the file with settings that may lie beside the package.
const BESIDE: &str = "enrol.toml";

/// Where settings come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// They were given.
    Settings(String),
    /// None were given; this file may hold some.
    Beside(PathBuf),
    /// None were given, and it is not known where the package lies.
    Nothing,
}

/// Reads what the installer hands over: `collector|pin|token|proxy|path of the package|department`.
pub(crate) fn told(handed: &str) -> Told {
    let mut text = String::new();
    let mut package = "";
    for (name, value) in ORDER.iter().zip(handed.splitn(ORDER.len(), BETWEEN)) {
        let value = value.trim();
        if name.is_empty() {
            package = value;
        } else if !value.is_empty() {
            text.push_str(&format!("{name} = {}\n", quoted(value)));
        }
    }
    if text.starts_with("collector") {
        return Told::Settings(text);
    }
    // The installer's own way of writing paths, on whatever system this is read.
    match package.rfind(['\\', '/']) {
        Some(end) => Told::Beside(Path::new(&package[..=end]).join(BESIDE)),
        None => Told::Nothing,
    }
}

/// A text as TOML writes it, so that no value can become a second setting.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => out.push_str(&format!("\\u{:04X}", letter as u32)),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_becomes_settings() {
        let handed = r"https://c:7443|sha256:ab|dwt-1||C:\share\deskwarden-agent.msi|财务部 | 二楼";
        let settings = "collector = \"https://c:7443\"\npin = \"sha256:ab\"\ntoken = \"dwt-1\"\n\
                        department = \"财务部 | 二楼\"\n";
        assert_eq!(told(handed), Told::Settings(settings.to_owned()));
    }

    #[test]
    fn no_value_becomes_a_second_setting() {
        let Told::Settings(text) = told("https://c:1|sha256:ab|t\"\nroot = \"/x|||a\\b\u{7f}") else {
            panic!("settings were given");
        };
        assert_eq!(text.lines().count(), 4);
        assert!(text.contains("token = \"t\\\"\\u000Aroot = \\\"/x\"\n"), "{text}");
        assert!(text.contains("department = \"a\\\\b\\u007F\"\n"), "{text}");
    }

    #[test]
    fn without_a_collector_the_file_beside_the_package_counts() {
        let beside = |package: &str| told(&format!("||||{package}|"));
        assert_eq!(
            beside(r"\\server\share\deskwarden-agent.msi"),
            Told::Beside(Path::new(r"\\server\share\").join("enrol.toml"))
        );
        assert_eq!(beside(""), Told::Nothing);
        assert_eq!(told(""), Told::Nothing);
        // A token alone is for nobody.
        assert_eq!(told("||dwt-1|||"), Told::Nothing);
    }
}
