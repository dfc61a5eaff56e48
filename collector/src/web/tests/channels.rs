//! The page of channels: a form per kind without any script, what a refused one brings back, and that a secret goes in
//! and never comes out.

use axum::http::StatusCode;
use deskwarden_domain::model::Role;

use super::house::House;
use crate::config::KINDS;

const SECRET: &str = "sk-8fj2-never-shown";

#[test]
fn the_form_shows_the_fields_of_the_chosen_kind_and_no_other() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    for (kind, has, has_not) in [
        ("wecom_robot", "name=\"token\"", "name=\"corp_id\""),
        ("wecom_app", "name=\"corp_id\"", "name=\"token\""),
        ("smtp", "name=\"smtp_tls\"", "name=\"url\""),
        ("syslog", "name=\"transport\"", "name=\"password\""),
        ("webhook", "name=\"url\"", "name=\"host\""),
        ("log", "value=\"log\"", "name=\"url\""),
    ] {
        let page = wang.get(&format!("/channels?kind={kind}")).body;
        assert!(page.contains(has) && !page.contains(has_not), "{kind}: {page}");
        assert!(page.contains(&format!("<input type=\"hidden\" name=\"kind\" value=\"{kind}\">")));
        // Every other kind is a link away.
        for other in KINDS {
            assert!(
                page.contains(&format!("href=\"/channels?kind={other}#new\"")),
                "{kind} to {other}"
            );
        }
    }
}

#[test]
fn a_refused_form_comes_back_as_it_was_typed_but_for_its_secret() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    let typed = [
        ("kind", "smtp"),
        ("name", "post"),
        ("min_severity", "high"),
        ("host", "mail.example.com"),
        ("smtp_tls", "tls"),
        ("user", "desk"),
        ("password", SECRET),
        ("from", "\"><script>alert(1)</script>"),
        ("to", "it@example.com"),
    ];
    let answer = wang.post("/channels", &typed);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = &answer.body;
    assert!(page.contains("not a mail address"), "{page}");
    for kept in [
        "value=\"post\"",
        "value=\"mail.example.com\"",
        "value=\"desk\"",
        "<option selected>tls",
    ] {
        assert!(page.contains(kept), "{kept} in {page}");
    }
    assert!(page.contains("<option value=\"high\" selected>"), "{page}");
    assert!(
        !page.contains(SECRET) && !page.contains("<script>alert"),
        "{page}"
    );
}

#[test]
fn a_secret_that_was_put_in_is_on_no_page() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    let typed = [
        ("kind", "dingtalk_robot"),
        ("name", "ding"),
        ("token", "tok-1"),
        ("secret", SECRET),
    ];
    assert_eq!(wang.post("/channels", &typed).status, StatusCode::SEE_OTHER);
    for path in ["/channels", "/channels?kind=dingtalk_robot"] {
        let page = wang.get(path).body;
        assert!(
            page.contains("ding") && !page.contains(SECRET) && !page.contains("tok-1"),
            "{page}"
        );
    }
    // Nothing is typed for the secrets: they stay, and the channel can be changed without them.
    let again = [
        ("kind", "dingtalk_robot"),
        ("name", "ding"),
        ("min_severity", "high"),
    ];
    assert_eq!(wang.post("/channels", &again).status, StatusCode::SEE_OTHER);
}

#[test]
fn the_buttons_of_the_page_do_what_they_say() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    for (path, typed) in [
        ("/channels", &[("kind", "log"), ("name", "desk")][..]),
        ("/routes", &[("name", "r1"), ("channel", "desk")]),
        (
            "/maintenance",
            &[
                ("name", "w1"),
                ("from", "2030-01-01T00:00"),
                ("until", "2030-01-01T06:00"),
            ],
        ),
    ] {
        assert_eq!(wang.post(path, typed).status, StatusCode::SEE_OTHER, "{path}");
    }
    let page = wang.get("/channels").body;
    for action in [
        "/channels/desk/test",
        "/alerting/maintenance/w1/remove",
        "/alerting/route/r1/remove",
        "/alerting/channel/desk/remove",
    ] {
        assert!(page.contains(&format!("action=\"{action}\"")), "{action}: {page}");
        assert_ne!(wang.post(action, &[]).status, StatusCode::NOT_FOUND, "{action}");
    }
}

#[test]
fn half_of_a_routes_hours_is_refused_and_not_left_out() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Administrator]);
    wang.post("/channels", &[("kind", "log"), ("name", "desk")]);
    for half in [
        ("days", "0,8,a"),
        ("hours_from", "09:00"),
        ("quiet_days", "1"),
        ("digest_weekday", "3"),
        ("escalate_hours", "4"),
        ("escalate_channel", "desk"),
    ] {
        let typed = [("name", "r1"), ("channel", "desk"), half];
        assert_ne!(
            wang.post("/routes", &typed).status,
            StatusCode::SEE_OTHER,
            "{half:?}"
        );
    }
    assert!(!wang.get("/channels").body.contains("route/r1"));
}
