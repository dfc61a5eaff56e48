//! Source `proxy/git`: proxies of git, for the system and for each user, with the files that they include.
//! Repositories' own settings are not looked for: that would be a search of whole disks.

use deskwarden_parse::{ini, proxy::Setting};
use deskwarden_proto::v1::Section;

use super::{Owner, fact, file};
use crate::{
    Fact, Reading, Root, Source, SourceId, Unavailable, WatchPath,
    linux::{gather::Gather, homes},
};

const SYSTEM: &str = "etc/gitconfig";
const OF_USER: [&str; 2] = [".gitconfig", ".config/git/config"];
/// Most files that a file includes, with those that these include.
const MAX_INCLUDED: usize = 32;

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
        for (path, bytes) in with_included(root, &mut gather, SYSTEM, "") {
            gather.facts.extend(facts(&path, &bytes, Owner::default()));
        }
        for (home, path) in homes::files(root, &mut gather, &OF_USER) {
            let principal = home.uid.to_string();
            let owner = Owner {
                principal: &principal,
                account: &home.name,
            };
            for (path, bytes) in with_included(root, &mut gather, &path, &home.home) {
                gather.facts.extend(facts(&path, &bytes, owner));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        paths(root).iter().map(|path| file(root, path)).collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let paths = paths(root);
        Some(root.stamp(std::iter::once(homes::PASSWD).chain(paths.iter().map(String::as_str))))
    }
}

/// Every file that is read; those to include are known only by reading.
fn paths(root: &Root) -> Vec<String> {
    let mut gather = Gather::default();
    let mut begin = vec![(SYSTEM.to_owned(), String::new())];
    let users = homes::files(root, &mut gather, &OF_USER).into_iter();
    begin.extend(users.map(|(home, path)| (path, home.home)));
    let mut all = Vec::new();
    for (path, home) in begin {
        let found = with_included(root, &mut gather, &path, &home);
        all.extend(found.into_iter().map(|(path, _)| path));
        if !all.contains(&path) {
            all.push(path);
        }
    }
    all
}

/// A file and what it includes, each once. Conditions are not judged: what one includes may be in force
/// somewhere.
fn with_included(root: &Root, gather: &mut Gather, path: &str, home: &str) -> Vec<(String, Vec<u8>)> {
    let mut todo = vec![path.to_owned()];
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    while let Some(path) = todo.pop() {
        if found.len() > MAX_INCLUDED || found.iter().any(|(known, _)| *known == path) {
            continue;
        }
        let Some(bytes) = gather.file(root, &path) else {
            continue;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for named in includes(&bytes) {
            match included(&named, folder, home) {
                Some(path) => todo.push(path),
                None => gather.fault(Unavailable::Unsupported(format!(
                    "{}: includes a file outside of the home and of the system's settings, which is not read",
                    root.display(&path).display()
                ))),
            }
        }
        found.push((path, bytes));
    }
    found
}

/// What a file names as to be included.
fn includes(bytes: &[u8]) -> Vec<String> {
    ini::parse_ini(bytes)
        .into_iter()
        .filter(|entry| {
            entry.key.eq_ignore_ascii_case("path")
                && ["include", "includeIf"]
                    .iter()
                    .any(|name| entry.section.eq_ignore_ascii_case(name))
        })
        .map(|entry| deskwarden_parse::text::unquote(&entry.value).to_owned())
        .filter(|named| !named.is_empty())
        .collect()
}

/// The path of a named file; `None` where whoever wrote the name must not make the agent read, which may read
/// more than he.
fn included(named: &str, folder: &str, home: &str) -> Option<String> {
    let home = home.trim_end_matches('/');
    let path = match named.strip_prefix("~/") {
        Some(rest) => format!("{home}/{rest}"),
        None if named.starts_with('/') => named.to_owned(),
        None if named.starts_with('~') => return None,
        None => format!("/{}/{named}", folder.trim_start_matches('/')),
    };
    let inside = |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/'));
    let allowed = ["/etc", "/usr"].into_iter().any(inside) || (!home.is_empty() && inside(home));
    (allowed && !path.split('/').any(|step| step == "..")).then_some(path)
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
    use deskwarden_proto::v1::Look;
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

    #[test]
    fn what_a_file_includes_is_read_once_and_a_ring_ends() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let rows = [
            ("etc/passwd", "wang:x:1000:1000::/home/wang:/bin/sh\n"),
            (
                "home/wang/.gitconfig",
                "[include]\n\tpath = work.inc\n[includeIf \"gitdir:~/src/\"]\n\tpath = ~/.git-src\n",
            ),
            (
                "home/wang/work.inc",
                "[http]\nproxy = a:1\n[include]\npath = /home/wang/.gitconfig\n",
            ),
            ("home/wang/.git-src", "[http]\nproxy = b:2\n"),
        ];
        for (path, content) in rows {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let reading = Git.read(&root);
        let keys: Vec<_> = reading
            .facts
            .iter()
            .map(|fact| (&*fact.key, &*fact.principal))
            .collect();
        assert_eq!(
            keys,
            [
                ("/home/wang/.git-src:http.proxy", "1000"),
                ("/home/wang/work.inc:http.proxy", "1000"),
            ]
        );
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let stamp = Git.stamp(&root);
        fs::write(
            folder.path().join("home/wang/work.inc"),
            "[http]\nproxy = other:1\n",
        )
        .unwrap();
        assert_ne!(Git.stamp(&root), stamp);
        assert!(
            Git.watches(&root)
                .iter()
                .any(|watch| watch.path.ends_with("work.inc"))
        );
    }

    #[test]
    fn a_person_cannot_make_the_agent_read_what_is_not_his() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir_all(folder.path().join("etc")).unwrap();
        fs::create_dir_all(folder.path().join("root")).unwrap();
        fs::create_dir_all(folder.path().join("home/wang")).unwrap();
        fs::write(folder.path().join("root/secret"), "[http]\nproxy = a:1\n").unwrap();
        let passwd = "wang:x:1000:1000::/home/wang:/bin/sh\n";
        fs::write(folder.path().join("etc/passwd"), passwd).unwrap();
        for named in [
            "/root/secret",
            "../../root/secret",
            "~/../../root/secret",
            "~root/secret",
        ] {
            let config = format!("[include]\npath = {named}\n");
            fs::write(folder.path().join("home/wang/.gitconfig"), config).unwrap();
            let reading = Git.read(&root);
            assert!(reading.facts.is_empty(), "{named}");
            assert_eq!(reading.look, Look::Partial, "{named}: said, not passed over");
        }
    }
}
