//! Entries of the application log. Which text is worth one is the caller's business.
#![expect(unsafe_code, reason = "the log is written through the Windows API only")]

use std::ptr;

use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, EVENTLOG_WARNING_TYPE,
    RegisterEventSourceW, ReportEventW,
};

use super::wide::wide;
use crate::Gravity;

/// The numbers below are in the system's own message file, whose text is the entry's (EventCreate.exe: 1 to 1000).
const NOTE: u32 = 1;
const WARNING: u32 = 2;
const FAULT: u32 = 3;
/// The log takes no more in one text.
const MAX_TEXT: usize = 8_000;

/// Writes an entry of `source`, as the installation registers it. A log that takes none has nobody to tell it to.
pub fn log_event(source: &str, gravity: Gravity, text: &str) {
    let (kind, number) = match gravity {
        Gravity::Note => (EVENTLOG_INFORMATION_TYPE, NOTE),
        Gravity::Warning => (EVENTLOG_WARNING_TYPE, WARNING),
        Gravity::Fault => (EVENTLOG_ERROR_TYPE, FAULT),
    };
    let text: String = text
        .chars()
        .map(|letter| if letter == '\0' { ' ' } else { letter })
        .take(MAX_TEXT)
        .collect();
    let (source, text) = (wide(source), wide(text));
    // SAFETY: the name ends in zero; no server means this machine.
    let log = unsafe { RegisterEventSourceW(ptr::null(), source.as_ptr()) };
    if log.is_null() {
        return;
    }
    let texts = [text.as_ptr()];
    // SAFETY: one text is named and one is there; it lives until after the call.
    unsafe {
        ReportEventW(
            log,
            kind,
            0,
            number,
            ptr::null_mut(),
            1,
            0,
            texts.as_ptr(),
            ptr::null(),
        )
    };
    // SAFETY: it was registered above, and is used no more.
    unsafe { DeregisterEventSource(log) };
}
