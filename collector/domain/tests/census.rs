//! What a fleet has that nobody knows, filing it, and departments on allowlist mode.

mod packs;

use deskwarden_domain::{
    catalogue::company::{self, Allowlist, Filing},
    census,
    model::{AssetId, Sight},
    port::{FacetCount, FacetId, Holding},
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
        count("libc6", "2", SoftwareKind::Package, 50),
        count("gcc", "12", SoftwareKind::Package, 50),
        count("libreoffice-writer", "7", SoftwareKind::Package, 50),
        count("linuxqq", "3", SoftwareKind::Package, 4),
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
    let flagged = |id| {
        let rule = rules.rules().iter().find(|rule| rule.id == id).unwrap();
        census::taken(&rules, rule, &fleet())
    };
    let chosen = flagged(company::ALLOWLIST_RULE);
    assert_eq!(names(&chosen), [("某单位内部工具", 43), ("腾讯QQ", 5)]);
    assert_eq!(chosen[1].categories, ["chat"]);
    // Of packages only what is known as a program: not the system's own, and not what nobody knows.
    let packages = flagged(company::ALLOWLIST_PACKAGES_RULE);
    assert_eq!(names(&packages), [("linuxqq", 4)]);
}

/// A fleet of `n` PCs, every one with QQ, odd ones in the front office with a second version of it and a tool that
/// nobody knows.
fn counted(n: i64) -> census::Fleet {
    let facet = |id: i64, name: &str, version: &str, kind| (FacetId(id), count(name, version, kind, 0).facet);
    let mut fleet = census::Fleet::default();
    let facets = [
        facet(1, "腾讯QQ", "9.9.1", SoftwareKind::UninstallEntry),
        facet(2, "腾讯QQ", "9.10.0", SoftwareKind::UninstallEntry),
        facet(3, "某单位内部工具", "1.0", SoftwareKind::UninstallEntry),
        facet(4, "Zzyx Hotfix 1", "1", SoftwareKind::Update),
    ];
    for asset in 1..=n {
        let odd = asset % 2 == 1;
        let facets_of = if odd { vec![1, 2, 3, 4] } else { vec![1] };
        let holding = Holding {
            asset: AssetId(asset),
            department: odd.then(|| "客服部".to_owned()),
            facets: facets_of.into_iter().map(FacetId).collect(),
        };
        for id in fleet.missing(std::slice::from_ref(&holding)) {
            let known = facets.iter().find(|(known, _)| *known == id);
            fleet.learn(id, known.map_or(&[], |(_, bytes)| bytes.as_ref()));
        }
        fleet.add(&holding);
    }
    fleet
}

#[test]
fn a_pc_with_two_versions_of_a_title_counts_once() {
    let fleet = counted(5);
    let names: Vec<_> = fleet.titles().iter().map(|title| title.name.as_str()).collect();
    assert_eq!(names, ["腾讯QQ", "某单位内部工具"], "an update is no title");
    let qq = &fleet.titles()[0];
    assert_eq!(qq.versions, ["9.10.0", "9.9.1"]);
    let all = fleet.seen(&Sight::Everything);
    assert_eq!(fleet.devices(qq, &all), 5);
    assert_eq!(fleet.holders(qq, &all, 1, 2), [AssetId(2), AssetId(3)]);
    let classes = fleet.classify(&with("none.toml", ""));
    assert!(classes[0].is_some() && classes[1].is_none());
    assert!(qq.has(&["qq".into()]) && !qq.has(&["qq".into(), "wps".into()]));
}

#[test]
fn a_department_counts_its_own_pcs_only() {
    let fleet = counted(5);
    let own = fleet.seen(&Sight::of("客服部"));
    let tool = &fleet.titles()[1];
    assert_eq!(fleet.title(&tool.id).map(|(at, _)| at), Some(1));
    assert_eq!(fleet.devices(tool, &own), 3);
    assert_eq!(fleet.devices(&fleet.titles()[0], &own), 3);
    let foreign = fleet.seen(&Sight::of("财务部"));
    assert_eq!(fleet.devices(tool, &foreign), 0);
    assert_eq!(fleet.holders(tool, &foreign, 0, 10), []);
}

#[test]
fn many_holders_are_kept_as_exactly_as_few() {
    let fleet = counted(10_001);
    let all = fleet.seen(&Sight::Everything);
    let (qq, tool) = (&fleet.titles()[0], &fleet.titles()[1]);
    assert_eq!(
        (fleet.devices(qq, &all), fleet.devices(tool, &all)),
        (10_001, 5_001)
    );
    let last: Vec<_> = fleet.holders(tool, &all, 4_999, 10);
    assert_eq!(last, [AssetId(9_999), AssetId(10_001)]);
    assert_eq!(
        fleet.holders(qq, &all, 4_095, 3),
        [4_096, 4_097, 4_098].map(AssetId)
    );
}
