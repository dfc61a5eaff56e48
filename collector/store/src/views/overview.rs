//! Numbers over all devices.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Millis, Outcome},
    port::{Overview, RuleCount, SourceRow, StoreResult},
};

use crate::sql::{Cell, Connection, ConnectionExt as _, Reader};

use super::unsigned;

/// The first page.
pub(super) fn overview(connection: &mut dyn Connection, since: Millis) -> StoreResult<Overview> {
    let mut counted = |sql: &str, params: &[Cell<'_>]| connection.number(sql, params).map(unsigned);
    let since = [Cell::Int(since)];
    let mut overview = Overview {
        assets: counted("SELECT COUNT(*) FROM assets WHERE merged_into IS NULL", &[])?,
        registered: counted("SELECT COUNT(*) FROM assets WHERE number IS NOT NULL", &[])?,
        reporting: counted(
            "SELECT COUNT(*) FROM assets a JOIN streams s ON s.device_id = a.current_device WHERE s.last_seen_at >= ?1",
            &since,
        )?,
        flagged: counted("SELECT COUNT(*) FROM assets WHERE flagged = 1", &[])?,
        findings: [0; 4],
        opened_recently: counted("SELECT COUNT(*) FROM findings WHERE opened_at >= ?1", &since)?,
        pending_devices: counted(
            "SELECT COUNT(*) FROM devices WHERE status <> 'active' AND status = 'pending'",
            &[],
        )?,
        dead_deliveries: counted("SELECT COUNT(*) FROM messages WHERE state = 'dead'", &[])?,
    };
    connection.query(
        "SELECT severity, COUNT(*) FROM findings WHERE active = 1 GROUP BY severity",
        &[],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let rank: usize = r.small()?;
            let count = r.bits()?;
            if let Some(slot) = overview.findings.get_mut(rank) {
                *slot = count;
            }
            Ok(())
        },
    )?;
    Ok(overview)
}

/// Outcomes and active findings per rule, by rule.
pub(super) fn rule_counts(connection: &mut dyn Connection) -> StoreResult<Vec<RuleCount>> {
    let mut counts: BTreeMap<String, RuleCount> = BTreeMap::new();
    connection.query(
        "SELECT rule, outcome, COUNT(*) FROM outcomes GROUP BY rule, outcome",
        &[],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let count = entry(&mut counts, r.text()?);
            let slot = match r.named(Outcome::by_name)? {
                Outcome::Pass => &mut count.pass,
                Outcome::Fail => &mut count.fail,
                Outcome::CouldNotLook => &mut count.could_not_look,
            };
            *slot = r.bits()?;
            Ok(())
        },
    )?;
    connection.query(
        "SELECT rule, COUNT(*) FROM findings WHERE active = 1 GROUP BY rule",
        &[],
        &mut |columns| {
            let r = &mut Reader::new(columns);
            let count = entry(&mut counts, r.text()?);
            count.findings = r.bits()?;
            Ok(())
        },
    )?;
    Ok(counts.into_values().collect())
}

fn entry<'c>(counts: &'c mut BTreeMap<String, RuleCount>, rule: &str) -> &'c mut RuleCount {
    counts.entry(rule.to_owned()).or_insert_with(|| RuleCount {
        rule: rule.to_owned(),
        pass: 0,
        fail: 0,
        could_not_look: 0,
        findings: 0,
    })
}

/// Sources that were not looked at completely on current devices, most devices first.
pub(super) fn blind_sources(connection: &mut dyn Connection, limit: usize) -> StoreResult<Vec<SourceRow>> {
    connection.rows(
        "SELECT c.section, c.source, c.look, COUNT(*) FROM sources c
         JOIN devices d ON d.id = c.device_id JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
         WHERE c.look <> 1 GROUP BY c.section, c.source, c.look
         ORDER BY COUNT(*) DESC, c.section, c.source, c.look LIMIT ?1",
        &[Cell::Int(i64::try_from(limit).unwrap_or(i64::MAX))],
        |r| {
            Ok(SourceRow {
                section: r.numbered()?,
                source: r.string()?,
                look: r.numbered()?,
                devices: r.bits()?,
            })
        },
    )
}
