//! The machine: its name, its folder for the data of programs, room on a disk.
#![expect(unsafe_code, reason = "only the system knows these")]

use std::{
    ffi::OsString,
    io,
    os::windows::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    ptr,
};

use windows_sys::Win32::{
    Foundation::MAX_PATH,
    Storage::FileSystem::GetDiskFreeSpaceExW,
    System::SystemInformation::{ComputerNamePhysicalDnsHostname, GetComputerNameExW},
    UI::Shell::{CSIDL_COMMON_APPDATA, SHGetFolderPathW},
};

use super::{
    acl::check,
    wide::{narrow, wide},
};
use crate::Room;

/// Units of the longest name.
const NAME: u32 = 256;

/// Name of this machine; empty where the system does not tell.
pub fn machine_name() -> String {
    let mut units = [0u16; NAME as usize];
    let mut length = NAME;
    // SAFETY: the buffer has the length that is named.
    let told = unsafe {
        GetComputerNameExW(
            ComputerNamePhysicalDnsHostname,
            units.as_mut_ptr(),
            &raw mut length,
        )
    };
    if told == 0 { String::new() } else { narrow(&units) }
}

/// The folder below which programs keep what is every user's. No variable of the environment has a say in it.
pub fn program_data() -> Option<PathBuf> {
    let mut units = [0u16; MAX_PATH as usize];
    // SAFETY: the buffer has the length that the call asks for.
    let found = unsafe {
        SHGetFolderPathW(
            ptr::null_mut(),
            CSIDL_COMMON_APPDATA.cast_signed(),
            ptr::null_mut(),
            0,
            units.as_mut_ptr(),
        )
    };
    let path = units.split(|unit| *unit == 0).next().unwrap_or_default();
    (found >= 0 && !path.is_empty()).then(|| PathBuf::from(OsString::from_wide(path)))
}

/// Room of the disk that holds a folder.
pub fn room(folder: &Path) -> io::Result<Room> {
    let place = wide(folder);
    let mut room = Room { free: 0, total: 0 };
    // SAFETY: the text ends in zero, and the numbers are written to places of ours.
    let told = unsafe {
        GetDiskFreeSpaceExW(
            place.as_ptr(),
            &raw mut room.free,
            &raw mut room.total,
            ptr::null_mut(),
        )
    };
    check(told)?;
    Ok(room)
}

/// There is no limit to raise: a process has as many handles as memory allows.
pub fn raise_open_files() -> io::Result<Option<u64>> {
    Ok(None)
}
