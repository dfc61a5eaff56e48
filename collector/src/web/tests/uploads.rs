//! Tables that come as files: shown before they are written, and refused with words.

use axum::http::StatusCode;
use deskwarden_domain::{model::Role, port::Paging};

use super::house::House;
use crate::sheet;

const T: [Role; 1] = [Role::Technician];

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

#[test]
fn a_workbook_is_shown_before_it_is_loaded_and_named_in_the_audit_log() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let rows = [texts(&["10.0.0.20", "王芳"]), texts(&["10.0.0.21", "李强"])];
    let book = sheet::xlsx("IP台账", &texts(&["IP地址", "使用人"]), &rows).unwrap();
    let entries = || {
        let first = Paging { offset: 0, limit: 5 };
        house.store.ledger(first).unwrap().total
    };
    let shown = wang.upload("/ledger", &[("action", "preview")], "台账.xlsx", &book);
    assert_eq!(shown.status, StatusCode::OK);
    assert!(
        shown.body.contains("10.0.0.21,李强") && shown.body.contains("value=\"load\""),
        "its rows come back, to be loaded: {}",
        shown.body
    );
    assert_eq!(entries(), 0, "a preview writes nothing");
    let loaded = wang.upload("/ledger", &[("action", "load")], "台账.xlsx", &book);
    assert_eq!(loaded.status, StatusCode::SEE_OTHER);
    assert_eq!(entries(), 2);
    let rest = sheet::csv(&texts(&["IP地址", "使用人"]), &rows[..1]).unwrap();
    wang.upload(
        "/ledger",
        &[("action", "load"), ("replace", "on")],
        "rest.csv",
        &rest,
    );
    assert_eq!(
        entries(),
        1,
        "what the file does not have goes, where that is asked for"
    );
    let audited = house.store.audit_records(0, 100).unwrap();
    let named = |name: &str| {
        let mut details = audited.iter().map(|record| &record.entry);
        details.any(|entry| entry.action == "ledger.import" && entry.detail.contains(name))
    };
    assert!(named("台账.xlsx") && named("rest.csv"));
}

#[test]
fn a_file_of_a_book_tells_its_faults_under_its_name() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let (faulty, _, _) = encoding_rs::GB18030.encode("资产编号,状态\nPC-1,在用\nPC-2,坏了\n");
    let refused = wang.upload("/register/assets", &[("action", "load")], "资产.csv", &faulty);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "资产.csv 第 3 行，状态：“坏了”不是资产状态";
    assert!(refused.body.contains(told), "{}", refused.body);
    let broken = wang.upload(
        "/register/assets",
        &[("action", "preview")],
        "x.xlsx",
        b"no workbook",
    );
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(broken.body.contains("x.xlsx 无法读取"), "{}", broken.body);
    let good = "资产编号,状态\nPC-1,在用\n".as_bytes();
    let loaded = wang.upload("/register/assets", &[("action", "load")], "资产.csv", good);
    assert_eq!(loaded.status, StatusCode::SEE_OTHER);
    assert!(wang.get("/register/assets").body.contains("PC-1"));
}

#[test]
fn a_file_that_is_too_long_to_be_shown_again_is_previewed_and_asked_for_once_more() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let place = "楼".repeat(190);
    let lines = (0..1_200).map(|n| format!("10.1.{}.{},{place}\n", n / 200, n % 200 + 1));
    let long = "IP地址,位置\n".to_owned() + &lines.collect::<String>();
    let shown = wang.upload("/ledger", &[("action", "preview")], "long.csv", long.as_bytes());
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.body.contains("请再次选择该文件并导入"), "{}", shown.body);
    let loaded = wang.upload("/ledger", &[("action", "load")], "long.csv", long.as_bytes());
    assert_eq!(loaded.status, StatusCode::SEE_OTHER);
}

#[test]
fn forms_with_files_are_refused_where_they_make_no_sense() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let load = [("action", "load")];
    let big = vec![b'x'; 10 << 20];
    let refused = wang.upload("/ledger", &load, "big.csv", &big);
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    let elsewhere = wang.upload("/tokens", &load, "x.csv", b"x");
    assert_eq!(elsewhere.status, StatusCode::BAD_REQUEST);
    let none = wang.upload("/ledger", &load, "", b"");
    assert_eq!(
        none.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "nobody chose a file"
    );
    for (kind, body) in [
        ("multipart/form-data", "x"),
        (
            "multipart/form-data; boundary=edge",
            "--edge\r\nContent-Disposition: form-data; name=\"file\"",
        ),
        ("multipart/form-data; boundary=edge", ""),
    ] {
        let answer = wang.post_as("/ledger", kind, body.as_bytes().to_vec());
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{kind} {body}");
    }
    let forged = "--edge\r\nContent-Disposition: form-data; name=\"action\"\r\n\r\nload\r\n--edge--\r\n";
    let forged = wang.post_as(
        "/ledger",
        "multipart/form-data; boundary=edge",
        forged.as_bytes().to_vec(),
    );
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let mut auditor = house.person("li", &[Role::Auditor]);
    let refused = auditor.upload("/ledger", &load, "x.csv", b"IP\n10.0.0.1\n");
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[test]
fn what_the_page_gave_out_changes_nothing_when_it_comes_back() {
    let house = House::new();
    let mut wang = house.person("wang", &T);
    let assets = "资产编号,状态\nPC-1,在用\n".as_bytes();
    wang.upload("/register/assets", &[("action", "load")], "资产.csv", assets);
    let rows = "IP地址,掩码,网关,方式,MAC,资产编号,使用人,位置\n10.0.0.20,24,10.0.0.1,静态,001A2B3C4D5E,PC-1,王芳,201\n\
                10.0.0.21,24,10.0.0.1,动态,,,李强,\n";
    let load = [("action", "load")];
    wang.upload("/ledger", &load, "台账.csv", rows.as_bytes());
    for format in ["csv", "xlsx"] {
        for lang in ["zh-CN", "en"] {
            wang.lang = lang;
            let path = format!("/ledger/export?format={format}");
            let request = wang.request(axum::http::Method::GET, &path);
            let (status, file) = house.ask_bytes(request.body(axum::body::Body::empty()).unwrap());
            assert_eq!(status, StatusCode::OK);
            let shown = wang.upload("/ledger", &[("action", "preview")], &format!("x.{format}"), &file);
            assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
            let counts = shown.body.split("role=\"status\">").nth(1).unwrap();
            let counts: Vec<u32> = counts
                .split("</p>")
                .next()
                .unwrap()
                .split(' ')
                .filter_map(|word| word.parse().ok())
                .collect();
            assert_eq!(counts, [0, 0, 0, 2], "{format} {lang}");
        }
    }
}
