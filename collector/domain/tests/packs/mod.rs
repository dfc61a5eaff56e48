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
    "pc.toml",
];

/// The shipped set; its faults are the test's message.
pub(crate) fn shipped() -> RuleSet {
    RuleSet::load(FILES).unwrap_or_else(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        panic!("{} faults:\n{}", faults.len(), lines.join("\n"))
    })
}
