//! Source `proxy/sharing`: ways in which this PC passes on what others send: forwarding of packets, sharing of its
//! connection, and ports that are passed on to another machine.

use deskwarden_parse::{proxy::Setting, registry::Key as _};
use deskwarden_proto::{
    key,
    v1::{Proxy, facet::Kind},
};

use super::id;
use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId,
    proxy::{Owner, fact},
    windows::{
        gather::Gather,
        iphelper,
        registry::{self, View},
        services,
    },
};

const TCPIP: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";
const TCPIP6: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip6\\Parameters";
/// The service that shares a connection. Windows starts it while one is shared, by a person or as a mobile hotspot, and
/// where it passes on for virtual machines and containers only.
const SHARING: &str = "SharedAccess";
const SHARING_SETTINGS: &str = "SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters";
/// What the adapter of those who share bears, unless the settings say otherwise.
const USUAL_SCOPE: &str = "192.168.137.1";
const PORT_PROXY: &str = "SYSTEM\\CurrentControlSet\\Services\\PortProxy";
const PORTS: [&str; 4] = ["v4tov4\\tcp", "v4tov6\\tcp", "v6tov4\\tcp", "v6tov6\\tcp"];

/// Forwarding, sharing, passed-on ports.
pub(in crate::windows) struct Sharing;

impl Source for Sharing {
    fn id(&self) -> SourceId {
        id("sharing")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (path, name) in [(TCPIP, "IPEnableRouter"), (TCPIP6, "IPEnableRouter6")] {
            match registry::machine(root, path, View::Native) {
                Ok(key) => {
                    gather.answered();
                    let value = key.and_then(|key| key.number("IPEnableRouter"));
                    if let Some(value) = value {
                        gather.facts.push(passes_on(
                            &format!("HKLM\\{path}"),
                            name,
                            "forwarding",
                            value != 0,
                        ));
                    }
                }
                Err(why) => gather.fault(why),
            }
        }
        match services::service(root, SHARING) {
            Ok(Some(found)) => gather.facts.push(passes_on(
                &format!("HKLM\\SYSTEM\\CurrentControlSet\\Services\\{SHARING}"),
                "ConnectionSharing",
                "sharing",
                shared(found.runs, &scope(root), bearers(root).as_deref()),
            )),
            Ok(None) => {}
            Err(why) => gather.fault(why),
        }
        for ports in PORTS {
            let path = format!("{PORT_PROXY}\\{ports}");
            let values = match registry::machine(root, &path, View::Native) {
                Ok(key) => key.map(|key| key.values()),
                Err(why) => {
                    gather.fault(why);
                    continue;
                }
            };
            match values {
                // The name is where it listens, the value where it leads to: `address/port`.
                Some(Ok(values)) => gather.facts.extend(values.all.iter().filter_map(|(name, value)| {
                    let setting = Setting {
                        name: name.clone(),
                        value: format!("tcp://{}", value.text().replace('/', ":")),
                        in_force: true,
                    };
                    fact(
                        &format!("HKLM\\{path}"),
                        &setting,
                        &[],
                        "netsh portproxy",
                        Owner::default(),
                        false,
                    )
                })),
                Some(Err(why)) => gather.fault(registry::unavailable(&path, why)),
                None => {}
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Proxies]
    }
}

/// The address that shared connections go through.
fn scope(root: &Root) -> String {
    let key = registry::machine(root, SHARING_SETTINGS, View::Native)
        .ok()
        .flatten();
    let found = key.map(|key| key.text("ScopeAddress")).unwrap_or_default();
    if found.is_empty() {
        USUAL_SCOPE.to_owned()
    } else {
        found
    }
}

/// Addresses of this PC; `None` where they are not told.
fn bearers(root: &Root) -> Option<Vec<String>> {
    let adapters = root.is_host().then(iphelper::adapters)?.ok()?;
    let addresses = adapters.into_iter().flat_map(|adapter| adapter.addresses);
    Some(addresses.map(|address| address.ip.to_string()).collect())
}

/// The service runs, and an adapter bears its address; where addresses are not told, that it runs is enough.
fn shared(runs: Option<bool>, scope: &str, addresses: Option<&[String]>) -> bool {
    runs.unwrap_or(false)
        && addresses.is_none_or(|addresses| addresses.iter().any(|address| address == scope))
}

/// This PC itself is what others go through.
fn passes_on(place: &str, setting: &str, scheme: &str, enabled: bool) -> Fact {
    let proxy = Proxy {
        setting: setting.to_owned(),
        value: if enabled { "on" } else { "" }.to_owned(),
        scheme: scheme.to_owned(),
        enabled,
        ..Proxy::default()
    };
    Fact::machine(key::proxy(place, setting), Kind::Proxy(proxy)).at(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_shared_where_an_adapter_bears_the_address_of_the_service() {
        let office = ["10.1.2.3".to_owned(), USUAL_SCOPE.to_owned()];
        assert!(shared(Some(true), USUAL_SCOPE, Some(&office)));
        assert!(
            !shared(Some(false), USUAL_SCOPE, Some(&office)),
            "it does not run"
        );
        // It serves virtual machines only.
        assert!(!shared(Some(true), USUAL_SCOPE, Some(&["172.22.0.1".to_owned()])));
        assert!(shared(Some(true), "10.9.0.1", Some(&["10.9.0.1".to_owned()])));
        assert!(shared(Some(true), USUAL_SCOPE, None), "nobody knows better");
    }
}
