//! Somebody writes a proxy into `/etc/environment`: clause 3.2.5.

use super::Office;

const LINES: &str =
    "PATH=\"/usr/local/bin:/usr/bin:/bin\"\nhttp_proxy=\"http://wang:geheim7@10.9.9.9:1080\"\n";

#[test]
fn a_proxy_line_is_found_without_its_password_and_resolves_with_the_line() {
    let office = Office::open("pc-proxy", |setup| setup);
    let plain = std::fs::read_to_string(office.pc.file("etc/environment")).unwrap();
    office.pc.write("etc/environment", LINES).unwrap();
    let finding = office.finding("pc.proxy-configured", "10.9.9.9", "open");
    assert_eq!(finding["clause"], "PC 3.2.5");
    let shown = office
        .collector
        .cli(&["finding", "show", &super::id(&finding)])
        .unwrap()
        .to_string();
    assert!(shown.contains("/etc/environment"), "{shown}");
    assert!(!shown.contains("geheim7"), "{shown}");
    let mail = office.mailed("10.9.9.9").to_string();
    assert!(!mail.contains("geheim7"), "{mail}");

    office.pc.write("etc/environment", &plain).unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "resolved");
}

#[test]
fn with_the_rule_off_a_proxy_line_is_nothing() {
    let office = Office::open("pc-proxy-off", |setup| {
        setup.without_rule("pc.proxy-configured").unwrap()
    });
    office.pc.write("etc/environment", LINES).unwrap();
    office.items("proxy", 1);
    office.is_silent_about("pc.proxy-configured");
}

#[test]
fn an_approved_proxy_is_nothing() {
    let approve = |setup: deskwarden_tests::collector::Setup| {
        setup
            .edited_pack("approved_proxies = []", "approved_proxies = [\"10.9.9.9:1080\"]")
            .unwrap()
    };
    let office = Office::open("pc-proxy-approved", approve);
    office.pc.write("etc/environment", LINES).unwrap();
    office.items("proxy", 1);
    office.is_silent_about("pc.proxy-configured");
}
