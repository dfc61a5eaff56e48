//! Functions of Windows' own libraries that are looked up when they are needed, and only in the system's folder: a
//! library that somebody put beside the program is never loaded. Functions of the few libraries that Windows itself
//! never takes from elsewhere are linked in the usual way.
#![expect(unsafe_code, reason = "functions of the system")]

use std::ffi::CStr;

use windows_sys::Win32::{
    Foundation::HMODULE,
    System::LibraryLoader::{GetModuleHandleW, GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW},
};

use super::wide::wide;

/// From now on libraries come from the system's folder alone, whoever loads them. Call first of all.
pub fn guard_libraries() {
    type SetDefaultDllDirectories = unsafe extern "system" fn(u32) -> i32;
    // Missing before Windows 8 and its update for Windows 7; each library is asked for by that rule all the same.
    let Some(address) = address("kernel32.dll", c"SetDefaultDllDirectories") else {
        return;
    };
    // SAFETY: the address is that of the function of this name, whose signature Microsoft documents so.
    let set = unsafe { std::mem::transmute::<usize, SetDefaultDllDirectories>(address) };
    // SAFETY: takes a number and nothing else.
    let _set = unsafe { set(LOAD_LIBRARY_SEARCH_SYSTEM32) };
}

/// Address of a function; `None` where this Windows has none of the name.
pub fn address(library: &str, name: &CStr) -> Option<usize> {
    let module = module(library)?;
    // SAFETY: the module stays loaded for the life of the program and the name ends in zero.
    let found = unsafe { GetProcAddress(module, name.as_ptr().cast()) };
    found.map(|function| function as usize)
}

fn module(library: &str) -> Option<HMODULE> {
    let library = wide(library);
    // SAFETY: the text ends in zero.
    let loaded = unsafe { GetModuleHandleW(library.as_ptr()) };
    if !loaded.is_null() {
        return Some(loaded);
    }
    // SAFETY: the text ends in zero; the handle is reserved and null.
    let loaded = unsafe {
        LoadLibraryExW(
            library.as_ptr(),
            std::ptr::null_mut(),
            LOAD_LIBRARY_SEARCH_SYSTEM32,
        )
    };
    (!loaded.is_null()).then_some(loaded)
}
