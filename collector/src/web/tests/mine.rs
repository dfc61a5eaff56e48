//! The notice to staff: reached by the link that a PC was handed, and by nothing else.

use axum::http::StatusCode;
use deskwarden_domain::{model::Role, port::Paging};
use deskwarden_proto::ids::DeviceId;

use super::{
    house::{HOST, House, START},
    seed,
};

const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn house() -> House {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    seed::machine(&house, 2, &seed::plain());
    let hash = *blake3::hash(SECRET.as_bytes()).as_bytes();
    let device = DeviceId::from_random([1; 16]);
    house
        .store
        .put_staff_links(&[(hash, device, START + 3_600_000)], START)
        .unwrap();
    house
}

#[test]
fn whoever_has_the_link_sees_what_is_collected_and_who_looked() {
    let house = house();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.get("/assets/1");
    wang.get("/assets/2");
    let mut staff = house.stranger();
    let zh = staff.get(&format!("/mine/{SECRET}"));
    assert_eq!(zh.status, StatusCode::OK);
    assert!(zh.body.contains("front-desk-01") && !zh.body.contains("front-desk-02"));
    assert_eq!(
        zh.body.matches("<bdi>wang</bdi>").count(),
        1,
        "who looked at this PC, and only that"
    );
    staff.lang = "en";
    let en = staff.get(&format!("/mine/{SECRET}")).body;
    for section in &deskwarden_proto::describe::SECTIONS {
        assert!(zh.body.contains(section.zh), "{}", section.name);
        assert!(en.contains(section.en), "{}", section.name);
        for field in section.fields {
            assert!(zh.body.contains(field.zh), "{}.{}", section.name, field.name);
        }
    }
    assert!(!en.contains("QQ"), "not what a person has");
}

#[test]
fn a_link_that_does_not_hold_leads_nowhere() {
    let house = house();
    let mut staff = house.stranger();
    for wrong in [
        "x",
        &SECRET.replace('A', "B"),
        &format!("{SECRET}A"),
        "..%2F..%2Faccount",
    ] {
        assert_eq!(
            staff.get(&format!("/mine/{wrong}")).status,
            StatusCode::NOT_FOUND,
            "{wrong}"
        );
    }
    house.pass(3_600_000);
    assert_eq!(
        staff.get(&format!("/mine/{SECRET}")).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn that_it_was_read_is_kept_with_its_version() {
    let house = house();
    let mut staff = house.stranger();
    let address = format!("/mine/{SECRET}");
    let own = format!("https://{HOST}");
    let empty = staff.post_raw(&address, &[("name", " ")], Some(&own));
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.body.contains("id=\"fault-name\""));
    let long = "长".repeat(101);
    let refused = staff.post_raw(&address, &[("name", &long)], Some(&own));
    assert!(refused.body.contains(&long), "what was typed stays");
    let elsewhere = staff.post_raw(&address, &[("name", "张三")], Some("https://evil.example"));
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    let done = staff.post_raw(&address, &[("name", "张三")], Some(&own));
    assert_eq!(done.location(), format!("{address}?thanks=yes"));
    let all = Paging { offset: 0, limit: 10 };
    let rows = house.store.acknowledgements(None, all).unwrap().rows;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].name.as_str(), rows[0].version.len()), ("张三", 8));
    let mut auditor = house.person("auditor", &[Role::Auditor]);
    assert!(auditor.get("/acknowledgements").body.contains("<bdi>张三</bdi>"));
    assert!(staff.get(&address).body.contains("<bdi>张三</bdi>"));
}
