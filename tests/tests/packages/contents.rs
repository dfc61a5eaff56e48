//! What stands in the packages: files, owners, texts, scripts, what they are made of, and which C library the programs need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use deskwarden_tests::{
    architecture::tree,
    need,
    packages::{self, Packages, Processor, Product},
    program,
};
use serde_json::Value;

/// What `deploy/sbom` ends with where the tool is not there.
const TOOL_IS_MISSING: i32 = 3;
/// What UOS 20 and Kylin V10 have.
const OLDEST_GLIBC: (u32, u32) = (2, 28);

#[test]
fn what_is_shipped_needs_no_newer_c_library_than_the_oldest_system_has() {
    let test = "what_is_shipped_needs_no_newer_c_library_than_the_oldest_system_has";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    if !need::program(test, "readelf") {
        return;
    }
    // The collector is built for this machine's processor, and only where that was asked for.
    let shipped = Product::ALL
        .into_iter()
        .flat_map(|product| Processor::ALL.map(|processor| (product, processor)))
        .filter(|(product, processor)| *product == Product::Agent || packages.has(*product, *processor));
    for (product, processor) in shipped {
        let folder = tempfile::tempdir().unwrap();
        let program = packages.unpack(product, processor, folder.path()).unwrap();
        let versions = packages::glibc_versions(&program).unwrap();
        let newest = versions.last().unwrap();
        assert!(
            *newest <= OLDEST_GLIBC,
            "{product:?} for {processor:?}: GLIBC_{}.{}",
            newest.0,
            newest.1
        );
        let header = program::run("readelf", ["--file-header".as_ref(), program.as_os_str()]).unwrap();
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
        assert_eq!(
            in_deb(&packages.deb(Product::Agent, processor).unwrap()),
            [
                "drwxr-xr-x ./etc/deskwarden/",
                "-rw-r--r-- ./lib/systemd/system/deskwarden-agent.service",
                "-rwxr-xr-x ./usr/bin/deskwarden-agent",
                "drwxr-xr-x ./usr/share/doc/deskwarden-agent/",
                "-rw-r--r-- ./usr/share/doc/deskwarden-agent/changelog.gz",
                "-rw-r--r-- ./usr/share/doc/deskwarden-agent/copyright",
                "-rw-r--r-- ./usr/share/doc/deskwarden-agent/enrol.toml",
            ]
        );
        assert_eq!(
            in_rpm(&packages.rpm(Product::Agent, processor).unwrap()),
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
fn the_collectors_packages_hold_it_its_services_and_its_configuration() {
    let test = "the_collectors_packages_hold_it_its_services_and_its_configuration";
    let folder = tempfile::tempdir().unwrap();
    let Some(packages) = Packages::of_collector(test, folder.path()).unwrap() else {
        return;
    };
    let processor = Processor::of_this_machine().unwrap();
    assert_eq!(
        in_deb(&packages.deb(Product::Collector, processor).unwrap()),
        [
            "drwxr-xr-x ./etc/deskwarden/",
            "-rw-r--r-- ./etc/deskwarden/collector.toml",
            "-rw-r--r-- ./lib/systemd/system/deskwarden-collector-backup.service",
            "-rw-r--r-- ./lib/systemd/system/deskwarden-collector-backup.timer",
            "-rw-r--r-- ./lib/systemd/system/deskwarden-collector.service",
            "-rwxr-xr-x ./usr/bin/deskwarden-collector",
            "-rw-r--r-- ./usr/lib/sysusers.d/deskwarden-collector.conf",
            "drwxr-xr-x ./usr/share/doc/deskwarden-collector/",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/alerts.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/changelog.gz",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/copyright",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/durability.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/grafana.json",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/linux-rollout.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/operations.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/register.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/rules.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/security.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/sign-in.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/updates.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/webhook.md",
            "-rw-r--r-- ./usr/share/doc/deskwarden-collector/windows-rollout.md",
        ]
    );
    assert_eq!(
        in_rpm(&packages.rpm(Product::Collector, processor).unwrap()),
        [
            "drwxr-xr-x root/root /etc/deskwarden",
            "-rw-r--r-- root/root /etc/deskwarden/collector.toml",
            "-rwxr-xr-x root/root /usr/bin/deskwarden-collector",
            "-rw-r--r-- root/root /usr/lib/systemd/system/deskwarden-collector-backup.service",
            "-rw-r--r-- root/root /usr/lib/systemd/system/deskwarden-collector-backup.timer",
            "-rw-r--r-- root/root /usr/lib/systemd/system/deskwarden-collector.service",
            "-rw-r--r-- root/root /usr/lib/sysusers.d/deskwarden-collector.conf",
            "drwxr-xr-x root/root /usr/share/doc/deskwarden-collector",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/LICENSE",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/alerts.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/durability.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/grafana.json",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/linux-rollout.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/operations.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/register.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/rules.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/security.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/sign-in.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/updates.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/webhook.md",
            "-rw-r--r-- root/root /usr/share/doc/deskwarden-collector/windows-rollout.md",
        ]
    );
}

#[test]
fn what_the_collectors_pages_and_settings_point_to_is_in_the_package() {
    let test = "what_the_collectors_pages_and_settings_point_to_is_in_the_package";
    let folder = tempfile::tempdir().unwrap();
    let Some(packages) = Packages::of_collector(test, folder.path()).unwrap() else {
        return;
    };
    let tree = folder.path().join("tree");
    let processor = Processor::of_this_machine().unwrap();
    packages.unpack(Product::Collector, processor, &tree).unwrap();
    let docs = tree.join("usr/share/doc/deskwarden-collector");
    let mut followed = 0;
    let mut there = |page: &str, target: &str| {
        if !target.starts_with("https://") {
            let file = target.split('#').next().unwrap();
            assert!(docs.join(file).is_file(), "{page} points to {target}");
            followed += 1;
        }
    };
    for entry in fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "md") {
            let text = fs::read_to_string(&path).unwrap();
            for rest in text.split("](").skip(1) {
                there(&path.display().to_string(), rest.split(')').next().unwrap());
            }
        }
    }
    // Settings name pages by their names alone, units by their places.
    let settings = fs::read_to_string(tree.join("etc/deskwarden/collector.toml")).unwrap();
    for word in settings
        .split([' ', '\n', ':', ','])
        .filter(|word| word.ends_with(".md"))
    {
        there("collector.toml", word);
    }
    let unit = tree.join("lib/systemd/system/deskwarden-collector.service");
    let unit = fs::read_to_string(unit).unwrap();
    let page = unit
        .lines()
        .find_map(|line| line.strip_prefix("Documentation=file:///"));
    assert!(tree.join(page.unwrap()).is_file(), "{page:?}");
    assert!(followed > 8, "{followed}");
}

#[test]
fn both_packages_say_the_same_about_themselves_in_two_languages() {
    let test = "both_packages_say_the_same_about_themselves_in_two_languages";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    for processor in Processor::ALL {
        let (control, scripts) = says_the_same(
            &packages,
            Product::Agent,
            processor,
            "office PC inventory agent (桌面巡检代理)",
        );
        for wanted in ["of what people write", "不截屏"] {
            assert!(control.contains(wanted), "{wanted:?} is not in {control}");
        }
        assert!(scripts.contains("deskwarden-agent setup"), "{scripts}");
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(collectors) = Packages::of_collector(test, folder.path()).unwrap() else {
        return;
    };
    let (control, scripts) = says_the_same(
        &collectors,
        Product::Collector,
        Processor::of_this_machine().unwrap(),
        "collector and dashboard for office PC rules (桌面巡检采集端)",
    );
    for wanted in [
        "clause by clause",
        "自带嵌入式数据库",
        "systemd-standalone-sysusers",
    ] {
        assert!(control.contains(wanted), "{wanted:?} is not in {control}");
    }
    assert!(scripts.contains("systemd-sysusers"), "{scripts}");
}

/// What the .deb says of itself and the scripts of the .rpm, once both agree.
fn says_the_same(
    packages: &Packages,
    product: Product,
    processor: Processor,
    summary: &str,
) -> (String, String) {
    let deb = packages.deb(product, processor).unwrap();
    let control = dpkg_deb("--info", &deb);
    for wanted in [
        &format!("Package: {}", product.name()),
        &format!("Architecture: {}", processor.deb_name()),
        "Depends: libc6 (>= 2.28)",
    ] {
        assert!(control.contains(wanted), "{wanted:?} is not in {control}");
    }
    let version = program::run(
        "dpkg-deb",
        ["--field".as_ref(), deb.as_os_str(), "Version".as_ref()],
    )
    .unwrap();
    let rpm = packages.rpm(product, processor).unwrap();
    let format = "%{NAME}|%{VERSION}|%{ARCH}|%{LICENSE}|%{SUMMARY}";
    let expected = format!(
        "{}|{}|{}|Apache-2.0|{summary}",
        product.name(),
        version.trim(),
        processor.name()
    );
    assert_eq!(query(&rpm, format), expected);
    let scripts = program::run("rpm", ["-qp".as_ref(), "--scripts".as_ref(), rpm.as_os_str()]).unwrap();
    for part in ["postinstall", "preuninstall", "postuninstall"] {
        assert!(scripts.contains(part), "{part:?} is not in {scripts}");
    }
    // The package manager may ask nobody: a machine is installed with nobody before it.
    assert!(
        !control.contains("debconf") && !scripts.contains("read "),
        "{scripts}"
    );
    (control, scripts)
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
    let folder = tempfile::tempdir().unwrap();
    let Some(collectors) = Packages::of_collector(test, folder.path()).unwrap() else {
        return;
    };
    let debs = [
        (
            Product::Agent,
            packages.deb(Product::Agent, Processor::X86_64).unwrap(),
        ),
        (
            Product::Collector,
            collectors
                .deb(Product::Collector, Processor::of_this_machine().unwrap())
                .unwrap(),
        ),
    ];
    for (product, deb) in debs {
        let output = lintian(&deb);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success() && !text.contains("E: "),
            "{product:?}: {text}"
        );

        // The same call sees an error where there is one.
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        program::finish(Command::new("dpkg-deb").arg("--raw-extract").arg(&deb).arg(&tree)).unwrap();
        let name = product.name();
        for missing in [
            format!("usr/share/doc/{name}/copyright"),
            format!("usr/bin/{name}"),
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
        assert!(!lintian(&broken).status.success(), "{product:?}");
    }
}

fn lintian(deb: &Path) -> Output {
    let mut command = Command::new("lintian");
    command.args(["--allow-root", "--fail-on", "error"]).arg(deb);
    command.output().unwrap()
}

#[test]
fn the_same_program_makes_the_same_packages() {
    let test = "the_same_program_makes_the_same_packages";
    if !(need::program(test, "dpkg-deb") && need::program(test, "rpmbuild")) {
        return;
    }
    for product in Product::ALL {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let packed = |text: &str, name: &str| -> [Vec<u8>; 2] {
            fs::write(&program, text).unwrap();
            let out = folder.path().join(name);
            let made = packages::pack(product, &program, Processor::X86_64, "1.2+3", &out).unwrap();
            [
                made.deb(product, Processor::X86_64),
                made.rpm(product, Processor::X86_64),
            ]
            .map(|file| fs::read(file.unwrap()).unwrap())
        };
        let one = packed("#!/bin/sh\n", "one");
        assert!(
            one == packed("#!/bin/sh\n", "two"),
            "{product:?}: two packings differ"
        );
        assert!(one != packed("#!/bin/bash\n", "two"), "{product:?}");
    }
}

#[test]
fn a_version_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("agent");
    fs::write(&agent, "#!/bin/sh\n").unwrap();
    for version in ["", "one", "1-2", "1;reboot"] {
        let refused =
            packages::pack(Product::Agent, &agent, Processor::X86_64, version, folder.path()).unwrap_err();
        assert!(format!("{refused:#}").contains("digits and dots"), "{refused:#}");
    }
}

#[test]
fn beside_the_packages_stands_what_the_programs_are_made_of() {
    let test = "beside_the_packages_stands_what_the_programs_are_made_of";
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
    let mut lists: Vec<(Product, PathBuf)> = Processor::ALL
        .into_iter()
        .map(|processor| {
            (
                Product::Agent,
                packages.crates(Product::Agent, processor).unwrap(),
            )
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let Some(collectors) = crates_of_the_collector(test, &packages, folder.path()) else {
        return;
    };
    lists.push((Product::Collector, collectors));
    for (product, list) in lists {
        let text = fs::read_to_string(list).unwrap();
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&list["bomFormat"], &list["specVersion"]),
            (&"CycloneDX".into(), &"1.5".into())
        );
        assert_eq!(list["metadata"]["component"]["name"], product.name());
        let components = list["components"].as_array().unwrap();
        let named = |name: &str| -> Vec<&Value> {
            let all = components.iter();
            all.filter(|component| component["name"] == name).collect()
        };
        let rustls = named("rustls");
        assert_eq!(rustls.len(), 1, "{product:?}");
        assert_eq!([rustls[0]["version"].as_str().unwrap()], *locked("rustls"));
        let sum = &rustls[0]["hashes"][0];
        assert_eq!(sum["alg"], "SHA-256");
        assert!(lock_has_sum(&lock, "rustls", sum["content"].as_str().unwrap()));
        // Only the collector has a database.
        assert_eq!(
            named("rusqlite").len(),
            usize::from(product == Product::Collector)
        );
        // Neither what only builds or tests it, nor another system's, nor anything of the machine that built it.
        for foreign in ["deskwarden-tests", "prost-build", "windows-sys"] {
            assert!(named(foreign).is_empty(), "{foreign}");
        }
        let here = tree::root().display().to_string();
        assert!(
            !text.contains(&here) && !text.contains("file:///tmp"),
            "{product:?}"
        );
    }
}

/// The collector's list: of its packages under test, or made as they make it. `None`, and noted, where the tool is not there.
fn crates_of_the_collector(test: &str, packages: &Packages, folder: &Path) -> Option<PathBuf> {
    let processor = Processor::of_this_machine()?;
    if packages.has(Product::Collector, processor) {
        return Some(packages.crates(Product::Collector, processor).unwrap());
    }
    let file = folder.join("collector.cdx.json");
    let mut command = Command::new(tree::root().join("deploy/sbom"));
    command
        .args(["collector", &format!("{}-unknown-linux-gnu", processor.name())])
        .arg(&file);
    let made = command.env("DESKWARDEN_NO_INSTALL", "1").output().unwrap();
    if made.status.code() == Some(TOOL_IS_MISSING) {
        need::missing(test, "cargo-cyclonedx is not there for the list of the collector");
        return None;
    }
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(file)
}

fn lock_has_sum(lock: &toml::Table, name: &str, sum: &str) -> bool {
    let mut all = lock["package"].as_array().unwrap().iter();
    all.any(|package| {
        package["name"].as_str() == Some(name)
            && package.get("checksum").and_then(toml::Value::as_str) == Some(sum)
    })
}

/// Modes and paths of a .deb, in the order of paths: files, and folders of Deskwarden. Everything in it is root's.
fn in_deb(deb: &Path) -> Vec<String> {
    let listed = dpkg_deb("--contents", deb);
    let files: Vec<(&str, &str, &str)> = listed.lines().map(columns).collect();
    assert!(
        files.iter().all(|(_, owner, _)| *owner == "root/root"),
        "{listed}"
    );
    let mut found: Vec<(&str, &str)> = files
        .iter()
        .filter(|(mode, _, path)| !mode.starts_with('d') || path.contains("deskwarden"))
        .map(|(mode, _, path)| (*path, *mode))
        .collect();
    found.sort_unstable();
    found
        .into_iter()
        .map(|(path, mode)| format!("{mode} {path}"))
        .collect()
}

/// Modes, owners and paths of a .rpm, in its order.
fn in_rpm(rpm: &Path) -> Vec<String> {
    let listed = query(
        rpm,
        "[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\\n]",
    );
    listed.lines().map(str::to_owned).collect()
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
