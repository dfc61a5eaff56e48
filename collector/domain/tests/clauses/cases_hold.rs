//! Every case of the table: breach, no breach, could not look, approved, put and removed, rule off.

use super::*;

#[test]
fn what_breaches_a_clause_is_a_finding_of_it_and_what_is_like_it_is_not() {
    let context = shipped();
    for case in cases() {
        let rule = case.rule;
        let mut pc = portable();
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.breach));
        later(&mut pc, &context);
        let found: Vec<FindingState> = pc.findings(rule).into_iter().map(|(_, state)| state).collect();
        assert_eq!(found, [FindingState::Open], "{rule}");
        assert_eq!(pc.finding(rule).clause, case.clause, "{rule}");
        assert_eq!(pc.outcome(rule).0, Outcome::Fail, "{rule}");

        let mut pc = portable();
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.clean));
        later(&mut pc, &context);
        assert!(pc.findings(rule).is_empty(), "{rule}: {:?}", pc.findings(rule));
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
    }
}

#[test]
fn what_could_not_be_looked_at_passes_nothing_and_resolves_nothing() {
    let context = shipped();
    for case in cases() {
        let rule = case.rule;
        for look in [Look::Denied, Look::Partial, Look::Failed, Look::Unsupported] {
            let mut blind = portable();
            sees(&mut blind, &context, &case, look, None);
            later(&mut blind, &context);
            let (outcome, reason) = blind.outcome(rule);
            assert_eq!(outcome, Outcome::CouldNotLook, "{rule} {look:?}");
            assert!(reason.contains("no permission"), "{rule}: {reason}");
            assert!(blind.findings(rule).is_empty(), "{rule}");
        }
        let mut pc = portable();
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.breach));
        later(&mut pc, &context);
        sees(&mut pc, &context, &case, Look::Denied, None);
        later(&mut pc, &context);
        assert_eq!(pc.finding(rule).state, FindingState::Open, "{rule}");
        assert_eq!(pc.outcome(rule).0, Outcome::Fail, "{rule}");
    }
}

#[test]
fn an_approval_covers_a_breach_of_every_rule_until_it_ends() {
    let context = shipped();
    for case in cases() {
        let rule = case.rule;
        let mut pc = portable();
        let ends_at = pc.now + 2 * GRACE;
        approve(&mut pc, rule, ends_at);
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.breach));
        later(&mut pc, &context);
        assert_eq!(pc.finding(rule).state, FindingState::Excepted, "{rule}");
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
        assert!(pc.state.asset.wake_at.is_some_and(|at| at <= ends_at), "{rule}");
        pc.now = ends_at;
        pc.rejudge(&context);
        assert_eq!(pc.finding(rule).state, FindingState::Open, "{rule}: it ended");
        assert_eq!(pc.outcome(rule).0, Outcome::Fail, "{rule}");
    }
}

#[test]
fn put_and_removed_leaves_no_open_finding() {
    let context = shipped();
    for case in cases() {
        let mut pc = portable();
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.breach));
        later(&mut pc, &context);
        sees(&mut pc, &context, &case, Look::Looked, None);
        later(&mut pc, &context);
        assert_eq!(
            pc.finding(case.rule).state,
            FindingState::Resolved,
            "{}",
            case.rule
        );
    }
}

#[test]
fn with_the_rule_switched_off_nothing_is_found() {
    for case in cases() {
        let needle = format!("id = \"{}\"\n", case.rule);
        let files: Vec<(&str, String)> = packs::FILES
            .iter()
            .map(|file| {
                (
                    file.name,
                    file.content
                        .replace(&needle, &format!("{needle}enabled = false\n")),
                )
            })
            .collect();
        // Loading all of the catalogue for each rule would take minutes; what needs it is tried on one.
        if case.section == Section::Software && case.rule != "pc.chat" {
            continue;
        }
        let files: Vec<(&str, &str)> = files
            .iter()
            .filter(|(name, _)| case.section == Section::Software || !name.starts_with("catalogue"))
            .map(|(name, content)| (*name, content.as_str()))
            .collect();
        let context = support::context(1, &files);
        let mut pc = portable();
        sees(&mut pc, &context, &case, Look::Looked, Some(&case.breach));
        later(&mut pc, &context);
        assert!(pc.findings(case.rule).is_empty(), "{}", case.rule);
        assert!(pc.state.outcomes.iter().all(|row| row.rule != case.rule));
    }
}
