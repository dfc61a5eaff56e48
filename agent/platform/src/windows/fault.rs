//! What the system says when it does not do something, in words for a person.

use std::io;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_CALL_NOT_IMPLEMENTED, ERROR_INVALID_FUNCTION, ERROR_NOT_SUPPORTED,
    ERROR_PRIVILEGE_NOT_HELD, ERROR_SUCCESS, GetLastError, SetLastError,
};

use crate::Unavailable;

/// The number of the last error of this thread.
pub(super) fn last() -> u32 {
    // SAFETY: takes nothing and reads a number of this thread.
    #[expect(unsafe_code, reason = "a function of the system")]
    let number = unsafe { GetLastError() };
    number
}

/// Forgets the last error of this thread, so that a call that fails without a word is not blamed for another's.
pub(super) fn forget() {
    // SAFETY: takes a number and keeps it for this thread.
    #[expect(unsafe_code, reason = "a function of the system")]
    unsafe {
        SetLastError(0);
    };
}

/// Why something could not be looked at.
pub(super) fn unavailable(what: &str, number: u32) -> Unavailable {
    let text = io::Error::from_raw_os_error(i32::try_from(number).unwrap_or_default());
    match number {
        ERROR_ACCESS_DENIED | ERROR_PRIVILEGE_NOT_HELD => {
            Unavailable::Denied(format!("{what}: no right to read it; run the agent as a service"))
        }
        // No reason at all: the function is there and does nothing, as some of Wine's.
        ERROR_SUCCESS | ERROR_NOT_SUPPORTED | ERROR_CALL_NOT_IMPLEMENTED | ERROR_INVALID_FUNCTION => {
            Unavailable::Unsupported(format!("{what}: not available on this system"))
        }
        _ => Unavailable::Failed(format!("{what}: {text}")),
    }
}
