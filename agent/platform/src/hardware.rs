//! Parts of the machine as facts, whatever system told of them: the names of their classes, what the firmware says, and
//! disks that cannot be told apart by their names.

use deskwarden_parse::smbios::{self, Class};
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, facet::Kind},
};

use crate::Fact;

/// A part that the firmware tells of.
pub(crate) fn of_firmware(part: smbios::Part) -> Fact {
    let class = match part.class {
        Class::Bios => PartClass::Bios,
        Class::System => PartClass::System,
        Class::Board => PartClass::Board,
        Class::Chassis => PartClass::Chassis,
        Class::Cpu => PartClass::Cpu,
        Class::Memory => PartClass::Memory,
    };
    // A firmware update is no other part, so its version has a field of its own.
    let firmware = if class == PartClass::Bios {
        part.version.clone()
    } else {
        String::new()
    };
    // This maker sells under the name that it writes into the version, and numbers its products.
    let model = match (class, part.manufacturer.as_str(), part.version.as_str()) {
        (PartClass::System, "LENOVO", name) if !name.is_empty() => format!("{name} ({})", part.model),
        _ => part.model,
    };
    let facet = Part {
        class: class.into(),
        position: part.position,
        manufacturer: part.manufacturer,
        model,
        serial: part.serial,
        size_bytes: part.size_bytes,
        speed: part.speed,
        firmware,
        cores: part.cores,
        asset_tag: part.asset_tag,
        uuid: part.uuid,
        ..Part::default()
    };
    Fact::machine(key::part(class_name(class), &facet.position), Kind::Part(facet))
}

/// Cheap disks share serials, and a disk may be seen on two paths: those are known by their place.
pub(crate) fn separate(facts: &mut [Fact]) {
    let keys: Vec<String> = facts.iter().map(|fact| fact.key.clone()).collect();
    for fact in facts {
        if keys.iter().filter(|key| **key == fact.key).count() < 2 {
            continue;
        }
        if let Some(Kind::Part(part)) = &fact.facet.kind {
            fact.key = key::disk("", "", &part.position);
        }
    }
}
