//! `GET /`: the numbers of the morning, what is open, what could not be looked at.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use askama::Template;
use axum::{extract::State, response::Response};
use deskwarden_domain::{
    model::{FindingState, Lang},
    port::{Attention, FindingFilter, Overview, Paging, RuleCount, SourceRow, Store},
    rules::RuleSet,
};

use deskwarden_proto::v1::Look;

use super::{
    Asked,
    compliance::{self, Back, ComplianceView},
    lines::{FindingLine, by_severity},
    render,
};
use crate::{
    observation,
    web::{
        badge::{self, Badge},
        chart::{Bar, Part, Ring},
        counts,
        error::WebError,
        facts,
        form::link,
        page::Page,
        rulewords,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// How long the page waits until the fleet is counted.
const WAIT: Duration = Duration::from_secs(2);
const FINDINGS: u32 = 12;
const BLIND: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    p: Page,
    numbers: Overview,
    attention: Attention,
    days: u64,
    /// `None`: it is being counted.
    compliance: Option<ComplianceView>,
    /// Days of observation that are left.
    observing: Option<u64>,
    coverage: Ring,
    flagged: Ring,
    severities: Bar,
    counts: Vec<(Badge, u64)>,
    active: u64,
    clauses: Vec<ClauseLine>,
    lines: Vec<FindingLine>,
    blind: Vec<BlindLine>,
}

struct ClauseLine {
    label: String,
    wording: String,
    address: String,
    findings: u64,
    bar: Bar,
}

struct BlindLine {
    section: &'static str,
    source: Agent,
    look: Badge,
    devices: u64,
}

/// The first page.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let p = asked.page(&state, "/");
    let (now, lang) = (p.now, p.lang());
    let configured = state.config.channels.observation;
    let sight = asked.sight();
    // Counts over all rules and sources know no departments.
    let limited = sight.is_limited();
    let back = Back::of(asked.query.some("days"));
    let (kept, everything) = (Arc::clone(&state.trend), Arc::clone(&state.store));
    let trend = state
        .ask(move |_| kept.get(&everything, now, WAIT, compliance::count))
        .await?;
    let counts = if limited {
        None
    } else {
        Some(state.counts().await?)
    };
    let morning = if limited {
        let (window, sight) = (state.reporting_window(), sight.clone());
        let count = move |store: &dyn Store| counts::morning(store, now, window, &sight);
        Arc::new(state.ask(count).await?)
    } else {
        state.morning().await?
    };
    let numbers = morning.numbers.clone();
    let (findings, observing) = state
        .ask(move |store| {
            let filter = FindingFilter {
                states: FindingState::ACTIVE.to_vec(),
                sight,
                ..FindingFilter::default()
            };
            Ok((
                store.findings(
                    &filter,
                    Paging {
                        offset: 0,
                        limit: FINDINGS,
                    },
                )?,
                observation::standing(store, configured, now)?.left,
            ))
        })
        .await?;
    let rules = state.rules_now();
    let severities = by_severity(&numbers.findings).map(|(severity, count)| Part {
        class: badge::severity_class(severity),
        count,
        words: p.severity(&severity).to_owned(),
    });
    let page = OverviewPage {
        attention: morning.attention,
        days: back.days() as u64,
        compliance: trend
            .map(|(trend, at)| ComplianceView::new(&trend, at, back, &asked.viewer.sight, &rules, &p)),
        observing,
        coverage: Ring {
            count: numbers.reporting,
            whole: numbers.assets,
            words: p.t("overview.coverage").to_owned(),
            class: "fill",
        },
        flagged: Ring {
            count: numbers.flagged,
            whole: numbers.assets,
            words: p.t("overview.flagged").to_owned(),
            class: "fill bad",
        },
        severities: Bar::full(severities.collect()),
        counts: by_severity(&numbers.findings)
            .map(|(s, n)| (badge::severity(s, lang), n))
            .collect(),
        active: numbers.findings.iter().sum(),
        clauses: by_clause(counts.as_ref().map_or(&[], |counts| &counts.rules), &rules, &p),
        lines: findings
            .rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, lang))
            .collect(),
        blind: counts
            .iter()
            .flat_map(|counts| &counts.blind)
            .filter(|row| row.look != Look::Unsupported)
            .take(BLIND)
            .map(|row| blind_line(row, lang))
            .collect(),
        numbers,
        p,
    };
    render(&page)
}

fn by_clause(counts: &[RuleCount], rules: &RuleSet, p: &Page) -> Vec<ClauseLine> {
    let mut sums: BTreeMap<String, [u64; 4]> = rulewords::clauses(rules)
        .into_iter()
        .map(|label| (label, [0; 4]))
        .collect();
    for count in counts {
        let Some(rule) = rulewords::find(rules, &count.rule) else {
            continue;
        };
        let sum = sums.entry(rule.clause_label()).or_default();
        let [findings, pass, fail, blind] = sum;
        *findings += count.findings;
        *pass += count.pass;
        *fail += count.fail;
        *blind += count.could_not_look;
    }
    let mut lines: Vec<ClauseLine> = sums
        .into_iter()
        .filter(|(_, [findings, pass, fail, blind])| findings + pass + fail + blind > 0)
        .map(|(label, [findings, pass, fail, blind])| ClauseLine {
            wording: rulewords::clause(rules, &label, p.lang())
                .map_or_else(String::new, |c| c.wording.to_owned()),
            address: link("/findings", &[("clause", &label)]),
            findings,
            bar: outcome_bar(pass, fail, blind, p),
            label,
        })
        .collect();
    lines.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.label.cmp(&b.label)));
    lines
}

/// A bar of the three outcomes.
pub(super) fn outcome_bar(pass: u64, fail: u64, blind: u64, p: &Page) -> Bar {
    let part = |class, count, name| Part {
        class,
        count,
        words: p.w("outcome", name).to_owned(),
    };
    Bar::full(vec![
        part("out-fail", fail, "fail"),
        part("out-blind", blind, "could_not_look"),
        part("out-pass", pass, "pass"),
    ])
}

fn blind_line(row: &SourceRow, lang: Lang) -> BlindLine {
    BlindLine {
        section: facts::section_label(row.section, lang),
        source: agent_text(&row.source),
        look: badge::look(row.look, lang),
        devices: row.devices,
    }
}
