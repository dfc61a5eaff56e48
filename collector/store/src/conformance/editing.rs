//! What an edit of the rules reaches.

use std::collections::BTreeSet;

use deskwarden_domain::{
    model::{Device, FindingState, Severity},
    port::{Op, Store},
};
use deskwarden_proto::{
    decode::SourceReport,
    ids::DeviceId,
    v1::{Look, Section},
};

use super::{
    Bench,
    world::{NOW, apply, enrolled, everything, evidence, finding, id},
};

fn judged(store: &dyn Store, device: &Device) -> Op {
    Op::Judged {
        asset: device.asset,
        generation: store.context_generation().unwrap(),
        wake_at: Some(NOW + 7),
    }
}

pub fn whoever_has_to_do_with_a_rule_is_found(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<Device> = (1..=4).map(|n| enrolled(store.as_ref(), n)).collect();
    let shown = id(Section::Software, "dpkg", "qq");
    let mut over = finding(&devices[2], "chat", "qq", Severity::Low);
    over.state = FindingState::Resolved;
    let mut ops: Vec<Op> = devices
        .iter()
        .map(|device| judged(store.as_ref(), device))
        .collect();
    ops.extend([
        // It shows the breach.
        Op::PutEvidence(evidence(&devices[0], "chat", "qq", Some(shown.clone()))),
        // What showed it cannot be looked at any more; the finding stands.
        Op::PutFinding(finding(&devices[1], "chat", "qq", Severity::Low)),
        // It is over.
        Op::PutFinding(over),
        // It is about another rule.
        Op::PutEvidence(evidence(&devices[3], "game", "steam", None)),
    ]);
    apply(store.as_ref(), ops);
    let generation = store.context_generation().unwrap();
    let rules = BTreeSet::from(["chat".to_owned()]);
    assert_eq!(
        store.shown_by(&rules, generation).unwrap(),
        [(devices[0].id, Some(shown)), (devices[1].id, None)]
    );
    assert!(store.shown_by(&rules, generation + 1).unwrap().is_empty());
}

pub fn an_asset_stands_on_its_sources(bench: &dyn Bench) {
    let store = bench.open();
    let devices: Vec<Device> = (1..=2).map(|n| enrolled(store.as_ref(), n)).collect();
    let source = |name: &str, look: Look| Op::Source {
        device: devices[0].id,
        report: SourceReport {
            section: Section::Software,
            source: name.into(),
            look,
            reason: "why".into(),
        },
        at: NOW,
        first_looked_at: None,
    };
    apply(
        store.as_ref(),
        vec![
            source("snap", Look::Denied),
            source("dpkg", Look::Looked),
            judged(store.as_ref(), &devices[0]),
        ],
    );
    let missing = DeviceId::from_random([9; 16]);
    let found = store.standing(&[devices[1].id, missing, devices[0].id]).unwrap();
    assert_eq!(found.len(), 3);
    assert!(found[1].is_none());
    let (other, one) = (found[0].as_ref().unwrap(), found[2].as_ref().unwrap());
    assert!(other.sources.is_empty() && other.asset.id == devices[1].asset);
    let looks: Vec<(&str, Look)> = one.sources.iter().map(|s| (s.source.as_str(), s.look)).collect();
    assert_eq!(looks, [("dpkg", Look::Looked), ("snap", Look::Denied)]);
    assert_eq!(one.asset.wake_at, Some(NOW + 7));
    assert_eq!(one.asset.judged_generation, store.context_generation().unwrap());
    let state = everything(store.as_ref(), &devices[0]);
    assert_eq!(one.asset, state.asset);
    assert_eq!(one.position, (state.position.epoch, state.position.next_sequence));
}
