//! Source `proxy/browsers`: Firefox profiles and policies, Chromium policies. A proxy that an extension of
//! Chromium sets stands among browsing data, which is never opened.

use deskwarden_parse::{
    browser::{parse_chromium_policy, parse_firefox_policies, parse_firefox_prefs},
    proxy::{Setting, parse_bypass},
};
use deskwarden_proto::v1::Section;

use super::{Owner, fact, file, folder};
use crate::{
    Reading, Root, Source, SourceId, Unavailable, WatchPath,
    linux::{
        gather::Gather,
        homes::{self, Home},
    },
};

const FIREFOX_POLICIES: [&str; 7] = [
    "etc/firefox/policies/policies.json",
    "etc/firefox-esr/policies/policies.json",
    "opt/firefox/distribution/policies.json",
    "usr/lib64/firefox-esr/distribution/policies.json",
    "usr/lib/firefox/distribution/policies.json",
    "usr/lib64/firefox/distribution/policies.json",
    "usr/lib/firefox-esr/distribution/policies.json",
];
const PROFILES: [&str; 3] = [
    ".mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
];
const PREFERENCES: [&str; 2] = ["prefs.js", "user.js"];
/// Program and the folder of its policies.
const CHROMIUM: [(&str, &str); 8] = [
    ("chromium", "etc/chromium/policies"),
    ("chromium", "etc/chromium-browser/policies"),
    ("chrome", "etc/opt/chrome/policies"),
    ("edge", "etc/opt/edge/policies"),
    ("brave", "etc/brave/policies"),
    ("opera", "etc/opt/opera/policies"),
    ("vivaldi", "etc/opt/vivaldi/policies"),
    ("uos-browser", "etc/browser/policies"),
];

/// Preferences and policies of browsers.
pub(in crate::linux) struct Browsers;

type Parsed = Option<(Vec<Setting>, String)>;

impl Source for Browsers {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Proxy,
            source: "browsers",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for path in FIREFOX_POLICIES {
            read(
                root,
                &mut gather,
                path,
                "firefox",
                Owner::default(),
                parse_firefox_policies,
            );
        }
        for (program, path) in chromium_files(root, &mut gather) {
            read(
                root,
                &mut gather,
                &path,
                program,
                Owner::default(),
                parse_chromium_policy,
            );
        }
        for (home, path) in preferences(root, &mut gather) {
            let principal = home.uid.to_string();
            let owner = Owner {
                principal: &principal,
                account: &home.name,
            };
            read(root, &mut gather, &path, "firefox", owner, |bytes| {
                Some(parse_firefox_prefs(bytes))
            });
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut all: Vec<WatchPath> = FIREFOX_POLICIES.iter().map(|path| file(root, path)).collect();
        all.extend(
            CHROMIUM
                .iter()
                .map(|(_, path)| folder(root, &format!("{path}/managed"))),
        );
        // Firefox writes its preferences while it runs, now and then.
        let mut gather = Gather::default();
        all.extend(
            preferences(root, &mut gather)
                .iter()
                .map(|(_, path)| file(root, path)),
        );
        all
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let mut gather = Gather::default();
        let mut all: Vec<String> = chromium_files(root, &mut gather)
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        all.extend(preferences(root, &mut gather).into_iter().map(|(_, path)| path));
        let fixed = FIREFOX_POLICIES.into_iter().chain([homes::PASSWD]);
        Some(root.stamp(fixed.chain(all.iter().map(String::as_str))))
    }
}

fn read(
    root: &Root,
    gather: &mut Gather,
    path: &str,
    program: &str,
    owner: Owner<'_>,
    parse: impl Fn(&[u8]) -> Parsed,
) {
    let Some(bytes) = gather.file(root, path) else {
        return;
    };
    let Some((settings, bypass)) = parse(&bytes) else {
        let place = root.display(path);
        gather.fault(Unavailable::Failed(format!(
            "{}: not JSON, not read",
            place.display()
        )));
        return;
    };
    let bypass = parse_bypass(&bypass);
    for setting in &settings {
        gather.facts.extend(fact(path, setting, &bypass, program, owner));
    }
}

fn chromium_files(root: &Root, gather: &mut Gather) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for (program, path) in CHROMIUM {
        for kind in ["recommended", "managed"] {
            let files = gather.folder(root, &format!("{path}/{kind}"), ".json");
            found.extend(files.into_iter().map(|path| (program, path)));
        }
    }
    found
}

fn preferences(root: &Root, gather: &mut Gather) -> Vec<(Home, String)> {
    let mut found = Vec::new();
    for (home, path) in homes::files(root, gather, &PROFILES) {
        for profile in gather.folder(root, &path, "") {
            for name in PREFERENCES {
                let path = format!("{profile}/{name}");
                if gather.there(root, &path) {
                    found.push((home.clone(), path));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn profiles_and_policies_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Browsers.read(&root).look, Look::Looked);
        let rows = [
            ("etc/passwd", "wang:x:1000:1000::/home/wang:/bin/sh\n"),
            (
                "home/wang/.mozilla/firefox/a.default/prefs.js",
                "user_pref(\"network.proxy.http\", \"10.0.0.9\");\nuser_pref(\"network.proxy.type\", 1);\n",
            ),
            ("etc/chromium/policies/managed/a.json", r#"{"ProxyServer":"b:2"}"#),
            (
                FIREFOX_POLICIES[0],
                r#"{"policies":{"Proxy":{"Mode":"autoConfig","AutoConfigURL":"http://p"}}}"#,
            ),
        ];
        for (path, content) in rows {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let reading = Browsers.read(&root);
        assert_eq!(reading.look, Look::Looked, "{}", reading.reason);
        let keys: Vec<_> = reading.facts.iter().map(|f| (&*f.key, &*f.principal)).collect();
        assert_eq!(
            keys,
            [
                ("/etc/chromium/policies/managed/a.json:ProxyServer", ""),
                ("/etc/firefox/policies/policies.json:Proxy.AutoConfigURL", ""),
                (
                    "/home/wang/.mozilla/firefox/a.default/prefs.js:network.proxy.http",
                    "1000"
                ),
            ]
        );
        fs::write(folder.path().join(FIREFOX_POLICIES[0]), "{").unwrap();
        assert_eq!(Browsers.read(&root).look, Look::Partial);
    }
}
