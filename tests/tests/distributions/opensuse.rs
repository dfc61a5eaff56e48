//! openSUSE: packages in rpm's own file form (ndb), the network by wicked, a proxy for the whole PC.

use deskwarden_tests::distribution::Distribution;
use serde_json::json;

use super::{assert_sound, assert_static, fedora::RPMS, fields, tools};

const PLACE: &str = "usr/lib/sysimage/rpm";

#[test]
fn an_opensuse_is_told_in_full() {
    let test = "an_opensuse_is_told_in_full";
    if !tools(test, &["rpm", "rpmbuild", "python3"]) {
        return;
    }
    let pc = Distribution::typed("opensuse").unwrap();
    pc.install_rpms(PLACE, RPMS).unwrap();
    let known = pc.rpm_knows(PLACE).unwrap();
    pc.put_rpms_into_ndb(PLACE).unwrap();

    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id"]),
        [
            &json!("openSUSE Leap 15.6"),
            &json!("15.6"),
            &json!("opensuse-leap")
        ]
    );
    assert_eq!(found.packages("software/rpm"), known);
    assert_eq!(known.len(), RPMS.len());
    assert_static(&found, "eth0", "wicked", "192.0.2.40");
    let all = found.items("network/config-files");
    let second = all
        .iter()
        .find(|item| item["facet"]["interface"] == "eth1")
        .unwrap();
    assert_eq!(second["facet"]["mode"], "dhcp");
    assert_eq!(all.len(), 2, "the loopback interface is no connection");
    let proxies = found.proxies();
    let keys: Vec<&str> = proxies.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "/etc/sysconfig/proxy:HTTPS_PROXY",
            "/etc/sysconfig/proxy:HTTP_PROXY"
        ]
    );
    let proxy = &found.items("proxy/environment")[0]["facet"];
    assert_eq!(
        fields(proxy, ["enabled", "bypass"]),
        [&json!(true), &json!(["localhost", "127.0.0.1"])]
    );
}

#[test]
fn a_proxy_that_opensuse_has_switched_off_is_not_in_force() {
    let pc = Distribution::typed("opensuse").unwrap();
    let file = std::fs::read_to_string(pc.file("etc/sysconfig/proxy")).unwrap();
    pc.write(
        "etc/sysconfig/proxy",
        &file.replace("PROXY_ENABLED=\"yes\"", "PROXY_ENABLED=\"no\""),
    )
    .unwrap();
    let found = pc.collect().unwrap();
    let items = found.items("proxy/environment");
    assert!(!items.is_empty());
    assert!(
        items.iter().all(|item| item["facet"]["enabled"] != true),
        "{items:#?}"
    );
}
