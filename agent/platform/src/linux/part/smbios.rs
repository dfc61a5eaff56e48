//! Source `part/smbios`: what the firmware says the machine is made of.

use deskwarden_parse::smbios;
use deskwarden_proto::v1::Section;

use crate::{
    Reading, Root, Source, SourceId, Unavailable, WatchPath, Watched, hardware, linux::gather::Gather,
};

pub(super) const TABLE: &str = "sys/firmware/dmi/tables/DMI";
const ENTRY_POINT: &str = "sys/firmware/dmi/tables/smbios_entry_point";

/// The SMBIOS table.
pub(in crate::linux) struct Smbios;

impl Source for Smbios {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "smbios",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(bytes) = gather.file(root, TABLE) else {
            let place = root.display(TABLE);
            let why = format!("{}: the firmware offers no SMBIOS table", place.display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        if let Some(entry) = gather.file(root, ENTRY_POINT)
            && smbios::parse_entry_point(&entry).is_none()
        {
            let place = root.display(ENTRY_POINT);
            gather.fault(Unavailable::Failed(format!(
                "{}: not an SMBIOS entry point",
                place.display()
            )));
        }
        let table = smbios::parse_table(&bytes);
        if table.damaged {
            let place = root.display(TABLE);
            gather.fault(Unavailable::Failed(format!(
                "{}: the table ends inside a structure",
                place.display()
            )));
        }
        gather.facts = table.parts.into_iter().map(hardware::of_firmware).collect();
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        // The firmware's table stays as it is until the next boot; only a folder can change.
        if root.is_host() {
            return Vec::new();
        }
        vec![WatchPath {
            path: root.display(TABLE),
            what: Watched::File,
        }]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        Some(root.stamp([TABLE, ENTRY_POINT]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn a_machine_without_a_table_is_unsupported() {
        let folder = tempfile::tempdir().unwrap();
        let reading = Smbios.read(&Root::at(folder.path()));
        assert_eq!((reading.look, reading.facts.len()), (Look::Unsupported, 0));
    }

    #[test]
    fn a_cut_table_gives_a_partial_look() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("sys/firmware/dmi/tables")).unwrap();
        let mut bytes = vec![2, 8, 0, 0, 1, 2, 0, 3];
        bytes.extend(b"ASUS\0B85\0MB123\0\0");
        bytes.extend([17, 40, 0, 0]);
        fs::write(folder.path().join(TABLE), bytes).unwrap();
        let reading = Smbios.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Partial);
        assert_eq!(reading.facts[0].key, "board:0");
    }
}
