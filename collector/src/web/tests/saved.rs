//! Saved views: a name for a filter, for whoever saved it, shared by its link.

use axum::http::StatusCode;
use deskwarden_domain::model::Role;

use super::house::House;

const HOSTILE: &str = "<script>alert(1)</script>\"'&";

#[test]
fn a_filter_is_kept_under_a_name_and_shared_by_its_link() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let back = "/findings?state=any&text=a%3Db+%E5%BC%A0&page=3&bulk=1.0";
    let answer = wang.post("/findings/views", &[("title", "聊天 软件"), ("back", back)]);
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let address = "/findings?state=any&text=a%3Db+%E5%BC%A0";
    assert_eq!(
        answer.location(),
        address,
        "neither the page nor a message is kept"
    );
    let body = wang.get("/findings").body;
    let shown = address.replace('&', "&#38;");
    assert!(body.contains("聊天 软件") && body.contains(&shown), "{body}");
    assert!(
        wang.get(address)
            .body
            .contains("aria-current=\"page\"><bdi>聊天 软件")
    );
    assert!(
        !wang.get("/assets").body.contains("聊天 软件"),
        "it is a view of the findings"
    );
    // The link is for everybody, the name for its owner.
    let mut li = house.person("li", &[Role::Auditor]);
    let body = li.get(address).body;
    assert!(body.contains("value=\"a=b 张\"") && !body.contains("聊天 软件"));
    let saved = li.post(
        "/assets/views",
        &[("title", "x"), ("back", "/assets?show=silent")],
    );
    assert_eq!(saved.location(), "/assets?show=silent");
}

#[test]
fn what_cannot_be_saved_comes_back_with_one_reason() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.lang = "en";
    let back = "/findings?severity=high";
    let long = "x".repeat(61);
    for (title, back, fault, words) in [
        ("", back, "title", "at most 60 characters"),
        (&*long, back, "title", "at most 60 characters"),
        ("tab\there", back, "title", "at most 60 characters"),
        ("mine", "/findings?page=2", "filter", "set a filter, then save it"),
    ] {
        let answer = wang.post("/findings/views", &[("title", title), ("back", back)]);
        assert!(
            answer.location().contains(&format!("view_fault={fault}")),
            "{}",
            answer.location()
        );
        let page = wang.get(answer.location()).body;
        assert!(page.contains(words) && page.contains("<details open>"), "{page}");
    }
    let mut save = |title: &str| {
        let form = [("title", title), ("back", back)];
        wang.post("/findings/views", &form).location().to_owned()
    };
    assert_eq!(save("mine"), back);
    assert!(save("mine").contains("view_fault=taken&view_title=mine"));
    for n in 1..20 {
        assert_eq!(save(&n.to_string()), back);
    }
    assert!(save("one more").contains("view_fault=full"));
    let other = wang.post("/users/views", &[("title", "x"), ("back", "/users?name=x")]);
    assert_eq!(other.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn hostile_names_and_values_are_inert() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    let back = format!(
        "/findings?text={}",
        form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect::<String>()
    );
    let title = format!("{HOSTILE}\u{202E}");
    wang.post("/findings/views", &[("title", &title), ("back", &back)]);
    let fault = wang.post("/findings/views", &[("title", &title), ("back", &back)]);
    for page in [
        "/findings",
        &back,
        fault.location(),
        "/findings?view_fault=%3Cscript%3Ealert(1)",
    ] {
        let body = wang.get(page).body;
        assert!(
            !body.contains("<script>alert") && !body.contains('\u{202E}'.to_string().as_str())
                || page == fault.location(),
            "{page}"
        );
        assert!(!body.contains("<script>alert"), "{page}");
    }
}

#[test]
fn a_view_is_removed_by_its_owner_only() {
    let house = House::new();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.post(
        "/findings/views",
        &[("title", "mine"), ("back", "/findings?state=any")],
    );
    let mut li = house.person("li", &[Role::Administrator]);
    assert_eq!(li.post("/views/1/remove", &[]).status, StatusCode::NOT_FOUND);
    assert_eq!(wang.post("/views/x/remove", &[]).status, StatusCode::NOT_FOUND);
    let gone = wang.post("/views/1/remove", &[("back", "/findings?state=any")]);
    assert_eq!(gone.location(), "/findings?state=any");
    assert!(!wang.get("/findings").body.contains("/views/1/remove"));
    assert_eq!(wang.post("/views/1/remove", &[]).status, StatusCode::NOT_FOUND);
    let away = wang.post(
        "/findings/views",
        &[("title", "x"), ("back", "https://evil.example/?state=any")],
    );
    assert_eq!(away.location(), "/findings?state=any", "only to the list itself");
}
