//! Source `proxy/tools`: npm, pip, wget, curl, dnf, and the environment that systemd and PAM give programs.

use deskwarden_parse::{
    ini,
    proxy::Setting,
    shell::parse_environment,
    text,
    tool_conf::{parse_assignments, parse_curlrc},
};
use deskwarden_proto::v1::Section;

use super::{Owner, fact, file, variables};
use crate::{
    Fact, Reading, Root, Source, SourceId, WatchPath,
    linux::{gather::Gather, homes},
};

/// How the proxies of a file are found.
#[derive(Clone, Copy)]
enum Form {
    /// Keys of this section.
    Keys(&'static str, &'static [&'static str]),
    Curl,
    /// `DefaultEnvironment=` of systemd's manager.
    Manager,
    Environment,
    /// As openSUSE keeps them: one line says whether the others count.
    Sysconfig,
}

const NPM: Form = Form::Keys("", &["proxy", "https-proxy", "http-proxy"]);
const PIP: Form = Form::Keys("global", &["proxy"]);
const WGET: Form = Form::Keys("", &["http_proxy", "https_proxy", "ftp_proxy"]);
const DNF: Form = Form::Keys("main", &["proxy"]);

/// Program, file and form, of the machine.
const OF_MACHINE: [(&str, &str, Form); 13] = [
    ("npm", "etc/npmrc", NPM),
    ("npm", "usr/etc/npmrc", NPM),
    ("pip", "etc/pip.conf", PIP),
    ("pip", "etc/xdg/pip/pip.conf", PIP),
    ("wget", "etc/wgetrc", WGET),
    ("wget", "usr/local/etc/wgetrc", WGET),
    ("curl", "etc/curlrc", Form::Curl),
    ("dnf", "etc/dnf/dnf.conf", DNF),
    ("yum", "etc/yum.conf", DNF),
    ("", "etc/systemd/system.conf", Form::Manager),
    ("", "etc/systemd/user.conf", Form::Manager),
    ("", "etc/security/pam_env.conf", Form::Environment),
    ("", "etc/sysconfig/proxy", Form::Sysconfig),
];
/// Folders of parts of systemd's own configuration.
const MANAGER_PARTS: [&str; 2] = ["etc/systemd/system.conf.d", "etc/systemd/user.conf.d"];
/// Program, file in the home, form.
const OF_USER: [(&str, &str, Form); 7] = [
    ("npm", ".npmrc", NPM),
    ("pip", ".config/pip/pip.conf", PIP),
    ("pip", ".pip/pip.conf", PIP),
    ("wget", ".wgetrc", WGET),
    ("curl", ".curlrc", Form::Curl),
    ("curl", ".config/curlrc", Form::Curl),
    ("", ".config/systemd/user.conf", Form::Manager),
];

/// Configuration files of tools.
pub(in crate::linux) struct Tools;

impl Source for Tools {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "tools",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (program, path, form) in OF_MACHINE {
            if let Some(bytes) = gather.file(root, path) {
                gather
                    .facts
                    .extend(facts(program, path, form, &bytes, Owner::default()));
            }
        }
        for part in MANAGER_PARTS {
            for path in gather.folder(root, part, ".conf") {
                if let Some(bytes) = gather.file(root, &path) {
                    gather
                        .facts
                        .extend(facts("", &path, Form::Manager, &bytes, Owner::default()));
                }
            }
        }
        for (program, name, form) in OF_USER {
            for (home, path) in homes::files(root, &mut gather, &[name]) {
                if let Some(bytes) = gather.file(root, &path) {
                    let principal = home.uid.to_string();
                    let owner = Owner {
                        principal: &principal,
                        account: &home.name,
                    };
                    gather.facts.extend(facts(program, &path, form, &bytes, owner));
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all: Vec<WatchPath> = OF_MACHINE.iter().map(|(_, path, _)| file(root, path)).collect();
        all.extend(MANAGER_PARTS.map(|path| super::folder(root, path)));
        all.extend(of_users(root).iter().map(|path| file(root, path)));
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let mut all = of_users(root);
        all.extend(
            MANAGER_PARTS
                .iter()
                .flat_map(|part| gather.folder(root, part, ".conf")),
        );
        let fixed = OF_MACHINE.iter().map(|(_, path, _)| *path).chain([homes::PASSWD]);
        Some(root.stamp(fixed.chain(all.iter().map(String::as_str))))
    }
}

fn of_users(root: &Root) -> Vec<String> {
    let names = OF_USER.map(|(_, name, _)| name);
    let files = homes::files(root, &mut Gather::default(), &names);
    files.into_iter().map(|(_, path)| path).collect()
}

fn facts(program: &str, path: &str, form: Form, bytes: &[u8], owner: Owner<'_>) -> Vec<Fact> {
    let one = |setting: &Setting| fact(path, setting, &[], program, owner);
    match form {
        Form::Keys(section, keys) => ini::parse_ini(bytes)
            .iter()
            .filter(|entry| entry.section == section && keys.contains(&entry.key.as_str()))
            .filter_map(|entry| {
                let value = text::unquote(&entry.value);
                // npm writes `null` for none, dnf `_none_`.
                let none = matches!(value, "null" | "_none_");
                let setting = Setting {
                    name: entry.key.clone(),
                    value: value.to_owned(),
                    in_force: true,
                };
                one(&setting).filter(|_| !none)
            })
            .collect(),
        Form::Curl => parse_curlrc(bytes).iter().filter_map(one).collect(),
        Form::Manager => {
            let entries = ini::parse_ini(bytes);
            let settings: Vec<Setting> = ["DefaultEnvironment", "ManagerEnvironment"]
                .iter()
                .flat_map(|key| ini::values(&entries, "Manager", key))
                .flat_map(parse_assignments)
                .collect();
            variables(path, &settings, owner)
        }
        Form::Environment => variables(path, &parse_environment(bytes), owner),
        Form::Sysconfig => {
            let mut settings = parse_environment(bytes);
            let on = settings
                .iter()
                .any(|setting| setting.name == "PROXY_ENABLED" && setting.value.eq_ignore_ascii_case("yes"));
            settings.iter_mut().for_each(|setting| setting.in_force &= on);
            variables(path, &settings, owner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::facet::Kind;
    use std::fs;

    #[test]
    fn each_tool_is_read_in_its_own_form() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let rows = [
            ("etc/passwd", "wang:x:1000:1000::/home/wang:/bin/sh\n"),
            (
                "home/wang/.npmrc",
                "proxy=http://u:geheim@a:1\nhttps-proxy=null\n//registry/:_authToken=geheim\n",
            ),
            (
                "home/wang/.config/pip/pip.conf",
                "[global]\nproxy = b:2\n[install]\nproxy = no\n",
            ),
            ("home/wang/.wgetrc", "http_proxy = http://c:3/\n"),
            ("home/wang/.curlrc", "proxy = \"d:4\"\n"),
            (
                "etc/systemd/system.conf",
                "[Manager]\nDefaultEnvironment=\"http_proxy=http://e:5\" A=b\n",
            ),
            ("etc/security/pam_env.conf", "https_proxy DEFAULT=http://f:6\n"),
        ];
        for (path, content) in rows {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let stamp = Tools.stamp(&root);
        let reading = Tools.read(&root);
        let mut found: Vec<_> = reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Proxy(proxy)) => (proxy.host.as_str(), proxy.port, proxy.program.as_str()),
                _ => panic!("not a proxy"),
            })
            .collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [
                ("a", 1, "npm"),
                ("b", 2, "pip"),
                ("c", 3, "wget"),
                ("d", 4, "curl"),
                ("e", 5, ""),
                ("f", 6, "")
            ]
        );
        assert!(!format!("{reading:?}").contains("geheim"));
        fs::write(folder.path().join("home/wang/.curlrc"), "").unwrap();
        assert_ne!(stamp, Tools.stamp(&root));
    }

    #[test]
    fn a_switch_of_opensuse_turns_all_its_proxies_off() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir_all(folder.path().join("etc/sysconfig")).unwrap();
        for (switch, expected) in [("yes", true), ("no", false)] {
            let text =
                format!("PROXY_ENABLED=\"{switch}\"\nHTTP_PROXY=\"http://a:1\"\nNO_PROXY=\"localhost\"\n");
            fs::write(folder.path().join("etc/sysconfig/proxy"), text).unwrap();
            let reading = Tools.read(&root);
            let Some(Kind::Proxy(proxy)) = &reading.facts[0].facet.kind else {
                panic!("not a proxy")
            };
            assert_eq!((proxy.enabled, &*proxy.host), (expected, "a"));
            assert_eq!(proxy.bypass, ["localhost"]);
        }
    }
}
