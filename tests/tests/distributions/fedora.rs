//! Fedora: packages by rpm in its SQLite database, the network by NetworkManager.

use deskwarden_tests::distribution::{Distribution, Rpm};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

/// As Fedora 40 has them: an epoch, no architecture, two kernels side by side, `~` and `^` in versions.
pub(super) const RPMS: &[Rpm] = &[
    Rpm("bash", 0, "5.2.26", "3.fc40", "x86_64"),
    Rpm("vim-minimal", 2, "9.1.393", "1.fc40", "x86_64"),
    Rpm("tzdata", 0, "2024a", "5.fc40", "noarch"),
    Rpm("kernel-core", 0, "6.8.9", "300.fc40", "x86_64"),
    Rpm("kernel-core", 0, "6.8.10", "300.fc40", "x86_64"),
    Rpm("firefox", 0, "126.0~rc1", "1.fc40", "x86_64"),
    Rpm("mesa-libGL", 0, "24.0.6^git20240501", "1.fc40", "x86_64"),
];
const PLACE: &str = "usr/lib/sysimage/rpm";

#[test]
fn a_fedora_is_told_in_full() {
    let test = "a_fedora_is_told_in_full";
    if !tools(test, &["rpm", "rpmbuild", "nmcli"]) {
        return;
    }
    let pc = Distribution::typed("fedora").unwrap();
    std::os::unix::fs::symlink("../usr/lib/os-release", pc.file("etc/os-release")).unwrap();
    pc.install_rpms(PLACE, RPMS).unwrap();
    let office = [
        "type",
        "ethernet",
        "ifname",
        "enp1s0",
        "ipv4.method",
        "manual",
        "ipv4.addresses",
        "192.0.2.20/24",
        "ipv4.gateway",
        "192.0.2.1",
        "ipv4.dns",
        "192.0.2.53",
    ];
    pc.connection("office", &office).unwrap();
    let home = [
        "type",
        "wifi",
        "ssid",
        "办公室",
        "wifi-sec.key-mgmt",
        "wpa-psk",
        "wifi-sec.psk",
        "geheim-geheim",
    ];
    pc.connection("home", &home).unwrap();

    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id"]),
        [
            &json!("Fedora Linux 40 (Workstation Edition)"),
            &json!("40"),
            &json!("fedora")
        ]
    );
    assert_eq!(found.packages("software/rpm"), pc.rpm_knows(PLACE).unwrap());
    assert_eq!(found.packages("software/rpm").len(), RPMS.len());
    assert_static(&found, "enp1s0", "NetworkManager", "192.0.2.20");
    let wireless = found.items("network/config-files");
    let wireless = wireless
        .iter()
        .find(|item| item["facet"]["kind"] == "wifi")
        .unwrap();
    assert_eq!(
        fields(&wireless["facet"], ["wifi_network", "mode"]),
        [&json!("办公室"), &json!("dhcp")]
    );
    assert!(
        !format!("{found:?}").contains("geheim"),
        "a key of a wireless network is not read"
    );
    assert_eq!(
        found.proxies().into_iter().collect::<Vec<_>>(),
        [(
            "/etc/dnf/dnf.conf:proxy".to_owned(),
            "http://192.0.2.8:3128".to_owned()
        )]
    );
}
