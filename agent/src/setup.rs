//! What an administrator leaves for a PC before or at the installation (environment or `enrol.toml`): checked as a
//! whole, then turned into the configuration and a token that enrolment uses up. Connects nowhere, enrols nothing.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use deskwarden_platform::{PrivateError, ensure_private_dir, read_trusted, write_private};
use toml::{Spanned, Value};
use zeroize::Zeroizing;

use crate::config::{self, Config, Overrides};

/// Variables that stand above the file, with the settings that they name.
pub const VARIABLES: [(&str, &str); 5] = [
    ("DESKWARDEN_COLLECTOR", "collector"),
    ("DESKWARDEN_PIN", "pin"),
    ("DESKWARDEN_TOKEN", "token"),
    ("DESKWARDEN_DEPARTMENT", "department"),
    ("DESKWARDEN_PROXY", "proxy"),
];
/// Name of the token in the state folder, where the running agent may remove it.
const TOKEN: &str = "token";
/// Largest file that is read.
const MAX_FILE: usize = 64 << 10;
/// Longest token that is kept.
const MAX_TOKEN: usize = 4 << 10;

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody left anything.
    Nothing,
    /// The configuration was written.
    Configured,
    /// The configuration was written, but others could have read the token before.
    ConfiguredFromReadable,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is not as private as it has to be, or cannot be read or written.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// What was left is wrong; the reasons name the lines.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The token is wrong.
    #[error("{0}: token: it must be the text that `deskwarden-collector token create` printed, in quotes")]
    Token(String),
    /// The text is no text.
    #[error("{0}: it must be UTF-8")]
    Encoding(String),
    /// What was used up cannot be removed.
    #[error("{0}: cannot be removed: {1}; remove it by hand, a token may stand in it")]
    Remove(PathBuf, #[source] io::Error),
}

/// Takes over what was left: `environment` first, else `left`, which is removed then. Writes `file`.
pub fn take_over(
    environment: impl Fn(&str) -> Option<String>,
    left: &Path,
    file: &Path,
) -> Result<Outcome, Error> {
    let given = from_environment(environment);
    let (name, text, was_readable, from_file) = if let Some(text) = given {
        ("environment".to_owned(), text, false, false)
    } else {
        let Some(found) = read_trusted(left, MAX_FILE)? else {
            return Ok(Outcome::Nothing);
        };
        let name = left.display().to_string();
        let bytes = Zeroizing::new(found.bytes);
        let text = std::str::from_utf8(&bytes).map_err(|_| Error::Encoding(name.clone()))?;
        (name, Zeroizing::new(text.to_owned()), found.others_can_read, true)
    };
    let plan = plan(&name, &text)?;
    carry_out(&plan, file)?;
    if from_file {
        fs::remove_file(left).map_err(|error| Error::Remove(left.to_owned(), error))?;
    }
    Ok(if was_readable && plan.token.is_some() {
        Outcome::ConfiguredFromReadable
    } else {
        Outcome::Configured
    })
}

/// Removes a token that enrolment used up. Only one in the agent's own state folder: a token elsewhere was put
/// there for several PCs, or by somebody who removes it.
pub fn use_up_token(config: &Config) -> io::Result<()> {
    match &config.token_file {
        Some(file) if *file == config.state_dir.join(TOKEN) => match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

struct Plan {
    settings: String,
    token: Option<Zeroizing<String>>,
    config: Config,
}

fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let mut has_address = false;
    for (variable, setting) in VARIABLES {
        let Some(value) = environment(variable).filter(|value| !value.trim().is_empty()) else {
            continue;
        };
        has_address |= setting == "collector";
        let value = Value::String(value.trim().to_owned());
        text.push_str(&format!("{setting} = {value}\n"));
    }
    // A token alone is for `enrol`, and for a PC whose configuration is there already.
    has_address.then_some(text)
}

fn plan(name: &str, text: &str) -> Result<Plan, Error> {
    let (rest, token) = split_token(name, text)?;
    let config = config::check(name, &rest, Overrides::default())?;
    let mut settings =
        String::from("# Deskwarden agent (桌面巡检). Check it with `deskwarden-agent check-config`.\n");
    if token.is_some() {
        let file = Value::String(config.state_dir.join(TOKEN).display().to_string());
        settings.push_str(&format!("token_file = {file}\n"));
    }
    settings.push_str(rest.trim());
    settings.push('\n');
    // Once more as it will be read: a setting that stands twice is told now, not at the first start.
    let config = config::check(name, &settings, Overrides::default()).map(|_| config)?;
    Ok(Plan {
        settings,
        token,
        config,
    })
}

/// The text without its token, at the same lines.
fn split_token(name: &str, text: &str) -> Result<(String, Option<Zeroizing<String>>), Error> {
    // What is no TOML at all is told by the check of the rest.
    let Ok(raw) = toml::from_str::<BTreeMap<Spanned<String>, Spanned<Value>>>(text) else {
        return Ok((text.to_owned(), None));
    };
    let Some((key, value)) = raw.iter().find(|(key, _)| key.get_ref() == "token") else {
        return Ok((text.to_owned(), None));
    };
    let token = match value.get_ref().as_str().map(str::trim) {
        Some(token)
            if !token.is_empty() && token.len() <= MAX_TOKEN && !token.contains(char::is_whitespace) =>
        {
            Zeroizing::new(token.to_owned())
        }
        _ => return Err(Error::Token(name.to_owned())),
    };
    let span = key.span().start..value.span().end;
    let mut rest = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if !span.contains(&at) || letter == '\n' {
            rest.push(letter);
        }
    }
    Ok((rest, Some(token)))
}

fn carry_out(plan: &Plan, file: &Path) -> Result<(), Error> {
    if let Some(token) = &plan.token {
        ensure_private_dir(&plan.config.state_dir)?;
        write_private(&plan.config.state_dir.join(TOKEN), token.as_bytes())?;
    }
    // Last: from here on the agent starts.
    write_private(file, plan.settings.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        folder: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
            }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn left(&self, text: &str) -> PathBuf {
            let file = self.file("enrol.toml");
            write_private(&file, text.as_bytes()).unwrap();
            file
        }

        fn take_over(&self) -> Result<Outcome, Error> {
            take_over(|_| None, &self.file("enrol.toml"), &self.file("agent.toml"))
        }

        fn head(&self) -> String {
            let pin = "ab".repeat(32);
            let state = self.file("state").display().to_string();
            format!("collector = \"https://c:1\"\npin = \"sha256:{pin}\"\nstate_dir = \"{state}\"\n")
        }
    }

    #[test]
    fn a_left_file_becomes_configuration_and_token_and_is_gone() {
        let place = Place::new();
        let left = place.left(&format!(
            "{}token = \"dwt-secret\" # one use\ndepartment = \"财务部\"\n",
            place.head()
        ));
        assert_eq!(place.take_over().unwrap(), Outcome::Configured);
        assert!(!left.exists());
        let written = fs::read_to_string(place.file("agent.toml")).unwrap();
        assert!(!written.contains("dwt-secret"), "{written}");
        let config = config::load(Some(&place.file("agent.toml")), Overrides::default()).unwrap();
        assert_eq!(config.department, "财务部");
        let token = config.token_file.clone().unwrap();
        assert_eq!(fs::read_to_string(&token).unwrap(), "dwt-secret");

        use_up_token(&config).unwrap();
        assert!(!token.exists());
        use_up_token(&config).unwrap();
    }

    #[test]
    fn a_token_of_several_pcs_is_not_removed() {
        let place = Place::new();
        let shared = place.file("shared-token");
        fs::write(&shared, "dwt").unwrap();
        place.left(&format!(
            "{}token_file = \"{}\"\n",
            place.head(),
            shared.display()
        ));
        place.take_over().unwrap();
        let config = config::load(Some(&place.file("agent.toml")), Overrides::default()).unwrap();
        use_up_token(&config).unwrap();
        assert!(shared.exists());
    }

    #[test]
    fn nothing_left_changes_nothing() {
        let place = Place::new();
        assert_eq!(place.take_over().unwrap(), Outcome::Nothing);
        assert!(!place.file("agent.toml").exists());
    }

    #[test]
    fn a_fault_keeps_what_was_there_and_names_the_line() {
        let place = Place::new();
        write_private(&place.file("agent.toml"), b"collector = \"https://old:1\"\n").unwrap();
        let left = place.left("token = \"dwt-secret\"\ncolector = \"https://new:1\"\npin = \"sha256:12\"\n");
        let error = place.take_over().unwrap_err().to_string();
        assert!(
            error.contains("enrol.toml:2: colector") && error.contains("enrol.toml:3: pin"),
            "{error}"
        );
        assert!(!error.contains("dwt-secret"), "{error}");
        assert!(left.exists());
        assert!(
            fs::read_to_string(place.file("agent.toml"))
                .unwrap()
                .contains("old")
        );
    }

    #[test]
    fn a_token_that_is_none_is_refused_without_showing_it() {
        let place = Place::new();
        for token in ["\"\"", "7", "\"two words\""] {
            place.left(&format!("{}token = {token}\n", place.head()));
            let error = place.take_over().unwrap_err().to_string();
            assert!(
                error.contains("token: it must be") && !error.contains("two words"),
                "{error}"
            );
        }
    }

    #[test]
    fn two_tokens_are_refused() {
        let place = Place::new();
        place.left(&format!("{}token = \"a\"\ntoken_file = \"/t\"\n", place.head()));
        assert!(matches!(place.take_over(), Err(Error::Config(_))));
    }

    #[test]
    fn the_environment_stands_above_the_file_and_cannot_smuggle_a_setting() {
        let place = Place::new();
        let left = place.left(&place.head());
        let pin = format!("sha256:{}", "cd".repeat(32));
        let set = |name: &str| match name {
            "DESKWARDEN_COLLECTOR" => Some("https://env:2".to_owned()),
            "DESKWARDEN_PIN" => Some(pin.clone()),
            "DESKWARDEN_DEPARTMENT" => Some("a\"\nroot = \"/elsewhere".to_owned()),
            _ => None,
        };
        let refused = take_over(set, &left, &place.file("agent.toml"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("environment:3: department"), "{refused}");

        let set = |name: &str| set(name).filter(|_| name != "DESKWARDEN_DEPARTMENT");
        take_over(set, &left, &place.file("agent.toml")).unwrap();
        assert!(left.exists());
        let config = config::load(Some(&place.file("agent.toml")), Overrides::default()).unwrap();
        assert_eq!(config.collectors.len(), 1);
        assert!(config.collectors[0].to_string().contains("env:2"));
        assert_eq!(config.root, None);
    }
}
