//! The entries that the MSI calls as SYSTEM, in the installer's own process: they leave the roll-out's settings where
//! only SYSTEM and Administrators read, and take them away. They start no program and reach no network.
#![expect(
    unsafe_code,
    reason = "the installer calls by name and answers through its own API"
)]

use std::{fs, io, path::Path};

use windows_sys::Win32::{
    Foundation::{ERROR_INSTALL_FAILURE, ERROR_SUCCESS},
    System::ApplicationInstallationAndServicing::MSIHANDLE,
};

use deskwarden_system::{Gravity, PrivateError, ensure_private_dir, program_data, write_private};

use super::{dll::functions, places::places, wide::wide};
use crate::{
    Places, log_event,
    roll_out::{Told, told},
};

// The agent itself has this code too, and needs no library of the installer's.
functions! {
    "msi.dll":
        fn MsiGetPropertyW(MSIHANDLE, *const u16, *mut u16, *mut u32) -> u32;
}

/// Most units of what the installer hands over.
const MAX_HANDED: u32 = 32 << 10;
/// Largest file of settings.
const MAX_FILE: u64 = 64 << 10;
/// What an update of the agent by itself leaves beside the program.
const BESIDE_PROGRAM: [&str; 5] = ["new", "previous", "failed", "trial", "refused"];
/// The folder of a collector, below ProgramData.
const OF_COLLECTOR: &str = "Deskwarden Collector";
/// The property by which the installer hands something over.
const HANDED: &str = "CustomActionData";

/// Leaves what the installation was told for the service's first start. Nothing was told: nothing is touched.
#[unsafe(no_mangle)]
extern "system" fn DeskwardenLeave(install: MSIHANDLE) -> u32 {
    answer(leave(&handed(install), &places()))
}

/// Takes away what was left, because the installation failed.
#[unsafe(no_mangle)]
extern "system" fn DeskwardenWithdraw(_install: MSIHANDLE) -> u32 {
    answer(removed(&places().left))
}

/// Takes away settings and what updates left beside the program, and with `1` also identity and outbox. Is handed
/// `1|folder of the program`.
#[unsafe(no_mangle)]
extern "system" fn DeskwardenForget(install: MSIHANDLE) -> u32 {
    let handed = handed(install);
    let (purge, program) = handed.split_once('|').unwrap_or((&handed, ""));
    answer(forget(purge.trim() == "1", Path::new(program.trim()), &places()))
}

/// With `1`, takes away everything that a collector kept on this machine; otherwise nothing.
#[unsafe(no_mangle)]
extern "system" fn DeskwardenForgetCollector(install: MSIHANDLE) -> u32 {
    let asked = handed(install).trim() == "1";
    let home = program_data().map(|all| all.join(OF_COLLECTOR));
    answer(match home {
        Some(home) if asked => emptied(&home),
        _ => Ok(()),
    })
}

fn leave(handed: &str, places: &Places) -> Result<(), PrivateError> {
    let settings = match told(handed) {
        Told::Settings(text) => text.into_bytes(),
        Told::Nothing => return Ok(()),
        Told::Beside(file) => match beside(&file) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(()),
            Err(source) => return Err(fault(&file, "read", source)),
        },
    };
    if let Some(home) = &places.home {
        ensure_private_dir(home)?;
    }
    write_private(&places.left, &settings)
}

/// The file beside the package. It is as good as the package that it lies beside.
fn beside(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(file) {
        Ok(found) if found.len() > MAX_FILE => Err(io::Error::other("it is too large for settings")),
        Ok(_) => fs::read(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn forget(all: bool, program: &Path, places: &Places) -> Result<(), PrivateError> {
    for left in BESIDE_PROGRAM {
        removed(&program.join(format!("deskwarden-agent.exe.{left}")))?;
    }
    let Some(home) = &places.home else {
        return Ok(());
    };
    removed(&places.left)?;
    removed(&places.config)?;
    removed(&places.state.join("token"))?;
    if all {
        emptied(home)?;
    }
    // Only if nothing is left in it.
    fs::remove_dir(home).ok();
    Ok(())
}

fn emptied(home: &Path) -> Result<(), PrivateError> {
    // The standard library goes down handle by handle and follows no junction.
    match fs::remove_dir_all(home) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(fault(home, "remove", source)),
        _ => Ok(()),
    }
}

fn removed(file: &Path) -> Result<(), PrivateError> {
    match fs::remove_file(file) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(fault(file, "remove", source)),
        _ => Ok(()),
    }
}

fn answer(done: Result<(), PrivateError>) -> u32 {
    match done {
        Ok(()) => ERROR_SUCCESS,
        Err(error) => {
            let text =
                format!("桌面巡检安装或卸载失败。\nDeskwarden cannot be installed or removed: {error}");
            log_event(Gravity::Fault, &text);
            ERROR_INSTALL_FAILURE
        }
    }
}

fn handed(install: MSIHANDLE) -> String {
    let Ok(property) = MsiGetPropertyW() else {
        return String::new();
    };
    let name = wide(HANDED);
    let mut units = vec![0u16; MAX_HANDED as usize];
    let mut length = MAX_HANDED;
    // SAFETY: the name ends in zero, and the buffer has the length that is named.
    let done = unsafe { property(install, name.as_ptr(), units.as_mut_ptr(), &raw mut length) };
    if done != ERROR_SUCCESS {
        return String::new();
    }
    String::from_utf16_lossy(units.get(..length as usize).unwrap_or_default())
}

fn fault(path: &Path, action: &'static str, source: io::Error) -> PrivateError {
    PrivateError::Io {
        path: path.to_owned(),
        action,
        source,
    }
}
