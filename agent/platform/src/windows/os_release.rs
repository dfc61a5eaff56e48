//! Source `os/windows`: which Windows this is, and whether it is activated.

use std::ffi::c_void;

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::{
    key,
    v1::{Activation, Os, Section, facet::Kind},
};
use windows_sys::core::GUID;

use super::{
    Root,
    dll::functions,
    gather::Gather,
    host,
    registry::{self, View},
    wide::behind,
};
use crate::{Fact, Reading, Source, SourceId, Unavailable};

functions! {
    "netapi32.dll":
        fn NetGetJoinInformation(*const u16, *mut *mut u16, *mut i32) -> u32;
        fn NetApiBufferFree(*const c_void) -> u32;
    "slwga.dll":
        fn SLIsGenuineLocal(*const GUID, *mut i32, *const c_void) -> i32;
}

const VERSION: &str = "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion";
const PARAMETERS: &str = "SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters";
/// Where the last refresh of group policies left what the directory says of this PC.
const POLICY: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine";
const PROCESSOR: &str = "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Environment";
/// First build that is called Windows 11, whatever the registry calls it.
const ELEVEN: u64 = 22_000;
/// The application "Windows" of software licensing.
const WINDOWS: GUID = GUID::from_u128(0x55c92734_d682_4d71_983e_d6ec3f16059f);

/// The registry's word on the system.
pub(super) struct Windows;

impl Source for Windows {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Os,
            source: "windows",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let version = match registry::machine(root, VERSION, View::Native) {
            Ok(Some(key)) => key,
            Ok(None) => {
                let why = format!("HKLM\\{VERSION}: no such key");
                return gather.finish_without(self.id(), Unavailable::Unsupported(why));
            }
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        gather.answered();
        let build = version.text("CurrentBuildNumber");
        let number: u64 = build.parse().unwrap_or_default();
        let kernel = match version.number("UBR") {
            Some(revision) => format!("{}.{build}.{revision}", numbers(&version)),
            None => format!("{}.{build}", numbers(&version)),
        };
        let os = Os {
            name: product(&version.text("ProductName"), number),
            version: release(&version),
            id: version.text("EditionID"),
            kernel,
            architecture: architecture(root),
            hostname: host::hostname(root),
            activation: activation(root).into(),
            domain: domain(root),
            directory: directory(root),
            family: "windows".to_owned(),
        };
        gather
            .facts
            .push(Fact::machine(key::named(&["os"]), Kind::Os(os)));
        gather.finish(self.id())
    }
}

/// Windows 11 goes on calling itself 10 in the registry.
fn product(name: &str, build: u64) -> String {
    if build >= ELEVEN && name.starts_with("Windows 10") {
        name.replacen("Windows 10", "Windows 11", 1)
    } else {
        name.to_owned()
    }
}

/// `22H2`, or the service pack of older ones.
fn release(version: &registry::Registry) -> String {
    ["DisplayVersion", "ReleaseId", "CSDVersion"]
        .iter()
        .map(|name| version.text(name))
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

fn numbers(version: &registry::Registry) -> String {
    match version.number("CurrentMajorVersionNumber") {
        Some(major) => {
            let minor = version.number("CurrentMinorVersionNumber").unwrap_or_default();
            format!("{major}.{minor}")
        }
        None => version.text("CurrentVersion"),
    }
}

fn architecture(root: &Root) -> String {
    let key = registry::machine(root, PROCESSOR, View::Native).ok().flatten();
    let named = key
        .map(|key| key.text("PROCESSOR_ARCHITECTURE"))
        .unwrap_or_default();
    match named.to_ascii_uppercase().as_str() {
        "AMD64" => "x86_64".to_owned(),
        "ARM64" => "aarch64".to_owned(),
        "X86" => "x86".to_owned(),
        "" if root.is_host() => std::env::consts::ARCH.to_owned(),
        _ => named.to_lowercase(),
    }
}

/// Directory domain, or else the workgroup. Only this PC is asked.
fn domain(root: &Root) -> String {
    let named = kept(root, PARAMETERS, "Domain");
    if !named.is_empty() || !root.is_host() {
        return named;
    }
    joined().unwrap_or_default()
}

/// Its name in the directory: the units in it tell whose it is. A PC that left its domain keeps the last one.
fn directory(root: &Root) -> String {
    if kept(root, PARAMETERS, "Domain").is_empty() {
        return String::new();
    }
    kept(root, POLICY, "Distinguished-Name")
}

fn kept(root: &Root, path: &str, name: &str) -> String {
    let key = registry::machine(root, path, View::Native).ok().flatten();
    key.map(|key| key.text(name)).unwrap_or_default()
}

fn joined() -> Result<String, Unavailable> {
    let (ask, free) = (NetGetJoinInformation()?, NetApiBufferFree()?);
    let (mut name, mut status) = (std::ptr::null_mut(), 0);
    // SAFETY: no name means this PC; name and status are written to places of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(std::ptr::null(), &raw mut name, &raw mut status) };
    if result != 0 {
        return Ok(String::new());
    }
    // SAFETY: the system made this text, which ends in zero.
    #[expect(unsafe_code, reason = "a text that the system made")]
    let text = unsafe { behind(name, 256) };
    // SAFETY: the text is the system's, and nobody uses it any more.
    #[expect(unsafe_code, reason = "a function of the system")]
    let _freed = unsafe { free(name.cast()) };
    Ok(text)
}

fn activation(root: &Root) -> Activation {
    let Ok(ask) = SLIsGenuineLocal() else {
        return Activation::Unknown;
    };
    if !root.is_host() {
        return Activation::Unknown;
    }
    let mut state = -1;
    // SAFETY: the identity is a constant of ours and the state is written to a place of ours.
    #[expect(unsafe_code, reason = "a function of the system")]
    let result = unsafe { ask(&WINDOWS, &raw mut state, std::ptr::null()) };
    match (result, state) {
        (0, 0) => Activation::Activated,
        // An invalid licence, or one that was tampered with.
        (0, 1 | 2) => Activation::NotActivated,
        _ => Activation::Unknown,
    }
}
