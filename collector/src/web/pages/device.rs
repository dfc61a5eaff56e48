//! `GET /devices/{id}`: what one agent reported, in tabs: summary, a tab per section, the timeline.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use deskwarden_domain::{
    model::{FindingState, Outcome, OutcomeRow, SourceStatus},
    port::{DeviceDetail, FindingFilter, Paging},
};
use deskwarden_proto::{
    ids::DeviceId,
    section,
    v1::{Look, Section},
};

use super::{
    Asked,
    device_view::{
        ChangeLine, GapLine, OutcomeLine, Review, SectionView, SourceLine, change_lines, gap_line,
        outcome_line,
    },
    lines::{DeviceLine, FindingLine, Holder},
    pager::{Pager, window},
    render,
};
use crate::web::{
    error::WebError,
    facts,
    form::link,
    page::Page,
    state::WebState,
    text::{Agent, agent_text},
};

/// Items of a section on one page.
const ITEMS: u32 = 200;
/// Lines of the timeline on one page.
const CHANGES: u32 = 50;
/// Gaps that the timeline shows.
const GAPS: usize = 20;
/// Lines of the timeline on the summary.
const LATEST: usize = 8;
/// Rows that the lines of the summary are made of.
const LATEST_ROWS: u32 = 200;

#[derive(Template)]
#[template(path = "device.html")]
struct DevicePage {
    p: Page,
    device: DeviceLine,
    holder: Holder,
    model: Agent,
    serial: Agent,
    macs: Vec<Agent>,
    ledger: Vec<Agent>,
    tabs: Vec<Tab>,
    view: View,
}

struct Tab {
    label: String,
    address: String,
    active: bool,
    count: Option<u64>,
    /// Class of a mark: not everything could be looked at.
    blind: bool,
}

enum View {
    Summary {
        outcomes: Vec<OutcomeLine>,
        lines: Vec<FindingLine>,
        sources: Vec<SourceLine>,
        changes: Vec<ChangeLine>,
    },
    Section {
        view: SectionView,
        pager: Pager,
    },
    Timeline {
        changes: Vec<ChangeLine>,
        gaps: Vec<GapLine>,
        pager: Pager,
    },
}

/// The page.
pub(in crate::web) async fn page(
    State(state): State<WebState>,
    asked: Asked,
    Path(id): Path<String>,
) -> Result<Response, WebError> {
    let p = asked.page(&state, "/assets");
    let id: DeviceId = id.parse().map_err(|_| WebError::NotFound)?;
    let detail = state
        .ask(move |store| store.device_detail(id))
        .await?
        .ok_or(WebError::NotFound)?;
    asked.must_see(detail.asset.department.as_deref())?;
    asked.looks_at(&state, format!("device:{id}")).await?;
    let tab = asked.query.some("tab").unwrap_or("summary").to_owned();
    let number = asked.query.page();
    let view = match (tab.as_str(), section::by_name(&tab)) {
        (_, Some(section)) => section_view(&state, &p, &detail, section, number).await?,
        ("timeline", _) => timeline(&state, &p, &detail, number).await?,
        _ => summary(&state, &p, &detail).await?,
    };
    let texts = |values: &[String]| values.iter().take(32).map(|text| agent_text(text)).collect();
    let page = DevicePage {
        device: DeviceLine::new(&detail.device, p.lang()),
        holder: Holder::of(&detail.asset),
        model: agent_text(&detail.device.hints.model),
        serial: agent_text(&detail.device.hints.system_serial),
        macs: texts(&detail.device.hints.macs),
        ledger: detail
            .ledger
            .iter()
            .map(|entry| agent_text(&entry.address))
            .collect(),
        tabs: tabs(&p, &detail, &tab),
        view,
        p,
    };
    render(&page)
}

fn tabs(p: &Page, detail: &DeviceDetail, active: &str) -> Vec<Tab> {
    let base = format!("/devices/{}", detail.device.id);
    let mut tabs = vec![Tab {
        label: p.t("device.summary").to_owned(),
        address: base.clone(),
        active: active == "summary" || (active != "timeline" && section::by_name(active).is_none()),
        count: None,
        blind: false,
    }];
    for kind in section::ALL {
        let sources: Vec<&SourceStatus> = detail
            .sources
            .iter()
            .filter(|source| source.section == kind)
            .collect();
        let count = detail
            .counts
            .iter()
            .find(|(section, _)| *section == kind)
            .map(|(_, count)| *count);
        let name = section::name(kind);
        if sources.is_empty() && count.is_none() && active != name {
            continue;
        }
        tabs.push(Tab {
            label: facts::section_label(kind, p.lang()).to_owned(),
            address: link(&base, &[("tab", name)]),
            active: active == name,
            count: Some(count.unwrap_or(0)),
            blind: sources.iter().any(|source| could_not_look(source)),
        });
    }
    tabs.push(Tab {
        label: p.t("device.timeline").to_owned(),
        address: link(&base, &[("tab", "timeline")]),
        active: active == "timeline",
        count: None,
        blind: false,
    });
    tabs
}

/// Whether a source that exists on this system could not be read completely.
const fn could_not_look(source: &SourceStatus) -> bool {
    !matches!(source.look, Look::Looked | Look::Unsupported)
}

async fn summary(state: &WebState, p: &Page, detail: &DeviceDetail) -> Result<View, WebError> {
    let (asset, device) = (detail.asset.id, detail.device.id);
    let (findings, changes) = state
        .ask(move |store| {
            let states = FindingState::ACTIVE.to_vec();
            let filter = FindingFilter {
                asset: Some(asset),
                states,
                ..FindingFilter::default()
            };
            let findings = store.findings(&filter, Paging { offset: 0, limit: 50 })?;
            Ok((
                findings,
                store.changes(
                    device,
                    None,
                    Paging {
                        offset: 0,
                        limit: LATEST_ROWS,
                    },
                )?,
            ))
        })
        .await?;
    let rules = state.rules_now();
    let mut outcomes: Vec<&OutcomeRow> = detail.outcomes.iter().collect();
    outcomes.sort_by(|a, b| {
        severity_of(b)
            .cmp(&severity_of(a))
            .then_with(|| a.rule.cmp(&b.rule))
    });
    Ok(View::Summary {
        outcomes: outcomes
            .into_iter()
            .map(|row| outcome_line(row, &rules, p.lang()))
            .collect(),
        lines: findings
            .rows
            .iter()
            .map(|row| FindingLine::new(row, &rules, p.lang()))
            .collect(),
        sources: detail
            .sources
            .iter()
            .filter(|source| could_not_look(source))
            .map(|source| SourceLine::new(source, p.lang()))
            .collect(),
        changes: latest(change_lines(&changes.rows, &detail.sources, p.lang())),
    })
}

fn latest(mut lines: Vec<ChangeLine>) -> Vec<ChangeLine> {
    lines.truncate(LATEST);
    lines
}

/// Breaches first, then what could not be looked at.
const fn severity_of(row: &OutcomeRow) -> u8 {
    match row.outcome {
        Outcome::Fail => 2,
        Outcome::CouldNotLook => 1,
        Outcome::Pass => 0,
    }
}

async fn section_view(
    state: &WebState,
    p: &Page,
    detail: &DeviceDetail,
    section: Section,
    number: u64,
) -> Result<View, WebError> {
    let device = detail.device.id;
    let items = state
        .ask(move |store| store.items(device, section, window(number, ITEMS)))
        .await?;
    let parameters = [("tab", section::name(section))];
    let pager = Pager::new(
        &format!("/devices/{device}"),
        &parameters,
        number,
        ITEMS,
        items.rows.len(),
        items.total,
    );
    Ok(View::Section {
        view: SectionView::new(section, &detail.sources, &items.rows, p.lang()),
        pager,
    })
}

async fn timeline(state: &WebState, p: &Page, detail: &DeviceDetail, number: u64) -> Result<View, WebError> {
    let device = detail.device.id;
    let (changes, gaps) = state
        .ask(move |store| {
            Ok((
                store.changes(device, None, window(number, CHANGES))?,
                store.gaps(device, GAPS)?,
            ))
        })
        .await?;
    let path = format!("/devices/{device}");
    Ok(View::Timeline {
        changes: change_lines(&changes.rows, &detail.sources, p.lang()),
        gaps: gaps
            .iter()
            .map(|(at, section, records, reason)| gap_line(*at, *section, *records, reason, p.lang()))
            .collect(),
        pager: Pager::new(
            &path,
            &[("tab", "timeline")],
            number,
            CHANGES,
            changes.rows.len(),
            changes.total,
        ),
    })
}
