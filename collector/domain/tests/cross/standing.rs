//! How findings across PCs stand: resolved, reopened, approved, false positives.

use super::*;

/// The office after its findings were stored.
fn stored(office: &Office, change: impl Fn(&mut Finding)) -> Vec<Finding> {
    let mut findings = office.judged().findings;
    findings.iter_mut().for_each(change);
    findings
}

#[test]
fn what_is_over_resolves_and_what_comes_back_reopens() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let mut over = Office::of_two().assigned(X, to(A));
    over.picture.findings = stored(&stolen, |_| {});
    let verdict = over.judged();
    assert_eq!(verdict.findings.len(), 1);
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    assert_eq!(verdict.alerts.len(), 1);

    let mut again = stolen.clone();
    again.picture.findings = verdict.findings;
    let verdict = again.judged();
    assert_eq!(
        (verdict.findings[0].state, verdict.findings[0].reopened),
        (FindingState::Open, 1)
    );

    let mut same = stolen.clone();
    same.picture.findings = verdict.findings;
    assert_eq!(same.judged(), CrossVerdict::default(), "nothing new is nothing");
}

#[test]
fn a_false_positive_stays_quiet_while_it_lasts_and_ends_silently() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let quiet = stored(&stolen, |finding| finding.state = FindingState::FalsePositive);
    let mut still = stolen.clone();
    still.picture.findings.clone_from(&quiet);
    assert!(still.judged().alerts.is_empty());
    let mut over = Office::of_two().assigned(X, to(A));
    over.picture.findings = quiet;
    let verdict = over.judged();
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    assert!(verdict.alerts.is_empty());
}

#[test]
fn an_approval_covers_a_theft_and_is_looked_at_again_when_it_ends() {
    let mut office = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let open = office.judged().findings;
    let approval = Approval {
        id: Some(ApprovalId(3)),
        grantee: Grantee::Asset(B),
        rule: open[0].key.rule.clone(),
        subject: X.into(),
        approver: "张主任".into(),
        reason: "顶替".into(),
        starts_at: 0,
        ends_at: NOW + 500,
        granted_at: 0,
        granted_by: "li".into(),
        finding: None,
        withdrawn: None,
    };
    office.picture.assets.get_mut(&B).unwrap().approvals = vec![approval];
    let covered = office.judged();
    assert_eq!(covered.findings[0].state, FindingState::Excepted);
    assert!(covered.alerts.is_empty(), "{:?}", covered.alerts);
    assert!(covered.again.iter().any(|(_, at)| *at == NOW + 500));

    office.picture.findings = covered.findings;
    assert!(office.judged().findings.is_empty(), "it stays as it is");
    office.picture.assets.get_mut(&B).unwrap().approvals.clear();
    let open = office.judged();
    assert_eq!(open.findings[0].state, FindingState::Open);
    assert_eq!(open.alerts[0].kind, AlertKind::Reopened);
}

#[test]
fn a_rule_that_is_switched_off_finds_nothing_and_resolves_what_it_found() {
    let files: Vec<RuleFile<'_>> = packs::FILES
        .iter()
        .copied()
        .filter(|file| file.name != "pc.toml")
        .collect();
    let none = RuleSet::load(&files).unwrap();
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let mut off = stolen.clone();
    off.picture.findings = stored(&stolen, |_| {});
    let verdict = judge_claims(&off.values(), &off.picture, &none, NOW);
    assert_eq!(verdict.findings[0].state, FindingState::Resolved);
    let fresh = judge_claims(&stolen.values(), &stolen.picture, &none, NOW);
    assert_eq!(fresh, CrossVerdict::default());
}

#[test]
fn the_assets_of_changed_findings_are_due() {
    let stolen = Office::of_two()
        .off(A)
        .holds(B, MAC_B, "static")
        .assigned(X, to(A));
    let ops = stolen.judged().into_ops();
    assert!(ops.contains(&Op::Due { asset: B }));
    assert!(matches!(&ops[0], Op::PutFinding(finding) if finding.key.holder == Holder::Asset(B)));
}
