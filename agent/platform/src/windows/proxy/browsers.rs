//! Sources `proxy/browser-policies` and `proxy/firefox`: what policies of Chrome and Edge set, and the settings of each
//! profile of Firefox, which does not take those of Windows by itself.

use deskwarden_parse::proxy::Setting;
use deskwarden_parse::{
    browser::{parse_chromium_policy, parse_firefox_policies, parse_firefox_prefs},
    proxy::parse_bypass,
    registry::{Key as _, Values},
};

use super::{id, script, servers};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched,
    proxy::{Owner, fact},
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry::{self, View},
    },
};

/// Program and key of its policies.
const POLICIES: [(&str, &str); 5] = [
    ("Google Chrome", "Policies\\Google\\Chrome"),
    ("Microsoft Edge", "Policies\\Microsoft\\Edge"),
    ("Chromium", "Policies\\Chromium"),
    ("Brave", "Policies\\BraveSoftware\\Brave"),
    ("360", "Policies\\360\\360Chrome"),
];
const FIREFOX: &str = "Firefox";
const PROFILES: &str = "AppData\\Roaming\\Mozilla\\Firefox\\Profiles";
const INSTALLED: [&str; 2] = [
    "Program Files\\Mozilla Firefox\\distribution\\policies.json",
    "Program Files (x86)\\Mozilla Firefox\\distribution\\policies.json",
];
/// Settings that a person wrote over those of the profile.
const FILES: [&str; 2] = ["prefs.js", "user.js"];
const SCRIPTS: [&str; 2] = ["network.proxy.autoconfig_url", "Proxy.AutoConfigURL"];

/// Policies of browsers of Chromium's family.
pub(in crate::windows) struct Policies;

/// Firefox.
pub(in crate::windows) struct Firefox;

impl Source for Policies {
    fn id(&self) -> SourceId {
        id("browser-policies")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (program, path) in POLICIES {
            let path = format!("SOFTWARE\\{path}");
            match registry::machine(root, &path, View::Native) {
                Ok(key) => {
                    gather.answered();
                    match key.map(|key| key.values()) {
                        Some(Ok(values)) => {
                            policy(
                                &mut gather,
                                &format!("HKLM\\{path}"),
                                &values,
                                program,
                                Owner::default(),
                            );
                        }
                        Some(Err(why)) => gather.fault(registry::unavailable(&path, why)),
                        None => {}
                    }
                }
                Err(why) => gather.fault(why),
            }
        }
        people::each(root, &mut gather, Branch::Own, |gather, person, own| {
            let owner = Owner {
                principal: &person.sid,
                account: &person.account,
            };
            for (program, path) in POLICIES {
                let path = format!("Software\\{path}");
                match own
                    .open(&path)
                    .and_then(|key| key.map(|key| key.values()).transpose())
                {
                    Ok(Some(values)) => policy(gather, &format!("HKCU\\{path}"), &values, program, owner),
                    Ok(None) => {}
                    Err(why) => {
                        gather.fault(registry::unavailable(&format!("{}: {path}", person.account), why))
                    }
                }
            }
        });
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Proxies]
    }
}

fn policy(gather: &mut Gather, place: &str, values: &Values, program: &str, owner: Owner<'_>) {
    let mode = values.text("ProxyMode");
    // Older policies have a number instead.
    let number = values.number("ProxyServerMode");
    let manual = mode == "fixed_servers" || (mode.is_empty() && number.is_none_or(|number| number == 2));
    let by_script = mode == "pac_script" || (mode.is_empty() && number.is_none_or(|number| number == 2));
    let server = values.text("ProxyServer");
    gather.facts.extend(servers(
        place,
        &server,
        manual,
        &values.text("ProxyBypassList"),
        program,
        owner,
    ));
    let url = values.text("ProxyPacUrl");
    gather
        .facts
        .extend(script(place, "ProxyPacUrl", &url, by_script, program, owner));
    // One text that holds all of it, as the browser's own files do.
    let all = values.text("ProxySettings");
    if !all.is_empty() {
        let wrapped = format!("{{\"ProxySettings\":{all}}}");
        match parse_chromium_policy(wrapped.as_bytes()) {
            Some((settings, bypass)) => add(gather, place, &settings, &bypass, program, owner),
            None => gather.fault(Unavailable::Failed(format!("{place}: ProxySettings is no JSON"))),
        }
    }
}

impl Source for Firefox {
    fn id(&self) -> SourceId {
        id("firefox")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        gather.answered();
        for path in INSTALLED {
            if let Some(bytes) = gather.file(root, path) {
                match parse_firefox_policies(&bytes) {
                    Some((settings, bypass)) => {
                        add(&mut gather, path, &settings, &bypass, FIREFOX, Owner::default());
                    }
                    None => {
                        let place = root.display(path);
                        gather.fault(Unavailable::Failed(format!("{}: no JSON", place.display())));
                    }
                }
            }
        }
        for person in people::people(root, &mut gather) {
            let owner = Owner {
                principal: &person.sid,
                account: &person.account,
            };
            for profile in gather.folder(root, &format!("{}\\{PROFILES}", person.folder), "") {
                for file in FILES {
                    let path = format!("{profile}/{file}");
                    if let Some(bytes) = gather.file(root, &path) {
                        let (settings, bypass) = parse_firefox_prefs(&bytes);
                        add(&mut gather, &path, &settings, &bypass, FIREFOX, owner);
                    }
                }
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let mut gather = Gather::default();
        let mut all = Vec::new();
        for person in people::people(root, &mut gather) {
            for profile in gather.folder(root, &format!("{}\\{PROFILES}", person.folder), "") {
                all.push(WatchPath {
                    path: root.display(&format!("{profile}/{}", FILES[0])),
                    what: Watched::File,
                });
            }
        }
        all
    }
}

fn add(
    gather: &mut Gather,
    place: &str,
    settings: &[Setting],
    bypass: &str,
    program: &str,
    owner: Owner<'_>,
) {
    let bypass = parse_bypass(bypass);
    for setting in settings {
        let script = SCRIPTS.contains(&setting.name.as_str()) || setting.name == "ProxyPacUrl";
        gather
            .facts
            .extend(fact(place, setting, &bypass, program, owner, script));
    }
}
