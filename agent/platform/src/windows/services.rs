//! Services of this PC: how one is set to start, and whether it runs.

use deskwarden_parse::registry::Key as _;
use windows_sys::Win32::{
    Foundation::{ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE},
    System::Services::{
        CloseServiceHandle, OpenSCManagerW, OpenServiceW, QueryServiceStatus, SC_HANDLE, SC_MANAGER_CONNECT,
        SERVICE_QUERY_STATUS, SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS,
    },
};

use super::{
    Root, fault,
    registry::{self, View},
    wide::wide,
};
use crate::Unavailable;

const SERVICES: &str = "SYSTEM\\CurrentControlSet\\Services";
/// Started by the boot loader, by the kernel, by itself.
const BY_ITSELF: std::ops::RangeInclusive<u64> = 0..=2;
const DISABLED: u64 = 4;

/// One service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Starts with the system.
    pub(super) by_itself: bool,
    /// Cannot be started.
    pub(super) disabled: bool,
    /// Whether it runs; `None` where that cannot be told.
    pub(super) runs: Option<bool>,
}

impl Service {
    /// Whether it runs, or else would at the next start.
    pub(super) fn is_on(&self) -> bool {
        self.runs.unwrap_or(self.by_itself)
    }
}

/// A service by its name; `None` where there is none.
pub(super) fn service(root: &Root, name: &str) -> Result<Option<Service>, Unavailable> {
    let Some(key) = registry::machine(root, &format!("{SERVICES}\\{name}"), View::Native)? else {
        return Ok(None);
    };
    let Some(start) = key.number("Start") else {
        return Ok(None);
    };
    Ok(Some(Service {
        by_itself: BY_ITSELF.contains(&start),
        disabled: start == DISABLED,
        runs: if root.is_host() { runs(name) } else { None },
    }))
}

struct Handle(SC_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open and ours, and nobody uses it any more.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _closed = unsafe { CloseServiceHandle(self.0) };
    }
}

fn runs(name: &str) -> Option<bool> {
    // SAFETY: no names mean this PC and its usual database.
    #[expect(unsafe_code, reason = "a function of the system")]
    let manager = unsafe { OpenSCManagerW(std::ptr::null(), std::ptr::null(), SC_MANAGER_CONNECT) };
    if manager.is_null() {
        return None;
    }
    let manager = Handle(manager);
    let name = wide(name);
    // SAFETY: the manager is open and the name ends in zero.
    #[expect(unsafe_code, reason = "a function of the system")]
    let service = unsafe { OpenServiceW(manager.0, name.as_ptr(), SERVICE_QUERY_STATUS) };
    if service.is_null() {
        return (fault::last() == ERROR_SERVICE_DOES_NOT_EXIST).then_some(false);
    }
    let service = Handle(service);
    let mut status = SERVICE_STATUS::default();
    // SAFETY: the service is open and the status is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { QueryServiceStatus(service.0, &raw mut status) };
    if told == 0 {
        return (fault::last() == ERROR_SERVICE_NOT_ACTIVE).then_some(false);
    }
    Some(matches!(
        status.dwCurrentState,
        SERVICE_RUNNING | SERVICE_START_PENDING
    ))
}
