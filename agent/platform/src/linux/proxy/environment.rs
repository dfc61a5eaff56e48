//! Source `proxy/environment`: variables that every session of the PC gets.

use deskwarden_parse::shell::{parse_environment, parse_shell};
use deskwarden_proto::v1::Section;

use super::{Owner, file, folder, variables};
use crate::{Reading, Root, Source, SourceId, WatchPath, linux::gather::Gather};

const ENVIRONMENT: &str = "etc/environment";
const ENVIRONMENT_FOLDERS: [&str; 2] = ["etc/environment.d", "usr/lib/environment.d"];
const SHELL: [&str; 3] = ["etc/profile", "etc/bash.bashrc", "etc/zsh/zshenv"];
const PROFILES: &str = "etc/profile.d";
/// openSUSE sets the variables of every session by this, where it is switched on.
const SYSCONFIG: &str = "etc/sysconfig/proxy";

/// `/etc/environment`, `environment.d`, and the start-up files of shells.
pub(in crate::linux) struct Environment;

impl Source for Environment {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "environment",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let (plain, shell) = places(root, &mut gather);
        for path in plain {
            if let Some(bytes) = gather.file(root, &path) {
                gather
                    .facts
                    .extend(variables(&path, &parse_environment(&bytes), Owner::default()));
            }
        }
        if let Some(bytes) = gather.file(root, SYSCONFIG) {
            let mut settings = parse_environment(&bytes);
            let on = settings
                .iter()
                .any(|setting| setting.name == "PROXY_ENABLED" && setting.value.eq_ignore_ascii_case("yes"));
            for setting in &mut settings {
                setting.in_force = on;
            }
            gather
                .facts
                .extend(variables(SYSCONFIG, &settings, Owner::default()));
        }
        for path in shell {
            if let Some(bytes) = gather.file(root, &path) {
                gather
                    .facts
                    .extend(variables(&path, &parse_shell(&bytes), Owner::default()));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all = vec![
            file(root, ENVIRONMENT),
            folder(root, PROFILES),
            file(root, SYSCONFIG),
        ];
        all.extend(ENVIRONMENT_FOLDERS.map(|path| folder(root, path)));
        all.extend(SHELL.map(|path| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let (plain, shell) = places(root, &mut Gather::default());
        Some(root.stamp(plain.iter().chain(&shell).map(String::as_str).chain([SYSCONFIG])))
    }
}

fn places(root: &Root, gather: &mut Gather) -> (Vec<String>, Vec<String>) {
    let mut plain = vec![ENVIRONMENT.to_owned()];
    for path in ENVIRONMENT_FOLDERS {
        let files = gather.folder(root, path, ".conf");
        // Debian's systemd links /etc/environment in here; it is told once, under its own name.
        let same = |path: &String| root.read_link(path).is_some_and(|to| to.ends_with(ENVIRONMENT));
        plain.extend(files.into_iter().filter(|path| !same(path)));
    }
    let mut shell: Vec<String> = SHELL.map(str::to_owned).to_vec();
    shell.extend(gather.folder(root, PROFILES, ".sh"));
    (plain, shell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::{Look, facet::Kind};
    use std::fs;

    #[test]
    fn a_line_in_the_environment_file_is_a_fact_without_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let empty = Environment.read(&root);
        assert_eq!((empty.look, empty.facts.len()), (Look::Looked, 0));
        let stamp = Environment.stamp(&root);
        fs::create_dir_all(folder.path().join("etc/profile.d")).unwrap();
        let line = "http_proxy=http://wang:geheim@10.0.0.9:3128\nno_proxy=localhost,.corp\n";
        fs::write(folder.path().join(ENVIRONMENT), line).unwrap();
        fs::write(
            folder.path().join("etc/profile.d/p.sh"),
            "export https_proxy=http://b:1\n",
        )
        .unwrap();
        let reading = Environment.read(&root);
        assert_ne!(stamp, Environment.stamp(&root));
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(
            keys,
            ["/etc/environment:http_proxy", "/etc/profile.d/p.sh:https_proxy"]
        );
        let Some(Kind::Proxy(proxy)) = &reading.facts[0].facet.kind else {
            panic!("not a proxy")
        };
        assert_eq!(
            (&*proxy.value, proxy.had_credentials),
            ("http://10.0.0.9:3128", true)
        );
        assert_eq!(proxy.bypass, ["localhost", ".corp"]);
        assert!(!format!("{reading:?}").contains("geheim"));
    }

    #[test]
    fn a_file_that_cannot_be_read_makes_the_look_partial() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("etc/environment")).unwrap();
        let reading = Environment.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Partial);
        assert!(reading.reason.contains("etc/environment"), "{}", reading.reason);
    }
}
