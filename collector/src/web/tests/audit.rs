//! The audit log on its page: filtered, exported, verified.

use axum::http::StatusCode;
use deskwarden_domain::model::{AuditEntry, Role, person};

use super::house::{House, START};

fn say(house: &House, actor: &str, action: &str, object: &str, detail: &str) {
    house
        .store
        .audit(&AuditEntry {
            at: START,
            actor: actor.into(),
            action: action.into(),
            object: object.into(),
            detail: detail.into(),
        })
        .unwrap();
}

#[test]
fn the_auditor_finds_who_did_what() {
    let house = House::new();
    let mut auditor = house.person("auditor", &[Role::Auditor]);
    say(&house, "wang", "asset.put", "asset:7", &person("张三"));
    say(
        &house,
        "li",
        "notice.issue",
        "notice:3",
        "<script>alert(1)</script>",
    );
    let all = auditor.get("/audit").body;
    assert!(
        all.contains("<bdi>张三</bdi>") && all.contains("href=\"/assets/7\""),
        "{all}"
    );
    assert!(!all.contains("<script>alert"));
    let wang = auditor.get("/audit?actor=wang").body;
    let shows = |body: &str, code: &str| body.contains(&format!("<span class=\"sub mono\">{code}</span>"));
    assert!(shows(&wang, "asset.put") && !shows(&wang, "notice.issue"));
    assert!(
        wang.contains("<td>修改资产<span"),
        "in words beside the code: {wang}"
    );
    let found = auditor.get("/audit?text=%E5%BC%A0").body;
    assert!(shows(&found, "asset.put") && !shows(&found, "notice.issue"));
    let later = auditor.get("/audit?since=2030-01-01").body;
    assert!(!shows(&later, "asset.put"));
    let unreadable = auditor.get("/audit?until=soon");
    assert_eq!(unreadable.status, StatusCode::OK);
    assert!(unreadable.body.contains("id=\"fault-date\"") && unreadable.body.contains("value=\"soon\""));
    auditor.lang = "en";
    assert!(
        auditor
            .get("/audit?verify=yes")
            .body
            .contains("The audit log is whole: 4 entries")
    );
}

#[test]
fn an_export_is_a_line_of_the_log_without_the_name_that_was_looked_for() {
    let house = House::new();
    let mut auditor = house.person("auditor", &[Role::Auditor]);
    let answer = auditor.get("/audit/export?format=csv&text=wang");
    assert_eq!(answer.status, StatusCode::OK);
    let newest = house.store.audit_records(1, 50).unwrap().pop().unwrap().entry;
    assert_eq!(
        (newest.action.as_str(), newest.object.as_str()),
        ("export", "list:audit")
    );
    assert!(
        newest.detail.contains("text=wang"),
        "shown while the mapping is there"
    );
    assert!(house.store.verify_audit().unwrap().is_ok());
    let whole = auditor.get("/audit/export?format=csv").body;
    assert!(whole.contains("auditor,sign_in,登录,"), "code and words: {whole}");
}

#[test]
fn pages_are_read_while_nothing_can_be_written_and_looks_are_told_afterwards() {
    const FULL: &str = "BEGIN SELECT RAISE(ABORT, 'no room'); END";
    let house = House::new();
    super::seed::machine(&house, 1, &super::seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    house.raw(&format!(
        "CREATE TRIGGER no_use BEFORE UPDATE ON sessions {FULL}; CREATE TRIGGER no_log BEFORE INSERT ON audit {FULL};"
    ));
    let views = || {
        let records = house.store.audit_records(1, 99).unwrap();
        records
            .iter()
            .filter(|record| record.entry.action == "view")
            .count()
    };
    // Long enough for a session's last use to be due.
    house.pass(5 * 60_000);
    for path in ["/", "/findings", "/assets/1", "/assets/1"] {
        assert_eq!(wang.get(path).status, StatusCode::OK, "{path}");
    }
    assert_eq!(views(), 0);
    house.raw("DROP TRIGGER no_use; DROP TRIGGER no_log;");
    let device = format!("/devices/{}", "01".repeat(16));
    assert_eq!(wang.get(&device).status, StatusCode::OK);
    assert_eq!(views(), 2, "the look of before and this one");
    assert!(house.store.verify_audit().unwrap().is_ok());
}

#[test]
fn whoever_looks_at_a_pc_is_in_the_log_once_for_a_while() {
    let house = House::new();
    super::seed::machine(&house, 1, &super::seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let device = format!("/devices/{}", "01".repeat(16));
    let looks = |house: &House| -> Vec<String> {
        let records = house.store.audit_records(1, 99).unwrap();
        let looks = records.into_iter().filter(|record| record.entry.action == "view");
        looks
            .map(|record| format!("{} {}", record.entry.actor, record.entry.object))
            .collect()
    };
    for path in ["/assets/1", &device, "/assets/1", &format!("{device}?tab=logon")] {
        assert_eq!(wang.get(path).status, StatusCode::OK, "{path}");
    }
    assert_eq!(
        looks(&house),
        [
            "wang asset:1".to_owned(),
            format!("wang device:{}", "01".repeat(16))
        ]
    );
    house.pass(15 * 60_000);
    wang.get("/assets/1");
    assert_eq!(looks(&house).len(), 3);
    assert_eq!(wang.get("/assets/99").status, StatusCode::NOT_FOUND);
    assert_eq!(looks(&house).len(), 3, "what is not there is not looked at");
}
