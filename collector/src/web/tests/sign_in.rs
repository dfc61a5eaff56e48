//! Signing in, staying, leaving; guessing; forged forms.

use axum::http::{Method, StatusCode, header};
use deskwarden_domain::model::Role;

use super::house::{HOST, House, PASSWORD};

const MINUTE: i64 = 60_000;
const SESSION: &str = "__Host-dw_session";

#[test]
fn nobody_sees_a_page_before_signing_in() {
    let house = House::new();
    let mut stranger = house.stranger();
    let answer = stranger.get("/findings?state=any");
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location(), "/sign-in?next=%2Ffindings%3Fstate%3Dany");
    assert_eq!(stranger.get("/api/v1/findings").status, StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.get("/events").status, StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.get("/healthz").body, "ok\n");
}

#[test]
fn the_right_password_opens_a_session_and_leads_back() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut wang = house.stranger();
    let answer = wang.post(
        "/sign-in",
        &[
            ("user", " WANG "),
            ("password", PASSWORD),
            ("next", "/findings?page=2"),
        ],
    );
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/findings?page=2")
    );
    let cookies: Vec<_> = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|v| v.to_str().unwrap())
        .collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with(SESSION)).unwrap();
    for attribute in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert_eq!(wang.get("/").status, StatusCode::OK);
}

#[test]
fn a_sign_in_never_leads_elsewhere() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut wang = house.stranger();
    let fields = [
        ("user", "wang"),
        ("password", PASSWORD),
        ("next", "//evil.example/"),
    ];
    assert_eq!(wang.post("/sign-in", &fields).location(), "/");
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut stranger = house.stranger();
    let wrong = stranger.sign_in("wang", "not this one");
    let unknown = stranger.sign_in("wong", "not this one");
    assert_eq!(
        (wrong.status, unknown.status),
        (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED)
    );
    assert_eq!(wrong.body.replace("wang", "wong"), unknown.body);
    assert!(!stranger.cookies.contains_key(SESSION));
}

#[test]
fn guessing_locks_the_name_even_for_the_right_password_until_time_has_passed() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut stranger = house.stranger();
    for _ in 0..5 {
        assert_eq!(stranger.sign_in("wang", "guess").status, StatusCode::UNAUTHORIZED);
    }
    let locked = stranger.sign_in("wang", PASSWORD);
    assert_eq!(locked.status, StatusCode::TOO_MANY_REQUESTS);
    let wait: i64 = locked.headers[header::RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=16 * 60).contains(&wait), "{wait}");
    assert!(!stranger.cookies.contains_key(SESSION));
    house.pass(16 * MINUTE);
    assert_eq!(stranger.sign_in("wang", PASSWORD).status, StatusCode::SEE_OTHER);
}

#[test]
fn of_parallel_guesses_no_more_than_the_threshold_are_looked_at() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut stranger = house.stranger();
    let csrf = stranger.csrf();
    let body = format!("csrf={csrf}&user=wang&password=guess");
    let guess = || {
        stranger
            .request(Method::POST, "/sign-in")
            .header(header::ORIGIN, format!("https://{HOST}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.clone().into())
            .unwrap()
    };
    let answers = house.ask_at_once((0..1_000).map(|_| guess()).collect());
    let with = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!(with(StatusCode::UNAUTHORIZED), 5);
    assert_eq!(with(StatusCode::TOO_MANY_REQUESTS), 995);
}

#[test]
fn a_one_time_password_must_be_changed_before_anything_else() {
    let house = House::new();
    house.user("admin", &[Role::Administrator], true);
    let mut admin = house.stranger();
    assert_eq!(admin.sign_in("admin", PASSWORD).location(), "/account");
    assert_eq!(admin.get("/").location(), "/account");
    assert_eq!(admin.get("/api/v1/findings").status, StatusCode::FORBIDDEN);
    let weak = [("current", PASSWORD), ("new", "short"), ("again", "short")];
    assert_eq!(
        admin.post("/account/password", &weak).status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let same = [("current", PASSWORD), ("new", PASSWORD), ("again", PASSWORD)];
    assert_eq!(
        admin.post("/account/password", &same).status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let before = admin.clone();
    let good = [
        ("current", PASSWORD),
        ("new", "Tee-und-2-Kekse"),
        ("again", "Tee-und-2-Kekse"),
    ];
    let answer = admin.post("/account/password", &good);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_ne!(before.cookies.get(SESSION), admin.cookies.get(SESSION));
    assert_eq!(admin.get("/").status, StatusCode::OK);
    assert_eq!({ before }.get("/account").status, StatusCode::SEE_OTHER);
    assert_eq!(
        house.stranger().sign_in("admin", PASSWORD).status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn the_current_password_is_asked_for_and_guesses_at_it_count() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let fields = [
        ("current", "guess"),
        ("new", "Tee-und-2-Kekse"),
        ("again", "Tee-und-2-Kekse"),
    ];
    for _ in 0..6 {
        assert_eq!(
            wang.post("/account/password", &fields).status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    assert_eq!(
        house.stranger().sign_in("wang", PASSWORD).status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[test]
fn an_idle_session_ends_and_an_old_one_too() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    house.pass(29 * MINUTE);
    assert_eq!(wang.get("/").status, StatusCode::OK);
    house.pass(29 * MINUTE);
    assert_eq!(wang.get("/").status, StatusCode::OK);
    house.pass(31 * MINUTE);
    assert_eq!(wang.get("/").status, StatusCode::SEE_OTHER);

    let mut wang = house.stranger();
    wang.sign_in("wang", PASSWORD);
    for _ in 0..25 {
        house.pass(29 * MINUTE);
        wang.get("/");
    }
    assert_eq!(wang.get("/").status, StatusCode::SEE_OTHER);
}

#[test]
fn what_the_script_asks_by_itself_keeps_no_session_alive() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    house.pass(20 * MINUTE);
    let request = wang
        .request(Method::GET, "/")
        .header("dw-live", "1")
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(house.ask(request).status, StatusCode::OK);
    house.pass(11 * MINUTE);
    assert_eq!(wang.get("/").status, StatusCode::SEE_OTHER);
}

#[test]
fn signing_out_ends_the_session_everywhere_it_was_copied_to() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let mut thief = wang.clone();
    assert_eq!(wang.post("/sign-out", &[]).location(), "/sign-in");
    assert!(!wang.cookies.contains_key(SESSION));
    assert_eq!(thief.get("/").status, StatusCode::SEE_OTHER);
}

#[test]
fn signing_in_again_ends_the_session_that_the_browser_held() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let mut old = wang.clone();
    wang.cookies.remove("__Host-dw_form");
    // The form's own secret is fetched while signed in.
    let body = wang.get("/sign-in").body;
    let csrf = body
        .split_once("name=\"csrf\" value=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let fields = [("csrf", csrf.as_str()), ("user", "wang"), ("password", PASSWORD)];
    let answer = wang.post_raw("/sign-in", &fields, Some(&format!("https://{HOST}")));
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(old.get("/").status, StatusCode::SEE_OTHER);
    assert_eq!(wang.get("/").status, StatusCode::OK);
}

#[test]
fn a_form_without_its_secret_or_from_elsewhere_is_refused() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    let csrf = wang.csrf();
    let own = format!("https://{HOST}");
    let token = [("label", "x"), ("uses", "1"), ("hours", "1")];
    let with = |secret: &'static str| [("csrf", secret), token[0], token[1], token[2]];
    assert_eq!(
        wang.post_raw("/tokens", &token, Some(&own)).status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        wang.post_raw("/tokens", &with("wrong"), Some(&own)).status,
        StatusCode::FORBIDDEN
    );
    let right = [("csrf", csrf.as_str()), token[0], token[1], token[2]];
    assert_eq!(
        wang.post_raw("/tokens", &right, Some("https://evil.example"))
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        wang.post_raw("/tokens", &right, None).status,
        StatusCode::FORBIDDEN
    );
    assert!(house.store.tokens().unwrap().is_empty());
    assert_eq!(
        wang.post_raw("/tokens", &right, Some(&own)).status,
        StatusCode::CREATED
    );
    assert_eq!(house.store.tokens().unwrap().len(), 1);
}

#[test]
fn a_sign_in_form_of_somebody_else_is_refused() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut victim = house.stranger();
    victim.get("/sign-in");
    let fields = [
        ("csrf", "of the attacker"),
        ("user", "wang"),
        ("password", PASSWORD),
    ];
    let answer = victim.post_raw("/sign-in", &fields, Some(&format!("https://{HOST}")));
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!victim.cookies.contains_key(SESSION));
}

#[test]
fn an_oversized_form_is_refused_and_a_form_of_another_kind_too() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    let long = "x".repeat(2 << 20);
    assert_eq!(
        wang.post("/tokens", &[("label", &long)]).status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    // Strangers have less room.
    let mut nobody = house.stranger();
    let some = "x".repeat(100_000);
    assert_eq!(
        nobody.sign_in("wang", &some).status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let request = wang
        .request(Method::POST, "/tokens")
        .header(header::ORIGIN, format!("https://{HOST}"))
        .header(header::CONTENT_TYPE, "text/plain")
        .body("csrf=1".into())
        .unwrap();
    assert_eq!(house.ask(request).status, StatusCode::BAD_REQUEST);
}

#[test]
fn sign_ins_are_in_the_audit_log_without_passwords() {
    let house = House::new();
    house.user("wang", &[Role::Technician], false);
    let mut wang = house.stranger();
    wang.sign_in("wang", "a wrong guess");
    wang.sign_in("wang", PASSWORD);
    wang.post("/sign-out", &[]);
    let records = house.store.audit_records(1, 100).unwrap();
    let actions: Vec<&str> = records
        .iter()
        .map(|record| record.entry.action.as_str())
        .collect();
    assert_eq!(actions, ["test", "sign_in.refused", "sign_in", "sign_out"]);
    assert!(!format!("{records:?}").contains("a wrong guess"));
    assert!(house.store.verify_audit().unwrap().is_ok());
}

#[test]
fn an_account_without_a_usable_hash_is_refused_like_a_wrong_password() {
    let house = House::new();
    house
        .store
        .create_user("old", "!", &[Role::Technician], false, &super::house::audit())
        .unwrap();
    assert_eq!(
        house.stranger().sign_in("old", PASSWORD).status,
        StatusCode::UNAUTHORIZED
    );
}
