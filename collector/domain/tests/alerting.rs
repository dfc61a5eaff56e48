//! Planning under a simulated clock: whatever comes, every alert is told once per channel, in its time, at its pace.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests: a fault ends the test with its words"
)]

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    alerting::{
        Book, EntryKind, Fresh, Maintenance, Observing, Pace, Planned, Pulse, Route, SUMMARY, Told, Waiting,
        pack, plan,
    },
    model::{AlertKind, AlertRow, FindingState, Millis, PackKind, Severity},
};
use proptest::prelude::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const ZONE: Millis = 8 * HOUR;
/// Monday 2026-11-23, 00:00 in Beijing.
const MONDAY: Millis = 1_795_363_200_000;
const CHAT: Pace = Pace {
    per_minute: Some(20),
    groups: true,
};

fn alert(
    id: i64,
    finding: i64,
    kind: AlertKind,
    rule: &str,
    severity: Severity,
    department: &str,
    at: Millis,
) -> AlertRow {
    AlertRow {
        id,
        kind,
        finding_id: finding,
        rule: rule.to_owned(),
        clause: "PC 3.2.4".to_owned(),
        severity,
        subject_name: "QQ".to_owned(),
        asset_id: Some(finding),
        asset_number: Some(format!("ZC-{finding}")),
        asset_name: format!("desk-{finding}"),
        custodian: None,
        department: Some(department.to_owned()),
        provider: None,
        first_seen: at,
        at,
        evidence: "{}".to_owned(),
    }
}

fn opened(id: i64, rule: &str, severity: Severity, at: Millis) -> AlertRow {
    alert(id, id, AlertKind::Opened, rule, severity, "财务部", at)
}

fn fresh(alert: AlertRow) -> Fresh {
    Fresh {
        alert,
        told: Vec::new(),
    }
}

fn book(routes: &str, channels: &[&str]) -> Book {
    Book {
        channels: channels
            .iter()
            .map(|name| Told {
                name: (*name).to_owned(),
                min_severity: Severity::Low,
            })
            .collect(),
        routes: serde_json::from_str::<Vec<Route>>(routes).unwrap(),
        maintenance: Vec::new(),
        zone: ZONE,
        observing: None,
    }
}

fn entry<'p>(planned: &'p [Planned], channel: &str) -> Option<&'p Planned> {
    planned.iter().find(|entry| entry.channel == channel)
}

/// The world around a plan: queues, a channel that may be down, a clock that jumps to whatever is next.
#[derive(Default)]
struct World {
    queue: Vec<(Planned, AlertRow)>,
    taken: BTreeSet<usize>,
    skipped: BTreeSet<usize>,
    sent: Vec<(Millis, PackKind, Vec<i64>)>,
    made: Vec<(String, Millis, u64)>,
    states: BTreeMap<i64, FindingState>,
}

impl World {
    fn enqueue(&mut self, now: Millis, alerts: &[Fresh], book: &Book) {
        for planned in plan(now, alerts, book) {
            let alert = alerts
                .iter()
                .find(|fresh| fresh.alert.id == planned.alert)
                .unwrap();
            self.queue.push((planned, alert.alert.clone()));
        }
    }

    /// One look at a channel's queue; the next moment at which something may be due.
    fn round(&mut self, channel: &str, now: Millis, pace: Pace) -> Option<Millis> {
        let due: Vec<Waiting> = self
            .queue
            .iter()
            .enumerate()
            .filter(|(id, (planned, _))| {
                planned.channel == channel
                    && planned.not_before <= now
                    && !self.taken.contains(id)
                    && !self.skipped.contains(id)
            })
            .map(|(id, (planned, alert))| Waiting {
                id: i64::try_from(id).unwrap(),
                kind: planned.kind,
                bundle: planned.bundle.clone(),
                not_before: planned.not_before,
                held: planned.held,
                alert: alert.clone(),
                state: self
                    .states
                    .get(&alert.finding_id)
                    .copied()
                    .unwrap_or(FindingState::Open),
            })
            .collect();
        let pulse = Pulse {
            tried: self.sent.iter().map(|(at, ..)| *at).collect(),
            causes: self.made.clone(),
            failing: 0,
        };
        let packed = pack(now, &due, pace, &pulse);
        for (id, _) in packed.skipped {
            assert!(self.skipped.insert(usize::try_from(id).unwrap()), "skipped twice");
        }
        for pack in packed.packs {
            for id in &pack.entries {
                assert!(self.taken.insert(usize::try_from(*id).unwrap()), "told twice");
            }
            self.made
                .push((pack.cause.clone(), now, pack.entries.len() as u64));
            self.sent.push((now, pack.kind, pack.entries));
        }
        let later = self.queue.iter().enumerate();
        let later = later
            .filter(|(id, _)| !self.taken.contains(id) && !self.skipped.contains(id))
            .map(|(_, (planned, _))| planned.not_before)
            .filter(|at| *at > now)
            .min();
        [packed.look_again, later].into_iter().flatten().min()
    }

    /// Until nothing waits any more.
    fn settle(&mut self, channel: &str, mut now: Millis, pace: Pace) {
        for _ in 0..100_000 {
            match self.round(channel, now, pace) {
                Some(next) => now = next.max(now + 1),
                None => return,
            }
        }
        panic!("the queue never empties");
    }

    fn keeps_the_rate(&self, most: usize) {
        let times: Vec<Millis> = self.sent.iter().map(|(at, ..)| *at).collect();
        for (n, at) in times.iter().enumerate() {
            let within = times[n..].iter().filter(|other| **other - at < MINUTE).count();
            assert!(within <= most, "{within} messages within a minute");
        }
    }
}

#[test]
fn five_hundred_pcs_with_one_cause_are_one_message() {
    let (mut world, book) = (World::default(), book("[]", &["group"]));
    let alerts: Vec<Fresh> = (0..500)
        .map(|n| fresh(opened(n, "pc.chat", Severity::High, MONDAY)))
        .collect();
    world.enqueue(MONDAY, &alerts, &book);
    world.settle("group", MONDAY, CHAT);
    assert_eq!(world.sent.len(), 1);
    assert_eq!((world.sent[0].1, world.sent[0].2.len()), (PackKind::Group, 500));
}

#[test]
fn five_hundred_pcs_within_two_minutes_are_a_handful_of_messages() {
    let (mut world, book) = (World::default(), book("[]", &["group"]));
    let mut now = MONDAY;
    for n in 0..500 {
        world.enqueue(now, &[fresh(opened(n, "pc.chat", Severity::High, now))], &book);
        world.round("group", now, CHAT);
        now += 240;
    }
    world.settle("group", now, CHAT);
    assert_eq!(
        world
            .sent
            .iter()
            .map(|(.., entries)| entries.len())
            .sum::<usize>(),
        500
    );
    assert!(world.sent.len() <= 6, "{} messages", world.sent.len());
    assert_eq!(world.sent[0].0, MONDAY, "the first is told at once");
}

#[test]
fn a_channel_that_was_away_for_two_hours_gets_one_digest_of_all_ten_thousand() {
    let (mut world, book) = (World::default(), book("[]", &["group"]));
    for n in 0..10_000 {
        let at = MONDAY + n * 700;
        let rule = format!("rule-{}", n % 40);
        world.enqueue(at, &[fresh(opened(n, &rule, Severity::Medium, at))], &book);
    }
    let back = MONDAY + 2 * HOUR;
    world.settle("group", back, CHAT);
    assert_eq!(world.taken.len(), 10_000);
    world.keeps_the_rate(20);
    assert!(world.sent.len() <= 61, "{} messages", world.sent.len());
    let digest = world
        .sent
        .iter()
        .find(|(_, kind, _)| *kind == PackKind::Digest)
        .unwrap();
    assert!(digest.2.len() > 8_000);
}

#[test]
fn programs_get_every_alert_by_itself() {
    let (mut world, book) = (World::default(), book("[]", &["siem"]));
    let alerts: Vec<Fresh> = (0..700)
        .map(|n| fresh(opened(n, "pc.chat", Severity::High, MONDAY)))
        .collect();
    world.enqueue(MONDAY, &alerts, &book);
    let pace = Pace {
        per_minute: None,
        groups: false,
    };
    world.settle("siem", MONDAY, pace);
    assert_eq!(world.sent.len(), 700);
    assert!(
        world
            .sent
            .iter()
            .all(|(_, kind, entries)| *kind == PackKind::Single && entries.len() == 1)
    );
}

#[test]
fn routes_choose_by_severity_clause_department_and_time() {
    let book = book(
        r#"[{"name": "day", "channel": "group", "clauses": ["PC 3.2"], "hours": {"days": [1,2,3,4,5], "from": "08:00", "to": "18:00"}},
            {"name": "finance", "channel": "mail", "departments": ["财务部"], "min_severity": "high"},
            {"name": "provider", "channel": "oa", "providers": ["分公司"]}]"#,
        &["group", "mail", "oa", "log"],
    );
    let told = |alert: AlertRow, now| -> Vec<String> {
        plan(now, &[fresh(alert)], &book)
            .into_iter()
            .map(|entry| entry.channel)
            .collect()
    };
    let high = |department: &str| alert(1, 1, AlertKind::Opened, "r", Severity::High, department, MONDAY);
    assert_eq!(told(high("财务部"), MONDAY + 9 * HOUR), ["group", "log", "mail"]);
    assert_eq!(told(high("财务部"), MONDAY + 20 * HOUR), ["log", "mail"]);
    assert_eq!(told(high("市场部"), MONDAY + 9 * HOUR), ["group", "log"]);
    let mut other = high("财务部");
    other.clause = "PC 4.1".to_owned();
    other.severity = Severity::Low;
    assert_eq!(told(other, MONDAY + 9 * HOUR), ["log"]);
    let mut elsewhere = high("市场部");
    elsewhere.provider = Some("分公司".to_owned());
    assert_eq!(told(elsewhere, MONDAY + 20 * HOUR), ["log", "oa"]);
}

#[test]
fn quiet_hours_wait_for_their_end_except_for_the_worst() {
    let book = book(
        r#"[{"name": "q", "channel": "group", "quiet": {"hours": {"from": "22:00", "to": "07:30"}}}]"#,
        &["group"],
    );
    let at = MONDAY + 23 * HOUR;
    let planned = plan(at, &[fresh(opened(1, "r", Severity::High, at))], &book);
    assert_eq!(planned[0].not_before, MONDAY + 31 * HOUR + 30 * MINUTE);
    let planned = plan(at, &[fresh(opened(1, "r", Severity::Critical, at))], &book);
    assert_eq!(planned[0].not_before, at);
}

#[test]
fn digests_come_at_their_time_one_per_department() {
    let book = book(
        r#"[{"name": "d", "channel": "mail", "digest": {"at": "09:00", "weekday": 5, "per_department": true}}]"#,
        &["mail"],
    );
    let mut world = World::default();
    for (n, department) in ["财务部", "市场部", "财务部"].into_iter().enumerate() {
        let n = i64::try_from(n).unwrap();
        let at = MONDAY + n * HOUR;
        world.enqueue(
            at,
            &[fresh(alert(
                n,
                n,
                AlertKind::Opened,
                "r",
                Severity::Low,
                department,
                at,
            ))],
            &book,
        );
    }
    world.settle("mail", MONDAY + 4 * HOUR, CHAT);
    let friday = MONDAY + 4 * 24 * HOUR + 9 * HOUR;
    assert_eq!(world.sent.len(), 2);
    assert!(
        world
            .sent
            .iter()
            .all(|(at, kind, _)| *at == friday && *kind == PackKind::Digest)
    );
}

#[test]
fn a_daily_digest_comes_every_day_in_one_message() {
    let book = book(
        r#"[{"name": "d", "channel": "mail", "digest": {"at": "09:00"}}]"#,
        &["mail"],
    );
    let mut world = World::default();
    for (n, hour) in [8, 10, 11].into_iter().enumerate() {
        let (n, at) = (i64::try_from(n).unwrap(), MONDAY + hour * HOUR);
        world.enqueue(
            at,
            &[fresh(opened(n, &format!("r{n}"), Severity::High, at))],
            &book,
        );
    }
    world.settle("mail", MONDAY + 8 * HOUR, CHAT);
    let sent: Vec<(Millis, usize)> = world.sent.iter().map(|(at, _, of)| (*at, of.len())).collect();
    assert_eq!(sent, [(MONDAY + 9 * HOUR, 1), (MONDAY + 33 * HOUR, 2)]);
}

#[test]
fn what_nobody_acknowledges_is_escalated_and_what_somebody_did_is_not() {
    let book = book(
        r#"[{"name": "e", "channel": "group", "escalate": {"after_hours": 4, "channel": "boss"}}]"#,
        &["group", "boss"],
    );
    for (state, told) in [
        (FindingState::Open, 1),
        (FindingState::Acknowledged, 0),
        (FindingState::Resolved, 0),
    ] {
        let mut world = World::default();
        world.enqueue(MONDAY, &[fresh(opened(1, "r", Severity::High, MONDAY))], &book);
        assert_eq!(world.queue.len(), 2, "the boss is told by escalation only");
        world.states.insert(1, state);
        world.settle("boss", MONDAY, CHAT);
        assert_eq!(world.sent.len(), told, "{state:?}");
        assert!(
            world
                .sent
                .iter()
                .all(|(at, kind, _)| *at == MONDAY + 4 * HOUR && *kind == PackKind::Escalation)
        );
    }
}

#[test]
fn what_comes_and_goes_within_a_maintenance_window_is_not_told() {
    let mut book = book("[]", &["group"]);
    book.maintenance = vec![Maintenance {
        name: "move".to_owned(),
        from: MONDAY,
        until: MONDAY + 3 * HOUR,
        departments: vec!["财务部".to_owned()],
        assets: Vec::new(),
    }];
    let end = |id, finding| {
        alert(
            id,
            finding,
            AlertKind::Resolved,
            "r",
            Severity::High,
            "财务部",
            MONDAY + HOUR,
        )
    };
    let mut world = World::default();
    world.enqueue(
        MONDAY,
        &[
            fresh(opened(1, "r", Severity::High, MONDAY)),
            fresh(opened(2, "r", Severity::High, MONDAY)),
        ],
        &book,
    );
    world.enqueue(
        MONDAY + HOUR,
        &[Fresh {
            alert: end(3, 1),
            told: vec!["group".to_owned()],
        }],
        &book,
    );
    world.states.insert(1, FindingState::Resolved);
    world.settle("group", MONDAY, CHAT);
    assert_eq!(world.sent.len(), 1);
    assert_eq!(
        (world.sent[0].0, world.sent[0].2.as_slice()),
        (MONDAY + 3 * HOUR, &[1i64][..])
    );
    assert_eq!(world.skipped.len(), 2);
}

#[test]
fn resolved_follows_whoever_was_told_and_nobody_else() {
    let book = book(
        r#"[{"name": "day", "channel": "group", "hours": {"from": "08:00", "to": "18:00"}}]"#,
        &["group", "mail"],
    );
    let night = MONDAY + 22 * HOUR;
    let end = alert(2, 1, AlertKind::Resolved, "r", Severity::High, "财务部", night);
    let planned = plan(
        night,
        &[Fresh {
            alert: end.clone(),
            told: vec!["group".to_owned()],
        }],
        &book,
    );
    assert!(entry(&planned, "group").is_some() && entry(&planned, "mail").is_none());
    assert_eq!(plan(night, &[fresh(end.clone())], &book), []);
    let both = plan(
        night,
        &[fresh(opened(1, "r", Severity::High, night)), fresh(end)],
        &book,
    );
    assert_eq!(
        both.iter().filter(|entry| entry.channel == "mail").count(),
        2,
        "opened and resolved of one moment"
    );
}

fn severities() -> impl Strategy<Value = Severity> {
    prop_oneof![
        Just(Severity::Low),
        Just(Severity::Medium),
        Just(Severity::High),
        Just(Severity::Critical)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However alerts arrive and however long the channel is away: each is told exactly once, none before its
    /// time, and never more than twenty messages within any minute.
    #[test]
    fn nothing_is_lost_told_twice_early_or_too_fast(
        arrivals in proptest::collection::vec((0i64..6 * HOUR, 0usize..6, severities()), 1..300),
        away in 0i64..8 * HOUR,
        quiet in any::<bool>(),
    ) {
        let routes = if quiet {
            r#"[{"name": "q", "channel": "group", "quiet": {"hours": {"from": "01:00", "to": "04:00"}}}]"#
        } else {
            "[]"
        };
        let book = book(routes, &["group"]);
        let mut arrivals = arrivals;
        arrivals.sort_by_key(|(at, ..)| *at);
        let mut world = World::default();
        for (id, (at, rule, severity)) in arrivals.iter().enumerate() {
            let now = MONDAY + at;
            let id = i64::try_from(id).unwrap();
            world.enqueue(now, &[fresh(opened(id, &format!("rule-{rule}"), *severity, now))], &book);
            if *at >= away {
                world.round("group", now, CHAT);
            }
        }
        world.settle("group", MONDAY + away.max(6 * HOUR), CHAT);
        prop_assert_eq!(world.taken.len(), arrivals.len());
        prop_assert!(world.queue.iter().all(|(planned, _)| planned.kind == EntryKind::Alert));
        for (at, _, entries) in &world.sent {
            for id in entries {
                prop_assert!(world.queue[usize::try_from(*id).unwrap()].0.not_before <= *at);
            }
        }
        world.keeps_the_rate(20);
    }
}

#[test]
fn a_new_fleet_gets_one_summary_a_day_and_logs_and_the_collector_itself_are_told_at_once() {
    let observed = Book {
        observing: Some(Observing {
            until: MONDAY + 1_000,
            at_once: vec!["log".to_owned()],
        }),
        ..book(
            r#"[{"name": "all", "channel": "mail", "escalate": {"after_hours": 1, "channel": "boss"}}]"#,
            &["mail", "log", "boss"],
        )
    };
    let planned = plan(
        MONDAY,
        &[fresh(opened(1, "r", Severity::High, MONDAY))],
        &observed,
    );
    let mail = entry(&planned, "mail").unwrap();
    assert_eq!(mail.bundle, SUMMARY);
    let nine = |at: Millis| (at + ZONE).rem_euclid(86_400_000) == 9 * 3_600_000;
    assert!(nine(mail.not_before) && mail.not_before > MONDAY && mail.not_before <= MONDAY + 86_400_000);
    assert_eq!(entry(&planned, "log").unwrap().not_before, MONDAY);
    assert!(entry(&planned, "boss").is_none(), "nobody escalates");
    let own = AlertRow {
        clause: deskwarden_domain::operations::CLAUSE.to_owned(),
        ..opened(2, "r", Severity::High, MONDAY)
    };
    assert_eq!(
        entry(&plan(MONDAY, &[fresh(own)], &observed), "mail")
            .unwrap()
            .not_before,
        MONDAY
    );
    let over = plan(
        MONDAY + 1_000,
        &[fresh(opened(3, "r", Severity::High, MONDAY + 1_000))],
        &observed,
    );
    assert_eq!(entry(&over, "mail").unwrap().bundle, "");
    assert!(entry(&over, "boss").is_some());
}
