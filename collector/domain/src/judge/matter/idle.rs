//! Whether the state in the register is that of the PC (PC 3.1.2.2, 3.1.5): in use and nobody uses it, or out of
//! use and it reports.

use deskwarden_proto::v1::Section;

use super::{ASSET, Answer, Facts, Found};
use crate::{
    cross::Seen,
    model::{AssetState, Millis},
    moment::{day_end, day_text},
};

/// In use by the register; no report, or no person, for `after`. Time in which nobody listened does not count.
pub(super) fn idle(after: Millis, facts: Facts<'_>) -> Answer {
    let state = facts.state;
    let ordered = state.papers.orders.iter().any(|order| order.is_open(facts.now));
    if state.asset.state != AssetState::InUse || ordered {
        return Answer::default();
    }
    let mut answer = Answer::default();
    let enrolled = state.device.enrolled_at.max(state.asset.state_since);
    let heard = state
        .device
        .last_seen_at
        .unwrap_or(enrolled)
        .max(state.asset.state_since);
    let quiet = facts.listened(heard, after);
    if quiet <= facts.now {
        let day = day_text(heard);
        let seen = Seen::new(
            format!("登记为在用，但自 {day} 起没有任何上报"),
            format!("in use by the register, but nothing was heard of it since {day}"),
        );
        answer
            .found
            .push(found(state.asset.name.clone(), seen.with("since_day", day)));
        return answer;
    }
    answer.again_at(quiet, facts.now);
    let last = facts.uses().into_iter().map(|one| one.day).max();
    let used = last.as_deref().and_then(day_end).unwrap_or(0).max(enrolled);
    let unused = facts.listened(used, after);
    match facts.unseen(Section::Logon) {
        Some(why) => answer.blind = Some(why),
        None if unused <= facts.now => {
            let day = last.unwrap_or_else(|| day_text(enrolled));
            let seen = Seen::new(
                format!("登记为在用，但自 {day} 起无人登录使用"),
                format!("in use by the register, but nobody signed in since {day}"),
            );
            answer
                .found
                .push(found(state.asset.name.clone(), seen.with("since_day", day)));
        }
        None => answer.again_at(unused, facts.now),
    }
    answer
}

/// It reports although it is idle, scrapped or lost by the register; `after` is the time to switch it off.
pub(super) fn reports_again(after: Millis, facts: Facts<'_>) -> Answer {
    let asset = &facts.state.asset;
    if matches!(asset.state, AssetState::InUse | AssetState::InRepair) {
        return Answer::default();
    }
    let Some(heard) = facts.state.device.last_seen_at else {
        return Answer::default();
    };
    let mut answer = Answer::default();
    let limit = asset.state_since.saturating_add(after);
    if heard > limit {
        let (zh, en) = match asset.state {
            AssetState::Scrapped => ("报废", "scrapped"),
            AssetState::Lost => ("遗失", "lost"),
            _ => ("闲置", "idle"),
        };
        let (since, day) = (day_text(asset.state_since), day_text(heard));
        let seen = Seen::new(
            format!("自 {since} 起登记为{zh}，但在 {day} 仍有上报"),
            format!("{en} by the register since {since}, but it reported on {day}"),
        )
        .with("state", asset.state.name())
        .with("since_day", since);
        answer.found.push(found(asset.name.clone(), seen));
    } else {
        // Whether it still speaks after its time; once it is gone, its return has it judged.
        answer.again_at(
            limit.saturating_add(super::super::silence::SILENT_AFTER),
            facts.now,
        );
    }
    answer
}

fn found(name: String, seen: Seen) -> Found {
    Found {
        subject: ASSET.to_owned(),
        name,
        seen,
    }
}
