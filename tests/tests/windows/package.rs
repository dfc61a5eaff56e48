//! What stands in the MSI, read by msitools: secrets are hidden, nothing in it starts a program.

use std::{fs, path::Path, process::Command};

use deskwarden_tests::{need, program, wine::Build};

/// Bits of an action's type: from a library in the package, later, as SYSTEM, hidden from logs.
const LIBRARY: u32 = 1;
const SETS_A_PROPERTY: u32 = 51;
const KIND: u32 = 63;
const LATER: u32 = 1024;
const AS_SYSTEM: u32 = 2048;
const HIDDEN: u32 = 8192;

fn table(msi: &Path, name: &str) -> Vec<Vec<String>> {
    let exported = program::finish(Command::new("msiinfo").arg("export").arg(msi).arg(name)).unwrap();
    exported
        .lines()
        .skip(3)
        .map(|line| line.split('\t').map(|cell| cell.trim_end().to_owned()).collect())
        .collect()
}

#[test]
fn the_package_hides_the_token_and_starts_no_program() {
    let test = "the_package_hides_the_token_and_starts_no_program";
    let Some(build) = Build::of(test) else { return };
    if !need::program(test, "wixl") || !need::program(test, "msiinfo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let msi = build.msi("1.2.3", folder.path()).unwrap();

    let properties = table(&msi, "Property");
    let property = |name: &str| {
        let row = properties.iter().find(|row| row[0] == name);
        row.unwrap_or_else(|| panic!("no {name} in {properties:?}"))[1].clone()
    };
    let hidden = property("MsiHiddenProperties");
    let hidden: Vec<&str> = hidden.split(';').collect();
    for name in ["TOKEN", "PROXY"] {
        assert!(hidden.contains(&name), "{hidden:?}");
    }
    let secure = property("SecureCustomProperties");
    for name in ["COLLECTOR", "PIN", "TOKEN", "PROXY", "DEPARTMENT", "PURGE"] {
        assert!(secure.split(';').any(|found| found == name), "{secure}");
    }
    assert_eq!(property("ALLUSERS"), "1");

    for action in table(&msi, "CustomAction") {
        let (name, kind, target) = (&action[0], action[1].parse::<u32>().unwrap(), &action[3]);
        match kind & KIND {
            LIBRARY => assert_eq!(kind & (LATER | AS_SYSTEM), LATER | AS_SYSTEM, "{action:?}"),
            SETS_A_PROPERTY => {}
            _ => panic!("{action:?} is neither a call of the library nor the setting of a property"),
        }
        // What carries the token, and the property by which the library gets it, are in no log.
        if target.contains("[TOKEN]") {
            assert!(
                kind & HIDDEN != 0 && hidden.contains(&name.as_str()),
                "{action:?}"
            );
            let carrier = &action[2];
            assert!(hidden.contains(&carrier.as_str()), "{carrier}");
            let row = table(&msi, "CustomAction")
                .into_iter()
                .find(|row| row[0] == *carrier)
                .unwrap();
            assert!(row[1].parse::<u32>().unwrap() & HIDDEN != 0, "{row:?}");
        }
    }
    // No other table hands the token on: to the registry, a file, a service.
    let names = program::finish(Command::new("msiinfo").arg("tables").arg(&msi)).unwrap();
    let with_token: Vec<&str> = names
        .lines()
        .filter(|name| !name.starts_with('_'))
        .filter(|name| {
            // What a table holds in binary is written beside whoever asks.
            let mut export = Command::new("msiinfo");
            export
                .current_dir(folder.path())
                .arg("export")
                .arg(&msi)
                .arg(name);
            program::finish(&mut export).is_ok_and(|text| text.contains("[TOKEN]"))
        })
        .collect();
    assert_eq!(with_token, ["CustomAction"]);
}

#[test]
fn a_newer_version_is_another_product_and_the_same_one_is_not() {
    let test = "a_newer_version_is_another_product_and_the_same_one_is_not";
    let Some(build) = Build::of(test) else { return };
    if !need::program(test, "wixl") || !need::program(test, "msiinfo") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let product = |version: &str| {
        let msi = build.msi(version, folder.path()).unwrap();
        let of = |name: &str| {
            let row = table(&msi, "Property").into_iter().find(|row| row[0] == name);
            row.unwrap()[1].clone()
        };
        (of("ProductCode"), of("UpgradeCode"))
    };
    let (first, upgrade) = product("1.2.3");
    assert_eq!(product("1.2.3"), (first.clone(), upgrade.clone()));
    let (second, same) = product("1.2.4");
    assert!(first != second && upgrade == same);
}

#[test]
fn a_version_that_the_installer_cannot_compare_is_refused() {
    let script = deskwarden_tests::architecture::tree::root().join("deploy/windows/package");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("some.exe");
    fs::write(&file, "MZ").unwrap();
    for version in ["1.2.3-rc1", "1.2.3.4", "", "v1"] {
        let refused = Command::new(&script)
            .args([&file, &file])
            .arg(version)
            .arg(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("version"),
            "{version}: {said}"
        );
    }
}
