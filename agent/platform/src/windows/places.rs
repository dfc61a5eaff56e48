//! Where the agent's own files are on Windows: below ProgramData, wherever that is.
#![expect(unsafe_code, reason = "only the system knows where ProgramData is")]

use std::{ffi::OsString, os::windows::ffi::OsStringExt as _, path::PathBuf, ptr};

use windows_sys::Win32::{
    System::Com::CoTaskMemFree,
    UI::Shell::{FOLDERID_ProgramData, SHGetKnownFolderPath},
};

use crate::Places;

/// Where ProgramData is unless somebody moved it.
const USUAL: &str = r"C:\ProgramData";
/// Longest path that is read.
const MAX_PATH: usize = 32 << 10;

/// Where the agent's own files are. No variable of the environment has a say in it.
pub fn places() -> Places {
    let home = program_data()
        .unwrap_or_else(|| PathBuf::from(USUAL))
        .join("Deskwarden");
    Places {
        config: home.join("agent.toml"),
        left: home.join("enrol.toml"),
        state: home.join("state"),
        home: Some(home),
    }
}

fn program_data() -> Option<PathBuf> {
    let mut text = ptr::null_mut();
    // SAFETY: `text` takes one pointer, which is freed below.
    let found = unsafe { SHGetKnownFolderPath(&FOLDERID_ProgramData, 0, ptr::null_mut(), &raw mut text) };
    if text.is_null() {
        return None;
    }
    // SAFETY: the system's text ends in zero; each unit up to there may be read.
    let length = (0..MAX_PATH)
        .take_while(|at| unsafe { *text.add(*at) } != 0)
        .count();
    // SAFETY: so many units were read above.
    let units = unsafe { std::slice::from_raw_parts(text, length) };
    let path = (found >= 0 && length > 0).then(|| PathBuf::from(OsString::from_wide(units)));
    // SAFETY: the system allocated it for the caller to free, once; nothing refers to it any more.
    unsafe { CoTaskMemFree(text.cast()) };
    path
}
