//! Source `network/adapters`: every adapter with its addresses, as the system has them, and as the registry says they
//! were set.

mod assemble;
mod wlan;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::v1::Section;

use super::{
    Root,
    gather::Gather,
    iphelper,
    registry::{self, View},
};
use crate::{KernelEvent, Reading, Source, SourceId};
pub(super) use assemble::mac_text;
use assemble::{GatewayMacs, Setup};

const INTERFACES: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters\\Interfaces";

/// The adapters of this PC.
#[derive(Default)]
pub(super) struct Adapters {
    macs: Mutex<GatewayMacs>,
}

impl Source for Adapters {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Network,
            source: "adapters",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let setups = setups(root, &mut gather);
        if !root.is_host() {
            gather.facts = assemble::configured(&setups);
            return gather.finish(self.id());
        }
        let adapters = match iphelper::adapters() {
            Ok(adapters) => adapters,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let neighbours = iphelper::neighbours().unwrap_or_else(|why| {
            gather.fault(why);
            Vec::new()
        });
        let burnt_in: BTreeMap<u64, (Vec<u8>, bool)> = adapters
            .iter()
            .filter_map(|adapter| Some((adapter.luid, iphelper::burnt_in(adapter.luid).ok()?)))
            .collect();
        let wifi = wlan::joined(&mut gather);
        let mut macs = self.macs.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = assemble::System {
            adapters: &adapters,
            neighbours: &neighbours,
            burnt_in: &burnt_in,
            wifi: &wifi,
            setups: &setups,
        };
        gather.facts = assemble::facts(&parts, &mut macs);
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Link, KernelEvent::Address, KernelEvent::Route]
    }
}

/// What each adapter was told, by its identity.
fn setups(root: &Root, gather: &mut Gather) -> BTreeMap<String, Setup> {
    let mut found = BTreeMap::new();
    let key = match registry::machine(root, INTERFACES, View::Native) {
        Ok(key) => key,
        Err(why) => {
            gather.fault(why);
            return found;
        }
    };
    gather.answered();
    let Some(key) = key else { return found };
    let mut faults = Vec::new();
    let listed = key.each(&mut |id, key| match key.and_then(|key| key.values()) {
        Ok(values) => {
            found.insert(id.to_ascii_lowercase(), assemble::setup(&values));
        }
        Err(why) => faults.push(registry::unavailable(&format!("HKLM\\{INTERFACES}\\{id}"), why)),
    });
    faults.into_iter().for_each(|why| gather.fault(why));
    if let Err(why) = listed {
        gather.fault(registry::unavailable(&format!("HKLM\\{INTERFACES}"), why));
    }
    found
}
