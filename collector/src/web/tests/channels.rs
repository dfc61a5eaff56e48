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
