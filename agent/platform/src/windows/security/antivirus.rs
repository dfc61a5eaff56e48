//! Source `security/antivirus`: products that registered themselves with Windows' security centre, with what they said
//! of their state there.

use deskwarden_parse::registry::{Key as _, Values};
use deskwarden_proto::v1::{Security, Switch};

use super::{fact, id, machine, switch};
use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId,
    windows::{gather::Gather, registry},
};

const PROVIDERS: &str = "SOFTWARE\\Microsoft\\Security Center\\Provider\\Av";

/// The security centre's list.
pub(in crate::windows) struct Antivirus;

impl Source for Antivirus {
    fn id(&self) -> SourceId {
        id("antivirus")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(key) = machine(root, &mut gather, PROVIDERS) else {
            // A server, or an old Windows, has no such centre: that is not the absence of a product.
            let why = format!("HKLM\\{PROVIDERS}: this Windows keeps no list of antivirus products there");
            return gather.finish_without(self.id(), crate::Unavailable::Unsupported(why));
        };
        let mut faults = Vec::new();
        let listed = key.each(&mut |name, below| match below.and_then(|below| below.values()) {
            Ok(values) => gather.facts.extend(product(&values)),
            Err(why) => faults.push(registry::unavailable(&format!("HKLM\\{PROVIDERS}\\{name}"), why)),
        });
        faults.into_iter().for_each(|why| gather.fault(why));
        match listed {
            Err(why) => gather.fault(registry::unavailable(PROVIDERS, why)),
            Ok(()) if gather.facts.is_empty() => gather.facts.push(fact(Security {
                topic: "antivirus".to_owned(),
                enabled: Switch::Off.into(),
                ..Security::default()
            })),
            Ok(()) => {}
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Protection]
    }
}

fn product(values: &Values) -> Option<Fact> {
    let name = values.text("DISPLAYNAME");
    if name.is_empty() {
        return None;
    }
    let (enabled, up_to_date) = match values.number("STATE") {
        Some(state) => (switch(state >> 12 & 0xf == 1), switch(state & 0xff == 0)),
        None => (Switch::Unspecified, Switch::Unspecified),
    };
    Some(fact(Security {
        topic: "antivirus".to_owned(),
        product: name,
        enabled: enabled.into(),
        up_to_date: up_to_date.into(),
        ..Security::default()
    }))
}
