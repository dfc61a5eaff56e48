//! The file as it is written: names and types of the keys, nothing about what is sensible. A structural
//! fault is noted, its entry is set aside, and reading goes on, so that one run shows all of them.

use deskwarden_domain::model::{Lang, Severity};
use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

use super::Fault;

/// Most structural faults that are looked for in one run.
const MOST_FAULTS: usize = 64;

type Text = Spanned<String>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) data_dir: Option<Text>,
    pub(super) store: Option<Text>,
    pub(super) agents: Option<Agents>,
    pub(super) dashboard: Option<Dashboard>,
    pub(super) public_url: Option<Text>,
    pub(super) rules_dir: Option<Text>,
    pub(super) language: Option<Lang>,
    pub(super) observation: Option<bool>,
    pub(super) enrolment: Option<Enrolment>,
    pub(super) operations: Option<Operations>,
    pub(super) sign_in: Option<SignIn>,
    pub(super) retention: Option<Retention>,
    pub(super) notices: Option<Notices>,
    pub(super) inspection: Option<Inspection>,
    pub(super) outbound_allow: Option<Vec<Text>>,
    pub(super) templates_dir: Option<Text>,
    pub(super) utc_offset: Option<Text>,
    #[serde(default)]
    pub(super) channel: Vec<Spanned<Channel>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agents {
    pub(super) listen: Option<Text>,
    pub(super) names: Option<Vec<Text>>,
    pub(super) connections_per_address: Option<Spanned<u32>>,
}

/// What both ports have.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) listen: Option<Text>,
    pub(super) names: Option<Vec<Text>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enrolment {
    pub(super) link_serials: Option<Spanned<u32>>,
    pub(super) link_expected: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inspection {
    pub(super) every: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notices {
    pub(super) prefix: Option<Text>,
    pub(super) organisation: Option<Text>,
    pub(super) office: Option<Text>,
    pub(super) days: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operations {
    pub(super) certificate_days: Option<Spanned<u16>>,
    pub(super) disk_free_percent: Option<Spanned<u8>>,
    pub(super) backup_hours: Option<Spanned<u16>>,
    pub(super) backup_mark: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) second_factor: Option<Spanned<Vec<String>>>,
    pub(super) idle_minutes: Option<Spanned<u16>>,
    pub(super) longest_hours: Option<Spanned<u16>>,
    pub(super) ldap: Option<Spanned<Ldap>>,
    pub(super) oidc: Option<Spanned<Oidc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ldap {
    pub(super) urls: Option<Vec<Text>>,
    pub(super) starttls: Option<bool>,
    pub(super) ca_file: Option<Text>,
    pub(super) bind_dn: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) bind_template: Option<Text>,
    pub(super) base: Option<Text>,
    pub(super) user_filter: Option<Text>,
    pub(super) name_attribute: Option<Text>,
    pub(super) group_base: Option<Text>,
    pub(super) group_filter: Option<Text>,
    pub(super) timeout_seconds: Option<Spanned<u16>>,
    #[serde(default)]
    pub(super) group: Vec<Spanned<Group>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oidc {
    pub(super) issuer: Option<Text>,
    pub(super) client_id: Option<Text>,
    pub(super) secret_file: Option<Text>,
    pub(super) label: Option<Text>,
    pub(super) scopes: Option<Vec<Text>>,
    pub(super) name_claim: Option<Text>,
    pub(super) groups_claim: Option<Text>,
    pub(super) ca_file: Option<Text>,
    #[serde(default)]
    pub(super) group: Vec<Spanned<Group>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    pub(super) name: Option<Text>,
    pub(super) roles: Option<Spanned<Vec<String>>>,
    pub(super) departments: Option<Vec<Text>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) audit_days: Option<Spanned<u32>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dashboard {
    pub(super) listen: Option<Text>,
    pub(super) names: Option<Vec<Text>>,
    pub(super) certificate: Option<Text>,
    pub(super) key: Option<Text>,
}

/// Keys of every kind of channel; which belong together is checked later, with a message of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Channel {
    pub(super) name: Option<Text>,
    pub(super) kind: Option<Text>,
    pub(super) min_severity: Option<Severity>,
    pub(super) host: Option<Text>,
    pub(super) port: Option<Spanned<u16>>,
    pub(super) tls: Option<Text>,
    pub(super) allow_plain: Option<Spanned<bool>>,
    pub(super) user: Option<Text>,
    pub(super) password_file: Option<Text>,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Spanned<Vec<Text>>>,
    pub(super) url: Option<Text>,
    pub(super) secret_file: Option<Text>,
    pub(super) token_file: Option<Text>,
    pub(super) corp_id: Option<Text>,
    pub(super) agent_id: Option<Spanned<u32>>,
    pub(super) to_party: Option<Spanned<Vec<Text>>>,
    pub(super) to_tag: Option<Spanned<Vec<Text>>>,
    pub(super) transport: Option<Text>,
    pub(super) facility: Option<Spanned<u8>>,
    pub(super) allow: Option<Spanned<Vec<Text>>>,
    pub(super) ca_file: Option<Text>,
}

impl Channel {
    /// Keys that are there, beside those of every kind.
    pub(super) fn present(&self) -> Vec<&'static str> {
        let all = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("tls", self.tls.is_some()),
            ("allow_plain", self.allow_plain.is_some()),
            ("user", self.user.is_some()),
            ("password_file", self.password_file.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
            ("url", self.url.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("token_file", self.token_file.is_some()),
            ("corp_id", self.corp_id.is_some()),
            ("agent_id", self.agent_id.is_some()),
            ("to_party", self.to_party.is_some()),
            ("to_tag", self.to_tag.is_some()),
            ("transport", self.transport.is_some()),
            ("facility", self.facility.is_some()),
            ("allow", self.allow.is_some()),
            ("ca_file", self.ca_file.is_some()),
        ];
        all.iter()
            .filter(|(_, there)| *there)
            .map(|(key, _)| *key)
            .collect()
    }
}

/// Reads what can be read, and says what cannot.
pub(super) fn read(text: &str) -> (Raw, Vec<Fault>) {
    let (mut table, errors) = DeTable::parse_recoverable(text);
    let mut faults: Vec<Fault> = errors.iter().map(|error| fault(text, error)).collect();
    if !faults.is_empty() {
        return (Raw::default(), faults);
    }
    while faults.len() < MOST_FAULTS {
        let error = match Raw::deserialize(Deserializer::from(table.clone())) {
            Ok(raw) => return (raw, faults),
            Err(error) => error,
        };
        faults.push(fault(text, &error));
        let removed = error.span().is_some_and(|span| set_aside(table.get_mut(), &span));
        if !removed {
            break;
        }
    }
    (Raw::default(), faults)
}

/// Line of a byte offset, from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn fault(text: &str, error: &toml::de::Error) -> Fault {
    Fault {
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        what: error.message().replace('\n', "; "),
    }
}

/// Removes the innermost entry that holds the span; `false` when there is none.
fn set_aside(table: &mut DeTable<'_>, span: &std::ops::Range<usize>) -> bool {
    let holds = |outer: std::ops::Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let inner = match value.get_mut() {
            DeValue::Table(inner) => set_aside(inner, span),
            DeValue::Array(values) => values.iter_mut().any(|value| match value.get_mut() {
                DeValue::Table(inner) => set_aside(inner, span),
                _ => false,
            }),
            _ => false,
        };
        if inner {
            return true;
        }
        if holds(key.span()) || holds(value.span()) {
            found = Some(key.get_ref().clone().into_owned());
        }
    }
    found.is_some_and(|key| table.remove(key.as_str()).is_some())
}
