//! The service's settings as the manager keeps them: delayed start, restarts after a failure, an identity of its own
//! and few privileges. The installation registers the service; this makes it the same whoever registered it.
#![expect(unsafe_code, reason = "the manager is reached through the Windows API only")]

use std::{
    ffi::{OsString, c_void},
    io, ptr,
};

use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, ChangeServiceConfigW, CloseServiceHandle, OpenSCManagerW, OpenServiceW, SC_ACTION,
    SC_ACTION_RESTART, SC_HANDLE, SC_MANAGER_CONNECT, SERVICE_CHANGE_CONFIG, SERVICE_CONFIG,
    SERVICE_CONFIG_DELAYED_AUTO_START_INFO, SERVICE_CONFIG_FAILURE_ACTIONS,
    SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO,
    SERVICE_CONFIG_SERVICE_SID_INFO, SERVICE_DELAYED_AUTO_START_INFO, SERVICE_FAILURE_ACTIONS_FLAG,
    SERVICE_FAILURE_ACTIONSW, SERVICE_NO_CHANGE, SERVICE_REQUIRED_PRIVILEGES_INFOW, SERVICE_SID_INFO,
    SERVICE_SID_TYPE_UNRESTRICTED, SERVICE_START,
};

use super::super::{
    acl::check,
    wide::{wide, wide_list},
};

/// Wait before the first, second and every later restart.
const RESTARTS_MS: [u32; 3] = [30_000, 60_000, 300_000];
/// Without a failure for so long, the next is the first again.
const FORGET_SECONDS: u32 = 86_400;

/// A handle of the manager's.
struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: it was opened by this module, and is closed once.
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// Sets all of it; what could not be set, a line each.
pub(super) fn keep_settings(name: &str, privileges: &[&str]) -> Vec<String> {
    let service = match open(name) {
        Ok(service) => service,
        Err(error) => return vec![format!("the service's settings cannot be changed: {error}")],
    };
    let delayed = SERVICE_DELAYED_AUTO_START_INFO { fDelayedAutostart: 1 };
    let mut actions = RESTARTS_MS.map(|delay| SC_ACTION {
        Type: SC_ACTION_RESTART,
        Delay: delay,
    });
    let restarts = SERVICE_FAILURE_ACTIONSW {
        dwResetPeriod: FORGET_SECONDS,
        lpRebootMsg: ptr::null_mut(),
        lpCommand: ptr::null_mut(),
        cActions: actions.len() as u32,
        lpsaActions: actions.as_mut_ptr(),
    };
    // Also when it ends by itself with a failure, not only when it crashes.
    let always = SERVICE_FAILURE_ACTIONS_FLAG {
        fFailureActionsOnNonCrashFailures: 1,
    };
    let identity = SERVICE_SID_INFO {
        dwServiceSidType: SERVICE_SID_TYPE_UNRESTRICTED,
    };
    let mut list = wide_list(privileges);
    let few = SERVICE_REQUIRED_PRIVILEGES_INFOW {
        pmszRequiredPrivileges: list.as_mut_ptr(),
    };
    [
        ("quoted path", quote_path(&service)),
        (
            "delayed start",
            set(&service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed),
        ),
        (
            "restarts",
            set(&service, SERVICE_CONFIG_FAILURE_ACTIONS, &restarts),
        ),
        (
            "restarts after every failure",
            set(&service, SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &always),
        ),
        (
            "identity of the service",
            set(&service, SERVICE_CONFIG_SERVICE_SID_INFO, &identity),
        ),
        (
            "list of privileges",
            set(&service, SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &few),
        ),
    ]
    .into_iter()
    .filter_map(|(what, done)| done.err().map(|error| format!("{what}: cannot be set: {error}")))
    .collect()
}

/// The path of the program in quotes: without them the part before a blank would be looked for first.
fn quote_path(service: &Handle) -> io::Result<()> {
    let mut line = OsString::from("\"");
    line.push(std::env::current_exe()?);
    line.push("\" service");
    let line = wide(line);
    // SAFETY: the line ends in zero; no pointer means to leave a setting as it is.
    let done = unsafe {
        ChangeServiceConfigW(
            service.0,
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            SERVICE_NO_CHANGE,
            line.as_ptr(),
            ptr::null(),
            ptr::null_mut(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
            ptr::null(),
        )
    };
    check(done)
}

fn open(name: &str) -> io::Result<Handle> {
    // SAFETY: no names mean this machine and its only list of services.
    let manager = opened(unsafe { OpenSCManagerW(ptr::null(), ptr::null(), SC_MANAGER_CONNECT) })?;
    let name = wide(name);
    // Restarting on failure may only be set by whoever may start it.
    let rights = SERVICE_CHANGE_CONFIG | SERVICE_START;
    // SAFETY: the manager is open, and the name ends in zero.
    opened(unsafe { OpenServiceW(manager.0, name.as_ptr(), rights) })
}

fn opened(handle: SC_HANDLE) -> io::Result<Handle> {
    if handle.is_null() {
        Err(io::Error::last_os_error())
    } else {
        Ok(Handle(handle))
    }
}

fn set<T>(service: &Handle, what: SERVICE_CONFIG, value: &T) -> io::Result<()> {
    let value: *const c_void = ptr::from_ref(value).cast();
    // SAFETY: each caller names the kind of setting whose structure `value` is; what it points to outlives the call.
    check(unsafe { ChangeServiceConfig2W(service.0, what, value) })
}
