//! What the shipped rules say of facts.

use deskwarden_domain::catalogue::Classified;

use super::*;

#[test]
fn shipped_rules_are_sorted_and_cite_their_clause() {
    let ids: Vec<&str> = SET.rules().iter().map(|rule| rule.id.as_str()).collect();
    assert!(ids.is_sorted() && ids.len() >= 12, "{ids:?}");
    assert_eq!(SET.rule("pc.chat").unwrap().clause_label(), "PC 3.2.4");
    assert_eq!(SET.rule("pc.crack").unwrap().clause_label(), "PC 3.1.4.3 c");
    assert_eq!(SET.rule("pc.address-changed").unwrap().kind, RuleKind::Address);
    assert!(SET.rules().iter().all(Rule::selector_is_facet_only));
}

#[test]
fn only_an_unexpected_pc_is_unregistered() {
    let rule = SET.rule("pc.unregistered").unwrap();
    let mut asset = asset();
    let judged = |asset: &Asset| SET.asset_matches(rule, &AssetFacts::of(asset)).unwrap();
    assert!(!judged(&asset));
    asset.provisional = true;
    assert!(judged(&asset));
}

#[test]
fn programs_breach_the_rule_of_their_category_only() {
    for (name, rule) in [
        ("linuxqq", "pc.chat"),
        ("steam-installer", "pc.game"),
        ("vlc", "pc.video"),
        ("netease-cloud-music", "pc.music"),
        ("qbittorrent", "pc.downloader"),
        ("metasploit-framework", "pc.hacking"),
        ("nmap", "pc.hacking-dual-use"),
        ("clash-verge", "pc.proxy-program"),
        ("com.hexin.ths", "pc.stock"),
    ] {
        let facet = software(name);
        let breached: Vec<&str> = SET
            .rules()
            .iter()
            .filter(|rule| rule.kind == RuleKind::Item && rule.sections.contains(&Section::Software))
            .map(|rule| rule.id.as_str())
            .filter(|rule| matches(&SET, rule, Section::Software, &facet))
            .collect();
        assert_eq!(breached, [rule], "{name}");
    }
    assert!(!matches(
        &SET,
        "pc.chat",
        Section::Software,
        &software("openssh-client")
    ));
}

#[test]
fn a_proxy_is_a_breach_unless_it_is_approved() {
    let private = proxy("http://10.1.2.3:8080", "10.1.2.3", 8080, true);
    assert!(matches(&SET, "pc.proxy-configured", Section::Proxy, &private));
    assert!(!matches(
        &SET,
        "pc.proxy-configured",
        Section::Proxy,
        &proxy("http://a:1", "a", 1, false)
    ));
    assert!(!matches(
        &SET,
        "pc.proxy-configured",
        Section::Proxy,
        &proxy("DIRECT", "", 0, true)
    ));
    for (approved, passes) in [
        ("10.1.2.3", true),
        ("10.1.2.3:8080", true),
        ("http://10.1.2.3:8080", true),
        ("10.1.2.3:3128", false),
        ("10.1.2.30", false),
    ] {
        let mine = format!("[lists]\napproved_proxies = [\"{approved}\"]\n");
        let mut files = packs::FILES.to_vec();
        files.push(RuleFile {
            name: "mine.toml",
            content: &mine,
        });
        let set = RuleSet::load(&files).unwrap();
        assert_eq!(
            !matches(&set, "pc.proxy-configured", Section::Proxy, &private),
            passes,
            "{approved}"
        );
    }
}

#[test]
fn hot_plug_parts_and_firmware_are_no_dismantling() {
    let part = |class: PartClass, removable: bool| v1::Part {
        class: class.into(),
        removable,
        ..Default::default()
    };
    let rule = SET.rule("pc.part-changed").unwrap();
    let taken = |part: v1::Part| matches(&SET, "pc.part-changed", Section::Part, &facet::Kind::Part(part));
    assert!(taken(part(PartClass::Memory, false)));
    assert!(!taken(part(PartClass::Disk, true)));
    assert!(!taken(part(PartClass::Monitor, false)));
    let before = v1::Part {
        serial: "A".to_owned(),
        firmware: "1".to_owned(),
        ..part(PartClass::Disk, false)
    };
    let updated = facet::Kind::Part(v1::Part {
        firmware: "2".to_owned(),
        ..before.clone()
    });
    let swapped = facet::Kind::Part(v1::Part {
        serial: "B".to_owned(),
        ..before.clone()
    });
    let before = facet::Kind::Part(before);
    assert!(SET.changes(rule, &before, &updated).is_empty());
    let changes = SET.changes(rule, &before, &swapped);
    assert_eq!(
        changes["serial"],
        serde_json::json!({"before": "A", "after": "B"})
    );
}

#[test]
fn virtual_interfaces_are_not_what_was_assigned() {
    let rule = SET.rule("pc.address-changed").unwrap();
    for (kind, taken) in [
        (InterfaceKind::Ethernet, true),
        (InterfaceKind::Vpn, false),
        (InterfaceKind::Virtual, false),
    ] {
        let facet = facet::Kind::Network(v1::Network {
            kind: kind.into(),
            ..Default::default()
        });
        let section = Section::Network;
        let item = ItemFacts {
            section,
            source: "",
            key: "",
            principal: "",
            facet: &facet,
            local: None,
            class: None,
            licences: &[],
        };
        assert_eq!(SET.selects(rule, &item), taken, "{kind:?}");
    }
}

#[test]
fn what_a_finding_is_about_does_not_depend_on_the_item() {
    let rule = SET.rule("pc.chat").unwrap();
    assert_eq!(rule.subject, SubjectKind::Catalogue);
    let facet = software("linuxqq");
    let class = SET.classify(&facet, "linux-x86_64");
    let local = v1::Local {
        path: "/opt/QQ".to_owned(),
        ..Default::default()
    };
    let item = ItemFacts {
        section: Section::Software,
        source: "dpkg",
        key: "linuxqq:amd64",
        principal: "",
        facet: &facet,
        local: Some(&local),
        class: class.as_ref(),
        licences: &[],
    };
    let subject = SET.subject(rule, &item);
    assert_eq!((subject.key.as_str(), subject.name.as_str()), ("qq", "腾讯QQ"));
    let detail = detail(&item);
    assert_eq!(
        detail,
        serde_json::json!({
            "name": "linuxqq", "kind": "package", "path": "/opt/QQ", "source": "dpkg",
            "recognised_by": "package \"linuxqq\""
        })
    );
    assert_eq!(
        explain::words(Section::Software, &detail, Lang::Zh),
        "名称：linuxqq；种类：软件包；路径：/opt/QQ"
    );
    let unknown = ItemFacts { class: None, ..item };
    assert_eq!(SET.subject(rule, &unknown).key, "linuxqq:amd64");
}

#[test]
fn scope_limits_a_rule_to_departments_and_states() {
    let set = with_rule(
        "kind = \"asset\"\nwhen = \"true\"\nscope = { not_departments = [\"宣传部\"], states = [\"in_use\", \"idle\"] }",
    )
    .unwrap();
    let rule = set.rule("r").unwrap();
    let judged = |department: Option<&str>, state: AssetState| {
        let asset = Asset {
            department: department.map(str::to_owned),
            state,
            ..asset()
        };
        set.asset_matches(rule, &AssetFacts::of(&asset)).unwrap()
    };
    assert!(judged(Some("财务部"), AssetState::InUse));
    assert!(judged(None, AssetState::Idle));
    assert!(!judged(Some("宣传部"), AssetState::InUse));
    assert!(!judged(Some("财务部"), AssetState::Scrapped));
}

/// The categories that REGULATION names, clause by clause; what a rule of the row proves.
const CATEGORIES: [(&str, &[&str]); 8] = [
    ("3.1.4.3 b", &["remote_control"]),
    ("3.1.4.3 c", &["crack", "downloader"]),
    ("3.1.4.3 d", &["bulk_mail"]),
    (
        "3.2.3",
        &["chat", "game", "video", "music", "downloader", "stock"],
    ),
    ("3.2.4", &["hacking", "malware", "crack", "chat", "mining"]),
    ("3.2.5", &["proxy", "vpn"]),
    ("3.2.7", &["cloud_drive"]),
    ("3.1.3", &[]),
];

/// Categories that the selectors of rules about a clause take.
fn taken_by(clause: &str) -> Vec<&'static str> {
    let proving: Vec<&Rule> = SET
        .rules()
        .iter()
        .filter(|rule| rule.kind == RuleKind::Item && rule.proves("PC", clause))
        .collect();
    let all = CATEGORIES.iter().flat_map(|(_, categories)| *categories);
    let mut taken: Vec<&str> = all
        .copied()
        .filter(|category| {
            let class = Classified {
                entry: "one".to_owned(),
                name: "One".to_owned(),
                categories: vec![(*category).to_owned()],
                why: String::new(),
            };
            let facet = software("one");
            let item = ItemFacts {
                section: Section::Software,
                source: "dpkg",
                key: "one",
                principal: "",
                facet: &facet,
                local: None,
                class: Some(&class),
                licences: &[],
            };
            proving.iter().any(|rule| SET.selects(rule, &item))
        })
        .collect();
    taken.sort_unstable();
    taken.dedup();
    taken
}

#[test]
fn every_clause_is_proved_by_the_categories_that_the_regulation_names() {
    for (clause, categories) in CATEGORIES {
        let mut named = categories.to_vec();
        named.sort_unstable();
        assert_eq!(taken_by(clause), named, "{clause}");
    }
    // Whoever chats with WeChat breaches both clauses too.
    let wechat = SET.rule("pc.wechat").unwrap();
    assert!(wechat.proves("PC", "3.2.3") && wechat.proves("PC", "3.2.4"));
}
