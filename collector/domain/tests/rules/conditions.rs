//! Selectors and conditions: what they read, what they refuse, how long they may take.

use deskwarden_domain::{
    model::{AssetClass, SourceStatus},
    register::{Order, Papers, Person, Provider, Subnet, Transfer, Visit},
};
use deskwarden_proto::v1::Look;

use super::*;

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
        (
            "section.look == 'denied'",
            "`section` has no field `look`; use one of: name, items, sources",
        ),
        ("section.sources > 1", "types do not fit"),
        (
            "section.sources.exists(s, s.looks == '')",
            "there is no field `looks`",
        ),
        (
            "register.colour == 'red'",
            "`register` has no field `colour`; use one of: number, state,",
        ),
        (
            "register.transfers.exists(t, t.form == '')",
            "there is no field `form`",
        ),
        ("register.orders.exists(o, o.parts > 1)", "types do not fit"),
        ("register.visits.exists(register, true)", "hides `register`"),
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
    let facts = AssetFacts::of(&asset);
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
        licences: &[],
    };
    let facts = AssetFacts::of(&asset);
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

/// A day in milliseconds.
const DAY: i64 = 86_400_000;
const NOW: i64 = 20_000 * DAY;

fn papers() -> Papers {
    let transfer = |number: &str, due: i64, received: Option<i64>| Transfer {
        number: number.to_owned(),
        from: "王芳".to_owned(),
        to: "李伟".to_owned(),
        date: due - 3 * DAY,
        due,
        received,
    };
    let order = |number: &str, from: i64, to: i64| Order {
        number: number.to_owned(),
        from,
        to,
        parts: vec!["memory".to_owned()],
    };
    let visit = |number: &str, from: i64, to: i64| Visit {
        number: number.to_owned(),
        from,
        to,
    };
    Papers {
        person: Some(Person {
            name: "王芳".to_owned(),
            accounts: vec!["wangfang".to_owned()],
        }),
        provider: Some(Provider {
            name: "甲公司".to_owned(),
            responsible: "赵强".to_owned(),
            subnets: Subnet::parse("10.9.0.0/24").into_iter().collect(),
        }),
        transfers: vec![
            transfer("T-1", NOW, None),
            transfer("T-2", NOW + 1, None),
            transfer("T-3", NOW, Some(NOW - 1)),
        ],
        orders: vec![
            order("O-1", NOW, NOW),
            order("O-2", NOW + 1, NOW + DAY),
            order("O-3", NOW - DAY, NOW - 1),
        ],
        visits: vec![
            visit("V-1", NOW - DAY, NOW),
            visit("V-2", NOW + 1, NOW + DAY),
            visit("V-3", NOW - DAY, NOW - 1),
        ],
    }
}

#[test]
fn conditions_read_the_section_and_the_register() {
    let source = |section, source: &str, look, reason: &str| SourceStatus {
        section,
        source: source.to_owned(),
        look,
        reason: reason.to_owned(),
        since: 7,
        first_looked_at: None,
    };
    let sources = [
        source(Section::Network, "netlink", Look::Looked, ""),
        source(Section::Network, "ndp", Look::Denied, "no permission"),
        source(Section::Software, "rpm", Look::Unsupported, "no rpm"),
    ];
    let asset = Asset {
        custodian: Some("王芳".to_owned()),
        custodian_since: 5,
        state: AssetState::Idle,
        state_since: 6,
        class: AssetClass::Outsourced,
        provider: Some("甲公司".to_owned()),
        place: Some("3F".to_owned()),
        ..asset()
    };
    let papers = papers();
    let facts = AssetFacts {
        sources: &sources,
        sums: &[(Section::Network, 1, 3), (Section::Software, 1, 9)],
        papers: &papers,
        now: NOW,
        ..AssetFacts::of(&asset)
    };
    let facet = facet::Kind::Network(v1::Network::default());
    let item = ItemFacts {
        section: Section::Network,
        source: "netlink",
        key: "k",
        principal: "",
        facet: &facet,
        local: None,
        class: None,
        licences: &["Office", "Visio"],
    };
    for (when, holds) in [
        ("section.name == item.section && section.items == 3", true),
        ("section.sources.size() == 2", true),
        (
            "section.sources.exists(s, s.source == 'ndp' && s.look == 'denied' && s.reason == 'no permission' && s.since == 7)",
            true,
        ),
        ("section.sources.all(s, s.look == 'looked')", false),
        ("section.sources.exists(s, s.look == 'unsupported')", false),
        (
            "register.number == asset.number && register.department == '财务部'",
            true,
        ),
        ("register.state == 'idle' && register.state_since == 6", true),
        (
            "register.custodian == '王芳' && register.custodian_since == 5",
            true,
        ),
        ("register.accounts == ['wangfang']", true),
        (
            "register.class == 'outsourced' && register.provider == '甲公司'",
            true,
        ),
        ("register.responsible == '赵强' && register.place == '3F'", true),
        ("register.networks == ['10.9.0.0/24']", true),
        ("register.transfers.map(t, t.number) == ['T-1', 'T-2']", true),
        ("register.transfers.filter(t, t.overdue).size() == 1", true),
        (
            "register.transfers.exists(t, t.overdue && t.from == '王芳' && t.to == '李伟' && t.due - t.date == 259200000)",
            true,
        ),
        ("register.orders.map(o, o.number) == ['O-1']", true),
        (
            "register.orders.exists(o, 'memory' in o.parts && o.from == o.to)",
            true,
        ),
        ("register.visits.map(v, v.number) == ['V-1']", true),
        ("register.visits.all(v, v.to - v.from == 86400000)", true),
        (
            "'Visio' in register.licences && register.licences.size() == 2",
            true,
        ),
        ("register.licences.size() == 0", false),
    ] {
        let set = with_condition(when).unwrap_or_else(|faults| unreachable!("{when}: {faults:?}"));
        let rule = set.rule("r").unwrap();
        assert_eq!(set.item_matches(rule, &item, &facts, None), Ok(holds), "{when}");
        assert_eq!(rule.reads_section(), when.contains("section."), "{when}");
        assert_eq!(rule.reads_register(), when.contains("register."), "{when}");
    }
}

#[test]
fn what_an_asset_has_too_much_of_is_not_looked_at() {
    let set = with_rule("kind = \"asset\"\nwhen = \"register.orders.size() > 0\"").unwrap();
    let rule = set.rule("r").unwrap();
    let judged = |count: usize| {
        let order = Order {
            number: "O".to_owned(),
            from: 0,
            to: NOW,
            parts: Vec::new(),
        };
        let papers = Papers {
            orders: vec![order; count],
            ..Papers::default()
        };
        let asset = asset();
        let facts = AssetFacts {
            papers: &papers,
            ..AssetFacts::of(&asset)
        };
        set.asset_matches(rule, &facts)
    };
    assert_eq!(judged(64), Ok(true));
    assert!(
        judged(65)
            .unwrap_err()
            .reason
            .contains("more than 64 open work orders")
    );
}

#[test]
fn a_rule_about_the_asset_has_no_section_and_no_licences() {
    let with = |when: &str| with_rule(&format!("kind = \"asset\"\nwhen = \"{when}\""));
    assert!(with("register.state == 'idle'").is_ok());
    for (when, why) in [
        (
            "section.items == 0",
            "a rule of kind `asset` has no `section`; use asset, device, register,",
        ),
        (
            "register.licences.size() == 0",
            "a rule of kind `asset` has no `register.licences`",
        ),
    ] {
        let refused = refusal(with(when));
        assert!(refused.contains(why), "{when}: {refused}");
    }
}
