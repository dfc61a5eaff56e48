//! Source `proxy/git`: proxies of git, for the system and for each user.

use deskwarden_parse::{ini, proxy::Setting};
use deskwarden_proto::v1::Section;

use super::{Owner, fact, file};
use crate::{
    Fact, Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, homes},
};

const SYSTEM: &str = "etc/gitconfig";
const OF_USER: [&str; 2] = [".gitconfig", ".config/git/config"];

/// Git's configuration files.
pub(in crate::linux) struct Git;

impl Source for Git {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "git",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if let Some(bytes) = gather.file(root, SYSTEM) {
            gather.facts.extend(facts(SYSTEM, &bytes, Owner::default()));
        }
        for (home, path) in homes::files(root, &mut gather, &OF_USER) {
            if let Some(bytes) = gather.file(root, &path) {
                let principal = home.uid.to_string();
                let owner = Owner {
                    principal: &principal,
                    account: &home.name,
                };
                gather.facts.extend(facts(&path, &bytes, owner));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = vec![file(root, SYSTEM)];
        let users = homes::files(root, &mut Gather::default(), &OF_USER);
        all.extend(users.iter().map(|(_, path)| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let users = homes::files(root, &mut Gather::default(), &OF_USER);
        Some(
            root.stamp(
                [SYSTEM, homes::PASSWD]
                    .into_iter()
                    .chain(users.iter().map(|(_, path)| path.as_str())),
            ),
        )
    }
}

fn facts(place: &str, bytes: &[u8], owner: Owner<'_>) -> Vec<Fact> {
    ini::parse_ini(bytes)
        .into_iter()
        .filter(|entry| entry.key.eq_ignore_ascii_case("proxy"))
        .filter(|entry| {
            ["http", "https", "remote"]
                .iter()
                .any(|name| entry.section.eq_ignore_ascii_case(name))
        })
        .filter_map(|entry| {
            let section = entry.section.to_ascii_lowercase();
            let name = match entry.subsection.as_str() {
                "" => format!("{section}.proxy"),
                of => format!("{section}.{}.proxy", without_credentials(of)),
            };
            let value = deskwarden_parse::text::unquote(&entry.value).to_owned();
            fact(
                place,
                &Setting {
                    name,
                    value,
                    in_force: true,
                },
                &[],
                "git",
                owner,
            )
        })
        .collect()
}

/// The address that a section is for may carry a password of its own.
fn without_credentials(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_setting_of_a_user_belongs_to_the_user() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(folder.path().join("home/wang")).unwrap();
        fs::write(
            folder.path().join("etc/passwd"),
            "wang:x:1000:1000::/home/wang:/bin/sh\n",
        )
        .unwrap();
        fs::write(
            folder.path().join("etc/gitconfig"),
            "[core]\nproxy = no\n[http]\nproxy = a:1\n",
        )
        .unwrap();
        let of_user = "[http \"https://u:geheim@x\"]\n\tproxy = socks5://b:2\n[http]\nproxy=\n";
        fs::write(folder.path().join("home/wang/.gitconfig"), of_user).unwrap();
        let reading = Git.read(&Root::at(folder.path()));
        let found: Vec<_> = reading
            .facts
            .iter()
            .map(|f| (f.key.as_str(), f.principal.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("/etc/gitconfig:http.proxy", ""),
                ("/home/wang/.gitconfig:http.https://x.proxy", "1000"),
            ]
        );
    }
}
