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
        registry::{self, View},
        services,
    },
};

const TCPIP: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";
const TCPIP6: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip6\\Parameters";
/// The service that shares a connection; Windows starts it only while one is shared.
const SHARING: &str = "SharedAccess";
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
                found.runs.unwrap_or(false),
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
