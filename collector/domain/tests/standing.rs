//! Shipped rules that need more than one fact: about the PC itself, and about its addresses beside the ledger. For
//! each a breach, its end, what nobody could see, an approval, and the approval's end.

mod packs;
mod support;

use std::sync::{Arc, LazyLock};

use deskwarden_domain::{
    judge::{Context, Graces},
    model::{FindingState, NoticeId, OpenNotice, Outcome},
    rules::RuleSet,
};
use deskwarden_proto::v1::{Facet, Look, Network, Section};
use support::{
    Pc, approve,
    desk::{assigned, card},
};

static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| Arc::new(packs::shipped()));
/// Longer than the grace of any rule here.
const LATER: i64 = 8 * 86_400_000;

fn shipped() -> Context {
    Context {
        generation: 1,
        rules: Arc::clone(&SET),
        ranges: Arc::from([]),
        down: Arc::default(),
        graces: Graces::Kept,
        licences: Arc::default(),
    }
}

fn later(pc: &mut Pc, context: &Context) {
    pc.now += LATER;
    if let Some(heard) = &mut pc.state.device.last_seen_at {
        *heard += LATER;
    }
    pc.rejudge(context);
}

/// A rule about the PC itself: what makes it a breach, and what ends that.
struct Standing {
    rule: &'static str,
    clause: &'static str,
    breach: fn(&mut Pc),
    end: fn(&mut Pc),
}

const STANDING: [Standing; 4] = [
    Standing {
        rule: "pc.unregistered",
        clause: "PC 3.1.1",
        breach: |pc| pc.state.asset.provisional = true,
        end: |pc| pc.state.asset.provisional = false,
    },
    Standing {
        rule: "pc.restored-or-cloned",
        clause: "PC 3.1.1",
        breach: |pc| pc.state.device.forked_at = Some(pc.now),
        end: |pc| pc.state.device.forked_at = None,
    },
    Standing {
        rule: "pc.agent-silent",
        clause: "PC 3.1.1",
        breach: |pc| pc.state.device.last_seen_at = Some(pc.now - 32 * 60_000),
        end: |pc| pc.state.device.last_seen_at = Some(pc.now),
    },
    Standing {
        rule: "pc.notice-overdue",
        clause: "PC 4",
        breach: |pc| {
            pc.state.notices = vec![OpenNotice {
                id: NoticeId(1),
                number: "信整〔2027〕001号".into(),
                due_at: pc.now - 1,
            }];
        },
        end: |pc| pc.state.notices.clear(),
    },
];

/// A registered PC that is heard.
fn calm() -> Pc {
    let mut pc = Pc::new();
    pc.state.asset.provisional = false;
    pc.now += LATER;
    pc.state.device.last_seen_at = Some(pc.now);
    pc
}

#[test]
fn what_a_pc_itself_breaches_is_a_finding_until_it_ends() {
    let context = shipped();
    for case in &STANDING {
        let rule = case.rule;
        let mut pc = calm();
        pc.rejudge(&context);
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
        assert!(pc.findings(rule).is_empty(), "{rule}");
        (case.breach)(&mut pc);
        pc.rejudge(&context);
        assert_eq!(pc.findings(rule), [("asset", FindingState::Open)], "{rule}");
        assert_eq!(pc.finding(rule).clause, case.clause, "{rule}");
        (case.end)(&mut pc);
        pc.rejudge(&context);
        assert_eq!(pc.finding(rule).state, FindingState::Resolved, "{rule}");
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
    }
}

#[test]
fn an_approval_covers_a_pc_until_it_ends() {
    let context = shipped();
    for case in &STANDING {
        let rule = case.rule;
        let mut pc = calm();
        let ends_at = pc.now + 3 * LATER;
        approve(&mut pc, rule, ends_at);
        (case.breach)(&mut pc);
        pc.rejudge(&context);
        assert_eq!(pc.finding(rule).state, FindingState::Excepted, "{rule}");
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
        pc.now = ends_at;
        pc.rejudge(&context);
        assert_eq!(pc.finding(rule).state, FindingState::Open, "{rule}: it ended");
    }
}

/// What makes a card differ from the ledger.
type Change = fn(&mut Network);

/// Rules of 3.2.5 and what breaches each.
const ADDRESSES: [(&str, Change); 4] = [
    ("pc.address-changed", |card| {
        card.addresses[0].ip = "10.1.2.77".into()
    }),
    ("pc.gateway-wrong", |card| {
        card.gateways = vec!["10.1.2.66".into()]
    }),
    ("pc.dns-wrong", |card| card.dns = vec!["192.0.2.53".into()]),
    ("pc.mac-changed", |card| card.mac = "02:00:00:00:00:01".into()),
];

fn shows(pc: &mut Pc, context: &Context, look: Look, facts: Vec<(String, Facet)>) {
    pc.reads(context, Section::Network, "interfaces", look, facts);
}

#[test]
fn what_differs_from_the_ledger_is_a_finding_of_its_own_rule_until_it_is_put_back() {
    let context = shipped();
    for (rule, change) in ADDRESSES {
        let mut pc = calm();
        pc.state.ledger = vec![assigned()];
        shows(&mut pc, &context, Look::Looked, vec![card(|_| {})]);
        later(&mut pc, &context);
        assert_eq!(pc.outcome(rule).0, Outcome::Pass, "{rule}");
        shows(&mut pc, &context, Look::Looked, vec![card(change)]);
        later(&mut pc, &context);
        let open = |pc: &Pc, rule: &str| {
            let found = pc.findings(rule).into_iter();
            found.filter(|(_, state)| *state == FindingState::Open).count()
        };
        assert_eq!(open(&pc, rule), 1, "{rule}");
        assert_eq!(pc.finding(rule).clause, "PC 3.2.5", "{rule}");
        for (other, _) in ADDRESSES.iter().filter(|(other, _)| *other != rule) {
            assert_eq!(open(&pc, other), 0, "{rule} is no {other}");
        }
        shows(&mut pc, &context, Look::Denied, vec![]);
        later(&mut pc, &context);
        assert_eq!(open(&pc, rule), 1, "{rule}: nobody saw that it ended");
        shows(&mut pc, &context, Look::Looked, vec![card(|_| {})]);
        later(&mut pc, &context);
        assert_eq!(pc.finding(rule).state, FindingState::Resolved, "{rule}");
    }
}

#[test]
fn addresses_that_nobody_could_see_pass_nothing() {
    let context = shipped();
    for (rule, _) in ADDRESSES {
        let mut pc = calm();
        pc.state.ledger = vec![assigned()];
        shows(&mut pc, &context, Look::Denied, vec![]);
        later(&mut pc, &context);
        assert_eq!(pc.outcome(rule).0, Outcome::CouldNotLook, "{rule}");
        assert!(pc.findings(rule).is_empty(), "{rule}");
    }
}

#[test]
fn an_approved_address_is_no_breach_until_the_approval_ends() {
    let context = shipped();
    for (rule, change) in ADDRESSES {
        let mut pc = calm();
        pc.state.ledger = vec![assigned()];
        let ends_at = pc.now + 2 * LATER;
        approve(&mut pc, rule, ends_at);
        shows(&mut pc, &context, Look::Looked, vec![card(change)]);
        later(&mut pc, &context);
        assert_eq!(pc.finding(rule).state, FindingState::Excepted, "{rule}");
        pc.now = ends_at;
        pc.rejudge(&context);
        assert_eq!(pc.finding(rule).state, FindingState::Open, "{rule}: it ended");
    }
}
