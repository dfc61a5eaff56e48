//! Selectors and conditions: what they read, what they refuse, how long they may take.

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
