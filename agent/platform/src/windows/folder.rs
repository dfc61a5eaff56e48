//! The folder of Windows itself.

use windows_sys::Win32::System::SystemInformation::GetSystemWindowsDirectoryW;

/// Folder of Windows, as `C:\Windows`.
pub(super) fn system_folder() -> String {
    let mut text = [0u16; 512];
    // SAFETY: pointer and size describe a buffer of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let length = unsafe { GetSystemWindowsDirectoryW(text.as_mut_ptr(), text.len() as u32) };
    let length = usize::try_from(length).unwrap_or_default();
    match text.get(..length) {
        Some(found) if length > 0 => String::from_utf16_lossy(found),
        _ => "C:\\Windows".to_owned(),
    }
}
