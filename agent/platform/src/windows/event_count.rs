//! How many entries of a log of Windows answer a question. Reads none of their texts.

use windows_sys::Win32::{
    Foundation::{ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT},
    System::EventLog::EvtQueryChannelPath,
};

use super::{dll::functions, fault, wide::wide};
use crate::Unavailable;

functions! {
    "wevtapi.dll":
        fn EvtQuery(isize, *const u16, *const u16, u32) -> isize;
        fn EvtNext(isize, u32, *mut isize, u32, u32, *mut u32) -> i32;
        fn EvtClose(isize) -> i32;
}

/// How long the service of the log may take, in milliseconds.
const PATIENCE: u32 = 5_000;

/// A handle of the log's.
struct Handle(isize, unsafe extern "system" fn(isize) -> i32);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open and ours, and nobody uses it any more.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _closed = unsafe { (self.1)(self.0) };
    }
}

/// How many entries match, at most `max`.
pub(super) fn matching(log: &str, question: &str, max: usize) -> Result<usize, Unavailable> {
    let (query, next, close) = (EvtQuery()?, EvtNext()?, EvtClose()?);
    let what = format!("log {log}");
    let (name, question) = (wide(log), wide(question));
    fault::forget();
    // SAFETY: both texts end in zero; no session means this machine.
    #[expect(unsafe_code, reason = "a function of the system")]
    let found = unsafe { query(0, name.as_ptr(), question.as_ptr(), EvtQueryChannelPath) };
    if found == 0 {
        return Err(fault::unavailable(&what, fault::last()));
    }
    let found = Handle(found, close);
    let mut count = 0;
    while count < max {
        let (mut entry, mut got) = (0isize, 0u32);
        // SAFETY: the question is open; one entry is asked for, and there is room for one.
        #[expect(unsafe_code, reason = "a function of the system")]
        let more = unsafe { next(found.0, 1, &raw mut entry, PATIENCE, 0, &raw mut got) };
        if more == 0 {
            return match fault::last() {
                ERROR_NO_MORE_ITEMS => Ok(count),
                ERROR_TIMEOUT => Err(Unavailable::Failed(format!(
                    "{what}: its service does not answer"
                ))),
                number => Err(fault::unavailable(&what, number)),
            };
        }
        drop(Handle(entry, close));
        count += 1;
    }
    Ok(count)
}
