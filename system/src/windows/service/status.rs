//! What the service manager is told about the service's state. Every change counts on; a state that was left is
//! never told again.
#![expect(unsafe_code, reason = "the manager is told through the Windows API only")]

use std::{
    ffi::c_void,
    sync::{Mutex, PoisonError},
};

use windows_sys::Win32::{
    Foundation::{ERROR_SERVICE_SPECIFIC_ERROR, NO_ERROR},
    System::Services::{
        SERVICE_ACCEPT_POWEREVENT, SERVICE_ACCEPT_PRESHUTDOWN, SERVICE_ACCEPT_SESSIONCHANGE,
        SERVICE_ACCEPT_SHUTDOWN, SERVICE_ACCEPT_STOP, SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS,
        SERVICE_STOP_PENDING, SERVICE_STOPPED, SERVICE_WIN32_OWN_PROCESS, SetServiceStatus,
    },
};

/// How long the manager waits for the next step.
const HINT_MS: u32 = 10_000;
/// What a running service wants to hear.
const ACCEPTED: u32 = SERVICE_ACCEPT_STOP
    | SERVICE_ACCEPT_SHUTDOWN
    | SERVICE_ACCEPT_PRESHUTDOWN
    | SERVICE_ACCEPT_POWEREVENT
    | SERVICE_ACCEPT_SESSIONCHANGE;

/// States of the service, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Starting,
    Running,
    Stopping,
    Stopped,
    /// Ended by a fault.
    Failed,
}

/// The manager's handle and what it was told last.
#[derive(Debug)]
pub(super) struct Status {
    handle: usize,
    last: Mutex<(State, u32)>,
}

impl Status {
    /// For the handle that registering gave; it is valid for the rest of the process.
    pub(super) fn new(handle: *mut c_void) -> Self {
        Self {
            handle: handle as usize,
            last: Mutex::new((State::Starting, 0)),
        }
    }

    /// Tells a state. One that lies behind is not told.
    pub(super) fn set(&self, state: State) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if state >= last.0 && last.0 < State::Stopped {
            *last = (state, 1);
            self.tell(*last);
        }
    }

    /// Tells that a start or a stop goes on.
    pub(super) fn advance(&self) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(last.0, State::Starting | State::Stopping) {
            last.1 += 1;
            self.tell(*last);
        }
    }

    fn tell(&self, (state, step): (State, u32)) {
        let pending = matches!(state, State::Starting | State::Stopping);
        let failed = state == State::Failed;
        let status = SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: match state {
                State::Starting => SERVICE_START_PENDING,
                State::Running => SERVICE_RUNNING,
                State::Stopping => SERVICE_STOP_PENDING,
                State::Stopped | State::Failed => SERVICE_STOPPED,
            },
            dwControlsAccepted: if state == State::Running { ACCEPTED } else { 0 },
            dwWin32ExitCode: if failed {
                ERROR_SERVICE_SPECIFIC_ERROR
            } else {
                NO_ERROR
            },
            dwServiceSpecificExitCode: u32::from(failed),
            dwCheckPoint: if pending { step } else { 0 },
            dwWaitHint: if pending { HINT_MS } else { 0 },
        };
        // SAFETY: the handle came from the manager, and the status lives until after the call.
        unsafe { SetServiceStatus(self.handle as *mut c_void, &raw const status) };
    }
}
