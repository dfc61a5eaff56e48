//! Assets that must be judged again: marking them, and finding them.

use deskwarden_domain::{model::Millis, port::StoreResult};
use deskwarden_proto::ids::DeviceId;

use crate::{
    generation::generation,
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

/// The asset must be judged again at once, by whoever loads it from now on.
pub(crate) fn make_due(connection: &mut dyn Connection, asset: i64, at: i64) -> StoreResult<()> {
    connection.execute(
        "UPDATE assets SET version = version + 1, wake_at = ?2 WHERE id = ?1",
        &[Cell::Int(asset), Cell::Int(at)],
    )?;
    Ok(())
}

/// What was due first comes first; then what was judged under the oldest rules.
pub(crate) fn due(connection: &mut dyn Connection, now: Millis, limit: usize) -> StoreResult<Vec<DeviceId>> {
    const FROM: &str = "SELECT d.uid FROM assets a JOIN devices d ON d.id = a.current_device \
         WHERE a.current_device IS NOT NULL AND d.status <> 'pending'";
    let generation = generation(connection)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let id = |r: &mut Reader<'_>| r.array().map(DeviceId::from_random);
    let mut due = connection.rows(
        &format!("{FROM} AND a.wake_at <= ?1 ORDER BY a.wake_at, a.id LIMIT ?2"),
        &[Cell::Int(now), Cell::Int(limit)],
        id,
    )?;
    let left = limit.saturating_sub(i64::try_from(due.len()).unwrap_or(i64::MAX));
    if left > 0 {
        // Those above are not repeated.
        due.extend(connection.rows(
            &format!(
                "{FROM} AND a.judged_generation < ?1 AND (a.wake_at IS NULL OR a.wake_at > ?2) \
                 ORDER BY a.judged_generation, a.id LIMIT ?3"
            ),
            &[Cell::Int(generation), Cell::Int(now), Cell::Int(left)],
            id,
        )?);
    }
    Ok(due)
}
