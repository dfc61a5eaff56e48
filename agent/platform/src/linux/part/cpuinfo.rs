//! Source `part/cpuinfo`: processors as the kernel names them, for machines whose firmware has no table.

use deskwarden_parse::cpuinfo;
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};

use super::smbios;
use crate::{Fact, Reading, Root, Source, SourceId, Unavailable, linux::gather::Gather};

const CPUINFO: &str = "proc/cpuinfo";

/// The kernel's list of processors.
pub(in crate::linux) struct CpuInfo;

impl Source for CpuInfo {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "cpuinfo",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        // Not even when the table cannot be read: a part must not move between sources with a right.
        if root.exists(smbios::TABLE) {
            let why = "the firmware's SMBIOS table names the processors".to_owned();
            return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
        }
        let mut gather = Gather::default();
        let Some(bytes) = gather.file(root, CPUINFO) else {
            let why = format!("{}: not there", root.display(CPUINFO).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        for cpu in cpuinfo::parse_cpuinfo(&bytes) {
            let part = Part {
                class: PartClass::Cpu.into(),
                position: cpu.package.to_string(),
                manufacturer: cpu.vendor,
                model: cpu.model,
                cores: cpu.cores,
                ..Part::default()
            };
            let key = key::part(class_name(PartClass::Cpu), &part.position);
            gather.facts.push(Fact::machine(key, Kind::Part(part)));
        }
        gather.finish(self.id())
    }
}
