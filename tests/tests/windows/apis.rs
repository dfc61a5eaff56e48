//! The page about Windows' functions says of each that the agent calls what is proven about it, and of nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use deskwarden_tests::{architecture::tree, relay::Calls};

const STATES: [&str; 3] = [
    "proven under Wine",
    "proven on captured data",
    "not yet run on real Windows",
];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else {
            into.push(path);
        }
    }
}

fn is_function(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.contains(|c: char| c.is_ascii_lowercase())
}

/// Whether it stands before a bracket by itself: neither as a variant of an enumeration nor as a type that is made there.
fn is_called(text: &str, word: &str) -> bool {
    text.match_indices(&format!("{word}(")).any(|(at, _)| {
        let before = &text[..at];
        !before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':'))
            && !before.ends_with("struct ")
    })
}

/// Functions that one file looks up by name, or imports and calls.
fn called(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if let Some((name, _)) = line
            .trim()
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
            && is_function(name)
        {
            found.insert(name.to_owned());
        }
    }
    for named in text.split("c\"").skip(1) {
        found.extend(
            named
                .split_once('"')
                .map(|(name, _)| name.to_owned())
                .filter(|name| is_function(name)),
        );
    }
    for import in text.split("use windows_sys::").skip(1) {
        let import = import.split(';').next().unwrap();
        for word in import.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            if is_function(word) && is_called(text, word) {
                found.insert(word.to_owned());
            }
        }
    }
    found
}

/// Called all the time, so that nothing works where they do not: not worth noting, or too short to be noted.
const EVERYWHERE: [&str; 5] = [
    "CloseHandle",
    "GetCurrentProcess",
    "GetLastError",
    "GetProcessHeap",
    "SetLastError",
];
/// Called by the installation in the installer's process, where no call is noted: that it left what it was told shows it.
const IN_INSTALLER: [&str; 1] = ["MsiGetPropertyW"];
/// These answer zero when they did what was asked; all others that answer at all, something else.
const ANSWER_ZERO: [&str; 28] = [
    "CM_Get_Device_ID_ListW",
    "CM_Get_Device_ID_List_SizeW",
    "CM_Register_Notification",
    "CM_Unregister_Notification",
    "CancelMibChangeNotify2",
    "GetAdaptersAddresses",
    "GetExtendedTcpTable",
    "GetExtendedUdpTable",
    "GetIfEntry2",
    "GetIpNetTable2",
    "NetApiBufferFree",
    "NetGetJoinInformation",
    "NetUserEnum",
    "NetUserModalsGet",
    "NotifyIpInterfaceChange",
    "NotifyRouteChange2",
    "NotifyUnicastIpAddressChange",
    "NtCreateFile",
    "NtSetInformationFile",
    "RegCloseKey",
    "RegEnumKeyExW",
    "RegEnumValueW",
    "RegNotifyChangeKeyValue",
    "RegOpenKeyExW",
    "RegQueryInfoKeyW",
    "RegQueryValueExW",
    "SHGetFolderPathW",
    "WinVerifyTrust",
];
/// Their answer says nothing of whether it worked.
const ANSWER_ANYTHING: [&str; 7] = [
    "FreeMibTable",
    "GetSystemTimeAsFileTime",
    "GetTimeZoneInformation",
    "HeapCompact",
    "LocalFree",
    "RtlNtStatusToDosError",
    "WaitForMultipleObjects",
];
/// Wine has them, and what they answer has nothing in it.
const HOLLOW: [&str; 10] = [
    "CM_Get_Device_ID_ListW",
    "CM_Get_Device_ID_List_SizeW",
    "NetLocalGroupGetMembers",
    "NotifyIpInterfaceChange",
    "NotifyRouteChange2",
    "NotifyUnicastIpAddressChange",
    "WlanCloseHandle",
    "WlanEnumInterfaces",
    "WlanFreeMemory",
    "WlanOpenHandle",
];

/// Rows of the page: function and state.
fn rows(page: &str) -> BTreeMap<&str, &str> {
    page.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
            Some((
                cells.next()?.trim_end_matches('`'),
                cells
                    .next_back()
                    .filter(|cell| !cell.is_empty())
                    .or(cells.next_back())?,
            ))
        })
        .collect()
}

fn page() -> String {
    fs::read_to_string(tree::root().join("deploy/docs/windows-apis.md")).unwrap()
}

/// Functions whose calls are worth noting.
pub(crate) fn noted() -> Vec<String> {
    let page = page();
    let all = rows(&page).into_keys();
    all.filter(|name| !EVERYWHERE.contains(name))
        .map(str::to_owned)
        .collect()
}

/// Holds the page against what a whole life of the agent under Wine called, from its installation to its removal.
pub(crate) fn what_was_called_is_what_the_page_says(calls: &Calls) {
    let page = page();
    let works = |name: &str| {
        calls.answered(name, |answer| {
            let zero = ANSWER_ZERO.contains(&name);
            ANSWER_ANYTHING.contains(&name) || (answer == 0) == zero
        })
    };
    let mut wrong = Vec::new();
    for (name, state) in rows(&page) {
        let shown = EVERYWHERE.contains(&name) || IN_INSTALLER.contains(&name) || works(name);
        let shown = shown && !HOLLOW.contains(&name);
        if shown != (state == STATES[0]) {
            wrong.push(format!("{name}: {state}, and shown here: {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\ncalled: {calls:?}");
}

#[test]
fn the_page_lists_each_function_that_is_called_and_no_other() {
    let root = tree::root();
    let mut files = Vec::new();
    for home in ["agent/platform/src/windows", "system/src/windows"] {
        sources(&root.join(home), &mut files);
    }
    let called: BTreeSet<String> = files
        .iter()
        .flat_map(|file| called(&fs::read_to_string(file).unwrap()))
        .collect();
    assert!(called.len() > 60, "the sources were read: {called:?}");
    let page = page();
    let rows = rows(&page);
    let listed: BTreeSet<String> = rows.keys().map(|name| (*name).to_owned()).collect();
    let missing: Vec<&String> = called.difference(&listed).collect();
    assert!(missing.is_empty(), "called and not on the page: {missing:?}");
    let stale: Vec<&String> = listed.difference(&called).collect();
    assert!(stale.is_empty(), "on the page and not called: {stale:?}");
    for (name, state) in rows {
        assert!(STATES.contains(&state), "{name}: {state}");
    }
}
