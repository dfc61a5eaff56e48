//! Where the agent's own files are on Windows: below ProgramData, wherever that is.
#![expect(unsafe_code, reason = "only the system knows where ProgramData is")]

use std::{
    ffi::OsString,
    os::windows::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    ptr,
};

use windows_sys::Win32::{
    Foundation::MAX_PATH,
    UI::Shell::{CSIDL_COMMON_APPDATA, SHGetFolderPathW},
};

use crate::Places;

/// Where ProgramData is unless somebody moved it.
const USUAL: &str = r"C:\ProgramData";

/// A program that runs may be moved, and neither replaced nor removed by any of its names.
pub const REPLACES_RUNNING: bool = false;

/// Where the agent's own files are. No variable of the environment has a say in it.
pub fn places() -> Places {
    let all = program_data();
    let home = all.as_deref().unwrap_or(Path::new(USUAL)).join("Deskwarden");
    Places {
        config: home.join("agent.toml"),
        left: home.join("enrol.toml"),
        state: home.join("state"),
        home: Some(home),
    }
}

fn program_data() -> Option<PathBuf> {
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
