//! The second factor: set up by proving it, asked for at every sign-in, each code once.

use axum::http::StatusCode;
use deskwarden_domain::model::Role;

use super::house::{House, PASSWORD, Person, START};
use crate::web::totp;

const SESSION: &str = "__Host-dw_session";

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap().to_owned()
}

fn code(secret: &str, at: i64) -> String {
    let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    totp::code(&bytes, at / 30_000)
}

/// Sets the second factor up; its secret and the recovery codes.
fn enrol(person: &mut Person<'_>, at: i64) -> (String, Vec<String>) {
    let page = person.get("/account/totp").body;
    assert!(page.contains("<svg class=\"qr\"") && !page.contains("style="));
    let secret = between(&page, "<code id=\"secret\">", "<");
    let sealed = between(&page, "name=\"sealed\" value=\"", "\"");
    let answer = person.post(
        "/account/totp",
        &[
            ("action", "enrol"),
            ("sealed", &sealed),
            ("code", &code(&secret, at)),
        ],
    );
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let codes = answer
        .body
        .split("<li><code>")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().to_owned());
    (secret, codes.collect())
}

#[test]
fn a_code_is_asked_for_after_the_password_and_each_is_taken_once() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let (secret, recovery) = enrol(&mut wang, START);
    assert_eq!(recovery.len(), 10);
    assert_eq!(
        wang.get("/").status,
        StatusCode::OK,
        "this browser stays signed in"
    );

    let mut other = house.stranger();
    let first = other.sign_in("wang", PASSWORD);
    assert_eq!(first.location(), "/sign-in/code");
    let half = other.cookies[SESSION].clone();
    for path in ["/", "/findings", "/account", "/account/totp"] {
        assert_eq!(other.get(path).location(), "/sign-in/code", "{path}");
    }
    assert_eq!(other.get("/api/v1/findings").status, StatusCode::FORBIDDEN);
    let csrf = between(&other.get("/sign-in/code").body, "name=\"csrf\" value=\"", "\"");
    let origin = format!("https://{}", super::house::HOST);
    let try_code = |other: &mut Person<'_>, typed: &str| {
        other.post_raw(
            "/sign-in/code",
            &[("csrf", &csrf), ("code", typed)],
            Some(&origin),
        )
    };
    assert_eq!(try_code(&mut other, "000000").status, StatusCode::UNAUTHORIZED);
    let used = code(&secret, START);
    assert_eq!(
        try_code(&mut other, &used).status,
        StatusCode::UNAUTHORIZED,
        "it proved the set-up"
    );
    house.pass(30_000);
    let fresh = code(&secret, START + 30_000);
    let done = try_code(&mut other, &fresh);
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/"));
    assert_ne!(other.cookies[SESSION], half, "a fresh session");
    assert_eq!(other.get("/").status, StatusCode::OK);
    let mut thief = house.stranger();
    thief.cookies.insert(SESSION.to_owned(), half);
    assert_eq!(thief.get("/").status, StatusCode::SEE_OTHER);
}

#[test]
fn a_recovery_code_opens_once() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let (_, recovery) = enrol(&mut wang, START);
    for expected in [StatusCode::SEE_OTHER, StatusCode::UNAUTHORIZED] {
        let mut other = house.stranger();
        other.sign_in("wang", PASSWORD);
        let csrf = between(&other.get("/sign-in/code").body, "name=\"csrf\" value=\"", "\"");
        let typed = recovery[0].to_uppercase();
        let origin = format!("https://{}", super::house::HOST);
        let answer = other.post_raw(
            "/sign-in/code",
            &[("csrf", &csrf), ("code", &typed)],
            Some(&origin),
        );
        assert_eq!(answer.status, expected);
    }
    let id = house.store.user_by_name("wang").unwrap().unwrap().id;
    assert_eq!(house.store.recovery_codes(id).unwrap(), 9);
}

#[test]
fn guesses_at_codes_are_counted_and_half_a_sign_in_does_not_wait() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    enrol(&mut wang, START);
    let mut other = house.stranger();
    other.sign_in("wang", PASSWORD);
    let csrf = between(&other.get("/sign-in/code").body, "name=\"csrf\" value=\"", "\"");
    let origin = format!("https://{}", super::house::HOST);
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let answer = other.post_raw(
            "/sign-in/code",
            &[("csrf", &csrf), ("code", "123456")],
            Some(&origin),
        );
        statuses.push(answer.status);
    }
    assert_eq!(
        statuses[4..],
        [
            StatusCode::UNAUTHORIZED,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::TOO_MANY_REQUESTS
        ]
    );
    house.pass(5 * 60_000);
    assert_eq!(
        other.get("/sign-in/code").status,
        StatusCode::SEE_OTHER,
        "back to the password"
    );
}

#[test]
fn a_wrong_code_sets_nothing_up_and_a_secret_is_its_owners() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let page = wang.get("/account/totp").body;
    let secret = between(&page, "<code id=\"secret\">", "<");
    let sealed = between(&page, "name=\"sealed\" value=\"", "\"");
    let answer = wang.post(
        "/account/totp",
        &[("action", "enrol"), ("sealed", &sealed), ("code", "000000")],
    );
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        between(&answer.body, "<code id=\"secret\">", "<"),
        secret,
        "the same picture again"
    );
    assert!(answer.body.contains("id=\"fault-totp\""));
    let mut li = house.person("li", &[Role::Technician]);
    let right = code(&secret, START);
    let stolen = li.post(
        "/account/totp",
        &[("action", "enrol"), ("sealed", &sealed), ("code", &right)],
    );
    assert_eq!(stolen.status, StatusCode::BAD_REQUEST);
    assert!(
        house
            .store
            .users()
            .unwrap()
            .iter()
            .all(|user| user.totp.is_none())
    );
    assert_eq!(
        wang.post("/account/totp", &[("action", "explode")]).status,
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn it_is_given_up_with_the_password_unless_the_role_asks_for_it() {
    let house = House::with_codes_for(&[Role::Administrator]);
    let mut wang = house.person("wang", &[Role::Technician]);
    enrol(&mut wang, START);
    let wrong = wang.post("/account/totp", &[("action", "forget"), ("password", "guess")]);
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = wang.post("/account/totp", &[("action", "forget"), ("password", PASSWORD)]);
    assert_eq!(right.status, StatusCode::SEE_OTHER);
    assert!(house.store.user_by_name("wang").unwrap().unwrap().totp.is_none());

    let mut admin = house.person("admin", &[Role::Administrator]);
    assert_eq!(admin.get("/users").location(), "/account/totp", "it comes first");
    assert_eq!(admin.get("/api/v1/findings").status, StatusCode::FORBIDDEN);
    enrol(&mut admin, START);
    assert_eq!(admin.get("/users").status, StatusCode::OK);
    let kept = admin.post("/account/totp", &[("action", "forget"), ("password", PASSWORD)]);
    assert_eq!(kept.status, StatusCode::UNPROCESSABLE_ENTITY);
    let id = house.store.user_by_name("admin").unwrap().unwrap().id;
    assert_eq!(
        admin.post(&format!("/users/{id}/totp"), &[]).status,
        StatusCode::SEE_OTHER
    );
    assert!(
        house.store.user(id).unwrap().unwrap().totp.is_none(),
        "an administrator resets it"
    );
}
