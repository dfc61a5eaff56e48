//! Kylin: packages by dpkg, its own description of the release, activation, the proxy and lock of its desktop.

use deskwarden_tests::distribution::{Deb, Distribution, dpkg_knows};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

const DEBS: &[Deb] = &[
    Deb("ukui-session-manager", "3.0.2-1kylin28", "amd64"),
    Deb("kylin-software-center", "1.1.47kylin2k1.14", "all"),
];

#[test]
fn a_kylin_is_told_in_full() {
    let test = "a_kylin_is_told_in_full";
    if !tools(test, &["dpkg-deb", "dconf", "nmcli"]) {
        return;
    }
    let pc = Distribution::typed("kylin").unwrap();
    pc.install_debs(DEBS).unwrap();
    pc.write("usr/bin/ukui-screensaver-dialog", "").unwrap();
    pc.dconf(
        "home/wang/.config/dconf/user",
        "[org/ukui/screensaver]\nlock-enabled=true\n[org/ukui/session]\nidle-delay=15\n[system/proxy]\nmode='manual'\n[system/proxy/https]\nhost='192.0.2.8'\nport=8443\n",
    )
    .unwrap();
    let wired = [
        "type",
        "ethernet",
        "ifname",
        "enaftxp1",
        "ipv4.method",
        "manual",
        "ipv4.addresses",
        "192.0.2.70/24",
        "ipv4.gateway",
        "192.0.2.1",
        "ipv4.dns",
        "192.0.2.53",
    ];
    pc.connection("wired", &wired).unwrap();

    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id", "activation"]),
        [
            &json!("Kylin V10 SP1"),
            &json!("v10 Desktop-V10-SP1-Release-2107"),
            &json!("kylin"),
            &json!("activated")
        ]
    );
    assert_eq!(found.packages("software/dpkg"), dpkg_knows(pc.path()).unwrap());
    assert_static(&found, "enaftxp1", "NetworkManager", "192.0.2.70");
    let proxy = found.only("proxy/dconf").unwrap();
    assert_eq!(
        fields(proxy, ["host", "port"]),
        [&json!("192.0.2.8"), &json!(8443)]
    );
    let lock = found.only("security/screen-lock").unwrap();
    assert_eq!(
        fields(lock, ["enabled", "seconds"]),
        [&json!("on"), &json!(900)],
        "{lock:#}"
    );
}

#[test]
fn a_kylin_without_its_code_is_not_called_activated() {
    let pc = Distribution::typed("kylin").unwrap();
    std::fs::remove_file(pc.file("etc/.kyactivation")).unwrap();
    let found = pc.collect().unwrap();
    assert_sound(&found);
    assert_eq!(found.only("os/os-release").unwrap()["activation"], "unknown");
}
