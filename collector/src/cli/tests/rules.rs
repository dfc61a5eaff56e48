//! Rule files, clauses and snapshots from the command line.

use super::*;

#[test]
fn a_faulty_rule_file_is_refused_by_line() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("bad.toml"), "\n[[rule]]\nid = 7\n").unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    assert!(ran.code == 1 && ran.err.contains("bad.toml:"), "{}", ran.err);
    std::fs::remove_file(home.path().join("bad.toml")).unwrap();
    assert_eq!(json(home.path(), &["rules", "check", &folder])["ok"], true);
}

#[test]
fn a_rule_file_in_another_encoding_is_named_by_line_and_hides_no_other_fault() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join("gbk.toml"),
        b"# a\n[lists]\nab = [\"\xcc\xda\"]\n",
    )
    .unwrap();
    std::fs::write(home.path().join("own.toml"), "[[rule]]\nid = 7\n").unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    for told in ["gbk.toml:3:8: not UTF-8", "own.toml:2:6:"] {
        assert!(ran.code == 1 && ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn what_a_built_in_file_says_too_is_the_fault_of_the_companys_file() {
    let home = tempfile::tempdir().unwrap();
    let pack = crate::rules_dir::BUILT_IN
        .iter()
        .find(|file| file.name == "pc.toml")
        .unwrap();
    std::fs::write(home.path().join("acme.toml"), pack.content).unwrap();
    let entry = "[[entry]]\nid = \"qq\"\nname = { zh = \"甲\", en = \"a\" }\ncategories = [\"chat\"]\ntitles = [\"Zzyx\"]\n";
    let title = entry.replace("\"qq\"", "\"zzyx\"").replace("Zzyx", "WhatsApp");
    std::fs::write(home.path().join("a.toml"), format!("{entry}{title}")).unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    for told in [
        "there is already a rule `pc.chat`, in pc.toml:",
        "a.toml:2:6: there is already an entry `qq`, in catalogue-chat.toml:",
        "a.toml:7:6: `whatsapp` already belongs to entry",
    ] {
        assert!(ran.code == 1 && ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert!(
        !ran.err.contains("\npc.toml:") && !ran.err.contains("\ncatalogue-"),
        "{}",
        ran.err
    );
}

#[test]
fn a_snapshot_that_is_none_is_refused_with_its_name() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pc.json");
    std::fs::write(&file, "{}").unwrap();
    let ran = run_in(
        home.path(),
        &["rules", "test", "--snapshot", &file.display().to_string()],
        Lang::En,
    );
    assert!(
        ran.code == 1 && ran.err.contains("pc.json") && ran.err.contains("collect --json"),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_no_file_hides_no_fault_of_the_rules_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let rules = home.path().join("rules");
    for folder in ["a.toml", "b.toml"] {
        std::fs::create_dir_all(rules.join(folder)).unwrap();
    }
    std::fs::write(rules.join("c.toml"), "[[rules]]\nid = 1\n").unwrap();
    let ran = run_in(
        home.path(),
        &["rules", "check", rules.to_str().unwrap()],
        Lang::En,
    );
    assert_eq!(ran.code, 1);
    let told = format!("{}{}", ran.out, ran.err);
    for fault in ["a.toml", "b.toml", "not a file", "c.toml:1"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
}

#[test]
fn every_clause_is_a_row_with_its_rules_and_records() {
    let home = tempfile::tempdir().unwrap();
    let store =
        deskwarden_store::open(&format!("sqlite:{}", home.path().join("deskwarden.db").display())).unwrap();
    crate::rules_dir::Importer::new(store, home.path().join("rules.d"), home.path())
        .import_built_in(1)
        .unwrap();
    let rows = json(home.path(), &["clauses"]);
    let rows = rows.as_array().unwrap();
    let row = |regulation: &str, number: &str| {
        let found = rows
            .iter()
            .find(|row| row["regulation"] == regulation && row["number"] == number);
        found.unwrap().clone()
    };
    for field in [
        "regulation",
        "number",
        "checkable",
        "rules",
        "records",
        "pass",
        "fail",
        "could_not_look",
        "findings",
    ] {
        assert!(rows.iter().all(|row| row.get(field).is_some()), "{field}");
    }
    assert_eq!(row("PC", "3.2.8")["checkable"], "no");
    assert!(
        row("PC", "3.2.4")["rules"]
            .as_array()
            .unwrap()
            .contains(&Value::from("pc.chat"))
    );
    let audit = row("SVC", "supervision");
    assert_eq!(audit["records"][0]["record"], "audit");
    assert!(audit["records"][0]["count"].is_u64());
    for row in rows.iter().filter(|row| row["checkable"] == "records") {
        assert!(!row["records"].as_array().unwrap().is_empty(), "{row}");
    }
    let page = run_in(home.path(), &["clauses", "--markdown"], Lang::Zh).out;
    assert_eq!(page.lines().count(), rows.len() + 2);
    assert!(page.starts_with("| 制度 | 条款 |"), "{page}");
}

#[test]
fn a_finding_that_is_none_is_not_explained() {
    let home = tempfile::tempdir().unwrap();
    let ran = run_in(home.path(), &["rules", "explain", "7"], Lang::En);
    assert!(
        ran.code == 1 && ran.err.contains("there is no finding 7"),
        "{}",
        ran.err
    );
}
