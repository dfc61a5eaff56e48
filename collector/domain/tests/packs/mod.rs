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
    "catalogue-analysis.toml",
    "catalogue-bulk-mail.toml",
    "catalogue-business.toml",
    "catalogue-chat.toml",
    "catalogue-cloud.toml",
    "catalogue-crack.toml",
    "catalogue-design.toml",
    "catalogue-development.toml",
    "catalogue-download.toml",
    "catalogue-driver.toml",
    "catalogue-finance.toml",
    "catalogue-game.toml",
    "catalogue-game-titles.toml",
    "catalogue-game-online.toml",
    "catalogue-game-other.toml",
    "catalogue-hacking.toml",
    "catalogue-malware.toml",
    "catalogue-medical.toml",
    "catalogue-mining.toml",
    "catalogue-music.toml",
    "catalogue-proxy.toml",
    "catalogue-remote.toml",
    "catalogue-runtime.toml",
    "catalogue-security.toml",
    "catalogue-stock.toml",
    "catalogue-packagers.toml",
    "catalogue-registered.toml",
    "catalogue-stores.toml",
    "catalogue-utility.toml",
    "catalogue-video.toml",
    "catalogue-vpn.toml",
    "catalogue-words.toml",
    "catalogue-work-chat.toml",
    "catalogue-work.toml",
    "out.toml",
    "pc-access.toml",
    "pc-health.toml",
    "pc-protection.toml",
    "wechat.toml",
    "pc.toml",
];

/// The shipped set.
pub(crate) fn shipped() -> RuleSet {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules");
    let there = std::fs::read_dir(folder).map(Iterator::count);
    assert_eq!(
        there.ok(),
        Some(FILES.len()),
        "files of {folder} and of the tests"
    );
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
