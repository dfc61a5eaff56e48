//! What a finding shows of an item: the few fields that tell a person what was seen, and where. Labels in
//! both languages come from the contract's field documentation.

use deskwarden_proto::{
    describe::{self, FieldDoc},
    v1::{Section, facet},
};
use serde_json::{Map, Value};

use super::{
    choice,
    facts::ItemFacts,
    fields::{FieldType, field_type},
};
use crate::model::Lang;

/// The facet fields that matter for people, non-empty ones only, with path and day of installation where
/// known, and why the catalogue recognised it. Keys are field names of the contract.
pub fn detail(item: &ItemFacts<'_>) -> Value {
    let Value::Object(all) = describe::to_json(item.facet, false) else {
        return Value::Null;
    };
    let wanted = fields_that_matter(item.section);
    let mut out: Map<String, Value> = all
        .into_iter()
        .filter(|(name, _)| wanted.contains(&name.as_str()))
        .collect();
    if let Some(local) = item.local {
        for (name, value) in [
            ("path", &local.path),
            ("installed_on", &local.installed_on),
            ("account", &local.account),
        ] {
            if !value.is_empty() {
                out.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
    }
    out.insert("source".to_owned(), Value::from(item.source));
    if let Some(class) = item.class {
        out.insert("recognised_by".to_owned(), Value::from(class.why.as_str()));
    }
    Value::Object(out)
}

/// A detail in one line for a message: `名称：QQ；版本：9.7`. What differs stands beside what it was, or what the ledger
/// says: `地址：192.0.2.99（台账：192.0.2.77）`.
pub fn words(of: Section, detail: &Value, lang: Lang) -> String {
    let Some(fields) = detail.as_object() else {
        return String::new();
    };
    let sentence = match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    };
    // What several devices show together is said as a whole.
    if let (Some(Value::String(said)), true) = (fields.get(sentence), fields.contains_key("en")) {
        return said.clone();
    }
    let mut parts = Vec::new();
    let happened = match (fields.get("change").and_then(Value::as_str), lang) {
        (Some("added"), Lang::Zh) => Some("新出现"),
        (Some("added"), Lang::En) => Some("new"),
        (Some("removed"), Lang::Zh) => Some("已不在"),
        (Some("removed"), Lang::En) => Some("gone"),
        _ => None,
    };
    parts.extend(happened.map(ToOwned::to_owned));
    let by_ledger = fields.get("against").and_then(Value::as_str) == Some("ledger");
    let difference = fields.get("difference").and_then(Value::as_object);
    for (label, name) in labels(of, lang) {
        let pair = difference.and_then(|difference| difference.get(name));
        let Some(value) = pair
            .and_then(|pair| pair.get("after"))
            .or_else(|| fields.get(name))
        else {
            continue;
        };
        let say = |value| said(of, name, value, lang);
        let before = pair.and_then(|pair| pair.get("before")).map(say);
        let value = say(value);
        parts.push(match (lang, before, by_ledger) {
            (Lang::Zh, None, _) => format!("{label}：{value}"),
            (Lang::En, None, _) => format!("{label}: {value}"),
            (Lang::Zh, Some(before), true) => format!("{label}：{value}（台账：{before}）"),
            (Lang::En, Some(before), true) => format!("{label}: {value} (ledger: {before})"),
            (Lang::Zh, Some(before), false) => format!("{label}：{value}（原为：{before}）"),
            (Lang::En, Some(before), false) => format!("{label}: {value} (was: {before})"),
        });
    }
    parts.join(match lang {
        Lang::Zh => "；",
        Lang::En => "; ",
    })
}

/// The fields that differ between two facets of a kind, apart from `ignore`.
pub(crate) fn changes(before: &facet::Kind, after: &facet::Kind, ignore: &[String]) -> Map<String, Value> {
    let (before, after) = (describe::to_json(before, true), describe::to_json(after, true));
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return Map::new();
    };
    let mut out = Map::new();
    for (name, old) in &before {
        let new = after.get(name).unwrap_or(&Value::Null);
        if old != new && !ignore.contains(name) {
            let mut pair = Map::new();
            pair.insert("before".to_owned(), old.clone());
            pair.insert("after".to_owned(), new.clone());
            out.insert(name.clone(), Value::Object(pair));
        }
    }
    out
}

/// Label and field name of everything that a detail may hold, in the contract's order.
fn labels(of: Section, lang: Lang) -> Vec<(&'static str, &'static str)> {
    let label = |doc: &'static FieldDoc| match lang {
        Lang::Zh => (doc.zh, doc.name),
        Lang::En => (doc.en, doc.name),
    };
    let mut out: Vec<_> = describe::section_doc(of)
        .map(|doc| doc.fields.iter().map(label).collect())
        .unwrap_or_default();
    out.extend(describe::LOCAL_FIELDS.iter().map(label));
    out
}

/// A value, or a dash where there is none.
fn said(of: Section, name: &str, value: &Value, lang: Lang) -> String {
    let text = text(of, name, value, lang);
    if value.is_null() || text.is_empty() {
        "—".to_owned()
    } else {
        text
    }
}

fn text(of: Section, name: &str, value: &Value, lang: Lang) -> String {
    let word = |words: Option<_>, text: &str| {
        words.map_or_else(|| text.to_owned(), |words| choice::pick(words, lang).to_owned())
    };
    match value {
        Value::String(text) if name == "topic" => word(choice::topic(text), text),
        Value::String(text) if field_type(of, name) == Some(FieldType::Choice) => {
            word(choice::choice(text), text)
        }
        Value::String(text) => text.clone(),
        Value::Bool(flag) => {
            let words = if *flag { ("是", "yes") } else { ("否", "no") };
            choice::pick(words, lang).to_owned()
        }
        Value::Number(number) => match number.as_u64() {
            Some(bytes) if name.ends_with("_bytes") => choice::size(bytes),
            _ => number.to_string(),
        },
        Value::Array(values) => {
            let texts = values.iter().map(|value| text(of, name, value, lang));
            texts.collect::<Vec<_>>().join(" ")
        }
        Value::Object(fields) => entry(fields, lang),
        Value::Null => String::new(),
    }
}

/// An entry of a list: `192.0.2.7/24 静态`. What is not so is left out.
fn entry(fields: &Map<String, Value>, lang: Lang) -> String {
    let (mut values, mut words) = (Vec::new(), Vec::new());
    for (name, value) in fields {
        match value {
            Value::Bool(false) | Value::Null => {}
            Value::Bool(true) => words.push(name.replace('_', " ")),
            Value::String(text) => match choice::choice(text).filter(|_| name == "mode") {
                Some(known) => words.push(choice::pick(known, lang).to_owned()),
                None => values.push(text.clone()),
            },
            other => values.push(text(Section::Unspecified, name, other, lang)),
        }
    }
    let mut all = vec![values.join("/")];
    all.extend(words);
    all.join(" ")
}

fn fields_that_matter(of: Section) -> &'static [&'static str] {
    match of {
        Section::Unspecified => &[],
        Section::Os => &["name", "version", "hostname", "activation"],
        Section::Part => &[
            "class",
            "position",
            "manufacturer",
            "model",
            "serial",
            "wwn",
            "size_bytes",
        ],
        Section::Software => &[
            "name",
            "version",
            "publisher",
            "kind",
            "package",
            "exe",
            "original_name",
            "signer",
        ],
        Section::Process => &[
            "name",
            "package",
            "original_name",
            "publisher",
            "version",
            "deleted",
        ],
        Section::Network => &[
            "interface",
            "kind",
            "mac",
            "permanent_mac",
            "addresses",
            "gateways",
            "dns",
            "mode",
            "gateway_mac",
        ],
        Section::Proxy => &["setting", "value", "scheme", "host", "port", "enabled", "program"],
        Section::Listener => &[
            "protocol",
            "port",
            "program",
            "exposure",
            "addresses",
            "proxy_kind",
            "package",
        ],
        Section::Account => &[
            "name",
            "administrator",
            "enabled",
            "password_empty",
            "password_never_expires",
            "groups",
        ],
        Section::Logon => &["user", "day", "kind", "from"],
        Section::Security => &[
            "topic",
            "product",
            "enabled",
            "up_to_date",
            "seconds",
            "minimum_length",
            "detail",
        ],
        Section::Share => &["name", "protocol", "administrative", "guest", "writable"],
        Section::Media => &[
            "vendor",
            "model",
            "serial",
            "size_bytes",
            "present",
            "last_seen_day",
        ],
        Section::Neighbour => &["mac", "ip", "interface", "router"],
        Section::Egress => &["program", "port", "protocol", "package"],
        Section::Health => &["topic", "band", "subject", "detail"],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_stands_beside_what_it_was_or_should_be() {
        let difference =
            json!({"model": {"before": "A", "after": "B"}, "serial": {"before": "", "after": "S2"}});
        let changed =
            json!({"model": "B", "change": "changed", "against": "baseline", "difference": difference});
        let of = |detail: &Value, lang| words(Section::Part, detail, lang);
        let zh = of(&changed, Lang::Zh);
        assert!(
            zh.contains("：B（原为：A）") && zh.contains("：S2（原为：—）"),
            "{zh}"
        );
        let en = of(&changed, Lang::En);
        assert!(
            en.contains(": B (was: A)") && en.contains(": S2 (was: —)"),
            "{en}"
        );
        let gone = json!({"model": "A", "change": "removed", "against": "baseline"});
        assert!(of(&gone, Lang::Zh).starts_with("已不在；"), "{gone}");
        assert!(of(&gone, Lang::En).starts_with("gone; "), "{gone}");
        let came = json!({"model": "A", "change": "added", "against": "baseline"});
        assert!(of(&came, Lang::Zh).starts_with("新出现；"), "{came}");
        let known = labels(Section::Network, Lang::En);
        let (_, name) = known.first().copied().unwrap();
        let assigned = json!({"change": "changed", "against": "ledger", "difference": {name: {"before": "x", "after": "y"}}});
        let en = words(Section::Network, &assigned, Lang::En);
        assert!(en.contains(": y (ledger: x)"), "{en}");
    }

    #[test]
    fn values_are_said_in_the_readers_words() {
        let address = json!({"ip": "192.0.2.7", "prefix": 24, "mode": "static", "configured_only": false});
        for (section, detail, zh, en) in [
            (
                Section::Part,
                json!({"class": "memory", "size_bytes": 8_589_934_592_u64}),
                "：内存；|：8 GiB",
                ": memory; |: 8 GiB",
            ),
            (
                Section::Network,
                json!({"mode": "static", "addresses": [address]}),
                "：192.0.2.7/24 静态|取址方式：静态",
                ": 192.0.2.7/24 static|Mode: static",
            ),
            (
                Section::Security,
                json!({"topic": "auto_logon", "enabled": "on"}),
                "主题：自动登录|：开",
                "Topic: automatic sign-in|: on",
            ),
            (
                Section::Account,
                json!({"name": "static", "administrator": true}),
                "：static|：是",
                ": static|: yes",
            ),
        ] {
            for (lang, wanted) in [(Lang::Zh, zh), (Lang::En, en)] {
                let said = words(section, &detail, lang);
                for part in wanted.split('|') {
                    assert!(said.contains(part), "{part}: {said}");
                }
            }
        }
    }
}
