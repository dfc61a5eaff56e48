//! Judging, on records as they come in: what opens, what stays, what resolves, and what nobody could see.

mod baseline;
mod rulings;
#[path = "../support/mod.rs"]
mod support;
mod surroundings;

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
fn what_a_collector_whose_clock_is_ahead_has_seen_stays_for_one_whose_clock_is_behind() {
    let item = "kind = \"item\"\nsections = [\"software\"]\nselect = { name = \"qq\" }";
    for (grace, text) in [(0, ""), (30 * 60_000, "\ngrace = \"30m\"")] {
        let context = rules(1, &[rule("chat", &format!("{item}{text}"))]);
        let mut pc = Pc::new();
        pc.software(&context, &["qq"]);
        pc.now += grace;
        pc.rejudge(&context);
        let ahead = pc.finding("chat").clone();
        assert_eq!(ahead.state, FindingState::Open);
        pc.now = ahead.first_seen - 1;
        pc.rejudge(&context);
        assert_eq!(pc.finding("chat").state, FindingState::Open, "grace {grace}");
        pc.now = ahead.opened_at + 1;
        pc.rejudge(&context);
        let after = pc.finding("chat");
        assert_eq!(
            (after.state, after.reopened),
            (FindingState::Open, 0),
            "grace {grace}"
        );
        assert_eq!(after.opened_at, ahead.opened_at);
    }
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
