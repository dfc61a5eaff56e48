//! Conditions that read the section and the register: what they ask is followed when it changes, by reports and by time.

use deskwarden_domain::register::{Order, Transfer};

use super::*;

fn on_qq(when: &str) -> deskwarden_domain::judge::Context {
    let body = format!(
        "kind = \"item\"\nsections = [\"software\"]\nneeds = [\"software:dpkg\"]\nselect = {{ name = \"qq\" }}\nwhen = \"{when}\""
    );
    rules(1, &[rule("asks", &body)])
}

/// What a collector does when the time has come.
fn wakes(pc: &mut Pc, context: &Context) -> bool {
    let due = pc.state.asset.wake_at.is_some_and(|at| at <= pc.now);
    if due {
        pc.rejudge(context);
    }
    due
}

#[test]
fn a_new_look_at_a_source_judges_what_asks_for_it() {
    let context = on_qq("section.sources.exists(s, s.look == 'denied')");
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    wakes(&mut pc, &context);
    assert_eq!(pc.outcome("asks").0, Outcome::Pass);
    // No item of the record is that program.
    pc.reads(&context, Section::Software, "snap", Look::Denied, vec![]);
    assert!(wakes(&mut pc, &context));
    assert_eq!(pc.outcome("asks").0, Outcome::Fail);
    pc.reads(&context, Section::Software, "snap", Look::Looked, vec![]);
    assert!(wakes(&mut pc, &context));
    assert_eq!(pc.outcome("asks").0, Outcome::Pass);
    assert!(!wakes(&mut pc, &context), "once");
    // Of another section it asks nothing.
    pc.reads(&context, Section::Proxy, "env", Look::Denied, vec![]);
    assert!(!wakes(&mut pc, &context));
}

#[test]
fn the_number_of_items_is_followed() {
    let context = on_qq("section.items > 2");
    let mut pc = Pc::new();
    pc.software(&context, &["qq", "vim"]);
    wakes(&mut pc, &context);
    assert_eq!(pc.outcome("asks").0, Outcome::Pass);
    pc.software(&context, &["qq", "vim", "bash"]);
    assert!(wakes(&mut pc, &context));
    assert_eq!(pc.outcome("asks").0, Outcome::Fail);
    pc.software(&context, &["qq", "bash"]);
    assert!(wakes(&mut pc, &context));
    assert_eq!(pc.findings("asks"), [("qq:amd64", FindingState::Resolved)]);
}

#[test]
fn the_begin_and_the_end_of_an_order_wake_the_asset() {
    let context = on_qq("register.orders.size() == 0");
    let mut pc = Pc::new();
    pc.software(&context, &["qq"]);
    assert_eq!(pc.outcome("asks").0, Outcome::Fail);
    pc.state.papers.orders = vec![Order {
        number: "O-1".into(),
        from: 50_000,
        to: 90_000,
        parts: vec![],
    }];
    pc.rejudge(&context);
    for (turn, outcome) in [(50_000, Outcome::Pass), (90_001, Outcome::Fail)] {
        assert_eq!(pc.state.asset.wake_at, Some(turn));
        pc.now = turn;
        assert!(wakes(&mut pc, &context));
        assert_eq!(pc.outcome("asks").0, outcome);
    }
    assert_eq!(pc.state.asset.wake_at, None);
}

#[test]
fn a_form_that_becomes_overdue_wakes_an_asset_rule() {
    let when = "when = \"register.transfers.exists(t, t.overdue)\"";
    let context = rules(1, &[rule("asks", &format!("kind = \"asset\"\n{when}"))]);
    let mut pc = Pc::new();
    pc.state.papers.transfers = vec![Transfer {
        number: "T-1".into(),
        from: "王芳".into(),
        to: "李伟".into(),
        date: 0,
        due: 60_000,
        received: None,
    }];
    pc.rejudge(&context);
    assert_eq!(pc.outcome("asks").0, Outcome::Pass);
    assert_eq!(pc.state.asset.wake_at, Some(60_000));
    pc.now = 60_000;
    assert!(wakes(&mut pc, &context));
    assert_eq!(pc.outcome("asks").0, Outcome::Fail);
    // The form came: the store makes the asset due.
    pc.state.papers.transfers[0].received = Some(pc.now);
    pc.rejudge(&context);
    assert_eq!(pc.findings("asks"), [("asset", FindingState::Resolved)]);
}
