//! What a hello gets: the same position, a new epoch, or a gap. Pure: loaded state and the hello come in,
//! the decision and its operations go out.
//!
//! | the agent says | the store has | so |
//! |---|---|---|
//! | epoch 0 | nothing applied | it begins |
//! | epoch 0 | records applied | its outbox is gone: a new epoch, no fork |
//! | an older epoch | nothing applied in the newer one | the welcome was lost: the same again |
//! | an older epoch | records applied in the newer one | two hold one identity: a fork |
//! | a newer epoch | | the store was restored: a new epoch, a recorded gap |
//! | a token that is wrong or was replaced | | a fork |
//! | fewer records enqueued than are applied | | a disk was restored: a fork |
//! | fewer records acknowledged than are applied | | it goes on with the last of these once more: other content under its number is a fork |
//! | more records acknowledged than are applied | | the store was restored: it goes on there, a recorded gap |

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AssetClass, AssetState, AuditEntry, Millis, Position},
    port::{DeviceState, Op},
};
use deskwarden_proto::v1::{self, Gap, Section};

/// Where a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Epoch that the records must name.
    pub epoch: u64,
    /// Sequence that is expected next.
    pub next_sequence: u64,
    /// Token of everything that is applied.
    pub resume_token: [u8; 16],
    /// Sections whose content differs, to be sent whole.
    pub resync: Vec<Section>,
    /// Whether records are missing that somebody once had.
    pub recorded_gap: bool,
    /// Whether two seem to hold this identity.
    pub forked: bool,
}

/// Why a position starts anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anew {
    /// A restored disk or a clone.
    Fork,
    /// The agent lost its outbox, and says so or shows it.
    Lost,
    /// The store was restored from a backup.
    Restored,
}

/// Decides on a hello and updates the state. `resume_key` is random and used for a new epoch only.
pub(super) fn open(
    state: &mut DeviceState,
    hello: &v1::Hello,
    resume_key: [u8; 32],
    now: Millis,
    ops: &mut Vec<Op>,
) -> Opened {
    describe(state, hello, ops);
    returned(state, now, ops);
    let position = &state.position;
    let verdict = judge(position, hello);
    let (mut recorded_gap, mut forked) = (false, false);
    let compare = match verdict {
        // Records between the agent's last acknowledgement and the store's position were applied: the
        // digests are of a state before them.
        Verdict::Continue if hello.epoch == position.epoch => hello.acknowledged == position.applied(),
        Verdict::Continue => true,
        Verdict::Skip => {
            recorded_gap = true;
            let missing = hello.acknowledged.saturating_sub(position.applied());
            gaps(
                state,
                missing,
                "the collector's store was restored from an older backup",
                now,
                ops,
            );
            state.position.next_sequence = hello.acknowledged.saturating_add(1);
            state.position.last_payload_hash = None;
            moved(state, ops);
            true
        }
        Verdict::Anew(why) => {
            recorded_gap = true;
            forked = why == Anew::Fork;
            anew(state, why, hello.epoch, resume_key, now, ops);
            true
        }
    };
    if verdict == Verdict::Continue && hello.epoch == state.position.epoch {
        let floor = state.position.resume_floor.max(hello.acknowledged);
        if floor != state.position.resume_floor {
            state.position.resume_floor = floor;
            moved(state, ops);
        }
    }
    // A disk that was set back may have numbered other content anew by now. So the last record that the agent
    // does not know to be applied is asked for again: its hash tells a resend from a fork.
    let unproven = verdict == Verdict::Continue
        && hello.epoch == state.position.epoch
        && hello.acknowledged < state.position.applied();
    Opened {
        epoch: state.position.epoch,
        next_sequence: state.position.next_sequence - u64::from(unproven),
        resume_token: state
            .position
            .resume_token(state.position.applied() - u64::from(unproven)),
        resync: if compare {
            differing(state, hello)
        } else {
            Vec::new()
        },
        recorded_gap,
        forked,
    }
}

/// After so long without a word a device was away, whether it said goodbye or not.
const AWAY: Millis = 25 * 60_000;

/// A device that was away may find its address or its parts with somebody else.
fn returned(state: &DeviceState, now: Millis, ops: &mut Vec<Op>) {
    let device = state.device.id;
    let seen = state.device.last_seen_at;
    let away = seen.is_none_or(|at| at < now.saturating_sub(AWAY));
    if !away && state.device.goodbye_at.is_none() {
        return;
    }
    ops.push(Op::Seen {
        device,
        at: now,
        goodbye: false,
    });
    if state.asset.state != AssetState::InUse || state.asset.class == AssetClass::Outsourced {
        // Whether it may be here at all is for the register to say.
        ops.push(Op::Due {
            asset: state.asset.id,
        });
    }
    if seen.is_some() {
        ops.push(Op::Returned { device });
    }
}

/// Looks at a hello while another installation of the device is here, and changes nothing. The answer says
/// nothing that the agent does not know, above all no token: it cannot go on as this device.
pub(super) fn look(state: &DeviceState, hello: &v1::Hello) -> Opened {
    Opened {
        epoch: hello.epoch,
        next_sequence: hello.acknowledged.saturating_add(1),
        resume_token: [0; 16],
        resync: Vec::new(),
        recorded_gap: false,
        forked: judge(&state.position, hello) == Verdict::Anew(Anew::Fork),
    }
}

/// A copy came while the first installation is here and answers: that is written down, and the stream stays
/// with the one that is here.
pub(super) fn beside(state: &DeviceState, hello: &v1::Hello, now: Millis, ops: &mut Vec<Op>) -> Opened {
    ops.push(Op::Audit(AuditEntry {
        at: now,
        actor: PRODUCT.to_owned(),
        action: "device.fork".to_owned(),
        object: format!("device:{}", state.device.id),
        detail:
            "a second installation came while the first is here: it is told to become a device of its own"
                .to_owned(),
    }));
    mark(state, now, ops);
    Opened {
        forked: true,
        ..look(state, hello)
    }
}

/// Remembers the fork, and has the asset judged over it.
fn mark(state: &DeviceState, now: Millis, ops: &mut Vec<Op>) {
    ops.push(Op::Forked {
        device: state.device.id,
        at: Some(now),
    });
    ops.push(Op::Due {
        asset: state.asset.id,
    });
}

/// Starts a new epoch above both sides' epochs. One that nobody used yet is kept.
pub(super) fn anew(
    state: &mut DeviceState,
    why: Anew,
    agents_epoch: u64,
    resume_key: [u8; 32],
    now: Millis,
    ops: &mut Vec<Op>,
) {
    if state.position.next_sequence == 1 && state.position.epoch > agents_epoch {
        return;
    }
    let reason = match why {
        Anew::Fork => "restored or cloned: two outboxes speak for this device",
        Anew::Lost => "the agent lost its outbox",
        Anew::Restored => "the collector's store was restored from an older backup",
    };
    gaps(state, 0, reason, now, ops);
    if why == Anew::Fork {
        mark(state, now, ops);
    }
    let epoch = state.position.epoch.max(agents_epoch).saturating_add(1);
    state.position = Position::start(epoch, resume_key);
    moved(state, ops);
    ops.push(Op::Audit(AuditEntry {
        at: now,
        actor: PRODUCT.to_owned(),
        action: match why {
            Anew::Fork => "device.fork",
            Anew::Lost | Anew::Restored => "device.new_epoch",
        }
        .to_owned(),
        object: format!("device:{}", state.device.id),
        detail: format!("epoch {epoch}: {reason}"),
    }));
}

/// Sections with content here.
pub(super) fn stored_sections(state: &DeviceState) -> Vec<Section> {
    state.sums.iter().map(|(section, _, _)| *section).collect()
}

/// Records a gap in every section with content: the timeline shows it where somebody looks.
pub(super) fn gaps(state: &DeviceState, records: u64, reason: &str, now: Millis, ops: &mut Vec<Op>) {
    for section in stored_sections(state) {
        let gap = Gap {
            section: section.into(),
            records,
            reason: reason.to_owned(),
            from_ms: 0,
            to_ms: now,
        };
        ops.push(Op::Gap {
            device: state.device.id,
            gap,
            at: now,
        });
    }
}

/// The position as it stands now.
pub(super) fn moved(state: &DeviceState, ops: &mut Vec<Op>) {
    ops.push(Op::Position {
        device: state.device.id,
        position: state.position.clone(),
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Continue,
    Skip,
    Anew(Anew),
}

fn judge(position: &Position, hello: &v1::Hello) -> Verdict {
    if hello.epoch == 0 {
        return if position.next_sequence == 1 {
            Verdict::Continue
        } else {
            Verdict::Anew(Anew::Lost)
        };
    }
    if hello.epoch > position.epoch {
        return Verdict::Anew(Anew::Restored);
    }
    if hello.epoch < position.epoch {
        return if position.next_sequence == 1 {
            Verdict::Continue
        } else {
            Verdict::Anew(Anew::Fork)
        };
    }
    let fresh = hello.acknowledged >= position.resume_floor;
    // Hashes compare in constant time.
    let expected = blake3::hash(&position.resume_token(hello.acknowledged));
    let proven = expected == blake3::hash(&hello.resume_token);
    if !fresh || !proven || hello.enqueued.max(hello.acknowledged) < position.applied() {
        return Verdict::Anew(Anew::Fork);
    }
    if hello.acknowledged > position.applied() {
        Verdict::Skip
    } else {
        Verdict::Continue
    }
}

fn differing(state: &DeviceState, hello: &v1::Hello) -> Vec<Section> {
    let told = |section: Section| {
        let digest = hello.digests.iter().find(|d| d.section == i32::from(section))?;
        Some(u128::from_le_bytes(digest.digest.as_slice().try_into().ok()?))
    };
    deskwarden_proto::section::ALL
        .into_iter()
        .filter(|section| {
            let stored = state
                .sums
                .iter()
                .find(|(s, _, _)| s == section)
                .map(|(_, digest, _)| *digest);
            told(*section).unwrap_or(0) != stored.unwrap_or(0)
        })
        .collect()
}

fn describe(state: &DeviceState, hello: &v1::Hello, ops: &mut Vec<Op>) {
    let hints = hello.hints.clone().unwrap_or_else(|| state.device.hints.clone());
    let known = &state.device;
    if known.agent_version == hello.agent_version && known.platform == hello.platform && known.hints == hints
    {
        return;
    }
    ops.push(Op::Hello {
        device: known.id,
        agent_version: hello.agent_version.clone(),
        platform: hello.platform.clone(),
        hints,
    });
}
