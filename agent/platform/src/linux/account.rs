//! Source `account/passwd`: local accounts, who may become an administrator, and the state of passwords.
//! Hashes are never kept.

use std::{collections::BTreeMap, time::SystemTime};

use deskwarden_parse::accounts::{
    self as parse, Account as Line, Grantee, Group, Password, Shadow, parse_groups, parse_passwd,
    parse_shadow, parse_sudoers,
};
use deskwarden_proto::{
    key,
    v1::{Account, Section, facet::Kind},
};

use super::{Root, gather::Gather, homes::PASSWD};
use crate::{Fact, Reading, Source, SourceId, Unavailable, WatchPath, Watched};

const SHADOW: &str = "etc/shadow";
const GROUP: &str = "etc/group";
const SUDOERS: &str = "etc/sudoers";
const SUDOERS_PARTS: &str = "etc/sudoers.d";
/// Groups that distributions give administrators.
const ADMINISTRATORS: [&str; 3] = ["sudo", "wheel", "admin"];
/// Groups whose members can become an administrator by a detour, or read everything.
const PRIVILEGED: [&str; 12] = [
    "root",
    "adm",
    "disk",
    "docker",
    "incus-admin",
    "kvm",
    "libvirt",
    "lpadmin",
    "lxd",
    "shadow",
    "sambashare",
    "systemd-journal",
];
/// Shells that end at once.
const NO_SHELL: [&str; 6] = ["nologin", "false", "sync", "halt", "shutdown", "true"];

/// The local account files.
pub(super) struct Accounts;

impl Source for Accounts {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Account,
            source: "passwd",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(bytes) = gather.file(root, PASSWD) else {
            let why = format!("{}: no accounts", root.display(PASSWD).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        let lines = parse_passwd(&bytes);
        let shadow = gather.file(root, SHADOW).unwrap_or_default();
        let groups = gather.file(root, GROUP).unwrap_or_default();
        let mut granted = gather
            .file(root, SUDOERS)
            .map(|b| parse_sudoers(&b))
            .unwrap_or_default();
        for path in sudoers_parts(root, &mut gather) {
            granted.extend(
                gather
                    .file(root, &path)
                    .map(|b| parse_sudoers(&b))
                    .unwrap_or_default(),
            );
        }
        let passwords = parse_shadow(&shadow);
        let known = Known {
            shadow: passwords.iter().map(|line| (line.name.as_str(), line)).collect(),
            groups: parse_groups(&groups),
            granted,
            today: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| {
                    u32::try_from(since.as_secs() / 86_400).unwrap_or(u32::MAX)
                }),
        };
        gather.facts = facts(&lines, &known);
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all: Vec<WatchPath> = [PASSWD, SHADOW, GROUP, SUDOERS]
            .into_iter()
            .map(|path| WatchPath {
                path: root.display(path),
                what: Watched::File,
            })
            .collect();
        all.push(WatchPath {
            path: root.display(SUDOERS_PARTS),
            what: Watched::Folder,
        });
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let parts = sudoers_parts(root, &mut Gather::default());
        let files = [PASSWD, SHADOW, GROUP, SUDOERS, SUDOERS_PARTS];
        Some(root.stamp(files.into_iter().chain(parts.iter().map(String::as_str))))
    }
}

/// sudo skips names with a dot or a tilde at the end.
fn sudoers_parts(root: &Root, gather: &mut Gather) -> Vec<String> {
    let mut paths = gather.folder(root, SUDOERS_PARTS, "");
    paths.retain(|path| {
        let name = path.rsplit('/').next().unwrap_or_default();
        !name.contains('.') && !name.ends_with('~')
    });
    paths
}

struct Known<'a> {
    shadow: BTreeMap<&'a str, &'a Shadow>,
    groups: Vec<Group>,
    granted: Vec<Grantee>,
    /// Days since 1970.
    today: u32,
}

fn facts(lines: &[Line], known: &Known<'_>) -> Vec<Fact> {
    let mut uids: Vec<u32> = Vec::new();
    lines
        .iter()
        .map(|line| {
            // A second account with the id of another is that other, and must not hide behind it.
            let key = if uids.contains(&line.uid) {
                format!("{}:{}", line.uid, line.name)
            } else {
                uids.push(line.uid);
                line.uid.to_string()
            };
            let principal = if (1_000..60_000).contains(&line.uid) {
                line.uid.to_string()
            } else {
                String::new()
            };
            Fact::machine(key::account(&key), Kind::Account(account(line, known))).of(principal, &line.name)
        })
        .collect()
}

fn account(line: &Line, known: &Known<'_>) -> Account {
    let shadow = known.shadow.get(line.name.as_str());
    let member_of: Vec<&str> = known
        .groups
        .iter()
        .filter(|group| group.gid == line.gid || group.members.contains(&line.name))
        .map(|group| group.name.as_str())
        .collect();
    let granted = |name: &str| {
        known.granted.iter().any(|grantee| match grantee {
            Grantee::User(user) => user == name || *user == format!("#{}", line.uid),
            Grantee::Group(group) => member_of.contains(&group.as_str()),
            Grantee::All => true,
        })
    };
    let mut groups: Vec<String> = member_of
        .iter()
        .filter(|group| ADMINISTRATORS.contains(group) || PRIVILEGED.contains(group))
        .map(|group| (*group).to_owned())
        .collect();
    groups.sort();
    groups.dedup();
    let shell = line.shell.rsplit('/').next().unwrap_or_default();
    let interactive = !NO_SHELL.contains(&shell);
    let password = if line.password_empty {
        Password::Empty
    } else {
        shadow.map_or(Password::Set, |shadow| shadow.password)
    };
    let ended = shadow
        .and_then(|shadow| shadow.ends_on)
        .is_some_and(|day| day <= known.today);
    Account {
        name: line.name.clone(),
        full_name: line.full_name.clone(),
        administrator: line.uid == 0
            || member_of.iter().any(|group| ADMINISTRATORS.contains(group))
            || granted(&line.name),
        enabled: interactive && !ended && password != parse::Password::Locked,
        password_empty: password == Password::Empty,
        password_never_expires: password == Password::Set
            && shadow.is_some_and(|shadow| shadow.max_days.is_none()),
        groups,
        shell: line.shell.clone(),
        interactive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    fn of<'a>(reading: &'a Reading, key: &str) -> &'a Account {
        let fact = reading.facts.iter().find(|fact| fact.key == key).unwrap();
        match &fact.facet.kind {
            Some(Kind::Account(account)) => account,
            _ => panic!("not an account"),
        }
    }

    #[test]
    fn administrators_empty_passwords_and_twins_of_root_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Accounts.read(&root).look, Look::Unsupported);
        let etc = folder.path().join("etc");
        fs::create_dir_all(etc.join("sudoers.d")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\ndaemon:x:1:1::/:/usr/sbin/nologin\n\
wang:x:1000:1000:王:/home/wang:/bin/bash\nli:x:1001:1001::/home/li:/bin/bash\nzhao:x:1002:1002::/home/zhao:/bin/bash\n";
        fs::write(etc.join("passwd"), passwd).unwrap();
        let shadow = "root:*:1:0:99999:7:::\ntoor:$6$geheim12:1:0:99999:7:::\nwang:$6$geheim12:1:0:90:7:::\nli::1:0:99999:7:::\nzhao:$6$geheim12:1:0:99999:7::100:\n";
        fs::write(etc.join("shadow"), shadow).unwrap();
        fs::write(
            etc.join("group"),
            "sudo:x:27:wang\ndocker:x:999:li\nwang:x:1000:\n",
        )
        .unwrap();
        fs::write(etc.join("sudoers.d/zhao"), "zhao ALL=(ALL) NOPASSWD: ALL\n").unwrap();
        fs::write(etc.join("sudoers.d/li.save"), "li ALL=(ALL) ALL\n").unwrap();
        let reading = Accounts.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        assert_eq!(reading.facts.len(), 6);
        let twin = of(&reading, "0:toor");
        assert!(twin.administrator && twin.enabled && twin.password_never_expires);
        let wang = of(&reading, "1000");
        assert!(wang.administrator && wang.enabled && !wang.password_never_expires);
        assert_eq!(
            (wang.groups.as_slice(), &*wang.full_name),
            (&["sudo".to_owned()][..], "王")
        );
        let li = of(&reading, "1001");
        assert!(!li.administrator && li.password_empty && li.groups == ["docker"]);
        let zhao = of(&reading, "1002");
        assert!(zhao.administrator && !zhao.enabled, "the account has ended");
        assert!(!of(&reading, "1").interactive && !of(&reading, "0").enabled);
        assert!(!format!("{reading:?}").contains("geheim"));
    }

    #[test]
    fn without_the_right_to_passwords_the_look_is_partial() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("etc/shadow")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "wang:x:1000:1000::/home/wang:/bin/bash\n",
        )
        .unwrap();
        let reading = Accounts.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Partial);
        assert!(reading.reason.contains("etc/shadow") && !of(&reading, "1000").password_empty);
    }

    #[test]
    fn the_running_system_has_root() {
        assert!(of(&Accounts.read(&Root::host()), "0").administrator);
    }
}
