//! The register on the dashboard: one row, pasted rows, files out, work orders, and what is refused.

use axum::http::{StatusCode, header};
use deskwarden_domain::{
    model::{Asset, AssetId, Role, Sight, TokenRow},
    register::Book,
};

use super::{
    house::{House, audit},
    seed,
};

const T: [Role; 1] = [Role::Technician];

fn asset(house: &House, number: &str) {
    let asset = Asset {
        number: Some(number.into()),
        custodian: Some("王芳".into()),
        ..Asset::named(number)
    };
    house.store.put_asset(&asset, true, &audit()).unwrap();
}

#[test]
fn a_row_is_written_edited_and_removed() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let serial = ("cell_serial", "4C530001AB");
    let saved = wang.post(
        "/register/media",
        &[("action", "set"), serial, ("cell_owner", "王芳")],
    );
    assert_eq!(
        (saved.status, saved.location()),
        (StatusCode::SEE_OTHER, "/register/media")
    );
    let page = wang.get("/register/media?key=4c530001ab");
    assert!(page.body.contains("value=\"王芳\""), "{}", page.body);
    let placeholder = [("action", "set"), ("cell_serial", "Default string")];
    let refused = wang.post("/register/media", &placeholder);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("Default string"));
    wang.post("/register/media", &[("action", "remove"), ("key", "4c530001ab")]);
    assert!(house.store.book(Book::Media).unwrap().is_empty());
    let log = house.store.audit_records(0, 100).unwrap();
    let actions: Vec<&str> = log.iter().map(|record| record.entry.action.as_str()).collect();
    assert!(
        actions.contains(&"register.media") && actions.contains(&"register.media.remove"),
        "{actions:?}"
    );
}

#[test]
fn pasted_rows_are_shown_before_they_are_written() {
    let house = House::new();
    asset(&house, "PC-1");
    let mut wang = house.person("wang", &T);
    let rows = "资产编号\t部门\t状态\nPC-1\t财务部\t闲置\nPC-2\t客服部\t在用\n";
    let shown = wang.post("/register/assets", &[("action", "preview"), ("rows", rows)]);
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.body.contains("财务部") && shown.body.contains("value=\"load\""));
    let misspelt = "资产编号\t保管者\nPC-1\t李强\n";
    let shown = wang.post("/register/assets", &[("action", "preview"), ("rows", misspelt)]);
    assert!(shown.body.contains("保管者 (保管人?)"), "{}", shown.body);
    assert_eq!(house.store.overview(0, &Sight::Everything).unwrap().assets, 1);
    wang.post("/register/assets", &[("action", "load"), ("rows", rows)]);
    let page = wang.get("/register/assets?text=PC-1");
    assert!(
        page.body.contains("财务部") && page.body.contains("王芳"),
        "what was not pasted stays"
    );
    assert_eq!(house.store.overview(0, &Sight::Everything).unwrap().assets, 2);
    let faulty = "资产编号\t状态\nPC-3\tbroken\n";
    let refused = wang.post("/register/assets", &[("action", "load"), ("rows", faulty)]);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "粘贴内容 第 2 行，状态：“broken”不是资产状态；请写 在用、闲置";
    assert!(refused.body.contains(told), "{}", refused.body);
    assert_eq!(house.store.overview(0, &Sight::Everything).unwrap().assets, 2);
}

#[test]
fn a_book_is_given_out_as_a_file_without_formulas() {
    let house = House::new();
    asset(&house, "=1+1");
    let mut wang = house.person("wang", &[Role::Auditor]);
    let csv = wang.get("/register/assets/export?format=csv");
    assert_eq!(csv.status, StatusCode::OK);
    let named = csv
        .headers
        .get(header::CONTENT_DISPOSITION)
        .unwrap()
        .to_str()
        .unwrap();
    assert!(named.ends_with(".csv\""), "{named}");
    assert!(csv.body.contains("'=1+1") && csv.body.contains("资产编号"));
    assert_eq!(
        wang.get("/register/assets/export?format=xlsx").status,
        StatusCode::OK
    );
    assert_eq!(wang.get("/register/nothing/export").status, StatusCode::NOT_FOUND);
    assert_eq!(wang.get("/register/nothing").status, StatusCode::NOT_FOUND);
}

#[test]
fn a_pc_that_reported_first_is_registered_from_its_page() {
    let house = House::new();
    house
        .store
        .put_asset(&Asset::named("desk-7"), true, &audit())
        .unwrap();
    asset(&house, "PC-1");
    let mut wang = house.person("wang", &T);
    assert!(
        wang.get("/assets/1")
            .body
            .contains("/register/assets?asset=1#edit")
    );
    let page = wang.get("/register/assets?asset=1");
    assert!(
        page.body.contains("name=\"entered\" value=\"1\""),
        "{}",
        page.body
    );
    let enter = |number: &'static str| [("action", "set"), ("entered", "1"), ("cell_number", number)];
    let taken = wang.post("/register/assets", &enter("PC-1"));
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "资产编号：“PC-1”是另一台资产的编号";
    assert!(taken.body.contains(told), "{}", taken.body);
    assert!(
        taken.body.contains("name=\"entered\" value=\"1\"")
            && taken.body.contains("name=\"cell_number\" value=\"PC-1\""),
        "what was typed comes back: {}",
        taken.body
    );
    assert_eq!(
        wang.post("/register/assets", &enter("PC-2")).status,
        StatusCode::SEE_OTHER
    );
    let found = house
        .store
        .asset(deskwarden_domain::model::AssetId(1))
        .unwrap()
        .unwrap()
        .0
        .asset;
    assert_eq!(
        (found.number.as_deref(), found.provisional),
        (Some("PC-2"), false)
    );
}

#[test]
fn the_unit_of_a_directory_proposes_the_department_of_that_name_and_a_sign_another() {
    let house = House::new();
    // A token that says nothing of a department: it would tell more than a directory.
    let token = TokenRow {
        department: None,
        ..seed::token("any")
    };
    seed::enrolled_with(&house, 1, &seed::plain(), &token);
    let mut wang = house.person("wang", &T);
    let proposed = |wang: &mut super::house::Person<'_>| wang.get("/register/departments").body;
    assert!(
        !proposed(&mut wang).contains("研发中心"),
        "no department is called so"
    );
    let person = [
        ("action", "set"),
        ("cell_name", "王芳"),
        ("cell_department", "研发中心"),
    ];
    assert_eq!(
        wang.post("/register/people", &person).status,
        StatusCode::SEE_OTHER
    );
    let page = proposed(&mut wang);
    assert!(
        page.contains("<bdi>研发中心</bdi>") && page.contains("</td><td>目录"),
        "{page}"
    );
    let wrong = [
        ("action", "set"),
        ("cell_sign", "网段"),
        ("cell_pattern", "台式*"),
        ("cell_department", "桌面组"),
    ];
    let refused = wang.post("/register/departments", &wrong);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    for there in [
        "模式：“台式*”不是网段；请写成 10.1.2.0/24 的形式",
        "<option selected>网段</option>",
        "value=\"台式*\"",
    ] {
        assert!(refused.body.contains(there), "{there}: {}", refused.body);
    }
    let sign = [
        ("action", "set"),
        ("cell_sign", "目录"),
        ("cell_pattern", "台式*"),
        ("cell_department", "桌面组"),
    ];
    assert_eq!(
        wang.post("/register/departments", &sign).status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        wang.post("/register/departments", &[("action", "accept"), ("asset", "1")])
            .status,
        StatusCode::SEE_OTHER
    );
    let asset = house.store.asset(AssetId(1)).unwrap().unwrap().0.asset;
    assert_eq!(
        asset.department.as_deref(),
        Some("桌面组"),
        "the innermost unit that is known"
    );
}

#[test]
fn a_work_order_is_closed_and_what_makes_no_sense_is_refused() {
    let house = House::new();
    asset(&house, "PC-1");
    let mut wang = house.person("wang", &T);
    let order = [
        ("action", "set"),
        ("cell_asset", "PC-1"),
        ("cell_from", "2026-11-28 08:00"),
        ("cell_to", "2099-01-01"),
        ("cell_work", "换内存"),
    ];
    assert_eq!(
        wang.post("/register/orders", &order).status,
        StatusCode::SEE_OTHER
    );
    let key = house.store.book(Book::Orders).unwrap()[0].key.clone();
    let close = [("action", "close"), ("closing", "review"), ("key", key.as_str())];
    assert_eq!(
        wang.post("/register/orders", &close).status,
        StatusCode::SEE_OTHER
    );
    assert!(
        !house.store.book(Book::Orders).unwrap()[0]
            .text("closed")
            .is_empty()
    );
    for (path, fields) in [
        ("/register/orders", [("action", "close"), ("closing", "maybe")]),
        ("/register/assets", [("action", "remove"), ("key", "PC-1")]),
        ("/register/media", [("action", "accept_all"), ("x", "y")]),
    ] {
        assert_eq!(wang.post(path, &fields).status, StatusCode::BAD_REQUEST, "{path}");
    }
    let missing = [("action", "close"), ("closing", "review"), ("key", "none")];
    assert_eq!(
        wang.post("/register/orders", &missing).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn a_provider_that_a_visit_names_is_not_removed_and_the_page_says_by_whom() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let put = |wang: &mut super::house::Person<'_>, book: &str, rows: &str| {
        let sent = wang.post(
            &format!("/register/{book}"),
            &[("action", "load"), ("rows", rows)],
        );
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    };
    put(&mut wang, "providers", "服务商\n甲公司\n乙公司\n");
    put(
        &mut wang,
        "visits",
        "来访单号,服务商,开始,结束\nV1,甲公司,2026-11-28,2026-11-29\n",
    );
    let told = "服务商“甲公司”仍被来访 V1引用，不能删除";
    for fields in [
        vec![("action", "remove"), ("key", "甲公司")],
        vec![
            ("action", "preview"),
            ("replace", "on"),
            ("rows", "服务商\n乙公司\n"),
        ],
        vec![
            ("action", "load"),
            ("replace", "on"),
            ("rows", "服务商\n乙公司\n"),
        ],
    ] {
        let refused = wang.post("/register/providers", &fields);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        assert!(refused.body.contains(told), "{fields:?} {}", refused.body);
    }
    let gone = wang.post("/register/providers", &[("action", "remove"), ("key", "乙公司")]);
    assert_eq!(gone.status, StatusCode::SEE_OTHER);
    assert_eq!(house.store.book(Book::Providers).unwrap().len(), 1);
}
