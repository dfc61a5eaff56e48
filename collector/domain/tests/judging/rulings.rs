//! Approvals, false positives and notices: what they cover, and until when.

use super::*;

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
