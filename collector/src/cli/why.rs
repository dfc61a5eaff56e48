//! `rules explain`: why a finding stands, in one piece: the clause, the rule as it is written, what it needs and could
//! look at, what was seen where and since when, and what will end it.

use deskwarden_domain::{
    model::{Evidence, FindingId, Lang, OutcomeRow},
    port::FindingDetail,
    rules::{Need, Rule, RuleKind, choice, explain as facts},
};
use deskwarden_proto::{section, v1::Section};
use serde_json::{Value, json};

use crate::{clock::rfc3339, notify::clean, rules_dir::load_context};

use super::{CliError, out::Out, session::Session, terms};

pub(super) fn explain(id: i64, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let detail = session.store.finding(FindingId(id))?.ok_or_else(|| {
        CliError::Refused(format!(
            "there is no finding {id}; `finding list` shows all of them"
        ))
    })?;
    let context = load_context(session.store.as_ref())?;
    let finding = &detail.row.finding;
    let rule = context.rules.rule(&finding.key.rule);
    let outcome = match &detail.device {
        Some(device) => session.store.device_detail(device.id)?.and_then(|device| {
            device
                .outcomes
                .into_iter()
                .find(|row| row.rule == finding.key.rule)
        }),
        None => None,
    };
    if out.json {
        return Ok(out.value(&to_json(&detail, rule, outcome.as_ref()))?);
    }
    let mut lines = Lines {
        out,
        text: String::new(),
    };
    lines.head(&detail, rule);
    if let Some(rule) = rule {
        lines.of_rule(rule, outcome.as_ref());
    } else if finding.key.rule.starts_with("ops.") {
        lines.put(
            "采集端对自身的检查：原因消除后解除",
            "The collector's look at itself: it ends when its cause is gone",
        );
    } else {
        lines.put(
            "规则已不生效：下次判断时问题解除",
            "The rule is no longer in force: the next judging resolves the finding",
        );
    }
    for piece in &detail.evidence {
        lines.of_evidence(piece);
    }
    let text = lines.text;
    Ok(out.raw(&text)?)
}

struct Lines<'o, 'a> {
    out: &'o Out<'a>,
    text: String,
}

impl Lines<'_, '_> {
    fn put(&mut self, zh: &str, en: &str) {
        let line = self.out.say(zh, en);
        self.text.push_str(&clean(line));
        self.text.push('\n');
    }

    fn head(&mut self, detail: &FindingDetail, rule: Option<&Rule>) {
        let finding = &detail.row.finding;
        let holder = detail
            .row
            .asset
            .as_ref()
            .map_or_else(|| finding.key.holder.to_string(), |asset| asset.name.clone());
        let at = self.out.moment(finding.first_seen);
        let (zh, en) = terms::state(finding.state);
        let (clause, subject) = (
            &finding.clause,
            choice::subject(&finding.subject_name, self.out.lang),
        );
        self.put(
            &format!("{clause}  {holder}：{subject}（{zh}，自 {at}）"),
            &format!("{clause}  {holder}: {subject} ({en}, since {at})"),
        );
        if let Some(rule) = rule {
            let (zh, en) = (&rule.title.zh, &rule.title.en);
            let also: Vec<String> = rule
                .also
                .iter()
                .map(|(id, number)| format!("{id} {number}"))
                .collect();
            let also = also.join(", ");
            self.put(
                &format!("规则 {}：{zh}", rule.id),
                &format!("Rule {}: {en}", rule.id),
            );
            if !also.is_empty() {
                self.put(&format!("同时对应：{also}"), &format!("Also proves: {also}"));
            }
        }
    }

    fn of_rule(&mut self, rule: &Rule, outcome: Option<&OutcomeRow>) {
        for line in rule
            .text()
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
        {
            self.text.push_str("    ");
            self.text.push_str(&clean(line));
            self.text.push('\n');
        }
        let needs: Vec<String> = rule.needs.iter().map(need).collect();
        let needs = needs.join(", ");
        let (zh, en) = ends(rule.kind, &needs);
        self.put(&zh, &en);
        if let Some(row) = outcome {
            let ((zh, en), reason) = (terms::outcome(row.outcome), &row.reason);
            self.put(
                &format!("目前结果：{zh} {reason}"),
                &format!("Outcome now: {en} {reason}"),
            );
        }
    }

    fn of_evidence(&mut self, piece: &Evidence) {
        let seen: Value = serde_json::from_str(&piece.detail).unwrap_or_default();
        let kind = piece
            .item
            .as_ref()
            .map_or(Section::Unspecified, |item| item.section);
        let place = piece.item.as_ref().map_or_else(String::new, |item| {
            format!("{}/{} {}", section::name(item.section), item.source, item.key)
        });
        let at = self.out.moment(piece.since);
        let words = facts::words(kind, &seen, self.out.lang);
        let against = seen.get("against").and_then(Value::as_str).unwrap_or_default();
        let difference = seen.get("difference").map(Value::to_string).unwrap_or_default();
        self.put(
            &format!("证据（自 {at}）：{place}  {words}"),
            &format!("Evidence (since {at}): {place}  {words}"),
        );
        if !difference.is_empty() {
            let whom = match (self.out.lang, against) {
                (Lang::Zh, "ledger") => "IP 台账",
                (Lang::Zh, _) => "已认可的基线",
                (Lang::En, "ledger") => "the IP ledger",
                (Lang::En, _) => "the accepted baseline",
            };
            self.put(
                &format!("    与{whom}不同：{difference}"),
                &format!("    Differs from {whom}: {difference}"),
            );
        }
    }
}

/// What ends a finding of a rule, in both languages.
fn ends(kind: RuleKind, needs: &str) -> (String, String) {
    let (zh, en) = match kind {
        _ if !needs.is_empty() => {
            return (
                format!("完整查看过 {needs} 且不再有证据时解除"),
                format!("Ends when {needs} was looked at completely and shows it no more"),
            );
        }
        RuleKind::Cross { .. } => (
            "各设备的上报与登记不再相互矛盾时解除",
            "Ends when what devices report and what is registered no longer contradict each other",
        ),
        RuleKind::Register { .. } => (
            "登记的内容与电脑的实际情况一致时解除",
            "Ends when what is registered agrees with what the PC shows",
        ),
        _ => (
            "电脑本身不再符合规则的条件时解除",
            "Ends when the condition of the rule no longer holds of the PC itself",
        ),
    };
    (zh.to_owned(), en.to_owned())
}

fn need(need: &Need) -> String {
    match &need.source {
        Some(source) => format!("{}:{source}", section::name(need.section)),
        None => section::name(need.section).to_owned(),
    }
}

fn to_json(detail: &FindingDetail, rule: Option<&Rule>, outcome: Option<&OutcomeRow>) -> Value {
    let finding = &detail.row.finding;
    let evidence = detail.evidence.iter().map(|piece| {
        json!({
            "section": piece.item.as_ref().map(|item| section::name(item.section)),
            "source": piece.item.as_ref().map(|item| &item.source),
            "key": piece.item.as_ref().map(|item| &item.key),
            "since": rfc3339(piece.since),
            "detail": serde_json::from_str::<Value>(&piece.detail).unwrap_or(Value::Null),
        })
    });
    let rule = rule.map(|rule| {
        let also: Vec<String> = rule
            .also
            .iter()
            .map(|(id, number)| format!("{id} {number}"))
            .collect();
        json!({
            "id": rule.id, "kind": rule.kind.name(), "also": also, "text": rule.text(),
            "title": {"zh-CN": rule.title.zh, "en": rule.title.en},
            "needs": rule.needs.iter().map(need).collect::<Vec<_>>(), "grace_ms": rule.grace_ms,
        })
    });
    json!({
        "finding": detail.row.id.0, "clause": finding.clause, "severity": finding.severity.name(),
        "state": finding.state.name(), "subject": finding.key.subject, "subject_name": finding.subject_name,
        "asset": detail.row.asset.as_ref().map(|asset| &asset.name),
        "first_seen": rfc3339(finding.first_seen), "rule": rule,
        "outcome": outcome.map(|row| json!({"outcome": row.outcome.name(), "reason": row.reason})),
        "evidence": evidence.collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules_dir::BUILT_IN;
    use deskwarden_domain::rules::{RuleFile, RuleSet};

    #[test]
    fn every_shipped_rule_says_what_ends_its_findings() {
        let files: Vec<RuleFile<'_>> = BUILT_IN
            .iter()
            .map(|file| RuleFile {
                name: file.name,
                content: file.content,
            })
            .collect();
        let set = RuleSet::load(&files).unwrap();
        let mut without = 0;
        for rule in set.rules() {
            let needs: Vec<String> = rule.needs.iter().map(need).collect();
            without += usize::from(needs.is_empty());
            let (zh, en) = ends(rule.kind, &needs.join(", "));
            assert!(
                !zh.contains("  ") && !en.contains("  "),
                "{}: {zh} / {en}",
                rule.id
            );
            assert_eq!(en.contains("looked at"), !needs.is_empty(), "{}: {en}", rule.id);
        }
        assert!(without > 0);
    }
}
