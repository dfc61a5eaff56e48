//! Ledgers that are judged over several PCs: software that was paid for (PC 3.1.4.3 c), and removable media
//! (PC 3.2.7, OUT 12). A breach, none, what could not be looked at, and the twin with the rule switched off.

mod support;

use deskwarden_domain::{
    cross::{CrossVerdict, judge_claims},
    judge::Context,
    model::{
        Asset, AssetClass, AssetId, ClaimKind, ClaimNote, ClaimOrigin, FindingState, Holder, Millis, Outcome,
    },
    port::{Known, Op, Picture, Said, Used, Value},
    register::Licence,
    rules::RuleSet,
};
use deskwarden_proto::v1::{Facet, Look, Media, Section};
use support::{ASSET, Pc, context};

const DAY: Millis = 86_400_000;
const NOW: Millis = 1_795_824_000_000;

const REGULATIONS: &str = include_str!("../../rules/regulations.toml");
const CATEGORIES: &str = include_str!("../../rules/categories.toml");

fn built_in(off: &str) -> Context {
    let switched = |text: &str| {
        text.replace(
            &format!("id = \"{off}\"\n"),
            &format!("id = \"{off}\"\nenabled = false\n"),
        )
    };
    let pc = switched(include_str!("../../rules/pc.toml"));
    let out = switched(include_str!("../../rules/out.toml"));
    let files = [
        ("regulations.toml", REGULATIONS),
        ("categories.toml", CATEGORIES),
        ("pc.toml", pc.as_str()),
        ("out.toml", out.as_str()),
    ];
    context(1, &files)
}

fn licence(seats: u64) -> Licence {
    Licence {
        title: "AutoCAD".into(),
        entry: String::new(),
        pattern: "autocad*".into(),
        seats,
    }
}

fn value(kind: ClaimKind, value: &str) -> Value {
    Value {
        kind,
        value: value.into(),
    }
}

fn judged(value: Value, picture: &Picture, rules: &RuleSet) -> CrossVerdict {
    judge_claims(&[value], picture, rules, picture.at)
}

fn states(verdict: &CrossVerdict) -> Vec<(&str, &Holder, FindingState)> {
    verdict
        .findings
        .iter()
        .map(|finding| (finding.key.rule.as_str(), &finding.key.holder, finding.state))
        .collect()
}

#[test]
fn pc_3_1_4_3_c_more_pcs_have_a_title_than_were_paid_for() {
    let context = built_in("");
    let mut picture = Picture {
        at: NOW,
        licences: vec![Used {
            licence: licence(2),
            count: 3,
            by: vec!["pc-1".into()],
        }],
        ..Picture::default()
    };
    let title = || value(ClaimKind::Licence, "AutoCAD");
    let verdict = judged(title(), &picture, &context.rules);
    assert_eq!(
        states(&verdict),
        [("pc.licence-overused", &Holder::Organisation, FindingState::Open)]
    );
    let seen = verdict.findings[0].seen.as_deref().unwrap();
    assert!(seen.contains("3 台电脑") && seen.contains("2 seats"), "{seen}");
    assert!(
        judged(title(), &picture, &built_in("pc.licence-overused").rules)
            .findings
            .is_empty()
    );
    picture.findings = verdict.findings;
    picture.licences[0].count = 2;
    assert_eq!(
        states(&judged(title(), &picture, &context.rules)),
        [(
            "pc.licence-overused",
            &Holder::Organisation,
            FindingState::Resolved
        )]
    );
    picture.licences.clear();
    assert_eq!(
        judged(title(), &picture, &context.rules).findings.len(),
        1,
        "the title left the ledger"
    );
}

#[test]
fn a_pc_that_gets_or_loses_a_licensed_title_has_it_counted() {
    let mut context = built_in("");
    context.licences = [licence(1)].into();
    let mut pc = Pc::new();
    let touched = |pc: &mut Pc| {
        let ops = std::mem::take(&mut pc.ops);
        let found = ops.iter().filter(
            |op| matches!(op, Op::Touch { kind: ClaimKind::Licence, value, .. } if value == "AutoCAD"),
        );
        found.count()
    };
    pc.software(&context, &["bash", "autocad-2024"]);
    assert_eq!(touched(&mut pc), 1);
    let has = |pc: &Pc| {
        pc.state
            .evidence
            .iter()
            .any(|piece| piece.subject == "licence:AutoCAD")
    };
    assert!(has(&pc));
    assert_eq!(pc.outcome("pc.licence-overused").0, Outcome::Pass);
    pc.software(&context, &["bash", "autocad-2024", "vim"]);
    assert_eq!(touched(&mut pc), 0);
    pc.software_look(&context, Look::Denied, &[]);
    assert!(has(&pc), "a source that cannot be read takes nothing away");
    pc.software(&context, &["bash"]);
    assert_eq!(touched(&mut pc), 1);
    assert!(!has(&pc) && pc.findings("pc.licence-overused").is_empty());
}

#[test]
fn an_edited_licence_pattern_counts_what_is_installed_already() {
    let mut context = built_in("");
    let mut pc = Pc::new();
    let counted = |pc: &Pc| {
        let of_licences = |subject: &str| subject.starts_with("licence:");
        pc.state
            .evidence
            .iter()
            .filter(|piece| of_licences(&piece.subject))
            .count()
    };
    pc.software(&context, &["autocad-2024"]);
    assert_eq!(counted(&pc), 0);
    context.licences = [licence(1)].into();
    context.generation = 2;
    pc.rejudge(&context);
    assert_eq!(counted(&pc), 1);
}

fn known(id: i64, class: AssetClass) -> (AssetId, Known) {
    let asset = Asset {
        id: AssetId(id),
        class,
        ..Asset::named(&format!("pc-{id}"))
    };
    let known = Known {
        asset,
        present: true,
        macs: vec![],
        addresses: vec![],
        boards: vec![],
        approvals: vec![],
    };
    (AssetId(id), known)
}

fn used(asset: i64, serial: &str, at: Option<Millis>) -> Said {
    Said {
        value: value(ClaimKind::Media, serial),
        origin: ClaimOrigin::Own,
        asset: Some(AssetId(asset)),
        note: ClaimNote {
            name: "Kingston DataTraveler".into(),
            at,
            ..ClaimNote::default()
        },
        by: vec![format!("pc-{asset}")],
        count: 1,
    }
}

#[test]
fn pc_3_2_7_and_out_12_a_medium_that_is_in_no_register() {
    let context = built_in("");
    let serial = || value(ClaimKind::Media, "4c530001");
    let mut picture = Picture {
        at: NOW,
        said: vec![used(1, "4c530001", None), used(2, "4c530001", Some(NOW - DAY))],
        assets: [known(1, AssetClass::Own), known(2, AssetClass::Outsourced)].into(),
        ..Picture::default()
    };
    let verdict = judged(serial(), &picture, &context.rules);
    let (one, two) = (Holder::Asset(AssetId(1)), Holder::Asset(AssetId(2)));
    let mut found = states(&verdict);
    found.sort_by_key(|(rule, ..)| *rule);
    assert_eq!(
        found,
        [
            ("out.media-unregistered", &two, FindingState::Open),
            ("pc.media-unregistered", &one, FindingState::Open),
        ]
    );
    assert_eq!(
        verdict.again.len(),
        1,
        "time makes history of what is not plugged in"
    );
    for (off, left) in [("pc.media-unregistered", &two), ("out.media-unregistered", &one)] {
        let verdict = judged(serial(), &picture, &built_in(off).rules);
        assert_eq!(
            states(&verdict)
                .iter()
                .map(|(_, holder, _)| *holder)
                .collect::<Vec<_>>(),
            [left]
        );
    }
    picture.findings = verdict.findings;
    picture.media.insert("4c530001".into());
    let verdict = judged(serial(), &picture, &context.rules);
    assert!(
        verdict
            .findings
            .iter()
            .all(|finding| finding.state == FindingState::Resolved)
    );
    assert_eq!(verdict.findings.len(), 2);
}

#[test]
fn pc_3_2_7_what_was_used_long_ago_is_history() {
    let context = built_in("");
    let picture = |at| Picture {
        at: NOW,
        said: vec![used(1, "4c530001", at)],
        assets: [known(1, AssetClass::Own)].into(),
        ..Picture::default()
    };
    let found = |at| {
        let verdict = judged(value(ClaimKind::Media, "4c530001"), &picture(at), &context.rules);
        verdict.findings.len()
    };
    assert_eq!(found(Some(NOW - 31 * DAY)), 0);
    assert_eq!(found(Some(NOW - 29 * DAY)), 1);
    assert_eq!(found(None), 1);
}

#[test]
fn pc_3_2_7_media_that_could_not_be_looked_at_are_no_pass() {
    let context = built_in("");
    let medium = Media {
        vendor: "Kingston".into(),
        serial: "4C530001".into(),
        present: true,
        ..Media::default()
    };
    let mut pc = Pc::new();
    pc.reads(&context, Section::Media, "usb", Look::Denied, vec![]);
    assert_eq!(pc.outcome("pc.media-unregistered").0, Outcome::CouldNotLook);
    pc.reads(
        &context,
        Section::Media,
        "usb",
        Look::Looked,
        vec![("4C530001".to_owned(), Facet::from(medium))],
    );
    assert_eq!(pc.outcome("pc.media-unregistered").0, Outcome::Pass);
    let claims = pc.ops.iter().find_map(|op| match op {
        Op::Claims { claims, .. } => Some(claims.clone()),
        _ => None,
    });
    let claim = claims.unwrap().remove(0);
    assert_eq!(
        (claim.kind, claim.value.as_str(), claim.asset),
        (ClaimKind::Media, "4c530001", Some(ASSET))
    );
}

#[test]
fn a_pc_that_turns_out_to_be_a_providers_has_its_media_looked_at_by_the_other_rule() {
    let context = built_in("");
    let mut pc = Pc::new();
    let medium = Media {
        vendor: "Kingston".into(),
        serial: "4C530001".into(),
        present: true,
        ..Media::default()
    };
    let facts = vec![("4C530001".to_owned(), Facet::from(medium))];
    pc.reads(&context, Section::Media, "usb", Look::Looked, facts);
    pc.rejudge(&context);
    let touched = |pc: &mut Pc| {
        let ops = std::mem::take(&mut pc.ops);
        ops.iter()
            .any(|op| matches!(op, Op::Touch { kind: ClaimKind::Media, value, .. } if value == "4c530001"))
    };
    touched(&mut pc);
    pc.rejudge(&context);
    assert!(!touched(&mut pc), "nothing is other than before");
    let has = |pc: &Pc, rule: &str| pc.state.outcomes.iter().any(|row| row.rule == rule);
    for (class, rule, other) in [
        (
            AssetClass::Outsourced,
            "out.media-unregistered",
            "pc.media-unregistered",
        ),
        (AssetClass::Own, "pc.media-unregistered", "out.media-unregistered"),
    ] {
        pc.state.asset.class = class;
        pc.rejudge(&context);
        assert!(touched(&mut pc), "{rule}");
        assert!(has(&pc, rule) && !has(&pc, other), "{rule}");
    }
}
