//! Rights beyond those to files: which of them a service keeps. It needs few; the rest is given back for good.
#![expect(unsafe_code, reason = "privileges are reached through the Windows API only")]

use std::{io, os::windows::io::AsRawHandle as _, ptr};

use windows_sys::Win32::{
    Foundation::LUID,
    Security::{
        AdjustTokenPrivileges, GetTokenInformation, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW,
        SE_PRIVILEGE_ENABLED, SE_PRIVILEGE_REMOVED, TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY,
        TokenPrivileges,
    },
};

use super::{
    acl::{check, own_token},
    wide::wide,
};

/// Room for every privilege there is, several times.
const ROOM: usize = 256;
/// What precedes the list.
const HEAD: usize = 4;
/// Bytes of an entry.
const ENTRY: usize = 12;

/// Gives every privilege back but those that are kept, and switches these on. Returns how many went.
pub(super) fn keep_few(kept: &[&str]) -> io::Result<usize> {
    let token = own_token(TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES)?;
    let kept: Vec<LUID> = kept.iter().filter_map(|name| value(name).ok()).collect();
    let mut bytes = vec![0u32; (HEAD + ENTRY * ROOM) / 4];
    let mut used = 0;
    // SAFETY: the buffer has the length that is named.
    let done = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenPrivileges,
            bytes.as_mut_ptr().cast(),
            (bytes.len() * 4) as u32,
            &raw mut used,
        )
    };
    check(done)?;
    let count = bytes.first().copied().unwrap_or_default() as usize;
    let mut given_back = 0;
    for entry in bytes
        .get(1..)
        .unwrap_or_default()
        .chunks_exact(ENTRY / 4)
        .take(count)
    {
        let [low, high, _] = entry else { continue };
        let luid = LUID {
            LowPart: *low,
            HighPart: high.cast_signed(),
        };
        let stays = kept
            .iter()
            .any(|kept| kept.LowPart == luid.LowPart && kept.HighPart == luid.HighPart);
        let new = TOKEN_PRIVILEGES {
            PrivilegeCount: 1,
            Privileges: [LUID_AND_ATTRIBUTES {
                Luid: luid,
                Attributes: if stays {
                    SE_PRIVILEGE_ENABLED
                } else {
                    SE_PRIVILEGE_REMOVED
                },
            }],
        };
        // SAFETY: `new` holds the one entry that it counts.
        let done = unsafe {
            AdjustTokenPrivileges(
                token.as_raw_handle(),
                0,
                &raw const new,
                0,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        check(done)?;
        given_back += usize::from(!stays);
    }
    Ok(given_back)
}

fn value(name: &str) -> io::Result<LUID> {
    let name = wide(name);
    let mut luid = LUID::default();
    // SAFETY: the name ends in zero, and `luid` takes the answer.
    check(unsafe { LookupPrivilegeValueW(ptr::null(), name.as_ptr(), &raw mut luid) })?;
    Ok(luid)
}
