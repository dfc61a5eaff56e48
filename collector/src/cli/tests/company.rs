//! Decisions of a company about its software, from the command line.

use deskwarden_domain::{
    model::{AssetState, AuditEntry},
    port::{Batch, EnrolOutcome, NewDevice, Op},
};
use deskwarden_proto::{
    Bytes, Message as _,
    decode::{ItemId, ItemPut},
    digest,
    ids::DeviceId,
    v1::{self, Section, SoftwareKind},
};

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

/// A PC of a department, with its software.
fn pc(home: &Path, n: u8, department: &str, titles: &[(&str, SoftwareKind)]) {
    let label = format!("pc {n}");
    let made = json(home, &["token", "create", "--label", &label, "--valid", "2h"]);
    let token = deskwarden_domain::token::Token::parse(made["token"].as_str().unwrap()).unwrap();
    let url = format!("sqlite:{}", home.join("deskwarden.db").display());
    let store = deskwarden_store::open(&url).unwrap();
    let device = DeviceId::from_random([n; 16]);
    let enrolled = store.enrol(&NewDevice {
        id: device,
        token_hash: token.hash(),
        key_hash: [n; 32],
        nonce: vec![n],
        peer: "10.1.2.3".parse().unwrap(),
        hints: v1::HostHints::default(),
        agent_version: "0.1.0".into(),
        platform: "linux-x86_64".into(),
        at: now(),
        certificate_ends_at: now() + 86_400_000,
        resume_key: [n; 32],
    });
    let EnrolOutcome::Enrolled(row) = enrolled.unwrap() else {
        panic!("not enrolled")
    };
    let mut asset = store.asset(row.asset).unwrap().unwrap().0.asset;
    asset.number = Some(format!("A-{n}"));
    asset.department = Some(department.to_owned());
    asset.state = AssetState::InUse;
    asset.provisional = false;
    let audit = AuditEntry {
        at: now(),
        actor: "cli".into(),
        action: "test".into(),
        object: String::new(),
        detail: String::new(),
    };
    store.put_asset(&asset, false, &audit).unwrap();
    let put = |(name, kind): &(&str, SoftwareKind)| {
        let software = v1::Software {
            name: (*name).to_owned(),
            package: (*name).to_owned(),
            kind: (*kind).into(),
            ..Default::default()
        };
        let facet = v1::Facet {
            kind: Some(v1::facet::Kind::Software(software)),
        };
        let facet = Bytes::from(facet.encode_to_vec());
        let id = ItemId {
            section: Section::Software,
            source: "dpkg".into(),
            key: (*name).to_owned(),
            principal: String::new(),
        };
        let put = ItemPut {
            digest: digest::item(id.section, &id.source, &id.key, "", &facet, &[]),
            facet_hash: digest::facet(&facet),
            id,
            facet,
            local: Bytes::new(),
        };
        Op::PutItem {
            device,
            put,
            at: now(),
        }
    };
    let ops = titles.iter().map(put).collect();
    store
        .apply(&Batch {
            ops,
            ..Batch::default()
        })
        .unwrap();
}

fn with_pcs() -> tempfile::TempDir {
    use SoftwareKind::{Package, StoreApp};
    let home = with_rules();
    let office = [
        ("某单位内部工具", StoreApp),
        ("linuxqq", Package),
        ("wps-office", Package),
        ("libc6", Package),
        ("libzzyx1", Package),
    ];
    pc(home.path(), 1, "财务部", &office);
    pc(home.path(), 2, "财务部", &office[..2]);
    pc(home.path(), 3, "人事部", &office[..1]);
    home
}

/// Titles and on how many devices they are.
fn titles(shown: &Value) -> Vec<(&str, u64)> {
    let title = |row: &'_ Value| row["devices"].as_u64().unwrap();
    let rows = shown.as_array().unwrap().iter();
    rows.map(|row| (row["title"].as_str().unwrap(), title(row)))
        .collect()
}

fn rule(home: &Path, id: &str) -> Value {
    let listed = json(home, &["rules", "list"]);
    let mut all = listed["rules"].as_array().unwrap().iter();
    all.find(|rule| rule["id"] == id).cloned().unwrap_or_default()
}

#[test]
fn a_title_is_filed_once_and_only_where_it_fits() {
    let home = with_pcs();
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
    let unknown = json(home.path(), &["catalogue", "unknown"]);
    assert_eq!(titles(&unknown), [("libzzyx1", 1)], "what is filed is known");
}

#[test]
fn a_department_that_no_pc_is_of_is_refused_by_name() {
    let home = with_pcs();
    for args in [
        &["catalogue", "allowlist", "--department", "财务"][..],
        &["catalogue", "allowlist", "--department", "财务", "--preview"],
        &["catalogue", "unknown", "--department", "财务"],
    ] {
        let ran = run_in(home.path(), args, Lang::En);
        assert_eq!(ran.code, 1, "{args:?}");
        assert!(
            ran.err.contains("`财务`") && ran.err.contains("人事部, 财务部"),
            "{}",
            ran.err
        );
    }
    assert!(rule(home.path(), "company.not-allowed").is_null());
    let nobody = with_rules();
    let ran = run_in(
        nobody.path(),
        &["catalogue", "unknown", "--department", "财务部"],
        Lang::En,
    );
    assert!(
        ran.code == 1 && ran.err.contains("has a department yet"),
        "{}",
        ran.err
    );
}

#[test]
fn departments_go_on_allowlist_mode_and_off_again() {
    let home = with_pcs();
    let mode = [
        "catalogue",
        "allowlist",
        "--department",
        "财务部",
        "--allow",
        "office",
    ];
    let preview = json(home.path(), &[&mode[..], &["--preview"]].concat());
    // What the system consists of is not counted, nor is a package that nobody knows.
    assert_eq!(titles(&preview), [("某单位内部工具", 2), ("linuxqq", 2)]);
    let two = [&mode[..], &["--department", "人事部", "--preview"]].concat();
    assert_eq!(
        titles(&json(home.path(), &two)),
        [("某单位内部工具", 3), ("linuxqq", 2)],
        "a title of two departments is one line"
    );
    assert!(rule(home.path(), "company.not-allowed").is_null());
    let shown = run_in(home.path(), &[&mode[..], &["--preview"]].concat(), Lang::En).out;
    assert!(shown.contains("does not know do not count"), "{shown}");
    assert_eq!(run_in(home.path(), &mode, Lang::Zh).code, 0);
    assert!(!rule(home.path(), "company.not-allowed").is_null());
    let wrong = [
        "catalogue",
        "allowlist",
        "--department",
        "财务部",
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
