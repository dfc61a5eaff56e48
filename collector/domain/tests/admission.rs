//! What a look at a provider's device comes to under the shipped rules (OUT 16).
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a fault here fails the test that asked"
)]

mod packs;

use std::sync::{Arc, LazyLock};

use deskwarden_domain::{
    admission,
    judge::{Context, Graces},
    model::{Admission, Checked, Millis, Outcome},
    offline,
    rules::{RuleFile, RuleSet},
};
use deskwarden_proto::{
    Message as _,
    decode::{self, SourceReport, ValidBody},
    ids::DeviceId,
    v1::{Delta, Facet, Item, Look, Payload, Section, Security, Stamp, Switch, facet::Kind, payload::Body},
};

static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(packs::shipped()));
const NOW: Millis = 1_795_399_200_000;
const DAY: Millis = 86_400_000;

fn context() -> Context {
    Context {
        generation: 1,
        rules: Arc::clone(&SET),
        ranges: Arc::from([]),
        licences: Arc::default(),
        down: Arc::default(),
        graces: Graces::Kept,
    }
}

fn laptop() -> Admission {
    Admission {
        id: 1,
        device: DeviceId::from_random([1; 16]),
        provider: "某某科技".into(),
        purpose: "驻场".into(),
        good_days: 30,
        hostname: "out-1".into(),
        serial: "S1".into(),
        model: "M1".into(),
        platform: "windows-x86_64".into(),
        agent_version: "0".into(),
        peer: "192.0.2.9".into(),
        begun_at: NOW,
        checked: None,
    }
}

/// Every source that a rule asks for was read.
fn sources() -> Vec<SourceReport> {
    let mut reports: Vec<SourceReport> = Vec::new();
    for need in SET.rules().iter().flat_map(|rule| &rule.needs) {
        let source = need.source.as_deref().unwrap_or("any").replace('*', "1");
        if !reports
            .iter()
            .any(|known| known.section == need.section && known.source == source)
        {
            reports.push(SourceReport {
                section: need.section,
                source,
                look: Look::Looked,
                reason: String::new(),
            });
        }
    }
    reports
}

/// A state of the system's protection, as an agent would send it.
fn protection(topic: &str, change: impl FnOnce(&mut Security)) -> Item {
    let mut security = Security {
        topic: topic.to_owned(),
        product: "P".into(),
        enabled: Switch::On.into(),
        up_to_date: Switch::On.into(),
        ..Security::default()
    };
    change(&mut security);
    let facet = Facet {
        kind: Some(Kind::Security(security)),
    };
    Item {
        section: Section::Security.into(),
        source: format!("{topic}1"),
        key: topic.to_owned(),
        facet: facet.encode_to_vec().into(),
        ..Item::default()
    }
}

fn judged(portable: bool, items: Vec<Item>) -> Checked {
    let delta = Delta {
        put: items,
        ..Delta::default()
    };
    let payload = Payload {
        stamp: Some(Stamp {
            boot_id: "b".into(),
            ..Stamp::default()
        }),
        body: Some(Body::Delta(delta)),
    };
    let ValidBody::Delta(delta) = decode::payload(&payload.encode_to_vec()).unwrap().body else {
        panic!("a delta")
    };
    admission::judge(&laptop(), portable, sources(), delta.put, &context(), NOW)
}

fn failed(checked: &Checked) -> Vec<&str> {
    let failed = checked.rules.iter().filter(|rule| rule.outcome != Outcome::Pass);
    failed.map(|rule| rule.rule.as_str()).collect()
}

fn antivirus() -> Item {
    protection("antivirus", |_| {})
}

#[test]
fn a_clean_device_passes_for_as_long_as_its_token_says() {
    let checked = judged(false, vec![antivirus()]);
    assert_eq!(failed(&checked), [""; 0]);
    assert_eq!(checked.outcome, Outcome::Pass);
    assert_eq!(checked.valid_until, Some(NOW + 30 * DAY));
    assert!(checked.rules.len() > 30, "{}", checked.rules.len());
}

#[test]
fn there_is_no_grace_where_there_is_no_second_look() {
    let none = judged(false, Vec::new());
    assert_eq!(
        (failed(&none), none.valid_until),
        (vec!["pc.antivirus-off"], None)
    );
    let old = judged(
        false,
        vec![protection("antivirus", |state| {
            state.up_to_date = Switch::Off.into()
        })],
    );
    assert_eq!(failed(&old), ["pc.antivirus-outdated"]);
}

#[test]
fn a_disk_of_a_laptop_must_be_encrypted_and_one_of_a_desktop_need_not() {
    let disk = || protection("disk_encryption", |state| state.enabled = Switch::Off.into());
    let items = || vec![antivirus(), disk()];
    assert_eq!(failed(&judged(true, items())), ["pc.disk-unencrypted"]);
    assert_eq!(judged(false, items()).outcome, Outcome::Pass);
}

#[test]
fn what_nobody_could_look_at_is_no_pass() {
    let blind = admission::judge(&laptop(), false, Vec::new(), Vec::new(), &context(), NOW);
    assert_eq!((blind.outcome, blind.valid_until), (Outcome::CouldNotLook, None));
}

/// Under the shipped rules, one of which an office limits to its own PCs.
fn of_own_pcs_only() -> Context {
    let limit = "[[adjust]]\nrules = [\"pc.antivirus-off\"]\nscope = { classes = [\"own\"] }\n";
    let mut files = packs::FILES.to_vec();
    files.push(RuleFile {
        name: "acme.toml",
        content: limit,
    });
    Context {
        rules: Arc::new(RuleSet::load(&files).unwrap()),
        ..context()
    }
}

#[test]
fn a_rule_for_own_pcs_neither_passes_nor_fails_a_providers() {
    let context = of_own_pcs_only();
    let checked = admission::judge(&laptop(), false, sources(), Vec::new(), &context, NOW);
    assert!(!checked.rules.is_empty() && checked.rules.iter().all(|row| row.rule != "pc.antivirus-off"));
    assert_eq!(checked.outcome, Outcome::Pass);
}

#[test]
fn a_snapshot_of_an_own_pc_is_told_nothing_by_rules_for_providers() {
    let snapshot = serde_json::json!({"sections": {}});
    let judged = offline::judge_snapshot(&snapshot, None, Vec::new(), &of_own_pcs_only(), NOW).unwrap();
    let outcomes: Vec<&str> = judged.outcomes.iter().map(|row| row.rule.as_str()).collect();
    assert!(outcomes.contains(&"pc.antivirus-off") && outcomes.contains(&"pc.gone-unordered"));
    assert!(
        outcomes.iter().all(|rule| !rule.starts_with("out.")),
        "{outcomes:?}"
    );
}
