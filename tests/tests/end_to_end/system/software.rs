//! A chat client is installed: clause 3.2.4, from a real package to dashboard, mail and webhook.

use data_encoding::HEXLOWER;
use deskwarden_tests::{deb, need};
use ring::hmac;

use super::{Office, id};

/// Packages of a plain office PC.
const PLAIN: u64 = 3;

#[test]
fn an_installed_chat_client_reaches_dashboard_mail_and_webhook() {
    if !need::program(
        "an_installed_chat_client_reaches_dashboard_mail_and_webhook",
        "dpkg-deb",
    ) {
        return;
    }
    let office = Office::open("pc-wang", |setup| setup);
    let mut visitor = office.collector.administrator().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let package = deb::build(folder.path(), "linuxqq", "3.2.17-34231", "Tencent QQ for Linux").unwrap();
    deb::install(&office.pc, &package).unwrap();

    let finding = office.finding("pc.chat", "QQ", "open");
    assert_eq!(finding["clause"], "PC 3.2.4");
    assert_eq!(finding["severity"], "high");

    let list = visitor.read("/findings").unwrap();
    assert!(
        list.contains("QQ") && list.contains("3.2.4") && list.contains("pc-wang"),
        "{list}"
    );
    let page = visitor.read(&format!("/findings/{}", id(&finding))).unwrap();
    assert!(
        page.contains("3.2.4") && page.contains("linuxqq") && page.contains("3.2.17-34231"),
        "{page}"
    );

    let mail = office.mailed("QQ");
    assert_eq!(mail["to"], serde_json::json!(["it@office.example"]));
    let body = mail["body"].as_str().unwrap();
    assert!(body.contains("PC 3.2.4") && body.contains("pc-wang"), "{body}");

    let post = office.posted(&finding, "opened");
    assert_eq!(post.json()["finding"]["clause"], "PC 3.2.4");
    let sent = post.header("deskwarden-timestamp").unwrap();
    let signed = [sent.as_bytes(), b".", &post.body].concat();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"wr7q-test-signing-key");
    let expected = format!("v1={}", HEXLOWER.encode(hmac::sign(&key, &signed).as_ref()));
    assert_eq!(post.header("deskwarden-signature"), Some(expected.as_str()));
    assert!(post.header("idempotency-key").is_some());

    deb::purge(&office.pc, "linuxqq").unwrap();
    let resolved = office.finding("pc.chat", "QQ", "resolved");
    assert_eq!(resolved["id"], finding["id"]);
    office.posted(&finding, "resolved");
}

#[test]
fn a_notice_is_rectified_by_the_report_that_no_longer_shows_what_it_was_about() {
    if !need::program(
        "a_notice_is_rectified_by_the_report_that_no_longer_shows_what_it_was_about",
        "dpkg-deb",
    ) {
        return;
    }
    let office = Office::open("pc-notified", |setup| setup);
    let folder = tempfile::tempdir().unwrap();
    let package = deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap();
    deb::install(&office.pc, &package).unwrap();
    let finding = office.finding("pc.chat", "QQ", "open");
    let issue = [
        "notice",
        "issue",
        "--finding",
        &id(&finding),
        "--demand",
        "卸载该软件",
    ];
    let issued = office.collector.cli(&issue).unwrap();
    assert_eq!(issued["state"], "issued", "{issued}");
    office.finding("pc.chat", "QQ", "notice_issued");
    let number = issued["number"].as_str().unwrap().to_owned();

    deb::purge(&office.pc, "linuxqq").unwrap();
    let resolved = office.finding("pc.chat", "QQ", "resolved");
    assert_eq!(resolved["id"], finding["id"]);
    let notice = office.collector.cli(&["notice", "show", &number]).unwrap();
    assert_eq!(notice["state"], "rectified", "{notice}");
    let line = &notice["lines"][0];
    assert!(
        line["cleared_at"].is_string() && line["cleared_as"] == "resolved",
        "{notice}"
    );
    // What comes back is another breach, and no matter of the old notice.
    deb::install(&office.pc, &package).unwrap();
    office.finding("pc.chat", "QQ", "open");
    let notice = office.collector.cli(&["notice", "show", &number]).unwrap();
    assert_eq!(notice["state"], "rectified", "{notice}");
}

#[test]
fn an_update_of_a_chat_client_stays_one_finding() {
    if !need::program("an_update_of_a_chat_client_stays_one_finding", "dpkg-deb") {
        return;
    }
    let office = Office::open("pc-update", |setup| setup);
    let folder = tempfile::tempdir().unwrap();
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap(),
    )
    .unwrap();
    let first = office.finding("pc.chat", "QQ", "open");
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "linuxqq", "3.2.18", "Tencent QQ").unwrap(),
    )
    .unwrap();
    let mut visitor = office.collector.administrator().unwrap();
    let page = deskwarden_tests::wait::eventually(
        "the new version on the page",
        deskwarden_tests::wait::PATIENCE,
        || {
            let page = visitor.read(&format!("/findings/{}", id(&first)))?;
            Ok(page.contains("3.2.18").then_some(page))
        },
    );
    page.unwrap();
    let all = office.collector.findings_of("pc.chat").unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["reopened"], 0);
}

#[test]
fn with_the_rule_off_an_installed_chat_client_is_nothing() {
    if !need::program(
        "with_the_rule_off_an_installed_chat_client_is_nothing",
        "dpkg-deb",
    ) {
        return;
    }
    let office = Office::open("pc-off", |setup| setup.without_rule("pc.chat").unwrap());
    office.items("software", PLAIN);
    let folder = tempfile::tempdir().unwrap();
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "linuxqq", "3.2.17", "Tencent QQ").unwrap(),
    )
    .unwrap();
    office.items("software", PLAIN + 1);
    office.is_silent_about("pc.chat");
}

#[test]
fn an_installed_text_editor_is_nothing() {
    if !need::program("an_installed_text_editor_is_nothing", "dpkg-deb") {
        return;
    }
    let office = Office::open("pc-editor", |setup| setup);
    office.items("software", PLAIN);
    let folder = tempfile::tempdir().unwrap();
    deb::install(
        &office.pc,
        &deb::build(folder.path(), "mousepad", "0.5.10", "simple text editor").unwrap(),
    )
    .unwrap();
    office.items("software", PLAIN + 1);
    let all = office.collector.findings().unwrap();
    // What the collector finds about itself (clause OPS) is about this machine.
    let of_the_pc = all.iter().filter(|row| row["clause"] != "OPS");
    assert!(
        of_the_pc.clone().all(|row| row["rule"] == "pc.unregistered"),
        "{all:?}"
    );
}
