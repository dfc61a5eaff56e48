//! The page of figures says what the result files say, and nothing else. With `DESKWARDEN_DOCUMENT=1` the page is
//! written instead (`./tests/bench --document`).

use std::{collections::BTreeSet, fs};

use deskwarden_tests::{
    architecture::tree,
    bench::{Report, page, scale},
};

#[test]
fn the_page_is_made_of_the_result_files() {
    let docs = tree::root().join("deploy/docs");
    let reports = Report::read_all(&docs.join("figures")).unwrap();
    let made = page::whole(&reports);
    let file = docs.join("performance.md");
    if std::env::var_os("DESKWARDEN_DOCUMENT").is_some() {
        fs::write(file, made).unwrap();
        return;
    }
    let kept = fs::read_to_string(file).unwrap();
    assert_eq!(kept, made, "renew the page: ./tests/bench --document");
}

#[test]
fn the_table_of_scale_is_reckoned_from_the_result_files() {
    let docs = tree::root().join("deploy/docs");
    let reports = Report::read_all(&docs.join("figures")).unwrap();
    let file = docs.join("scale.md");
    let kept = fs::read_to_string(&file).unwrap();
    let table = scale::table(&reports).unwrap_or_else(|| scale::NOT_YET.to_owned());
    let made = scale::put(&kept, &table).expect("the marks of the table");
    if std::env::var_os("DESKWARDEN_DOCUMENT").is_some() {
        fs::write(file, made).unwrap();
        return;
    }
    assert_eq!(kept, made, "renew the page: ./tests/bench --document");
}

#[test]
fn every_bench_is_listed_and_every_result_has_a_bench() {
    let tests = tree::root().join("tests");
    let list = fs::read_to_string(tests.join("benches/list.txt")).unwrap();
    let listed: BTreeSet<String> = list
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert!(words.len() > 3, "name, packages and what it measures: {line}");
            words[0].to_owned()
        })
        .collect();
    let names = |folder: &str, ending: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(tests.join(folder)).into_iter().flatten();
        let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files
            .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
            .collect()
    };
    assert_eq!(names("benches", ".rs"), listed);
    let results = names("../deploy/docs/figures", ".json");
    assert!(results.is_subset(&listed), "{results:?}");
}
