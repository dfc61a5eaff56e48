//! Home folders of the people on the PC. Knows no file in them.

use deskwarden_parse::passwd;

use super::{Root, gather::Gather};

pub(super) use deskwarden_parse::passwd::Home;

/// Where accounts are listed.
pub(super) const PASSWD: &str = "etc/passwd";

/// Each of the names below each home; a home that two accounts share counts for the first.
pub(super) fn files(root: &Root, gather: &mut Gather, names: &[&str]) -> Vec<(Home, String)> {
    let bytes = gather.file(root, PASSWD).unwrap_or_default();
    let mut seen: Vec<String> = Vec::new();
    let mut found = Vec::new();
    for home in passwd::parse_homes(&bytes) {
        if seen.contains(&home.home) {
            continue;
        }
        seen.push(home.home.clone());
        for name in names {
            found.push((
                home.clone(),
                format!("{}/{name}", home.home.trim_end_matches('/')),
            ));
        }
    }
    found
}
