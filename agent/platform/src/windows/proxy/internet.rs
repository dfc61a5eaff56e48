//! Sources `proxy/internet-settings` and `proxy/internet-settings-users`: the proxy that Windows gives to browsers and
//! most programs, as set for the machine, by policy, and by each person, also for single connections.

use deskwarden_parse::registry::{Key as _, settings::parse_connection};

use super::{id, internet_settings, script, servers};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    proxy::Owner,
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry::{self, Registry, View},
    },
};

const SETTINGS: &str = "Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings";
const POLICIES: &str = "Software\\Policies\\Microsoft\\Windows\\CurrentVersion\\Internet Settings";
/// Below the settings, a value per connection.
const CONNECTIONS: &str = "Connections";
/// Written from the others by old programs, and of services.
const NOT_HERE: [&str; 2] = ["SavedLegacySettings", "WinHttpSettings"];

/// Of the machine.
pub(in crate::windows) struct OfMachine;

/// Of each person.
pub(in crate::windows) struct OfUsers;

impl Source for OfMachine {
    fn id(&self) -> SourceId {
        id("internet-settings")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (path, view) in [
            (SETTINGS, View::Native),
            (SETTINGS, View::Old),
            (POLICIES, View::Native),
        ] {
            let path = path.replacen("Software", "SOFTWARE", 1);
            match registry::machine(root, &path, view) {
                Ok(Some(key)) => {
                    gather.answered();
                    let view = if view == View::Old { " (32)" } else { "" };
                    one(
                        &mut gather,
                        &key,
                        &format!("HKLM\\{path}{view}"),
                        Owner::default(),
                    );
                }
                Ok(None) => gather.answered(),
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Proxies]
    }
}

impl Source for OfUsers {
    fn id(&self) -> SourceId {
        id("internet-settings-users")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        people::each(root, &mut gather, Branch::Own, |gather, person, own| {
            let owner = Owner {
                principal: &person.sid,
                account: &person.account,
            };
            for path in [SETTINGS, POLICIES] {
                match own.open(path) {
                    Ok(Some(key)) => one(gather, &key, &format!("HKCU\\{path}"), owner),
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

fn one(gather: &mut Gather, key: &Registry, place: &str, owner: Owner<'_>) {
    match key.values() {
        Ok(values) => gather.facts.extend(internet_settings(place, &values, owner)),
        Err(why) => gather.fault(registry::unavailable(place, why)),
    }
    let connections = match key.open(CONNECTIONS) {
        Ok(Some(connections)) => connections,
        Ok(None) => return,
        Err(why) => return gather.fault(registry::unavailable(place, why)),
    };
    let values = match connections.values() {
        Ok(values) => values,
        Err(why) => return gather.fault(registry::unavailable(place, why)),
    };
    for (name, value) in &values.all {
        if NOT_HERE.contains(&name.as_str()) {
            continue;
        }
        let place = format!("{place}\\{CONNECTIONS}\\{name}");
        match parse_connection(&value.bytes) {
            Some(of) => {
                gather
                    .facts
                    .extend(servers(&place, &of.server, of.manual, &of.bypass, "", owner));
                gather.facts.extend(script(
                    &place,
                    "AutoConfigURL",
                    &of.script_url,
                    of.script,
                    "",
                    owner,
                ));
            }
            None => gather.fault(Unavailable::Failed(format!(
                "{place}: not the settings of a connection"
            ))),
        }
    }
}
