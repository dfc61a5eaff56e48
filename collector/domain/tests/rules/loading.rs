//! Files of rules: what loads, and every fault with its place.

use super::*;

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

[[regulation.clause]]
number = "2"
wording = { zh = "甲", en = "a" }
checkable = "no"
why = { zh = "乙", en = "b" }

[[rule]]
id = "bad id"
clause = "R 9"
also = ["R 2", "R 8"]
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
    let expected = include_str!("../faults.txt");
    assert_eq!(
        found.join("\n"),
        expected.trim_end(),
        "\n--- found ---\n{}\n---",
        found.join("\n")
    );
}

#[test]
fn a_misspelt_section_is_one_fault() {
    let words = "{ zh = \"甲\", en = \"a\" }";
    let rule = format!(
        "[[rule]]\nid = \"x\"\nclause = \"PC 3.2.4\"\nseverity = \"low\"\ntitle = {words}\nmessage = {words}\nremedy = {words}\nkind = \"item\"\nsections = [\"softwear\"]\nwhen = \"item.name == 'a'\"\n"
    );
    let mut files = packs::FILES.to_vec();
    files.push(RuleFile {
        name: "mine.toml",
        content: &rule,
    });
    let told = refusal(RuleSet::load(&files));
    assert!(
        told.lines().count() == 1 && told.starts_with("mine.toml:9:13: `softwear` is no section"),
        "{told}"
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
