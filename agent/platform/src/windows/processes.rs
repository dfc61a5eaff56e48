//! Processes that run: the program of each, and whose it is. No arguments.

use std::collections::BTreeMap;

use windows_sys::Win32::{
    Foundation::{CloseHandle, ERROR_ACCESS_DENIED, HANDLE, INVALID_HANDLE_VALUE, LocalFree},
    Security::{
        Authorization::ConvertSidToStringSidW, GetTokenInformation, TOKEN_QUERY, TOKEN_USER, TokenUser,
    },
    System::{
        Diagnostics::ToolHelp::{
            CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
        },
        Threading::{
            OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
        },
    },
};

use super::{
    fault,
    wide::{behind, narrow},
};
use crate::Unavailable;

/// Most processes that are looked at.
const MAX_PROCESSES: usize = 20_000;
/// Longest path in characters.
const MAX_PATH: usize = 4_096;

/// What runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    /// Path of the program, by the number of the process.
    pub(super) programs: BTreeMap<u32, String>,
    /// SID of the person, by the number of the process; services have none here.
    pub(super) people: BTreeMap<u32, String>,
    /// Some could not be asked.
    pub(super) denied: bool,
}

struct Handle(HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open and ours, and nobody uses it any more.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _closed = unsafe { CloseHandle(self.0) };
    }
}

/// Every process that can be asked.
pub(super) fn running() -> Result<Running, Unavailable> {
    let mut found = Running::default();
    for process in numbers()? {
        // The system itself and its idle loop have no program.
        if process <= 4 {
            continue;
        }
        // SAFETY: a number names the process; one that is gone gives no handle.
        #[expect(unsafe_code, reason = "a function of the system")]
        let handle = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, process) };
        if handle.is_null() {
            found.denied |= fault::last() == ERROR_ACCESS_DENIED;
            continue;
        }
        let handle = Handle(handle);
        if let Some(path) = program(&handle) {
            found.programs.insert(process, path);
        }
        if let Some(sid) =
            owner(&handle).filter(|sid| sid.starts_with("S-1-5-21-") || sid.starts_with("S-1-12-1-"))
        {
            found.people.insert(process, sid);
        }
    }
    Ok(found)
}

fn numbers() -> Result<Vec<u32>, Unavailable> {
    // SAFETY: takes numbers only.
    #[expect(unsafe_code, reason = "a function of the system")]
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return Err(fault::unavailable("CreateToolhelp32Snapshot", fault::last()));
    }
    let snapshot = Handle(snapshot);
    let mut entry = PROCESSENTRY32W {
        dwSize: size_of::<PROCESSENTRY32W>() as u32,
        ..PROCESSENTRY32W::default()
    };
    let mut numbers = Vec::new();
    // SAFETY: the snapshot is open; the entry is ours and says how long it is.
    #[expect(unsafe_code, reason = "a function of the system")]
    let mut more = unsafe { Process32FirstW(snapshot.0, &raw mut entry) };
    while more != 0 && numbers.len() < MAX_PROCESSES {
        numbers.push(entry.th32ProcessID);
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "a function of the system")]
        let next = unsafe { Process32NextW(snapshot.0, &raw mut entry) };
        more = next;
    }
    Ok(numbers)
}

fn program(process: &Handle) -> Option<String> {
    let mut path = vec![0u16; MAX_PATH];
    let mut length = MAX_PATH as u32;
    // SAFETY: path and length describe a buffer of ours, and the process is open.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { QueryFullProcessImageNameW(process.0, 0, path.as_mut_ptr(), &raw mut length) };
    (told != 0).then(|| narrow(&path)).filter(|path| !path.is_empty())
}

fn owner(process: &Handle) -> Option<String> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the process is open, and the token is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let opened = unsafe { OpenProcessToken(process.0, TOKEN_QUERY, &raw mut token) };
    if opened == 0 {
        return None;
    }
    let token = Handle(token);
    // A SID has at most 68 bytes, behind the structure that points to it.
    let mut answer = [0u64; 16];
    let mut written = 0;
    // SAFETY: pointer and size describe memory of ours, aligned for the structure.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe {
        GetTokenInformation(
            token.0,
            TokenUser,
            answer.as_mut_ptr().cast(),
            size_of_val(&answer) as u32,
            &raw mut written,
        )
    };
    if told == 0 {
        return None;
    }
    // SAFETY: the system wrote this structure to the begin of the memory.
    #[expect(unsafe_code, reason = "a structure that the system wrote")]
    let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
    let mut text = std::ptr::null_mut();
    // SAFETY: the SID stands in memory that is still there; the text's place is written to a pointer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { ConvertSidToStringSidW(user.User.Sid, &raw mut text) };
    if told == 0 {
        return None;
    }
    // SAFETY: the system made this text, which ends in zero.
    #[expect(unsafe_code, reason = "a text that the system made")]
    let sid = unsafe { behind(text, 256) };
    // SAFETY: the text is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _freed = unsafe { LocalFree(text.cast()) };
    Some(sid)
}
