//! A provider's device judged once, as a PC of the fleet would be, without becoming one: what each rule says, for
//! a person to read. Pure.

use deskwarden_proto::{
    decode::{ItemPut, SourceReport},
    v1::HostHints,
};

use crate::{
    advance,
    judge::{Context, Memo},
    model::{
        Admission, Asset, AssetClass, Checked, Device, DeviceStatus, Evidence, Lang, Millis, Outcome,
        RuleVerdict, SourceStatus, StoredItem, Text,
    },
    offline,
    rules::{self, Rule, RuleKind, Words, explain},
};

/// Reasons that are told of one rule.
const REASONS: usize = 20;

/// What a complete look says under the rules in force, which give it no grace: there is no second look. The device counts
/// as registered, with its provider: that nobody expects it is no news, it is being admitted. `portable`: it has a battery.
pub fn judge(
    admission: &Admission,
    portable: bool,
    sources: Vec<SourceReport>,
    items: Vec<ItemPut>,
    context: &Context,
    now: Millis,
) -> Checked {
    let asset = Asset {
        number: Some(admission.hostname.clone()),
        created_at: now,
        class: AssetClass::Outsourced,
        provider: Some(admission.provider.clone()),
        ..Asset::named(&admission.hostname)
    };
    let device = Device {
        id: admission.device,
        asset: asset.id,
        status: DeviceStatus::Active,
        current: true,
        platform: admission.platform.clone(),
        agent_version: admission.agent_version.clone(),
        hints: HostHints {
            hostname: admission.hostname.clone(),
            system_serial: admission.serial.clone(),
            model: admission.model.clone(),
            portable,
            ..HostHints::default()
        },
        key_hash: [0; 32],
        enrolled_at: now,
        last_seen_at: Some(now),
        goodbye_at: None,
        certificate_ends_at: None,
        forked_at: None,
    };
    let mut state = offline::blank(device, asset);
    state.sources = sources
        .into_iter()
        .map(|report| SourceStatus {
            section: report.section,
            source: report.source,
            look: report.look,
            reason: report.reason,
            since: now,
            first_looked_at: None,
        })
        .collect();
    state.items = items
        .into_iter()
        .map(|put| {
            let item = StoredItem {
                id: put.id.clone(),
                facet: put.facet,
                facet_hash: put.facet_hash,
                local: put.local,
                digest: put.digest,
                first_seen: now,
                changed_at: now,
            };
            (put.id, item)
        })
        .collect();
    offline::count_items(&mut state);
    advance::rejudge(&mut state, &context.at_once(), &mut Memo::default(), now);
    let mut verdicts: Vec<RuleVerdict> = context
        .rules
        .rules()
        .iter()
        .filter(|rule| is_about_a_look(rule.kind))
        .filter_map(|rule| {
            let row = state.outcomes.iter().find(|row| row.rule == rule.id)?;
            let pieces: Vec<&Evidence> = state.evidence.iter().filter(|e| e.rule == rule.id).collect();
            Some(verdict(
                rule,
                row.outcome,
                &row.reason,
                &pieces,
                &admission.hostname,
            ))
        })
        .collect();
    let rank = |outcome| match outcome {
        Outcome::Fail => 0,
        Outcome::CouldNotLook => 1,
        Outcome::Pass => 2,
    };
    verdicts
        .sort_by(|a, b| (rank(a.outcome), &a.clause, &a.rule).cmp(&(rank(b.outcome), &b.clause, &b.rule)));
    let worst = verdicts
        .first()
        .map_or(Outcome::CouldNotLook, |first| first.outcome);
    Checked {
        at: now,
        outcome: worst,
        rules: verdicts,
        valid_until: (worst == Outcome::Pass)
            .then(|| now.saturating_add(Millis::from(admission.good_days) * 86_400_000)),
    }
}

/// Whether a single look at a PC that is none of ours can answer it: what it was before, what others have and what our
/// register says of it is nothing that could be looked at.
const fn is_about_a_look(kind: RuleKind) -> bool {
    !matches!(
        kind,
        RuleKind::Cross { .. } | RuleKind::Changed | RuleKind::Register { .. }
    )
}

fn verdict(rule: &Rule, outcome: Outcome, reason: &str, pieces: &[&Evidence], asset: &str) -> RuleVerdict {
    let mut reasons = Vec::new();
    match outcome {
        Outcome::Pass => {}
        Outcome::CouldNotLook => reasons.push(Text::new(reason, reason)),
        Outcome::Fail => {
            for piece in pieces.iter().take(REASONS) {
                let reason = said(rule, piece, asset);
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
            if reasons.is_empty() {
                reasons.push(filled(&rule.message, asset, asset, &Text::new("—", "—")));
            }
        }
    }
    let remedy = match outcome {
        Outcome::Fail => {
            let subject = pieces.first().map_or(asset, |piece| piece.subject_name.as_str());
            filled(&rule.remedy, subject, asset, &Text::default())
        }
        _ => Text::default(),
    };
    RuleVerdict {
        rule: rule.id.clone(),
        clause: rule.clause_label(),
        title: rule.title.clone(),
        outcome,
        reasons,
        remedy,
    }
}

fn said(rule: &Rule, piece: &Evidence, asset: &str) -> Text {
    let seen = serde_json::from_str(&piece.detail).unwrap_or_default();
    let section = piece
        .item
        .as_ref()
        .map_or(deskwarden_proto::v1::Section::Unspecified, |item| item.section);
    let detail = Text::new(
        explain::words(section, &seen, Lang::Zh),
        explain::words(section, &seen, Lang::En),
    );
    filled(&rule.message, &piece.subject_name, asset, &detail)
}

fn filled(text: &Text, subject: &str, asset: &str, detail: &Text) -> Text {
    let say = |lang| {
        let words = Words {
            subject,
            asset,
            detail: detail.get(lang),
        };
        rules::fill(text, lang, words)
    };
    Text::new(say(Lang::Zh), say(Lang::En))
}
