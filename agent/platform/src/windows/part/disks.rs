//! Source `part/storage`: disks and optical drives, as their drivers know them.

use std::{
    ffi::c_void,
    fs::{File, OpenOptions},
    io::ErrorKind,
    os::windows::{fs::OpenOptionsExt as _, io::AsRawHandle as _},
};

use deskwarden_parse::storage::{Device, parse_device, parse_names};
use deskwarden_proto::{
    key,
    part::class_name,
    v1::{Part, PartClass, Section, facet::Kind},
};
use windows_sys::Win32::{
    Storage::{
        FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE},
        IscsiDisc::IOCTL_SCSI_GET_ADDRESS,
    },
    System::{
        IO::DeviceIoControl,
        Ioctl::{
            IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, IOCTL_STORAGE_QUERY_PROPERTY, StorageDeviceIdProperty,
            StorageDeviceProperty,
        },
    },
};

use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    hardware::separate,
    windows::{fault, gather::Gather},
};

/// Numbers that are tried.
const MAX_DISKS: u32 = 64;
const MAX_OPTICAL: u32 = 8;
/// Largest answer.
const MAX_ANSWER: usize = 4_096;

/// Drives that can be opened by their number.
pub(in crate::windows) struct Disks;

impl Source for Disks {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Part,
            source: "storage",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !root.is_host() {
            let why = "only the running system has drives to ask".to_owned();
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        }
        let mut facts: Vec<Fact> = disks(&mut gather).into_iter().map(|(_, fact)| fact).collect();
        for number in 0..MAX_OPTICAL {
            let found = attached(&mut gather, PartClass::Optical, &format!("CdRom{number}"));
            facts.extend(found.map(|(_, fact)| fact));
        }
        gather.answered();
        separate(&mut facts);
        gather.facts = facts;
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Device]
    }
}

/// Disks, open for questions, and what they are.
pub(in crate::windows) fn disks(gather: &mut Gather) -> Vec<(File, Fact)> {
    (0..MAX_DISKS)
        .filter_map(|number| attached(gather, PartClass::Disk, &format!("PhysicalDrive{number}")))
        .collect()
}

fn attached(gather: &mut Gather, class: PartClass, name: &str) -> Option<(File, Fact)> {
    match open(name) {
        Ok(drive) => {
            let drive = drive?;
            let fact = fact(gather, class, name, &drive)?;
            Some((drive, fact))
        }
        Err(why) => {
            gather.fault(why);
            None
        }
    }
}

/// A drive, opened for questions only: neither its content nor any right is needed.
fn open(name: &str) -> Result<Option<File>, Unavailable> {
    let opened = OpenOptions::new()
        .access_mode(0)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
        .open(format!("\\\\.\\{name}"));
    match opened {
        Ok(drive) => Ok(Some(drive)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let number = error.raw_os_error().and_then(|number| u32::try_from(number).ok());
            Err(fault::unavailable(name, number.unwrap_or_default()))
        }
    }
}

fn fact(gather: &mut Gather, class: PartClass, name: &str, drive: &File) -> Option<Fact> {
    let described = match property(drive, StorageDeviceProperty) {
        Ok(bytes) => parse_device(&bytes),
        Err(number) => {
            gather.fault(fault::unavailable(name, number));
            return None;
        }
    };
    let device: Device = described?;
    if device.virtual_disk {
        return None;
    }
    let named = property(drive, StorageDeviceIdProperty)
        .map(|bytes| parse_names(&bytes))
        .unwrap_or_default();
    let part = Part {
        class: class.into(),
        position: position(drive).unwrap_or_else(|| name.to_owned()),
        manufacturer: device.vendor,
        model: device.product,
        serial: device.serial,
        wwn: if named.is_empty() { device.wwn } else { named },
        // A drive's medium is not the drive.
        size_bytes: if class == PartClass::Disk {
            size(drive).unwrap_or_default()
        } else {
            0
        },
        firmware: device.revision,
        removable: device.removable && class == PartClass::Disk,
        ..Part::default()
    };
    let key = match class {
        PartClass::Disk => key::disk(&part.wwn, &part.serial, &part.position),
        class => key::part(class_name(class), &part.position),
    };
    Some(Fact::machine(key, Kind::Part(part)))
}

/// Asks for a property: what is asked, in the standard way, and no more.
fn property(drive: &File, of: i32) -> Result<Vec<u8>, u32> {
    let mut question = of.to_le_bytes().to_vec();
    question.extend([0; 8]);
    control(drive, IOCTL_STORAGE_QUERY_PROPERTY, &question)
}

/// Capacity, which stands behind the geometry.
fn size(drive: &File) -> Option<u64> {
    let bytes = control(drive, IOCTL_DISK_GET_DRIVE_GEOMETRY_EX, &[]).ok()?;
    Some(u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?))
}

/// Where it is plugged in: port, path, target, unit.
fn position(drive: &File) -> Option<String> {
    let bytes = control(drive, IOCTL_SCSI_GET_ADDRESS, &[]).ok()?;
    match bytes.get(4..8)? {
        [port, path, target, unit] => Some(format!("scsi-{port}:{path}:{target}:{unit}")),
        _ => None,
    }
}

/// One question to a driver and its answer.
pub(in crate::windows) fn control(drive: &File, code: u32, question: &[u8]) -> Result<Vec<u8>, u32> {
    let mut answer = vec![0u8; MAX_ANSWER];
    let mut written = 0;
    // SAFETY: the drive is open; question and answer are buffers of ours of the lengths given; nothing overlaps.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe {
        DeviceIoControl(
            drive.as_raw_handle(),
            code,
            question.as_ptr().cast::<c_void>(),
            question.len() as u32,
            answer.as_mut_ptr().cast::<c_void>(),
            MAX_ANSWER as u32,
            &raw mut written,
            std::ptr::null_mut(),
        )
    };
    if told == 0 {
        return Err(fault::last());
    }
    answer.truncate(usize::try_from(written).unwrap_or_default());
    Ok(answer)
}
