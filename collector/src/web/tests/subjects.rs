//! What is held of a person, on its page: shown, handed out, erased; every look is told.

use axum::http::StatusCode;
use deskwarden_domain::model::{Asset, Role};

use super::{
    house::{House, audit},
    seed,
};

fn house() -> House {
    let house = House::new();
    let (_, asset) = seed::machine(&house, 1, &seed::plain());
    let asset = house.store.asset(asset).unwrap().unwrap().0.asset;
    let asset = Asset {
        custodian: Some("李小<b>四".into()),
        ..asset
    };
    house.store.put_asset(&asset, false, &audit()).unwrap();
    house
}

const WHO: &str = "who=%E6%9D%8E%E5%B0%8F%3Cb%3E%E5%9B%9B";

#[test]
fn the_auditor_looks_and_the_log_says_so() {
    let house = house();
    let mut auditor = house.person("auditor", &[Role::Auditor]);
    let page = auditor.get(&format!("/subjects?{WHO}"));
    assert!(
        page.body.contains("李小&lt;b&gt;四") && page.body.contains("WY-2024-0001"),
        "{}",
        page.body
    );
    assert!(
        !page.body.contains("/subjects/delete"),
        "an auditor erases nothing"
    );
    let file = auditor.get(&format!("/subjects/file?{WHO}"));
    let json: serde_json::Value = serde_json::from_str(&file.body).unwrap();
    assert_eq!(json["data"]["assets"][0]["number"], "WY-2024-0001");
    assert!(
        file.headers["content-disposition"]
            .to_str()
            .unwrap()
            .contains("subject-")
    );
    let actions: Vec<String> = house
        .store
        .audit_records(1, 99)
        .unwrap()
        .into_iter()
        .map(|record| record.entry.action)
        .filter(|action| action.starts_with("subject."))
        .collect();
    assert_eq!(actions, ["subject.view", "subject.export"]);
    assert_eq!(auditor.get("/subjects/file").status, StatusCode::BAD_REQUEST);
}

#[test]
fn an_administrator_erases_after_typing_the_name_again() {
    let house = house();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let who = "李小<b>四";
    let refused = admin.post("/subjects/delete", &[("who", who), ("again", "李")]);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("id=\"fault-again\""));
    let own = admin.post("/subjects/delete", &[("who", "admin"), ("again", "admin")]);
    assert_eq!(
        own.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "whoever may sign in stays"
    );
    let done = admin.post("/subjects/delete", &[("who", who), ("again", who)]);
    assert!(done.location().starts_with("/subjects?erased="), "{}", done.body);
    let id = house
        .store
        .device(deskwarden_proto::ids::DeviceId::from_random([1; 16]))
        .unwrap()
        .unwrap()
        .asset;
    assert_eq!(house.store.asset(id).unwrap().unwrap().0.asset.custodian, None);
    assert!(house.store.verify_audit().unwrap().is_ok());
    assert!(!format!("{:?}", house.store.audit_records(1, 99).unwrap()).contains("李小"));
}
