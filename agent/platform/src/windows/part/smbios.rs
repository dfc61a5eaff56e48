//! Source `part/smbios`: what the firmware says the machine is made of.

use deskwarden_parse::smbios;
use deskwarden_proto::v1::Section;
use windows_sys::Win32::{
    Foundation::ERROR_SUCCESS,
    System::SystemInformation::{GetSystemFirmwareTable, RSMB},
};

use crate::{
    Reading, Root, Source, SourceId, Unavailable, hardware,
    windows::{fault, gather::Gather},
};

/// Before the table stand the calling method, two version bytes, the revision, and the length.
const HEAD: usize = 8;
/// Largest table that is read.
const MAX_TABLE: u32 = 1 << 20;

/// The SMBIOS table.
pub(in crate::windows) struct Smbios;

impl Source for Smbios {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "smbios",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system has a firmware to ask".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let bytes = match firmware_table() {
            Ok(bytes) => bytes,
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let Some(table) = bytes.get(HEAD..) else {
            let why = "the firmware offers no SMBIOS table".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        let table = smbios::parse_table(table);
        if table.damaged {
            gather.fault(Unavailable::Failed(
                "SMBIOS: the table ends inside a structure".to_owned(),
            ));
        }
        gather.facts = table.parts.into_iter().map(hardware::of_firmware).collect();
        gather.finish(self.id())
    }

    fn stamp(&self, _root: &Root) -> Option<u64> {
        // The firmware's table stays as it is until the next boot.
        Some(0)
    }
}

fn firmware_table() -> Result<Vec<u8>, Unavailable> {
    // SAFETY: without a buffer only the size is told.
    #[expect(unsafe_code, reason = "a function of the system")]
    let size = unsafe { GetSystemFirmwareTable(RSMB, 0, std::ptr::null_mut(), 0) };
    if size == 0 {
        return match fault::last() {
            ERROR_SUCCESS => Err(Unavailable::Unsupported(
                "the firmware offers no SMBIOS table".to_owned(),
            )),
            number => Err(fault::unavailable("GetSystemFirmwareTable", number)),
        };
    }
    let size = size.min(MAX_TABLE);
    let mut bytes = vec![0u8; usize::try_from(size).unwrap_or_default()];
    // SAFETY: pointer and size describe a buffer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let written = unsafe { GetSystemFirmwareTable(RSMB, 0, bytes.as_mut_ptr(), size) };
    if written == 0 || written > size {
        return Err(fault::unavailable("GetSystemFirmwareTable", fault::last()));
    }
    bytes.truncate(usize::try_from(written).unwrap_or_default());
    Ok(bytes)
}
