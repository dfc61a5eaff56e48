//! Rows of findings and assets as several pages show them: every text already through its door.

use deskwarden_domain::{
    model::{Asset, Device, Lang, Millis, Severity},
    port::{AssetRow, FindingRow},
    rules::{RuleSet, choice},
};

use crate::web::{
    badge::{self, Badge},
    rulewords,
    text::{Agent, agent_text},
};

/// A finding in a list.
pub(in crate::web) struct FindingLine {
    pub(in crate::web) id: i64,
    pub(in crate::web) severity: Badge,
    pub(in crate::web) state: Badge,
    pub(in crate::web) active: bool,
    pub(in crate::web) subject: Agent,
    pub(in crate::web) rule: String,
    pub(in crate::web) clause: String,
    pub(in crate::web) holder: Holder,
    pub(in crate::web) opened_at: Millis,
    pub(in crate::web) reopened: u64,
}

impl FindingLine {
    pub(in crate::web) fn new(row: &FindingRow, rules: &RuleSet, lang: Lang) -> Self {
        let finding = &row.finding;
        Self {
            id: row.id.0,
            severity: badge::severity(finding.severity, lang),
            state: badge::state(finding.state, lang),
            active: finding.state.is_active(),
            subject: agent_text(&choice::subject(&finding.subject_name, lang)),
            rule: rulewords::title(rules, &finding.key.rule, lang).to_owned(),
            clause: finding.clause.clone(),
            holder: Holder::new(row),
            opened_at: finding.opened_at,
            reopened: u64::from(finding.reopened),
        }
    }
}

/// Whose finding it is.
pub(in crate::web) struct Holder {
    /// Row id of the asset, when it is one.
    pub(in crate::web) asset: Option<i64>,
    /// Name of the asset, or what the holder is.
    pub(in crate::web) name: Agent,
    pub(in crate::web) number: Agent,
    pub(in crate::web) custodian: Agent,
    pub(in crate::web) department: Agent,
}

impl Holder {
    fn new(row: &FindingRow) -> Self {
        match &row.asset {
            Some(asset) => Self::of(asset),
            None => Self {
                asset: None,
                name: agent_text(&row.finding.key.holder.to_string()),
                number: Agent::default(),
                custodian: Agent::default(),
                department: Agent::default(),
            },
        }
    }

    /// The asset as a holder.
    pub(in crate::web) fn of(asset: &Asset) -> Self {
        let text = |value: &Option<String>| agent_text(value.as_deref().unwrap_or_default());
        Self {
            asset: Some(asset.id.0),
            name: agent_text(&asset.name),
            number: text(&asset.number),
            custodian: text(&asset.custodian),
            department: text(&asset.department),
        }
    }
}

/// An asset in a list.
pub(in crate::web) struct AssetLine {
    pub(in crate::web) holder: Holder,
    pub(in crate::web) registered: bool,
    pub(in crate::web) state: &'static str,
    pub(in crate::web) platform: Agent,
    pub(in crate::web) addresses: Vec<Agent>,
    pub(in crate::web) last_seen_at: Option<Millis>,
    pub(in crate::web) findings: Vec<(Badge, u64)>,
}

impl AssetLine {
    pub(in crate::web) fn new(row: &AssetRow, lang: Lang) -> Self {
        Self {
            holder: Holder::of(&row.asset),
            registered: row.asset.number.is_some(),
            state: row.asset.state.name(),
            platform: agent_text(row.device.as_ref().map_or("", |device| device.platform.as_str())),
            addresses: row.addresses.iter().map(|text| agent_text(text)).collect(),
            last_seen_at: row.device.as_ref().and_then(|device| device.last_seen_at),
            findings: by_severity(&row.findings)
                .map(|(severity, n)| (badge::severity(severity, lang), n))
                .collect(),
        }
    }
}

/// Counts by severity, worst first, without the empty ones.
pub(in crate::web) fn by_severity(counts: &[u64; 4]) -> impl Iterator<Item = (Severity, u64)> {
    let [low, medium, high, critical] = *counts;
    [
        (Severity::Critical, critical),
        (Severity::High, high),
        (Severity::Medium, medium),
        (Severity::Low, low),
    ]
    .into_iter()
    .filter(|(_, count)| *count > 0)
}

/// A device in a list.
pub(in crate::web) struct DeviceLine {
    pub(in crate::web) id: String,
    pub(in crate::web) current: bool,
    pub(in crate::web) status: Badge,
    pub(in crate::web) hostname: Agent,
    pub(in crate::web) platform: Agent,
    pub(in crate::web) agent_version: Agent,
    pub(in crate::web) enrolled_at: Millis,
    pub(in crate::web) last_seen_at: Option<Millis>,
    pub(in crate::web) goodbye: bool,
    pub(in crate::web) certificate_ends_at: Option<Millis>,
}

impl DeviceLine {
    pub(in crate::web) fn new(device: &Device, lang: Lang) -> Self {
        Self {
            id: device.id.to_string(),
            current: device.current,
            status: badge::device(device.status, lang),
            hostname: agent_text(&device.hints.hostname),
            platform: agent_text(&device.platform),
            agent_version: agent_text(&device.agent_version),
            enrolled_at: device.enrolled_at,
            last_seen_at: device.last_seen_at,
            goodbye: device.goodbye_at.is_some(),
            certificate_ends_at: device.certificate_ends_at,
        }
    }
}
