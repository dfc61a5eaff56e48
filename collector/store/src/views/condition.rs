//! How the store and what reports into it are: its size, the newest report, agents by version.

use deskwarden_domain::{
    model::Millis,
    port::{AgentCount, Condition, StoreResult},
};

use crate::{
    generation::generation,
    sql::{Cell, Connection, ConnectionExt as _, Dialect, unsigned},
};

/// Size, newest report, devices heard since then.
pub(super) fn condition(connection: &mut dyn Connection, since: Millis) -> StoreResult<Condition> {
    let size = match connection.dialect() {
        Dialect::Sqlite => {
            "SELECT c.page_count * s.page_size FROM pragma_page_count() c, pragma_page_size() s"
        }
        Dialect::Postgres => "SELECT pg_database_size(current_database())",
    };
    let heard = connection.row(
        "SELECT MAX(last_seen_at), SUM(CASE WHEN last_seen_at >= ?1 THEN 1 ELSE 0 END) FROM streams",
        &[Cell::Int(since)],
        |r| Ok((r.opt_int()?, r.opt_int()?)),
    )?;
    let (last_report_at, heard) = heard.unwrap_or_default();
    Ok(Condition {
        bytes: unsigned(connection.number(size, &[])?),
        last_report_at,
        heard: unsigned(heard.unwrap_or(0)),
        generation: generation(connection)?,
    })
}

/// Agents of current devices by version and system, most devices first.
pub(super) fn agents(connection: &mut dyn Connection, since: Millis) -> StoreResult<Vec<AgentCount>> {
    connection.rows(
        "SELECT d.agent_version, d.platform, COUNT(*),
           SUM(CASE WHEN s.last_seen_at >= ?1 THEN 1 ELSE 0 END),
           SUM(CASE WHEN s.last_seen_at >= ?1 OR s.goodbye_at IS NULL THEN 0 ELSE 1 END),
           MAX(s.last_seen_at)
         FROM devices d JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
         LEFT JOIN streams s ON s.device_id = d.id
         WHERE a.merged_into IS NULL AND d.status = 'active'
         GROUP BY d.agent_version, d.platform
         ORDER BY COUNT(*) DESC, d.agent_version DESC, d.platform",
        &[Cell::Int(since)],
        |r| {
            let (version, platform) = (r.string()?, r.string()?);
            let (devices, reporting, off) = (r.bits()?, r.bits()?, r.bits()?);
            Ok(AgentCount {
                version,
                platform,
                devices,
                reporting,
                off,
                silent: devices.saturating_sub(reporting).saturating_sub(off),
                last_seen_at: r.opt_int()?,
            })
        },
    )
}
