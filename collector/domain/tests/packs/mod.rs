//! The files that the product ships, as the tests load them.

use deskwarden_domain::rules::{RuleFile, RuleSet};

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        &[$(RuleFile { name: $name, content: include_str!(concat!("../../../rules/", $name)) }),+]
    };
}

/// Every shipped file.
pub(crate) const FILES: &[RuleFile<'static>] = shipped![
    "regulations.toml",
    "categories.toml",
    "catalogue-communication.toml",
    "catalogue-leisure.toml",
    "catalogue-network.toml",
    "catalogue-security.toml",
    "catalogue-work.toml",
    "pc-access.toml",
    "pc-health.toml",
    "pc-protection.toml",
    "pc.toml",
];

/// The shipped set.
pub(crate) fn shipped() -> RuleSet {
    match RuleSet::load(FILES) {
        Ok(set) => set,
        Err(faults) => unreachable!(
            "{}",
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        ),
    }
}
