//! Enrolment tokens: shown once with the commands of the roll-out, revoked, and forms that come back.

use axum::http::StatusCode;
use deskwarden_domain::model::Role;

use super::house::House;

#[test]
fn a_token_is_shown_once_and_can_be_revoked() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let fields = [
        ("label", "前台 <新> 电脑"),
        ("uses", "3"),
        ("hours", "24"),
        ("cidr", ""),
        ("department", "客服部"),
    ];
    let made = admin.post("/tokens", &fields);
    assert_eq!(made.status, StatusCode::CREATED);
    let secret = made
        .body
        .split_once("id=\"secret\">")
        .unwrap()
        .1
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let token = deskwarden_domain::token::Token::parse(&secret).unwrap();
    let rows = house.store.tokens().unwrap();
    assert_eq!((rows[0].hash, rows[0].max_uses), (token.hash(), 3));
    assert!(made.body.contains("desk.example:7443") && made.body.contains("sha256:00ff"));
    for way in ["answers", "msi", "deb", "uos", "rpm", "installed", "single"] {
        let (_, command) = made.body.split_once(&format!("id=\"way-{way}\"")).unwrap();
        let command = command.split("</code>").next().unwrap();
        for part in ["https://desk.example:7443", "sha256:00ff", &secret] {
            assert!(command.contains(part), "{way} lacks {part}: {command}");
        }
    }
    let list = admin.get("/tokens").body;
    assert!(!list.contains("id=\"way-"));
    assert!(!list.contains(&secret) && list.contains("前台 &lt;新&gt; 电脑"));
    let records = house.store.audit_records(1, 100).unwrap();
    assert!(!format!("{records:?}").contains(&secret));
    admin.post(&format!("/tokens/{}/revoke", rows[0].id.0), &[]);
    assert!(house.store.tokens().unwrap()[0].revoked_at.is_some());
}

#[test]
fn a_faulty_token_form_comes_back_with_one_message_per_field() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let answer = admin.post(
        "/tokens",
        &[
            ("label", ""),
            ("uses", "many"),
            ("hours", "24"),
            ("cidr", "10.0.0.0"),
        ],
    );
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    for part in [
        "id=\"fault-label\"",
        "id=\"fault-uses\"",
        "id=\"fault-cidr\"",
        "value=\"many\"",
    ] {
        assert!(answer.body.contains(part), "{part}");
    }
    assert!(!answer.body.contains("id=\"fault-hours\""));
    assert!(house.store.tokens().unwrap().is_empty());
}
