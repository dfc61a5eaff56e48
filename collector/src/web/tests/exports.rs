//! Lists as files: complete, in the reader's language, with nothing that a spreadsheet calculates.

use std::{
    io::{Cursor, Write as _},
    path::Path,
    process::Command,
};

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use calamine::Reader as _;
use deskwarden_domain::{model::Role, register::Book};

use super::{
    house::{House, Person},
    inspections,
    seed::{self, Say},
};
use crate::web::routes;

const ALL: [Role; 3] = [Role::Administrator, Role::Technician, Role::RuleOfficer];

/// Addresses of every export that the router knows; the books of the register are one pattern.
fn exports() -> Vec<String> {
    let paths: Vec<String> = routes()
        .registered
        .iter()
        .map(|(_, path)| *path)
        .filter(|path| path.ends_with("/export"))
        .flat_map(|path| match path {
            "/register/{book}/export" => Book::ALL
                .iter()
                .map(|book| path.replace("{book}", book.name()))
                .collect(),
            // The run that `inspections::seed` made first.
            path => vec![path.replace("{id}", "1")],
        })
        .collect();
    assert!(paths.len() >= 15, "{paths:?}");
    paths
}

fn bytes(house: &House, person: &Person<'_>, address: &str) -> Vec<u8> {
    let request = person.request(Method::GET, address).body(Body::empty()).unwrap();
    let answer = house.ask_bytes(request);
    assert_eq!(answer.0, StatusCode::OK, "{address}");
    answer.1
}

fn hostile_house() -> House {
    let corpus = [
        "=1+1",
        "+2",
        "-3",
        "@SUM(A1)",
        "\t=4",
        "\r=5",
        "  =6",
        "a\n=7",
        "b\r=8",
        "＝9",
        "=HYPERLINK(\"http://x\",\"y\")",
    ];
    let next = std::sync::atomic::AtomicUsize::new(0);
    let say: Say = Box::new(move |text| {
        let at = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst) % corpus.len();
        format!("{}{text}", corpus[at])
    });
    let house = House::new();
    seed::machine(&house, 1, &say);
    seed::deliveries(&house, &say);
    inspections::seed(&house);
    house
}

#[test]
fn every_list_is_a_file_in_both_formats_and_each_is_in_the_audit_log() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    seed::deliveries(&house, &seed::plain());
    inspections::seed(&house);
    let mut wang = house.person("wang", &ALL);
    let mut written = 0;
    for path in exports() {
        for format in ["csv", "xlsx"] {
            let address = format!("{path}?format={format}&state=any");
            let file = bytes(&house, &wang, &address);
            let table = crate::sheet::read(&format!("x.{format}"), &file).unwrap();
            let columns = table.rows[0].1.len();
            assert!(columns >= 2, "{address}");
            assert!(
                table.rows.iter().all(|(_, cells)| cells.len() <= columns),
                "{address}"
            );
            written += 1;
        }
    }
    let log = house.store.audit_records(1, 500).unwrap();
    let exported = log
        .iter()
        .filter(|record| record.entry.action == "export" || record.entry.action.ends_with(".export"))
        .count();
    assert_eq!(exported, written);
    let answer = wang.get("/findings/export?format=pdf");
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = wang.get("/findings/export?format=csv");
    let name = answer.headers[header::CONTENT_DISPOSITION]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(name.starts_with("attachment; filename=\"findings-2026"), "{name}");
}

#[test]
fn a_file_has_the_rows_of_the_filter_and_the_words_of_the_reader() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &ALL);
    wang.lang = "en";
    let all = wang.get("/findings/export?state=any").body;
    let some = wang.get("/findings/export?state=any&text=QQ").body;
    assert!(
        all.starts_with('\u{feff}') && all.contains("Severity") && all.contains("WY-2024-0001"),
        "{all}"
    );
    assert!(some.lines().count() < all.lines().count());
    assert!(some.contains("QQ"));
    wang.lang = "zh-CN";
    assert!(
        wang.get("/findings/export?state=any").body.contains("严重程度")
            || wang.get("/findings/export").body.contains("级别")
    );
}

#[test]
fn nothing_in_any_export_is_a_formula() {
    let house = hostile_house();
    let wang = house.person("wang", &ALL);
    for path in exports() {
        let csv = bytes(&house, &wang, &format!("{path}?format=csv&state=any"));
        let table = crate::sheet::read("x.csv", &csv).unwrap();
        for cell in table.rows.iter().flat_map(|(_, cells)| cells) {
            for line in cell.split(['\n', '\r']) {
                let calculated = line.trim_start().starts_with(['=', '+', '@', '＝'])
                    || (line.trim_start().starts_with('-') && line.trim().parse::<i64>().is_err());
                assert!(!calculated, "{path}: {cell:?}");
            }
        }
        let xlsx = bytes(&house, &wang, &format!("{path}?format=xlsx&state=any"));
        let mut book: calamine::Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(xlsx)).unwrap();
        let sheet = book.sheet_names()[0].clone();
        assert!(book.worksheet_formula(&sheet).unwrap().is_empty(), "{path}");
    }
}

/// What LibreOffice makes of the files. Where it is missing, the list of what did not run says so.
#[test]
fn libreoffice_finds_no_formula_in_any_export() {
    let Some(office) = ["/usr/bin/soffice", "/usr/bin/libreoffice"]
        .into_iter()
        .find(|program| Path::new(program).exists())
    else {
        not_run("exports in LibreOffice: libreoffice-calc-nogui is not installed");
        return;
    };
    let house = hostile_house();
    let wang = house.person("wang", &ALL);
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for path in exports() {
        for format in ["csv", "xlsx"] {
            let name = format!("{}-{format}.{format}", path.trim_matches('/').replace('/', "-"));
            let file = folder.path().join(name);
            let address = format!("{path}?format={format}&state=any");
            std::fs::write(&file, bytes(&house, &wang, &address)).unwrap();
            files.push(file);
        }
    }
    let out = folder.path().join("out");
    let done = Command::new(office)
        .env("HOME", folder.path())
        .args(["--headless", "--convert-to", "fods", "--outdir"])
        .arg(&out)
        .args(&files)
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let mut read = 0;
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("table:table-row"), "{}", path.display());
        assert_eq!(text.matches("table:formula=").count(), 0, "{}", path.display());
        read += 1;
    }
    assert_eq!(read, files.len());
}

/// Adds a line to the list that `tests/run` shows.
fn not_run(what: &str) {
    let output = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/output");
    std::fs::create_dir_all(&output).unwrap();
    let list = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(output.join("not-run.txt"));
    writeln!(list.unwrap(), "{what}").unwrap();
}
