//! People who may sign in: made, limited, switched off; forms with faults come back.

use axum::http::StatusCode;
use deskwarden_domain::model::{Role, Sight};

use super::house::{House, PASSWORD};

fn one_time(body: &str) -> String {
    let (_, rest) = body.split_once("<code id=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

#[test]
fn an_administrator_makes_a_person_who_must_change_the_password() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let answer = admin.post(
        "/users",
        &[
            ("name", " Wang "),
            ("role", "technician"),
            ("role", "rule_officer"),
            ("departments", "客服部\n工程部"),
        ],
    );
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let user = house.store.user_by_name("wang").unwrap().unwrap();
    assert_eq!(user.roles, [Role::Technician, Role::RuleOfficer]);
    assert_eq!(user.sight, Sight::of("客服部，工程部"));
    let mut wang = house.stranger();
    assert_eq!(
        wang.sign_in("wang", &one_time(&answer.body)).location(),
        "/account"
    );
    assert!(!admin.get("/users").body.contains("id=\"secret\""), "shown once");
    let log = house.store.audit_records(1, 50).unwrap();
    assert!(
        log.iter().any(|r| r.entry.action == "user.add"
            && r.entry.object == "user:wang"
            && r.entry.actor == "admin")
    );
    assert!(!format!("{log:?}").contains(&one_time(&answer.body)));
}

#[test]
fn every_fault_of_the_form_is_named_and_what_was_typed_stays() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    admin.lang = "en";
    let mut refused = |fields: &[(&str, &str)], faults: &[&str]| {
        let answer = admin.post("/users", fields);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        for fault in faults {
            assert!(
                answer.body.contains(&format!("id=\"fault-{fault}\"")),
                "{fault}: {}",
                answer.body
            );
        }
        assert_eq!(answer.body.matches("class=\"fault\"").count(), faults.len());
        answer.body
    };
    let body = refused(&[("name", "a b<c>")], &["name", "roles"]);
    assert!(body.contains("value=\"a b&#60;c&#62;\""), "{body}");
    refused(&[("name", "admin"), ("role", "technician")], &["name"]);
    let body = refused(
        &[("name", "li"), ("role", "technician"), ("role", "auditor")],
        &["roles"],
    );
    assert_eq!(body.matches(" checked").count(), 2);
    let body = refused(
        &[
            ("name", "li"),
            ("role", "administrator"),
            ("departments", "客服部"),
        ],
        &["departments"],
    );
    assert!(body.contains(">客服部</textarea>"));
    let long = "长".repeat(101);
    refused(
        &[("name", "li"), ("role", "technician"), ("departments", &long)],
        &["departments"],
    );
    assert_eq!(house.store.users().unwrap().len(), 1);
}

#[test]
fn changed_rights_end_the_session_and_hold_from_the_next_one() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let mut wang = house.person("wang", &[Role::Technician]);
    let id = house.store.user_by_name("wang").unwrap().unwrap().id;
    let answer = admin.post(&format!("/users/{id}/rights"), &[("role", "auditor")]);
    assert_eq!(answer.location(), format!("/users/{id}?changed=yes"));
    assert_eq!(wang.get("/findings").location(), "/sign-in?next=%2Ffindings");
    wang.cookies.clear();
    wang.sign_in("wang", PASSWORD);
    assert_eq!(wang.get("/tokens").status, StatusCode::OK);
    assert_eq!(
        wang.post("/findings/1/action", &[("action", "acknowledge")])
            .status,
        StatusCode::FORBIDDEN
    );
    let refused = admin.post(
        &format!("/users/{id}/rights"),
        &[("role", "auditor"), ("role", "technician")],
    );
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[test]
fn a_switched_off_account_is_out_at_once_and_the_last_administrator_stays() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    let mut wang = house.person("wang", &[Role::Technician]);
    let id = |name: &str| house.store.user_by_name(name).unwrap().unwrap().id;
    let state = |name: &str| format!("/users/{}/state", id(name));
    assert_eq!(
        admin.post(&state("wang"), &[("action", "disable")]).status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(wang.get("/").status, StatusCode::SEE_OTHER);
    wang.cookies.clear();
    assert_eq!(wang.sign_in("wang", PASSWORD).status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        admin.post(&state("wang"), &[("action", "enable")]).status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(wang.sign_in("wang", PASSWORD).status, StatusCode::SEE_OTHER);
    for (path, fields) in [
        (state("admin"), [("action", "disable")]),
        (format!("/users/{}/rights", id("admin")), [("role", "auditor")]),
    ] {
        let refused = admin.post(&path, &fields);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        assert!(refused.body.contains("role=\"alert\""));
    }
    assert_eq!(
        admin.post(&state("wang"), &[("action", "explode")]).status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        admin.post("/users/999/state", &[("action", "disable")]).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn a_reset_password_replaces_the_old_one_and_ends_a_lockout() {
    let house = House::new();
    let mut admin = house.person("admin", &[Role::Administrator]);
    house.user("wang", &[Role::Technician], false);
    let mut wang = house.stranger();
    for _ in 0..6 {
        wang.sign_in("wang", "guess");
    }
    assert_eq!(
        wang.sign_in("wang", PASSWORD).status,
        StatusCode::TOO_MANY_REQUESTS
    );
    let id = house.store.user_by_name("wang").unwrap().unwrap().id;
    let answer = admin.post(&format!("/users/{id}/password"), &[]);
    let secret = one_time(&answer.body);
    assert_eq!(wang.sign_in("wang", PASSWORD).status, StatusCode::UNAUTHORIZED);
    assert_eq!(wang.sign_in("wang", &secret).location(), "/account");
}
