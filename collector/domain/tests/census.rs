//! What a fleet has that nobody knows, filing it, and departments on allowlist mode.

mod packs;

use deskwarden_domain::{
    catalogue::company::{self, Allowlist, Filing},
    census,
    port::FacetCount,
    rules::{RuleFile, RuleSet},
};
use deskwarden_proto::Message as _;
use deskwarden_proto::v1::{self, SoftwareKind, facet};

fn count(name: &str, version: &str, kind: SoftwareKind, devices: u64) -> FacetCount {
    let software = v1::Software {
        name: name.to_owned(),
        version: version.to_owned(),
        kind: kind.into(),
        ..Default::default()
    };
    let facet = v1::Facet {
        kind: Some(facet::Kind::Software(software)),
    };
    FacetCount {
        facet: facet.encode_to_vec().into(),
        devices,
    }
}

fn fleet() -> Vec<FacetCount> {
    vec![
        count("某单位内部工具", "1.0", SoftwareKind::UninstallEntry, 3),
        count("某单位内部工具", "2.0", SoftwareKind::UninstallEntry, 40),
        count("Zzyx Frobnicator", "1", SoftwareKind::UninstallEntry, 7),
        count("腾讯QQ", "9", SoftwareKind::UninstallEntry, 5),
        count("WPS Office", "12", SoftwareKind::UninstallEntry, 90),
        count("libzzyx1", "1", SoftwareKind::Package, 50),
        count("Zzyx Hotfix 1", "1", SoftwareKind::Update, 50),
    ]
}

fn with(file: &'static str, content: &str) -> RuleSet {
    let mut files = packs::FILES.to_vec();
    let content: &'static str = content.to_owned().leak();
    files.push(RuleFile { name: file, content });
    match RuleSet::load(&files) {
        Ok(set) => set,
        Err(faults) => unreachable!("{faults:?}"),
    }
}

fn names(titles: &[census::Title]) -> Vec<(&str, u64)> {
    titles
        .iter()
        .map(|title| (title.name.as_str(), title.devices))
        .collect()
}

#[test]
fn unknown_titles_come_by_how_many_devices_have_them() {
    let unknown = census::unknown(&packs::shipped(), &fleet());
    assert_eq!(
        names(&unknown),
        [("libzzyx1", 50), ("某单位内部工具", 43), ("Zzyx Frobnicator", 7)]
    );
    assert!(unknown[0].package && !unknown[1].package);
}

#[test]
fn a_filed_title_is_unknown_no_more() {
    let mut text = String::new();
    for (title, package, category) in [
        ("某单位内部工具 2.0", false, "utility"),
        ("Zzyx Frobnicator", false, "game"),
        ("libzzyx1", true, "runtime"),
    ] {
        let filing = Filing {
            title,
            package,
            category,
        };
        text = company::with_title(&text, &filing).unwrap();
    }
    let rules = with(company::FILED, &text);
    // Filed with its version, a title is that version: what else it is called stays unknown.
    assert_eq!(
        names(&census::unknown(&rules, &fleet())),
        [("某单位内部工具", 43)]
    );
}

#[test]
fn what_a_company_files_stands_over_what_is_listed() {
    let filing = Filing {
        title: "腾讯QQ",
        package: false,
        category: "work_chat",
    };
    let rules = with(company::FILED, &company::with_title("", &filing).unwrap());
    let software = v1::Software {
        name: "腾讯QQ 9.7".to_owned(),
        kind: SoftwareKind::UninstallEntry.into(),
        ..Default::default()
    };
    let class = rules
        .classify(&facet::Kind::Software(software), "windows-x86_64")
        .unwrap();
    assert_eq!(class.categories, ["work_chat"]);
}

#[test]
fn what_an_allowlist_would_flag_is_known_before() {
    let mode = Allowlist {
        departments: vec!["财务部".to_owned()],
        categories: vec!["office".to_owned()],
        titles: vec!["Zzyx Frobnicator".to_owned()],
        clause: "PC 3.2.3".to_owned(),
    };
    let rules = with(company::ALLOWLIST, &company::allowlist(&mode));
    let rule = rules
        .rules()
        .iter()
        .find(|rule| rule.id == company::ALLOWLIST_RULE)
        .unwrap();
    let flagged = census::taken(&rules, rule, &fleet());
    assert_eq!(names(&flagged), [("某单位内部工具", 43), ("腾讯QQ", 5)]);
    assert_eq!(flagged[1].categories, ["chat"]);
}
