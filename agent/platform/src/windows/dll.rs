//! Functions of Windows' own libraries that are looked up when they are needed, and only in the system's folder: a
//! library that somebody put beside the program is never loaded, and a system without the function says so. Functions
//! of the few libraries that Windows itself never takes from elsewhere are linked in the usual way.

use std::{ffi::CStr, sync::OnceLock};

use windows_sys::Win32::{
    Foundation::HMODULE,
    System::LibraryLoader::{GetModuleHandleW, GetProcAddress, LOAD_LIBRARY_SEARCH_SYSTEM32, LoadLibraryExW},
};

use super::wide::wide;
use crate::Unavailable;

/// From now on libraries come from the system's folder alone, whoever loads them. Call first of all.
pub fn guard_libraries() {
    // Missing before Windows 8 and its update for Windows 7; each library is asked for by that rule all the same.
    if let Ok(set) = SetDefaultDllDirectories() {
        // SAFETY: takes a number and nothing else.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _set = unsafe { set(LOAD_LIBRARY_SEARCH_SYSTEM32) };
    }
}

/// Declares functions by library, each as a function that looks it up and gives a pointer to it.
macro_rules! functions {
    ($($dll:literal: $(fn $name:ident($($type:ty),* $(,)?) $(-> $result:ty)?;)+)+) => { $($(
        #[expect(non_snake_case, reason = "the name that Windows gives it")]
        pub(in crate::windows) fn $name()
        -> Result<unsafe extern "system" fn($($type),*) $(-> $result)?, $crate::Unavailable> {
            static FOUND: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
            const NAME: &str = concat!(stringify!($name), "\0");
            let address = $crate::windows::dll::address(&FOUND, $dll, NAME)?;
            // SAFETY: the address is that of the function of this name, whose signature Microsoft documents so.
            #[expect(unsafe_code, reason = "the type of a function that was looked up")]
            let function = unsafe {
                std::mem::transmute::<usize, unsafe extern "system" fn($($type),*) $(-> $result)?>(address)
            };
            Ok(function)
        }
    )+)+ };
}
pub(super) use functions;

functions! {
    "kernel32.dll":
        fn SetDefaultDllDirectories(u32) -> i32;
}

/// Address of a function; `name` ends in a zero byte.
pub(super) fn address(
    found: &OnceLock<Option<usize>>,
    library: &'static str,
    name: &'static str,
) -> Result<usize, Unavailable> {
    let address = *found.get_or_init(|| {
        let name = CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
        let module = module(library)?;
        // SAFETY: the module stays loaded for the life of the program and the name ends in zero.
        #[expect(unsafe_code, reason = "a function of the system")]
        let found = unsafe { GetProcAddress(module, name.as_ptr().cast()) };
        found.map(|function| function as usize)
    });
    address.ok_or_else(|| {
        let name = name.trim_end_matches('\0');
        Unavailable::Unsupported(format!("{library}: this Windows has no {name}"))
    })
}

fn module(library: &str) -> Option<HMODULE> {
    let library = wide(library);
    // SAFETY: the text ends in zero.
    #[expect(unsafe_code, reason = "a function of the system")]
    let loaded = unsafe { GetModuleHandleW(library.as_ptr()) };
    if !loaded.is_null() {
        return Some(loaded);
    }
    // SAFETY: the text ends in zero; the handle is reserved and null.
    #[expect(unsafe_code, reason = "a function of the system")]
    let loaded = unsafe {
        LoadLibraryExW(
            library.as_ptr(),
            std::ptr::null_mut(),
            LOAD_LIBRARY_SEARCH_SYSTEM32,
        )
    };
    (!loaded.is_null()).then_some(loaded)
}
