//! The program for Windows, read as a file: hardening flags, what it loads, its version, its signature.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use deskwarden_tests::{
    architecture::tree,
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
const OF_WINDOWS: [&str; 2] = ["bcrypt.dll", "userenv.dll"];
/// The same for the collector, which trusts whom this Windows trusts when it sends mail or asks a directory.
const OF_COLLECTOR: [&str; 2] = ["crypt32.dll", "secur32.dll"];

#[test]
fn the_program_is_hardened_and_loads_nothing_but_windows_own_libraries() {
    let test = "the_program_is_hardened_and_loads_nothing_but_windows_own_libraries";
    let Some(build) = Build::of(test) else { return };
    let collector = Some(build.collector()).filter(|path| path.is_file());
    for path in [build.program(), build.library()].into_iter().chain(collector) {
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
        let more: &[&str] = if path == build.collector() {
            &OF_COLLECTOR
        } else {
            &[]
        };
        let strange: Vec<&String> = found
            .libraries
            .iter()
            .filter(|name| ![&KNOWN[..], &OF_WINDOWS, more].concat().contains(&name.as_str()))
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
    let wide = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let collector = Some((build.collector(), ["桌面巡检采集端", "Deskwarden collector"]));
    let agent = (build.program(), ["桌面巡检代理", "Deskwarden agent"]);
    for (path, names) in collector
        .into_iter()
        .filter(|(path, _)| path.is_file())
        .chain([agent])
    {
        let bytes = fs::read(&path).unwrap();
        assert!(Program::read(&bytes).unwrap().resources);
        for text in names.into_iter().chain([env!("CARGO_PKG_VERSION")]) {
            let wanted = wide(text);
            assert!(
                bytes.windows(wanted.len()).any(|at| at == wanted),
                "{}: {text}",
                path.display()
            );
        }
    }
}

/// A key and a certificate for it that lasts as long as the test.
struct Signer {
    folder: tempfile::TempDir,
}

impl Signer {
    fn new() -> Self {
        let signer = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut make = Command::new("openssl");
        make.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args([
                "-subj",
                "/CN=Deskwarden test",
                "-addext",
                "extendedKeyUsage=codeSigning",
            ])
            .arg("-keyout")
            .arg(signer.at("key.pem"))
            .arg("-out")
            .arg(signer.at("certificate.pem"));
        program::finish(&mut make).unwrap();
        signer
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn sign(&self, file: &Path) -> Output {
        let mut sign = Command::new(tree::root().join("deploy/windows/sign"));
        sign.arg(file)
            .arg("--certificate")
            .arg(self.at("certificate.pem"))
            .arg("--key")
            .arg(self.at("key.pem"));
        sign.output().unwrap()
    }

    fn is_good(&self, file: &Path) -> bool {
        let mut verify = Command::new("osslsigncode");
        verify
            .arg("verify")
            .arg("-CAfile")
            .arg(self.at("certificate.pem"))
            .arg("-in")
            .arg(file);
        verify.output().unwrap().status.success()
    }
}

#[test]
fn program_and_package_are_signed_and_a_changed_byte_breaks_it() {
    let test = "program_and_package_are_signed_and_a_changed_byte_breaks_it";
    let Some(build) = Build::of(test) else { return };
    if !["osslsigncode", "openssl", "wixl"]
        .iter()
        .all(|name| need::program(test, name))
    {
        return;
    }
    let signer = Signer::new();
    let (program, library) = (signer.at("agent.exe"), signer.at("library.dll"));
    fs::copy(build.program(), &program).unwrap();
    fs::copy(build.library(), &library).unwrap();
    let package = build.msi("1.2.3", signer.folder.path()).unwrap();
    for file in [&program, &library, &package] {
        assert!(!signer.is_good(file), "{} is signed before", file.display());
        let signed = signer.sign(file);
        assert!(signed.status.success(), "{signed:?}");
        assert!(signer.is_good(file), "{}", file.display());
        let mut bytes = fs::read(file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let changed = signer.at("changed");
        fs::write(&changed, bytes).unwrap();
        assert!(!signer.is_good(&changed), "{}", file.display());
    }
    assert!(Program::read(&fs::read(&program).unwrap()).unwrap().signed);
    // Nobody's signature but this one's is good.
    assert!(!Signer::new().is_good(&package));
}

#[test]
fn what_cannot_be_signed_stays_as_it_is() {
    let test = "what_cannot_be_signed_stays_as_it_is";
    if !need::program(test, "osslsigncode") || !need::program(test, "openssl") {
        return;
    }
    let signer = Signer::new();
    let file = signer.at("plain.txt");
    fs::write(&file, "no program").unwrap();
    let refused = signer.sign(&file);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot be signed"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "no program");
    let refused = signer.sign(&signer.at("none.exe"));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("none.exe"), "{said}");
}
