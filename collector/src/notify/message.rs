//! What a delivery says: the values that templates are given, in two languages, and the stable JSON of webhooks,
//! syslog and logs. Everything that an agent can influence goes through [`super::words`] or the templates' escaping.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{AlertKind, AlertRow, Delivery, Lang, Millis, PackKind, Severity, Text},
    operations::Kind,
    rules::{Rule, Words, choice, explain, fill},
};
use deskwarden_proto::v1::Section;
use minijinja::{Value as Word, context};
use serde_json::{Value, json};

use crate::clock::{rfc3339, shown};

use super::{
    template::{About, Part, Templates},
    words::{clean, clean_json, inert},
};

/// Name of the JSON's schema; raised when a field changes its meaning.
pub const SCHEMA: &str = "deskwarden.alert/1";
/// Name of the schema of several alerts in one message.
pub const LIST_SCHEMA: &str = "deskwarden.alerts/1";
/// How deep evidence may nest.
const EVIDENCE_DEPTH: u8 = 6;
/// Alerts that a message for people names one by one.
const NAMED: usize = 20;
/// Causes and departments that it counts one by one.
const COUNTED: usize = 15;
/// Alerts that the JSON of several names one by one.
const LISTED: usize = 500;

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

impl RuleWords {
    /// The words of a condition of the collector itself, by what stands for its rule.
    pub fn of_condition(rule: &str) -> Option<Self> {
        let kind = Kind::by_rule(rule)?;
        Some(Self {
            title: kind.title_text(),
            message: Text::new("{detail}", "{detail}"),
            remedy: kind.remedy_text(),
            section: Some(Section::Unspecified),
        })
    }
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

/// An alert ready for a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same whenever this message is sent again.
    pub idempotency_key: String,
    /// When the last of its findings changed.
    pub at: Millis,
    /// What happened, in one word for programs: `opened`.
    pub event: String,
    /// How bad the worst of it is.
    pub severity: Severity,
    /// One line.
    pub subject: String,
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

/// Everything that composing needs beside the delivery.
pub struct Composer<'c> {
    /// Words of a rule in force.
    pub words: &'c dyn Fn(&str) -> Option<RuleWords>,
    /// Language and links.
    pub style: &'c Style,
    /// The words around.
    pub templates: &'c Templates,
}

impl Composer<'_> {
    /// Composes the message of a delivery.
    pub fn compose(&self, delivery: &Delivery) -> Message {
        match delivery.alerts.as_slice() {
            [alert] if delivery.kind != PackKind::Escalation => self.one(&delivery.key, alert),
            alerts => self.many(delivery, alerts),
        }
    }

    fn one(&self, key: &str, alert: &AlertRow) -> Message {
        let link = self.link(&format!("findings/{}", alert.finding_id));
        let mut values = self.values(alert);
        values.push(("link", linked(link.as_deref())));
        let mut message = self.words_of(About::Alert, &values.into_iter().collect());
        message.json = self.alert_json(key, alert, link.as_deref());
        message.json["text"] = json!(message.subject);
        message.idempotency_key = key.to_owned();
        message.at = alert.at;
        message.event = alert.kind.name().to_owned();
        message.severity = alert.severity;
        message.link = link;
        message
    }

    fn many(&self, delivery: &Delivery, alerts: &[AlertRow]) -> Message {
        let lang = self.style.lang;
        let link = self.link("findings");
        let severity = alerts
            .iter()
            .map(|alert| alert.severity)
            .max()
            .unwrap_or(Severity::Low);
        let since = alerts
            .iter()
            .map(|alert| alert.first_seen)
            .min()
            .unwrap_or_default();
        let at = alerts.iter().map(|alert| alert.at).max().unwrap_or_default();
        let (causes, departments) = (causes(alerts), departments(alerts));
        let shown_causes: Vec<Word> = causes
            .iter()
            .take(COUNTED)
            .map(|(alert, count)| {
                let title = self.title(alert);
                context! {
                    rule => title, clause => alert.clause, severity => severity_word(alert.severity, lang),
                    event => event_word(alert.kind, lang), count => count,
                }
            })
            .collect();
        let shown_departments: Vec<Word> = departments
            .iter()
            .take(COUNTED)
            .map(|(name, count)| context! { name => name, count => count })
            .collect();
        let mut worst: Vec<&AlertRow> = alerts.iter().collect();
        worst.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.id));
        let items: Vec<Word> = worst
            .into_iter()
            .take(NAMED)
            .map(|alert| self.values(alert).into_iter().collect())
            .collect();
        let more = |all: usize, shown: usize| all.saturating_sub(shown);
        let values = context! {
            title => list_word(delivery.kind, lang), kind => delivery.kind.name(), severity => severity_word(severity, lang),
            count => alerts.len(), since => shown(since, lang), at => shown(at, lang), link => linked(link.as_deref()),
            names => names(alerts, lang), more => more(alerts.len(), items.len()), more_causes => more(causes.len(), shown_causes.len()),
            more_departments => more(departments.len(), shown_departments.len()),
            causes => shown_causes, departments => shown_departments, items => items,
        };
        let mut message = self.words_of(About::List, &values);
        message.json = json!({
            "schema": LIST_SCHEMA,
            "id": delivery.key,
            "kind": delivery.kind.name(),
            "at": rfc3339(at),
            "severity": severity.name(),
            "count": alerts.len(),
            "causes": causes.iter().map(|(alert, count)| json!({
                "rule": clean(&alert.rule), "clause": clean(&alert.clause), "kind": alert.kind.name(),
                "severity": alert.severity.name(), "count": count,
            })).collect::<Vec<_>>(),
            "alerts": alerts.iter().take(LISTED).map(|alert| {
                let link = self.link(&format!("findings/{}", alert.finding_id));
                self.alert_json(&format!("{}:{}", delivery.channel, alert.id), alert, link.as_deref())
            }).collect::<Vec<_>>(),
            "more": more(alerts.len(), LISTED),
            "url": link,
            "text": message.subject,
        });
        message.idempotency_key = delivery.key.clone();
        message.at = at;
        message.event = delivery.kind.name().to_owned();
        message.severity = severity;
        message.link = link;
        message
    }

    fn words_of(&self, about: About, values: &Word) -> Message {
        let lang = self.style.lang;
        let part = |part| self.templates.render(lang, about, part, values);
        Message {
            idempotency_key: String::new(),
            at: 0,
            event: String::new(),
            severity: Severity::Low,
            subject: part(Part::Subject),
            body: part(Part::Text),
            markdown: part(Part::Markdown),
            link: None,
            link_word: match lang {
                Lang::Zh => "查看",
                Lang::En => "Look",
            },
            json: Value::Null,
        }
    }

    fn link(&self, path: &str) -> Option<String> {
        let url = self.style.public_url.as_ref()?;
        Some(format!("{url}/{path}"))
    }

    fn title(&self, alert: &AlertRow) -> String {
        said(alert, (self.words)(&alert.rule).as_ref(), self.style.lang).title
    }

    /// What templates are told of an alert.
    fn values(&self, alert: &AlertRow) -> Vec<(&'static str, Word)> {
        let lang = self.style.lang;
        let said = said(alert, (self.words)(&alert.rule).as_ref(), lang);
        let text = |text: &str| Word::from(clean(text));
        vec![
            ("kind", Word::from(alert.kind.name())),
            ("event", Word::from(event_word(alert.kind, lang))),
            ("subject", text(&choice::subject(&alert.subject_name, lang))),
            ("holder", Word::from(holder(alert))),
            ("custodian", text(alert.custodian.as_deref().unwrap_or_default())),
            (
                "department",
                text(alert.department.as_deref().unwrap_or_default()),
            ),
            ("clause", text(&alert.clause)),
            ("severity", Word::from(severity_word(alert.severity, lang))),
            ("rule", Word::from(said.title)),
            ("meaning", Word::from(said.message)),
            ("remedy", Word::from(said.remedy)),
            ("evidence", Word::from(said.detail)),
            ("since", Word::from(shown(alert.first_seen, lang))),
            ("at", Word::from(shown(alert.at, lang))),
        ]
    }

    fn alert_json(&self, id: &str, alert: &AlertRow, link: Option<&str>) -> Value {
        let words = (self.words)(&alert.rule);
        let evidence = serde_json::from_str(&alert.evidence).unwrap_or(Value::Null);
        let (zh, en) = (
            said(alert, words.as_ref(), Lang::Zh),
            said(alert, words.as_ref(), Lang::En),
        );
        json!({
            "schema": SCHEMA,
            "id": id,
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
        })
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
    // What is about the PC as a whole has no section, and may say it in a sentence.
    let section = words.and_then(|words| words.section).unwrap_or_default();
    let detail = inert(&explain::words(section, &evidence, lang));
    let (subject, asset) = (
        inert(&choice::subject(&alert.subject_name, lang)),
        inert(&holder(alert)),
    );
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

/// A link is the only thing in a message that stays one; empty where there is none.
fn linked(link: Option<&str>) -> Word {
    Word::from_safe_string(link.unwrap_or_default().to_owned())
}

/// How many alerts have which cause, the most first; each with one of them.
fn causes(alerts: &[AlertRow]) -> Vec<(&AlertRow, usize)> {
    let mut counts: BTreeMap<(&str, &str), (&AlertRow, usize)> = BTreeMap::new();
    for alert in alerts {
        counts
            .entry((&alert.rule, alert.kind.name()))
            .or_insert((alert, 0))
            .1 += 1;
    }
    let mut causes: Vec<_> = counts.into_values().collect();
    causes.sort_by_key(|(alert, count)| (std::cmp::Reverse(alert.severity), std::cmp::Reverse(*count)));
    causes
}

/// What the first of them are about, and a word when there are more.
fn names(alerts: &[AlertRow], lang: Lang) -> String {
    let mut names: Vec<String> = Vec::new();
    for alert in alerts {
        let name = clean(&choice::subject(&alert.subject_name, lang));
        if !names.contains(&name) {
            if names.len() == 3 {
                let (comma, more) = match lang {
                    Lang::Zh => ("、", "等"),
                    Lang::En => (", ", " and more"),
                };
                return names.join(comma) + more;
            }
            names.push(name);
        }
    }
    names.join(match lang {
        Lang::Zh => "、",
        Lang::En => ", ",
    })
}

fn departments(alerts: &[AlertRow]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for alert in alerts {
        *counts
            .entry(clean(alert.department.as_deref().unwrap_or_default()))
            .or_default() += 1;
    }
    let mut departments: Vec<_> = counts.into_iter().collect();
    departments.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    departments
}

/// Number and name of the asset, or whatever the holder is called.
fn holder(alert: &AlertRow) -> String {
    let name = clean(&alert.asset_name);
    match alert.asset_number.as_deref().map(clean) {
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

const fn list_word(kind: PackKind, lang: Lang) -> &'static str {
    match (kind, lang) {
        (PackKind::Single | PackKind::Group, Lang::Zh) => "同一原因",
        (PackKind::Single | PackKind::Group, Lang::En) => "one cause",
        (PackKind::Digest, Lang::Zh) => "告警汇总",
        (PackKind::Digest, Lang::En) => "digest",
        (PackKind::Escalation, Lang::Zh) => "逾期未确认",
        (PackKind::Escalation, Lang::En) => "nobody acknowledged",
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
pub(super) mod tests;
