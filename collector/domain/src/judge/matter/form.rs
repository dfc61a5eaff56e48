//! Whether the form of a recorded transfer came (PC 3.3): a reminder before it is due, a finding after.

use super::{Answer, Facts, Found};
use crate::{cross::Seen, model::Millis, moment::day_text, register::Transfer};

/// The form is due within the rest of its time: `after` counts from the transfer.
pub(super) fn due(after: Millis, facts: Facts<'_>) -> Answer {
    open(
        facts,
        |transfer| (transfer.date.saturating_add(after), Some(transfer.due)),
        |transfer| {
            let (number, day) = (&transfer.number, day_text(transfer.due));
            Seen::new(
                format!("移交 {number} 的手续表单应在 {day} 前收到"),
                format!("the form of transfer {number} is due by {day}"),
            )
        },
    )
}

/// The form is overdue.
pub(super) fn overdue(facts: Facts<'_>) -> Answer {
    open(
        facts,
        |transfer| (transfer.due, None),
        |transfer| {
            let (number, day) = (&transfer.number, day_text(transfer.due));
            Seen::new(
                format!("移交 {number} 的手续表单应在 {day} 前收到，至今未收到"),
                format!("the form of transfer {number} was due by {day} and has not come"),
            )
        },
    )
}

/// Transfers without their form, from one moment to another.
fn open(
    facts: Facts<'_>,
    time: impl Fn(&Transfer) -> (Millis, Option<Millis>),
    seen: impl Fn(&Transfer) -> Seen,
) -> Answer {
    let mut answer = Answer::default();
    for transfer in &facts.state.papers.transfers {
        if transfer.received.is_some() {
            continue;
        }
        let (from, to) = time(transfer);
        answer.again_at(from, facts.now);
        if let Some(to) = to {
            answer.again_at(to, facts.now);
        }
        if from <= facts.now && to.is_none_or(|to| facts.now < to) {
            answer.found.push(Found {
                subject: transfer.number.clone(),
                name: transfer.number.clone(),
                seen: seen(transfer)
                    .with("from", transfer.from.as_str())
                    .with("to", transfer.to.as_str())
                    .with("transferred_at", day_text(transfer.date)),
            });
        }
    }
    answer
}
