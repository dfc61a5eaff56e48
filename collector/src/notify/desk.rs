//! The channels that can be told now: those of the configuration file and those of the store. A name of the file
//! wins: a stored channel of the same name is not used. A channel that cannot be set up is kept, and says why with
//! every message, so that what is for it waits instead of being lost.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use deskwarden_domain::{
    alerting::{Book, Maintenance, Observation, Observing, Pace, Route, Told},
    model::{Millis, Severity},
    port::{AlertingKind, Definition, Store, StoreResult},
};

use crate::{
    config::{self, Channel, ChannelKind, Config, Secret},
    observation,
    outbound::HostPort,
};

use super::{
    APP_PER_MINUTE, DingtalkRobot, FeishuRobot, LogChannel, Message, PER_MINUTE, SendError, Sender,
    SetupError, SmtpChannel, SyslogChannel, WebhookChannel, WecomApp, WecomRobot, vault::Vault,
};

/// Where a channel comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File,
    /// The dashboard or the command line.
    Stored,
}

/// A channel that can be told.
#[derive(Clone)]
pub struct Live {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is told without routes, from this severity on.
    pub min_severity: Severity,
    /// How fast.
    pub pace: Pace,
    /// How.
    pub sender: Arc<dyn Sender>,
    /// Why it cannot be told, if so.
    pub fault: Option<String>,
}

/// Channels, routes and windows of one moment.
#[derive(Clone)]
pub struct Desk {
    /// Version of the definitions that this was made of.
    pub version: i64,
    /// Channels.
    pub channels: Vec<Live>,
    /// Routes to them.
    pub routes: Vec<Route>,
    /// Windows.
    pub maintenance: Vec<Maintenance>,
    /// Distance from UTC.
    pub zone: Millis,
    /// Whether the fleet is observed.
    pub observation: Observation,
    /// Definitions that are not used, and why.
    pub faults: Vec<String>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            version: 0,
            channels: Vec::new(),
            routes: Vec::new(),
            maintenance: Vec::new(),
            zone: 0,
            observation: Observation::off(),
            faults: Vec::new(),
        }
    }
}

impl Desk {
    /// What plans depend on. `first` is when the first PC enrolled.
    pub fn book(&self, first: Option<Millis>, now: Millis) -> Book {
        Book {
            channels: self
                .channels
                .iter()
                .map(|channel| Told {
                    name: channel.name.clone(),
                    min_severity: channel.min_severity,
                })
                .collect(),
            routes: self.routes.clone(),
            maintenance: self.maintenance.clone(),
            zone: self.zone,
            observing: self.observation.until(first, now).map(|until| Observing {
                until,
                at_once: self
                    .channels
                    .iter()
                    .filter(|channel| channel.kind == "log")
                    .map(|channel| channel.name.clone())
                    .collect(),
            }),
        }
    }
}

/// Where channels come from.
#[derive(Clone, Debug, Default)]
pub struct DeskSource {
    /// Those of the configuration file.
    pub channels: Vec<Channel>,
    /// Whether the fleet is observed, if the configuration file says so.
    pub observation: Option<bool>,
    /// Places inside the own network that stored channels may reach.
    pub allow: Vec<HostPort>,
    /// Folder of the key that stored secrets are sealed with.
    pub data_dir: PathBuf,
    /// Distance from UTC.
    pub zone: Millis,
}

impl DeskSource {
    /// That of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            channels: config.channels.clone(),
            observation: config.observation,
            allow: config.outbound_allow.clone(),
            data_dir: config.data_dir.clone(),
            zone: config.zone,
        }
    }

    /// Reads the definitions and sets up what can be.
    pub fn load(&self, store: &dyn Store) -> StoreResult<Desk> {
        let version = store.definitions_version()?;
        let definitions = store.definitions()?;
        let mut desk = Desk {
            version,
            zone: self.zone,
            observation: observation::in_force(store, self.observation)?,
            ..Desk::default()
        };
        for channel in &self.channels {
            desk.channels.push(live(channel, Origin::File));
        }
        for definition in &definitions {
            match definition.kind {
                AlertingKind::Channel => self.stored(&mut desk, definition),
                AlertingKind::Route => match serde_json::from_str(&definition.text) {
                    Ok(route) => desk.routes.push(route),
                    Err(error) => desk.faults.push(format!("route {}: {error}", definition.name)),
                },
                AlertingKind::Observation => {}
                AlertingKind::Maintenance => match serde_json::from_str(&definition.text) {
                    Ok(window) => desk.maintenance.push(window),
                    Err(error) => desk
                        .faults
                        .push(format!("maintenance {}: {error}", definition.name)),
                },
            }
        }
        Ok(desk)
    }

    /// The channel that a definition describes, with its secrets.
    pub fn channel(&self, definition: &Definition) -> Result<Channel, String> {
        let secrets = match &definition.sealed {
            None => BTreeMap::new(),
            Some(sealed) => Vault::open(&self.data_dir)
                .and_then(|vault| vault.open_sealed(&definition.name, sealed))
                .map_err(|error| error.to_string())?,
        };
        self.checked(&definition.text, &secrets)
    }

    /// Checks the keys of a stored channel.
    pub fn checked(&self, text: &str, secrets: &BTreeMap<String, Secret>) -> Result<Channel, String> {
        let keys = serde_json::from_str(text).map_err(|error| error.to_string())?;
        config::stored_channel(&keys, secrets, &self.allow).map_err(|faults| faults.join("; "))
    }

    fn stored(&self, desk: &mut Desk, definition: &Definition) {
        if desk.channels.iter().any(|known| known.name == definition.name) {
            desk.faults.push(format!(
                "channel {}: the configuration file has one of this name, which is used",
                definition.name
            ));
            return;
        }
        let made = self
            .channel(definition)
            .map(|channel| live(&channel, Origin::Stored));
        let made = made.unwrap_or_else(|why| broken(definition, why));
        if let Some(fault) = &made.fault {
            desk.faults.push(format!("channel {}: {fault}", made.name));
        }
        desk.channels.push(made);
    }
}

/// A channel that is set up, or says why it is not.
fn live(channel: &Channel, origin: Origin) -> Live {
    let (sender, fault) = match sender(&channel.kind) {
        Ok(sender) => (sender, None),
        Err(error) => (Arc::new(Broken(error.to_string())) as _, Some(error.to_string())),
    };
    Live {
        name: channel.name.clone(),
        kind: channel.kind.name().to_owned(),
        origin,
        min_severity: channel.min_severity,
        pace: pace(&channel.kind),
        sender,
        fault,
    }
}

fn broken(definition: &Definition, why: String) -> Live {
    Live {
        name: definition.name.clone(),
        kind: String::new(),
        origin: Origin::Stored,
        min_severity: Severity::Low,
        pace: Pace {
            per_minute: Some(PER_MINUTE),
            groups: true,
        },
        sender: Arc::new(Broken(why.clone())),
        fault: Some(why),
    }
}

/// Sets up the way of a channel.
pub(super) fn sender(kind: &ChannelKind) -> Result<Arc<dyn Sender>, SetupError> {
    Ok(match kind {
        ChannelKind::Smtp(smtp) => Arc::new(SmtpChannel::new(smtp)?),
        ChannelKind::Webhook(webhook) => Arc::new(WebhookChannel::new(webhook)?),
        ChannelKind::WecomRobot(robot) => Arc::new(WecomRobot::new(robot)?),
        ChannelKind::WecomApp(app) => Arc::new(WecomApp::new(app)?),
        ChannelKind::DingtalkRobot(robot) => Arc::new(DingtalkRobot::new(robot)?),
        ChannelKind::FeishuRobot(robot) => Arc::new(FeishuRobot::new(robot)?),
        ChannelKind::Syslog(syslog) => Arc::new(SyslogChannel::new(syslog)?),
        ChannelKind::Log => Arc::new(LogChannel::stdout()),
    })
}

/// People get one message per cause and at most twenty a minute; programs get every alert by itself.
const fn pace(kind: &ChannelKind) -> Pace {
    match kind {
        ChannelKind::Webhook(_) | ChannelKind::Syslog(_) | ChannelKind::Log => Pace {
            per_minute: None,
            groups: false,
        },
        ChannelKind::Smtp(_)
        | ChannelKind::WecomRobot(_)
        | ChannelKind::DingtalkRobot(_)
        | ChannelKind::FeishuRobot(_) => Pace {
            per_minute: Some(PER_MINUTE),
            groups: true,
        },
        ChannelKind::WecomApp(_) => Pace {
            per_minute: Some(APP_PER_MINUTE),
            groups: true,
        },
    }
}

/// A channel that cannot be set up.
struct Broken(String);

impl Sender for Broken {
    fn send(&self, _: &Message) -> Result<(), SendError> {
        Err(SendError::new(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Webhook;

    fn source(channels: Vec<Channel>, home: &std::path::Path) -> DeskSource {
        DeskSource {
            channels,
            observation: None,
            allow: Vec::new(),
            data_dir: home.to_owned(),
            zone: 0,
        }
    }

    fn hook(name: &str) -> Channel {
        Channel {
            name: name.to_owned(),
            kind: ChannelKind::Webhook(Webhook {
                url: "https://hook.example.com/".to_owned(),
                secret: Secret::new("key".to_owned()),
                allow: Vec::new(),
                ca_file: None,
            }),
            min_severity: Severity::Low,
        }
    }

    fn put(store: &dyn Store, kind: AlertingKind, name: &str, text: &str, sealed: Option<Vec<u8>>) {
        let definition = Definition {
            kind,
            name: name.to_owned(),
            text: text.to_owned(),
            sealed,
            changed_at: 1,
            changed_by: "admin".to_owned(),
        };
        let audit = deskwarden_domain::model::AuditEntry {
            at: 1,
            actor: "admin".into(),
            action: "channel.put".into(),
            object: name.into(),
            detail: String::new(),
        };
        store.put_definition(&definition, &audit).unwrap();
    }

    #[test]
    fn the_file_wins_and_what_cannot_be_set_up_is_kept_with_its_reason() {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("t.db").display())).unwrap();
        let vault = Vault::open(home.path()).unwrap();
        let sealed = |name: &str| {
            let secrets = [("token".to_owned(), Secret::new("k-1".to_owned()))].into();
            Some(vault.seal(name, &secrets).unwrap())
        };
        let robot = |name: &str| format!(r#"{{"name": "{name}", "kind": "wecom_robot"}}"#);
        let store = store.as_ref();
        put(store, AlertingKind::Channel, "oa", &robot("oa"), sealed("oa"));
        put(
            store,
            AlertingKind::Channel,
            "group",
            &robot("group"),
            sealed("group"),
        );
        put(
            store,
            AlertingKind::Channel,
            "moved",
            &robot("moved"),
            sealed("other"),
        );
        let inside = r#"{"name": "inside", "kind": "wecom_robot", "url": "http://127.0.0.1:1"}"#;
        put(store, AlertingKind::Channel, "inside", inside, sealed("inside"));
        put(
            store,
            AlertingKind::Route,
            "r",
            r#"{"name": "r", "channel": "group"}"#,
            None,
        );
        put(store, AlertingKind::Route, "bad", "{}", None);
        let mut source = source(vec![hook("oa")], home.path());
        let desk = source.load(store).unwrap();
        let shown: Vec<(&str, &str, bool)> = desk
            .channels
            .iter()
            .map(|live| (live.name.as_str(), live.kind.as_str(), live.fault.is_none()))
            .collect();
        assert_eq!(
            shown,
            [
                ("oa", "webhook", true),
                ("group", "wecom_robot", true),
                ("inside", "", false),
                ("moved", "", false)
            ]
        );
        assert_eq!(desk.routes.len(), 1);
        let faults = desk.faults.join("\n");
        for part in [
            "configuration file has one",
            "this machine",
            "another key",
            "route bad",
        ] {
            assert!(faults.contains(part), "{part}: {faults}");
        }
        assert!(!faults.contains("k-1"));
        assert_eq!(desk.book(None, 0).observing, None);
        source.observation = Some(true);
        let observed = source.load(store).unwrap().book(Some(5), 6);
        assert!(observed.observing.unwrap().until > 1_000_000_000_000);
    }
}
