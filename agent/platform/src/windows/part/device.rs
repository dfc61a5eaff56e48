//! Source `part/adapters`: graphics and network adapters that are there now.

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{
        devices::{self, Filter},
        gather::Gather,
    },
};

/// Graphics and network adapters on a bus.
pub(in crate::windows) struct Adapters;

impl Source for Adapters {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "adapters",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system has devices to ask for".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        for (class, of) in [(PartClass::Gpu, devices::DISPLAY), (PartClass::Nic, devices::NET)] {
            match devices::present(Filter::Class(of)) {
                Ok(names) => {
                    gather.answered();
                    gather
                        .facts
                        .extend(names.iter().filter_map(|name| fact(root, class, name)));
                }
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

fn fact(root: &Root, class: PartClass, name: &str) -> Option<Fact> {
    let (bus, rest) = name.split_once('\\')?;
    // Adapters that are made by software have no bus; those on the USB are no parts of the machine.
    let plugged = bus.eq_ignore_ascii_case("USB");
    if !plugged && !bus.eq_ignore_ascii_case("PCI") {
        return None;
    }
    let key = devices::key(root, name)?;
    let model = ["FriendlyName", "DeviceDesc"]
        .iter()
        .map(|value| devices::text(&key, value))
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let part = Part {
        class: class.into(),
        position: devices::pci_address(&key).unwrap_or_else(|| rest.to_owned()),
        manufacturer: devices::text(&key, "Mfg"),
        model,
        pci_id: if plugged { String::new() } else { pci_id(rest) },
        removable: plugged || key.number("Capabilities").is_some_and(|bits| bits & 4 != 0),
        ..Part::default()
    };
    Some(Fact::machine(
        key::part(class_name(class), &part.position),
        Kind::Part(part),
    ))
}

/// `VEN_8086&DEV_15BC&SUBSYS_07E61028&REV_10` is `8086:15bc:1028:07e6`.
fn pci_id(rest: &str) -> String {
    let hardware = rest.split('\\').next().unwrap_or_default().to_ascii_lowercase();
    let part = |begin: &str| {
        hardware
            .split('&')
            .find_map(|part| part.strip_prefix(begin))
            .unwrap_or_default()
            .to_owned()
    };
    let (vendor, device, subsystem) = (part("ven_"), part("dev_"), part("subsys_"));
    match (subsystem.get(4..8), subsystem.get(..4)) {
        (Some(vendor_of), Some(of)) if subsystem != "00000000" => {
            format!("{vendor}:{device}:{vendor_of}:{of}")
        }
        _ => format!("{vendor}:{device}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_ids_are_written_as_on_other_systems() {
        assert_eq!(
            pci_id("VEN_8086&DEV_15BC&SUBSYS_07E61028&REV_10\\3&11583659&0&FE"),
            "8086:15bc:1028:07e6"
        );
        assert_eq!(pci_id("VEN_1AF4&DEV_1000&SUBSYS_00000000&REV_00\\3"), "1af4:1000");
    }
}
