//! Rules about the register, one table per clause: a breach, none, and what could not be looked at. The built-in rules
//! are in force, so that what an office gets is what is tested; each breach has a twin with its rule switched off.

mod support;

use deskwarden_domain::{
    judge::Context,
    model::{AssetClass, AssetState, FindingState, Millis, Outcome},
    port::Op,
    register::{Order, Person, Provider, Subnet, Transfer, Visit},
};
use deskwarden_proto::v1::{AddressMode, Facet, Logon, LogonKind, Look, Section};
use support::{
    Pc, context,
    desk::{DAY, START, registered},
    interface, memory,
};

const HOUR: Millis = 3_600_000;

const REGULATIONS: &str = include_str!("../../rules/regulations.toml");
const CATEGORIES: &str = include_str!("../../rules/categories.toml");
const PC: &str = include_str!("../../rules/pc.toml");
const OUT: &str = include_str!("../../rules/out.toml");

fn built_in(generation: i64) -> Context {
    context(
        generation,
        &[
            ("regulations.toml", REGULATIONS),
            ("categories.toml", CATEGORIES),
            ("pc.toml", PC),
            ("out.toml", OUT),
        ],
    )
}

/// The same with one rule switched off.
fn without(rule: &str) -> Context {
    let off = |text: &str| {
        text.replace(
            &format!("id = \"{rule}\"\n"),
            &format!("id = \"{rule}\"\nenabled = false\n"),
        )
    };
    let (pc, out) = (off(PC), off(OUT));
    assert!(pc != PC || out != OUT, "there is no rule {rule}");
    context(
        99,
        &[
            ("regulations.toml", REGULATIONS),
            ("categories.toml", CATEGORIES),
            ("pc.toml", &pc),
            ("out.toml", &out),
        ],
    )
}

fn day(number: i64) -> String {
    deskwarden_domain::moment::day_text(START + number * DAY)
}

/// Days on which accounts signed in, counted from 2026-11-28.
fn signs_in(pc: &mut Pc, context: &Context, look: Look, days: &[(i64, &str, LogonKind)]) {
    let facts = days
        .iter()
        .map(|(number, user, kind)| {
            let logon = Logon {
                user: (*user).into(),
                day: day(*number),
                kind: (*kind).into(),
                from: String::new(),
            };
            (format!("{user}:{}", day(*number)), Facet::from(logon))
        })
        .collect();
    pc.reads(context, Section::Logon, "wtmp", look, facts);
}

fn person(accounts: &[&str]) -> Option<Person> {
    Some(Person {
        name: "王芳".into(),
        accounts: accounts.iter().map(|account| (*account).to_owned()).collect(),
    })
}

fn others(days: std::ops::Range<i64>) -> Vec<(i64, &'static str, LogonKind)> {
    days.map(|day| (day, "liwei", LogonKind::Console)).collect()
}

/// What a rule comes to, and that it comes to nothing when it is switched off.
#[track_caller]
fn comes_to(pc: &mut Pc, rule: &str, expected: Outcome) {
    let mut twin = Pc::new();
    twin.state = pc.state.clone();
    twin.now = pc.now;
    pc.rejudge(&built_in(2));
    assert_eq!(pc.outcome(rule).0, expected, "{}", pc.outcome(rule).1);
    let open = pc.findings(rule).iter().any(|(_, state)| state.is_active());
    assert_eq!(open, expected == Outcome::Fail);
    twin.rejudge(&without(rule));
    assert!(twin.findings(rule).iter().all(|(_, state)| !state.is_active()));
    assert!(!twin.state.outcomes.iter().any(|row| row.rule == rule));
}

/// The rule has no outcome on the PC, neither a pass nor a breach.
#[track_caller]
fn says_nothing(pc: &mut Pc, rule: &str) {
    pc.rejudge(&built_in(2));
    assert!(!pc.state.outcomes.iter().any(|row| row.rule == rule));
    assert!(pc.findings(rule).iter().all(|(_, state)| !state.is_active()));
}

#[test]
fn pc_3_1_2_1_somebody_else_works_with_it_and_no_transfer_is_recorded() {
    const RULE: &str = "pc.transfer-unrecorded";
    let context = built_in(1);
    let case = |accounts: &[&str], days: &[(i64, &str, LogonKind)]| {
        let mut pc = registered();
        pc.state.papers.person = person(accounts);
        signs_in(&mut pc, &context, Look::Looked, days);
        pc
    };
    comes_to(&mut case(&["wangfang"], &others(-5..0)), RULE, Outcome::Fail);
    comes_to(&mut case(&["wangfang"], &others(-4..0)), RULE, Outcome::Pass);
    let mut mixed = others(-7..0);
    mixed.push((-3, "CORP\\WangFang", LogonKind::Console));
    comes_to(&mut case(&["wangfang"], &mixed), RULE, Outcome::Pass);
    let remote: Vec<_> = (-9..0).map(|day| (day, "liwei", LogonKind::Remote)).collect();
    comes_to(&mut case(&["wangfang"], &remote), RULE, Outcome::Pass);
    let shared: Vec<_> = (-9..0)
        .map(|day| (day, "Administrator", LogonKind::Console))
        .collect();
    comes_to(&mut case(&["wangfang"], &shared), RULE, Outcome::Pass);
}

#[test]
fn pc_3_1_2_1_nobody_is_accused_without_knowing_the_custodians_accounts() {
    const RULE: &str = "pc.transfer-unrecorded";
    let context = built_in(1);
    for (custodian, papers) in [(None, None), (Some("王芳"), None), (Some("王芳"), person(&[]))] {
        let mut pc = registered();
        pc.state.asset.custodian = custodian.map(str::to_owned);
        pc.state.papers.person = papers;
        signs_in(&mut pc, &context, Look::Looked, &others(-9..0));
        comes_to(&mut pc, RULE, Outcome::CouldNotLook);
    }
    let mut denied = registered();
    denied.state.papers.person = person(&["wangfang"]);
    signs_in(&mut denied, &context, Look::Denied, &[]);
    comes_to(&mut denied, RULE, Outcome::CouldNotLook);
}

#[test]
fn pc_3_1_2_1_a_recorded_transfer_and_days_before_the_custodian_accuse_nobody() {
    const RULE: &str = "pc.transfer-unrecorded";
    let context = built_in(1);
    let mut handed = registered();
    handed.state.papers.person = person(&["wangfang"]);
    handed.state.papers.transfers = vec![transfer(START - 10 * DAY, None)];
    signs_in(&mut handed, &context, Look::Looked, &others(-9..0));
    comes_to(&mut handed, RULE, Outcome::Pass);
    let mut new = registered();
    new.state.asset.custodian_since = START - DAY;
    new.state.papers.person = person(&["wangfang"]);
    signs_in(&mut new, &context, Look::Looked, &others(-9..0));
    comes_to(&mut new, RULE, Outcome::Pass);
}

#[test]
fn a_sign_in_has_what_the_register_says_looked_at_at_once() {
    let context = built_in(1);
    let mut pc = registered();
    pc.state.papers.person = person(&["wangfang"]);
    signs_in(&mut pc, &context, Look::Looked, &others(-5..-1));
    pc.rejudge(&context);
    assert!(pc.state.asset.wake_at > Some(pc.now));
    signs_in(&mut pc, &context, Look::Looked, &others(-5..0));
    assert!(
        pc.state.asset.wake_at <= Some(pc.now),
        "a look at everything is due"
    );
    pc.software(&context, &["bash"]);
    assert!(pc.state.asset.wake_at <= Some(pc.now), "and stays due");
    pc.rejudge(&context);
    assert_eq!(pc.outcome("pc.transfer-unrecorded").0, Outcome::Fail);
}

fn transfer(date: Millis, received: Option<Millis>) -> Transfer {
    Transfer {
        number: "T-1".into(),
        from: "王芳".into(),
        to: "李伟".into(),
        date,
        due: date + 3 * DAY,
        received,
    }
}

#[test]
fn pc_3_3_the_form_of_a_transfer_is_reminded_of_and_then_overdue() {
    let (due_rule, overdue_rule) = ("pc.transfer-form-due", "pc.transfer-form-overdue");
    for (days, received, due, overdue) in [
        (1, None, Outcome::Pass, Outcome::Pass),
        (2, None, Outcome::Fail, Outcome::Pass),
        (3, None, Outcome::Pass, Outcome::Fail),
        (9, None, Outcome::Pass, Outcome::Fail),
        (9, Some(START), Outcome::Pass, Outcome::Pass),
    ] {
        let mut pc = registered();
        pc.state.papers.transfers = vec![transfer(START - days * DAY, received)];
        comes_to(&mut pc, due_rule, due);
        comes_to(&mut pc, overdue_rule, overdue);
    }
}

#[test]
fn pc_3_3_the_moment_at_which_a_form_is_due_wakes_the_asset() {
    let context = built_in(1);
    let mut pc = registered();
    pc.state.device.goodbye_at = pc.state.device.last_seen_at;
    pc.state.papers.transfers = vec![transfer(START, None)];
    pc.rejudge(&context);
    assert_eq!(pc.state.asset.wake_at, Some(START + 2 * DAY));
    pc.now = START + 2 * DAY;
    pc.rejudge(&context);
    assert_eq!(pc.findings("pc.transfer-form-due"), [("T-1", FindingState::Open)]);
    assert_eq!(pc.state.asset.wake_at, Some(START + 3 * DAY));
    pc.now = START + 3 * DAY;
    pc.rejudge(&context);
    assert_eq!(
        pc.findings("pc.transfer-form-due"),
        [("T-1", FindingState::Resolved)]
    );
    assert_eq!(
        pc.findings("pc.transfer-form-overdue"),
        [("T-1", FindingState::Open)]
    );
    pc.state.papers.transfers[0].received = Some(pc.now);
    pc.rejudge(&context);
    assert_eq!(
        pc.findings("pc.transfer-form-overdue"),
        [("T-1", FindingState::Resolved)]
    );
}

#[test]
fn pc_3_1_2_2_in_use_by_the_register_but_nobody_uses_it() {
    const RULE: &str = "pc.idle";
    let context = built_in(1);
    let case = |heard: i64, look: Look, days: &[(i64, &str, LogonKind)]| {
        let mut pc = registered();
        signs_in(&mut pc, &context, look, days);
        pc.state.device.last_seen_at = Some(START - heard * DAY);
        pc
    };
    let wang = |day| (day, "wangfang", LogonKind::Console);
    comes_to(&mut case(0, Look::Looked, &[wang(-1)]), RULE, Outcome::Pass);
    comes_to(&mut case(31, Look::Looked, &[wang(-31)]), RULE, Outcome::Fail);
    comes_to(&mut case(0, Look::Looked, &[wang(-40)]), RULE, Outcome::Fail);
    // Somebody uses it, whoever has the password; the screen of signing in is nobody.
    for (account, outcome) in [
        ("Administrator", Outcome::Pass),
        ("root", Outcome::Pass),
        ("gdm", Outcome::Fail),
    ] {
        comes_to(
            &mut case(0, Look::Looked, &[(-1, account, LogonKind::Console), wang(-40)]),
            RULE,
            outcome,
        );
    }
    comes_to(&mut case(0, Look::Denied, &[]), RULE, Outcome::CouldNotLook);
    comes_to(&mut case(31, Look::Denied, &[]), RULE, Outcome::Fail);
    let mut ordered = case(31, Look::Looked, &[]);
    ordered.state.papers.orders = vec![order(START - DAY, START + DAY, &[])];
    comes_to(&mut ordered, RULE, Outcome::Pass);
    let mut idle = case(31, Look::Looked, &[]);
    idle.state.asset.state = AssetState::Idle;
    says_nothing(&mut idle, RULE);
}

#[test]
fn pc_3_1_2_2_time_in_which_nobody_listened_does_not_count() {
    let mut pc = registered();
    pc.state.device.last_seen_at = Some(START - 31 * DAY);
    let mut context = built_in(1);
    signs_in(&mut pc, &context, Look::Looked, &[]);
    context.down = [(START - 20 * DAY, START - 10 * DAY)].into();
    pc.state.device.enrolled_at = START - DAY;
    pc.rejudge(&context);
    assert_eq!(pc.outcome("pc.idle").0, Outcome::Pass);
    context.down = [].into();
    pc.rejudge(&context);
    assert_eq!(pc.outcome("pc.idle").0, Outcome::Fail);
}

#[test]
fn pc_3_1_2_2_and_3_1_5_what_is_out_of_use_reports() {
    for (state, rule) in [
        (AssetState::Idle, "pc.idle-reports"),
        (AssetState::Scrapped, "pc.scrapped-reports"),
        (AssetState::Lost, "pc.lost-reports"),
    ] {
        let case = |state_since: Millis| {
            let mut pc = registered();
            pc.state.asset.state = state;
            pc.state.asset.state_since = state_since;
            pc
        };
        comes_to(&mut case(START - 2 * DAY), rule, Outcome::Fail);
        comes_to(&mut case(START - HOUR / 2), rule, Outcome::Pass);
        let mut in_use = case(START - 2 * DAY);
        in_use.state.asset.state = AssetState::InUse;
        says_nothing(&mut in_use, rule);
        let mut never = case(START - 2 * DAY);
        never.state.device.last_seen_at = None;
        comes_to(&mut never, rule, Outcome::Pass);
    }
}

fn order(from: Millis, to: Millis, parts: &[&str]) -> Order {
    Order {
        number: "WO-1".into(),
        from,
        to,
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
    }
}

/// A PC whose memory was accepted and then changed.
fn changed(orders: Vec<Order>) -> Pc {
    let context = built_in(1);
    let mut pc = registered();
    pc.state.papers.orders = orders;
    pc.reads(
        &context,
        Section::Part,
        "smbios",
        Look::Looked,
        vec![memory("AAAA1111")],
    );
    pc.now = START + HOUR;
    pc.reads(
        &context,
        Section::Part,
        "smbios",
        Look::Looked,
        vec![memory("BBBB2222")],
    );
    pc
}

#[test]
fn pc_3_1_3_parts_change_under_a_work_order_or_without_one() {
    for rule in ["pc.repair-unordered", "pc.part-changed"] {
        for (orders, expected) in [
            (vec![], Outcome::Fail),
            (vec![order(START, START + 2 * HOUR, &[])], Outcome::Pass),
            (vec![order(START, START + 2 * HOUR, &["memory"])], Outcome::Pass),
            (vec![order(START, START + 2 * HOUR, &["disk"])], Outcome::Fail),
            (
                vec![order(START + 2 * HOUR, START + 3 * HOUR, &[])],
                Outcome::Fail,
            ),
            (vec![order(START - HOUR, START, &[])], Outcome::Fail),
        ] {
            comes_to(&mut changed(orders), rule, expected);
        }
        let mut blind = registered();
        blind.reads(&built_in(1), Section::Part, "smbios", Look::Denied, vec![]);
        comes_to(&mut blind, rule, Outcome::CouldNotLook);
    }
}

#[test]
fn pc_3_2_1_a_change_under_an_order_awaits_review_and_names_it() {
    let mut pc = changed(vec![order(START, START + 2 * HOUR, &[])]);
    comes_to(&mut pc, "pc.part-ordered", Outcome::Fail);
    let piece = pc
        .state
        .evidence
        .iter()
        .find(|piece| piece.rule == "pc.part-ordered")
        .unwrap();
    assert!(piece.detail.contains("\"order\":\"WO-1\""), "{}", piece.detail);
    comes_to(&mut changed(vec![]), "pc.part-ordered", Outcome::Pass);
}

#[test]
fn pc_3_1_3_an_order_covers_what_changed_in_its_time_and_no_later_swap() {
    let context = built_in(1);
    let mut pc = changed(vec![order(START, START + 2 * HOUR, &[])]);
    pc.now = START + 5 * HOUR;
    pc.rejudge(&context);
    assert_eq!(
        pc.outcome("pc.part-changed").0,
        Outcome::Pass,
        "still covered after the order's end"
    );
    pc.reads(
        &context,
        Section::Part,
        "smbios",
        Look::Looked,
        vec![memory("CCCC3333")],
    );
    assert_eq!(
        pc.outcome("pc.part-changed").0,
        Outcome::Fail,
        "swapped once more, without an order"
    );
    assert_eq!(pc.outcome("pc.part-ordered").0, Outcome::Pass);
}

#[test]
fn pc_3_1_3_a_removed_part_is_covered_too() {
    let context = built_in(1);
    for (orders, expected) in [
        (vec![order(START, START + 2 * HOUR, &[])], Outcome::Pass),
        (vec![], Outcome::Fail),
    ] {
        let mut pc = registered();
        pc.state.papers.orders = orders;
        pc.reads(
            &context,
            Section::Part,
            "smbios",
            Look::Looked,
            vec![memory("AAAA1111")],
        );
        pc.now = START + HOUR;
        pc.reads(&context, Section::Part, "smbios", Look::Looked, vec![]);
        pc.now = START + 9 * HOUR;
        comes_to(&mut pc, "pc.part-changed", expected);
    }
}

#[test]
fn pc_3_1_3_gone_without_an_order() {
    const RULE: &str = "pc.gone-unordered";
    let case = |days: i64, orders: Vec<Order>| {
        let mut pc = registered();
        pc.state.device.last_seen_at = Some(START - days * DAY);
        pc.state.papers.orders = orders;
        pc
    };
    comes_to(&mut case(8, vec![]), RULE, Outcome::Fail);
    comes_to(&mut case(6, vec![]), RULE, Outcome::Pass);
    comes_to(
        &mut case(8, vec![order(START - 9 * DAY, START + DAY, &[])]),
        RULE,
        Outcome::Pass,
    );
    comes_to(
        &mut case(8, vec![order(START - 9 * DAY, START - DAY, &[])]),
        RULE,
        Outcome::Fail,
    );
    let mut in_repair = case(8, vec![]);
    in_repair.state.asset.state = AssetState::InRepair;
    says_nothing(&mut in_repair, RULE);
}

/// A provider's PC.
fn outsourced() -> Pc {
    let mut pc = registered();
    pc.state.asset.class = AssetClass::Outsourced;
    pc.state.asset.provider = Some("甲公司".into());
    pc.state.papers.provider = Some(Provider {
        name: "甲公司".into(),
        responsible: "赵强".into(),
        subnets: vec![],
    });
    pc
}

fn visit(from: Millis, to: Millis) -> Visit {
    Visit {
        number: "V-1".into(),
        from,
        to,
    }
}

#[test]
fn out_17_a_providers_pc_outside_its_visits() {
    const RULE: &str = "out.visit-outside";
    for (visits, expected) in [
        (vec![], Outcome::Fail),
        (vec![visit(START - HOUR, START + HOUR)], Outcome::Pass),
        (vec![visit(START - HOUR, START - HOUR / 4)], Outcome::Pass),
        (vec![visit(START - 3 * HOUR, START - HOUR)], Outcome::Fail),
        (vec![visit(START + HOUR, START + 3 * HOUR)], Outcome::Fail),
    ] {
        let mut pc = outsourced();
        pc.state.papers.visits = visits;
        comes_to(&mut pc, RULE, expected);
    }
    says_nothing(&mut registered(), RULE);
    let mut never = outsourced();
    never.state.device.last_seen_at = None;
    comes_to(&mut never, RULE, Outcome::Pass);
}

#[test]
fn out_17_the_end_of_a_visit_wakes_the_asset() {
    let context = built_in(1);
    let mut pc = outsourced();
    pc.state.papers.visits = vec![visit(START - HOUR, START + HOUR / 4)];
    pc.rejudge(&context);
    assert_eq!(pc.outcome("out.visit-outside").0, Outcome::Pass);
    let again = pc.state.asset.wake_at.unwrap();
    assert!(again <= START + 2 * HOUR);
    pc.state.device.last_seen_at = Some(START + 2 * HOUR);
    pc.now = START + 2 * HOUR;
    pc.rejudge(&context);
    assert_eq!(pc.outcome("out.visit-outside").0, Outcome::Fail);
}

#[test]
fn out_17_a_providers_pc_in_a_forbidden_network() {
    const RULE: &str = "out.subnet-forbidden";
    let context = built_in(1);
    for (subnets, look, expected) in [
        (vec!["10.0.0.0/24"], Look::Looked, Outcome::Pass),
        (vec!["10.9.0.0/24"], Look::Looked, Outcome::Fail),
        (vec![], Look::Looked, Outcome::CouldNotLook),
        (vec!["10.9.0.0/24"], Look::Denied, Outcome::CouldNotLook),
    ] {
        let mut pc = outsourced();
        pc.state.papers.provider.as_mut().unwrap().subnets =
            subnets.iter().filter_map(|text| Subnet::parse(text)).collect();
        let facts = match look {
            Look::Looked => vec![interface("10.0.0.20", AddressMode::Static)],
            _ => vec![],
        };
        pc.reads(&context, Section::Network, "netlink", look, facts);
        comes_to(&mut pc, RULE, expected);
    }
}

#[test]
fn out_17_without_networks_of_the_provider_nothing_says_what_is_allowed() {
    const RULE: &str = "out.subnet-forbidden";
    let context = built_in(1);
    let reason = |change: fn(&mut Pc)| {
        let mut pc = outsourced();
        pc.reads(
            &context,
            Section::Network,
            "netlink",
            Look::Looked,
            vec![interface("10.0.0.20", AddressMode::Static)],
        );
        change(&mut pc);
        pc.rejudge(&context);
        let (outcome, reason) = pc.outcome(RULE);
        assert_eq!(outcome, Outcome::CouldNotLook);
        reason.to_owned()
    };
    let no_networks = reason(|_| {});
    assert!(
        no_networks.contains("甲公司") && no_networks.contains("`provider set`"),
        "{no_networks}"
    );
    // A provider of whom no row was made.
    assert_eq!(reason(|pc| pc.state.papers.provider = None), no_networks);
    let no_provider = reason(|pc| pc.state.asset.provider = None);
    assert!(no_provider.contains("`asset set`"), "{no_provider}");
}

#[test]
fn a_rule_says_nothing_of_a_pc_that_it_does_not_apply_to() {
    const RULES: [&str; 5] = [
        "out.media-unregistered",
        "out.unsupervised",
        "out.silent",
        "out.visit-outside",
        "out.subnet-forbidden",
    ];
    let context = built_in(1);
    let outcomes = |pc: &Pc| -> Vec<Outcome> {
        let of = |rule: &&str| pc.state.outcomes.iter().find(|row| row.rule == **rule);
        RULES.iter().filter_map(of).map(|row| row.outcome).collect()
    };
    let mut pc = outsourced();
    pc.rejudge(&context);
    assert_eq!(outcomes(&pc).len(), RULES.len());
    assert_eq!(pc.findings("out.visit-outside"), [("asset", FindingState::Open)]);
    // It was entered wrongly, and is the organisation's own.
    pc.state.asset.class = AssetClass::Own;
    pc.ops.clear();
    pc.rejudge(&context);
    assert_eq!(outcomes(&pc), []);
    assert!(
        pc.ops
            .iter()
            .any(|op| matches!(op, Op::RemoveOutcome { rule, .. } if rule == "out.visit-outside"))
    );
    assert_eq!(
        pc.findings("out.visit-outside"),
        [("asset", FindingState::Resolved)]
    );
    assert!(
        pc.state
            .outcomes
            .iter()
            .any(|row| row.rule == "pc.gone-unordered")
    );
    pc.ops.clear();
    pc.rejudge(&context);
    assert!(!pc.ops.iter().any(|op| matches!(op, Op::RemoveOutcome { .. })));
    // And back.
    pc.state.asset.class = AssetClass::Outsourced;
    pc.rejudge(&context);
    assert_eq!(outcomes(&pc).len(), RULES.len());
    assert_eq!(pc.outcome("out.visit-outside").0, Outcome::Fail);
    assert!(
        !pc.state
            .outcomes
            .iter()
            .any(|row| row.rule == "pc.gone-unordered")
    );
}

#[test]
fn out_13_somebody_answers_for_a_providers_pc() {
    const RULE: &str = "out.unsupervised";
    comes_to(&mut outsourced(), RULE, Outcome::Pass);
    let mut nobody = outsourced();
    nobody.state.papers.provider.as_mut().unwrap().responsible.clear();
    comes_to(&mut nobody, RULE, Outcome::Fail);
    let mut own = outsourced();
    own.state.papers.provider = None;
    own.state.asset.responsible = Some("赵强".into());
    comes_to(&mut own, RULE, Outcome::Pass);
    let mut unknown = outsourced();
    unknown.state.asset.provider = None;
    comes_to(&mut unknown, RULE, Outcome::Fail);
    says_nothing(&mut registered(), RULE);
}

#[test]
fn out_14_a_providers_pc_that_is_out_of_sight() {
    const RULE: &str = "out.silent";
    comes_to(&mut outsourced(), RULE, Outcome::Pass);
    let mut gone = outsourced();
    gone.state.device.last_seen_at = Some(START - 2 * DAY);
    comes_to(&mut gone, RULE, Outcome::Fail);
}
