//! The dashboard in a real browser: a finding appears on an open page by itself, the strict content policy holds,
//! and the pictures of the documentation are made, of the office that a newcomer looks around in.

use std::fs;

use deskwarden_tests::{
    architecture::tree,
    browser::Browser,
    collector::{PASSWORD, Setup},
    deb, need,
    smbios::{Firmware, Memory},
};

use super::{Office, id};

#[test]
fn a_finding_appears_on_an_open_page_in_a_browser() {
    let test = "a_finding_appears_on_an_open_page_in_a_browser";
    if !(Browser::is_there(test) && need::program(test, "dpkg-deb")) {
        return;
    }
    let office = Office::open("wuye-pc-017", |setup| setup);
    // Sets the password; the browser then signs in with it as everybody does.
    office.collector.administrator().unwrap();
    let at = office.collector.dashboard().unwrap().to_owned();
    let mut browser = Browser::start("zh-CN").unwrap();
    browser.open(&format!("{at}/sign-in")).unwrap();
    browser.picture(&need::output().join("sign-in.png")).unwrap();
    browser
        .submit(&[("user", "admin"), ("password", PASSWORD)])
        .unwrap();
    browser.wait_for("location.pathname === '/'").unwrap();

    browser.open(&format!("{at}/findings")).unwrap();
    browser
        .wait_for("document.body.innerText.includes('3.1.1')")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap(),
    )
    .unwrap();
    // Nobody reloads: the page is told.
    browser
        .wait_for("document.body.innerText.includes('QQ')")
        .unwrap();

    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    let mut firmware = Firmware::default();
    firmware.memory[1] = Memory::of("DIMM_B1", "DEADBE01");
    office.pc.firmware(&firmware).unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
    let part = office.finding("pc.part-changed", "DIMM_B1", "open");
    let device = office.collector.cli(&["device", "list"]).unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    let pages = [
        ("dashboard", "/".to_owned()),
        ("findings", "/findings".to_owned()),
        ("finding", format!("/findings/{}", id(&part))),
        ("device", format!("/devices/{device}")),
        ("rules", "/rules".to_owned()),
    ];
    browser.size(1440, 960).unwrap();
    for (name, page) in pages {
        browser.open(&format!("{at}{page}")).unwrap();
        browser
            .wait_for("document.body.innerText.includes('桌面巡检')")
            .unwrap();
        browser
            .picture(&need::output().join(format!("{name}.png")))
            .unwrap();
        let wide = browser
            .evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            .unwrap();
        assert_eq!(wide, false, "{page} is wider than the window");
    }
}

#[test]
fn the_demo_office_is_what_the_documentation_shows() {
    if !Browser::is_there("the_demo_office_is_what_the_documentation_shows") {
        return;
    }
    let kept = std::env::var_os("DESKWARDEN_PICTURES").is_some();
    let mut collector = Setup::new().unwrap().start().unwrap();
    collector.administrator().unwrap();
    collector.program().stop().unwrap();
    let pcs = if kept { "200" } else { "24" };
    let made = collector.cli(&["demo", "--pcs", pcs]).unwrap();
    assert!(made["findings"].as_u64().unwrap() > 20, "{made}");
    collector.restart().unwrap();
    let at = collector.dashboard().unwrap().to_owned();
    let mut browser = Browser::start("zh-CN").unwrap();
    browser.open(&format!("{at}/sign-in")).unwrap();
    browser
        .submit(&[("user", "admin"), ("password", PASSWORD)])
        .unwrap();
    browser.wait_for("location.pathname === '/'").unwrap();
    // The worst one, and the PC that it is about.
    let findings = collector.findings().unwrap();
    let critical = |finding: &&serde_json::Value| finding["severity"] == "critical";
    let finding = id(findings.iter().find(critical).unwrap_or(&findings[0]));
    let device = collector.cli(&["device", "list"]).unwrap()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    browser.size(1440, 960).unwrap();
    for (name, page) in [
        ("dashboard", "/".to_owned()),
        ("findings", "/findings".to_owned()),
        ("finding", format!("/findings/{finding}")),
        ("device", format!("/devices/{device}")),
        ("clauses", "/clauses".to_owned()),
    ] {
        browser.open(&format!("{at}{page}")).unwrap();
        browser
            .wait_for("document.body.innerText.includes('桌面巡检')")
            .unwrap();
        let picture = need::output().join(format!("demo-{name}.png"));
        browser.picture(&picture).unwrap();
        if kept && name != "findings" && name != "clauses" {
            let folder = tree::root().join("deploy/docs/img");
            fs::create_dir_all(&folder).unwrap();
            fs::copy(&picture, folder.join(format!("{name}.png"))).unwrap();
        }
    }
}
