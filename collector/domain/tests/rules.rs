//! What rule files may say, what is refused with which words, and what the shipped PC pack makes of facts.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod packs;

use std::sync::LazyLock;

use deskwarden_domain::{
    model::{About, Asset, AssetId, AssetState, Lang, Matter, Record},
    rules::{
        Alteration, AssetFacts, Checkable, Fault, ItemFacts, Rule, RuleFile, RuleKind, RuleSet, SubjectKind,
        detail, explain,
    },
};
use deskwarden_proto::v1::{self, InterfaceKind, PartClass, Section, SoftwareKind, facet};
use proptest::prelude::*;

static SET: LazyLock<RuleSet> = LazyLock::new(packs::shipped);

fn asset() -> Asset {
    Asset {
        id: AssetId(7),
        number: Some("PC-0007".to_owned()),
        name: "pc7".to_owned(),
        custodian: None,
        department: Some("财务部".to_owned()),
        state: AssetState::InUse,
        provisional: false,
        created_at: 0,
        version: 1,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    }
}

fn matches(set: &RuleSet, rule: &str, section: Section, facet: &facet::Kind) -> bool {
    let asset = asset();
    let class = set.classify(facet, "linux-x86_64");
    let item = ItemFacts {
        section,
        source: "s",
        key: "k",
        principal: "",
        facet,
        local: None,
        class: class.as_ref(),
    };
    let facts = AssetFacts {
        overdue: 0,
        silent: false,
        failed: &[],
        asset: &asset,
        device: None,
        ledger: &[],
    };
    set.item_matches(set.rule(rule).unwrap(), &item, &facts, None)
        .unwrap()
}

/// A small set around one rule's body.
fn with_rule(body: &str) -> Result<RuleSet, Vec<Fault>> {
    let text = format!(
        r#"
[[regulation]]
id = "R"
title = {{ zh = "规定", en = "Rules" }}
version = "1"
[[regulation.clause]]
number = "1"
wording = {{ zh = "甲", en = "a" }}
checkable = "rules"
why = {{ zh = "乙", en = "b" }}
[lists]
ports = ["1", "2"]
[[rule]]
id = "r"
clause = "R 1"
severity = "low"
title = {{ zh = "题", en = "t" }}
message = {{ zh = "文", en = "m" }}
remedy = {{ zh = "改", en = "r" }}
{body}
"#
    );
    RuleSet::load(&[RuleFile {
        name: "t.toml",
        content: &text,
    }])
}

fn with_condition(when: &str) -> Result<RuleSet, Vec<Fault>> {
    with_rule(&format!(
        "kind = \"item\"\nsections = [\"listener\", \"network\"]\nwhen = '''{when}'''"
    ))
}

fn refusal(result: Result<RuleSet, Vec<Fault>>) -> String {
    result
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_fault_of_every_file_is_reported_with_its_place() {
    let one = r#"[[regulation]]
id = "R"
title = { zh = "规定", en = "Rules" }
version = "1"

[[regulation.clause]]
number = "1"
wording = { zh = "甲", en = "a" }
checkable = "perhaps"
why = { zh = "乙", en = "b" }

[[rule]]
id = "bad id"
clause = "R 9"
severity = "dire"
title = { zh = "题" }
message = { zh = "{subjekt}", en = "m" }
remedy = { zh = "改", en = "r" }
kind = "item"
sections = ["software", "softwear"]
select = { category = ["chatt"], flavour = "x", kind = "packge" }
grace = "soon"
wehn = "true"

[chapter]
"#;
    let two = "[[rule]]\nid = \"x\"\nclause = 'R 1'\nkind = \"item\"\nsections = [\"software\"]\nwhen = '''\nitem.name == 'a' &&\n  itm.x\n'''\n= 3\n";
    let faults = RuleSet::load(&[
        RuleFile {
            name: "one.toml",
            content: one,
        },
        RuleFile {
            name: "two.toml",
            content: two,
        },
    ])
    .unwrap_err();
    let found: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let expected = include_str!("faults.txt");
    assert_eq!(
        found.join("\n"),
        expected.trim_end(),
        "\n--- found ---\n{}\n---",
        found.join("\n")
    );
}

#[test]
fn one_faulty_file_leaves_nothing_loaded() {
    let mut files = packs::FILES.to_vec();
    files.push(RuleFile {
        name: "mine.toml",
        content: "[[rule]]\nid = \"mine\"\n",
    });
    assert!(RuleSet::load(&files).is_err());
}

#[test]
fn an_id_is_given_once() {
    let mut files = packs::FILES.to_vec();
    let pack = *files.last().unwrap();
    files.push(RuleFile {
        name: "copy.toml",
        content: pack.content,
    });
    assert!(refusal(RuleSet::load(&files)).contains("there is already a rule `pc.chat`"));
}

#[test]
fn a_switched_off_rule_is_not_in_force() {
    let pack = packs::FILES.last().unwrap();
    let edited = pack
        .content
        .replace("id = \"pc.chat\"", "id = \"pc.chat\"\nenabled = false");
    let mut files: Vec<RuleFile<'_>> = packs::FILES.split_last().unwrap().1.to_vec();
    files.push(RuleFile {
        name: "pc.toml",
        content: &edited,
    });
    let set = RuleSet::load(&files).unwrap();
    assert!(set.rule("pc.chat").is_none());
    assert!(set.disabled().iter().any(|rule| rule.id == "pc.chat"));
    assert!(SET.rule("pc.chat").is_some());
}

#[test]
fn all_clauses_are_listed_and_those_not_checkable_say_why() {
    let numbers = |id: &str| {
        let regulation = SET
            .regulations()
            .iter()
            .find(|regulation| regulation.id == id)
            .unwrap();
        regulation
            .clauses
            .iter()
            .map(|clause| clause.number.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        numbers("PC"),
        [
            "3.1.1",
            "3.1.2.1",
            "3.1.2.2",
            "3.1.3",
            "3.1.4.1",
            "3.1.4.2",
            "3.1.4.3 a",
            "3.1.4.3 b",
            "3.1.4.3 c",
            "3.1.4.3 d",
            "3.1.5",
            "3.2.1",
            "3.2.2",
            "3.2.3",
            "3.2.4",
            "3.2.5",
            "3.2.6",
            "3.2.7",
            "3.2.8",
            "3.3",
            "4",
            "5"
        ]
    );
    assert_eq!(numbers("OUT"), ["7.4", "12", "13", "14", "15", "16", "17"]);
    assert_eq!(numbers("SVC").len(), 8);
    let silent = SET
        .regulations()
        .iter()
        .flat_map(|regulation| &regulation.clauses)
        .find(|c| c.why.zh.is_empty());
    assert_eq!(silent, None);
    let never: Vec<_> = SET.regulations()[1]
        .clauses
        .iter()
        .filter(|c| c.checkable == Checkable::No)
        .collect();
    assert!(never.iter().any(|clause| clause.number == "3.2.8") && never.len() >= 3);
}

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
    let judged = |asset: &Asset| {
        SET.asset_matches(
            rule,
            &AssetFacts {
                overdue: 0,
                silent: false,
                failed: &[],
                asset,
                device: None,
                ledger: &[],
            },
        )
        .unwrap()
    };
    assert!(!judged(&asset));
    asset.provisional = true;
    assert!(judged(&asset));
}

fn software(name: &str) -> facet::Kind {
    let kind = SoftwareKind::Package.into();
    facet::Kind::Software(v1::Software {
        name: name.to_owned(),
        kind,
        ..Default::default()
    })
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

fn proxy(value: &str, host: &str, port: u32, enabled: bool) -> facet::Kind {
    facet::Kind::Proxy(v1::Proxy {
        setting: "http_proxy".to_owned(),
        value: value.to_owned(),
        scheme: "http".to_owned(),
        host: host.to_owned(),
        port,
        enabled,
        ..Default::default()
    })
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
        "名称：linuxqq；种类：package；路径：/opt/QQ"
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
        set.asset_matches(
            rule,
            &AssetFacts {
                overdue: 0,
                silent: false,
                failed: &[],
                asset: &asset,
                device: None,
                ledger: &[],
            },
        )
        .unwrap()
    };
    assert!(judged(Some("财务部"), AssetState::InUse));
    assert!(judged(None, AssetState::Idle));
    assert!(!judged(Some("宣传部"), AssetState::InUse));
    assert!(!judged(Some("财务部"), AssetState::Scrapped));
}

#[test]
fn selectors_test_fields_as_written() {
    let listener = |port: u32, program: &str| {
        facet::Kind::Listener(v1::Listener {
            port,
            program: program.to_owned(),
            protocol: "tcp".to_owned(),
            addresses: vec!["0.0.0.0".to_owned(), "10.0.0.1".to_owned()],
            ..Default::default()
        })
    };
    let facet = listener(8080, "/usr/bin/Squid");
    for (select, taken) in [
        ("port = 8080", true),
        ("port = [80, 443]", false),
        ("port = { above = 1024, below = 9000 }", true),
        ("port = { above = 8080 }", false),
        ("port = { not = [8080] }", false),
        ("program = \"/usr/bin/squid\"", true),
        (
            "program = { prefix = \"/usr/\", suffix = [\"squid\", \"tinyproxy\"] }",
            true,
        ),
        ("program = { contains = \"nginx\" }", false),
        ("program = { matches = \"sq[u]+id$\" }", true),
        ("program = { not = \"/usr/bin/squid\" }", false),
        ("port = { in = \"ports\" }", false),
        ("protocol = \"tcp\", port = 1", false),
        ("addresses = \"10.0.0.1\"", true),
        ("addresses = { not = \"10.0.0.1\" }", false),
        ("addresses = { prefix = \"192.\" }", false),
        ("source = \"s\"", true),
        ("source = \"other\"", false),
    ] {
        let set = with_rule(&format!(
            "kind = \"item\"\nsections = [\"listener\"]\nselect = {{ {select} }}"
        ))
        .unwrap();
        assert_eq!(matches(&set, "r", Section::Listener, &facet), taken, "{select}");
        assert_eq!(
            set.rule("r").unwrap().selector_is_facet_only(),
            !select.starts_with("source"),
            "{select}"
        );
    }
}

#[test]
fn an_empty_list_contains_nothing() {
    let body = "kind = \"item\"\nsections = [\"listener\"]\nselect = { program = { in = \"none\" } }";
    assert!(refusal(with_rule(body)).contains("there is no list `none`"));
    let listener = facet::Kind::Listener(v1::Listener::default());
    let mine = format!("{}\n", packs::FILES.last().unwrap().content).replace(
        "select = { enabled = true, value",
        "select = { host = { in = \"approved_proxies\" }, enabled = true, value",
    );
    let mut files: Vec<RuleFile<'_>> = packs::FILES.split_last().unwrap().1.to_vec();
    files.push(RuleFile {
        name: "pc.toml",
        content: &mine,
    });
    let set = RuleSet::load(&files).unwrap();
    assert!(!matches(
        &set,
        "pc.proxy-configured",
        Section::Proxy,
        &proxy("x", "h", 1, true)
    ));
    assert!(!matches(
        &set,
        "pc.proxy-configured",
        Section::Listener,
        &listener
    ));
}

#[test]
fn conditions_read_items_assets_and_lists() {
    let facet = facet::Kind::Network(v1::Network {
        mac: "00:11:22:33:44:55".to_owned(),
        addresses: vec![v1::Address {
            ip: "10.0.0.9".to_owned(),
            prefix: 24,
            ..Default::default()
        }],
        dns: vec!["8.8.8.8".to_owned()],
        up: true,
        ..Default::default()
    });
    for (when, holds) in [
        ("item.section == 'network' && has(item.up) && item.up", true),
        ("has(item.port) && item.port == 1", false),
        (
            "has(item.addresses) && item.addresses.exists(a, a.ip.startsWith('10.') && a.prefix == 24)",
            true,
        ),
        ("has(item.dns) && item.dns.all(d, d in lists.ports)", false),
        ("has(item.mac) && item.mac.matches('^00:1+:')", true),
        ("has(item.mac) && matches(item.mac, '^ff')", false),
        ("asset.department == '财务部' && asset.number != ''", true),
        ("baseline == null && device == null && size(ledger) == 0", true),
        ("item.class.entry == '' && size(item.class.categories) == 0", true),
    ] {
        let set = with_condition(when).unwrap_or_else(|faults| unreachable!("{when}: {faults:?}"));
        assert_eq!(matches(&set, "r", Section::Network, &facet), holds, "{when}");
    }
}

#[test]
fn conditions_that_cannot_work_are_refused_at_load() {
    for (when, why) in [
        ("", "`when` is empty"),
        ("item.name", "has no field `name`"),
        ("item.port == 1", "ask `has(item.port)` first"),
        ("itm.key == 'a'", "`itm` is not known"),
        ("asset.colour == 'red'", "`asset` has no field `colour`"),
        ("'a' in lists.nothing", "there is no list `nothing`"),
        (
            "item.key.upperAscii() == 'A'",
            "there is no function `upperAscii`",
        ),
        ("item.key", "instead of true or false"),
        ("item.key > 1", "types do not fit"),
        ("item.key == 'a' &&", "cannot be read"),
        ("item.key.matches('(')", "the pattern is refused"),
        ("item.key.matches(item.source)", "literal pattern"),
        (
            "lists.ports.exists(a, lists.ports.exists(b, a == b))",
            "a loop stands within a loop",
        ),
        (
            "lists.ports.map(a, a + a).exists(b, b == 'x')",
            "runs over something computed",
        ),
        (
            "(lists.ports + lists.ports).exists(b, b == 'x')",
            "runs over something computed",
        ),
        ("lists.ports.exists(item, item == 'a')", "hides `item`"),
        ("item.key.@matches(1)", "cannot be read"),
        ("Foo{a: 1} == null", "not a known type"),
    ] {
        let refused = refusal(with_condition(when));
        assert!(refused.contains(why), "{when}: {refused}");
        assert!(refused.starts_with("t.toml:"), "{refused}");
    }
}

#[test]
fn hostile_conditions_are_refused_quickly() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("{}1{} == 1", open.repeat(count), close.repeat(count))
    };
    let heavy = "lists.ports == lists.ports";
    for (when, why) in [
        (deep("(", ")", 300), "nests more than"),
        (deep("[", "]", 300), "nests more than"),
        (deep("{1:", "}", 200), "nests more than"),
        (format!("{} 1 == 1", "1 + ".repeat(450)), "more than"),
        (format!("item{}", ".key".repeat(400)), "more than"),
        (
            format!("lists.ports.exists(a, {})", [heavy; 40].join(" && ")),
            "steps",
        ),
        ("a".repeat(5000), "exceeds 2048 bytes"),
        ("true ? ".repeat(200) + "true", "cannot be read"),
        ("\"".repeat(901), "cannot be read"),
        ("[".repeat(8), "cannot be read"),
        ("(".repeat(9), "nests more than"),
        ("')'+(".repeat(9), "nests more than"),
        ("1+".repeat(1000) + "1 == 1", "more than"),
    ] {
        let refused = refusal(with_condition(&when));
        assert!(refused.contains(why), "{when}: {refused}");
    }
    // Long, but nothing that would take long: only that an answer comes.
    for when in [
        "!".repeat(1000) + "true",
        "-".repeat(1000) + "1 == 1",
        "a?b:".repeat(300),
        "a.".repeat(900),
    ] {
        with_condition(&when).ok();
    }
}

#[test]
fn the_longest_permitted_loop_ends() {
    let values: Vec<String> = (0..1000).map(|n| format!("\"v{n}\"")).collect();
    let lists = format!("[lists]\nmany = [{}]\n", values.join(","));
    let pack = packs::FILES.last().unwrap();
    let edited = pack.content.replace(
        "when = \"asset.provisional\"",
        "when = \"lists.many.all(a, a in lists.many) && !lists.many.exists(a, a.matches('(v+)+x'))\"",
    );
    let mut files: Vec<RuleFile<'_>> = packs::FILES.split_last().unwrap().1.to_vec();
    files.push(RuleFile {
        name: "pc.toml",
        content: &edited,
    });
    files.push(RuleFile {
        name: "many.toml",
        content: &lists,
    });
    let set = RuleSet::load(&files).unwrap();
    let asset = asset();
    let facts = AssetFacts {
        overdue: 0,
        silent: false,
        failed: &[],
        asset: &asset,
        device: None,
        ledger: &[],
    };
    assert!(
        set.asset_matches(set.rule("pc.unregistered").unwrap(), &facts)
            .unwrap()
    );
}

#[test]
fn the_deepest_permitted_condition_is_evaluated() {
    let facet = facet::Kind::Network(v1::Network::default());
    let brackets = format!("{}true{}", "(".repeat(8), ")".repeat(8));
    let sum = format!("{}0 == 29", "1 + ".repeat(29));
    for when in [sum, "!".repeat(30) + "true", brackets] {
        let set = with_condition(&when).unwrap();
        assert!(matches(&set, "r", Section::Network, &facet), "{when}");
    }
}

#[test]
fn a_condition_that_does_not_fit_a_fact_says_so() {
    let set = with_condition("has(item.dns) && item.dns[0] == '1.1.1.1'").unwrap();
    let facet = facet::Kind::Network(v1::Network::default());
    let asset = asset();
    let (section, local) = (Section::Network, None);
    let item = ItemFacts {
        section,
        source: "",
        key: "",
        principal: "",
        facet: &facet,
        local,
        class: None,
    };
    let facts = AssetFacts {
        overdue: 0,
        silent: false,
        failed: &[],
        asset: &asset,
        device: None,
        ledger: &[],
    };
    let fault = set
        .item_matches(set.rule("r").unwrap(), &item, &facts, None)
        .unwrap_err();
    assert!(
        fault
            .to_string()
            .starts_with("the condition of rule r could not be evaluated: "),
        "{fault}"
    );
    assert!(fault.reason.contains("shorter"), "{fault}");
}

#[test]
fn kinds_refuse_what_does_not_fit_them() {
    for (body, why) in [
        ("kind = \"asset\"", "has no condition"),
        ("kind = \"asset\"\nwhen = \"item.key == ''\"", "has no `item`"),
        (
            "kind = \"asset\"\nsections = [\"os\"]\nwhen = \"true\"",
            "is about no section",
        ),
        (
            "kind = \"item\"\nsections = [\"software\"]",
            "would match every item",
        ),
        (
            "kind = \"item\"\nselect = { name = \"a\" }",
            "`sections` is missing",
        ),
        (
            "kind = \"changed\"\nsections = [\"software\"]",
            "has no accepted baseline",
        ),
        (
            "kind = \"address\"\nsections = [\"part\"]",
            "section network only",
        ),
        ("kind = \"count\"\nsections = [\"account\"]", "has no limit"),
        (
            "kind = \"item\"\nmore_than = 1\nsections = [\"os\"]\nselect = { name = \"a\" }",
            "has no `more_than`",
        ),
        ("kind = \"sometimes\"", "is no kind of rule"),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = { above = 3 } }",
            "is not a number",
        ),
        (
            "kind = \"item\"\nsections = [\"part\"]\nselect = { class = \"memroy\" }",
            "`class` is never `memroy`",
        ),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = \"a\" }\nneeds = [\"os:a*b\"]",
            "names no source",
        ),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = \"a\" }\nsubject = \"field:x\"",
            "no field `x`",
        ),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = \"a\" }\nignore = [\"name\"]",
            "only rules about changes",
        ),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = \"a\" }\ngrace = \"9000d\"",
            "is no duration",
        ),
        (
            "kind = \"item\"\nsections = [\"os\"]\nselect = { name = \"a\" }\nscope = { states = [\"lent\"] }",
            "no state",
        ),
    ] {
        let refused = refusal(with_rule(body));
        assert!(refused.contains(why), "{body}: {refused}");
    }
}

#[test]
fn a_set_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<RuleSet>();
}

#[test]
fn durations_and_needs_are_read() {
    for (text, ms) in [
        ("90s", 90_000),
        ("30m", 1_800_000),
        ("12h", 43_200_000),
        ("7d", 604_800_000),
    ] {
        let body = format!(
            "kind = \"asset\"\nwhen = \"true\"\ngrace = \"{text}\"\nneeds = [\"proxy:winhttp*\", \"os\"]"
        );
        let set = with_rule(&body).unwrap();
        let rule = set.rule("r").unwrap();
        assert_eq!(rule.grace_ms, ms);
        assert!(
            rule.needs[0].covers(Section::Proxy, "winhttp:x") && !rule.needs[0].covers(Section::Proxy, "env")
        );
        assert!(rule.needs[1].covers(Section::Os, "anything"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_condition_breaks_loading(when in "[ -~]{0,60}") {
        let text = when.replace("'''", "''");
        with_condition(&text).ok();
    }

    #[test]
    fn no_file_breaks_loading(text in any::<String>()) {
        RuleSet::load(&[RuleFile { name: "t.toml", content: &text }]).ok();
    }
}

const MINE: &str = r#"
[[regulation]]
id = "ACME"
title = { zh = "甲公司管理规定", en = "Rules of ACME" }
version = "2026"
[[regulation.clause]]
number = "7.2"
wording = { zh = "不得聊天", en = "No chatting" }
checkable = "rules"
why = { zh = "软件", en = "Programs" }
[[regulation.clause]]
number = "8"
wording = { zh = "教育", en = "Training" }
checkable = "records"
why = { zh = "记录", en = "Records" }
records = ["acknowledgements"]
"#;

/// The shipped set without its catalogue of leisure, which few of these tests need, and a file of a company.
fn with_mine(more: &str) -> Result<RuleSet, Vec<Fault>> {
    let mine = format!("{MINE}{more}");
    let mut files = packs::FILES.to_vec();
    files.retain(|file| !file.name.starts_with("catalogue"));
    files.push(RuleFile {
        name: "mine.toml",
        content: &mine,
    });
    RuleSet::load(&files)
}

#[test]
fn a_company_ties_shipped_rules_to_clauses_of_its_own() {
    let set = with_mine("[[map]]\nclause = \"ACME 7.2\"\nrules = [\"pc.chat\"]\n[[map]]\nclause = \"ACME 8\"\nrules = [\"pc.chat\", \"pc.game\"]\ncite = false\n").unwrap();
    let chat = set.rule("pc.chat").unwrap();
    assert_eq!(chat.clause_label(), "ACME 7.2");
    assert!(chat.proves("PC", "3.2.4") && chat.proves("ACME", "8") && !chat.proves("PC", "3.2.5"));
    let game = set.rule("pc.game").unwrap();
    assert_eq!(game.clause_label(), "PC 3.2.3");
    assert!(game.proves("ACME", "8"));
}

#[test]
fn a_company_adjusts_a_shipped_rule_without_copying_it() {
    let set = with_mine(
        "[[adjust]]\nrules = [\"pc.video\"]\nseverity = \"low\"\ngrace = \"1d\"\nscope = { not_departments = [\"宣传部\"] }\n\
         [[adjust]]\nrules = [\"pc.firewall-off\"]\nenabled = true\n[[adjust]]\nrules = [\"pc.share\"]\nenabled = false\n",
    )
    .unwrap();
    let video = set.rule("pc.video").unwrap();
    assert_eq!((video.severity.name(), video.grace_ms), ("low", 86_400_000));
    assert_eq!(video.scope.not_departments, ["宣传部"]);
    assert!(set.rule("pc.firewall-off").is_some() && set.rule("pc.share").is_none());
}

#[test]
fn mistakes_about_rules_of_others_are_told_all_at_once() {
    let faults = refusal(with_mine(
        "[[map]]\nclause = \"ACME 9\"\nrules = [\"pc.chat\"]\n[[map]]\nclause = \"ACME 7.2\"\nrules = [\"pc.chat\", \"pc.chatt\"]\n\
         [[map]]\nclause = \"ACME 8\"\nrules = [\"pc.chat\"]\n[[adjust]]\nrules = []\nseverity = \"dire\"\n\
         [[adjust]]\nrules = [\"pc.game\", \"pc.part-moved\"]\ngrace = \"1d\"\n[[adjust]]\nrules = [\"pc.game\"]\nenabled = true\n",
    ));
    for expected in [
        "mine.toml:18:10: there is no clause `ACME 9`",
        "mine.toml:22:21: there is no rule `pc.chatt`",
        "mine.toml:25:10: findings of `pc.chat` cite `ACME 7.2` already",
        "mine.toml:26:1: `rules` names no rule",
        "mine.toml:28:12: `dire` is no severity",
        "mine.toml:30:21: `pc.part-moved` is a rule of kind `cross`, which has no grace",
        "mine.toml:33:10: `pc.game` is adjusted already",
    ] {
        assert!(faults.contains(expected), "{expected} not in\n{faults}");
    }
}

#[test]
fn a_clause_that_records_show_names_them() {
    let faults = refusal(RuleSet::load(&[RuleFile {
        name: "mine.toml",
        content: &MINE.replace("[\"acknowledgements\"]", "[\"acknowledgement\"]"),
    }]));
    assert!(
        faults.contains("mine.toml:16:12: `acknowledgement` is no kind of record"),
        "{faults}"
    );
    let faults = refusal(RuleSet::load(&[RuleFile {
        name: "mine.toml",
        content: &MINE.replace("records = [\"acknowledgements\"]", ""),
    }]));
    assert!(
        faults.contains("the clause is checked by records, and names none"),
        "{faults}"
    );
}

#[test]
fn a_changed_rule_is_about_known_ways_to_differ() {
    let body = |about: &str| {
        format!(
            "[[rule]]\nid = \"x\"\nclause = \"ACME 7.2\"\nseverity = \"low\"\ntitle = {{ zh = \"甲\", en = \"a\" }}\nmessage = {{ zh = \"甲\", en = \"a\" }}\nremedy = {{ zh = \"甲\", en = \"a\" }}\nkind = \"changed\"\nsections = [\"account\"]\nabout = [\"{about}\"]\n"
        )
    };
    let set = with_mine(&body("added")).unwrap();
    assert_eq!(set.rule("x").unwrap().alterations, [Alteration::Added]);
    assert!(
        refusal(with_mine(&body("addded")))
            .contains("`addded` is no way to differ; use one of: added, removed, changed")
    );
}

/// Examples of the documentation, joined as one file of a company.
fn documented() -> String {
    let page = include_str!("../../../deploy/docs/rules.md");
    let blocks = page.split("```toml\n").skip(1);
    blocks.filter_map(|block| block.split("```").next()).collect()
}

#[test]
fn the_examples_of_the_documentation_load() {
    let mine = documented();
    assert!(mine.contains("[[map]]") && mine.contains("[[adjust]]") && mine.contains("[[rule]]"));
    let mut files = packs::FILES.to_vec();
    files.retain(|file| !file.name.starts_with("catalogue"));
    files.push(RuleFile {
        name: "acme.toml",
        content: &mine,
    });
    let set = RuleSet::load(&files).unwrap_or_else(|faults| panic!("{faults:#?}"));
    assert_eq!(set.rule("pc.chat").unwrap().clause_label(), "ACME 7.2");
    assert!(set.rule("acme.open-port").is_some() && set.rule("pc.firewall-off").is_some());
    assert_eq!(set.list("approved_shares"), ["scan"]);
}

#[test]
fn the_documentation_names_everything_that_a_rule_may_say() {
    let page = include_str!("../../../deploy/docs/rules.md");
    let kinds = [
        "item", "absent", "count", "changed", "address", "asset", "cross", "register",
    ];
    let fields = [
        "id",
        "clause",
        "severity",
        "kind",
        "sections",
        "select",
        "when",
        "needs",
        "subject",
        "grace",
        "scope",
        "title",
        "enabled",
        "more_than",
        "about",
        "after",
        "ignore",
    ];
    for name in kinds.iter().chain(&fields) {
        assert!(page.contains(&format!("| `{name}`")), "{name}");
    }
    for about in About::ALL {
        assert!(page.contains(&format!("`{}`", about.name())), "{}", about.name());
    }
    for matter in Matter::ALL {
        assert!(
            page.contains(&format!("`{}`", matter.name())),
            "{}",
            matter.name()
        );
    }
    for record in Record::ALL {
        assert!(page.contains(record.name()), "{}", record.name());
    }
}
