//! Whether the signature of a program holds, by Windows' own judgement: the content is unchanged, and the certificate
//! leads to an authority that this PC trusts. No network is asked and no window is shown.

use std::{fs::File, mem::offset_of, os::windows::io::AsRawHandle as _, path::Path, ptr};

use windows_sys::Win32::Security::WinTrust::{
    WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_DATA, WINTRUST_DATA_0, WINTRUST_FILE_INFO,
    WTD_CACHE_ONLY_URL_RETRIEVAL, WTD_CHOICE_FILE, WTD_REVOCATION_CHECK_NONE, WTD_REVOKE_NONE,
    WTD_STATEACTION_CLOSE, WTD_STATEACTION_VERIFY, WTD_UI_NONE,
};

use super::{dll::functions, wide::wide};

functions! {
    "wintrust.dll":
        fn WinVerifyTrust(*mut core::ffi::c_void, *const windows_sys::core::GUID, *mut WINTRUST_DATA) -> i32;
}

/// Whether the open file bears a signature that holds. What cannot be asked does not.
pub(super) fn holds(file: &File, path: &Path) -> bool {
    let Ok(verify) = WinVerifyTrust() else {
        return false;
    };
    let path = wide(path);
    let mut told = WINTRUST_FILE_INFO {
        cbStruct: size_of::<WINTRUST_FILE_INFO>() as u32,
        pcwszFilePath: path.as_ptr(),
        hFile: file.as_raw_handle(),
        pgKnownSubject: ptr::null_mut(),
    };
    let mut question = WINTRUST_DATA {
        // Without the field that Windows 7 does not know.
        cbStruct: offset_of!(WINTRUST_DATA, pSignatureSettings) as u32,
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwUnionChoice: WTD_CHOICE_FILE,
        Anonymous: WINTRUST_DATA_0 { pFile: &raw mut told },
        dwStateAction: WTD_STATEACTION_VERIFY,
        dwProvFlags: WTD_REVOCATION_CHECK_NONE | WTD_CACHE_ONLY_URL_RETRIEVAL,
        ..WINTRUST_DATA::default()
    };
    let action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    let mut ask = |state| {
        question.dwStateAction = state;
        // SAFETY: question, file and path are ours, say how long they are and live until after the call; no window.
        #[expect(unsafe_code, reason = "a function of the system")]
        let answer = unsafe { verify(ptr::null_mut(), &raw const action, &raw mut question) };
        answer
    };
    let answer = ask(WTD_STATEACTION_VERIFY);
    // What the first question kept is given back.
    ask(WTD_STATEACTION_CLOSE);
    answer == 0
}
