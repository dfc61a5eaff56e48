//! Functions of Windows' own libraries that are looked up when they are needed; a system without one says so.

use std::{ffi::CStr, sync::OnceLock};

use deskwarden_system::dll;

use crate::Unavailable;

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

/// Address of a function; `name` ends in a zero byte.
pub(super) fn address(
    found: &OnceLock<Option<usize>>,
    library: &'static str,
    name: &'static str,
) -> Result<usize, Unavailable> {
    let address = *found.get_or_init(|| {
        let name = CStr::from_bytes_with_nul(name.as_bytes()).ok()?;
        dll::address(library, name)
    });
    address.ok_or_else(|| {
        let name = name.trim_end_matches('\0');
        Unavailable::Unsupported(format!("{library}: this Windows has no {name}"))
    })
}
