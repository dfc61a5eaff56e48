//! Channels, routes and windows as people change them: checked before they are stored, secrets sealed, every change
//! in the audit log. The dashboard and the command line both come here.

use std::collections::BTreeMap;

use deskwarden_domain::{
    alerting::{Maintenance, Route, is_name},
    model::{AuditEntry, Lang, Millis, Severity},
    port::{AlertingKind, Definition, Store, StoreError},
};
use serde_json::{Map, Value, json};

use crate::config::Secret;

use super::{DeskSource, Message, Vault};

/// Names of what a channel keeps secret.
pub const SECRETS: [&str; 3] = ["password", "secret", "token"];

/// Why a change is refused.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It cannot be as asked; for a person.
    #[error("{0}")]
    Refused(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who changes something, and when.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    /// The user's name, or that of the command line.
    pub name: &'a str,
    /// Now.
    pub at: Millis,
}

impl Actor<'_> {
    fn audit(&self, action: &str, kind: AlertingKind, name: &str, detail: &str) -> AuditEntry {
        AuditEntry {
            at: self.at,
            actor: self.name.to_owned(),
            action: format!("{}.{action}", kind.name()),
            object: format!("{}:{name}", kind.name()),
            detail: detail.to_owned(),
        }
    }
}

/// What people change.
pub struct Book<'b> {
    /// Where it is kept.
    pub store: &'b dyn Store,
    /// What channels are checked with.
    pub source: &'b DeskSource,
}

impl Book<'_> {
    /// Makes or replaces a channel. A secret that is not given stays as it is.
    pub fn put_channel(
        &self,
        keys: &Map<String, Value>,
        given: BTreeMap<String, Secret>,
        actor: Actor<'_>,
    ) -> Result<String, BookError> {
        let name = keys
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        if self.source.channels.iter().any(|channel| channel.name == name) {
            return Err(BookError::Refused(format!(
                "the configuration file has a channel {name:?}, which wins: change it there, or choose another name"
            )));
        }
        let definitions = self.store.definitions()?;
        let known = definitions
            .iter()
            .find(|definition| definition.kind == AlertingKind::Channel && definition.name == name);
        let refused = |error: &dyn std::fmt::Display| BookError::Refused(error.to_string());
        let vault = Vault::open(&self.source.data_dir).map_err(|error| refused(&error))?;
        let mut secrets = match known.and_then(|known| known.sealed.as_deref()) {
            // Those that do not open any more are put in anew.
            Some(sealed) => vault.open_sealed(&name, sealed).unwrap_or_default(),
            None => BTreeMap::new(),
        };
        secrets.extend(given);
        let text = Value::Object(keys.clone()).to_string();
        let channel = self.source.checked(&text, &secrets).map_err(BookError::Refused)?;
        // What this kind does not use is not kept.
        let used = used_secrets(channel.kind.name());
        secrets.retain(|key, _| used.contains(&key.as_str()));
        let sealed = vault.seal(&name, &secrets).map_err(|error| refused(&error))?;
        let definition = Definition {
            kind: AlertingKind::Channel,
            name: name.clone(),
            text: text.clone(),
            sealed: Some(sealed),
            changed_at: actor.at,
            changed_by: actor.name.to_owned(),
        };
        let audit = actor.audit("put", AlertingKind::Channel, &name, &text);
        self.store.put_definition(&definition, &audit)?;
        Ok(name)
    }

    /// Makes or replaces a route or a maintenance window.
    pub fn put(&self, kind: AlertingKind, value: &Value, actor: Actor<'_>) -> Result<String, BookError> {
        let refused = |error: serde_json::Error| BookError::Refused(error.to_string());
        let (name, text, faults) = match kind {
            AlertingKind::Channel | AlertingKind::Observation => {
                return Err(BookError::Refused(
                    "it is neither a route nor a window".to_owned(),
                ));
            }
            AlertingKind::Route => {
                let route: Route = serde_json::from_value(value.clone()).map_err(refused)?;
                let names = self.channel_names()?;
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let faults = route.check(&names);
                (
                    route.name.clone(),
                    serde_json::to_string(&route).map_err(refused)?,
                    faults,
                )
            }
            AlertingKind::Maintenance => {
                let window: Maintenance = serde_json::from_value(value.clone()).map_err(refused)?;
                let faults = window.check();
                (
                    window.name.clone(),
                    serde_json::to_string(&window).map_err(refused)?,
                    faults,
                )
            }
        };
        if !faults.is_empty() {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            return Err(BookError::Refused(faults.join("; ")));
        }
        let definition = Definition {
            kind,
            name: name.clone(),
            text: text.clone(),
            sealed: None,
            changed_at: actor.at,
            changed_by: actor.name.to_owned(),
        };
        self.store
            .put_definition(&definition, &actor.audit("put", kind, &name, &text))?;
        Ok(name)
    }

    /// Removes a channel, route or window. A channel that a route leads to stays.
    pub fn remove(&self, kind: AlertingKind, name: &str, actor: Actor<'_>) -> Result<(), BookError> {
        if !is_name(name) {
            return Err(BookError::Refused(format!(
                "there is no {} {name:?}",
                kind.name()
            )));
        }
        if kind == AlertingKind::Channel {
            let desk = self.source.load(self.store)?;
            let leads = |route: &&Route| {
                route.channel == name || route.escalate.as_ref().is_some_and(|e| e.channel == name)
            };
            if let Some(route) = desk.routes.iter().find(leads) {
                return Err(BookError::Refused(format!(
                    "route {} leads to it: remove that first",
                    route.name
                )));
            }
        }
        Ok(self
            .store
            .remove_definition(kind, name, &actor.audit("remove", kind, name, ""))?)
    }

    /// Sends a test message to a channel, at once and not through the queue.
    pub fn test(&self, name: &str, lang: Lang, actor: Actor<'_>) -> Result<(), BookError> {
        let desk = self.source.load(self.store)?;
        let live = desk.channels.iter().find(|live| live.name == name);
        let live = live.ok_or_else(|| BookError::Refused(format!("there is no channel {name:?}")))?;
        let sent = live.sender.send(&test_message(name, lang, actor.at));
        sent.map_err(|error| BookError::Refused(error.to_string()))
    }

    fn channel_names(&self) -> Result<Vec<String>, BookError> {
        Ok(self
            .source
            .load(self.store)?
            .channels
            .into_iter()
            .map(|live| live.name)
            .collect())
    }
}

fn used_secrets(kind: &str) -> &'static [&'static str] {
    match kind {
        "smtp" => &["password"],
        "webhook" | "wecom_app" => &["secret"],
        "wecom_robot" => &["token"],
        "dingtalk_robot" | "feishu_robot" => &["token", "secret"],
        _ => &[],
    }
}

fn test_message(channel: &str, lang: Lang, at: Millis) -> Message {
    let (subject, body) = match lang {
        Lang::Zh => (
            format!("[桌面巡检] 测试消息：渠道 {channel}"),
            "收到这条消息，说明告警可以到达这里。\n",
        ),
        Lang::En => (
            format!("[Deskwarden] Test message: channel {channel}"),
            "Alerts can reach you here.\n",
        ),
    };
    let key = format!("{channel}:test-{at}");
    Message {
        json: json!({
            "schema": "deskwarden.test/1",
            "id": key,
            "kind": "test",
            "at": crate::clock::rfc3339(at),
            "text": subject,
        }),
        idempotency_key: key,
        at,
        event: "test".to_owned(),
        severity: Severity::Low,
        markdown: format!("**{subject}**\n{body}"),
        subject,
        body: body.to_owned(),
        link: None,
        link_word: "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Actor<'_> = Actor { name: "wang", at: 5 };

    fn with(work: impl FnOnce(&Book<'_>)) {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("t.db").display())).unwrap();
        let source = DeskSource {
            channels: vec![crate::config::Channel::log("log")],
            observation: None,
            allow: Vec::new(),
            data_dir: home.path().to_owned(),
            zone: 0,
        };
        work(&Book {
            store: store.as_ref(),
            source: &source,
        });
    }

    fn keys(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    fn secret(name: &str, text: &str) -> BTreeMap<String, Secret> {
        [(name.to_owned(), Secret::new(text.to_owned()))].into()
    }

    #[test]
    fn a_channel_is_checked_sealed_and_keeps_the_secret_that_is_not_given_again() {
        with(|book| {
            let robot = keys(r#"{"name": "group", "kind": "wecom_robot"}"#);
            let missing = book.put_channel(&robot, BTreeMap::new(), ADMIN).unwrap_err();
            assert!(missing.to_string().contains("token is missing"), "{missing}");
            book.put_channel(&robot, secret("token", "k-12345678"), ADMIN)
                .unwrap();
            let stored = &book.store.definitions().unwrap()[0];
            assert!(!format!("{stored:?} {}", stored.text).contains("k-12345678"));
            let changed = keys(r#"{"name": "group", "kind": "wecom_robot", "min_severity": "high"}"#);
            book.put_channel(&changed, BTreeMap::new(), ADMIN).unwrap();
            let channel = book
                .source
                .channel(&book.store.definitions().unwrap()[0])
                .unwrap();
            assert_eq!(channel.min_severity, Severity::High);
            assert!(
                matches!(channel.kind, crate::config::ChannelKind::WecomRobot(robot) if robot.token.reveal() == "k-12345678")
            );
            let audit = book.store.audit_records(1, 10).unwrap();
            assert!(
                audit
                    .iter()
                    .all(|record| !format!("{record:?}").contains("k-12345678"))
            );
            assert_eq!(audit.len(), 2);
        });
    }

    #[test]
    fn names_of_the_file_places_inside_and_allow_lists_are_refused() {
        with(|book| {
            for (text, what) in [
                (r#"{"name": "log", "kind": "log"}"#, "configuration file"),
                (r#"{"name": "a b", "kind": "log"}"#, "letters"),
                (r#"{"name": "x", "kind": "fax"}"#, "not one of"),
                (
                    r#"{"name": "x", "kind": "webhook", "url": "https://169.254.169.254/"}"#,
                    "metadata",
                ),
                (
                    r#"{"name": "x", "kind": "webhook", "url": "http://127.0.0.1:1/", "allow": ["127.0.0.1:1"]}"#,
                    "outbound_allow",
                ),
                (
                    r#"{"name": "x", "kind": "webhook", "url": "https://a.example/", "secret_file": "/etc/shadow"}"#,
                    "configuration file",
                ),
            ] {
                let error = book
                    .put_channel(&keys(text), secret("secret", "s"), ADMIN)
                    .unwrap_err();
                assert!(error.to_string().contains(what), "{text}: {error}");
            }
            assert!(book.store.definitions().unwrap().is_empty());
        });
    }

    #[test]
    fn a_route_needs_its_channel_and_a_channel_with_a_route_stays() {
        with(|book| {
            let route = json!({"name": "r", "channel": "group"});
            assert!(book.put(AlertingKind::Route, &route, ADMIN).is_err());
            let robot = keys(r#"{"name": "group", "kind": "wecom_robot"}"#);
            book.put_channel(&robot, secret("token", "k"), ADMIN).unwrap();
            book.put(AlertingKind::Route, &route, ADMIN).unwrap();
            let held = book.remove(AlertingKind::Channel, "group", ADMIN).unwrap_err();
            assert!(held.to_string().contains("route r"), "{held}");
            book.remove(AlertingKind::Route, "r", ADMIN).unwrap();
            book.remove(AlertingKind::Channel, "group", ADMIN).unwrap();
            assert!(book.remove(AlertingKind::Channel, "group", ADMIN).is_err());
            let window = json!({"name": "w", "from": 5, "until": 4});
            assert!(book.put(AlertingKind::Maintenance, &window, ADMIN).is_err());
        });
    }
}
