//! `check`: a provider's PC is looked at once before it is used (OUT 16). It enrols with an admission token in memory,
//! sends one complete look, prints what the rules say, and leaves nothing behind.

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail};
use clap::Args;
use deskwarden_platform::host_hints;
use deskwarden_proto::v1::{AdmissionOutcome, AdmissionRule, AdmissionVerdict};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Language, TOKEN, collect::printable, language};
use crate::{
    admission, app,
    endpoint::Endpoint,
    identity::{Enrolment, Pin},
};

#[derive(Debug, Args)]
#[group(id = "admission_check")]
pub(super) struct Check {
    /// Address of the collector, https://host:port
    #[arg(long, value_name = "URL")]
    collector: Endpoint,
    /// Pin of the collector's root, sha256:...
    #[arg(long)]
    pin: Pin,
    /// Admission token: good for this check only, and for two hours. On a PC that others use at the same time give
    /// --token-file or `DESKWARDEN_TOKEN` instead.
    #[arg(long, conflicts_with = "token_file")]
    token: Option<String>,
    /// File with the admission token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Read the files of another system below this folder
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Every rule, not only those that did not pass
    #[arg(long)]
    all: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
    /// Language; by default the system's
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

pub(super) async fn run(check: Check, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let token = match (&check.token, &check.token_file, std::env::var(TOKEN)) {
        (Some(token), ..) => Zeroizing::new(token.trim().to_owned()),
        (None, Some(file), _) => app::read_token(file)?,
        (None, None, Ok(token)) if !token.trim().is_empty() => Zeroizing::new(token.trim().to_owned()),
        _ => bail!(
            "no token: give --token or --token-file, or set {TOKEN}; `deskwarden-collector admission token` makes one"
        ),
    };
    let root = app::root(check.root.as_deref());
    let lang = check.lang.unwrap_or_else(language);
    let tag = match lang {
        Language::Zh => "zh-CN",
        Language::En => "en",
    };
    let request = Enrolment::pinned(&check.collector, check.pin, token, host_hints(&root));
    let verdict = admission::check(request, &root, tag)
        .await
        .context("the check could not be made")?;
    if check.json {
        writeln!(out, "{:#}", to_json(&verdict))?;
    } else {
        table(&verdict, check.all, lang, out)?;
    }
    Ok(ExitCode::from(match verdict.outcome() {
        AdmissionOutcome::Pass => 0,
        AdmissionOutcome::Fail => 1,
        AdmissionOutcome::CouldNotLook | AdmissionOutcome::Unspecified => 2,
    }))
}

fn table(verdict: &AdmissionVerdict, all: bool, lang: Language, out: &mut impl Write) -> anyhow::Result<()> {
    let say = |zh: &'static str, en: &'static str| match lang {
        Language::Zh => zh,
        Language::En => en,
    };
    for rule in &verdict.rules {
        if rule.outcome() == AdmissionOutcome::Pass && !all {
            continue;
        }
        let word = match rule.outcome() {
            AdmissionOutcome::Pass => say("符合", "pass"),
            AdmissionOutcome::Fail => say("违反", "FAIL"),
            AdmissionOutcome::CouldNotLook | AdmissionOutcome::Unspecified => {
                say("无法检查", "could not look")
            }
        };
        writeln!(
            out,
            "[{word}] {} {}",
            printable(&rule.clause),
            printable(&rule.title)
        )?;
        for reason in &rule.reasons {
            writeln!(out, "    {}", printable(reason))?;
        }
        if !rule.remedy.is_empty() {
            writeln!(out, "    {} {}", say("整改：", "To do:"), printable(&rule.remedy))?;
        }
    }
    let count = |outcome| {
        verdict
            .rules
            .iter()
            .filter(|rule| rule.outcome() == outcome)
            .count()
    };
    let (passed, failed, blind) = (
        count(AdmissionOutcome::Pass),
        count(AdmissionOutcome::Fail),
        count(AdmissionOutcome::CouldNotLook),
    );
    let result = match verdict.outcome() {
        AdmissionOutcome::Pass => say("通过准入检查", "Admitted"),
        AdmissionOutcome::Fail => say("未通过准入检查", "Not admitted"),
        AdmissionOutcome::CouldNotLook | AdmissionOutcome::Unspecified => say(
            "无法确定：有规则未能检查，请以管理员身份重新运行",
            "Undecided: some rules could not look; run it again with the right to look",
        ),
    };
    let number = verdict.number;
    match lang {
        Language::Zh => writeln!(
            out,
            "{result}（记录 {number}）：符合 {passed}，违反 {failed}，无法检查 {blind}"
        )?,
        Language::En => writeln!(
            out,
            "{result} (record {number}): {passed} pass, {failed} fail, {blind} could not look"
        )?,
    }
    if !verdict.valid_until.is_empty() {
        let until = printable(&verdict.valid_until);
        writeln!(out, "{} {until}", say("有效期至", "Good until"))?;
    }
    Ok(())
}

fn to_json(verdict: &AdmissionVerdict) -> Value {
    let rules: Vec<Value> = verdict.rules.iter().map(rule_json).collect();
    json!({
        "outcome": name(verdict.outcome()),
        "number": verdict.number,
        "valid_until_ms": (verdict.valid_until_ms > 0).then_some(verdict.valid_until_ms),
        "rules": rules,
    })
}

fn rule_json(rule: &AdmissionRule) -> Value {
    json!({
        "rule": rule.rule, "clause": rule.clause, "title": rule.title, "outcome": name(rule.outcome()),
        "reasons": rule.reasons, "remedy": rule.remedy,
    })
}

const fn name(outcome: AdmissionOutcome) -> &'static str {
    match outcome {
        AdmissionOutcome::Pass => "pass",
        AdmissionOutcome::Fail => "fail",
        AdmissionOutcome::CouldNotLook | AdmissionOutcome::Unspecified => "could_not_look",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict() -> AdmissionVerdict {
        let rule = |title: &str, outcome: AdmissionOutcome, reason: &str| AdmissionRule {
            clause: "PC 3.2.4".into(),
            title: title.into(),
            outcome: outcome.into(),
            reasons: if reason.is_empty() {
                Vec::new()
            } else {
                vec![reason.into()]
            },
            remedy: if outcome == AdmissionOutcome::Fail {
                "remove it".into()
            } else {
                String::new()
            },
            ..AdmissionRule::default()
        };
        AdmissionVerdict {
            outcome: AdmissionOutcome::Fail.into(),
            number: 7,
            valid_until_ms: 0,
            valid_until: String::new(),
            rules: vec![
                rule("chat", AdmissionOutcome::Fail, "QQ\u{1b}[31m is installed"),
                rule("parts", AdmissionOutcome::CouldNotLook, "no permission"),
                rule("proxy", AdmissionOutcome::Pass, ""),
            ],
        }
    }

    #[test]
    fn what_did_not_pass_is_told_with_its_reason_and_nothing_obeys_a_terminal() {
        let mut out = Vec::new();
        table(&verdict(), false, Language::En, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("[FAIL] PC 3.2.4 chat\n    QQ\u{fffd}[31m is installed\n    To do: remove it\n")
        );
        assert!(text.contains("[could not look] PC 3.2.4 parts\n    no permission\n"));
        assert!(!text.contains("proxy") && !text.contains('\u{1b}'), "{text}");
        assert!(text.ends_with("Not admitted (record 7): 1 pass, 1 fail, 1 could not look\n"));
        let mut out = Vec::new();
        table(&verdict(), true, Language::Zh, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("[符合] PC 3.2.4 proxy") && text.contains("未通过准入检查（记录 7）"));
    }

    #[test]
    fn programs_read_the_same() {
        let value = to_json(&verdict());
        assert_eq!(value["outcome"], "fail");
        assert_eq!(value["rules"][1]["outcome"], "could_not_look");
        assert_eq!(value["valid_until_ms"], Value::Null);
    }
}
