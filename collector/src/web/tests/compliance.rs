//! How the fleet complies: the rate, its way, departments and clauses, as far as the reader sees them.

use deskwarden_domain::model::{Asset, Role, Sight};

use super::{
    house::{House, PASSWORD, audit},
    seed,
};

fn house() -> House {
    let house = House::new();
    for n in 1..=3 {
        seed::machine(&house, n, &seed::plain());
    }
    let asset = house.store.machines().unwrap()[1].asset;
    let asset = house.store.asset(asset).unwrap().unwrap().0.asset;
    let asset = Asset {
        department: Some("财务部".into()),
        ..asset
    };
    house.store.put_asset(&asset, false, &audit()).unwrap();
    house
}

/// The part of the page from one id to the next.
fn part<'b>(body: &'b str, from: &str, to: &str) -> &'b str {
    let (_, rest) = body.split_once(&format!("id=\"{from}\"")).unwrap();
    rest.split(&format!("id=\"{to}\"")).next().unwrap()
}

#[test]
fn the_rate_stands_with_its_way_and_its_numbers() {
    let house = house();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.lang = "en";
    let month = wang.get("/").body;
    let fleet = part(&month, "compliance", "by-department");
    assert!(fleet.contains("0.0 %") && fleet.contains("3 / 3"), "{fleet}");
    assert!(fleet.contains("aria-label=\"Compliance rate of all machines"));
    assert_eq!(fleet.matches("<tr><th scope=\"row\"").count(), 10);
    let departments = part(&month, "by-department", "by-clause");
    for words in ["客服部", "财务部", "department=%E8%B4%A2%E5%8A%A1%E9%83%A8"] {
        assert!(departments.contains(words), "{words}: {departments}");
    }
    let clauses = part(&month, "by-clause", "findings");
    assert!(clauses.contains("PC 3.2.4") && clauses.contains("/findings?clause=PC+3.2.4"));
    let quarter = wang.get("/?days=90").body;
    assert!(quarter.contains("90 days ago") && month.contains("30 days ago"));
    for answer in ["/?days=nonsense", "/?days=-1"] {
        assert!(wang.get(answer).body.contains("30 days ago"), "{answer}");
    }
}

#[test]
fn a_limited_reader_reads_the_rate_of_the_own_department() {
    let house = house();
    house.user("lin", &[Role::Technician], false);
    let id = house.store.user_by_name("lin").unwrap().unwrap().id;
    house
        .store
        .set_rights(id, &[Role::Technician], &Sight::of("财务部"), &audit())
        .unwrap();
    let mut lin = house.stranger();
    lin.sign_in("lin", PASSWORD);
    let body = lin.get("/").body;
    assert!(part(&body, "compliance", "by-department").contains("1 / 1"));
    let departments = part(&body, "by-department", "by-clause");
    assert!(departments.contains("财务部") && !departments.contains("客服部"));
}

#[test]
fn silent_machines_are_counted_and_listed() {
    let house = house();
    let mut wang = house.person("wang", &[Role::Technician]);
    wang.lang = "en";
    assert!(wang.get("/").body.contains("0 silent"));
    assert!(wang.get("/assets?show=silent").body.contains("No machines match"));
    house.pass(29 * 60_000);
    wang.get("/");
    house.pass(29 * 60_000);
    assert!(wang.get("/").body.contains("3 silent"));
    let list = wang.get("/assets?show=silent").body;
    assert_eq!(list.matches("<th scope=\"row\"><a href=\"/assets/").count(), 3);
    let csv = wang.get("/assets/export?format=csv&show=silent").body;
    assert_eq!(csv.lines().count(), 4, "{csv}");
}
