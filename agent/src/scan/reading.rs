//! From a reading of the platform to what may be reported: encoded once, within the contract's limits,
//! without what the policy withholds. Reads nothing.

use deskwarden_platform::{Fact, Reading};
use deskwarden_proto::{
    decode,
    diff::SourceReading,
    limits::{KEY_BYTES, PRINCIPAL_BYTES, REASON_BYTES, cut},
    v1::{Item, Look, Section},
};
use prost::Message as _;

/// Encodes a reading. A fact that the collector would refuse is left out, visibly: a refused item
/// would hold back everything behind it.
pub(super) fn encode(reading: Reading, withheld: &[String]) -> SourceReading {
    let mut items = Vec::with_capacity(reading.facts.len());
    let mut refused = 0usize;
    let mut why = String::new();
    for fact in reading.facts {
        if withheld.contains(&fact.principal) && !fact.principal.is_empty() {
            continue;
        }
        match item(reading.section, reading.source, fact) {
            Ok(item) => items.push(item),
            Err(fault) => {
                refused += 1;
                if why.is_empty() {
                    why = fault;
                }
            }
        }
    }
    let mut look = reading.look;
    let mut reason = reading.reason;
    if refused > 0 {
        if look == Look::Looked {
            look = Look::Partial;
        }
        if !reason.is_empty() {
            reason.push_str("; ");
        }
        reason.push_str(&format!("{refused} could not be reported: {why}"));
    }
    let reason: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    SourceReading {
        section: reading.section,
        source: reading.source.to_owned(),
        look,
        reason: cut(&reason, REASON_BYTES).to_owned(),
        items,
    }
}

fn item(section: Section, source: &str, fact: Fact) -> Result<Item, String> {
    let name = |what: &str, text: &str, limit: usize| {
        if text.len() > limit || text.chars().any(char::is_control) {
            Err(format!("{what} is too long or has control characters"))
        } else {
            Ok(())
        }
    };
    if fact.key.is_empty() {
        return Err("a key is empty".to_owned());
    }
    name("a key", &fact.key, KEY_BYTES)?;
    name("a principal", &fact.principal, PRINCIPAL_BYTES)?;
    let facet = fact.facet.encode_to_vec();
    let local = fact.local.encode_to_vec();
    decode::facet(section, &facet).map_err(|fault| fault.to_string())?;
    decode::local(&local).map_err(|fault| fault.to_string())?;
    Ok(Item {
        section: section.into(),
        source: source.to_owned(),
        key: fact.key,
        principal: fact.principal,
        facet: facet.into(),
        local: local.into(),
    })
}

#[cfg(test)]
mod tests {
    use deskwarden_proto::v1::{Software, facet::Kind};

    use super::*;

    fn fact(key: &str, name: &str, principal: &str) -> Fact {
        let software = Software {
            name: name.to_owned(),
            ..Software::default()
        };
        Fact {
            principal: principal.to_owned(),
            ..Fact::machine(key.to_owned(), Kind::Software(software))
        }
    }

    fn reading(facts: Vec<Fact>) -> Reading {
        Reading {
            section: Section::Software,
            source: "dpkg",
            look: Look::Looked,
            reason: String::new(),
            facts,
        }
    }

    #[test]
    fn what_the_collector_would_refuse_is_left_out_visibly() {
        let long = "x".repeat(5_000);
        let facts = vec![
            fact("a", "fine", ""),
            fact("b", &long, ""),
            fact("c\n", "key", ""),
            fact("", "none", ""),
        ];
        let encoded = encode(reading(facts), &[]);
        assert_eq!(encoded.items.len(), 1);
        assert_eq!(encoded.look, Look::Partial);
        assert!(
            encoded.reason.starts_with("3 could not be reported"),
            "{}",
            encoded.reason
        );
    }

    #[test]
    fn withheld_people_stay_on_the_pc() {
        let facts = vec![
            fact("a", "one", "1000"),
            fact("b", "two", "1001"),
            fact("c", "three", ""),
        ];
        let encoded = encode(reading(facts), &["1000".to_owned(), String::new()]);
        let keys: Vec<&str> = encoded.items.iter().map(|i| i.key.as_str()).collect();
        assert_eq!(keys, ["b", "c"]);
        assert_eq!(encoded.look, Look::Looked);
    }

    #[test]
    fn reasons_fit_the_contract() {
        let mut told = reading(Vec::new());
        told.look = Look::Failed;
        told.reason = format!("line\nbreak {}", "巡".repeat(400));
        let encoded = encode(told, &[]);
        assert!(encoded.reason.len() <= REASON_BYTES);
        assert!(encoded.reason.starts_with("line break"));
    }
}
