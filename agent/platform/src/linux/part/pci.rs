//! Source `part/sysfs-pci`: graphics and network adapters on the PCI bus.

use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use crate::{Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable, linux::gather::Gather};

const DEVICES: &str = "sys/bus/pci/devices";
/// Makers that office PCs have, by PCI vendor id.
const VENDORS: [(&str, &str); 20] = [
    ("8086", "Intel"),
    ("10de", "NVIDIA"),
    ("1002", "AMD"),
    ("1022", "AMD"),
    ("10ec", "Realtek"),
    ("14e4", "Broadcom"),
    ("168c", "Qualcomm Atheros"),
    ("1969", "Qualcomm Atheros"),
    ("17cb", "Qualcomm"),
    ("14c3", "MediaTek"),
    ("15b3", "Mellanox"),
    ("1af4", "Red Hat virtio"),
    ("1234", "QEMU"),
    ("15ad", "VMware"),
    ("80ee", "VirtualBox"),
    ("8088", "Wangxun"),
    ("0014", "Loongson"),
    ("0731", "Jingjia Micro"),
    ("1ed5", "Moore Threads"),
    ("19e5", "Huawei"),
];

/// Display controllers and network controllers.
pub(in crate::linux) struct Pci;

impl Source for Pci {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "sysfs-pci",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.exists(DEVICES) {
            let why = format!("{}: no PCI bus here", root.display(DEVICES).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        for path in gather.folder(root, DEVICES, "") {
            gather.facts.extend(adapter(root, &path));
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

fn adapter(root: &Root, path: &str) -> Option<Fact> {
    let attribute = |name: &str| {
        let bytes = root
            .read_limited(&format!("{path}/{name}"), 100)
            .ok()
            .flatten()
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .trim()
            .trim_start_matches("0x")
            .to_ascii_lowercase()
    };
    let class = match attribute("class").get(..2) {
        Some("03") => PartClass::Gpu,
        Some("02") => PartClass::Nic,
        _ => return None,
    };
    // A virtual function is a slice of an adapter that is listed itself.
    if root.exists(&format!("{path}/physfn")) {
        return None;
    }
    let (vendor, device) = (attribute("vendor"), attribute("device"));
    let subsystem = format!(
        "{}:{}",
        attribute("subsystem_vendor"),
        attribute("subsystem_device")
    );
    let pci_id = match subsystem.as_str() {
        ":" | "0000:0000" | "ffff:ffff" => format!("{vendor}:{device}"),
        subsystem => format!("{vendor}:{device}:{subsystem}"),
    };
    let manufacturer = VENDORS
        .iter()
        .find(|(id, _)| *id == vendor)
        .map_or("", |(_, name)| name);
    let part = Part {
        class: class.into(),
        position: path.rsplit('/').next().unwrap_or_default().to_owned(),
        manufacturer: manufacturer.to_owned(),
        model: format!("{vendor}:{device}"),
        pci_id,
        ..Part::default()
    };
    Some(Fact::machine(
        key::part(class_name(class), &part.position),
        Kind::Part(part),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn only_graphics_and_network_adapters_are_parts() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(Pci.read(&root).look, Look::Unsupported);
        for (address, class) in [
            ("0000:00:02.0", "0x030000"),
            ("0000:00:1f.6", "0x020000"),
            ("0000:00:00.0", "0x060000"),
        ] {
            let device = folder.path().join(DEVICES).join(address);
            fs::create_dir_all(&device).unwrap();
            for (name, value) in [("class", class), ("vendor", "0x8086\n"), ("device", "0x46A6\n")] {
                fs::write(device.join(name), value).unwrap();
            }
        }
        let reading = Pci.read(&root);
        let keys: Vec<_> = reading.facts.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!(keys, ["gpu:0000:00:02.0", "nic:0000:00:1f.6"]);
        let Some(Kind::Part(part)) = &reading.facts[0].facet.kind else {
            panic!("not a part")
        };
        assert_eq!((&*part.manufacturer, &*part.pci_id), ("Intel", "8086:46a6"));
    }
}
