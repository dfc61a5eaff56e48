//! What an alert says: words for people in two languages, and the stable JSON of webhooks and logs.
//! Everything that an agent can influence goes through [`super::words`].

use std::fmt::Write as _;

use deskwarden_domain::{
    model::{AlertKind, AlertRow, Delivery, Lang, Millis, Severity, Text},
    rules::{Rule, Words, explain, fill},
};
use deskwarden_proto::v1::Section;
use serde_json::{Value, json};

use crate::clock::{rfc3339, shown};

use super::words::{clean, clean_json, inert, marked_down};

/// Name of the JSON's schema; raised when a field changes its meaning.
pub const SCHEMA: &str = "deskwarden.alert/1";
/// How deep evidence may nest.
const EVIDENCE_DEPTH: u8 = 6;

/// What a rule says for people, with its placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleWords {
    /// Its name.
    pub title: Text,
    /// What is wrong.
    pub message: Text,
    /// What to do.
    pub remedy: Text,
    /// Section of its evidence, which names the fields.
    pub section: Option<Section>,
}

impl From<&Rule> for RuleWords {
    fn from(rule: &Rule) -> Self {
        Self {
            title: rule.title.clone(),
            message: rule.message.clone(),
            remedy: rule.remedy.clone(),
            section: rule.sections.first().copied(),
        }
    }
}

/// The words of a rule with the placeholders of one alert filled in.
struct Said {
    title: String,
    message: String,
    remedy: String,
    detail: String,
}

fn said(alert: &AlertRow, words: Option<&RuleWords>, lang: Lang) -> Said {
    let evidence: Value = serde_json::from_str(&alert.evidence).unwrap_or(Value::Null);
    let section = words.and_then(|words| words.section);
    let detail = inert(
        &section
            .map(|section| explain::words(section, &evidence, lang))
            .unwrap_or_default(),
    );
    let (subject, asset) = (inert(&alert.subject_name), holder(alert));
    let filled = |text: &Text| {
        fill(
            text,
            lang,
            Words {
                subject: &subject,
                asset: &asset,
                detail: &detail,
            },
        )
    };
    let of = |pick: fn(&RuleWords) -> &Text| words.map(pick).map(filled).unwrap_or_default();
    let title = words.map_or_else(|| inert(&alert.rule), |words| filled(&words.title));
    Said {
        title,
        message: of(|words| &words.message),
        remedy: of(|words| &words.remedy),
        detail,
    }
}

/// An alert ready for a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// `<channel>:<alert id>`: the same whenever this alert is sent to this channel again.
    pub idempotency_key: String,
    /// When the finding changed.
    pub at: Millis,
    /// One line.
    pub subject: String,
    /// What happened, in one word for programs: `opened`.
    pub event: String,
    /// How bad the worst of it is.
    pub severity: Severity,
    /// Plain text.
    pub body: String,
    /// The same as markdown of chat programs.
    pub markdown: String,
    /// Where to look.
    pub link: Option<String>,
    /// What the link is called.
    pub link_word: &'static str,
    /// The JSON of webhooks and logs.
    pub json: Value,
}

/// What messages need beside the alert.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Language of subject and body.
    pub lang: Lang,
    /// Start of links; without it there are none.
    pub public_url: Option<String>,
}

/// Composes the message of a delivery.
pub fn compose(delivery: &Delivery, words: Option<&RuleWords>, style: &Style) -> Message {
    let alert = &delivery.alert;
    let link = style
        .public_url
        .as_ref()
        .map(|url| format!("{url}/findings/{}", alert.finding_id));
    Message {
        idempotency_key: format!("{}:{}", delivery.channel, alert.id),
        at: alert.at,
        subject: subject(alert, style.lang),
        event: alert.kind.name().to_owned(),
        severity: alert.severity,
        body: body(alert, words, style.lang, link.as_deref()),
        markdown: markdown(&body(alert, words, style.lang, None), link.as_deref(), style.lang),
        link_word: link_word(style.lang),
        link: link.clone(),
        json: to_json(delivery, words, style, link.as_deref()),
    }
}

/// The lines of a body as markdown: names of fields in bold, everything else without meaning to a chat program.
fn markdown(body: &str, link: Option<&str>, lang: Lang) -> String {
    let mut out = String::new();
    for line in body.lines() {
        let colon = line.char_indices().find(|(_, c)| matches!(c, '：' | ':'));
        let at = colon.map_or(0, |(at, c)| at + c.len_utf8());
        let (name, rest) = line.split_at(at);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "**{name}** {}", marked_down(rest.trim_start()));
    }
    if let Some(link) = link {
        let _ = writeln!(out, "[{}]({link})", link_word(lang));
    }
    out
}

const fn link_word(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "查看",
        Lang::En => "Look",
    }
}

fn subject(alert: &AlertRow, lang: Lang) -> String {
    let (severity, event) = (severity_word(alert.severity, lang), event_word(alert.kind, lang));
    let (what, who) = (inert(&alert.subject_name), holder(alert));
    match lang {
        Lang::Zh => format!(
            "[桌面巡检][{severity}] {event}：{what}（{who}，{}）",
            inert(&alert.clause)
        ),
        Lang::En => format!(
            "[Deskwarden][{severity}] {event}: {what} ({who}, {})",
            inert(&alert.clause)
        ),
    }
}

fn body(alert: &AlertRow, words: Option<&RuleWords>, lang: Lang, link: Option<&str>) -> String {
    let zh = lang == Lang::Zh;
    let said = said(alert, words, lang);
    let mut out = String::new();
    let mut line = |name_zh: &str, name_en: &str, value: &str| {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            let _ = if zh {
                writeln!(out, "{name_zh}：{value}")
            } else {
                writeln!(out, "{name_en}: {value}")
            };
        }
    };
    line("事件", "Event", event_word(alert.kind, lang));
    line("对象", "What", &inert(&alert.subject_name));
    line("资产", "Asset", &holder(alert));
    line(
        "使用人",
        "Custodian",
        &inert(alert.custodian.as_deref().unwrap_or_default()),
    );
    line(
        "部门",
        "Department",
        &inert(alert.department.as_deref().unwrap_or_default()),
    );
    line("条款", "Clause", &inert(&alert.clause));
    line("级别", "Severity", severity_word(alert.severity, lang));
    line("规则", "Rule", &said.title);
    line("说明", "Meaning", &said.message);
    line("处理", "Remedy", &said.remedy);
    line("证据", "Evidence", &said.detail);
    line("首次发现", "Since", &shown(alert.first_seen, lang));
    line("时间", "At", &shown(alert.at, lang));
    line("查看", "Look", link.unwrap_or_default());
    out
}

fn to_json(delivery: &Delivery, words: Option<&RuleWords>, style: &Style, link: Option<&str>) -> Value {
    let alert = &delivery.alert;
    let evidence = serde_json::from_str(&alert.evidence).unwrap_or(Value::Null);
    let (zh, en) = (said(alert, words, Lang::Zh), said(alert, words, Lang::En));
    json!({
        "schema": SCHEMA,
        "id": format!("{}:{}", delivery.channel, alert.id),
        "kind": alert.kind.name(),
        "at": rfc3339(alert.at),
        "finding": {
            "id": alert.finding_id,
            "rule": clean(&alert.rule),
            "clause": clean(&alert.clause),
            "severity": alert.severity.name(),
            "subject_name": clean(&alert.subject_name),
            "first_seen": rfc3339(alert.first_seen),
            "title": {"zh-CN": zh.title, "en": en.title},
            "message": {"zh-CN": zh.message, "en": en.message},
            "remedy": {"zh-CN": zh.remedy, "en": en.remedy},
            "url": link,
        },
        "asset": alert.asset_id.map(|id| json!({
            "id": id,
            "number": alert.asset_number.as_deref().map(clean),
            "name": clean(&alert.asset_name),
            "custodian": alert.custodian.as_deref().map(clean),
            "department": alert.department.as_deref().map(clean),
        })),
        "evidence": clean_json(evidence, EVIDENCE_DEPTH),
        "text": subject(alert, style.lang),
    })
}

/// Number and name of the asset, or whatever the holder is called.
fn holder(alert: &AlertRow) -> String {
    let name = inert(&alert.asset_name);
    match alert.asset_number.as_deref().map(inert) {
        Some(number) if !number.is_empty() && number != name => format!("{number} {name}"),
        _ => name,
    }
}

const fn event_word(kind: AlertKind, lang: Lang) -> &'static str {
    match (kind, lang) {
        (AlertKind::Opened, Lang::Zh) => "新发现",
        (AlertKind::Opened, Lang::En) => "new finding",
        (AlertKind::Reopened, Lang::Zh) => "再次出现",
        (AlertKind::Reopened, Lang::En) => "finding is back",
        (AlertKind::Resolved, Lang::Zh) => "已消除",
        (AlertKind::Resolved, Lang::En) => "resolved",
    }
}

const fn severity_word(severity: Severity, lang: Lang) -> &'static str {
    match (severity, lang) {
        (Severity::Low, Lang::Zh) => "低",
        (Severity::Medium, Lang::Zh) => "中",
        (Severity::High, Lang::Zh) => "高",
        (Severity::Critical, Lang::Zh) => "严重",
        (severity, Lang::En) => severity.name(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use deskwarden_domain::model::DeliveryState;

    use super::*;

    pub(in crate::notify) fn delivery(subject: &str) -> Delivery {
        Delivery {
            id: 1,
            channel: "mail".to_owned(),
            alert: AlertRow {
                id: 12,
                kind: AlertKind::Opened,
                finding_id: 7,
                rule: "pc-3.2.4-chat".to_owned(),
                clause: "PC 3.2.4".to_owned(),
                severity: Severity::High,
                subject_name: subject.to_owned(),
                asset_id: Some(3),
                asset_number: Some("ZC-0007".to_owned()),
                asset_name: "desk-7".to_owned(),
                custodian: Some("张三".to_owned()),
                department: Some("财务部".to_owned()),
                first_seen: 1_764_000_000_000,
                at: 1_764_000_000_000,
                evidence: r#"{"version":"9.7"}"#.to_owned(),
            },
            attempts: 0,
            state: DeliveryState::Pending,
            last_error: None,
            due_at: 0,
            delivered_at: None,
        }
    }

    fn words() -> RuleWords {
        RuleWords {
            title: Text::new("聊天软件", "Chat software"),
            message: Text::new("{asset}装有{subject}。", "{subject} is on {asset}."),
            remedy: Text::new("请卸载。", "Please remove it."),
            section: None,
        }
    }

    #[test]
    fn a_chinese_alert_says_who_what_which_clause_and_since_when() {
        let style = Style {
            lang: Lang::Zh,
            public_url: Some("https://desk.example".to_owned()),
        };
        let message = compose(&delivery("QQ"), Some(&words()), &style);
        assert_eq!(
            message.subject,
            "[桌面巡检][高] 新发现：QQ（ZC-0007 desk-7，PC 3.2.4）"
        );
        for part in [
            "张三",
            "财务部",
            "聊天软件",
            "ZC-0007 desk-7装有QQ。",
            "请卸载。",
            "2025-11-25 00:00:00 北京时间",
            "https://desk.example/findings/7",
        ] {
            assert!(message.body.contains(part), "{part} in {}", message.body);
        }
        assert_eq!(message.idempotency_key, "mail:12");
    }

    #[test]
    fn an_english_alert_is_complete_too() {
        let message = compose(
            &delivery("QQ"),
            Some(&words()),
            &Style {
                lang: Lang::En,
                public_url: None,
            },
        );
        assert_eq!(
            message.subject,
            "[Deskwarden][high] new finding: QQ (ZC-0007 desk-7, PC 3.2.4)"
        );
        assert!(
            message.body.contains("Since: 2025-11-24 16:00:00 UTC"),
            "{}",
            message.body
        );
        assert!(message.body.is_ascii() || message.body.contains("张三"));
        assert!(!message.body.contains("Look:"));
    }

    #[test]
    fn a_hostile_program_name_stays_inside_its_line() {
        let hostile = "QQ\r\nBcc: all@evil.example\r\n\r\nhttp://evil.example \u{202e}";
        let message = compose(&delivery(hostile), None, &Style::default());
        assert!(!message.subject.contains(['\r', '\n']));
        assert!(
            !message.body.contains("\nBcc:") && !message.body.contains("://"),
            "{}",
            message.body
        );
        assert!(!message.json.to_string().contains("\\n"));
    }

    #[test]
    fn the_json_has_its_documented_fields() {
        let json = compose(&delivery("QQ"), Some(&words()), &Style::default()).json;
        assert_eq!(json["schema"], SCHEMA);
        assert_eq!(json["id"], "mail:12");
        assert_eq!(json["at"], "2025-11-24T16:00:00Z");
        assert_eq!(json["finding"]["subject_name"], "QQ");
        assert_eq!(json["asset"]["number"], "ZC-0007");
        assert_eq!(json["evidence"]["version"], "9.7");
    }
}
