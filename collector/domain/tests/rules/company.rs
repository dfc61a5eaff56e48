//! A company's own rules over the shipped ones; and what the documentation says of both.

use super::*;

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
    let page = include_str!("../../../../deploy/docs/rules.md");
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
    let page = include_str!("../../../../deploy/docs/rules.md");
    let kinds = [
        "item", "absent", "count", "changed", "address", "asset", "cross", "register",
    ];
    let fields = [
        "id",
        "clause",
        "also",
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
        "orders",
        "alert",
        "approved_proxies",
        "approved_accounts",
        "approved_shares",
        "approved_mail_programs",
        "shared_accounts",
    ];
    for name in kinds.iter().chain(&fields) {
        assert!(page.contains(&format!("| `{name}`")), "{name}");
    }
    let (_, conditions) = page.split_once("### Conditions").unwrap();
    for (variable, known) in condition_fields() {
        let start = format!("| `{variable}` |");
        let row = conditions.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("no row of {variable}"));
        for name in known {
            assert!(row.contains(&format!("`{name}`")), "{variable}.{name}");
        }
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

#[test]
fn a_clause_that_nothing_proves_is_cited_by_no_rule() {
    let mapped = refusal(with_mine(
        "[[map]]\nclause = \"PC 3.2.8\"\nrules = [\"pc.chat\"]\n",
    ));
    assert!(
        mapped.contains("no rule can prove a breach of clause `PC 3.2.8`"),
        "{mapped}"
    );
    let line = MINE.lines().count() + 2;
    assert!(mapped.starts_with(&format!("mine.toml:{line}:10: ")), "{mapped}");
}

#[test]
fn a_rule_proves_the_other_clauses_that_it_cites() {
    let body = |also: &str| {
        format!(
            "[[rule]]\nid = \"x\"\nclause = \"ACME 7.2\"\nalso = [{also}]\nseverity = \"low\"\ntitle = {{ zh = \"甲\", en = \"a\" }}\nmessage = {{ zh = \"甲\", en = \"a\" }}\nremedy = {{ zh = \"甲\", en = \"a\" }}\nkind = \"item\"\nsections = [\"software\"]\nselect = {{ name = \"x\" }}\n"
        )
    };
    let set = with_mine(&body("\"PC 3.2.3\", \"ACME 8\"")).unwrap();
    let rule = set.rule("x").unwrap();
    assert_eq!(rule.clause_label(), "ACME 7.2");
    assert!(rule.proves("PC", "3.2.3") && rule.proves("ACME", "8") && rule.proves("ACME", "7.2"));
    let proving = set.proving("PC 3.2.3");
    assert!(
        ["x", "pc.game", "pc.chat"]
            .iter()
            .all(|rule| proving.contains(&(*rule).to_owned()))
    );
    assert!(!set.proving("ACME 7.2").contains(&"x".to_owned()));
    assert!(set.proving("nothing").is_empty());
    for twice in ["\"ACME 7.2\"", "\"ACME 8\", \"ACME 8\""] {
        let refused = refusal(with_mine(&body(twice)));
        assert!(refused.contains("cites `ACME"), "{refused}");
    }
    assert!(refusal(with_mine(&body("\"ACME 99\""))).contains("there is no clause `ACME 99`"));
}
