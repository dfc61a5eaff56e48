//! Ubuntu: packages by dpkg, the network by netplan, a store's application by flatpak, settings by dconf.

use deskwarden_tests::distribution::{Deb, Distribution, dpkg_knows};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

/// As Ubuntu 24.04 has them: epochs, tildes, two architectures side by side.
const DEBS: &[Deb] = &[
    Deb("libc6", "2.39-0ubuntu8.3", "amd64"),
    Deb("libc6", "2.39-0ubuntu8.3", "i386"),
    Deb("vim", "2:9.1.0016-1ubuntu7.5", "amd64"),
    Deb("ubuntu-desktop", "1.539.2", "amd64"),
    Deb("linux-image-6.8.0-45-generic", "6.8.0-45.45~22.04.1+1", "amd64"),
    Deb("python3-all", "3.12.3-0ubuntu2", "all"),
];

#[test]
fn an_ubuntu_is_told_in_full() {
    let test = "an_ubuntu_is_told_in_full";
    if !tools(test, &["dpkg-deb", "netplan", "dconf", "flatpak"]) {
        return;
    }
    let pc = Distribution::typed("ubuntu").unwrap();
    std::os::unix::fs::symlink("../usr/lib/os-release", pc.file("etc/os-release")).unwrap();
    pc.install_debs(DEBS).unwrap();
    pc.netplan("ethernets.enp3s0={addresses: [192.0.2.30/24], routes: [{to: default, via: 192.0.2.1}], nameservers: {addresses: [192.0.2.53], search: [corp.example]}}")
        .unwrap();
    pc.dconf(
        "home/wang/.config/dconf/user",
        "[system/proxy]\nmode='manual'\nignore-hosts=['localhost', '10.0.0.0/8']\n[system/proxy/http]\nhost='192.0.2.8'\nport=3128\n[org/gnome/desktop/screensaver]\nlock-enabled=true\nlock-delay=uint32 30\n[org/gnome/desktop/session]\nidle-delay=uint32 600\n",
    )
    .unwrap();
    pc.write("usr/bin/gnome-shell", "").unwrap();
    pc.flatpak("org.example.Reader", "Reader", "1.4.2").unwrap();

    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id", "hostname", "activation"]),
        [
            &json!("Ubuntu 24.04.1 LTS"),
            &json!("24.04"),
            &json!("ubuntu"),
            &json!("pc-ubuntu"),
            &json!("not_applicable")
        ]
    );
    assert_eq!(found.packages("software/dpkg"), dpkg_knows(pc.path()).unwrap());
    assert_eq!(found.packages("software/dpkg").len(), DEBS.len());
    let reader = found.only("software/flatpak").unwrap();
    assert_eq!(
        fields(reader, ["name", "version", "package", "kind"]),
        [
            &json!("Reader"),
            &json!("1.4.2"),
            &json!("org.example.Reader"),
            &json!("flatpak")
        ]
    );
    assert_static(&found, "enp3s0", "netplan", "192.0.2.30");
    let proxies = found.proxies();
    let values: Vec<(&str, &str)> = proxies
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        values,
        [
            (
                "/etc/apt/apt.conf.d/95proxies:Acquire::http::Proxy",
                "http://192.0.2.8:3142"
            ),
            (
                "/home/wang/.config/dconf/user:/system/proxy/http",
                "http://192.0.2.8:3128"
            ),
        ]
    );
    let lock = found.items("security/screen-lock");
    assert_eq!(lock.len(), 1, "{lock:#?}");
    assert_eq!(lock[0]["principal"], "1000");
    assert_eq!(
        fields(&lock[0]["facet"], ["enabled", "seconds"]),
        [&json!("on"), &json!(630)],
        "{:#}",
        lock[0]
    );
    assert!(!found.items("security/auto-logon").is_empty());
}

#[test]
fn an_ubuntu_without_these_settings_has_none_of_these_facts() {
    let pc = Distribution::typed("ubuntu").unwrap();
    std::fs::remove_dir_all(pc.file("etc/apt/apt.conf.d")).unwrap();
    std::fs::remove_dir_all(pc.file("etc/gdm3")).unwrap();
    let found = pc.collect().unwrap();
    assert_sound(&found);
    assert!(found.proxies().is_empty());
    assert!(found.items("network/config-files").is_empty());
    assert_eq!(found.look("software/dpkg"), "unsupported");
}
