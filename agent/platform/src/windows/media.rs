//! Source `media/usbstor`: USB storage that is connected, and that ever was, as the registry remembers it.

use deskwarden_parse::{
    clock::civil_day,
    registry::{Stick, sticks},
};
use deskwarden_proto::{
    key,
    v1::{Media, Section, facet::Kind},
};

use super::{
    Root,
    devices::{self, Filter},
    gather::Gather,
    host::zone_seconds,
    registry::{self, View},
};
use crate::{Fact, KernelEvent, Reading, Source, SourceId, Unavailable};

const USBSTOR: &str = "SYSTEM\\CurrentControlSet\\Enum\\USBSTOR";
const BUS: &str = "USBSTOR";

/// The registry's memory, and what is there now.
pub(super) struct UsbStorage;

impl Source for UsbStorage {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Media,
            source: "usbstor",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let key = match registry::machine(root, USBSTOR, View::Native) {
            Ok(key) => key,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        // The driver's key is made with the first stick.
        let Some(key) = key else {
            return gather.finish(self.id());
        };
        let found = sticks(&key);
        for fault in found.faults {
            gather.fault(Unavailable::Failed(fault));
        }
        let present = if root.is_host() {
            match devices::present(Filter::Bus(BUS)) {
                Ok(names) => names,
                Err(why) => {
                    gather.fault(why);
                    Vec::new()
                }
            }
        } else {
            Vec::new()
        };
        gather.facts = found.all.into_iter().map(|stick| fact(stick, &present)).collect();
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

fn fact(stick: Stick, present: &[String]) -> Fact {
    let there = present.iter().any(|name| {
        name.rsplit('\\')
            .next()
            .is_some_and(|instance| instance.eq_ignore_ascii_case(&stick.instance))
    });
    let last_seen_day = match stick.written {
        Some(at) if !there => civil_day((at + zone_seconds()).div_euclid(86_400)),
        _ => String::new(),
    };
    // Without a serial two sticks of one model are one: the product tells them from others at least.
    let name = if stick.serial.is_empty() {
        stick.model.clone()
    } else {
        String::new()
    };
    let media = Media {
        vendor: stick.vendor,
        model: stick.model,
        serial: stick.serial,
        present: there,
        last_seen_day,
        ..Media::default()
    };
    Fact::machine(key::media(&media.serial, &name), Kind::Media(media))
}
