//! Room on the drives of this PC. Drives of the network and plugged-in ones are not asked.

use windows_sys::Win32::Storage::FileSystem::{GetDiskFreeSpaceExW, GetDriveTypeW, GetLogicalDrives};

use super::wide::wide;

/// A drive inside the PC.
const FIXED: u32 = 3;

/// Room of one drive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// `C:`.
    pub(super) place: String,
    /// Bytes in all.
    pub(super) total: u64,
    /// Bytes that are free.
    pub(super) free: u64,
}

/// Every fixed drive with a file system.
pub(super) fn rooms() -> Vec<Room> {
    // SAFETY: takes nothing and gives a number.
    #[expect(unsafe_code, reason = "a function of the system")]
    let drives = unsafe { GetLogicalDrives() };
    (0..26u8)
        .filter(|number| drives & 1 << number != 0)
        .filter_map(|number| room(char::from(b'A' + number)))
        .collect()
}

/// Whether a letter is that of a drive inside the PC.
pub(super) fn is_fixed(letter: char) -> bool {
    let place = wide(format!("{letter}:\\"));
    // SAFETY: the text ends in zero.
    #[expect(unsafe_code, reason = "a function of the system")]
    let kind = unsafe { GetDriveTypeW(place.as_ptr()) };
    kind == FIXED
}

fn room(letter: char) -> Option<Room> {
    if !is_fixed(letter) {
        return None;
    }
    let place = wide(format!("{letter}:\\"));
    let (mut usable, mut total, mut free) = (0, 0, 0);
    // SAFETY: the text ends in zero, and the numbers are written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe { GetDiskFreeSpaceExW(place.as_ptr(), &raw mut usable, &raw mut total, &raw mut free) };
    (told != 0 && total > 0).then(|| Room {
        place: format!("{letter}:"),
        total,
        free,
    })
}
