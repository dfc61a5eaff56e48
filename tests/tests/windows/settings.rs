//! What the settings of a Windows PC say: proxies of every kind, ways in from elsewhere, protection, shares, sticks,
//! crashes, programs that nobody installed. The real program under Wine, over keys that regedit imported.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use deskwarden_tests::{
    architecture::tree,
    wine::{Build, WindowsPc},
};
use serde_json::Value;

use crate::facts::{AWAY, collected, fixture, items, keys, text};

const MACHINE: &str = r#"
[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters]
"IPEnableRouter"=dword:00000001

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\PortProxy\v4tov4\tcp]
"0.0.0.0/8080"="10.1.2.3/3128"

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Session Manager\Environment]
"HTTPS_PROXY"="http://wang:geheim@10.1.2.4:8888"

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Windows\CurrentVersion\Internet Settings]
"AutoConfigURL"="http://10.1.2.5/proxy.pac"

[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Google\Chrome]
"ProxyMode"="fixed_servers"
"ProxyServer"="10.1.2.6:8118"

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server]
"fDenyTSConnections"=dword:00000000

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon]
"AutoAdminLogon"="1"
"DefaultUserName"="李伟"
"DefaultPassword"="geheim"

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\PublicProfile]
"EnableFirewall"=dword:00000000

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\BitlockerStatus]
"BootStatus"=dword:00000001

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Security Center\Provider\Av\{D68DDC3A-831F-4fae-9E44-DA132C1ACF46}]
"DISPLAYNAME"="Windows Defender"
"STATE"=dword:00061110

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System]
"InactivityTimeoutSecs"=dword:00000258

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\LanmanServer\Shares]
"财务"=hex(7):50,00,61,00,74,00,68,00,3d,00,43,00,3a,00,5c,00,46,00,00,00,54,00,79,00,70,00,65,00,3d,00,30,00,00,00,00,00

[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Enum\USBSTOR\Disk&Ven_Kingston&Prod_DataTraveler&Rev_1.10\E0D55EA500000001&0]
"FriendlyName"="Kingston DataTraveler USB Device"

[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections]
"#;

const PREFS: &str = "user_pref(\"network.proxy.type\", 1);\nuser_pref(\"network.proxy.http\", \"10.1.2.8\");\n\
                     user_pref(\"network.proxy.http_port\", 3129);\n";

#[test]
fn settings_of_a_pc_are_told_without_its_secrets() {
    let test = "settings_of_a_pc_are_told_without_its_secrets";
    let Some(build) = Build::of(test) else { return };
    let Some(pc) = WindowsPc::new(test).unwrap() else {
        return;
    };
    let services = format!("\"WinHttpSettings\"={}\n", connection("10.1.2.7:8080"));
    pc.import(&format!("{MACHINE}{services}")).unwrap();
    // People, one of whom is not signed in.
    pc.import(&keys("machine.reg")).unwrap();
    let home = pc.file("users/李伟");
    let profile = home.join("AppData/Roaming/Mozilla/Firefox/Profiles/a.default");
    let classes = home.join("AppData/Local/Microsoft/Windows");
    for folder in [&profile, &classes] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(profile.join("prefs.js"), PREFS).unwrap();
    fs::copy(fixture("user.hive"), home.join("NTUSER.DAT")).unwrap();
    fs::copy(fixture("classes.hive"), classes.join("UsrClass.dat")).unwrap();
    put_crashes(&pc);
    let snapshot = collected(&pc, &build.program());
    proxies_are_told(&snapshot);
    protection_is_told(&snapshot);
    what_people_shared_plugged_and_lost_is_told(&snapshot);
    programs_are_told_whoever_put_them_there(&snapshot);
    assert!(!snapshot.to_string().contains("geheim"));
}

/// The settings of a connection as Windows stores them: kind, counter, a server by hand, the server, no exceptions.
fn connection(server: &str) -> String {
    let length = u32::try_from(server.len()).unwrap();
    let mut bytes: Vec<u8> = [0x28, 0, 3, length]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    bytes.extend(server.bytes());
    bytes.extend([0; 4]);
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hex:{}", digits.join(","))
}

/// Five reports of one program of the PC, one of a person's program, and a dump of Windows itself.
fn put_crashes(pc: &WindowsPc) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let of_all = pc.file("ProgramData/Microsoft/Windows/WER/ReportArchive");
    let of_user = pc.file("users/李伟/AppData/Local/Microsoft/Windows/WER/ReportQueue");
    let report = |folder: &std::path::Path, program: &str, seconds: u64| {
        let at = (seconds + 11_644_473_600) * 10_000_000;
        let text = format!(
            "\u{feff}Version=1\r\nEventType=APPCRASH\r\nEventTime={at}\r\nNsAppName={program}\r\nAppPath=C:\\geheim\r\n"
        );
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("Report.wer"), bytes).unwrap();
    };
    for number in 0..5 {
        report(
            &of_all.join(format!("AppCrash_{number}")),
            "wps.exe",
            now - number,
        );
    }
    report(&of_all.join("AppCrash_old"), "old.exe", now - 40 * 86_400);
    report(&of_user.join("AppCrash_x"), "微信.exe", now);
    let store = tree::root().join("agent/parse/fixtures/wer/hang.wer");
    let hang = of_user.join("AppHang_x");
    fs::create_dir_all(&hang).unwrap();
    fs::copy(store, hang.join("Report.wer")).unwrap();
    fs::create_dir_all(pc.file("windows/Minidump")).unwrap();
    fs::write(pc.file("windows/Minidump/112826-4711-01.dmp"), "").unwrap();
}

fn proxies_are_told(snapshot: &Value) {
    let proxies = items(snapshot, "proxy");
    let told = |source: &str, value: &str, principal: &str| {
        let found = proxies.iter().any(|item| {
            text(item, "/source") == source
                && text(item, "/facet/value") == value
                && text(item, "/principal") == principal
        });
        assert!(found, "{source} {value}: {proxies:#?}");
    };
    told("environment", "http://10.1.2.4:8888", "");
    told("internet-settings", "http://10.1.2.5/proxy.pac", "");
    told("browser-policies", "http://10.1.2.6:8118", "");
    told("winhttp", "http://10.1.2.7:8080", "");
    told("firefox", "http://10.1.2.8:3129", AWAY);
    told("sharing", "tcp://10.1.2.3:3128", "");
    let forwards = proxies
        .iter()
        .find(|item| text(item, "/facet/setting") == "IPEnableRouter");
    assert_eq!(forwards.unwrap()["facet"]["enabled"], true);
}

fn protection_is_told(snapshot: &Value) {
    let protection = items(snapshot, "security");
    let of = |product: &str, wanted: &[(&str, Value)]| {
        let found = protection
            .iter()
            .find(|item| text(item, "/facet/product") == product);
        let item = found.unwrap_or_else(|| panic!("no {product} in {protection:#?}"));
        for (field, value) in wanted {
            assert_eq!(item["facet"][field], *value, "{product}: {item}");
        }
    };
    of("Remote Desktop", &[("enabled", "on".into())]);
    of("Winlogon", &[("enabled", "on".into())]);
    of("Windows Firewall (public)", &[("enabled", "off".into())]);
    of("BitLocker", &[("enabled", "on".into())]);
    of(
        "Windows Defender",
        &[("enabled", "on".into()), ("up_to_date", "off".into())],
    );
    of("Windows", &[("enabled", "on".into()), ("seconds", 600.into())]);
}

fn what_people_shared_plugged_and_lost_is_told(snapshot: &Value) {
    let shares = items(snapshot, "share");
    assert!(
        shares.iter().any(|item| text(item, "/facet/name") == "财务"),
        "{shares:?}"
    );
    let media = items(snapshot, "media");
    assert!(
        media
            .iter()
            .any(|item| text(item, "/facet/serial") == "E0D55EA500000001"),
        "{media:?}"
    );
    let health = items(snapshot, "health");
    let crashes: Vec<(&str, &str)> = health
        .iter()
        .filter(|item| text(item, "/facet/topic") == "crash")
        .map(|item| (text(item, "/facet/subject"), text(item, "/principal")))
        .collect();
    assert_eq!(
        crashes,
        [("Windows", ""), ("wps.exe", ""), ("微信.exe", AWAY)],
        "{health:#?}"
    );
}

fn programs_are_told_whoever_put_them_there(snapshot: &Value) {
    let software = items(snapshot, "software");
    let of = |source: &str| -> Vec<&Value> {
        let found = software.iter().filter(|item| text(item, "/source") == source);
        found.copied().collect()
    };
    let store = of("store-apps");
    assert!(
        store.iter().any(|item| text(item, "/principal") == AWAY),
        "{store:#?}"
    );
    // The agent itself was copied to a folder and runs there.
    let running = of("running");
    let own = running
        .iter()
        .find(|item| text(item, "/local/path").eq_ignore_ascii_case("C:\\agent.exe"));
    let own = own.unwrap_or_else(|| panic!("{running:#?}"));
    assert_eq!(text(own, "/facet/original_name"), "deskwarden-agent.exe");
}

/// Whatever lies beside the program, the libraries that it looks up are Windows' own.
#[test]
fn a_library_beside_the_program_is_not_loaded() {
    let test = "a_library_beside_the_program_is_not_loaded";
    let Some(build) = Build::of(test) else { return };
    let Some(pc) = WindowsPc::new(test).unwrap() else {
        return;
    };
    let looks = |snapshot: &Value| -> Vec<String> {
        let sections = snapshot["sections"].as_object().unwrap().values();
        sections
            .flat_map(|section| section["sources"].as_array().unwrap())
            .map(|source| format!("{}: {} {}", source["source"], source["look"], source["reason"]))
            .collect()
    };
    let before = looks(&collected(&pc, &build.program()));
    // What is loaded in their place would end the program, or the source that wants it.
    for name in [
        "iphlpapi", "netapi32", "wlanapi", "cfgmgr32", "slwga", "wintrust", "wevtapi", "msi",
    ] {
        fs::write(pc.file(&format!("{name}.dll")), "no library").unwrap();
    }
    let after = looks(&collected(&pc, &build.program()));
    assert_eq!(before, after);
    assert!(after.iter().any(|line| line.contains("looked")), "{after:?}");
}
