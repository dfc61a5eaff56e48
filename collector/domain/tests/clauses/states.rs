//! Rules about what a PC is rather than what is on it.

use super::*;

#[test]
fn a_pc_whose_antivirus_is_off_or_missing_fails_and_one_that_is_on_is_enough() {
    let context = shipped();
    let rule = "pc.antivirus-off";
    let product = |name: &str, on: Switch| {
        let facet = security("antivirus", on, |s| s.product = name.into());
        (format!("antivirus:{name}"), Facet::from(facet))
    };
    let judged = |facts: Vec<(String, Facet)>| {
        let mut pc = Pc::new();
        pc.reads(&context, Section::Security, "antivirus", Look::Looked, facts);
        later(&mut pc, &context);
        (pc.outcome(rule).0, pc.findings(rule).len())
    };
    let mut waits = Pc::new();
    waits.reads(&context, Section::Security, "antivirus", Look::Looked, vec![]);
    assert!(waits.findings(rule).is_empty(), "within its grace");
    assert_eq!(waits.state.asset.wake_at, Some(waits.now + 3_600_000));
    assert_eq!(judged(vec![]), (Outcome::Fail, 1));
    assert_eq!(
        judged(vec![product("", Switch::Off)]),
        (Outcome::Fail, 1),
        "none is installed"
    );
    assert_eq!(judged(vec![product("Defender", Switch::Off)]), (Outcome::Fail, 1));
    assert_eq!(
        judged(vec![
            product("Defender", Switch::Off),
            product("火绒", Switch::On)
        ]),
        (Outcome::Pass, 0)
    );
    assert_eq!(
        judged(vec![product("瑞星", Switch::Unspecified)]),
        (Outcome::Pass, 0)
    );
    let mut blind = Pc::new();
    blind.reads(&context, Section::Security, "antivirus", Look::Denied, vec![]);
    assert_eq!(blind.outcome(rule).0, Outcome::CouldNotLook);
}

#[test]
fn an_account_that_was_there_at_first_contact_is_no_news_and_a_new_one_is() {
    let context = shipped();
    let of = |name: &str, administrator: bool| {
        let facet = account(|a| (a.name, a.administrator) = (name.into(), administrator));
        (name.to_owned(), Facet::from(facet))
    };
    let mut pc = Pc::new();
    let reads = |pc: &mut Pc, accounts: &[(&str, bool)]| {
        let facts = accounts
            .iter()
            .map(|(name, administrator)| of(name, *administrator))
            .collect();
        pc.reads(&context, Section::Account, "passwd", Look::Looked, facts);
    };
    reads(&mut pc, &[("root", true), ("wang", false)]);
    assert!(pc.findings("pc.account-added").is_empty() && pc.findings("pc.administrator-added").is_empty());
    reads(&mut pc, &[("root", true), ("wang", false), ("li", false)]);
    assert_eq!(pc.findings("pc.account-added"), [("li", FindingState::Open)]);
    assert!(pc.findings("pc.administrator-added").is_empty());
    reads(&mut pc, &[("root", true), ("wang", true), ("li", false)]);
    assert_eq!(
        pc.findings("pc.administrator-added"),
        [("wang", FindingState::Open)]
    );
    reads(&mut pc, &[("root", true), ("wang", false)]);
    assert_eq!(pc.finding("pc.account-added").state, FindingState::Resolved);
    assert_eq!(pc.finding("pc.administrator-added").state, FindingState::Resolved);
    reads(&mut pc, &[("root", true)]);
    let shown = |rule: &str| {
        pc.state
            .evidence
            .iter()
            .filter(|piece| piece.rule == rule)
            .count()
    };
    assert_eq!(
        (shown("pc.account-added"), shown("pc.administrator-added")),
        (0, 0),
        "a removed account is none"
    );
}

#[test]
fn an_agent_that_keeps_failing_to_read_is_a_fault_after_a_grace() {
    let context = shipped();
    let rule = "pc.agent-failing";
    let mut pc = Pc::new();
    pc.rejudge(&context);
    assert_eq!(pc.outcome(rule).0, Outcome::Pass);
    pc.reads(&context, Section::Software, "dpkg", Look::Failed, vec![]);
    assert!(pc.findings(rule).is_empty(), "within its grace");
    later(&mut pc, &context);
    assert_eq!(pc.findings(rule), [("asset", FindingState::Open)]);
    let shown = &pc
        .state
        .evidence
        .iter()
        .find(|piece| piece.rule == rule)
        .unwrap()
        .detail;
    assert!(shown.contains("software/dpkg: no permission"), "{shown}");
    pc.reads(&context, Section::Software, "dpkg", Look::Looked, vec![]);
    assert_eq!(
        pc.finding(rule).state,
        FindingState::Resolved,
        "no full look is needed to see it"
    );
}

#[test]
fn a_desktop_pc_need_not_be_encrypted() {
    let context = shipped();
    let mut pc = Pc::new();
    let off = security("disk_encryption", Switch::Off, |_| {});
    pc.reads(
        &context,
        Section::Security,
        "disk-encryption",
        Look::Looked,
        vec![("disk_encryption:/".into(), off.into())],
    );
    assert_eq!(pc.outcome("pc.disk-unencrypted").0, Outcome::Pass);
}

#[test]
fn containers_that_forward_packets_share_no_connection() {
    let context = shipped();
    let judged = |detail: &str| {
        let mut pc = Pc::new();
        let forwards = security("ip_forwarding", Switch::On, |s| s.detail = detail.into());
        let facts = vec![("ip_forwarding".to_owned(), Facet::from(forwards))];
        pc.reads(&context, Section::Security, "forwarding", Look::Looked, facts);
        pc.findings("pc.connection-sharing").len()
    };
    assert_eq!(judged("for containers or virtual machines"), 0);
    assert_eq!(judged(""), 1);
}
