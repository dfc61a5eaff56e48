//! Source `proxy/user-environment`: variables that a user's own start-up files set.

use deskwarden_parse::shell::{parse_environment, parse_shell};
use deskwarden_proto::v1::Section;

use super::{Owner, file, folder, variables};
use crate::{
    Reading, Root, Source, SourceId, WatchPath,
    linux::{
        gather::Gather,
        homes::{self, Home},
    },
};

const SHELL: [&str; 7] = [
    ".profile",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".xsessionrc",
    ".zshrc",
    ".zshenv",
];
const PLAIN: [&str; 1] = [".pam_environment"];
const PARTS: &str = ".config/environment.d";

/// Start-up files in the homes of people and of root.
pub(in crate::linux) struct UserEnvironment;

impl Source for UserEnvironment {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "user-environment",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let shell = homes::files(root, &mut gather, &SHELL);
        let plain = plain(root, &mut gather);
        for (files, parse) in [(shell, parse_shell as fn(&[u8]) -> _), (plain, parse_environment)] {
            for (home, path) in files {
                let Some(bytes) = gather.file(root, &path) else {
                    continue;
                };
                let principal = home.uid.to_string();
                let owner = Owner {
                    principal: &principal,
                    account: &home.name,
                };
                gather.facts.extend(variables(&path, &parse(&bytes), owner));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all: Vec<WatchPath> = paths(root)
            .iter()
            .filter(|path| !path.contains(PARTS))
            .map(|path| file(root, path))
            .collect();
        let parts = homes::files(root, &mut Gather::default(), &[PARTS]);
        all.extend(parts.iter().map(|(_, path)| folder(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let paths = paths(root);
        Some(root.stamp(std::iter::once(homes::PASSWD).chain(paths.iter().map(String::as_str))))
    }
}

fn plain(root: &Root, gather: &mut Gather) -> Vec<(Home, String)> {
    let mut all = homes::files(root, gather, &PLAIN);
    for (home, path) in homes::files(root, gather, &[PARTS]) {
        all.extend(
            gather
                .folder(root, &path, ".conf")
                .into_iter()
                .map(|path| (home.clone(), path)),
        );
    }
    all
}

fn paths(root: &Root) -> Vec<String> {
    let mut gather = Gather::default();
    let mut all = homes::files(root, &mut gather, &SHELL);
    all.extend(plain(root, &mut gather));
    all.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn each_user_is_read_and_no_link_leads_out() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("rc"), "export http_proxy=http://outside:1\n").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home/wang");
        fs::create_dir_all(home.join(PARTS)).unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "wang:x:1000:1000::/home/wang:/bin/sh\n",
        )
        .unwrap();
        fs::write(home.join(".profile"), "export http_proxy=http://a:1\n").unwrap();
        fs::write(home.join(PARTS).join("10.conf"), "https_proxy=http://b:2\n").unwrap();
        symlink(outside.path().join("rc"), home.join(".bashrc")).unwrap();
        let reading = UserEnvironment.read(&Root::at(folder.path()));
        let found: Vec<_> = reading
            .facts
            .iter()
            .map(|f| (f.key.as_str(), f.principal.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/home/wang/.config/environment.d/10.conf:https_proxy", "1000"),
                ("/home/wang/.profile:http_proxy", "1000"),
            ]
        );
    }
}
