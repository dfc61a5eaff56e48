//! The installed agent replaces itself by a package that the publisher signed, refuses another's, and comes back when the
//! new program does not report. What starts the service again is the service manager on Windows, and the test under Wine,
//! which takes the setting and does not act on it.

use std::{fs, path::PathBuf};

use deskwarden_tests::{
    program,
    wait::{PATIENCE, eventually},
};

use crate::site::{PROGRAM, SERVICE, Site};

const PLATFORM: &str = "windows-x86_64";
const FOLDER: &str = "Program Files/Deskwarden";

struct Press {
    folder: tempfile::TempDir,
}

impl Press {
    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn key(&self, site: &Site, name: &str) -> String {
        let made = site
            .collector
            .cli(&["update", "key", "--out", &self.at(name)])
            .unwrap();
        made["public_key"].as_str().unwrap().to_owned()
    }

    /// The agent under another version, signed and offered to every device at its next connection.
    fn publish(&self, site: &Site, version: &str, key: &str) {
        site.stop();
        let (program, package) = (self.at("program"), self.at("package"));
        fs::write(
            &program,
            program::at_version(&site.build.program(), version).unwrap(),
        )
        .unwrap();
        let key = self.at(key);
        let sign = ["update", "sign", &program, "--key", &key, "--version", version];
        let rest = ["--platform", PLATFORM, "--out", &package];
        site.collector.cli(&[&sign[..], &rest[..]].concat()).unwrap();
        site.collector.cli(&["update", "publish", &package]).unwrap();
        site.collector
            .cli(&["update", "ring", version, "--percent", "100"])
            .unwrap();
        site.start();
    }
}

fn says(site: &Site) -> String {
    site.pc.finish(&program_of_pc(), ["--version"]).unwrap()
}

fn program_of_pc() -> String {
    format!("C:\\{}", PROGRAM.replace('/', "\\"))
}

fn names(site: &Site) -> Vec<String> {
    let entries = fs::read_dir(site.pc.file(FOLDER)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn reports_as(site: &Site, version: &str) -> String {
    let device = site.device(&format!("version {version}"), |device| {
        device["agent_version"] == version && device["goodbye_at"].is_null()
    });
    device["id"].as_str().unwrap().to_owned()
}

/// The program ended by itself, so that another is started in its place.
fn ends_for(site: &Site, version: &str) {
    site.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    assert!(says(site).contains(version), "{}", says(site));
}

#[test]
fn a_signed_package_replaces_the_service_and_one_that_never_reports_is_taken_back() {
    let test = "a_signed_package_replaces_the_service_and_one_that_never_reports_is_taken_back";
    let Some(mut site) = Site::open(test) else {
        return;
    };
    let press = Press {
        folder: tempfile::tempdir().unwrap(),
    };
    let public = press.key(&site, "publisher.key");
    press.key(&site, "somebody.key");
    let own = env!("CARGO_PKG_VERSION");
    let settings = format!(
        "{}token = \"{}\"\nupdate_key = \"{public}\"\n",
        site.told(),
        site.token()
    );
    fs::write(site.share.path().join("enrol.toml"), settings).unwrap();
    let msi = site.msi(own);
    site.pc.msiexec(&["/i", &msi]).unwrap();
    let id = reports_as(&site, own);

    what_another_signed_is_refused(&site, &press, own);

    press.publish(&site, "0.1.2", "publisher.key");
    ends_for(&site, "0.1.2");
    assert!(names(&site).iter().any(|name| name.ends_with(".previous")));
    site.start();
    assert_eq!(reports_as(&site, "0.1.2"), id);
    eventually("the trial to end", PATIENCE, || {
        Ok((names(&site) == ["deskwarden-agent.exe"]).then_some(()))
    })
    .unwrap();

    // The next one is put in place, and then never reaches its collector.
    press.publish(&site, "0.1.3", "publisher.key");
    ends_for(&site, "0.1.3");
    site.collector.program().stop().unwrap();
    for _ in 0..3 {
        site.start();
        site.pc.wait_for_service(SERVICE, "RUNNING").unwrap();
        site.stop();
    }
    site.pc.run("sc", ["start", SERVICE]).unwrap();
    ends_for(&site, "0.1.2");
    site.collector.restart().unwrap();
    site.start();
    assert_eq!(reports_as(&site, "0.1.2"), id);
    // It is not tried again.
    eventually("the refusal", PATIENCE, || {
        Ok(site
            .collector
            .log()
            .contains("was tried on this PC")
            .then_some(()))
    })
    .unwrap();
    assert_eq!(site.pc.service_state(SERVICE).unwrap(), "RUNNING");
    assert_eq!(
        names(&site),
        ["deskwarden-agent.exe", "deskwarden-agent.exe.refused"]
    );

    site.pc.msiexec(&["/x", &msi, "PURGE=1"]).unwrap();
    let left: PathBuf = site.pc.file(FOLDER);
    assert!(!left.exists(), "{:?}", names(&site));
}

fn what_another_signed_is_refused(site: &Site, press: &Press, own: &str) {
    press.publish(site, "0.1.1", "somebody.key");
    eventually("the collector to hear of the refusal", PATIENCE, || {
        let log = site.collector.log();
        Ok(log.contains("the publisher did not sign this").then_some(()))
    })
    .unwrap();
    assert!(says(site).contains(own));
    assert_eq!(names(site), ["deskwarden-agent.exe"]);
    assert_eq!(site.pc.service_state(SERVICE).unwrap(), "RUNNING");
}
