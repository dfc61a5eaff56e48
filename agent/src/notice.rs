//! The link to the notice about this PC: the collector hands it over, whoever works here opens it
//! (`deskwarden-agent notice`). It is a secret of this PC for an hour, so it lies where its own users can read it and
//! nobody else: in the service's runtime folder, and beside the agent's state for the administrator.

use std::{env, fs, path::Path};

use deskwarden_platform::{publish, write_private};
use deskwarden_proto::v1::StaffNotice;

/// Name of the file.
const NAME: &str = "notice";
/// Set by systemd for a unit with a `RuntimeDirectory`.
const RUNTIME: &str = "RUNTIME_DIRECTORY";
/// Where the unit's runtime folder is, for those who do not run in it.
const RUNTIME_FOLDER: &str = "/run/deskwarden-agent";
/// Longest file that is believed.
const LONGEST: u64 = 4 << 10;
/// Longest address that is taken from the collector.
const LONGEST_URL: usize = 2_000;

/// Keeps a link that the collector handed over.
pub fn keep(state: &Path, notice: &StaffNotice) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
    let address = &notice.url;
    if !address.starts_with("https://") || address.len() > LONGEST_URL || !address.chars().all(plain) {
        return Err("the link is no https address".to_owned());
    }
    let text = format!("{address}\n{}\n", notice.expires_at_ms);
    write_private(&state.join(NAME), text.as_bytes()).map_err(|error| error.to_string())?;
    if let Some(folder) = env::var_os(RUNTIME) {
        publish(&Path::new(&folder).join(NAME), text.as_bytes()).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Why there is no link.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    /// The collector gave none yet.
    #[error(
        "there is no link yet: the agent asks its collector for one while it runs; on a PC without the service's \
         folder, run this as administrator"
    )]
    None,
    /// It ended, and no fresh one came.
    #[error("the link has ended, and the agent got no fresh one: is the collector within reach?")]
    Ended,
}

/// The link that holds now, from the first place that has one.
pub fn link(state: Option<&Path>, now_ms: i64) -> Result<String, NoLink> {
    let own = state.map(|folder| folder.join(NAME));
    let places = std::iter::once(Path::new(RUNTIME_FOLDER).join(NAME)).chain(own);
    let mut ended = false;
    for place in places {
        match read(&place) {
            Some((address, ends)) if ends > now_ms => return Ok(address),
            Some(_) => ended = true,
            None => {}
        }
    }
    Err(if ended { NoLink::Ended } else { NoLink::None })
}

fn read(file: &Path) -> Option<(String, i64)> {
    if fs::metadata(file).ok()?.len() > LONGEST {
        return None;
    }
    let text = fs::read_to_string(file).ok()?;
    let (address, ends) = text.trim().split_once('\n')?;
    Some((address.to_owned(), ends.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(url: &str) -> StaffNotice {
        StaffNotice {
            url: url.into(),
            expires_at_ms: 1_000,
        }
    }

    #[test]
    fn a_link_is_kept_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(link(Some(folder.path()), 0), Err(NoLink::None));
        keep(folder.path(), &notice("https://desk.example:8443/mine/abc")).unwrap();
        assert_eq!(
            link(Some(folder.path()), 999).as_deref(),
            Ok("https://desk.example:8443/mine/abc")
        );
        assert_eq!(link(Some(folder.path()), 1_000), Err(NoLink::Ended));
    }

    #[test]
    fn what_is_no_https_address_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        for bad in [
            "http://x/",
            "javascript:alert(1)",
            "https://x/\n1",
            "https://x/<b>",
            "",
            "https://x/\u{202e}",
        ] {
            assert!(keep(folder.path(), &notice(bad)).is_err(), "{bad}");
        }
        assert_eq!(link(Some(folder.path()), 0), Err(NoLink::None));
        std::fs::write(folder.path().join(NAME), "nonsense").unwrap();
        assert_eq!(link(Some(folder.path()), 0), Err(NoLink::None));
    }
}
