//! An event of the system: what one thread waits for and another sets.

use windows_sys::Win32::{
    Foundation::{CloseHandle, HANDLE},
    System::Threading::{CreateEventW, SetEvent},
};

use super::fault;
use crate::Unavailable;

/// An event of the system, closed when nobody needs it.
#[derive(Debug)]
pub(super) struct Event(HANDLE);

// SAFETY: an event's handle may be used from any thread.
#[expect(unsafe_code, reason = "a handle of the system")]
unsafe impl Send for Event {}
// SAFETY: setting and waiting are what events are for.
#[expect(unsafe_code, reason = "a handle of the system")]
unsafe impl Sync for Event {}

impl Event {
    /// `by_hand`: it stays set until the program ends.
    pub(super) fn new(by_hand: bool) -> Result<Self, Unavailable> {
        // SAFETY: neither rights nor a name are given.
        #[expect(unsafe_code, reason = "a function of the system")]
        let event = unsafe { CreateEventW(std::ptr::null(), by_hand.into(), 0, std::ptr::null()) };
        if event.is_null() {
            return Err(fault::unavailable("CreateEvent", fault::last()));
        }
        Ok(Self(event))
    }

    /// The handle, to wait with.
    pub(super) fn handle(&self) -> HANDLE {
        self.0
    }

    /// Wakes whoever waits for it.
    pub(super) fn set(&self) {
        // SAFETY: the event is open.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _set = unsafe { SetEvent(self.0) };
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the handle is open and ours, and nobody uses it any more.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _closed = unsafe { CloseHandle(self.0) };
    }
}
