//! The running machine itself: boot, clock, rights, and hints by which a person recognises it.

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::v1::HostHints;
use windows_sys::Win32::{
    Foundation::{CloseHandle, FILETIME, HANDLE},
    Security::{GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation},
    System::{
        SystemInformation::{GetSystemTimeAsFileTime, GetTickCount64},
        Threading::{GetCurrentProcess, GetProcessTimes, OpenProcessToken},
        Time::{GetTimeZoneInformation, TIME_ZONE_INFORMATION},
    },
};

use super::{
    Root, network, part,
    registry::{self, View},
};
use crate::{Source, hints};

/// Boots are told apart by this much: the clock may be set while the machine runs.
const BOOT_GRAIN_MS: u64 = 60_000;

/// Identity of this boot; empty where the system does not tell.
pub fn boot_id() -> String {
    // Counted by the system since it was installed; together with the name of the installation it is unique.
    let places = [
        (
            "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters",
            "BootId",
        ),
        ("SOFTWARE\\Microsoft\\Cryptography", "MachineGuid"),
    ];
    let host = Root::host();
    let found: Vec<String> = places
        .iter()
        .filter_map(|(path, name)| {
            let key = registry::machine(&host, path, View::Native).ok().flatten()?;
            Some(key.text(name)).filter(|text| !text.is_empty())
        })
        .collect();
    if let [count, machine] = found.as_slice() {
        return format!("{machine}-{count}");
    }
    // Without the counter, the minute in which it was started.
    let started = filetime_ms(now()).saturating_sub(monotonic_ms());
    format!("boot-{}", started / BOOT_GRAIN_MS)
}

/// Milliseconds since boot, sleep included.
pub fn monotonic_ms() -> u64 {
    // SAFETY: takes nothing and gives a number.
    #[expect(unsafe_code, reason = "a function of the system")]
    let ticks = unsafe { GetTickCount64() };
    ticks
}

/// Now, in Unix seconds.
pub(super) fn unix_now() -> i64 {
    deskwarden_parse::registry::unix_seconds(now()).unwrap_or_default()
}

fn now() -> u64 {
    let mut time = FILETIME::default();
    // SAFETY: the time is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    unsafe {
        GetSystemTimeAsFileTime(&raw mut time);
    }
    ticks(time)
}

/// CPU that this process took so far, in microseconds.
pub fn cpu_us() -> Option<u64> {
    let (mut created, mut ended) = (FILETIME::default(), FILETIME::default());
    let (mut kernel, mut user) = (FILETIME::default(), FILETIME::default());
    // SAFETY: the own process needs no open handle; the times are written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe {
        GetProcessTimes(
            GetCurrentProcess(),
            &raw mut created,
            &raw mut ended,
            &raw mut kernel,
            &raw mut user,
        )
    };
    (told != 0).then(|| ticks(kernel).saturating_add(ticks(user)) / 10)
}

fn ticks(time: FILETIME) -> u64 {
    u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime)
}

fn filetime_ms(ticks: u64) -> u64 {
    ticks / 10_000
}

/// Whether this process may read everything: it runs with all the rights of an administrator, or as a service.
pub fn is_privileged() -> bool {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the own process needs no open handle; the token is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let opened = unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) };
    if opened == 0 {
        return false;
    }
    let mut elevation = TOKEN_ELEVATION::default();
    let size = size_of::<TOKEN_ELEVATION>() as u32;
    let mut written = 0;
    // SAFETY: pointer and size describe a structure of ours, and the token is open.
    #[expect(unsafe_code, reason = "a function of the system")]
    let told = unsafe {
        GetTokenInformation(
            token,
            TokenElevation,
            (&raw mut elevation).cast(),
            size,
            &raw mut written,
        )
    };
    // SAFETY: the token is open and ours, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _closed = unsafe { CloseHandle(token) };
    told != 0 && elevation.TokenIsElevated != 0
}

/// Name of the PC.
pub(super) fn hostname(root: &Root) -> String {
    if root.is_host() {
        let told = deskwarden_system::machine_name();
        if !told.is_empty() {
            return told;
        }
    }
    let path = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";
    let key = registry::machine(root, path, View::Native).ok().flatten();
    key.map(|key| key.text("NV Hostname")).unwrap_or_default()
}

/// What helps a person to recognise the PC. Never identity. What cannot be read is missing.
pub fn host_hints(root: &Root) -> HostHints {
    let mut hints = HostHints {
        hostname: hostname(root),
        ..HostHints::default()
    };
    for source in [
        &part::Smbios as &dyn Source,
        &part::Disks,
        &network::Adapters::default(),
    ] {
        for fact in source.read(root).facts {
            hints::add(&mut hints, fact);
        }
    }
    hints
}

/// Seconds that the PC's clock is ahead of UTC.
pub(super) fn zone_seconds() -> i64 {
    let mut zone = TIME_ZONE_INFORMATION::default();
    // SAFETY: the structure is ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let season = unsafe { GetTimeZoneInformation(&raw mut zone) };
    // In summer another part counts.
    let part = match season {
        2 => zone.DaylightBias,
        1 => zone.StandardBias,
        _ => 0,
    };
    -60 * (i64::from(zone.Bias) + i64::from(part))
}
