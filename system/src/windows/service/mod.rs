//! A program as a Windows service: what the service manager is told and what it asks. What the service does, and how
//! it answers a request, is its body's business.
#![expect(unsafe_code, reason = "the service manager speaks to callbacks only")]

mod manager;
mod status;

use std::{
    collections::VecDeque,
    ffi::c_void,
    io, panic, ptr,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use windows_sys::Win32::{
    Foundation::{ERROR_CALL_NOT_IMPLEMENTED, ERROR_FAILED_SERVICE_CONTROLLER_CONNECT, NO_ERROR},
    System::Services::{
        RegisterServiceCtrlHandlerExW, SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_POWEREVENT,
        SERVICE_CONTROL_PRESHUTDOWN, SERVICE_CONTROL_SESSIONCHANGE, SERVICE_CONTROL_SHUTDOWN,
        SERVICE_CONTROL_STOP, SERVICE_TABLE_ENTRYW, StartServiceCtrlDispatcherW,
    },
    UI::WindowsAndMessaging::{
        PBT_APMRESUMEAUTOMATIC, PBT_APMRESUMESUSPEND, PBT_APMSUSPEND, WTS_SESSION_LOGOFF, WTS_SESSION_LOGON,
    },
};

use super::{privileges, wide::wide};
use crate::{Request, ServiceKind};
use status::{State, Status};

/// The system waits two seconds for a service before it goes to sleep.
const UNTIL_SLEEP: Duration = Duration::from_millis(1_800);
/// How often the manager hears that the end is coming.
const TICK: Duration = Duration::from_secs(2);
/// How long who asks for a stop is kept waiting: most look at the program's file right after, and not all of them ask
/// again before whether the service has ended.
const UNTIL_STOPPED: Duration = Duration::from_secs(5);
/// How often at most: an end that takes longer has gone wrong.
const TICKS: u32 = 15;
/// Requests that may wait; a body that takes none is stuck, and needs no more of them.
const QUEUE: usize = 64;

type Body = Box<dyn FnOnce(&'static Service) -> Result<(), String> + Send>;

static BODY: Mutex<Option<(ServiceKind, Body)>> = Mutex::new(None);
static SERVICE: OnceLock<Service> = OnceLock::new();

/// What the body of a running service tells and hears.
#[derive(Debug)]
pub struct Service {
    kind: ServiceKind,
    status: Status,
    requests: Mutex<Requests>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: VecDeque<Request>,
    /// The body is ready for the PC to sleep.
    asleep: bool,
    ended: bool,
}

/// Runs `body` as the service that the manager started this process for. Returns when it has ended; fails at once
/// where no manager started it. What `body` fails with is the caller's to tell; the manager hears that it failed.
pub fn serve(
    kind: ServiceKind,
    body: impl FnOnce(&'static Service) -> Result<(), String> + Send + 'static,
) -> io::Result<()> {
    *BODY.lock().unwrap_or_else(PoisonError::into_inner) = Some((kind, Box::new(body)));
    let mut name = wide(kind.name);
    let table = [
        SERVICE_TABLE_ENTRYW {
            lpServiceName: name.as_mut_ptr(),
            lpServiceProc: Some(service_main),
        },
        SERVICE_TABLE_ENTRYW {
            lpServiceName: ptr::null_mut(),
            lpServiceProc: None,
        },
    ];
    // SAFETY: the table ends in an empty entry and lives until the call returns, when no service runs any more.
    if unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT.cast_signed()) {
        let what = format!(
            "only the service manager starts this; use `sc start {}`, or `{}` in a console",
            kind.name, kind.by_hand
        );
        return Err(io::Error::new(io::ErrorKind::Unsupported, what));
    }
    Err(error)
}

impl Service {
    /// A step of the start is done; more follow.
    pub fn progress(&self) {
        self.status.advance();
    }

    /// The start is done.
    pub fn running(&self) {
        self.status.set(State::Running);
    }

    /// Makes the manager keep the service as it should be (delayed start, restarts, few privileges), and gives back
    /// the privileges that the first start still had. What could not be done, for the log.
    pub fn settle(&self) -> Vec<String> {
        let mut faults = manager::keep_settings(self.kind.name, self.kind.privileges);
        if let Err(error) = privileges::keep_few(self.kind.privileges) {
            faults.push(format!("privileges cannot be given back: {error}"));
        }
        faults
    }

    /// Waits for the next request; `None` when the service has ended.
    pub fn next(&self) -> Option<Request> {
        let mut requests = self.requests();
        loop {
            if let Some(request) = requests.waiting.pop_front() {
                return Some(request);
            }
            if requests.ended {
                return None;
            }
            requests = self
                .changed
                .wait(requests)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What had to be done before the PC sleeps is done.
    pub fn asleep(&self) {
        self.requests().asleep = true;
        self.changed.notify_all();
    }

    fn ask(&self, request: Request) {
        let mut requests = self.requests();
        if requests.waiting.len() < QUEUE {
            requests.waiting.push_back(request);
        }
        self.changed.notify_all();
    }

    fn ask_to_sleep(&self) {
        self.requests().asleep = false;
        self.ask(Request::Sleep);
        let requests = self.requests();
        drop(
            self.changed
                .wait_timeout_while(requests, UNTIL_SLEEP, |requests| {
                    !requests.asleep && !requests.ended
                }),
        );
    }

    /// The manager hears at once that the end is coming, and again and again until it is there.
    fn ask_to_stop(&'static self) {
        self.status.set(State::Stopping);
        self.ask(Request::Stop);
        thread::spawn(|| {
            for _ in 0..TICKS {
                let requests = self.requests();
                let waited = self
                    .changed
                    .wait_timeout_while(requests, TICK, |requests| !requests.ended);
                if waited.is_ok_and(|(requests, _)| requests.ended) {
                    return;
                }
                self.status.advance();
            }
        });
    }

    fn wait_for_end(&self) {
        let requests = self.requests();
        drop(
            self.changed
                .wait_timeout_while(requests, UNTIL_STOPPED, |requests| !requests.ended),
        );
    }

    fn end(&self, failed: bool) {
        self.status
            .set(if failed { State::Failed } else { State::Stopped });
        self.requests().ended = true;
        self.changed.notify_all();
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

unsafe extern "system" fn service_main(_count: u32, _arguments: *mut *mut u16) {
    let Some((kind, body)) = BODY.lock().unwrap_or_else(PoisonError::into_inner).take() else {
        return;
    };
    let name = wide(kind.name);
    // SAFETY: the name ends in zero, and the handler lives as long as the program.
    let handle = unsafe { RegisterServiceCtrlHandlerExW(name.as_ptr(), Some(control), ptr::null()) };
    if handle.is_null() {
        return;
    }
    let service = SERVICE.get_or_init(|| Service {
        kind,
        status: Status::new(handle),
        requests: Mutex::default(),
        changed: Condvar::new(),
    });
    service.status.set(State::Starting);
    // A panic must not cross into the system's code; it was told where it happened.
    let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| body(service)));
    service.end(!matches!(ended, Ok(Ok(()))));
}

unsafe extern "system" fn control(what: u32, kind: u32, _data: *mut c_void, _context: *mut c_void) -> u32 {
    let Some(service) = SERVICE.get() else {
        return NO_ERROR;
    };
    match (what, kind) {
        (SERVICE_CONTROL_STOP, _) => {
            service.ask_to_stop();
            service.wait_for_end();
        }
        (SERVICE_CONTROL_SHUTDOWN | SERVICE_CONTROL_PRESHUTDOWN, _) => service.ask_to_stop(),
        (SERVICE_CONTROL_POWEREVENT, PBT_APMSUSPEND) => service.ask_to_sleep(),
        (SERVICE_CONTROL_POWEREVENT, PBT_APMRESUMEAUTOMATIC | PBT_APMRESUMESUSPEND) => {
            service.ask(Request::Wake);
        }
        (SERVICE_CONTROL_SESSIONCHANGE, WTS_SESSION_LOGON | WTS_SESSION_LOGOFF) => {
            service.ask(Request::People)
        }
        (SERVICE_CONTROL_INTERROGATE | SERVICE_CONTROL_POWEREVENT | SERVICE_CONTROL_SESSIONCHANGE, _) => {}
        _ => return ERROR_CALL_NOT_IMPLEMENTED,
    }
    NO_ERROR
}
