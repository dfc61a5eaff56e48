//! Who may sign in and who is an administrator: `passwd`, `shadow`, `group`, `sudoers`. The hash of a
//! password is looked at and never kept.

use crate::text;

/// Most lines of one file that are read.
const MAX_LINES: usize = 20_000;
/// Longest name kept, in bytes.
const MAX_NAME: usize = 256;

/// A line of `passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Account name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of the main group.
    pub gid: u32,
    /// First part of the comment: the person's name.
    pub full_name: String,
    /// Home folder.
    pub home: String,
    /// Login program.
    pub shell: String,
    /// The account has no password and asks for none.
    pub password_empty: bool,
}

/// What a `shadow` line says about the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Password {
    /// None is asked for.
    Empty,
    /// No password fits.
    Locked,
    /// There is one.
    Set,
}

/// A line of `shadow`, without its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// Account name.
    pub name: String,
    /// State of the password.
    pub password: Password,
    /// Days after which the password must be changed; `None` for never.
    pub max_days: Option<u32>,
    /// Day since 1970 from which nobody signs in any more.
    pub ends_on: Option<u32>,
}

/// A line of `group`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Group name.
    pub name: String,
    /// Group id.
    pub gid: u32,
    /// Members by name, without those whose main group it is.
    pub members: Vec<String>,
}

/// Whom a `sudoers` file gives rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// An account by name.
    User(String),
    /// Every member of a group.
    Group(String),
    /// Everybody.
    All,
}

/// The accounts in the order of the file.
pub fn parse_passwd(bytes: &[u8]) -> Vec<Account> {
    records(bytes)
        .filter_map(|fields| {
            Some(Account {
                name: field(&fields, 0).filter(|name| !name.is_empty())?,
                password_empty: fields.get(1)?.is_empty(),
                uid: number(&fields, 2)?,
                gid: number(&fields, 3)?,
                full_name: field(&fields, 4)?
                    .split(',')
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                home: field(&fields, 5)?,
                shell: field(&fields, 6).unwrap_or_default(),
            })
        })
        .collect()
}

/// The states of passwords in the order of the file.
pub fn parse_shadow(bytes: &[u8]) -> Vec<Shadow> {
    records(bytes)
        .filter_map(|fields| {
            let password = match *fields.get(1)? {
                b"" => Password::Empty,
                hash if hash.starts_with(b"!") || hash.starts_with(b"*") => Password::Locked,
                // A hash that is too short fits nothing; `x` says that it stands elsewhere.
                hash if hash.len() < 8 => Password::Locked,
                _ => Password::Set,
            };
            Some(Shadow {
                name: field(&fields, 0).filter(|name| !name.is_empty())?,
                password,
                // 99999 days is how tools write never.
                max_days: number(&fields, 4).filter(|days| *days < 99_999),
                ends_on: number(&fields, 7),
            })
        })
        .collect()
}

/// The groups in the order of the file.
pub fn parse_groups(bytes: &[u8]) -> Vec<Group> {
    records(bytes)
        .filter_map(|fields| {
            Some(Group {
                name: field(&fields, 0).filter(|name| !name.is_empty())?,
                gid: number(&fields, 2)?,
                members: fields
                    .get(3)?
                    .split(|byte| *byte == b',')
                    .filter(|name| !name.is_empty())
                    .map(name)
                    .collect(),
            })
        })
        .collect()
}

/// Whom rules of the form `who host=(as) what` give the right to run something as another account.
pub fn parse_sudoers(bytes: &[u8]) -> Vec<Grantee> {
    let mut found = Vec::new();
    let mut line = String::new();
    for part in text::lines(bytes).take(MAX_LINES) {
        let part = text::decode(part);
        if let Some(begin) = part.strip_suffix('\\') {
            line.push_str(begin);
            continue;
        }
        line.push_str(&part);
        let whole = std::mem::take(&mut line);
        grantees(whole.split('#').next().unwrap_or_default(), &whole, &mut found);
    }
    grantees(line.split('#').next().unwrap_or_default(), &line, &mut found);
    found
}

fn grantees(rule: &str, whole: &str, found: &mut Vec<Grantee>) {
    // `#1000 ALL=...` names an account by its id; any other # begins a comment.
    let rule = if whole
        .strip_prefix('#')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    {
        whole
    } else {
        rule
    };
    let words = rule.trim();
    let first = words.split_whitespace().next().unwrap_or_default();
    if !words.contains('=')
        || first.starts_with("Defaults")
        || first.ends_with("_Alias")
        || first.starts_with(['@', '+'])
    {
        return;
    }
    let Some((who, _)) = words.split_once(char::is_whitespace) else {
        return;
    };
    for name in who.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let name = text::clip(name, MAX_NAME);
        let grantee = if name == "ALL" {
            Grantee::All
        } else if let Some(group) = name.strip_prefix('%') {
            Grantee::Group(group.trim_start_matches(':').to_owned())
        } else if name.starts_with('!') {
            continue;
        } else {
            Grantee::User(name.to_owned())
        };
        if found.len() < MAX_LINES && !found.contains(&grantee) {
            found.push(grantee);
        }
    }
}

fn records(bytes: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text::lines(bytes)
        .take(MAX_LINES)
        // Lines of the network's directory begin with a sign and name no local account.
        .filter(|line| !matches!(line.first(), None | Some(b'#' | b'+' | b'-')))
        .map(|line| line.split(|byte| *byte == b':').collect())
}

fn field(fields: &[&[u8]], at: usize) -> Option<String> {
    fields.get(at).map(|bytes| name(bytes))
}

fn name(bytes: &[u8]) -> String {
    text::kept(&text::decode(bytes), MAX_NAME).to_owned()
}

fn number(fields: &[&[u8]], at: usize) -> Option<u32> {
    text::decode(fields.get(at)?).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_state_of_a_password_is_read_and_its_hash_is_not_kept() {
        let rows = b"root:*:19000:0:99999:7:::\nwang:$y$j9T$geheim:19000:0:90:7::20000:\nguest::1::::::\nli:!$y$x:1:0:99999:7:::\nbad\n";
        let found = parse_shadow(rows);
        let seen: Vec<_> = found
            .iter()
            .map(|s| (s.name.as_str(), s.password, s.max_days, s.ends_on))
            .collect();
        assert_eq!(
            seen,
            [
                ("root", Password::Locked, None, None),
                ("wang", Password::Set, Some(90), Some(20000)),
                ("guest", Password::Empty, None, None),
                ("li", Password::Locked, None, None),
            ]
        );
        assert!(!format!("{found:?}").contains("geheim"));
    }

    #[test]
    fn accounts_and_groups_are_read() {
        let accounts = parse_passwd(
            "wang:x:1000:1000:王,,,:/home/wang:/bin/bash\nopen::1001:1001::/h:\n+nis\n".as_bytes(),
        );
        assert_eq!(accounts.len(), 2);
        assert_eq!(
            (&*accounts[0].full_name, accounts[0].password_empty),
            ("王", false)
        );
        assert!(accounts[1].password_empty);
        let groups = parse_groups(b"sudo:x:27:wang,li\nempty:x:28:\n");
        assert_eq!(groups[0].members, ["wang", "li"]);
        assert!(groups[1].members.is_empty());
    }

    #[test]
    fn sudoers_rules_name_users_and_groups() {
        let file = b"Defaults env_reset\n# no ALL=(ALL) ALL\nUser_Alias X = a\nroot ALL=(ALL:ALL) ALL\n%wheel,wang ALL=(ALL) \\\n NOPASSWD: ALL # why\n@includedir /etc/sudoers.d\n#includedir /x = y\nALL ALL=(root) /bin/x\n";
        assert_eq!(
            parse_sudoers(file),
            [
                Grantee::User("root".into()),
                Grantee::Group("wheel".into()),
                Grantee::User("wang".into()),
                Grantee::All,
            ]
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            parse_passwd(&bytes);
            parse_shadow(&bytes);
            parse_groups(&bytes);
            parse_sudoers(&bytes);
        }

        #[test]
        fn arbitrary_rules_never_panic(text in "[#%!A-Z0-9=é\\\\ \n,]{0,80}") {
            parse_sudoers(text.as_bytes());
        }
    }
}
