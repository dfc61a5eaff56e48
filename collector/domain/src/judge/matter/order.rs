//! Whether a work order says why a PC is away (PC 3.1.3).

use super::{ASSET, Answer, Facts, Found};
use crate::{
    cross::Seen,
    judge::silent_from,
    model::{AssetState, Millis},
    moment::day_text,
};

/// Silent for `after` beyond what counts as silence, with no open order.
pub(super) fn gone(after: Millis, facts: Facts<'_>) -> Answer {
    let state = facts.state;
    if state.asset.state != AssetState::InUse {
        return Answer::default();
    }
    let Some(silent) = silent_from(&state.device, facts.down) else {
        return Answer::default();
    };
    let gone = facts.listened(silent, after);
    let mut answer = Answer::default();
    answer.again_at(gone, facts.now);
    if gone > facts.now {
        return answer;
    }
    let open = state
        .papers
        .orders
        .iter()
        .filter(|order| order.is_open(facts.now));
    if let Some(end) = open.map(|order| order.to).max() {
        answer.again_at(end.saturating_add(1), facts.now);
        return answer;
    }
    let day = state.device.last_seen_at.map_or_else(String::new, day_text);
    let seen = Seen::new(
        format!("自 {day} 起失联，且没有有效的维修工单"),
        format!("nothing was heard of it since {day}, and no work order is open"),
    );
    answer.found.push(Found {
        subject: ASSET.to_owned(),
        name: state.asset.name.clone(),
        seen: seen.with("since_day", day),
    });
    answer
}
