//! openEuler: packages by rpm below `/var/lib/rpm`, the network in files of network-scripts.

use deskwarden_tests::distribution::{Distribution, Rpm};
use serde_json::json;

use super::{assert_sound, assert_static, fields, tools};

const PLACE: &str = "var/lib/rpm";
const RPMS: &[Rpm] = &[
    Rpm("bash", 0, "5.1.8", "6.oe2203sp3", "x86_64"),
    Rpm("openEuler-release", 0, "22.03LTS_SP3", "55.oe2203sp3", "x86_64"),
];

#[test]
fn an_openeuler_is_told_in_full() {
    let test = "an_openeuler_is_told_in_full";
    if !tools(test, &["rpm", "rpmbuild"]) {
        return;
    }
    let pc = Distribution::typed("openeuler").unwrap();
    pc.install_rpms(PLACE, RPMS).unwrap();
    let found = pc.collect().unwrap();
    assert_sound(&found);
    let os = found.only("os/os-release").unwrap();
    assert_eq!(
        fields(os, ["name", "version", "id"]),
        [
            &json!("openEuler 22.03 (LTS-SP3)"),
            &json!("22.03"),
            &json!("openEuler")
        ]
    );
    assert_eq!(found.packages("software/rpm"), pc.rpm_knows(PLACE).unwrap());
    assert_eq!(found.packages("software/rpm").len(), RPMS.len());
    assert_static(&found, "ens3", "network-scripts", "192.0.2.50");
}
