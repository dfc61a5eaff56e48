//! One PC from the first silent installation to the last removal: the real MSI under Wine, the real collector on this
//! machine. One test, because a Windows takes long to make and each step stands on the one before.

use std::{fs, path::Path};

use deskwarden_tests::{
    architecture::tree,
    wait::{PATIENCE, eventually},
    wine::WindowsPc,
};
use serde_json::Value;

use crate::{
    apis,
    site::{HOME, PROGRAM, SERVICE, SERVICE_KEY, Site},
};

const EVENT_KEY: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\Deskwarden";
/// 1603, as far as a status on this machine holds it.
const FAILED: i32 = 1603 & 0xff;
/// Rules by which what happens here is found.
const CHAT: &str = "pc.chat";
const PROXY: &str = "pc.proxy-configured";
const SILENT: &str = "pc.agent-silent";

#[test]
fn a_silent_installation_reports_is_upgraded_and_goes_without_a_trace() {
    let Some(mut site) = Site::open("a_silent_installation_reports_is_upgraded_and_goes_without_a_trace")
    else {
        return;
    };
    site.pc
        .note_calls("deskwarden-agent.exe", &apis::noted())
        .unwrap();
    a_wrong_pin_installs_nothing(&site);
    let token = site.token();
    one_line_installs_and_enrols(&site, &token);
    the_token_is_nowhere(&site, &token);
    a_chat_client_and_a_private_proxy_are_seen_at_once(&site);
    a_copied_program_is_seen_by_its_shortcut(&site);
    a_repair_keeps_the_identity(&site);
    an_upgrade_keeps_the_device(&site);
    a_stop_says_goodbye(&site);
    an_open_folder_keeps_the_service_from_starting(&site);
    a_removal_keeps_the_identity(&site);
    the_same_device_comes_back_without_a_token(&site);
    an_agent_that_was_ended_is_found_missing(&mut site);
    a_removal_leaves_nothing_if_asked(&site);
    apis::what_was_called_is_what_the_page_says(&site.pc.calls().unwrap());
}

fn a_wrong_pin_installs_nothing(site: &Site) {
    let package = site.msi("1.0.0");
    let refused = |arguments: &[&str]| {
        let all = ["/i", &package, "/qn"]
            .into_iter()
            .chain(arguments.iter().copied());
        site.pc.run("msiexec", all).unwrap().0.code()
    };
    let pin = ["COLLECTOR=https://c.example:7443", "PIN=abc", "TOKEN=t"];
    assert_eq!(refused(&pin), Some(FAILED));
    assert_eq!(refused(&["COLLECTOR=c.example"]), Some(FAILED));
    assert!(!site.pc.file(PROGRAM).exists() && !site.pc.file(HOME).exists());
    assert!(!site.pc.has_key(SERVICE_KEY).unwrap());
}

fn one_line_installs_and_enrols(site: &Site, token: &str) {
    let log = WindowsPc::outside(&site.share.path().join("install.log"));
    site.pc
        .msiexec(&[
            "/i",
            &site.msi("1.0.0"),
            "/l*v",
            &log,
            &format!("COLLECTOR={}", site.collector.agents().unwrap()),
            &format!("PIN={}", site.collector.pin().unwrap()),
            &format!("TOKEN={token}"),
            "DEPARTMENT=财务部",
        ])
        .unwrap();
    assert!(site.pc.file(PROGRAM).is_file());
    site.is_heard();
    let device = site.device("the Windows PC", |device| device["platform"] == "windows-x86_64");
    assert_eq!(site.identity().trim(), device["id"]);
    let config = fs::read_to_string(site.pc.file(HOME).join("agent.toml")).unwrap();
    assert!(config.contains("财务部"), "{config}");
}

/// In no file of the PC, which holds its registry too, and in no log of the installation.
fn the_token_is_nowhere(site: &Site, token: &str) {
    eventually("the token to be used up", PATIENCE, || {
        Ok((!site.pc.file(HOME).join("state/token").exists()).then_some(()))
    })
    .unwrap();
    assert!(!site.pc.file(HOME).join("enrol.toml").exists());
    for folder in [
        HOME,
        "Program Files/Deskwarden",
        "windows/temp",
        "users",
        "windows/Installer",
    ] {
        holds_nowhere(&site.pc.file(folder), token);
    }
    for hive in ["system.reg", "user.reg", "userdef.reg"] {
        holds_nowhere(&site.pc.prefix().join(hive), token);
    }
}

fn holds_nowhere(place: &Path, secret: &str) {
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let Ok(found) = fs::symlink_metadata(place) else {
        return;
    };
    if found.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            holds_nowhere(&entry.unwrap().path(), secret);
        }
    } else if found.is_file() {
        let bytes = fs::read(place).unwrap();
        let holds = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(
            !holds(secret.as_bytes()) && !holds(&wide),
            "{} holds the token",
            place.display()
        );
    }
}

/// An hour passes before the slow scan; these are seen because Windows tells of them.
fn a_chat_client_and_a_private_proxy_are_seen_at_once(site: &Site) {
    site.device("the first complete look", |device| {
        device["items"]["software"]
            .as_u64()
            .filter(|count| *count > 0)
            .is_some()
    });
    assert_eq!(site.collector.findings_of(CHAT).unwrap().len(), 0);
    assert_eq!(site.collector.findings_of(PROXY).unwrap().len(), 0);
    site.pc
        .import(
            "[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\QQ]\n\
             \"DisplayName\"=\"腾讯QQ\"\n\"DisplayVersion\"=\"9.7.1\"\n\"Publisher\"=\"腾讯科技(深圳)有限公司\"\n",
        )
        .unwrap();
    let finding = site.finding(CHAT, "QQ", "open");
    assert_eq!(finding["clause"], "PC 3.2.4");

    // Of a person, below a key that is made together with the first title.
    site.pc
        .import(
            "[HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Telegram]\n\
             \"DisplayName\"=\"Telegram Desktop\"\n\"DisplayVersion\"=\"5.1.7\"\n",
        )
        .unwrap();
    site.finding(CHAT, "Telegram", "open");

    site.pc
        .import(
            "[HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings]\n\
             \"ProxyEnable\"=dword:00000001\n\"ProxyServer\"=\"10.9.9.9:1080\"\n",
        )
        .unwrap();
    let finding = site.finding(PROXY, "10.9.9.9", "open");
    assert_eq!(finding["clause"], "PC 3.2.5");

    // What goes is seen as well.
    site.pc
        .import("[-HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\QQ]\n")
        .unwrap();
    site.finding(CHAT, "QQ", "resolved");
    site.pc
        .import(
            "[HKEY_CURRENT_USER\\Software\\Microsoft\\Windows\\CurrentVersion\\Internet Settings]\n\
             \"ProxyEnable\"=dword:00000000\n",
        )
        .unwrap();
    site.finding(PROXY, "10.9.9.9", "resolved");
}

/// Told by the folder in which the shortcut appears.
fn a_copied_program_is_seen_by_its_shortcut(site: &Site) {
    let fixtures = tree::root().join("agent/parse/fixtures");
    let titles = |device: &Value| device["items"]["software"].as_u64().unwrap_or_default();
    let before = titles(&site.device("its titles", |device| titles(device) > 0));
    let folder = site.pc.file("绿色软件");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(fixtures.join("pe/signed.exe"), folder.join("QQ样例.exe")).unwrap();
    let shortcut = site.pc.file("users/Public/Desktop/聊天.lnk");
    fs::copy(fixtures.join("shortcut/chinese.lnk"), &shortcut).unwrap();
    site.device("one more title", |device| titles(device) == before + 1);
    fs::remove_file(shortcut).unwrap();
    site.device("one title less", |device| titles(device) == before);
}

fn a_repair_keeps_the_identity(site: &Site) {
    let before = site.identity();
    site.stop();
    fs::remove_file(site.pc.file(PROGRAM)).unwrap();
    // The words behind `msiexec /fa`, which Wine's command line does not know.
    let repair = ["/i", &site.msi("1.0.0"), "REINSTALL=ALL", "REINSTALLMODE=amus"];
    site.pc.msiexec(&repair).unwrap();
    assert!(site.pc.file(PROGRAM).is_file());
    site.is_heard();
    assert_eq!(site.identity(), before);
}

fn an_upgrade_keeps_the_device(site: &Site) {
    let before = site.identity();
    // Windows tells a removal that it is part of an upgrade, and settings stay. Wine does not, and they go: beside the new
    // package lie the same ones.
    fs::write(site.share.path().join("enrol.toml"), site.told()).unwrap();
    site.pc.msiexec(&["/i", &site.msi("1.1.0")]).unwrap();
    site.is_heard();
    assert_eq!(site.identity(), before);
    let devices = site.collector.cli(&["device", "list"]).unwrap();
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
    // An older one is refused, and changes nothing.
    assert!(site.pc.msiexec(&["/i", &site.msi("1.0.0")]).is_err());
    assert_eq!(site.pc.service_state(SERVICE).unwrap(), "RUNNING");
}

fn a_stop_says_goodbye(site: &Site) {
    site.stop();
    site.device("a goodbye", |device| !device["goodbye_at"].is_null());
    site.start();
    site.is_heard();
}

fn an_open_folder_keeps_the_service_from_starting(site: &Site) {
    site.stop();
    let home = site.pc.file(HOME);
    let own = fs::metadata(&home).unwrap().permissions();
    let mut open = own.clone();
    std::os::unix::fs::PermissionsExt::set_mode(&mut open, 0o777);
    fs::set_permissions(&home, open).unwrap();
    site.pc.run("sc", ["start", SERVICE]).unwrap();
    site.pc.wait_for_service(SERVICE, "STOPPED").unwrap();
    fs::set_permissions(&home, own).unwrap();
    site.start();
    site.is_heard();
}

fn a_removal_keeps_the_identity(site: &Site) {
    let before = site.identity();
    site.pc.msiexec(&["/x", &site.msi("1.1.0")]).unwrap();
    assert!(!site.pc.file("Program Files/Deskwarden").exists());
    assert!(!site.pc.has_key(SERVICE_KEY).unwrap() && !site.pc.has_key(EVENT_KEY).unwrap());
    assert_eq!(site.identity(), before);
    assert!(!site.pc.file(HOME).join("agent.toml").exists());
}

/// By the script for offices without a domain, from the file beside the package and with no token at all.
fn the_same_device_comes_back_without_a_token(site: &Site) {
    let before = site.identity();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("install.cmd");
    fs::copy(tree::root().join("deploy/windows/install.cmd"), &script).unwrap();
    let run = || {
        site.pc
            .run("cmd", ["/c", &WindowsPc::outside(&script)])
            .unwrap()
            .0
    };
    assert_eq!(run().code(), Some(2), "there is no package beside it");
    fs::write(folder.path().join("enrol.toml"), site.told()).unwrap();
    site.build.msi("1.1.0", folder.path()).unwrap();
    assert_eq!(run().code(), Some(0));
    site.is_heard();
    assert_eq!(site.identity(), before);
    // It may be run again.
    assert_eq!(run().code(), Some(0));
    assert_eq!(site.identity(), before);
}

/// Somebody with the right to do it ends the program, so that it says no goodbye.
fn an_agent_that_was_ended_is_found_missing(site: &mut Site) {
    assert_eq!(site.collector.findings_of(SILENT).unwrap().len(), 0);
    site.pc
        .finish("taskkill", ["/f", "/im", "deskwarden-agent.exe"])
        .unwrap();
    // Half an hour of the collector passes in a quarter of a minute.
    site.collector.restart_with_clock("x144").unwrap();
    let finding = site.finding(SILENT, "", "open");
    assert_eq!(finding["clause"], "PC 3.1.1");
}

fn a_removal_leaves_nothing_if_asked(site: &Site) {
    site.pc.msiexec(&["/x", &site.msi("1.1.0"), "PURGE=1"]).unwrap();
    assert!(!site.pc.file("Program Files/Deskwarden").exists() && !site.pc.file(HOME).exists());
    assert!(!site.pc.has_key(SERVICE_KEY).unwrap() && !site.pc.has_key(EVENT_KEY).unwrap());
}
