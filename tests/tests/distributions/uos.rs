//! UOS and Deepin: packages by dpkg, applications of their stores, the proxy and the screen lock of their desktop.

use deskwarden_tests::distribution::{Deb, Distribution, dpkg_knows};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

const DEBS: &[Deb] = &[
    Deb("dde-desktop", "5.6.8.1-1", "amd64"),
    Deb("com.qq.weixin.deepin", "3.9.0.28deepin8", "amd64"),
    Deb("libc6", "2.28.21-1+deepin-1", "amd64"),
];

#[test]
fn a_uos_is_told_in_full() {
    let test = "a_uos_is_told_in_full";
    if !tools(test, &["dpkg-deb", "dconf", "nmcli"]) {
        return;
    }
    let pc = Distribution::typed("uos").unwrap();
    pc.install_debs(DEBS).unwrap();
    pc.write("usr/bin/startdde", "").unwrap();
    pc.dconf(
        "home/wang/.config/dconf/user",
        "[system/proxy]\nmode='auto'\nautoconfig-url='http://192.0.2.8/proxy.pac'\n[com/deepin/dde/power]\nscreen-black-lock=false\n",
    )
    .unwrap();
    let wired = [
        "type",
        "ethernet",
        "ifname",
        "enp1s0",
        "ipv4.method",
        "manual",
        "ipv4.addresses",
        "192.0.2.60/24",
        "ipv4.gateway",
        "192.0.2.1",
        "ipv4.dns",
        "192.0.2.53",
    ];
    pc.connection("有线连接", &wired).unwrap();

    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id", "activation"]),
        [
            &json!("UOS Desktop 20 Pro"),
            &json!("20 Professional 1060"),
            &json!("uos"),
            &json!("unknown")
        ]
    );
    assert_eq!(found.packages("software/dpkg"), dpkg_knows(pc.path()).unwrap());
    let apps: Vec<_> = found
        .items("software/opt-apps")
        .iter()
        .map(|item| {
            fields(&item["facet"], ["package", "name", "version"])
                .map(|value| value.as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        apps,
        [
            ["com.qq.weixin.deepin", "微信", "3.9.0.28deepin8"].map(str::to_owned),
            ["org.deepin.browser", "uos-browser-stable", "6.5.5.4-1"].map(str::to_owned),
        ]
    );
    assert_static(&found, "enp1s0", "NetworkManager", "192.0.2.60");
    let pac = found.only("proxy/dconf").unwrap();
    assert_eq!(
        fields(pac, ["scheme", "enabled", "host"]),
        [&json!("pac"), &json!(true), &json!("192.0.2.8")]
    );
    let lock = found.only("security/screen-lock").unwrap();
    assert_eq!(lock["enabled"], "off", "{lock:#}");
}

#[test]
fn a_deepin_is_told_as_it_names_itself() {
    let pc = Distribution::typed("deepin").unwrap();
    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id", "activation"]),
        [
            &json!("Deepin 23"),
            &json!("23 Community"),
            &json!("deepin"),
            &json!("not_applicable")
        ]
    );
}
