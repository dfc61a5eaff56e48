//! The pages that the system keeps in memory for this program.

use windows_sys::Win32::System::Threading::{GetCurrentProcess, SetProcessWorkingSetSize};

/// Gives up the pages that are not in use, which the system would otherwise leave to a program that rests.
pub fn give_up_pages() {
    // SAFETY: the own process needs no open handle.
    #[expect(unsafe_code, reason = "a function of the system")]
    let own = unsafe { GetCurrentProcess() };
    // SAFETY: all ones ask to give up the pages that are not in use; they come back when they are touched.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _given = unsafe { SetProcessWorkingSetSize(own, usize::MAX, usize::MAX) };
}
