//! The wireless network that each adapter has joined. No list of networks in reach is asked for.

use std::{collections::BTreeMap, ffi::c_void};

use windows_sys::Win32::{
    Foundation::{ERROR_SERVICE_NOT_ACTIVE, ERROR_SUCCESS, HANDLE},
    NetworkManagement::WiFi::{
        WLAN_CONNECTION_ATTRIBUTES, WLAN_INTERFACE_INFO, WLAN_INTERFACE_INFO_LIST,
        wlan_intf_opcode_current_connection,
    },
};
use windows_sys::core::GUID;

use crate::{
    Unavailable,
    windows::{dll::functions, fault, gather::Gather},
};

functions! {
    "wlanapi.dll":
        fn WlanOpenHandle(u32, *const c_void, *mut u32, *mut HANDLE) -> u32;
        fn WlanCloseHandle(HANDLE, *const c_void) -> u32;
        fn WlanEnumInterfaces(HANDLE, *const c_void, *mut *mut WLAN_INTERFACE_INFO_LIST) -> u32;
        fn WlanQueryInterface(HANDLE, *const GUID, i32, *const c_void, *mut u32, *mut *mut c_void, *mut i32) -> u32;
        fn WlanFreeMemory(*const c_void);
}

/// Version of the interface that Windows 7 and later have.
const VERSION: u32 = 2;
/// Most adapters.
const MAX_ADAPTERS: usize = 16;
/// Longest name of a network.
const MAX_NAME: usize = 32;

/// Joined networks by the identity of the adapter, lower case.
pub(super) fn joined(gather: &mut Gather) -> BTreeMap<String, String> {
    match ask() {
        Ok(found) => found,
        // No library and no service mean that there is no wireless adapter.
        Err(Unavailable::Unsupported(_)) => BTreeMap::new(),
        Err(why) => {
            gather.fault(why);
            BTreeMap::new()
        }
    }
}

fn ask() -> Result<BTreeMap<String, String>, Unavailable> {
    let (open, close) = (WlanOpenHandle()?, WlanCloseHandle()?);
    let (mut version, mut handle) = (0, std::ptr::null_mut());
    // SAFETY: version and handle are written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { open(VERSION, std::ptr::null(), &raw mut version, &raw mut handle) };
    match result {
        ERROR_SUCCESS => {}
        ERROR_SERVICE_NOT_ACTIVE => return Ok(BTreeMap::new()),
        result => return Err(fault::unavailable("WlanOpenHandle", result)),
    }
    let found = adapters(handle);
    // SAFETY: the handle is open and ours, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _closed = unsafe { close(handle, std::ptr::null()) };
    found
}

fn adapters(handle: HANDLE) -> Result<BTreeMap<String, String>, Unavailable> {
    let list = WlanEnumInterfaces()?;
    let mut infos: *mut WLAN_INTERFACE_INFO_LIST = std::ptr::null_mut();
    // SAFETY: the handle is open, and the list's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { list(handle, std::ptr::null(), &raw mut infos) };
    if result != ERROR_SUCCESS || infos.is_null() {
        return Err(fault::unavailable("WlanEnumInterfaces", result));
    }
    // SAFETY: the system made this list, whose count stands at its begin.
    #[expect(unsafe_code, reason = "a list that the system made")]
    let count = unsafe { (*infos).dwNumberOfItems };
    let count = usize::try_from(count).unwrap_or_default().min(MAX_ADAPTERS);
    // SAFETY: so many entries follow the list's head, and the list is not freed before they were copied.
    #[expect(unsafe_code, reason = "a list that the system made")]
    let guids: Vec<GUID> = unsafe {
        std::slice::from_raw_parts(
            (&raw const (*infos).InterfaceInfo).cast::<WLAN_INTERFACE_INFO>(),
            count,
        )
    }
    .iter()
    .map(|info| info.InterfaceGuid)
    .collect();
    release(infos.cast())?;
    let mut found = BTreeMap::new();
    for guid in guids {
        if let Some(name) = network_of(handle, &guid)? {
            found.insert(identity(&guid), name);
        }
    }
    Ok(found)
}

/// `None` where the adapter has joined none.
fn network_of(handle: HANDLE, guid: &GUID) -> Result<Option<String>, Unavailable> {
    let ask = WlanQueryInterface()?;
    let (mut size, mut data) = (0, std::ptr::null_mut());
    // SAFETY: the handle is open; size and place of the answer are written to variables of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe {
        ask(
            handle,
            guid,
            wlan_intf_opcode_current_connection,
            std::ptr::null(),
            &raw mut size,
            &raw mut data,
            std::ptr::null_mut(),
        )
    };
    if result != ERROR_SUCCESS || data.is_null() {
        // Not connected, or connecting.
        return Ok(None);
    }
    if usize::try_from(size).unwrap_or_default() < size_of::<WLAN_CONNECTION_ATTRIBUTES>() {
        release(data)?;
        return Ok(None);
    }
    // SAFETY: the answer is as large as the structure, and is copied before it is freed.
    #[expect(unsafe_code, reason = "an answer that the system made")]
    let answer = unsafe { data.cast::<WLAN_CONNECTION_ATTRIBUTES>().read_unaligned() };
    release(data)?;
    let name = answer.wlanAssociationAttributes.dot11Ssid;
    let length = usize::try_from(name.uSSIDLength)
        .unwrap_or_default()
        .min(MAX_NAME);
    let name = name.ucSSID.get(..length).unwrap_or_default();
    Ok(Some(String::from_utf8_lossy(name).into_owned()))
}

fn release(memory: *const c_void) -> Result<(), Unavailable> {
    let free = WlanFreeMemory()?;
    // SAFETY: the memory is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    unsafe {
        free(memory);
    }
    Ok(())
}

fn identity(guid: &GUID) -> String {
    let tail: String = guid.data4.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b) = tail.split_at(4);
    format!(
        "{{{:08x}-{:04x}-{:04x}-{a}-{b}}}",
        guid.data1, guid.data2, guid.data3
    )
}
