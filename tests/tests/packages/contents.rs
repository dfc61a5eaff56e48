//! What stands in the packages: files, owners, texts, scripts, and which C library the agent needs.

use std::{fs, path::Path, process::Command};

use deskwarden_tests::{
    architecture::tree,
    need,
    packages::{self, Packages, Processor},
    program,
};
use serde_json::Value;

/// What UOS 20 and Kylin V10 have.
const OLDEST_GLIBC: (u32, u32) = (2, 28);

#[test]
fn the_shipped_agent_needs_no_newer_c_library_than_the_oldest_system_has() {
    let test = "the_shipped_agent_needs_no_newer_c_library_than_the_oldest_system_has";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    if !need::program(test, "readelf") {
        return;
    }
    for processor in Processor::ALL {
        let folder = tempfile::tempdir().unwrap();
        let agent = packages.unpack(processor, folder.path()).unwrap();
        let versions = packages::glibc_versions(&agent).unwrap();
        let newest = versions.last().unwrap();
        assert!(
            *newest <= OLDEST_GLIBC,
            "{processor:?}: GLIBC_{}.{}",
            newest.0,
            newest.1
        );
        let header = program::run("readelf", ["--file-header".as_ref(), agent.as_os_str()]).unwrap();
        let machine = header.lines().find(|line| line.contains("Machine:")).unwrap();
        let named = match processor {
            Processor::X86_64 => "X86-64",
            Processor::Aarch64 => "AArch64",
        };
        assert!(machine.contains(named), "{machine}");
    }
    // The same reader on a program that was linked for this system.
    let own = packages::glibc_versions(&std::env::current_exe().unwrap()).unwrap();
    assert!(own.last().unwrap() > &OLDEST_GLIBC, "{own:?}");
}

#[test]
fn packages_hold_what_runs_and_nothing_else_owned_by_root() {
    let test = "packages_hold_what_runs_and_nothing_else_owned_by_root";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    for processor in Processor::ALL {
        let listed = dpkg_deb("--contents", &packages.deb(processor).unwrap());
        let files: Vec<(&str, &str, &str)> = listed.lines().map(columns).collect();
        assert!(
            files.iter().all(|(_, owner, _)| *owner == "root/root"),
            "{listed}"
        );
        let mut found: Vec<(&str, &str)> = files
            .iter()
            .filter(|(mode, _, path)| !mode.starts_with('d') || path.contains("deskwarden"))
            .map(|(mode, _, path)| (*mode, *path))
            .collect();
        found.sort_unstable_by_key(|(_, path)| *path);
        assert_eq!(
            found,
            [
                ("drwxr-xr-x", "./etc/deskwarden/"),
                ("-rw-r--r--", "./lib/systemd/system/deskwarden-agent.service"),
                ("-rwxr-xr-x", "./usr/bin/deskwarden-agent"),
                ("drwxr-xr-x", "./usr/share/doc/deskwarden-agent/"),
                ("-rw-r--r--", "./usr/share/doc/deskwarden-agent/changelog.gz"),
                ("-rw-r--r--", "./usr/share/doc/deskwarden-agent/copyright"),
                ("-rw-r--r--", "./usr/share/doc/deskwarden-agent/enrol.toml"),
            ]
        );
        let listed = query(
            &packages.rpm(processor).unwrap(),
            "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\\n]",
        );
        assert_eq!(
            listed.lines().collect::<Vec<_>>(),
            [
                "drwxr-xr-x root/root /etc/deskwarden",
                "-rwxr-xr-x root/root /usr/bin/deskwarden-agent",
                "-rw-r--r-- root/root /usr/lib/systemd/system/deskwarden-agent.service",
                "drwxr-xr-x root/root /usr/share/doc/deskwarden-agent",
                "-rw-r--r-- root/root /usr/share/doc/deskwarden-agent/LICENSE",
                "-rw-r--r-- root/root /usr/share/doc/deskwarden-agent/enrol.toml",
            ]
        );
    }
}

#[test]
fn both_packages_say_the_same_about_themselves_in_two_languages() {
    let test = "both_packages_say_the_same_about_themselves_in_two_languages";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    for processor in Processor::ALL {
        let deb = packages.deb(processor).unwrap();
        let control = dpkg_deb("--info", &deb);
        for wanted in [
            "Package: deskwarden-agent",
            &format!("Architecture: {}", processor.deb_name()),
            "Depends: libc6 (>= 2.28)",
            "of what people write",
            "不截屏",
        ] {
            assert!(control.contains(wanted), "{wanted:?} is not in {control}");
        }
        let version = program::run(
            "dpkg-deb",
            ["--field".as_ref(), deb.as_os_str(), "Version".as_ref()],
        )
        .unwrap();
        let rpm = packages.rpm(processor).unwrap();
        let format = "%{NAME}|%{VERSION}|%{ARCH}|%{LICENSE}|%{SUMMARY}";
        let expected = format!(
            "deskwarden-agent|{}|{}|Apache-2.0|office PC inventory agent (桌面巡检代理)",
            version.trim(),
            processor.name()
        );
        assert_eq!(query(&rpm, format), expected);
        let scripts = program::run("rpm", ["-qp".as_ref(), "--scripts".as_ref(), rpm.as_os_str()]).unwrap();
        for part in [
            "postinstall",
            "preuninstall",
            "postuninstall",
            "deskwarden-agent setup",
        ] {
            assert!(scripts.contains(part), "{part:?} is not in {scripts}");
        }
        // The package manager may ask nobody: a PC is installed with nobody before it.
        assert!(
            !control.contains("debconf") && !scripts.contains("read "),
            "{scripts}"
        );
    }
}

#[test]
fn lintian_finds_no_error() {
    let test = "lintian_finds_no_error";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    if !need::program(test, "lintian") {
        return;
    }
    let lintian = |deb: &Path| {
        let mut command = Command::new("lintian");
        command.args(["--allow-root", "--fail-on", "error"]).arg(deb);
        command.output().unwrap()
    };
    let deb = packages.deb(Processor::X86_64).unwrap();
    let output = lintian(&deb);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && !text.contains("E: "), "{text}");

    // The same call sees an error where there is one.
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    program::finish(Command::new("dpkg-deb").arg("--raw-extract").arg(&deb).arg(&tree)).unwrap();
    for missing in [
        "usr/share/doc/deskwarden-agent/copyright",
        "usr/bin/deskwarden-agent",
    ] {
        fs::remove_file(tree.join(missing)).unwrap();
    }
    let broken = folder.path().join("broken.deb");
    let mut build = Command::new("dpkg-deb");
    build
        .args(["--root-owner-group", "-Znone", "--build"])
        .arg(&tree)
        .arg(&broken);
    program::finish(&mut build).unwrap();
    assert!(!lintian(&broken).status.success());
}

#[test]
fn the_same_program_makes_the_same_packages() {
    let test = "the_same_program_makes_the_same_packages";
    if !(need::program(test, "dpkg-deb") && need::program(test, "rpmbuild")) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("agent");
    fs::write(&agent, "#!/bin/sh\n").unwrap();
    let made: Vec<[Vec<u8>; 2]> = ["one", "two"]
        .into_iter()
        .map(|name| {
            let out = folder.path().join(name);
            let made = packages::pack(&agent, Processor::X86_64, "1.2+3", &out).unwrap();
            [made.deb(Processor::X86_64), made.rpm(Processor::X86_64)]
                .map(|file| fs::read(file.unwrap()).unwrap())
        })
        .collect();
    assert!(made[0] == made[1], "two packings differ");
    fs::write(&agent, "#!/bin/bash\n").unwrap();
    let other = packages::pack(&agent, Processor::X86_64, "1.2+3", &folder.path().join("two")).unwrap();
    assert_ne!(
        fs::read(other.deb(Processor::X86_64).unwrap()).unwrap(),
        made[1][0]
    );
}

#[test]
fn a_version_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("agent");
    fs::write(&agent, "#!/bin/sh\n").unwrap();
    for version in ["", "one", "1-2", "1;reboot"] {
        let refused = packages::pack(&agent, Processor::X86_64, version, folder.path()).unwrap_err();
        assert!(format!("{refused:#}").contains("digits and dots"), "{refused:#}");
    }
}

#[test]
fn beside_the_packages_stands_what_the_agent_is_made_of() {
    let test = "beside_the_packages_stands_what_the_agent_is_made_of";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    let lock = fs::read_to_string(tree::root().join("Cargo.lock")).unwrap();
    let lock: toml::Table = toml::from_str(&lock).unwrap();
    let locked = |name: &str| -> Vec<String> {
        let all = lock["package"].as_array().unwrap().iter();
        all.filter(|package| package["name"].as_str() == Some(name))
            .map(|package| package["version"].as_str().unwrap().to_owned())
            .collect()
    };
    for processor in Processor::ALL {
        let text = fs::read_to_string(packages.crates(processor).unwrap()).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&list["bomFormat"], &list["specVersion"]),
            (&"CycloneDX".into(), &"1.5".into())
        );
        assert_eq!(list["metadata"]["component"]["name"], "deskwarden-agent");
        let components = list["components"].as_array().unwrap();
        let named = |name: &str| -> Vec<&Value> {
            let all = components.iter();
            all.filter(|component| component["name"] == name).collect()
        };
        let rustls = named("rustls");
        assert_eq!(rustls.len(), 1, "{processor:?}");
        assert_eq!([rustls[0]["version"].as_str().unwrap()], *locked("rustls"));
        let sum = &rustls[0]["hashes"][0];
        assert_eq!(sum["alg"], "SHA-256");
        assert!(lock_has_sum(&lock, "rustls", sum["content"].as_str().unwrap()));
        // Neither what only builds or tests it, nor another system's, nor anything of the machine that built it.
        for foreign in ["deskwarden-tests", "prost-build", "windows-sys"] {
            assert!(named(foreign).is_empty(), "{foreign}");
        }
        let here = tree::root().display().to_string();
        assert!(
            !text.contains(&here) && !text.contains("file:///tmp"),
            "{processor:?}"
        );
    }
}

fn lock_has_sum(lock: &toml::Table, name: &str, sum: &str) -> bool {
    let mut all = lock["package"].as_array().unwrap().iter();
    all.any(|package| {
        package["name"].as_str() == Some(name)
            && package.get("checksum").and_then(toml::Value::as_str) == Some(sum)
    })
}

fn columns(line: &str) -> (&str, &str, &str) {
    let mut words = line.split_whitespace();
    let (mode, owner) = (words.next().unwrap(), words.next().unwrap());
    (mode, owner, words.next_back().unwrap())
}

fn dpkg_deb(what: &str, deb: &Path) -> String {
    program::run("dpkg-deb", [what.as_ref(), deb.as_os_str()]).unwrap()
}

fn query(rpm: &Path, format: &str) -> String {
    let mut command = Command::new("rpm");
    command
        .args(["-qp", "--nosignature", "--queryformat", format])
        .arg(rpm);
    program::finish(&mut command).unwrap()
}
