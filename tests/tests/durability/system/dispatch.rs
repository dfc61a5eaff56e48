//! kill -9 of the collector while it sends alerts: everybody is told of everything, and what is told twice comes under
//! the key that it had.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use deskwarden_domain::{
    model::{DeliveryState, FindingState},
    port::{DeliveryFilter, FindingFilter, FindingRow, Paging},
};
use deskwarden_tests::{
    collector::Setup,
    need,
    sim::{Fleet, Oracle, Plan},
    wait::{PATIENCE, eventually},
    webhook::{Delivery, Receiver},
};

/// How long the receiver has a message before it says so: a kill in between must repeat it.
const SLOW: Duration = Duration::from_millis(25);

/// What was told, by key: of which finding, and what.
type Told = BTreeMap<String, (i64, String)>;

/// Puts deliveries together by their keys; the same key must say the same.
fn told(deliveries: &[Delivery]) -> Told {
    let mut told = Told::new();
    for delivery in deliveries {
        let key = delivery.header("idempotency-key").unwrap().to_owned();
        let json = delivery.json();
        assert_eq!(json["id"], key, "the key is in what is signed, too");
        let what = (
            json["finding"]["id"].as_i64().unwrap(),
            json["kind"].as_str().unwrap().to_owned(),
        );
        let before = told.insert(key.clone(), what.clone());
        assert!(
            before.is_none_or(|before| before == what),
            "{key} says two things"
        );
    }
    told
}

/// How often a finding must have been told as opened (or opened again), and as resolved.
fn due(row: &FindingRow) -> (usize, usize) {
    let opened = usize::try_from(row.finding.reopened).unwrap() + 1;
    let over = usize::from(row.finding.state == FindingState::Resolved);
    (opened, opened - 1 + over)
}

/// Every finding was told exactly as often as it began and ended; what is missing, or how many were told.
fn complete(oracle: &Oracle, told: &Told) -> anyhow::Result<Option<usize>> {
    let paging = Paging {
        offset: 0,
        limit: 1_000,
    };
    let page = oracle.store().findings(&FindingFilter::default(), paging)?;
    assert!(page.total <= 1_000, "more findings than are looked at");
    for row in &page.rows {
        let of_it = told.values().filter(|(id, _)| *id == row.id.0);
        let (resolved, opened): (Vec<_>, Vec<_>) = of_it.partition(|(_, kind)| kind == "resolved");
        let (due_opened, due_resolved) = due(row);
        anyhow::ensure!(
            (opened.len(), resolved.len()) == (due_opened, due_resolved),
            "finding {} ({}): told {} and {} times, not {due_opened} and {due_resolved}",
            row.id.0,
            row.finding.key.rule,
            opened.len(),
            resolved.len(),
        );
    }
    Ok(Some(told.len()))
}

/// Alerts and messages that are still to be sent.
fn waiting(oracle: &Oracle) -> anyhow::Result<u64> {
    let pending = DeliveryFilter {
        channel: None,
        state: Some(DeliveryState::Pending),
    };
    let one = Paging { offset: 0, limit: 1 };
    let queued: u64 = oracle.store().queued()?.iter().map(|(_, count)| count).sum();
    Ok(queued + oracle.store().deliveries(&pending, one)?.total)
}

#[test]
fn a_collector_killed_while_it_sends_loses_no_alert_and_repeats_under_the_same_key() {
    let rounds = if need::soak() { 100 } else { 3 };
    let hook = Receiver::slow(SLOW).unwrap();
    let mut collector = Setup::new()
        .unwrap()
        .webhook(&hook.url(), &hook.place())
        .unwrap()
        .start()
        .unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 24, seed: 47 }, &collector).unwrap();
    fleet.start().unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    let mut rng = fastrand::Rng::with_seed(47);
    for _ in 0..rounds {
        let before = hook.deliveries().len();
        // In the middle of what one round of changes causes.
        let wanted = before + rng.usize(1..12);
        eventually("alerts that are being sent", PATIENCE * 2, || {
            let some = hook.deliveries().len() >= wanted;
            // More only where nothing waits: a hundred rounds would else cause more than the slow receiver takes.
            if !some && waiting(&oracle)? == 0 {
                fleet.mutate(1)?;
                fleet.settle()?;
            }
            Ok(some.then_some(()))
        })
        .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
        collector.program().kill().unwrap();
        collector.restart().unwrap();
    }
    fleet.settle().unwrap();
    let all = eventually("everything to be told", PATIENCE * 2, || {
        complete(&oracle, &told(&hook.deliveries()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", collector.log()));
    let came = hook.deliveries().len();
    let findings: BTreeSet<i64> = told(&hook.deliveries()).values().map(|(id, _)| *id).collect();
    eprintln!(
        "{rounds} kills while sending: {} findings, {all} alerts, 0 lost, {} came again under their key",
        findings.len(),
        came - all
    );
    assert!(came > all, "no kill hit a message on its way: that shows nothing");
}
