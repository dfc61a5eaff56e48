//! Folders that a PC shares: Samba's `smb.conf` with its registry of user shares, and NFS `exports`.

use crate::text;

/// Most lines of one file that are read.
const MAX_LINES: usize = 20_000;
/// Most shares of one file.
const MAX_SHARES: usize = 1_000;

/// A shared folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Name by which others ask for it.
    pub name: String,
    /// Folder; empty where the server makes it up.
    pub path: String,
    /// Readable without signing in.
    pub guest: bool,
    /// Others may write.
    pub writable: bool,
    /// Made by the server itself or for its administration: printers, the homes of those who sign in.
    pub administrative: bool,
}

/// The shares of an `smb.conf` that are in force; those switched off are left out.
pub fn parse_smb_conf(bytes: &[u8]) -> Vec<Share> {
    let mut found: Vec<(Share, bool)> = Vec::new();
    let mut global = true;
    let mut line = String::new();
    for part in text::lines(bytes).take(MAX_LINES) {
        let part = text::decode(part);
        if let Some(begin) = part.strip_suffix('\\') {
            line.push_str(begin);
            continue;
        }
        line.push_str(&part);
        let whole = std::mem::take(&mut line);
        let whole = whole.trim();
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            global = name.trim().eq_ignore_ascii_case("global");
            if !global && found.len() < MAX_SHARES {
                found.push((new_share(name.trim()), true));
            }
        } else if !whole.starts_with(['#', ';'])
            && !global
            && let (Some((name, value)), Some((share, on))) = (whole.split_once('='), found.last_mut())
        {
            set(share, on, name, value.trim());
        }
    }
    found
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(share, _)| share)
        .collect()
}

/// A file of `net usershare`: shares that people make themselves.
pub fn parse_usershare(name: &str, bytes: &[u8]) -> Option<Share> {
    let mut share = new_share(name);
    for line in text::lines(bytes).take(MAX_LINES) {
        let line = text::decode(line);
        match line.split_once('=') {
            Some(("path", path)) => share.path = path.trim().to_owned(),
            Some(("guest_ok", value)) => share.guest = is_yes(value),
            // `S-1-1-0:F,`: everyone with full access.
            Some(("usershare_acl", list)) => {
                share.writable = list
                    .to_ascii_uppercase()
                    .split(',')
                    .any(|entry| entry.ends_with(":F"));
            }
            _ => {}
        }
    }
    (!share.path.is_empty()).then_some(share)
}

/// The folders of an `exports` file.
pub fn parse_exports(bytes: &[u8]) -> Vec<Share> {
    let mut found: Vec<Share> = Vec::new();
    let mut line = String::new();
    for part in text::lines(bytes).take(MAX_LINES) {
        let part = text::decode(part);
        if let Some(begin) = part.strip_suffix('\\') {
            line.push_str(begin);
            line.push(' ');
            continue;
        }
        line.push_str(&part);
        let whole = std::mem::take(&mut line);
        let rule = whole.split('#').next().unwrap_or_default().trim();
        let (path, clients) = match rule.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
            Some(found) => found,
            None => rule.split_once(char::is_whitespace).unwrap_or((rule, "")),
        };
        if !path.starts_with('/') || found.len() >= MAX_SHARES {
            continue;
        }
        let clients: Vec<&str> = clients.split_whitespace().collect();
        let writable = clients
            .iter()
            .filter_map(|client| client.split_once('('))
            .any(|(_, options)| {
                options
                    .trim_end_matches(')')
                    .split(',')
                    .any(|option| option == "rw")
            });
        let anyone = clients.is_empty()
            || clients.iter().any(|client| {
                let host = client.split('(').next().unwrap_or_default();
                matches!(host, "" | "*" | "0.0.0.0/0" | "::/0")
            });
        found.push(Share {
            name: path.to_owned(),
            path: path.to_owned(),
            guest: anyone,
            writable,
            administrative: false,
        });
    }
    found
}

fn new_share(name: &str) -> Share {
    Share {
        name: text::clip(name, 256).to_owned(),
        administrative: ["homes", "printers", "print$", "netlogon", "sysvol", "ipc$"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
            || name.ends_with('$'),
        ..Share::default()
    }
}

/// Names are compared without case and white space, as the server does.
fn set(share: &mut Share, on: &mut bool, name: &str, value: &str) {
    let name: String = name
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    match name.as_str() {
        "path" | "directory" => share.path = text::clip(value, 4_000).to_owned(),
        "guestok" | "public" => share.guest = is_yes(value),
        "guestonly" | "onlyguest" if is_yes(value) => share.guest = true,
        "writeable" | "writable" | "writeok" => share.writable = is_yes(value),
        "readonly" => share.writable = !is_yes(value),
        "printable" | "printok" => share.administrative |= is_yes(value),
        "available" => *on = is_yes(value),
        _ => {}
    }
}

fn is_yes(value: &str) -> bool {
    ["yes", "true", "1", "y", "on"]
        .iter()
        .any(|yes| value.trim().eq_ignore_ascii_case(yes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn smb_shares_are_read_with_every_spelling_of_their_rights() {
        let file = "[global]\n guest ok = yes\n[资料]\n path = /srv/资料\n Guest OK = Yes\n read only = no\n\
; no\n[off]\npath=/x\navailable = no\n[print$]\npath=/p\n[tmp]\npath = /tmp\npublic=no\nwri\\\nteable = yes\n";
        let found = parse_smb_conf(file.as_bytes());
        let seen: Vec<_> = found
            .iter()
            .map(|s| (&*s.name, &*s.path, s.guest, s.writable, s.administrative))
            .collect();
        assert_eq!(
            seen,
            [
                ("资料", "/srv/资料", true, true, false),
                ("print$", "/p", false, false, true),
                ("tmp", "/tmp", false, true, false),
            ]
        );
    }

    #[test]
    fn exports_to_anyone_are_told_from_those_to_one_machine() {
        let file = b"# no\n/srv/a 192.0.2.0/24(ro) pc1(rw,sync)\n\"/srv/b c\" *(ro)\n/srv/d\nnonsense\n";
        let seen: Vec<_> = parse_exports(file)
            .into_iter()
            .map(|s| (s.path, s.guest, s.writable))
            .collect();
        assert_eq!(
            seen,
            [
                ("/srv/a".to_owned(), false, true),
                ("/srv/b c".to_owned(), true, false),
                ("/srv/d".to_owned(), true, false)
            ]
        );
    }

    #[test]
    fn a_share_of_a_user_is_read() {
        let file = b"#VERSION 2\npath=/home/wang/pub\ncomment=\nusershare_acl=S-1-1-0:F,\nguest_ok=y\n";
        let share = parse_usershare("pub", file).unwrap();
        assert!(share.guest && share.writable);
        assert_eq!(parse_usershare("x", b"comment=\n"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_smb_conf(&bytes);
            parse_exports(&bytes);
            parse_usershare("x", &bytes);
        }
    }
}
