//! The collector's configuration: a TOML file becomes typed settings, or a list of every fault in it.
//! Owns defaults and what is allowed; opens no port, no database and no channel.

mod agents;
mod channel;
mod inspection;
mod office;
mod operations;
mod people;
mod raw;
mod secret;
mod vouch;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use deskwarden_domain::{
    model::{Every, Lang, Millis},
    operations::Limits,
};
use toml::Spanned;

use crate::{
    net,
    notices::Office,
    outbound::{Guard, HostPort},
    places,
};

pub use channel::{
    Channel, ChannelKind, KINDS, Robot, Service, Smtp, SmtpTls, Syslog, SyslogTransport, Webhook, WecomApp,
};
pub use people::People;
pub use secret::Secret;
pub(crate) use vouch::BACK;
pub use vouch::{Bind, Group, Ldap, LdapServer, Oidc};

const AGENTS_PORT: u16 = 7443;
const DASHBOARD_PORT: u16 = 8443;

/// Everything that the collector is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Private folder: database, keys, lock.
    pub data_dir: PathBuf,
    /// Address of the store: `sqlite:<file>` or `postgres://...`.
    pub store: StoreUrl,
    /// The port of the agents.
    pub agents: Listener,
    /// How many connections that port takes, in all and from one address.
    pub connections: net::Limits,
    /// The port of the dashboard.
    pub dashboard: Dashboard,
    /// How people reach the dashboard, without a trailing slash; links in alerts start with it.
    pub public_url: Option<String>,
    /// Watched folder of rule files.
    pub rules_dir: PathBuf,
    /// Language of alerts.
    pub language: Lang,
    /// Whether the fleet is observed: one summary a day, no alerts. Without a word a new fleet is, for two weeks, and
    /// the dashboard decides.
    pub observation: Option<bool>,
    /// A device that enrols with at least so many serials of one earlier asset, whose device is silent, is linked
    /// to it without a person; 0 leaves every link to a person.
    pub link_serials: u32,
    /// A PC that the register expects by its serial, and that never reported, is linked to it without a person.
    pub link_expected: bool,
    /// How often the fleet is inspected.
    pub inspection: Every,
    /// Who issues rectification notices, and how they are numbered.
    pub office: Office,
    /// Who is told.
    pub channels: Vec<Channel>,
    /// Folder of templates that replace built-in ones.
    pub templates_dir: PathBuf,
    /// Distance from UTC of quiet hours, digests and other times of day, in milliseconds.
    pub zone: Millis,
    /// When conditions of the collector itself are told.
    pub limits: Limits,
    /// A file that every backup touches; without it nobody is told of a missing one.
    pub backup_mark: Option<PathBuf>,
    /// How people sign in, and how long the audit log is kept.
    pub people: People,
    /// Places inside the own network that channels made on the dashboard or the command line may reach.
    pub outbound_allow: Vec<HostPort>,
}

/// An address to listen on and the names that its certificate bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// DNS names and addresses beside `localhost` and the listen address.
    pub names: Vec<String>,
}

/// The dashboard's listener and, if an own one is used, its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Address and names.
    pub listener: Listener,
    /// PEM chain and PEM key; without them the collector's own CA issues one.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Address of a store; may hold a password, so `Debug` shows only the kind.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// Any address that the store knows: `sqlite:` or `postgres:`.
    pub fn parse(text: &str) -> Result<Self, NotAStoreUrl> {
        let known = ["sqlite:", "postgres://", "postgresql://"];
        if known
            .iter()
            .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAStoreUrl)
        }
    }

    /// The embedded database of a data folder.
    pub fn embedded(data_dir: &Path) -> Self {
        Self(format!("sqlite:{}", data_dir.join("deskwarden.db").display()))
    }

    /// The address itself, for the driver only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({})", self.0.split(':').next().unwrap_or_default())
    }
}

/// The text is not the address of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a store is `sqlite:/path/to/file.db` or `postgres://user@host/database`")]
pub struct NotAStoreUrl;

/// One fault of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong and what to do.
    pub what: String,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read ({source}); give another with --config, or a data folder with --data")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file has faults; all of them.
    #[error("{}", list(file, faults))]
    Faulty {
        /// The file.
        file: String,
        /// Every fault, by line.
        faults: Vec<Fault>,
    },
}

fn list(file: &str, faults: &[Fault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|f| format!("{file}:{}: {}", f.line, f.what))
        .collect();
    lines.join("\n")
}

impl Config {
    /// Reads a file; relative paths in it start at its folder.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file).map_err(|source| ConfigError::Unreadable {
            file: name.clone(),
            source,
        })?;
        Self::parse(
            &text,
            &name,
            file.parent().unwrap_or(Path::new(".")),
            &places::default_data(),
            Reach::Network,
        )
    }

    /// The settings of a data folder: its own `collector.toml` where there is one, else defaults that
    /// listen on this machine only and write alerts to standard output.
    pub fn of_data(data_dir: &Path) -> Result<Self, ConfigError> {
        let file = data_dir.join(places::FILE);
        let name = file.display().to_string();
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text, &name, data_dir, data_dir, Reach::Loopback),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => {
                let mut config = Self::parse("", &name, data_dir, data_dir, Reach::Loopback)?;
                config.channels.push(Channel::log("log"));
                Ok(config)
            }
            Err(source) => Err(ConfigError::Unreadable { file: name, source }),
        }
    }

    /// Parses text. `base` is where relative paths start; `data` the folder when the text names none.
    pub fn parse(
        text: &str,
        file: &str,
        base: &Path,
        data: &Path,
        reach: Reach,
    ) -> Result<Self, ConfigError> {
        let (raw, faults) = raw::read(text);
        let mut check = Check {
            text,
            base,
            faults,
            stored: None,
        };
        let config = convert(raw, &mut check, data, reach);
        let mut faults = check.faults;
        if faults.is_empty() {
            return Ok(config);
        }
        faults.sort_by_key(|f| f.line);
        faults.dedup();
        Err(ConfigError::Faulty {
            file: file.to_owned(),
            faults,
        })
    }
}

/// A channel of the store: the keys of a `[[channel]]` without files, with its secrets beside it. Every fault, in
/// words.
pub fn stored_channel(
    keys: &serde_json::Map<String, serde_json::Value>,
    secrets: &BTreeMap<String, Secret>,
    allow: &[HostPort],
) -> Result<Channel, Vec<String>> {
    // One reader and one checker for both: the keys are written as the file would have them.
    let text =
        toml::to_string(&BTreeMap::from([("channel", [keys])])).map_err(|error| vec![error.to_string()])?;
    let (raw, faults) = raw::read(&text);
    let mut check = Check {
        text: &text,
        base: Path::new("/"),
        faults,
        stored: Some(Stored { secrets, allow }),
    };
    let mut channels = channel::convert(raw.channel, &mut check);
    match (channels.pop(), check.faults.is_empty()) {
        (Some(channel), true) => Ok(channel),
        (_, false) => Err(check.faults.into_iter().map(|fault| fault.what).collect()),
        (None, true) => Err(vec!["there is no channel in it".to_owned()]),
    }
}

/// Where a listener without an address listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On every address: an installed collector.
    Network,
    /// On this machine only: a collector started by hand.
    Loopback,
}

/// Collects faults while values are converted.
struct Check<'a> {
    text: &'a str,
    base: &'a Path,
    faults: Vec<Fault>,
    /// What a stored channel has instead of files.
    stored: Option<Stored<'a>>,
}

/// What a channel of the store is given beside its keys.
#[derive(Clone, Copy)]
struct Stored<'a> {
    secrets: &'a BTreeMap<String, Secret>,
    allow: &'a [HostPort],
}

impl Check<'_> {
    /// What a place that is named without a URL may be: whoever writes the file may name any.
    fn guard(&self) -> Guard {
        self.stored
            .map_or(Guard::Named, |stored| Guard::Listed(stored.allow.to_vec()))
    }

    fn has_secret(&self, key: &str, file: Option<&Spanned<String>>) -> bool {
        file.is_some() || self.stored.is_some_and(|stored| stored.secrets.contains_key(key))
    }

    fn fault(&mut self, at: usize, what: impl Into<String>) {
        self.faults.push(Fault {
            line: raw::line_of(self.text, at),
            what: what.into(),
        });
    }

    fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }
}

fn convert(raw: raw::Raw, check: &mut Check<'_>, data: &Path, reach: Reach) -> Config {
    let data_dir = raw
        .data_dir
        .map_or_else(|| data.to_owned(), |dir| check.path(dir.get_ref()));
    let store = match raw.store {
        None => StoreUrl::embedded(&data_dir),
        Some(text) => StoreUrl::parse(text.get_ref()).unwrap_or_else(|fault| {
            check.fault(text.span().start, format!("store: {fault}"));
            StoreUrl::embedded(&data_dir)
        }),
    };
    let (agents, connections) = agents::convert(raw.agents.unwrap_or_default(), reach, check);
    let raw_dashboard = raw.dashboard.unwrap_or_default();
    let listens = raw_dashboard.listen.as_ref().map(|text| text.span().start);
    let dashboard = dashboard(raw_dashboard, reach, check);
    if dashboard.listener.listen == agents.listen && agents.listen.port() != 0 {
        check.fault(
            listens.unwrap_or_default(),
            "dashboard.listen: the same address and port as agents.listen; give each a port of its own",
        );
    }
    let mut outbound_allow = Vec::new();
    for entry in raw.outbound_allow.unwrap_or_default() {
        match HostPort::parse(entry.get_ref()) {
            Some(place) => outbound_allow.push(place),
            None => check.fault(
                entry.span().start,
                "outbound_allow: not `host:port`, as \"siem.example.com:6514\"",
            ),
        }
    }
    let zone = raw.utc_offset.map_or(BEIJING, |text| {
        utc_offset(text.get_ref()).unwrap_or_else(|| {
            check.fault(
                text.span().start,
                "utc_offset: not a distance from UTC as \"+08:00\"",
            );
            BEIJING
        })
    });
    let (limits, backup_mark) = operations::convert(raw.operations.unwrap_or_default(), check);
    let public_url = raw.public_url.and_then(|url| public_url(&url, check));
    let people = people::convert(
        raw.sign_in.unwrap_or_default(),
        raw.retention.unwrap_or_default(),
        public_url.as_deref(),
        check,
    );
    Config {
        limits,
        backup_mark,
        people,
        outbound_allow,
        templates_dir: raw
            .templates_dir
            .map_or_else(|| data_dir.join("templates"), |dir| check.path(dir.get_ref())),
        zone,
        store,
        agents,
        connections,
        dashboard,
        public_url,
        rules_dir: raw
            .rules_dir
            .map_or_else(|| data_dir.join("rules.d"), |dir| check.path(dir.get_ref())),
        language: raw.language.unwrap_or_default(),
        link_expected: raw
            .enrolment
            .as_ref()
            .and_then(|raw| raw.link_expected)
            .unwrap_or(false),
        observation: raw.observation,
        inspection: inspection::convert(raw.inspection.unwrap_or_default(), check),
        office: office::convert(raw.notices.unwrap_or_default(), zone, check),
        link_serials: link_serials(raw.enrolment.unwrap_or_default(), check),
        channels: channel::convert(raw.channel, check),
        data_dir,
    }
}

/// One equal serial is no PC: a disk moves from one to the next.
fn link_serials(raw: raw::Enrolment, check: &mut Check<'_>) -> u32 {
    let Some(number) = raw.link_serials else { return 0 };
    if !(number.get_ref() == &0 || (2..=16).contains(number.get_ref())) {
        check.fault(
            number.span().start,
            "enrolment.link_serials: 0 (a person links), or from 2 to 16 equal serials: one alone may be a disk \
             that was moved",
        );
        return 0;
    }
    *number.get_ref()
}

/// China has one time zone.
const BEIJING: Millis = 8 * 3_600_000;

fn utc_offset(text: &str) -> Option<Millis> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most| {
        let good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| text.parse::<Millis>().ok())
            .flatten()
            .filter(|number| *number <= most)
    };
    Some(sign * (number(hours, 14)? * 60 + number(minutes, 59)?) * 60_000)
}

fn listener(raw: raw::Listener, what: &str, port: u16, reach: Reach, check: &mut Check<'_>) -> Listener {
    let ip = match reach {
        Reach::Network => Ipv4Addr::UNSPECIFIED,
        Reach::Loopback => Ipv4Addr::LOCALHOST,
    };
    let default = SocketAddr::new(IpAddr::V4(ip), port);
    let listen = raw.listen.map_or(default, |text| {
        text.get_ref().parse().unwrap_or_else(|_| {
            let example = format!(
                "{what}.listen: not an address with a port, as \"0.0.0.0:{port}\" or \"[::]:{port}\""
            );
            check.fault(text.span().start, example);
            default
        })
    });
    let names = raw
        .names
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| server_name(&name, what, check));
    Listener {
        listen,
        names: names.collect(),
    }
}

fn dashboard(raw: raw::Dashboard, reach: Reach, check: &mut Check<'_>) -> Dashboard {
    let listener = listener(
        raw::Listener {
            listen: raw.listen,
            names: raw.names,
        },
        "dashboard",
        DASHBOARD_PORT,
        reach,
        check,
    );
    let certificate = match (raw.certificate, raw.key) {
        (Some(certificate), Some(key)) => {
            Some((check.path(certificate.get_ref()), check.path(key.get_ref())))
        }
        (None, None) => None,
        (Some(one), None) => {
            check.fault(
                one.span().start,
                "dashboard.certificate needs dashboard.key beside it",
            );
            None
        }
        (None, Some(one)) => {
            check.fault(
                one.span().start,
                "dashboard.key needs dashboard.certificate beside it",
            );
            None
        }
    };
    Dashboard {
        listener,
        certificate,
    }
}

fn server_name(name: &Spanned<String>, what: &str, check: &mut Check<'_>) -> Option<String> {
    if rustls_pki_types::ServerName::try_from(name.get_ref().as_str()).is_err() {
        check.fault(
            name.span().start,
            format!(
                "{what}.names: {:?} is neither a host name nor an address",
                name.get_ref()
            ),
        );
        return None;
    }
    Some(name.get_ref().clone())
}

fn public_url(url: &Spanned<String>, check: &mut Check<'_>) -> Option<String> {
    let text = url.get_ref().trim_end_matches('/');
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '\'' | '@' | '?' | '#');
    if host.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain)) {
        return Some(text.to_owned());
    }
    check.fault(
        url.span().start,
        "public_url: not an address as \"https://deskwarden.example.com:8443\"",
    );
    None
}

#[cfg(test)]
mod tests;
