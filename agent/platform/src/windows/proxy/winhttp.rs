//! Source `proxy/winhttp`: the proxy of services, as `netsh winhttp` sets it.

use deskwarden_parse::registry::{Key as _, settings::parse_connection};

use super::{id, servers};
use crate::{
    KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    proxy::Owner,
    windows::{
        gather::Gather,
        registry::{self, View},
    },
};

const CONNECTIONS: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Internet Settings\\Connections";
const VALUE: &str = "WinHttpSettings";

/// Of services.
pub(in crate::windows) struct WinHttp;

impl Source for WinHttp {
    fn id(&self) -> SourceId {
        id("winhttp")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (view, name) in [(View::Native, ""), (View::Old, " (32)")] {
            let place = format!("HKLM\\{CONNECTIONS}\\{VALUE}{name}");
            let value = match registry::machine(root, CONNECTIONS, view) {
                Ok(Some(key)) => key.value(VALUE).map_err(|why| registry::unavailable(&place, why)),
                Ok(None) => Ok(None),
                Err(why) => Err(why),
            };
            match value {
                Ok(None) => gather.answered(),
                Ok(Some(value)) => match parse_connection(&value.bytes) {
                    Some(of) => {
                        gather.answered();
                        let owner = Owner::default();
                        gather.facts.extend(servers(
                            &place, &of.server, of.manual, &of.bypass, "WinHTTP", owner,
                        ));
                    }
                    None => gather.fault(Unavailable::Failed(format!(
                        "{place}: not the settings of a connection"
                    ))),
                },
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Proxies]
    }
}
