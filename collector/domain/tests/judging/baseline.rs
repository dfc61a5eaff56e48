//! What was accepted at first contact, what changed since, and what people make of it.

use super::*;

#[test]
fn first_contact_changes_nothing_and_a_swap_later_does() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    assert!(pc.state.findings.is_empty());
    assert_eq!(pc.state.baseline.len(), 1);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("B")]);
    assert_eq!(pc.findings("part"), [("memory:DIMM_A1", FindingState::Open)]);
    assert!(
        pc.state.evidence[0]
            .detail
            .contains(r#""serial":{"after":"B","before":"A"}"#),
        "{}",
        pc.state.evidence[0].detail
    );
}

#[test]
fn a_part_that_is_taken_out_is_a_finding_and_putting_it_back_resolves_it() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![]);
    assert_eq!(pc.finding("part").state, FindingState::Open);
    assert!(pc.state.evidence[0].detail.contains("removed"));
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    assert_eq!(pc.finding("part").state, FindingState::Resolved);
}

#[test]
fn a_newly_readable_source_changes_nothing() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "sysfs", Look::Looked, vec![]);
    pc.reads(&context, Section::Part, "smbios", Look::Denied, vec![]);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    assert!(pc.state.findings.is_empty());
}

/// Whose hardware address is accepted as the gateway's, as rules over several devices see it.
fn guarded(pc: &Pc) -> Option<String> {
    pc.ops.iter().rev().find_map(|op| match op {
        Op::Accepted { claims, .. } => Some(
            claims
                .iter()
                .filter(|claim| claim.kind == ClaimKind::Ip)
                .map(|claim| ClaimNote::parse(&claim.note))
                .filter(|note| note.router)
                .map(|note| note.mac)
                .collect(),
        ),
        _ => None,
    })
}

/// A PC reads its interface, whose gateway may be known.
fn behind(pc: &mut Pc, context: &Context, change: impl FnOnce(&mut Network)) {
    let (key, facet) = interface("192.0.2.7", AddressMode::Static);
    let mut network = match facet.kind {
        Some(facet::Kind::Network(network)) => network,
        _ => Network::default(),
    };
    network.gateways = vec!["192.0.2.1".into()];
    change(&mut network);
    pc.reads(
        context,
        Section::Network,
        "netlink",
        Look::Looked,
        vec![(key, network.into())],
    );
}

const ROUTER: &str = "00:00:5e:00:53:01";

const STRANGER: &str = "00:00:5e:00:53:ff";

#[test]
fn a_gateway_that_first_contact_did_not_know_is_accepted_when_it_is_seen_and_guarded_from_then_on() {
    let context = rules(1, &[address(), network_changed()]);
    let mut pc = Pc::new();
    behind(&mut pc, &context, |_| {});
    assert_eq!(guarded(&pc).as_deref(), Some(""));
    behind(&mut pc, &context, |network| network.gateway_mac = ROUTER.into());
    assert_eq!(guarded(&pc).as_deref(), Some(ROUTER));
    assert!(
        pc.state.findings.is_empty(),
        "what can be read at last changes nothing"
    );
    let learned = pc.ops.iter().filter_map(|op| match op {
        Op::PutBaseline { item, .. } => Some((digest::facet(&item.facet), item.facet_hash)),
        _ => None,
    });
    assert!(
        learned.clone().count() == 2 && learned.clone().all(|(a, b)| a == b),
        "the store interns by hash"
    );
    assert!(
        pc.ops
            .iter()
            .any(|op| matches!(op, Op::Touch { kind: ClaimKind::Ip, value, .. } if value == "192.0.2.1")),
        "and is looked at"
    );
    // Only the first: whoever answers later is a stranger.
    behind(&mut pc, &context, |network| network.gateway_mac = STRANGER.into());
    assert_eq!(guarded(&pc).as_deref(), Some(ROUTER));
    assert_eq!(pc.finding("network").state, FindingState::Open);
}

#[test]
fn another_gateway_than_the_accepted_one_is_not_learned() {
    let context = rules(1, &[address()]);
    let elsewhere: [fn(&mut Network); 3] = [
        |network| network.gateways = vec!["192.0.2.254".into()],
        |network| network.wifi_network = "home".into(),
        |network| network.gateway_mac = "ff:ff:ff:ff:ff:ff".into(),
    ];
    for change in elsewhere {
        let mut pc = Pc::new();
        behind(&mut pc, &context, |_| {});
        behind(&mut pc, &context, |network| {
            network.gateway_mac = STRANGER.into();
            change(network);
        });
        assert_eq!(guarded(&pc).as_deref(), Some(""));
    }
}

#[test]
fn an_interface_that_was_down_at_first_contact_learns_its_gateway_when_it_comes_up() {
    let context = rules(1, &[address()]);
    let mut pc = Pc::new();
    behind(&mut pc, &context, |network| {
        network.addresses.clear();
        network.gateways.clear();
        network.up = false;
    });
    behind(&mut pc, &context, |network| {
        network.gateway_mac = ROUTER.into();
        network.wifi_network = "office".into();
    });
    assert_eq!(guarded(&pc).as_deref(), Some(ROUTER));
    assert_eq!(
        pc.finding("address").state,
        FindingState::Open,
        "its address stays a change"
    );
}

#[test]
fn an_accepted_change_is_the_new_baseline_and_the_next_swap_reopens() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("B")]);
    let items: Vec<_> = pc.state.items.values().cloned().collect();
    let batch = lifecycle::act(
        &detail_of(&pc, "part"),
        FindingAction::Accept,
        &items,
        "li",
        "new module",
        9,
    )
    .unwrap();
    assert!(
        batch
            .ops
            .iter()
            .any(|op| matches!(op, Op::Audit(entry) if entry.action == "finding.accept"))
    );
    pc.took(&batch.ops);
    pc.rejudge(&context);
    assert_eq!(
        pc.finding("part").state,
        FindingState::Accepted,
        "not resolved: somebody decided"
    );
    assert_eq!(pc.outcome("part").0, Outcome::Pass);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    assert_eq!(
        pc.finding("part").state,
        FindingState::Open,
        "the old module is now a change"
    );
}

#[test]
fn a_rejected_change_stays_a_breach_until_the_part_is_back() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    let accepted = pc.state.baseline.clone();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("B")]);
    let reject = |pc: &Pc, why: &str| {
        let action = FindingAction::Reject;
        lifecycle::act(&detail_of(pc, "part"), action, &[], "li", why, 9)
    };
    assert_eq!(reject(&pc, " ").map(|_| ()), Err(Refused::NoteMissing));
    let batch = reject(&pc, "nobody was asked").unwrap();
    let step = batch.ops.iter().find_map(|op| match op {
        Op::History { step, .. } => Some(step),
        _ => None,
    });
    let step = step.unwrap();
    assert_eq!(
        (step.actor.as_str(), lifecycle::rejection(step)),
        ("li", Some("nobody was asked"))
    );
    let told = |op: &Op| matches!(op, Op::Audit(entry) if entry.action == "finding.reject" && entry.detail.contains("nobody was asked"));
    assert!(batch.ops.iter().any(told));
    pc.took(&batch.ops);
    pc.rejudge(&context);
    assert_eq!(pc.finding("part").state, FindingState::Acknowledged);
    assert_eq!(pc.outcome("part").0, Outcome::Fail);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("C")]);
    assert_eq!(
        pc.finding("part").state,
        FindingState::Acknowledged,
        "another module in the slot is not the one that was accepted"
    );
    assert_eq!(pc.state.baseline, accepted);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    assert_eq!(pc.finding("part").state, FindingState::Resolved);
}

#[test]
fn a_rejection_leaves_an_issued_notice_issued() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![memory("A")]);
    pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![]);
    let mut detail = detail_of(&pc, "part");
    detail.row.finding.state = FindingState::NoticeIssued;
    let batch = lifecycle::act(&detail, FindingAction::Reject, &[], "li", "no", 9).unwrap();
    let state = batch.ops.iter().find_map(|op| match op {
        Op::PutFinding(finding) => Some(finding.state),
        _ => None,
    });
    assert_eq!(state, Some(FindingState::NoticeIssued));
    for over in [
        FindingState::Resolved,
        FindingState::Accepted,
        FindingState::Excepted,
    ] {
        detail.row.finding.state = over;
        let refused = lifecycle::act(&detail, FindingAction::Reject, &[], "li", "no", 9);
        assert!(matches!(refused, Err(Refused::State { .. })), "{over:?}");
    }
    detail.row.finding.state = FindingState::Open;
    for (seen, why) in [
        (
            r#"{"against":"baseline","change":"changed","order":"WO-1"}"#,
            Refused::OrderCovers,
        ),
        (
            r#"{"against":"ledger","change":"changed"}"#,
            Refused::LedgerDecides,
        ),
        (r#"{"count":3}"#, Refused::NotAChange),
    ] {
        detail.evidence[0].detail = seen.into();
        let refused = lifecycle::act(&detail, FindingAction::Reject, &[], "li", "no", 9);
        assert_eq!(refused.map(|_| ()), Err(why), "{seen}");
    }
}

#[test]
fn actions_that_make_no_sense_are_refused() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    let detail = detail_of(&pc, "chat");
    let act = |action, note: &str| lifecycle::act(&detail, action, &[], "li", note, 9).map(|_| ());
    assert_eq!(act(FindingAction::Accept, ""), Err(Refused::NotAChange));
    assert_eq!(act(FindingAction::Reject, "no"), Err(Refused::NotAChange));
    assert_eq!(act(FindingAction::FalsePositive, " "), Err(Refused::NoteMissing));
    assert_eq!(
        act(FindingAction::Acknowledge, &"x".repeat(2001)),
        Err(Refused::NoteTooLong)
    );
    assert!(matches!(
        act(FindingAction::Reopen, ""),
        Err(Refused::State { .. })
    ));
    assert_eq!(act(FindingAction::Acknowledge, "seen"), Ok(()));
    assert_eq!(
        act(FindingAction::FalsePositive, "a game of the same name"),
        Ok(())
    );
}

#[test]
fn a_changed_static_address_is_a_finding_and_the_ledger_decides_over_the_baseline() {
    let context = rules(1, &[address()]);
    let mut pc = Pc::new();
    let look = |pc: &mut Pc, ip| {
        pc.reads(
            &context,
            Section::Network,
            "netlink",
            Look::Looked,
            vec![interface(ip, AddressMode::Static)],
        );
    };
    look(&mut pc, "192.0.2.7");
    assert!(pc.state.findings.is_empty());
    look(&mut pc, "192.0.2.8");
    assert_eq!(pc.finding("address").state, FindingState::Open);
    pc.state.ledger.push(LedgerEntry {
        prefix: Some(24),
        mode: Some(LedgerMode::Static),
        asset: Some(ASSET),
        ..LedgerEntry::of("192.0.2.8".into())
    });
    pc.rejudge(&context);
    assert_eq!(
        pc.finding("address").state,
        FindingState::Resolved,
        "the ledger assigns it"
    );
    look(&mut pc, "192.0.2.7");
    assert_eq!(
        pc.finding("address").state,
        FindingState::Open,
        "the old address is no longer its own"
    );
    let refused = lifecycle::act(
        &detail_of(&pc, "address"),
        FindingAction::Accept,
        &[],
        "li",
        "",
        9,
    );
    assert_eq!(refused.map(|_| ()), Err(Refused::LedgerDecides));
}
