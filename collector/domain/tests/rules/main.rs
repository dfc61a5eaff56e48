//! What rule files may say, what is refused with which words, and what the shipped PC pack makes of facts.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod company;
mod conditions;
mod loading;
#[path = "../packs/mod.rs"]
mod packs;
mod shipped;

use deskwarden_domain::{
    model::{About, Asset, AssetId, AssetState, Lang, Matter, Record},
    rules::{
        Alteration, AssetFacts, Checkable, Fault, ItemFacts, Rule, RuleFile, RuleKind, RuleSet, SubjectKind,
        condition_fields, detail, explain,
    },
};
use deskwarden_proto::v1::{self, InterfaceKind, PartClass, Section, SoftwareKind, facet};
use proptest::prelude::*;
use std::sync::LazyLock;

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
        licences: &[],
    };
    let facts = AssetFacts::of(&asset);
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

fn software(name: &str) -> facet::Kind {
    let kind = SoftwareKind::Package.into();
    facet::Kind::Software(v1::Software {
        name: name.to_owned(),
        kind,
        ..Default::default()
    })
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
