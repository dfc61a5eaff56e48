//! The registry: asked of the running system, or read from the hives of one that does not run, or of somebody who is
//! not signed in.

use deskwarden_parse::registry::{
    Fault, HiveKey, Key, MAX_KEYS, MAX_VALUE, MAX_VALUES, Value, Values, unix_seconds,
};
use windows_sys::Win32::{
    Foundation::{
        ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_KEY_DELETED, ERROR_MORE_DATA, ERROR_NO_MORE_ITEMS,
        ERROR_PATH_NOT_FOUND, ERROR_SUCCESS, FILETIME,
    },
    System::Registry::{
        HKEY, HKEY_LOCAL_MACHINE, HKEY_USERS, KEY_NOTIFY, KEY_READ, KEY_WOW64_32KEY, KEY_WOW64_64KEY,
        RegCloseKey, RegEnumKeyExW, RegEnumValueW, RegOpenKeyExW, RegQueryInfoKeyW, RegQueryValueExW,
    },
};

use super::{
    parts::Parts,
    root::Root,
    wide::{narrow, wide},
};
use crate::Unavailable;

/// Hives of a system that does not run, below its root.
const HIVES: [(&str, &str); 2] = [
    ("SOFTWARE", "Windows/System32/config/SOFTWARE"),
    ("SYSTEM", "Windows/System32/config/SYSTEM"),
];
/// In hives there is no link to the settings that the system was started with.
const CURRENT: &str = "CurrentControlSet";

/// Longest name of a key, and of a value, in characters.
const KEY_NAME: usize = 256;
const VALUE_NAME: usize = 16_384;

/// Which of the two registries that a 64-bit Windows keeps for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// That of 64-bit programs.
    Native,
    /// That of 32-bit programs.
    Old,
}

/// An open key.
#[derive(Debug)]
pub(super) struct Live {
    key: HKEY,
    view: View,
}

// SAFETY: a key's handle may be used from any thread.
#[expect(unsafe_code, reason = "a handle of the system")]
unsafe impl Send for Live {}
// SAFETY: reading through one handle from several threads is what the system allows.
#[expect(unsafe_code, reason = "a handle of the system")]
unsafe impl Sync for Live {}

impl Drop for Live {
    fn drop(&mut self) {
        // SAFETY: the handle is open and ours, and nobody uses it any more.
        #[expect(unsafe_code, reason = "a function of the system")]
        let _closed = unsafe { RegCloseKey(self.key) };
    }
}

/// A key, wherever it is.
pub(super) enum Registry {
    /// Of the running system.
    Live(Live),
    /// Of a hive.
    File(HiveKey<Parts>),
}

/// A key of the machine, as `SOFTWARE\\Microsoft`; `None` where there is none.
pub(super) fn machine(root: &Root, path: &str, view: View) -> Result<Option<Registry>, Unavailable> {
    let told = |why| unavailable(&format!("HKLM\\{path}"), why);
    if root.is_host() {
        let key = open(HKEY_LOCAL_MACHINE, path, view).map_err(told)?;
        return Ok(key.map(Registry::Live));
    }
    let (hive, below) = path.split_once('\\').unwrap_or((path, ""));
    let Some((_, file)) = HIVES.iter().find(|(name, _)| *name == hive) else {
        return Ok(None);
    };
    let Some(top) = file_root(root, file)? else {
        let place = root.display(file);
        return Err(Unavailable::Unsupported(format!(
            "{}: no such hive",
            place.display()
        )));
    };
    let below = match below.strip_prefix(CURRENT) {
        Some(rest) => {
            let select = top.open("Select").map_err(told)?;
            let current = select.and_then(|key| key.number("Current")).unwrap_or(1);
            format!("ControlSet{current:03}{rest}")
        }
        None => below.to_owned(),
    };
    // In the hive of programs the older ones have a branch of their own.
    let below = if hive == "SOFTWARE" && view == View::Old {
        format!("WOW6432Node\\{below}")
    } else {
        below
    };
    top.open(&below).map_err(told)
}

/// A key of somebody who is signed in, by SID and path; `None` where there is none.
pub(super) fn user(path: &str) -> Result<Option<Registry>, Unavailable> {
    let key = open(HKEY_USERS, path, View::Native);
    let key = key.map_err(|why| unavailable(&format!("HKU\\{path}"), why))?;
    Ok(key.map(Registry::Live))
}

/// The root key of a hive file; `None` where there is no such file.
pub(super) fn file_root(root: &Root, path: &str) -> Result<Option<Registry>, Unavailable> {
    let Some(file) = root.open_file(path)? else {
        return Ok(None);
    };
    match HiveKey::root(file) {
        Some(key) => Ok(Some(Registry::File(key))),
        None => {
            let place = root.display(path);
            Err(Unavailable::Failed(format!(
                "{}: damaged, or no hive",
                place.display()
            )))
        }
    }
}

/// What a fault means for a place.
pub(super) fn unavailable(place: &str, why: Fault) -> Unavailable {
    match why {
        Fault::Denied => Unavailable::Denied(format!(
            "{place}: no right to read it; run the agent as a service"
        )),
        why => Unavailable::Failed(format!("{place}: {why}")),
    }
}

impl Registry {
    /// Whether all that was written is in it.
    pub(super) fn is_settled(&self) -> bool {
        match self {
            Self::Live(_) => true,
            Self::File(key) => key.is_settled(),
        }
    }
}

impl Key for Registry {
    fn names(&self) -> Result<Vec<String>, Fault> {
        match self {
            Self::Live(key) => key.names(),
            Self::File(key) => key.names(),
        }
    }

    fn each(&self, each: &mut dyn FnMut(&str, Result<Self, Fault>)) -> Result<(), Fault> {
        match self {
            Self::Live(key) => key.each(&mut |name, key| each(name, key.map(Self::Live))),
            Self::File(key) => key.each(&mut |name, key| each(name, key.map(Self::File))),
        }
    }

    fn open(&self, path: &str) -> Result<Option<Self>, Fault> {
        match self {
            Self::Live(key) => Ok(Key::open(key, path)?.map(Self::Live)),
            Self::File(key) => Ok(key.open(path)?.map(Self::File)),
        }
    }

    fn value(&self, name: &str) -> Result<Option<Value>, Fault> {
        match self {
            Self::Live(key) => key.value(name),
            Self::File(key) => key.value(name),
        }
    }

    fn values(&self) -> Result<Values, Fault> {
        match self {
            Self::Live(key) => key.values(),
            Self::File(key) => key.values(),
        }
    }

    fn written(&self) -> Option<i64> {
        match self {
            Self::Live(key) => key.written(),
            Self::File(key) => key.written(),
        }
    }
}

fn open(below: HKEY, path: &str, view: View) -> Result<Option<Live>, Fault> {
    let mut key: HKEY = std::ptr::null_mut();
    let path = wide(path);
    let rights = match view {
        View::Native => KEY_READ | KEY_NOTIFY | KEY_WOW64_64KEY,
        View::Old => KEY_READ | KEY_NOTIFY | KEY_WOW64_32KEY,
    };
    // SAFETY: the text ends in zero, and the handle is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { RegOpenKeyExW(below, path.as_ptr(), 0, rights, &raw mut key) };
    match result {
        ERROR_SUCCESS => Ok(Some(Live { key, view })),
        result => absent(result),
    }
}

fn absent<T>(result: u32) -> Result<Option<T>, Fault> {
    match result {
        ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND | ERROR_KEY_DELETED => Ok(None),
        result => Err(fault(result)),
    }
}

fn fault(result: u32) -> Fault {
    match result {
        ERROR_ACCESS_DENIED => Fault::Denied,
        result => Fault::Other(result),
    }
}

impl Live {
    /// The handle, to wait for changes with.
    pub(super) fn handle(&self) -> HKEY {
        self.key
    }

    fn name_at(&self, index: u32) -> Result<Option<String>, Fault> {
        let mut name = [0u16; KEY_NAME];
        let mut length = KEY_NAME as u32;
        let none = std::ptr::null_mut();
        // SAFETY: name and length describe a buffer of ours; the rest is not asked for.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe {
            RegEnumKeyExW(
                self.key,
                index,
                name.as_mut_ptr(),
                &raw mut length,
                std::ptr::null(),
                none,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        match result {
            ERROR_SUCCESS => {
                let length = usize::try_from(length).unwrap_or_default();
                Ok(Some(String::from_utf16_lossy(
                    name.get(..length).unwrap_or_default(),
                )))
            }
            ERROR_NO_MORE_ITEMS | ERROR_KEY_DELETED => Ok(None),
            result => Err(fault(result)),
        }
    }

    fn value_at(
        &self,
        index: u32,
        name: &mut [u16],
        data: &mut Vec<u8>,
    ) -> Result<Option<(String, Value)>, Fault> {
        loop {
            let mut length = u32::try_from(name.len()).unwrap_or(u32::MAX);
            let mut size = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let mut kind = 0;
            // SAFETY: name, data and their lengths describe buffers of ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let result = unsafe {
                RegEnumValueW(
                    self.key,
                    index,
                    name.as_mut_ptr(),
                    &raw mut length,
                    std::ptr::null(),
                    &raw mut kind,
                    data.as_mut_ptr(),
                    &raw mut size,
                )
            };
            match result {
                ERROR_SUCCESS => {
                    let bytes = data
                        .get(..usize::try_from(size).unwrap_or_default())
                        .unwrap_or_default();
                    return Ok(Some((narrow(name), Value::new(kind, bytes.to_vec()))));
                }
                ERROR_NO_MORE_ITEMS | ERROR_KEY_DELETED => return Ok(None),
                ERROR_MORE_DATA if data.len() < MAX_VALUE => data.resize((data.len() * 4).min(MAX_VALUE), 0),
                ERROR_MORE_DATA => return Err(Fault::TooMuch),
                result => return Err(fault(result)),
            }
        }
    }
}

impl Key for Live {
    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = Vec::new();
        for index in 0.. {
            match self.name_at(index)? {
                Some(_) if names.len() == MAX_KEYS => return Err(Fault::TooMuch),
                Some(name) => names.push(name),
                None => break,
            }
        }
        Ok(names)
    }

    fn each(&self, each: &mut dyn FnMut(&str, Result<Self, Fault>)) -> Result<(), Fault> {
        for name in self.names()? {
            match self.open(&name) {
                Ok(Some(key)) => each(&name, Ok(key)),
                // Gone since its name was told.
                Ok(None) => {}
                Err(why) => each(&name, Err(why)),
            }
        }
        Ok(())
    }

    fn open(&self, path: &str) -> Result<Option<Self>, Fault> {
        open(self.key, path, self.view)
    }

    fn value(&self, name: &str) -> Result<Option<Value>, Fault> {
        let name = wide(name);
        let mut data = vec![0u8; 1_024];
        loop {
            let mut size = u32::try_from(data.len()).unwrap_or(u32::MAX);
            let mut kind = 0;
            // SAFETY: the name ends in zero; data and size describe a buffer of ours.
            #[expect(unsafe_code, reason = "a function of the system")]
            let result = unsafe {
                RegQueryValueExW(
                    self.key,
                    name.as_ptr(),
                    std::ptr::null(),
                    &raw mut kind,
                    data.as_mut_ptr(),
                    &raw mut size,
                )
            };
            match result {
                ERROR_SUCCESS => {
                    data.truncate(usize::try_from(size).unwrap_or_default());
                    return Ok(Some(Value::new(kind, data)));
                }
                ERROR_MORE_DATA if data.len() < MAX_VALUE => data.resize((data.len() * 4).min(MAX_VALUE), 0),
                ERROR_MORE_DATA => return Err(Fault::TooMuch),
                result => return absent(result),
            }
        }
    }

    fn values(&self) -> Result<Values, Fault> {
        let mut values = Values::default();
        let mut name = vec![0u16; VALUE_NAME];
        let mut data = vec![0u8; 4_096];
        for index in 0.. {
            match self.value_at(index, &mut name, &mut data) {
                Ok(Some(_)) if values.all.len() == MAX_VALUES => return Err(Fault::TooMuch),
                Ok(Some(found)) => values.all.push(found),
                Ok(None) => break,
                Err(Fault::TooMuch) => values.damaged = true,
                Err(why) => return Err(why),
            }
        }
        Ok(values)
    }

    fn written(&self) -> Option<i64> {
        let mut time = FILETIME::default();
        let none = std::ptr::null_mut();
        // SAFETY: only the time is asked for, and written to a place of ours.
        #[expect(unsafe_code, reason = "a function of the system")]
        let result = unsafe {
            RegQueryInfoKeyW(
                self.key,
                std::ptr::null_mut(),
                none,
                std::ptr::null(),
                none,
                none,
                none,
                none,
                none,
                none,
                none,
                &raw mut time,
            )
        };
        let ticks = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        (result == ERROR_SUCCESS).then(|| unix_seconds(ticks)).flatten()
    }
}
