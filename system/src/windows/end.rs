//! What ends a program that runs in a console: Ctrl-C, Ctrl-Break, the window that is closed. A service is ended
//! by its manager.
#![expect(unsafe_code, reason = "the console tells a callback only")]

use std::{
    io,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use windows_sys::Win32::System::Console::{CTRL_CLOSE_EVENT, SetConsoleCtrlHandler};

use super::acl::check;

/// The system ends the process this long after a window was closed; the end comes sooner on its own.
const LAST: Duration = Duration::from_secs(5);

static ASKED: Mutex<bool> = Mutex::new(false);
static TOLD: Condvar = Condvar::new();

/// The request of a person at a console to end.
#[derive(Debug)]
pub struct Ends(());

impl Ends {
    /// Heard from now on.
    pub fn catch() -> io::Result<Self> {
        // SAFETY: the handler is a function that lives as long as the program.
        check(unsafe { SetConsoleCtrlHandler(Some(heard), 1) })?;
        Ok(Self(()))
    }

    /// Waits for it. Blocks.
    pub fn wait(self) {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        while !*asked {
            asked = TOLD.wait(asked).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

unsafe extern "system" fn heard(what: u32) -> i32 {
    *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = true;
    TOLD.notify_all();
    if what >= CTRL_CLOSE_EVENT {
        // The process is ended as soon as this returns.
        thread::sleep(LAST);
    }
    1
}
