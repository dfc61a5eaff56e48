//! The form of a channel: which fields each kind has, and what a filled form says of a channel. A kind is chosen by an
//! address of its own, so that the form shows what the kind needs and nothing else, with and without scripts.

use serde_json::{Map, Value, json};

use crate::{config::KINDS, web::form::Fields};

/// How a field is filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    Text,
    Number,
    List,
    /// Goes in and never comes out.
    Secret,
    Choice(&'static [&'static str]),
}

/// A field: its name, how it is filled in, and what stands there where nothing is said.
type Field = (&'static str, Input, &'static str);

/// What everything that is reached by an address has.
const URL: Field = ("url", Input::Text, "");
const TOKEN: Field = ("token", Input::Secret, "");
const SECRET: Field = ("secret", Input::Secret, "");

/// Fields of a kind, beside name, kind and severity.
fn fields(kind: &str) -> &'static [Field] {
    match kind {
        "wecom_robot" => &[TOKEN, URL],
        "wecom_app" => &[
            ("corp_id", Input::Text, ""),
            ("agent_id", Input::Number, ""),
            SECRET,
            ("to", Input::List, ""),
            ("to_party", Input::List, ""),
            ("to_tag", Input::List, ""),
            URL,
        ],
        "dingtalk_robot" | "feishu_robot" => &[TOKEN, SECRET, URL],
        "smtp" => &[
            ("host", Input::Text, ""),
            ("port", Input::Number, "587"),
            ("smtp_tls", Input::Choice(&["starttls", "tls"]), ""),
            ("user", Input::Text, ""),
            ("password", Input::Secret, ""),
            ("from", Input::Text, "Deskwarden <desk@example.com>"),
            ("to", Input::List, ""),
        ],
        "webhook" => &[URL, SECRET],
        "syslog" => &[
            ("host", Input::Text, ""),
            ("port", Input::Number, "6514"),
            ("transport", Input::Choice(&["tls", "udp"]), ""),
            ("facility", Input::Number, "13"),
        ],
        _ => &[],
    }
}

/// The form as the page shows it.
pub(super) struct ChannelForm {
    /// The kind that it is for.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) severity: String,
    pub(super) fields: Vec<Shown>,
}

/// A field as the page shows it.
pub(super) struct Shown {
    pub(super) name: &'static str,
    /// What the browser is told of it.
    pub(super) mode: &'static str,
    pub(super) is_secret: bool,
    pub(super) choices: &'static [&'static str],
    pub(super) value: String,
    pub(super) hint: &'static str,
}

impl ChannelForm {
    /// Of a kind, or of the first one where there is no such kind.
    pub(super) fn empty(kind: &str) -> Self {
        Self::with(kind, &Fields::default())
    }

    /// What was typed, but for secrets.
    pub(super) fn of(typed: &Fields) -> Self {
        Self::with(typed.text("kind"), typed)
    }

    fn with(kind: &str, typed: &Fields) -> Self {
        let kind = KINDS.into_iter().find(|known| *known == kind).unwrap_or(KINDS[0]);
        let shown = |(name, input, hint): &Field| Shown {
            name,
            mode: match (input, *name) {
                (Input::Number, _) => "numeric",
                (_, "url") => "url",
                _ => "text",
            },
            is_secret: *input == Input::Secret,
            choices: match input {
                Input::Choice(choices) => choices,
                _ => &[],
            },
            value: match input {
                Input::Secret => String::new(),
                _ => typed.text(name).to_owned(),
            },
            hint,
        };
        Self {
            kind,
            name: typed.text("name").to_owned(),
            severity: typed.text("min_severity").to_owned(),
            fields: fields(kind).iter().map(shown).collect(),
        }
    }
}

impl Default for ChannelForm {
    fn default() -> Self {
        Self::empty(KINDS[0])
    }
}

/// What a form says of a channel; the configuration's own reader checks it.
pub(super) fn keys(typed: &Fields) -> Map<String, Value> {
    let mut keys = Map::new();
    for name in ["name", "kind", "min_severity"] {
        if let Some(text) = typed.some(name) {
            keys.insert(name.to_owned(), json!(text));
        }
    }
    for (name, input, _) in fields(typed.text("kind")) {
        let Some(text) = typed.some(name) else { continue };
        let value = match input {
            Input::Secret => continue,
            Input::Text | Input::Choice(_) => json!(text),
            Input::Number => text
                .parse::<i64>()
                .map_or_else(|_| json!(text), |number| json!(number)),
            Input::List => json!(list(text)),
        };
        // A field named `tls` would be two things on one page.
        let key = if *name == "smtp_tls" { "tls" } else { name };
        keys.insert(key.to_owned(), value);
    }
    keys
}

/// Values between commas, of both scripts.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split([',', '，', ';', '；'])
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Fields {
        Fields::parse(text.as_bytes())
    }

    #[test]
    fn a_form_becomes_the_keys_of_a_channel_without_its_secrets() {
        let app = "name=it&kind=wecom_app&corp_id=ww1&agent_id=1000002&to=&secret=k-1&to_tag=7%EF%BC%8C8";
        assert_eq!(
            Value::Object(keys(&typed(app))),
            json!({"name": "it", "kind": "wecom_app", "corp_id": "ww1", "agent_id": 1_000_002, "to_tag": ["7", "8"]})
        );
        let mail = "name=m&kind=smtp&host=mail.example.com&smtp_tls=tls&password=p&to=a%40b.example";
        assert_eq!(
            Value::Object(keys(&typed(mail))),
            json!({"name": "m", "kind": "smtp", "host": "mail.example.com", "tls": "tls", "to": ["a@b.example"]})
        );
    }

    #[test]
    fn what_another_kind_would_need_is_not_taken() {
        let keys = keys(&typed("name=s&kind=syslog&host=h&corp_id=ww1&user=u&to=x"));
        assert_eq!(
            Value::Object(keys),
            json!({"name": "s", "kind": "syslog", "host": "h"})
        );
    }

    #[test]
    fn each_kind_shows_its_own_fields_with_what_was_typed_but_no_secret() {
        let form = ChannelForm::of(&typed("kind=smtp&name=m&host=mail.example.com&password=geheim"));
        let names: Vec<&str> = form.fields.iter().map(|field| field.name).collect();
        assert_eq!(
            names,
            ["host", "port", "smtp_tls", "user", "password", "from", "to"]
        );
        assert_eq!(form.fields[0].value, "mail.example.com");
        assert!(form.fields[4].is_secret && form.fields[4].value.is_empty());
        assert_eq!(ChannelForm::of(&typed("kind=pigeon")).kind, KINDS[0]);
        for kind in KINDS.into_iter().filter(|kind| *kind != "log") {
            assert!(!fields(kind).is_empty(), "{kind}");
        }
    }
}
