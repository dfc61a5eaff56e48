//! The configuration: a TOML file and flags that stand above it, checked as a whole. Reads the file;
//! opens nothing that it names.

use std::{
    collections::BTreeMap,
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use deskwarden_platform::places;
use toml::{Spanned, Value};
use tracing::level_filters::LevelFilter;

use crate::{endpoint::Endpoint, identity::Pin, update::Publisher, web_proxy::WebProxy};

/// Largest file that is read.
const MAX_FILE: u64 = 64 << 10;
/// Longest name of a department in bytes.
const MAX_DEPARTMENT: usize = 256;

/// A checked configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Collectors in the order of preference.
    pub collectors: Vec<Endpoint>,
    /// Pin of the collector's root; needed to enrol.
    pub pin: Option<Pin>,
    /// File with the enrolment token; needed to enrol.
    pub token_file: Option<PathBuf>,
    /// Private folder of identity and outbox.
    pub state_dir: PathBuf,
    /// Root of the file system that is looked at; `None` for the running system.
    pub root: Option<PathBuf>,
    /// Department that a person should see with this PC; empty for none.
    pub department: String,
    /// Web proxy on the way to the collectors.
    pub proxy: Option<Arc<WebProxy>>,
    /// Whose packages replace this program; `None`: nobody's.
    pub update_key: Option<Publisher>,
    /// What is logged.
    pub log: LevelFilter,
}

/// Values from the command line; each stands above the file's.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Addresses of collectors.
    pub collectors: Vec<String>,
    /// Pin.
    pub pin: Option<String>,
    /// Token file.
    pub token_file: Option<PathBuf>,
    /// State folder.
    pub state_dir: Option<PathBuf>,
    /// Root.
    pub root: Option<PathBuf>,
    /// Department.
    pub department: Option<String>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{file}: {source}; name another file with --config, or give --collector")]
    Unreadable {
        /// Which file.
        file: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not a configuration.
    #[error("{file}: larger than {MAX_FILE} bytes; this is not an agent's configuration")]
    TooLarge {
        /// Which file.
        file: String,
    },
    /// Everything that is wrong, a line each.
    #[error("{}", .0.join("\n"))]
    Faults(Vec<String>),
}

/// Reads and checks. Without `file` the system's own one is read if it exists.
pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Config, Error> {
    let usual = places().config;
    let place = file.unwrap_or(&usual);
    let name = place.display().to_string();
    let unreadable = |source| Error::Unreadable {
        file: name.clone(),
        source,
    };
    let text = match fs::metadata(place) {
        Ok(found) if found.len() > MAX_FILE => return Err(Error::TooLarge { file: name }),
        Ok(_) => fs::read_to_string(place).map_err(unreadable)?,
        Err(error) if file.is_none() && error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable(error)),
    };
    check(&name, &text, overrides)
}

/// Checks a file's text and the values that stand above it.
pub fn check(file: &str, text: &str, overrides: Overrides) -> Result<Config, Error> {
    let raw: BTreeMap<Spanned<String>, Spanned<Value>> = match toml::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            return Err(Error::Faults(vec![format!(
                "{file}:{line}: {}",
                error.message().trim()
            )]));
        }
    };
    let mut checker = Checker {
        file,
        text,
        faults: Vec::new(),
    };
    let mut config = Config {
        collectors: Vec::new(),
        pin: None,
        token_file: None,
        state_dir: places().state,
        root: None,
        department: String::new(),
        proxy: None,
        update_key: None,
        log: LevelFilter::INFO,
    };
    for (key, value) in &raw {
        checker.entry(&mut config, key, value);
    }
    checker.overrides(&mut config, overrides);
    if let Some(proxy) = &config.proxy {
        config
            .collectors
            .iter_mut()
            .for_each(|collector| collector.set_via(proxy));
    }
    if config.collectors.is_empty() && !checker.spoke_of("collector") {
        checker.faults.push(format!(
            "{file}: no collector; add a line like collector = \"https://collector.example:7443\", or give --collector"
        ));
    }
    if checker.faults.is_empty() {
        Ok(config)
    } else {
        Err(Error::Faults(checker.faults))
    }
}

struct Checker<'a> {
    file: &'a str,
    text: &'a str,
    faults: Vec<String>,
}

impl Checker<'_> {
    fn entry(&mut self, config: &mut Config, key: &Spanned<String>, value: &Spanned<Value>) {
        match key.get_ref().as_str() {
            "collector" => {
                let found = self.parsed("collector", value);
                config.collectors.extend(found);
            }
            "collectors" => {
                let Some(list) = value.get_ref().as_array() else {
                    return self.fault(value, "collectors", "it must be a list of addresses");
                };
                for address in list {
                    match address.as_str().map(Endpoint::from_str) {
                        Some(Ok(found)) => config.collectors.push(found),
                        Some(Err(error)) => self.fault(value, "collectors", error),
                        None => self.fault(value, "collectors", "it must be a list of texts"),
                    }
                }
            }
            "pin" => config.pin = self.parsed("pin", value),
            "token_file" => config.token_file = self.path("token_file", value),
            "state_dir" => {
                if let Some(path) = self.path("state_dir", value) {
                    config.state_dir = path;
                }
            }
            "root" => config.root = self.path("root", value),
            "department" => {
                if let Some(text) = self.text("department", value) {
                    match department(text) {
                        Ok(()) => text.clone_into(&mut config.department),
                        Err(why) => self.fault(value, "department", why),
                    }
                }
            }
            "proxy" => config.proxy = self.parsed("proxy", value).map(Arc::new),
            "update_key" => config.update_key = self.parsed("update_key", value),
            "log" => match value.get_ref().as_str().map(level) {
                Some(Some(level)) => config.log = level,
                _ => self.fault(value, "log", "it must be one of error, warn, info, debug, trace"),
            },
            other => {
                let why = "no such setting; there are collector, collectors, pin, token_file, state_dir, root, department, proxy, update_key, log";
                self.fault(key, other, why);
            }
        }
    }

    fn overrides(&mut self, config: &mut Config, overrides: Overrides) {
        if !overrides.collectors.is_empty() {
            config.collectors.clear();
        }
        for address in &overrides.collectors {
            match address.parse() {
                Ok(found) => config.collectors.push(found),
                Err(error) => self.faults.push(format!("--collector: {error}")),
            }
        }
        if let Some(pin) = overrides.pin {
            match pin.parse() {
                Ok(pin) => config.pin = Some(pin),
                Err(error) => self.faults.push(format!("--pin: {error}")),
            }
        }
        if let Some(path) = overrides.state_dir {
            config.state_dir = path;
        }
        if let Some(text) = overrides.department {
            match department(&text) {
                Ok(()) => config.department = text,
                Err(why) => self.faults.push(format!("--department: {why}")),
            }
        }
        config.token_file = overrides.token_file.or(config.token_file.take());
        config.root = overrides.root.or(config.root.take());
    }

    fn parsed<T: FromStr<Err: Display>>(&mut self, name: &str, value: &Spanned<Value>) -> Option<T> {
        let text = self.text(name, value)?;
        match text.parse() {
            Ok(found) => Some(found),
            Err(error) => {
                self.fault(value, name, error);
                None
            }
        }
    }

    fn path(&mut self, name: &str, value: &Spanned<Value>) -> Option<PathBuf> {
        let path = PathBuf::from(self.text(name, value)?);
        if path.is_absolute() {
            return Some(path);
        }
        self.fault(value, name, "it must be an absolute path");
        None
    }

    fn text<'v>(&mut self, name: &str, value: &'v Spanned<Value>) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.fault(value, name, "it must be a text in quotes");
        }
        text
    }

    fn fault<T>(&mut self, place: &Spanned<T>, name: &str, why: impl Display) {
        let line = line_of(self.text, place.span().start);
        self.faults.push(format!("{}:{line}: {name}: {why}", self.file));
    }

    fn spoke_of(&self, name: &str) -> bool {
        self.faults.iter().any(|fault| fault.contains(name))
    }
}

fn department(text: &str) -> Result<(), &'static str> {
    if text.len() > MAX_DEPARTMENT || text.chars().any(char::is_control) {
        Err("it must be one line of at most 256 bytes")
    } else {
        Ok(())
    }
}

fn level(text: &str) -> Option<LevelFilter> {
    match text {
        "error" => Some(LevelFilter::ERROR),
        "warn" => Some(LevelFilter::WARN),
        "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        match check("agent.toml", text, Overrides::default()) {
            Err(Error::Faults(faults)) => faults,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_complete_file_is_read() {
        let pin = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            "collector = \"https://a:1\"\ncollectors = [\"https://b:2\"]\npin = \"{pin}\"\ntoken_file = \"/t\"\n\
             state_dir = \"/s\"\nroot = \"/r\"\ndepartment = \"财务部\"\nlog = \"debug\"\n"
        );
        let config = check("agent.toml", &text, Overrides::default()).unwrap();
        assert_eq!(config.collectors.len(), 2);
        assert_eq!(config.pin.unwrap().to_string(), pin);
        assert_eq!(config.department, "财务部");
        assert_eq!(config.log, LevelFilter::DEBUG);
        assert_eq!(config.root, Some(PathBuf::from("/r")));
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_line() {
        let found = faults(
            "collector = \"http://a\"\npin = 7\n\nstat_dir = \"/x\"\ntoken_file = \"t\"\nlog = \"loud\"\n",
        );
        let lines: Vec<&str> = found
            .iter()
            .map(|fault| fault.split(": ").next().unwrap())
            .collect();
        let mut sorted = lines.clone();
        sorted.sort_unstable();
        assert_eq!(
            sorted,
            [
                "agent.toml:1",
                "agent.toml:2",
                "agent.toml:4",
                "agent.toml:5",
                "agent.toml:6"
            ],
            "{found:?}"
        );
    }

    #[test]
    fn text_that_is_no_toml_names_its_line() {
        let found = faults("collector = \"https://a:1\"\nlog = = 3\n");
        assert!(found[0].starts_with("agent.toml:2: "), "{found:?}");
        let twice = faults("log = \"info\"\nlog = \"info\"\n");
        assert!(twice[0].starts_with("agent.toml:2: "), "{twice:?}");
    }

    #[test]
    fn without_a_collector_it_says_what_to_add() {
        assert!(faults("")[0].contains("collector = "));
    }

    #[test]
    fn flags_stand_above_the_file() {
        let overrides = Overrides {
            collectors: vec!["https://b:2".into()],
            state_dir: Some("/other".into()),
            ..Overrides::default()
        };
        let config = check(
            "agent.toml",
            "collector = \"https://a:1\"\nstate_dir = \"/s\"\n",
            overrides,
        )
        .unwrap();
        assert_eq!(config.collectors[0].to_string(), "https://b:2");
        assert_eq!(config.state_dir, PathBuf::from("/other"));
    }

    #[test]
    fn a_proxy_stands_on_the_way_to_every_collector() {
        let text =
            "collectors = [\"https://a:1\", \"https://b:2\"]\nproxy = \"http://wang:geheim7@p:3128\"\n";
        let config = check("agent.toml", text, Overrides::default()).unwrap();
        assert!(
            config
                .collectors
                .iter()
                .all(|collector| collector.via().is_some())
        );
        assert!(!format!("{config:?}").contains("geheim7"));
        let found = faults("collector = \"https://a:1\"\nproxy = \"p:3128\"\n");
        assert!(found[0].starts_with("agent.toml:2: proxy: "), "{found:?}");
    }

    #[test]
    fn a_faulty_flag_is_told() {
        let overrides = Overrides {
            collectors: vec!["https://b:2".into()],
            pin: Some("sha256:12".into()),
            ..Overrides::default()
        };
        let refused = check("agent.toml", "", overrides).unwrap_err().to_string();
        assert!(refused.starts_with("--pin: "), "{refused}");
    }

    #[test]
    fn a_named_file_must_exist_and_be_small() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.toml");
        assert!(matches!(
            load(Some(&missing), Overrides::default()),
            Err(Error::Unreadable { .. })
        ));
        let large = folder.path().join("large.toml");
        fs::write(&large, "#".repeat(70_000)).unwrap();
        assert!(matches!(
            load(Some(&large), Overrides::default()),
            Err(Error::TooLarge { .. })
        ));
    }
}
