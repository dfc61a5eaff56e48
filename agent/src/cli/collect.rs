//! `collect`: reads this PC once and prints it, for a person or as the snapshot that rules are tried on.

use std::{collections::BTreeMap, io::Write};

use deskwarden_platform::{Reading, Root, host_hints, sources};
use deskwarden_proto::{
    describe::{Json, to_json},
    section::{self, Section},
    v1::{HostHints, Look},
};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// Reads the sections, or all, and prints them.
pub(super) fn run(
    sections: &[Section],
    as_json: bool,
    root: &Root,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut readings: BTreeMap<Section, Vec<Reading>> = BTreeMap::new();
    for source in sources() {
        let section = source.id().section;
        if sections.is_empty() || sections.contains(&section) {
            readings.entry(section).or_default().push(source.read(root));
        }
    }
    if as_json {
        serde_json::to_writer_pretty(&mut *out, &snapshot(&host_hints(root), &readings))?;
        writeln!(out)?;
    } else {
        table(&readings, out)?;
    }
    Ok(())
}

/// What rules are tried on.
#[derive(Serialize)]
struct Snapshot<'a> {
    device: Value,
    #[serde(serialize_with = "sections")]
    sections: &'a BTreeMap<Section, Vec<Reading>>,
}

#[derive(Serialize)]
struct OneSection<'a> {
    sources: Vec<State<'a>>,
    items: Items<'a>,
}

#[derive(Serialize)]
struct State<'a> {
    source: &'a str,
    look: &'static str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Item<'a> {
    source: &'a str,
    key: &'a str,
    principal: &'a str,
    facet: Option<Json<'a>>,
    local: Json<'a>,
}

struct Items<'a>(&'a [Reading]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|reading| {
            reading.facts.iter().map(|fact| Item {
                source: reading.source,
                key: &fact.key,
                principal: &fact.principal,
                facet: fact.facet.kind.as_ref().map(|kind| Json(kind)),
                local: Json(&fact.local),
            })
        }))
    }
}

fn snapshot<'a>(hints: &HostHints, readings: &'a BTreeMap<Section, Vec<Reading>>) -> Snapshot<'a> {
    Snapshot {
        device: json!({
            "hostname": hints.hostname,
            "system_serial": hints.system_serial,
            "board_serial": hints.board_serial,
            "system_uuid": hints.system_uuid,
            "macs": hints.macs,
            "disk_serials": hints.disk_serials,
            "model": hints.model,
            "platform": deskwarden_platform::platform_name(),
            "portable": hints.portable,
        }),
        sections: readings,
    }
}

fn sections<S: Serializer>(
    readings: &BTreeMap<Section, Vec<Reading>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        readings
            .iter()
            .map(|(section, readings)| (section::name(*section), one_section(readings))),
    )
}

fn one_section(readings: &[Reading]) -> OneSection<'_> {
    let states = readings.iter().map(|reading| State {
        source: reading.source,
        look: look(reading.look),
        reason: &reading.reason,
    });
    OneSection {
        sources: states.collect(),
        items: Items(readings),
    }
}

fn table(readings: &BTreeMap<Section, Vec<Reading>>, out: &mut impl Write) -> anyhow::Result<()> {
    for (section, readings) in readings {
        for reading in readings {
            let count = reading.facts.len();
            writeln!(
                out,
                "{} / {}: {}, {count} items",
                section::name(*section),
                reading.source,
                look(reading.look)
            )?;
            if !reading.reason.is_empty() {
                writeln!(out, "    {}", printable(&reading.reason))?;
            }
            for fact in &reading.facts {
                let fields = fact.facet.kind.as_ref().map(|kind| to_json(kind, false));
                let fields = fields.as_ref().map(line).unwrap_or_default();
                let principal = match fact.principal.as_str() {
                    "" => String::new(),
                    principal => format!(" [{}]", printable(principal)),
                };
                writeln!(out, "    {}{principal}  {fields}", printable(&fact.key))?;
            }
        }
    }
    Ok(())
}

fn line(fields: &Value) -> String {
    let Some(fields) = fields.as_object() else {
        return String::new();
    };
    let parts: Vec<String> = fields
        .iter()
        .map(|(name, value)| match value {
            Value::String(text) => format!("{name}={}", printable(text)),
            other => format!("{name}={}", printable(&other.to_string())),
        })
        .collect();
    parts.join(" ")
}

/// What is read may hold anything: a terminal must not obey it, nor show it in another direction.
pub(super) fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars()
        .map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c })
        .collect()
}

fn look(look: Look) -> &'static str {
    match look {
        Look::Looked => "looked",
        Look::Partial => "partial",
        Look::Denied => "denied",
        Look::Unsupported => "unsupported",
        Look::Failed | Look::Unspecified => "failed",
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_platform::Fact;
    use deskwarden_proto::v1::{Software, facet::Kind};

    use super::*;

    fn readings() -> BTreeMap<Section, Vec<Reading>> {
        let software = Software {
            name: "QQ\u{1b}[31m\u{202e}exe".into(),
            version: "9".into(),
            ..Software::default()
        };
        let looked = Reading {
            section: Section::Software,
            source: "dpkg",
            look: Look::Looked,
            reason: String::new(),
            facts: vec![Fact::machine("qq:amd64".into(), Kind::Software(software))],
        };
        let denied = Reading {
            section: Section::Software,
            source: "rpm",
            look: Look::Denied,
            reason: "no permission".into(),
            facts: Vec::new(),
        };
        BTreeMap::from([(Section::Software, vec![looked, denied])])
    }

    #[test]
    fn a_snapshot_has_the_shape_that_rules_are_tried_on() {
        let readings = readings();
        let json = serde_json::to_value(snapshot(&HostHints::default(), &readings)).unwrap();
        let software = &json["sections"]["software"];
        assert_eq!(
            software["sources"][1],
            json!({"source": "rpm", "look": "denied", "reason": "no permission"})
        );
        let item = &software["items"][0];
        assert_eq!(item["key"], "qq:amd64");
        assert_eq!(item["facet"]["version"], "9");
        assert_eq!(item["principal"], "");
        assert!(item["local"].is_object());
        assert!(json["device"]["hostname"].is_string());
    }

    #[test]
    fn the_table_shows_what_could_not_be_read_and_no_control_characters() {
        let mut out = Vec::new();
        table(&readings(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("software / rpm: denied, 0 items\n    no permission\n"),
            "{text}"
        );
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }

    #[test]
    fn an_empty_root_is_read_without_fault() {
        let folder = tempfile::tempdir().unwrap();
        let mut out = Vec::new();
        run(&[], true, &Root::at(folder.path()), &mut out).unwrap();
        let json: Value = serde_json::from_slice(&out).unwrap();
        assert!(json["sections"]["software"]["sources"].is_array());
    }
}
