//! Owners and rights of files and folders: reading, making and replacing them, and who this process is. Judges
//! nothing.
#![expect(unsafe_code, reason = "rights are reached through the Windows API only")]

use std::{
    io,
    os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle},
    ptr,
};

use deskwarden_parse::security_descriptor as sd;
use windows_sys::Win32::{
    Foundation::LocalFree,
    Security::{
        Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
        CheckTokenMembership, CreateWellKnownSid, DACL_SECURITY_INFORMATION, GetKernelObjectSecurity,
        GetTokenInformation, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION,
        PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, SECURITY_MAX_SID_SIZE, SetKernelObjectSecurity,
        TOKEN_QUERY, TokenUser, WinBuiltinAdministratorsSid,
    },
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

use super::wide::wide;

/// Largest descriptor and largest answer about a token.
const MAX_BYTES: u32 = 64 << 10;
/// What a token says about its user: address and attributes, then the SID itself.
const USER_HEAD: usize = 16;

/// A descriptor that the system made of its text; freed with it.
pub(super) struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// Full rights for SYSTEM and Administrators, and for the account of this process where it is none of them;
    /// nothing for anybody else, and nothing from above. `inherited`: also for what is made below.
    pub(super) fn private(inherited: bool) -> io::Result<Self> {
        let flags = if inherited { "OICI" } else { "" };
        let mut text = format!("D:P(A;{flags};FA;;;SY)(A;{flags};FA;;;BA)");
        let own = own_sid()?;
        if own != sd::SYSTEM && !is_administrator() {
            text.push_str(&format!("(A;{flags};FA;;;{own})"));
        }
        Self::from_text(&text)
    }

    /// Rights as the system writes them down.
    pub(super) fn from_text(text: &str) -> io::Result<Self> {
        let text = wide(text);
        let mut made: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: the text ends in zero, and `made` takes one pointer.
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut made,
                ptr::null_mut(),
            )
        };
        check(done)?;
        Ok(Self(made))
    }

    /// For a call that makes something. Lives as long as this.
    pub(super) fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }

    /// For the kernel's own calls.
    pub(super) fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.0
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system allocated it for the caller to free, once.
        unsafe { LocalFree(self.0) };
    }
}

/// Owner and rights of what is open.
pub(super) fn read(handle: BorrowedHandle<'_>) -> io::Result<sd::Descriptor> {
    let wanted = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let mut bytes = vec![0u8; MAX_BYTES as usize];
    let mut needed = 0;
    // SAFETY: the buffer has the length that is named.
    let done = unsafe {
        GetKernelObjectSecurity(
            handle.as_raw_handle(),
            wanted,
            bytes.as_mut_ptr().cast(),
            MAX_BYTES,
            &raw mut needed,
        )
    };
    check(done)?;
    sd::parse(&bytes).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its rights cannot be read"))
}

/// Gives what is open these rights and none from above.
pub(super) fn replace(handle: BorrowedHandle<'_>, rights: &Descriptor) -> io::Result<()> {
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: the descriptor lives until after the call.
    check(unsafe { SetKernelObjectSecurity(handle.as_raw_handle(), what, rights.0) })
}

/// SID of the account that this process runs as.
pub(super) fn own_sid() -> io::Result<String> {
    let token = own_token(TOKEN_QUERY)?;
    let mut bytes = vec![0u8; MAX_BYTES as usize];
    let mut used = 0;
    // SAFETY: the buffer has the length that is named.
    let done = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            bytes.as_mut_ptr().cast(),
            MAX_BYTES,
            &raw mut used,
        )
    };
    check(done)?;
    // The SID lies behind the head: its address points into the same buffer.
    bytes.get(USER_HEAD..).and_then(sd::sid).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the account of this process has no SID",
        )
    })
}

/// The token of this process.
pub(super) fn own_token(access: u32) -> io::Result<OwnedHandle> {
    let mut token = ptr::null_mut();
    // SAFETY: it has no preconditions.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the pseudo handle of the own process is always valid, and `token` takes one handle.
    check(unsafe { OpenProcessToken(process, access, &raw mut token) })?;
    // SAFETY: the call above made it for us to close.
    Ok(unsafe { OwnedHandle::from_raw_handle(token) })
}

/// Whether the rights of local administrators are at hand: a filtered token of one does not count.
pub(super) fn is_administrator() -> bool {
    let mut sid = [0u64; SECURITY_MAX_SID_SIZE as usize / 8 + 1];
    let mut size = SECURITY_MAX_SID_SIZE;
    // SAFETY: the buffer is as large as any SID.
    let made = unsafe {
        CreateWellKnownSid(
            WinBuiltinAdministratorsSid,
            ptr::null_mut(),
            sid.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    let mut member = 0;
    made != 0 && {
        // SAFETY: the SID was made above; no token means the own one.
        let asked =
            unsafe { CheckTokenMembership(ptr::null_mut(), sid.as_mut_ptr().cast(), &raw mut member) };
        asked != 0 && member != 0
    }
}

/// The error of the call that returned `done`.
pub(super) fn check(done: i32) -> io::Result<()> {
    if done == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
