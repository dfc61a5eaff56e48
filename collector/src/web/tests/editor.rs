//! The rule editor: checked while it is written, previewed on stored facts, saved as a version, refused with places.

use axum::http::StatusCode;
use deskwarden_domain::{
    model::{AssetId, Finding, FindingId, FindingKey, Holder, Role},
    port::{Batch, Op},
};

use super::{house::House, seed};

const PLACE: &str = "/rules/files/acme.toml";
const GOOD: &str = r#"[[regulation]]
id = "ACME"
title = { zh = "\u89c4\u5b9a", en = "Rules" }
version = "1"
[[regulation.clause]]
number = "1"
wording = { zh = "\u7532", en = "a" }
checkable = "rules"
why = { zh = "\u7532", en = "a" }
[[rule]]
id = "acme.any"
clause = "ACME 1"
severity = "low"
kind = "item"
sections = ["software"]
title = { zh = "\u7532", en = "a" }
message = { zh = "\u7532", en = "a" }
remedy = { zh = "\u7532", en = "a" }
select = { name = { not = "no such title" } }
"#;

fn in_force(house: &House) -> Vec<(String, i64)> {
    let all = house.store.rules_in_force().unwrap();
    all.into_iter()
        .filter(|version| version.file == "acme.toml")
        .map(|version| (version.content, version.id))
        .collect()
}

#[test]
fn a_text_is_checked_with_its_places_and_saved_only_without_faults() {
    let house = House::new();
    let mut officer = house.person("li", &[Role::RuleOfficer]);
    officer.lang = "en";
    assert!(officer.get(PLACE).body.contains("A new file"));
    let bad = GOOD.replace("severity = \"low\"", "severity = \"dire\"");
    for action in ["check", "preview", "save"] {
        let form = [
            ("action", action),
            ("version", "0"),
            ("file", "acme.toml"),
            ("content", bad.as_str()),
        ];
        let answer = officer.post(PLACE, &form);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{action}");
        assert!(
            answer.body.contains("acme.toml:13:12: `dire` is no severity"),
            "{action}: {}",
            answer.body
        );
    }
    let form = [("file", "acme.toml"), ("content", bad.as_str())];
    let checked = officer.post("/rules/check", &form).body;
    assert!(checked.contains("acme.toml:13:12"), "{checked}");
    assert!(in_force(&house).is_empty());

    let windows = GOOD.replace('\n', "\r\n");
    let form = [
        ("action", "save"),
        ("version", "0"),
        ("file", "acme.toml"),
        ("content", windows.as_str()),
    ];
    assert_eq!(officer.post(PLACE, &form).location(), PLACE);
    let saved = in_force(&house);
    assert_eq!(saved[0].0, GOOD);
    let again = officer.post(PLACE, &form);
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("Somebody else saved this file"));

    let version = saved[0].1.to_string();
    let form = [
        ("action", "remove"),
        ("version", version.as_str()),
        ("content", ""),
    ];
    assert_eq!(officer.post(PLACE, &form).location(), "/rules");
    assert!(in_force(&house).is_empty());
}

/// A machine that was judged under what is in force.
fn judged(house: &House) -> AssetId {
    let (_, asset) = seed::machine(house, 1, &seed::plain());
    let op = Op::Judged {
        asset,
        generation: house.store.context_generation().unwrap(),
        wake_at: None,
    };
    apply(house, vec![op]);
    asset
}

fn apply(house: &House, ops: Vec<Op>) {
    let batch = Batch {
        ops,
        ..Batch::default()
    };
    house.store.apply(&batch).unwrap();
}

#[test]
fn a_preview_says_what_would_be_flagged_and_writes_nothing() {
    let house = House::new();
    judged(&house);
    let generation = house.store.context_generation().unwrap();
    let mut officer = house.person("li", &[Role::RuleOfficer]);
    officer.lang = "en";
    let form = [
        ("action", "preview"),
        ("version", "0"),
        ("file", "acme.toml"),
        ("content", GOOD),
    ];
    let answer = officer.post(PLACE, &form);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(
        answer.body.contains("Would open") && answer.body.contains("acme.any"),
        "{}",
        answer.body
    );
    assert!(in_force(&house).is_empty());
    assert_eq!(house.store.context_generation().unwrap(), generation);
}

#[test]
fn a_preview_says_what_would_resolve() {
    let house = House::new();
    let mut officer = house.person("li", &[Role::RuleOfficer]);
    officer.lang = "en";
    let save = [
        ("action", "save"),
        ("version", "0"),
        ("file", "acme.toml"),
        ("content", GOOD),
    ];
    assert_eq!(officer.post(PLACE, &save).location(), PLACE);
    let asset = judged(&house);
    let version = in_force(&house)[0].1.to_string();
    let finding = house.store.finding(FindingId(1)).unwrap().unwrap().row.finding;
    let key = FindingKey {
        holder: Holder::Asset(asset),
        rule: "acme.any".into(),
        subject: "qq".into(),
    };
    let finding = Finding {
        id: None,
        key,
        version: 0,
        ..finding
    };
    apply(&house, vec![Op::PutFinding(finding)]);
    let without = GOOD.split("[[rule]]").next().unwrap();
    let form = [
        ("action", "preview"),
        ("version", version.as_str()),
        ("file", "acme.toml"),
        ("content", without),
    ];
    let answer = officer.post(PLACE, &form);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let (_, shown) = answer.body.split_once("id=\"preview\"").unwrap();
    assert!(
        shown.contains("acme.any") && shown.contains("<td>Would resolve</td>"),
        "{shown}"
    );
    assert_eq!(in_force(&house)[0].0, GOOD);
}

#[test]
fn only_plain_names_are_files() {
    let house = House::new();
    let mut officer = house.person("li", &[Role::RuleOfficer]);
    assert_eq!(
        officer.get("/rules/files/..%2Fetc.toml").status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        officer.post("/rules/files", &[("file", "../x")]).status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        officer.post("/rules/files", &[("file", "acme")]).location(),
        PLACE
    );
}
