//! Source `security/password-policy`: the shortest password that can be set, and how long one lasts.

use deskwarden_parse::{ini, text};
use deskwarden_proto::v1::Security;

use super::{fact, file, folder, id, switch};
use crate::{Reading, Root, Source, SourceId, WatchPath, linux::gather::Gather};

const LOGIN_DEFS: &str = "etc/login.defs";
const PWQUALITY: &str = "etc/security/pwquality.conf";
const PWQUALITY_PARTS: &str = "etc/security/pwquality.conf.d";
/// Deepin and UOS keep their own.
const DEEPIN: &str = "etc/deepin/dde.conf";
/// Where the stack that sets passwords stands, by distribution.
const PAM: [&str; 3] = [
    "etc/pam.d/common-password",
    "etc/pam.d/system-auth",
    "etc/pam.d/password-auth",
];
/// Modules that refuse weak passwords, with the length that each asks for when nothing is set.
const MODULES: [(&str, u32); 4] = [
    ("pam_pwquality", 8),
    ("pam_cracklib", 9),
    ("pam_passwdqc", 8),
    ("pam_deepin_pw_check", 6),
];
/// pam_unix asks for so many when nothing else does.
const UNIX_LENGTH: u32 = 6;
const FILES: [&str; 6] = [LOGIN_DEFS, PWQUALITY, DEEPIN, PAM[0], PAM[1], PAM[2]];

/// Files that say which passwords may be set.
pub(in crate::linux) struct PasswordPolicy;

impl Source for PasswordPolicy {
    fn id(&self) -> SourceId {
        id("password-policy")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let defs = gather.file(root, LOGIN_DEFS).unwrap_or_default();
        let stack: Vec<Vec<u8>> = PAM.iter().filter_map(|path| gather.file(root, path)).collect();
        let mut configured = None;
        let mut paths = gather.folder(root, PWQUALITY_PARTS, ".conf");
        paths.insert(0, PWQUALITY.to_owned());
        for path in paths {
            if let Some(bytes) = gather.file(root, &path) {
                configured = number(ini::value(&ini::parse_ini(&bytes), "", "minlen")).or(configured);
            }
        }
        if let Some(bytes) = gather.file(root, DEEPIN) {
            let entries = ini::parse_ini(&bytes);
            configured = number(ini::value(&entries, "Password", "PASSWORD_MIN_LENGTH")).or(configured);
        }
        if stack.is_empty() && defs.is_empty() {
            let place = root.display(PAM[0]);
            let why = format!("{}: no files that set a password policy", place.display());
            return gather.finish_without(self.id(), crate::Unavailable::Unsupported(why));
        }
        let found = stack.iter().flat_map(|bytes| modules(bytes)).next();
        let days = login_def(&defs, "PASS_MAX_DAYS").filter(|days| *days < 99_999);
        let (product, length) = match found {
            Some((name, default, argument)) => (name, argument.or(configured).unwrap_or(default)),
            None => {
                let unix = stack.iter().find_map(|bytes| unix_length(bytes));
                ("pam_unix", unix.unwrap_or(UNIX_LENGTH))
            }
        };
        gather.facts.push(fact(Security {
            topic: "password_policy".to_owned(),
            // The product is told in the detail, so that a stronger one is a change of one item.
            enabled: switch(found.is_some()).into(),
            minimum_length: length,
            seconds: u64::from(days.unwrap_or_default()) * 86_400,
            detail: match days {
                Some(days) => format!("{product}, {days} d"),
                None => product.to_owned(),
            },
            ..Security::default()
        }));
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all: Vec<WatchPath> = FILES.iter().map(|path| file(root, path)).collect();
        all.push(folder(root, PWQUALITY_PARTS));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let parts = Gather::default().folder(root, PWQUALITY_PARTS, ".conf");
        Some(root.stamp(FILES.into_iter().chain(parts.iter().map(String::as_str))))
    }
}

/// Modules of a stack that refuse weak passwords: name, length by default, length by argument.
fn modules(bytes: &[u8]) -> Vec<(&'static str, u32, Option<u32>)> {
    password_lines(bytes)
        .iter()
        .filter_map(|line| {
            let (name, default) = MODULES.iter().find(|(name, _)| line.contains(name))?;
            let argument = line.split_whitespace().find_map(|word| {
                let value = word
                    .strip_prefix("minlen=")
                    .or_else(|| word.strip_prefix("min="))?;
                // The last of passwdqc's list is for the simplest kind of password.
                number(value.rsplit(',').find(|value| *value != "disabled")?)
            });
            Some((*name, *default, argument))
        })
        .collect()
}

fn unix_length(bytes: &[u8]) -> Option<u32> {
    password_lines(bytes)
        .iter()
        .filter(|line| line.contains("pam_unix"))
        .find_map(|line| {
            line.split_whitespace()
                .find_map(|word| number(word.strip_prefix("minlen=")?))
        })
}

fn password_lines(bytes: &[u8]) -> Vec<String> {
    text::lines(bytes)
        .map(|line| text::decode(line).trim().trim_start_matches('-').to_owned())
        .filter(|line| line.starts_with("password"))
        .collect()
}

fn login_def(bytes: &[u8], name: &str) -> Option<u32> {
    text::lines(bytes)
        .filter_map(|line| {
            let line = text::decode(line);
            let mut words = line.split_whitespace();
            (words.next() == Some(name)).then(|| words.next().and_then(number))?
        })
        .last()
}

fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{security, write};
    use super::*;
    use deskwarden_proto::v1::{Look, Switch};

    #[test]
    fn the_length_comes_from_the_module_its_file_or_its_default() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(PasswordPolicy.read(&root).look, Look::Unsupported);
        let seen = |root: &Root| {
            let reading = PasswordPolicy.read(root);
            let found = security(&reading.facts[0]);
            (found.enabled(), found.minimum_length, found.seconds)
        };
        write(
            folder.path(),
            &[
                (LOGIN_DEFS, b"# PASS_MAX_DAYS 1\nPASS_MAX_DAYS\t99999\n"),
                (PAM[0], b"password [success=1] pam_unix.so obscure yescrypt\n"),
            ],
        );
        assert_eq!(seen(&root), (Switch::Off, 6, 0));
        write(
            folder.path(),
            &[
                (LOGIN_DEFS, b"PASS_MAX_DAYS 90\n"),
                (PAM[0], b"password requisite pam_pwquality.so retry=3\n"),
            ],
        );
        assert_eq!(seen(&root), (Switch::On, 8, 90 * 86_400));
        write(folder.path(), &[(PWQUALITY, b"# minlen = 3\nminlen = 10\n")]);
        assert_eq!(seen(&root).1, 10);
        write(
            folder.path(),
            &[(PAM[0], b"password requisite pam_pwquality.so minlen=12\n")],
        );
        assert_eq!(seen(&root).1, 12);
    }
}
