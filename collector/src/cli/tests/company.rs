//! Decisions of a company about its software, from the command line.

use super::*;
use crate::clock::now;

fn with_rules() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", home.path().join("deskwarden.db").display());
    let store = deskwarden_store::open(&url).unwrap();
    let folder = home.path().join("rules.d");
    crate::rules_dir::Importer::new(store, folder, home.path())
        .import_built_in(now())
        .unwrap();
    home
}

fn rule(home: &Path, id: &str) -> Value {
    let listed = json(home, &["rules", "list"]);
    let mut all = listed["rules"].as_array().unwrap().iter();
    all.find(|rule| rule["id"] == id).cloned().unwrap_or_default()
}

#[test]
fn a_title_is_filed_once_and_only_where_it_fits() {
    let home = with_rules();
    let file = |title: &str, category: &str| {
        let args = ["catalogue", "file", title, "--category", category];
        run_in(home.path(), &args, Lang::En)
    };
    assert_eq!(file("某单位内部工具", "utility").code, 0);
    for (title, category, why) in [
        ("某单位内部工具", "utility", "filed already"),
        ("Zzyx Frobnicator", "no_such", "unknown category"),
        (" * ", "utility", "a word in it"),
    ] {
        let ran = file(title, category);
        assert!(ran.code == 1 && ran.err.contains(why), "{title}: {}", ran.err);
    }
    assert_eq!(file("Zzyx Frobnicator", "game").code, 0);
    assert_eq!(
        json(home.path(), &["catalogue", "unknown"]),
        serde_json::json!([])
    );
}

#[test]
fn departments_go_on_allowlist_mode_and_off_again() {
    let home = with_rules();
    let mode = [
        "catalogue",
        "allowlist",
        "--department",
        "财务部",
        "--allow",
        "office",
    ];
    let preview = json(home.path(), &[&mode[..], &["--preview"]].concat());
    assert_eq!(preview, serde_json::json!([]));
    assert!(rule(home.path(), "company.not-allowed").is_null());
    assert_eq!(run_in(home.path(), &mode, Lang::Zh).code, 0);
    assert!(!rule(home.path(), "company.not-allowed").is_null());
    let wrong = [
        "catalogue",
        "allowlist",
        "--department",
        "甲",
        "--allow",
        "no_such",
    ];
    assert_eq!(run_in(home.path(), &wrong, Lang::En).code, 1);
    let off = ["catalogue", "allowlist", "--off"];
    assert_eq!(run_in(home.path(), &off, Lang::En).code, 0);
    assert!(rule(home.path(), "company.not-allowed").is_null());
    assert_eq!(run_in(home.path(), &off, Lang::En).code, 1, "nobody is on it");
}

/// Whether findings about WeChat are told; nothing where there are none.
fn told(home: &Path) -> Option<bool> {
    let url = format!("sqlite:{}", home.join("deskwarden.db").display());
    let store = deskwarden_store::open(&url).unwrap();
    let context = crate::rules_dir::load_context(store.as_ref()).unwrap();
    context.rules.rule("pc.wechat").map(|rule| rule.alert)
}

#[test]
fn wechat_is_switched() {
    let home = with_rules();
    for (to, there) in [
        ("report", true),
        ("allow", false),
        ("alert", true),
        ("allow", false),
    ] {
        assert_eq!(
            run_in(home.path(), &["catalogue", "wechat", to], Lang::Zh).code,
            0
        );
        let found = rule(home.path(), "pc.wechat");
        assert_eq!(
            !found.is_null() && found["enabled"] != false,
            there,
            "{to}: {found}"
        );
        assert_eq!(told(home.path()), there.then_some(to == "alert"), "{to}");
    }
    assert_eq!(
        run_in(home.path(), &["catalogue", "wechat", "no"], Lang::En).code,
        2
    );
}
