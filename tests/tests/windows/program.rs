//! The program for Windows, read as a file: hardening flags, what it loads, its version, its signature.

use std::{fs, process::Command};

use deskwarden_tests::{
    need,
    pe::{self, Program},
    program,
    wine::Build,
};

/// Libraries that Windows keeps open for every program, so that no file beside the program takes their place
/// (`KnownDLLs`), and the C runtime's own which every Windows has.
const KNOWN: [&str; 12] = [
    "advapi32.dll",
    "combase.dll",
    "gdi32.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "rpcrt4.dll",
    "shell32.dll",
    "user32.dll",
    "ws2_32.dll",
];
/// Windows' own as well, and looked for beside the program first where an old Windows is not told otherwise.
const OF_WINDOWS: [&str; 3] = ["bcrypt.dll", "msi.dll", "userenv.dll"];

#[test]
fn the_program_is_hardened_and_loads_nothing_but_windows_own_libraries() {
    let test = "the_program_is_hardened_and_loads_nothing_but_windows_own_libraries";
    let Some(build) = Build::of(test) else { return };
    for path in [build.program(), build.library()] {
        let found = Program::read(&fs::read(&path).unwrap()).unwrap();
        for flag in [pe::HIGH_ENTROPY, pe::DYNAMIC_BASE, pe::NO_EXECUTE] {
            assert!(
                found.loading & flag != 0,
                "{}: {:#x}",
                path.display(),
                found.loading
            );
        }
        assert_eq!(found.characteristics & pe::RELOCATIONS_STRIPPED, 0);
        assert!(found.writable_code.is_empty(), "{:?}", found.writable_code);
        assert!(
            found.libraries.contains(&"kernel32.dll".to_owned()),
            "{:?}",
            found.libraries
        );
        let strange: Vec<&String> = found
            .libraries
            .iter()
            .filter(|name| !KNOWN.contains(&name.as_str()) && !OF_WINDOWS.contains(&name.as_str()))
            // One library of the C runtime by several names, part of Windows since 7.
            .filter(|name| !name.starts_with("api-ms-win-"))
            .collect();
        assert!(strange.is_empty(), "{}: {strange:?}", path.display());
    }
}

#[test]
fn the_program_says_what_it_is() {
    let test = "the_program_says_what_it_is";
    let Some(build) = Build::of(test) else { return };
    let bytes = fs::read(build.program()).unwrap();
    assert!(Program::read(&bytes).unwrap().resources);
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    for text in ["桌面巡检代理", "Deskwarden agent", env!("CARGO_PKG_VERSION")] {
        let wanted = wide(text);
        assert!(bytes.windows(wanted.len()).any(|at| at == wanted), "{text}");
    }
}

#[test]
fn a_signature_is_checked_and_a_changed_byte_breaks_it() {
    let test = "a_signature_is_checked_and_a_changed_byte_breaks_it";
    let Some(build) = Build::of(test) else { return };
    if !need::program(test, "osslsigncode") || !need::program(test, "openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let (key, certificate, signed) = (place("key.pem"), place("certificate.pem"), place("signed.exe"));
    let mut make = Command::new("openssl");
    make.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=Deskwarden test",
    ])
    .args(["-addext", "extendedKeyUsage=codeSigning", "-keyout"])
    .arg(&key)
    .arg("-out")
    .arg(&certificate);
    program::finish(&mut make).unwrap();
    let mut sign = Command::new("osslsigncode");
    sign.args(["sign", "-h", "sha256", "-n", "Deskwarden", "-certs"])
        .arg(&certificate)
        .arg("-key")
        .arg(&key)
        .arg("-in")
        .arg(build.program())
        .arg("-out")
        .arg(&signed);
    program::finish(&mut sign).unwrap();
    let verify = |file: &std::path::Path| {
        let mut command = Command::new("osslsigncode");
        command
            .arg("verify")
            .arg("-CAfile")
            .arg(&certificate)
            .arg("-in")
            .arg(file);
        command.output().unwrap().status.success()
    };
    assert!(Program::read(&fs::read(&signed).unwrap()).unwrap().signed);
    assert!(verify(&signed));
    let mut bytes = fs::read(&signed).unwrap();
    bytes[0x2000] ^= 1;
    let changed = place("changed.exe");
    fs::write(&changed, bytes).unwrap();
    assert!(!verify(&changed));
}
