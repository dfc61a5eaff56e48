//! Judging, on records as they come in: what opens, what stays, what resolves, and what nobody could see.

mod support;

use deskwarden_domain::{
    judge::Context,
    lifecycle::{self, Refused},
    model::{
        AlertKind, Approval, ApprovalId, ApprovalState, ClaimKind, ClaimNote, FindingAction, FindingId,
        FindingState, Grantee, LedgerEntry, LedgerMode, NoticeId, OpenNotice, Outcome, Withdrawal,
    },
    port::{FindingDetail, FindingRow, Op},
};
use deskwarden_proto::{
    digest,
    v1::{AddressMode, Look, Network, Section, facet},
};
use proptest::prelude::*;
use support::{ASSET, Pc, context, interface, memory, proxy};

const REGULATION: &str = r#"
[[regulation]]
id = "PC"
title = { zh = "制度", en = "Rules" }
version = "1"
[[regulation.clause]]
number = "1"
wording = { zh = "条款", en = "Clause" }
checkable = "rules"
why = { zh = "可查", en = "Can be checked" }
"#;

const TEXTS: &str = r#"
clause = "PC 1"
severity = "high"
title = { zh = "标题", en = "Title" }
message = { zh = "{subject}", en = "{subject}" }
remedy = { zh = "整改", en = "Remedy" }
"#;

fn rule(id: &str, body: &str) -> String {
    format!("[[rule]]\nid = \"{id}\"\n{TEXTS}\n{body}\n")
}

fn rules(generation: i64, rules: &[String]) -> deskwarden_domain::judge::Context {
    context(
        generation,
        &[("test.toml", &format!("{REGULATION}{}", rules.concat()))],
    )
}

fn chat() -> String {
    rule(
        "chat",
        "kind = \"item\"\nsections = [\"software\", \"process\"]\nneeds = [\"software\"]\nselect = { name = [\"qq\", \"msn\"] }",
    )
}

fn part_changed() -> String {
    rule(
        "part",
        "kind = \"changed\"\nsections = [\"part\"]\nignore = [\"speed\"]",
    )
}

fn network_changed() -> String {
    rule("network", "kind = \"changed\"\nsections = [\"network\"]")
}

fn address() -> String {
    rule(
        "address",
        "kind = \"address\"\nselect = { kind = [\"ethernet\", \"wifi\"] }",
    )
}

#[test]
fn a_breach_opens_one_finding_and_tells_once() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["bash", "qq"]);
    assert_eq!(pc.findings("chat"), [("qq:amd64", FindingState::Open)]);
    assert_eq!(pc.outcome("chat"), (Outcome::Fail, ""));
    pc.software(&context, &["bash", "qq", "vim"]);
    assert_eq!(pc.told(AlertKind::Opened, "chat"), 1);
}

#[test]
fn a_quiet_rule_lists_and_tells_nobody() {
    let context = rules(1, &[format!("{}alert = false\n", chat())]);
    let mut pc = Pc::new();
    pc.software(&context, &["bash", "qq"]);
    assert_eq!(pc.findings("chat"), [("qq:amd64", FindingState::Open)]);
    pc.software(&context, &["bash"]);
    assert_eq!(pc.findings("chat"), [("qq:amd64", FindingState::Resolved)]);
    assert!(pc.alerts.is_empty());
}

#[test]
fn without_the_rule_nothing_is_found() {
    let context = rules(1, &[part_changed()]);
    let mut pc = Pc::new();
    pc.software(&context, &["bash", "qq"]);
    assert!(pc.state.findings.is_empty() && pc.alerts.is_empty());
}

#[test]
fn what_is_removed_is_resolved_and_what_comes_back_reopens() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    pc.software(&context, &["bash"]);
    assert_eq!(pc.findings("chat"), [("qq:amd64", FindingState::Resolved)]);
    assert_eq!(pc.told(AlertKind::Resolved, "chat"), 1);
    assert_eq!(pc.outcome("chat").0, Outcome::Pass);
    pc.software(&context, &["bash", "qq"]);
    assert_eq!(pc.finding("chat").state, FindingState::Open);
    assert_eq!(pc.finding("chat").reopened, 1);
    assert_eq!(pc.told(AlertKind::Reopened, "chat"), 1);
}

#[test]
fn a_source_that_cannot_be_read_resolves_nothing_and_is_no_pass() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    pc.software_look(&context, Look::Denied, &[]);
    assert_eq!(pc.findings("chat"), [("qq:amd64", FindingState::Open)]);
    assert_eq!(pc.outcome("chat").0, Outcome::Fail);

    let mut blind = Pc::new();
    blind.software_look(&context, Look::Denied, &[]);
    let (outcome, reason) = blind.outcome("chat");
    assert_eq!(outcome, Outcome::CouldNotLook);
    assert!(reason.contains("software/dpkg: denied"), "{reason}");
}

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

fn detail_of(pc: &Pc, rule: &str) -> FindingDetail {
    let finding = pc.finding(rule).clone();
    let evidence = pc
        .state
        .evidence
        .iter()
        .filter(|e| e.rule == rule && e.subject == finding.key.subject)
        .cloned()
        .collect();
    FindingDetail {
        row: FindingRow {
            finding,
            id: FindingId(1),
            asset: Some(pc.state.asset.clone()),
        },
        device: Some(pc.state.device.clone()),
        evidence,
        history: Vec::new(),
    }
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
fn actions_that_make_no_sense_are_refused() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    let detail = detail_of(&pc, "chat");
    let act = |action, note: &str| lifecycle::act(&detail, action, &[], "li", note, 9).map(|_| ());
    assert_eq!(act(FindingAction::Accept, ""), Err(Refused::NotAChange));
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
        address: "192.0.2.8".into(),
        prefix: Some(24),
        gateway: None,
        dns: Vec::new(),
        mode: Some(LedgerMode::Static),
        mac: None,
        asset: Some(ASSET),
        owner: None,
        place: None,
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

/// An approval of what `chat` finds on this subject, between two moments.
fn approval(id: i64, subject: &str, starts_at: i64, ends_at: i64) -> Approval {
    Approval {
        id: Some(ApprovalId(id)),
        grantee: Grantee::Asset(ASSET),
        rule: "chat".into(),
        subject: subject.into(),
        approver: "张主任".into(),
        reason: "对外联系".into(),
        starts_at,
        ends_at,
        granted_at: 0,
        granted_by: "li".into(),
        finding: None,
        withdrawn: None,
    }
}

/// What approvals make of a breach: state, outcome, when it is looked at again, and whether somebody is told.
#[test]
fn an_approval_covers_what_it_names_while_it_is_in_force() {
    use FindingState::{Excepted, Open};
    use Outcome::{Fail, Pass};
    let context = rules(1, &[chat()]);
    let far = 1_000_000;
    type Row = (&'static str, Vec<Approval>, FindingState, Outcome, Option<i64>);
    let table: Vec<Row> = vec![
        ("none", vec![], Open, Fail, None),
        (
            "covers",
            vec![approval(1, "qq:*", 0, far)],
            Excepted,
            Pass,
            Some(far),
        ),
        (
            "another subject",
            vec![approval(1, "msn*", 0, far)],
            Open,
            Fail,
            None,
        ),
        ("ended", vec![approval(1, "*", 0, 1_000)], Open, Fail, None),
        (
            "begins later",
            vec![approval(1, "*", 5_000, far)],
            Open,
            Fail,
            Some(5_000),
        ),
        (
            "another follows",
            vec![approval(1, "*", 0, 9_000), approval(2, "QQ:AMD64", 8_000, far)],
            Excepted,
            Pass,
            Some(8_000),
        ),
        (
            "another rule",
            vec![Approval {
                rule: "part".into(),
                ..approval(1, "*", 0, far)
            }],
            Open,
            Fail,
            None,
        ),
        (
            "withdrawn",
            vec![Approval {
                withdrawn: Some(Withdrawal {
                    at: 1,
                    by: "li".into(),
                    reason: "x".into(),
                }),
                ..approval(1, "*", 0, far)
            }],
            Open,
            Fail,
            None,
        ),
    ];
    for (case, approvals, state, outcome, wake_at) in table {
        let mut pc = Pc::new();
        pc.state.approvals = approvals;
        pc.software(&context, &["bash", "qq"]);
        assert_eq!(pc.findings("chat"), [("qq:amd64", state)], "{case}");
        assert_eq!(pc.outcome("chat").0, outcome, "{case}");
        let device = pc.state.device.last_seen_at;
        assert_eq!((device, pc.state.asset.wake_at), (None, wake_at), "{case}");
        assert_eq!(
            pc.told(AlertKind::Opened, "chat"),
            usize::from(state == Open),
            "{case}"
        );
    }
}

#[test]
fn a_finding_opens_by_itself_when_its_approval_ends_and_is_over_when_the_breach_is() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    pc.state.approvals = vec![approval(7, "*", 0, 10_000)];
    pc.rejudge(&context);
    assert_eq!(pc.finding("chat").state, FindingState::Excepted);
    assert_eq!(pc.told(AlertKind::Resolved, "chat"), 0, "who approved it knows");
    let step = |pc: &Pc| {
        pc.ops.iter().rev().find_map(|op| match op {
            Op::History { step, .. } => Some((step.to, step.note.clone())),
            _ => None,
        })
    };
    assert_eq!(step(&pc), Some((FindingState::Excepted, "approval 7".into())));

    pc.now = 10_000;
    pc.rejudge(&context);
    assert_eq!(pc.finding("chat").state, FindingState::Open);
    assert_eq!(pc.finding("chat").opened_at, pc.now);
    assert_eq!(step(&pc), Some((FindingState::Open, "approval ended".into())));
    assert_eq!(pc.told(AlertKind::Reopened, "chat"), 1);
    assert_eq!(pc.outcome("chat").0, Outcome::Fail);

    pc.state.approvals = vec![approval(8, "*", 0, 1_000_000)];
    pc.rejudge(&context);
    pc.software_look(&context, Look::Denied, &[]);
    assert_eq!(
        pc.finding("chat").state,
        FindingState::Excepted,
        "nobody looked: nothing is over"
    );
    assert_eq!(
        pc.outcome("chat").0,
        Outcome::CouldNotLook,
        "an approval is no look"
    );
    pc.software(&context, &["bash"]);
    assert_eq!(pc.finding("chat").state, FindingState::Resolved);
    assert_eq!(pc.told(AlertKind::Resolved, "chat"), 0);
}

#[test]
fn a_false_positive_is_no_breach_and_no_approval_changes_it() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    let detail = detail_of(&pc, "chat");
    let action = FindingAction::FalsePositive;
    let batch = lifecycle::act(&detail, action, &[], "li", "一个同名的包", pc.now).unwrap();
    pc.took(&batch.ops);
    pc.state.approvals = vec![approval(1, "*", 0, 10_000)];
    for now in [5_000, 20_000] {
        pc.now = now;
        pc.rejudge(&context);
        assert_eq!(pc.finding("chat").state, FindingState::FalsePositive);
        assert_eq!(pc.outcome("chat").0, Outcome::Pass);
    }
}

#[test]
fn an_approved_absence_stays_one_finding_through_every_look() {
    let absent = rule(
        "chat",
        "kind = \"absent\"\nsections = [\"software\"]\nselect = { name = [\"antivirus\"] }",
    );
    let context = rules(1, &[absent]);
    let mut pc = Pc::new();
    pc.state.approvals = vec![approval(1, "asset", 0, 1_000_000)];
    pc.software(&context, &["bash"]);
    let first = pc.finding("chat").clone();
    assert_eq!(first.state, FindingState::Excepted);
    pc.software(&context, &["bash", "vim"]);
    assert_eq!(*pc.finding("chat"), first);
}

#[test]
fn who_is_late_with_a_notice_is_found_when_the_day_is_over_and_no_longer_when_it_is_put_right() {
    let late = rule("late", "kind = \"asset\"\nwhen = \"asset.notices_overdue > 0\"");
    let context = rules(1, &[late]);
    let mut pc = Pc::new();
    pc.state.notices = vec![OpenNotice {
        id: NoticeId(1),
        number: "信整〔2027〕001号".into(),
        due_at: 10_000,
    }];
    pc.rejudge(&context);
    assert_eq!(pc.outcome("late").0, Outcome::Pass);
    assert_eq!(
        pc.state.asset.wake_at,
        Some(10_000),
        "it is looked at when the day is over"
    );
    pc.now = 10_000;
    pc.rejudge(&context);
    assert_eq!(pc.findings("late"), [("asset", FindingState::Open)]);
    assert_eq!(pc.told(AlertKind::Opened, "late"), 1);
    pc.state.notices.clear();
    pc.rejudge(&context);
    assert_eq!(pc.finding("late").state, FindingState::Resolved);
}

#[test]
fn an_edited_rule_judges_what_is_stored() {
    let mut pc = Pc::new();
    pc.software(&rules(1, &[chat()]), &["qq", "steam"]);
    let edited = rules(
        2,
        &[rule(
            "chat",
            "kind = \"item\"\nsections = [\"software\"]\nselect = { name = \"steam\" }",
        )],
    );
    pc.rejudge(&edited);
    assert_eq!(
        pc.findings("chat"),
        [
            ("qq:amd64", FindingState::Resolved),
            ("steam:amd64", FindingState::Open)
        ]
    );
    pc.rejudge(&rules(3, &[part_changed()]));
    assert_eq!(
        pc.findings("chat"),
        [
            ("qq:amd64", FindingState::Resolved),
            ("steam:amd64", FindingState::Resolved)
        ]
    );
    assert!(pc.state.outcomes.iter().all(|row| row.rule != "chat") && pc.state.evidence.is_empty());
}

#[test]
fn a_breach_within_its_grace_is_none_yet() {
    let graced = rule(
        "chat",
        "kind = \"item\"\nsections = [\"software\"]\nselect = { name = \"qq\" }\ngrace = \"30m\"",
    );
    let context = rules(1, &[graced]);
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    assert!(pc.state.findings.is_empty());
    let since = pc.now;
    assert_eq!(pc.state.asset.wake_at, Some(since + 30 * 60_000));
    pc.now = since + 30 * 60_000;
    pc.rejudge(&context);
    assert_eq!(pc.finding("chat").state, FindingState::Open);
    assert_eq!(
        pc.finding("chat").first_seen,
        since,
        "it says since when, not since the grace ended"
    );
    assert_eq!(pc.state.asset.wake_at, None);
}

#[test]
fn absence_and_count_are_judged_from_what_is_there() {
    let absent = rule(
        "antivirus",
        "kind = \"absent\"\nsections = [\"software\"]\nselect = { name = \"clamav\" }",
    );
    let count = rule(
        "many",
        "kind = \"count\"\nmore_than = 1\nsections = [\"software\"]\nselect = { name = [\"a\", \"b\"] }",
    );
    let context = rules(1, &[absent, count]);
    let mut pc = Pc::new();
    pc.software(&context, &["a", "b"]);
    assert_eq!(pc.findings("antivirus"), [("asset", FindingState::Open)]);
    assert_eq!(pc.findings("many"), [("asset", FindingState::Open)]);
    pc.software(&context, &["a", "clamav"]);
    assert_eq!(pc.finding("antivirus").state, FindingState::Resolved);
    assert_eq!(pc.finding("many").state, FindingState::Resolved);

    let mut blind = Pc::new();
    blind.software_look(&context, Look::Denied, &[]);
    assert!(
        blind.state.findings.is_empty(),
        "nobody could look: nothing is absent"
    );
    assert_eq!(blind.outcome("antivirus").0, Outcome::CouldNotLook);
}

#[test]
fn a_condition_sees_item_and_asset() {
    let context = rules(
        1,
        &[
            rule("unregistered", "kind = \"asset\"\nwhen = \"asset.number == ''\""),
            rule(
                "proxy",
                "kind = \"item\"\nsections = [\"proxy\"]\nwhen = \"item.enabled && item.host != 'proxy.example.com'\"",
            ),
        ],
    );
    let mut pc = Pc::new();
    pc.reads(
        &context,
        Section::Proxy,
        "environment",
        Look::Looked,
        vec![proxy("192.0.2.9")],
    );
    assert_eq!(pc.findings("unregistered"), [("asset", FindingState::Open)]);
    assert_eq!(pc.finding("proxy").state, FindingState::Open);
    pc.state.asset.number = Some("A-1".into());
    pc.reads(
        &context,
        Section::Proxy,
        "environment",
        Look::Looked,
        vec![proxy("proxy.example.com")],
    );
    pc.rejudge(&context);
    assert_eq!(pc.finding("unregistered").state, FindingState::Resolved);
    assert_eq!(pc.finding("proxy").state, FindingState::Resolved);
}

#[test]
fn a_retired_device_is_history_and_is_not_judged() {
    let context = rules(1, &[chat()]);
    let mut pc = Pc::new();
    pc.state.device.current = false;
    pc.software(&context, &["qq"]);
    assert!(pc.state.findings.is_empty());
    assert_eq!(pc.state.items.len(), 1, "but what it reports is kept");
}

proptest! {
    /// One item costs one item, and says what judging everything would say.
    #[test]
    fn judging_piece_by_piece_equals_judging_everything(
        steps in prop::collection::vec((prop::collection::btree_set(0usize..4, 0..4), 0u8..4), 1..8)
    ) {
        let context = rules(1, &[chat(), part_changed()]);
        let names = ["qq", "msn", "bash", "vim"];
        let mut pc = Pc::new();
        for (installed, module) in steps {
            let installed: Vec<&str> = installed.iter().map(|i| names[*i]).collect();
            pc.software(&context, &installed);
            let parts = if module == 0 { vec![] } else { vec![memory(&module.to_string())] };
            let look = if module == 3 { Look::Denied } else { Look::Looked };
            pc.reads(&context, Section::Part, "smbios", look, if look == Look::Denied { vec![] } else { parts });
        }
        let before = (pc.state.evidence.clone(), pc.state.findings.clone(), pc.state.outcomes.clone(), pc.alerts.len());
        pc.rejudge(&context);
        let sorted = |mut e: Vec<deskwarden_domain::model::Evidence>| { e.sort_by(|a, b| (&a.rule, &a.subject).cmp(&(&b.rule, &b.subject))); e };
        prop_assert_eq!(sorted(before.0), sorted(pc.state.evidence.clone()));
        prop_assert_eq!(before.1, pc.state.findings.clone());
        prop_assert_eq!(before.2, pc.state.outcomes.clone());
        prop_assert_eq!(before.3, pc.alerts.len(), "judging again tells nobody again");
    }

    #[test]
    fn whatever_was_installed_and_removed_leaves_nothing_open(
        steps in prop::collection::vec(prop::collection::btree_set(0usize..4, 0..4), 1..8)
    ) {
        let context = rules(1, &[chat()]);
        let names = ["qq", "msn", "bash", "vim"];
        let mut pc = Pc::new();
        for installed in steps {
            let installed: Vec<&str> = installed.iter().map(|i| names[*i]).collect();
            pc.software(&context, &installed);
        }
        pc.software(&context, &["bash"]);
        prop_assert!(pc.state.findings.iter().all(|f| f.state == FindingState::Resolved));
        prop_assert!(pc.state.evidence.is_empty());
    }

    /// Approvals come and go, sources fail, time passes: what is shown is never lost, what nobody could look at is
    /// never over, and once everything is removed nothing stays open, whatever was approved.
    #[test]
    fn approvals_and_blind_sources_lose_nothing_and_leave_nothing_open(
        steps in prop::collection::vec(
            (prop::collection::btree_set(0usize..4, 0..4), any::<bool>(), 0i64..40, 0i64..40), 1..10)
    ) {
        let context = rules(1, &[chat()]);
        let names = ["qq", "msn", "bash", "vim"];
        let mut pc = Pc::new();
        for (installed, blind, from, until) in steps {
            let approved = approval(1, "*", from * 1_000, until * 1_000);
            pc.state.approvals = if from < until { vec![approved] } else { Vec::new() };
            let before: Vec<_> = pc.state.findings.iter().filter(|f| f.state != FindingState::Resolved)
                .map(|f| f.key.clone()).collect();
            let installed: Vec<&str> = installed.iter().map(|i| names[*i]).collect();
            if blind {
                pc.software_look(&context, Look::Denied, &[]);
                for key in before {
                    let now = pc.state.findings.iter().find(|f| f.key == key).map(|f| f.state);
                    prop_assert!(now.is_some_and(|state| state != FindingState::Resolved), "{key:?}");
                }
            } else {
                pc.software(&context, &installed);
            }
            pc.rejudge(&context);
            // What holds now holds: an approval in force and only that makes an exception.
            let covered = pc.state.approvals.iter().any(|one| one.state(pc.now) == ApprovalState::InForce);
            for finding in &pc.state.findings {
                prop_assert!(
                    matches!(
                        (finding.state, covered),
                        (FindingState::Resolved, _) | (FindingState::Excepted, true) | (FindingState::Open, false)
                    ),
                    "{:?} {}", finding.state, covered
                );
            }
            let told = pc.alerts.len();
            pc.rejudge(&context);
            let turned = covered
                != pc.state.approvals.iter().any(|one| one.state(pc.now) == ApprovalState::InForce);
            prop_assert!(turned || pc.alerts.len() == told, "judging again tells nobody again");
        }
        pc.software(&context, &["bash"]);
        prop_assert!(pc.state.findings.iter().all(|f| f.state == FindingState::Resolved));
    }
}
