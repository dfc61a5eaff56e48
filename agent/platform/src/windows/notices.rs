//! Notices that the system gives by calling back on a thread of its own: adapters, addresses, routes, devices. Only
//! notes which kinds came, and wakes whoever waits.

use std::{
    collections::BTreeSet,
    ffi::c_void,
    sync::{Arc, Mutex, PoisonError},
};

use windows_sys::Win32::Foundation::HANDLE;

use super::{dll::functions, event::Event};
use crate::KernelEvent;

type Called = unsafe extern "system" fn(*const c_void, *const c_void, i32);
type DeviceCalled = unsafe extern "system" fn(*const c_void, *const c_void, i32, *const c_void, u32) -> u32;

functions! {
    "iphlpapi.dll":
        fn NotifyIpInterfaceChange(u16, Called, *const c_void, u8, *mut HANDLE) -> u32;
        fn NotifyUnicastIpAddressChange(u16, Called, *const c_void, u8, *mut HANDLE) -> u32;
        fn NotifyRouteChange2(u16, Called, *const c_void, u8, *mut HANDLE) -> u32;
        fn CancelMibChangeNotify2(HANDLE) -> u32;
    "cfgmgr32.dll":
        fn CM_Register_Notification(*const DeviceFilter, *const c_void, DeviceCalled, *mut HANDLE) -> u32;
        fn CM_Unregister_Notification(HANDLE) -> u32;
}

/// What `CM_Register_Notification` is asked for: every device interface.
#[repr(C)]
pub(in crate::windows) struct DeviceFilter {
    size: u32,
    flags: u32,
    kind: u32,
    reserved: u32,
    room: [u8; 400],
}

const ALL_INTERFACES: u32 = 1;

struct Shared {
    event: Event,
    kinds: Mutex<BTreeSet<KernelEvent>>,
}

/// What was asked for, until it is dropped.
pub(super) struct Notices {
    shared: Arc<Shared>,
    network: Vec<HANDLE>,
    device: Option<HANDLE>,
}

// SAFETY: the handles are only given back to the system, from whatever thread.
#[expect(unsafe_code, reason = "handles of the system")]
unsafe impl Send for Notices {}

impl Notices {
    /// Asks for all of them. What this Windows does not offer is missing; the full scan sees those changes.
    pub(super) fn start(event: Event) -> Self {
        let shared = Arc::new(Shared {
            event,
            kinds: Mutex::default(),
        });
        let mut notices = Self {
            shared,
            network: Vec::new(),
            device: None,
        };
        let asked = [
            (NotifyIpInterfaceChange(), link as Called),
            (NotifyUnicastIpAddressChange(), address as Called),
            (NotifyRouteChange2(), route as Called),
        ];
        for (ask, called) in asked {
            let Ok(ask) = ask else { continue };
            let mut handle = std::ptr::null_mut();
            // SAFETY: what the calls get lives until they are cancelled; the handle is written to a place of ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let result = unsafe { ask(0, called, Arc::as_ptr(&notices.shared).cast(), 0, &raw mut handle) };
            if result == 0 && !handle.is_null() {
                notices.network.push(handle);
            }
        }
        notices.device = notices.follow_devices();
        notices
    }

    fn follow_devices(&self) -> Option<HANDLE> {
        let ask = CM_Register_Notification().ok()?;
        let filter = DeviceFilter {
            size: size_of::<DeviceFilter>() as u32,
            flags: ALL_INTERFACES,
            kind: 0,
            reserved: 0,
            room: [0; 400],
        };
        let mut handle = std::ptr::null_mut();
        // SAFETY: the filter is read before the call ends; what the calls get lives until they are cancelled.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe {
            ask(
                &raw const filter,
                Arc::as_ptr(&self.shared).cast(),
                device,
                &raw mut handle,
            )
        };
        (result == 0 && !handle.is_null()).then_some(handle)
    }

    /// Set when a notice came.
    pub(super) fn event(&self) -> &Event {
        &self.shared.event
    }

    /// The kinds that came since the last time.
    pub(super) fn take(&self) -> BTreeSet<KernelEvent> {
        std::mem::take(&mut *self.shared.kinds.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        // Each waits until no call is under way any more.
        for handle in &self.network {
            if let Ok(cancel) = CancelMibChangeNotify2() {
                // SAFETY: the handle is open and ours.
                #[expect(unsafe_code, reason = "a function of the system")]
                let _cancelled = unsafe { cancel(*handle) };
            }
        }
        if let (Some(handle), Ok(cancel)) = (self.device, CM_Unregister_Notification()) {
            // SAFETY: the handle is open and ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let _cancelled = unsafe { cancel(handle) };
        }
    }
}

fn note(context: *const c_void, kind: KernelEvent) {
    if context.is_null() {
        return;
    }
    // SAFETY: the context is what was given when the call was asked for, and lives until that is cancelled.
    #[expect(unsafe_code, reason = "a pointer that the system gives back")]
    let shared = unsafe { &*context.cast::<Shared>() };
    shared
        .kinds
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(kind);
    shared.event.set();
}

#[expect(unsafe_code, reason = "the type that the system calls")]
unsafe extern "system" fn link(context: *const c_void, _row: *const c_void, _kind: i32) {
    note(context, KernelEvent::Link);
}

#[expect(unsafe_code, reason = "the type that the system calls")]
unsafe extern "system" fn address(context: *const c_void, _row: *const c_void, _kind: i32) {
    note(context, KernelEvent::Address);
}

#[expect(unsafe_code, reason = "the type that the system calls")]
unsafe extern "system" fn route(context: *const c_void, _row: *const c_void, _kind: i32) {
    note(context, KernelEvent::Route);
}

#[expect(unsafe_code, reason = "the type that the system calls")]
unsafe extern "system" fn device(
    _notify: *const c_void,
    context: *const c_void,
    _action: i32,
    _data: *const c_void,
    _size: u32,
) -> u32 {
    note(context, KernelEvent::Device);
    0
}
