//! The titles of the fleet: counted once per machine, unknown first, searched, sorted, cut, filed by the rule officer.

use std::sync::Arc;

use axum::http::StatusCode;
use deskwarden_domain::{catalogue::company::FILED, model::Role};

use super::{
    house::{House, Person, START},
    seed,
};
use crate::rules_dir::Importer;

/// The id of a title, as somebody who sees everything is shown it.
pub(super) fn title_id(house: &House, name: &str) -> String {
    let reader = format!("reader-{}", house.store.users().unwrap().len());
    let mut reader = house.person(&reader, &[Role::Technician]);
    let body = reader.get("/api/v1/software?limit=500").body;
    let list: serde_json::Value = serde_json::from_str(&body).unwrap();
    let titles = list["software"].as_array().unwrap();
    let title = titles.iter().find(|title| title["name"] == name);
    title.unwrap_or_else(|| panic!("{name}: {body}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Three machines, one of them with a tool that no catalogue knows instead of QQ.
fn house() -> House {
    let house = House::new();
    let folder = tempfile::tempdir().unwrap();
    Importer::new(Arc::clone(&house.store), folder.path().to_owned(), folder.path())
        .import_built_in(START)
        .unwrap();
    seed::machine(&house, 1, &seed::plain());
    seed::machine(&house, 2, &seed::plain());
    let say: seed::Say = Box::new(|text| {
        if text == "QQ" {
            "zzyx-frobnicator".into()
        } else {
            text.into()
        }
    });
    seed::machine(&house, 3, &say);
    house
}

fn officer(house: &House) -> Person<'_> {
    let mut officer = house.person("lin", &[Role::RuleOfficer]);
    officer.lang = "en";
    officer
}

/// Names of the rows of the table, in their order.
fn names(body: &str) -> Vec<String> {
    body.split("<th scope=\"row\"><a href=\"/software/")
        .skip(1)
        .map(|row| {
            let (_, rest) = row.split_once("<bdi>").unwrap();
            rest.split("</bdi>").next().unwrap().to_owned()
        })
        .collect()
}

#[test]
fn unknown_titles_come_first_with_how_many_machines_have_them() {
    let house = house();
    let mut lin = officer(&house);
    let body = lin.get("/software").body;
    let shown = names(&body);
    assert_eq!(shown[0], "zzyx-frobnicator", "{shown:?}");
    assert_eq!(shown.len(), 3, "a title stands once, whatever the machines");
    assert!(body.contains("3 titles,"), "{body}");
    assert_eq!(names(&lin.get("/software?sort=devices").body)[0], "WPS Office");
    assert_eq!(names(&lin.get("/software?text=zzyx").body), ["zzyx-frobnicator"]);
    assert_eq!(names(&lin.get("/software?text=qq+TENCENT").body), ["QQ"]);
    assert_eq!(
        names(&lin.get("/software?category=unknown").body)[0],
        "zzyx-frobnicator"
    );
    assert_eq!(names(&lin.get("/software?kind=title").body), Vec::<String>::new());
    assert!(
        lin.get("/software?text=none-of-them")
            .body
            .contains("No title meets")
    );
    assert_eq!(names(&lin.get("/software?page=2").body), Vec::<String>::new());
}

#[test]
fn a_title_names_its_machines() {
    let house = house();
    let mut lin = officer(&house);
    let qq = lin.get(&format!("/software/{}", title_id(&house, "QQ"))).body;
    for words in ["<bdi>QQ</bdi>", "WY-2024-0001", "WY-2024-0002", "3.2.12"] {
        assert!(qq.contains(words), "{words}");
    }
    assert_eq!(qq.matches("<a href=\"/assets/").count(), 2);
    assert_eq!(lin.get("/software/none").status, StatusCode::NOT_FOUND);
}

#[test]
fn what_is_exported_is_what_is_filtered() {
    let house = house();
    let mut lin = officer(&house);
    let csv = lin.get("/software/export?format=csv&category=unknown").body;
    assert!(
        csv.contains("zzyx-frobnicator") && csv.contains("unknown"),
        "{csv}"
    );
    assert!(!csv.contains(",QQ,"), "{csv}");
}

#[test]
fn the_officer_files_a_title_with_one_click() {
    let house = house();
    let mut lin = officer(&house);
    let id = title_id(&house, "zzyx-frobnicator");
    let answer = lin.post(
        "/software/file",
        &[
            ("title", &id),
            ("category", "game"),
            ("back", "/software?sort=name"),
        ],
    );
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(
        answer.location(),
        format!("/software?sort=name&filed={id}&as=game")
    );
    let location = answer.location().to_owned();
    assert!(lin.get(&location).body.contains("Filed, in force within seconds"));
    let versions = house.store.rules_in_force().unwrap();
    let filed = versions.iter().find(|version| version.file == FILED).unwrap();
    assert!(
        filed.content.contains("packages = [\"zzyx-frobnicator\"]"),
        "{}",
        filed.content
    );
    assert_eq!(filed.origin, "lin");
    let mut auditor = house.person("shen", &[Role::Auditor]);
    let log = auditor.get("/audit?object=rules%3Acatalogue-company.toml").body;
    assert!(log.contains("rules.edit") && log.contains(FILED), "{log}");
    let again = lin.post("/software/file", &[("title", &id), ("category", "game")]);
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("It is filed already"), "{}", again.body);
}

#[test]
fn every_wrong_field_has_one_message_and_nothing_is_filed() {
    let house = house();
    let mut lin = officer(&house);
    let before = house.store.rules_in_force().unwrap().len();
    let answer = lin.post("/software/file", &[("title", "gone"), ("category", "no-such")]);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        answer.body.matches("class=\"fault\"").count(),
        2,
        "{}",
        answer.body
    );
    let id = title_id(&house, "zzyx-frobnicator");
    let answer = lin.post("/software/file", &[("title", &id), ("category", "")]);
    assert_eq!(answer.body.matches("class=\"fault\"").count(), 1);
    assert!(answer.body.contains("Choose one of the categories"));
    let evil = lin.post(
        "/software/file",
        &[
            ("title", &id),
            ("category", "game"),
            ("back", "//evil.example/software?x"),
        ],
    );
    assert_eq!(evil.location(), format!("/software?filed={id}&as=game"));
    assert_eq!(house.store.rules_in_force().unwrap().len(), before + 1);
}
