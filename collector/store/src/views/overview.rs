//! Numbers over all devices.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{Millis, Outcome, Sight},
    port::{FacetCount, Overview, RuleCount, SourceRow, StoreResult},
};
use deskwarden_proto::{Bytes, v1::Section};

use crate::{
    rows::ACTIVE_AMONG_FEW,
    sql::{Cell, Conditions, Connection, ConnectionExt as _, Reader, unsigned},
};

/// The first page.
pub(super) fn overview(
    connection: &mut dyn Connection,
    since: Millis,
    sight: &Sight,
) -> StoreResult<Overview> {
    let mut counted = |from: &str, and: &str, since: Option<Millis>| {
        let mut c = Conditions::new();
        if let Some(since) = since {
            let since = c.bind(Cell::Int(since));
            c.and(and.replace("{since}", &since));
        } else {
            c.and(and);
        }
        let seen = see(&mut c, sight, from);
        connection
            .number(
                &format!("SELECT COUNT(*) FROM {from}{seen}{}", c.sql()),
                &c.params(),
            )
            .map(unsigned)
    };
    let mut overview = Overview {
        assets: counted("assets a", "a.merged_into IS NULL", None)?,
        registered: counted("assets a", "a.number IS NOT NULL", None)?,
        reporting: counted(
            "assets a JOIN streams s ON s.device_id = a.current_device",
            "s.last_seen_at >= {since}",
            Some(since),
        )?,
        flagged: counted("assets a", "a.flagged = 1", None)?,
        findings: [0; 4],
        opened_recently: counted("findings f", "f.opened_at >= {since}", Some(since))?,
        pending_devices: counted("devices d", "d.status <> 'active' AND d.status = 'pending'", None)?,
        // What a channel did not take is nobody's department.
        dead_deliveries: if sight.is_limited() {
            0
        } else {
            counted("messages m", "m.state = 'dead'", None)?
        },
    };
    let mut c = Conditions::new();
    c.and(if sight.is_limited() {
        ACTIVE_AMONG_FEW
    } else {
        "f.active = 1"
    });
    let seen = see(&mut c, sight, "findings f");
    connection.query(
        &format!(
            "SELECT f.severity, COUNT(*) FROM findings f{seen}{} GROUP BY f.severity",
            c.sql()
        ),
        &c.params(),
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

/// Limits to what is seen; the join that the condition needs.
fn see<'s>(c: &mut Conditions<'s>, sight: &'s Sight, from: &str) -> &'static str {
    if !sight.is_limited() {
        return "";
    }
    c.one_of("a.department", sight.departments());
    match from {
        "findings f" => " JOIN assets a ON a.id = f.asset_id",
        "devices d" => " JOIN assets a ON a.id = d.asset_id",
        _ => "",
    }
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

/// Facets of a section on current devices, with how many devices have each.
pub(super) fn facet_counts(
    connection: &mut dyn Connection,
    section: Section,
    department: Option<&str>,
) -> StoreResult<Vec<FacetCount>> {
    let of = if department.is_some() {
        "AND a.department = ?2"
    } else {
        ""
    };
    let mut params = vec![Cell::Int(i64::from(section as i32))];
    params.extend(department.map(Cell::Text));
    connection.rows(
        &format!(
            "SELECT f.bytes, n.devices FROM facets f JOIN
               (SELECT i.facet_id AS facet, COUNT(DISTINCT i.device_id) AS devices FROM items i
                JOIN devices d ON d.id = i.device_id
                JOIN assets a ON a.id = d.asset_id AND a.current_device = d.id
                WHERE i.section = ?1 AND a.merged_into IS NULL {of} GROUP BY i.facet_id) n
             ON n.facet = f.id ORDER BY n.devices DESC, f.id"
        ),
        &params,
        |r| {
            Ok(FacetCount {
                facet: Bytes::copy_from_slice(r.blob()?),
                devices: r.bits()?,
            })
        },
    )
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
