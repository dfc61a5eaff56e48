//! `[agents]`: the port of the agents, and how many of them may come from one address.

use super::{AGENTS_PORT, Check, Listener, Reach, listener, operations::within, raw};
use crate::net::Limits;

/// Fewer than a small office behind one address has would be a trap.
const FEWEST: u32 = 16;

pub(super) fn convert(raw: raw::Agents, reach: Reach, check: &mut Check<'_>) -> (Listener, Limits) {
    let usual = Limits::default();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let per_peer = within(
        raw.connections_per_address,
        "agents.connections_per_address",
        FEWEST..=number(usual.connections),
        number(usual.per_peer),
        check,
    );
    let limits = Limits {
        per_peer: usize::try_from(per_peer).unwrap_or(usual.per_peer),
        ..usual
    };
    let both = raw::Listener {
        listen: raw.listen,
        names: raw.names,
    };
    (listener(both, "agents", AGENTS_PORT, reach, check), limits)
}
