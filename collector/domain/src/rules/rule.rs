//! A rule as it is in force: what it is about, which clause it proves a breach of, what people are told.

use deskwarden_proto::v1::Section;

use super::{condition::Condition, selector::Selector};
use crate::model::{About, Asset, AssetClass, AssetState, Matter, Severity, Text};

/// A rule of a pack. Loaded and checked; immutable.
#[derive(Debug)]
pub struct Rule {
    /// Id, unique over all files: `pc.chat`.
    pub id: String,
    /// Id of the regulation: `PC`.
    pub regulation: String,
    /// Number of the clause: `3.2.4`.
    pub clause: String,
    /// Other clauses that it proves a breach of: regulation and number.
    pub also: Vec<(String, String)>,
    /// How bad a breach is.
    pub severity: Severity,
    /// What the rule is called.
    pub title: Text,
    /// What is said of a breach; `{subject}`, `{asset}` and `{detail}` are filled in by [`super::fill`].
    pub message: Text,
    /// What to do about it.
    pub remedy: Text,
    /// How matching items become evidence.
    pub kind: RuleKind,
    /// Sections whose items it judges; empty for [`RuleKind::Asset`].
    pub sections: Vec<Section>,
    /// What must have been looked at before it passes or resolves.
    pub needs: Vec<Need>,
    /// What a finding of it is about.
    pub subject: SubjectKind,
    /// How long a breach may last before it is a finding, in milliseconds.
    pub grace_ms: i64,
    /// Which assets it is about.
    pub scope: Scope,
    /// For [`RuleKind::Changed`]: fields whose difference is no change (a firmware update swaps nothing).
    pub ignore: Vec<String>,
    /// For [`RuleKind::Address`]: what it is about; empty for everything.
    pub aspects: Vec<Aspect>,
    /// For [`RuleKind::Changed`]: which differences count; empty for all of them.
    pub alterations: Vec<Alteration>,
    /// For [`RuleKind::Changed`]: which changes it is about, by the work orders of the asset.
    pub orders: Orders,
    /// Whether it is in force.
    pub enabled: bool,
    /// Whether its findings are told to anybody; else they are only listed.
    pub alert: bool,
    pub(crate) selector: Selector,
    pub(crate) condition: Option<Condition>,
    /// Its table in the file, as it was written.
    pub(crate) text: String,
    pub(crate) print: [u8; 32],
}

impl Rule {
    /// Regulation and number, as notices cite it: `PC 3.2.4`.
    pub fn clause_label(&self) -> String {
        format!("{} {}", self.regulation, self.clause)
    }

    /// Its table in the file, as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Differs when judging may say something else than before.
    pub const fn print(&self) -> [u8; 32] {
        self.print
    }

    /// Whether it proves a breach of that clause.
    pub fn proves(&self, regulation: &str, clause: &str) -> bool {
        (self.regulation == regulation && self.clause == clause)
            || self
                .also
                .iter()
                .any(|(id, number)| id == regulation && number == clause)
    }

    /// Whether it says anything of this asset. Where it does not, it neither passes nor fails.
    pub fn applies_to(&self, asset: &Asset) -> bool {
        let concerned = match self.kind {
            RuleKind::Register { about, .. } => about.concerns(asset),
            _ => true,
        };
        concerned && self.scope.covers(asset)
    }

    /// Whether the selector's verdict depends on nothing but the facet (and its class), so that it can be
    /// cached per facet hash.
    pub const fn selector_is_facet_only(&self) -> bool {
        self.selector.facet_only()
    }

    /// Whether a CEL condition follows the selector.
    pub const fn has_condition(&self) -> bool {
        self.condition.is_some()
    }

    /// Whether the condition asks which sources the agent failed to read: then a new look at a source judges it
    /// anew.
    pub fn reads_failed_sources(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::reads_failed)
    }

    /// Whether the condition asks how the section was looked at: then a new look at it judges all its items anew.
    pub fn reads_section(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::reads_section)
    }

    /// Whether the condition asks what the register says: then time may change the answer.
    pub fn reads_register(&self) -> bool {
        self.condition.as_ref().is_some_and(Condition::reads_register)
    }
}

/// How an item can differ from what was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// It was not accepted.
    Added,
    /// It was accepted and is gone.
    Removed,
    /// Fields of it differ.
    Changed,
}

impl Alteration {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Added, Self::Removed, Self::Changed];

    /// The name used in rule files and evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One side of an address's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The address itself.
    Address,
    /// Its prefix length.
    Prefix,
    /// Static or from a DHCP server.
    Mode,
    /// The gateway.
    Gateway,
    /// Name servers.
    Dns,
    /// The hardware address.
    Mac,
}

impl Aspect {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Address,
        Self::Prefix,
        Self::Mode,
        Self::Gateway,
        Self::Dns,
        Self::Mac,
    ];

    /// The name used in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Prefix => "prefix",
            Self::Mode => "mode",
            Self::Gateway => "gateway",
            Self::Dns => "dns",
            Self::Mac => "mac",
        }
    }

    /// The field of a difference that shows it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Address => "addresses",
            Self::Gateway => "gateways",
            other => other.name(),
        }
    }
}

/// Which changes of parts a rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orders {
    /// All of them.
    #[default]
    Any,
    /// Those that a work order authorised.
    Covered,
    /// Those that none did.
    Uncovered,
}

impl Orders {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Any, Self::Covered, Self::Uncovered];

    /// The name used in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Covered => "covered",
            Self::Uncovered => "uncovered",
        }
    }
}

/// How a rule turns items into evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleKind {
    /// Every matching item is evidence.
    Item,
    /// No matching item is a breach.
    Absent,
    /// More matching items than this are a breach.
    Count {
        /// The most that is allowed.
        more_than: u64,
    },
    /// A matching item that differs from the accepted baseline is evidence.
    Changed,
    /// A network item that differs from the ledger entry, else from the accepted baseline, is evidence.
    Address,
    /// The asset itself is judged, without any item.
    Asset,
    /// The register beside what the PC shows.
    Register {
        /// About what.
        about: Matter,
        /// How long it may be so, in milliseconds.
        after_ms: i64,
    },
    /// What several devices claim together.
    Cross {
        /// About what.
        about: About,
        /// The most that is allowed, where it is counted.
        more_than: u64,
    },
}

impl RuleKind {
    /// The name used in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Absent => "absent",
            Self::Count { .. } => "count",
            Self::Changed => "changed",
            Self::Address => "address",
            Self::Asset => "asset",
            Self::Register { .. } => "register",
            Self::Cross { .. } => "cross",
        }
    }
}

/// Something that must have been looked at: at least one such source is known, and all of them looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Kind of facts.
    pub section: Section,
    /// Name of the source, exact or a prefix that ends in `*`; `None` is every known source of the section.
    pub source: Option<String>,
}

impl Need {
    /// Whether a source of the section falls under this need.
    pub fn covers(&self, section: Section, source: &str) -> bool {
        section == self.section
            && self
                .source
                .as_deref()
                .is_none_or(|wanted| match wanted.strip_suffix('*') {
                    Some(prefix) => source.starts_with(prefix),
                    None => source == wanted,
                })
    }
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// The item's key.
    Key,
    /// The catalogue entry, so that a program installed, running and listening is one finding; else the key.
    Catalogue,
    /// The asset: one finding, however many items show it.
    Asset,
    /// The value of a facet field; else the key.
    Field(String),
}

/// Which assets a rule is about. Empty lists do not limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these departments.
    pub departments: Vec<String>,
    /// All but these departments.
    pub not_departments: Vec<String>,
    /// Only assets in these states.
    pub states: Vec<AssetState>,
    /// Only assets of these classes.
    pub classes: Vec<AssetClass>,
}

impl Scope {
    /// Whether the rule is about this asset. An asset without a department is in none.
    pub fn covers(&self, asset: &Asset) -> bool {
        let within = |list: &[String]| {
            asset
                .department
                .as_deref()
                .is_some_and(|mine| list.iter().any(|name| name.trim() == mine.trim()))
        };
        (self.departments.is_empty() || within(&self.departments))
            && !within(&self.not_departments)
            && (self.states.is_empty() || self.states.contains(&asset.state))
            && (self.classes.is_empty() || self.classes.contains(&asset.class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_need_covers_exact_names_and_prefixes() {
        let need = |source: Option<&str>| Need {
            section: Section::Proxy,
            source: source.map(str::to_owned),
        };
        assert!(need(None).covers(Section::Proxy, "winhttp"));
        assert!(need(Some("winhttp")).covers(Section::Proxy, "winhttp"));
        assert!(!need(Some("winhttp")).covers(Section::Proxy, "winhttp-x"));
        assert!(need(Some("gnome*")).covers(Section::Proxy, "gnome:1000"));
        assert!(!need(None).covers(Section::Software, "winhttp"));
    }
}
