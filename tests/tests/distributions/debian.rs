//! Debian as debootstrap makes it: whole, with real packages.

use std::fs;

use deskwarden_tests::{
    distribution::{Collected, dpkg_knows},
    machine::Disk,
};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

const INTERFACES: &str = "auto lo eth0\niface lo inet loopback\niface eth0 inet static\n    address 192.0.2.10/24\n    gateway 192.0.2.1\n    dns-nameservers 192.0.2.53\n";

#[test]
fn a_debian_is_told_in_full() {
    let test = "a_debian_is_told_in_full";
    if !tools(test, &["dpkg-query"]) {
        return;
    }
    let Some(disk) = Disk::new(test).unwrap() else {
        return;
    };
    let root = disk.root();
    fs::create_dir_all(root.join("etc/network")).unwrap();
    fs::write(root.join("etc/network/interfaces"), INTERFACES).unwrap();
    fs::write(root.join("etc/hostname"), "pc-debian\n").unwrap();
    fs::write(
        root.join("etc/environment"),
        "https_proxy=http://user:geheim@192.0.2.8:3128/\n",
    )
    .unwrap();

    let found = Collected::of(&root).unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id", "hostname", "activation"]),
        [
            &json!("Debian GNU/Linux 12 (bookworm)"),
            &json!("12"),
            &json!("debian"),
            &json!("pc-debian"),
            &json!("not_applicable")
        ]
    );
    let known = dpkg_knows(&root).unwrap();
    assert!(known.len() > 80, "{} packages", known.len());
    assert_eq!(found.packages("software/dpkg"), known);
    assert_static(&found, "eth0", "ifupdown", "192.0.2.10");
    let proxies = found.items("proxy/environment");
    assert_eq!(proxies.len(), 1, "{proxies:#?}");
    assert_eq!(
        fields(&proxies[0]["facet"], ["host", "port", "had_credentials"]),
        [&json!("192.0.2.8"), &json!(3128), &json!(true)]
    );
    assert!(!format!("{found:?}").contains("geheim"));
    assert_eq!(found.look("software/rpm"), "unsupported");
    let accounts = found.items("account/passwd");
    assert!(
        accounts.iter().any(|item| item["facet"]["name"] == "root"),
        "{accounts:#?}"
    );
}
