//! Inspection runs: every PC once, numbers by department and provider, and providers to be assessed anew.

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{Asset, By, Device, Inspection, Outcome, OutcomeRow, Severity, Tally},
    port::{Op, Paging, Store, StoreError},
};
use deskwarden_proto::v1::Sample;

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, finding},
};

const ALL: Paging = Paging { offset: 0, limit: 50 };

fn run(label: &str, by: &str, at: i64) -> Inspection {
    Inspection {
        id: 0,
        label: label.into(),
        by: by.into(),
        at,
        since: at - 1_000,
    }
}

fn inspect(store: &dyn Store, run: &Inspection) -> Option<i64> {
    store.run_inspection(run, &audit("inspection.run")).unwrap()
}

/// A PC of this department and provider, with outcomes.
fn pc(store: &dyn Store, number: u32, of: (Option<&str>, Option<&str>), outcomes: &[Outcome]) -> Device {
    let device = enrolled(store, number);
    let asset = Asset {
        department: of.0.map(str::to_owned),
        provider: of.1.map(str::to_owned),
        ..everything(store, &device).asset
    };
    store.put_asset(&asset, false, &audit("asset.put")).unwrap();
    let rows = (0..).zip(outcomes).map(|(n, outcome)| Op::Outcome {
        asset: device.asset,
        row: OutcomeRow {
            rule: format!("r{n}"),
            outcome: *outcome,
            reason: String::new(),
        },
    });
    apply(store, rows.collect());
    device
}

fn sampled(device: &Device, value: f64, at: i64) -> Op {
    Op::Sample {
        device: device.id,
        sample: Sample {
            name: "load_15min".into(),
            value,
            unit: "1".into(),
        },
        at,
    }
}

pub fn a_run_takes_every_pc_as_it_is_and_once_per_label(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    use Outcome::{CouldNotLook, Fail, Pass};
    let good = pc(store, 1, (Some("客服部"), None), &[Pass, Pass, CouldNotLook]);
    let bad = pc(store, 2, (Some("客服部"), Some("东方信息")), &[Pass, Fail]);
    pc(store, 3, (None, Some("东方信息")), &[]);
    // What was found there stays: its rule could not look since.
    let unseen = pc(store, 4, (Some("仓库"), None), &[Pass, CouldNotLook]);
    let seen = |device: &Device| Op::Seen {
        device: device.id,
        at: NOW,
        goodbye: false,
    };
    apply(
        store,
        vec![
            seen(&good),
            seen(&bad),
            seen(&unseen),
            Op::PutFinding(finding(&bad, "r1", "qq", Severity::High)),
            Op::PutFinding(finding(&unseen, "r1", "disk", Severity::Medium)),
            sampled(&bad, 9.0, NOW - 5_000),
            sampled(&bad, 1.0, NOW - 900),
            sampled(&bad, 3.0, NOW - 800),
            sampled(&bad, 7.0, NOW),
        ],
    );
    let first = inspect(store, &run("2027-01", PRODUCT, NOW)).unwrap();
    assert_eq!(inspect(store, &run("2027-01", PRODUCT, NOW + 1)), None);
    let (stored, tally) = bench.open().inspection(first).unwrap().unwrap();
    assert_eq!(
        stored,
        Inspection {
            id: first,
            ..run("2027-01", PRODUCT, NOW)
        }
    );
    let expected = Tally {
        assets: 4,
        compliant: 2,
        away: 1,
        blind: 2,
        findings: [0, 1, 1, 0],
    };
    assert_eq!(tally, expected);
    let names = |by| -> Vec<(String, u64, u64)> {
        let rows = store.inspection_tallies(first, by).unwrap();
        rows.into_iter()
            .map(|(name, tally)| (name, tally.assets, tally.compliant))
            .collect()
    };
    assert_eq!(
        names(By::Department),
        [
            (String::new(), 1, 1),
            ("仓库".to_owned(), 1, 0),
            ("客服部".to_owned(), 2, 1)
        ]
    );
    assert_eq!(names(By::Provider), [("东方信息".to_owned(), 2, 1)]);
    let page = store.inspected(first, ALL).unwrap();
    assert_eq!(page.total, 4);
    let worst = &page.rows[0];
    assert_eq!((worst.asset, worst.outcomes), (bad.asset, [1, 1, 0]));
    assert_eq!(worst.provider.as_deref(), Some("东方信息"));
    let gauge = &worst.gauges[0];
    assert_eq!((gauge.name.as_str(), gauge.unit.as_str()), ("load_15min", "1"));
    assert_eq!(
        (gauge.average, gauge.lowest, gauge.highest, gauge.samples),
        (2.0, 1.0, 3.0, 2),
        "within the period only"
    );
    assert!(page.rows[1].gauges.is_empty());
    let second = inspect(store, &run("by hand", "li", NOW + 10)).unwrap();
    let listed = store.inspections(ALL).unwrap();
    assert_eq!(listed.total, 2);
    assert_eq!(listed.rows[0].0.id, second, "newest first");
    assert_eq!(
        store.last_scheduled().unwrap(),
        Some(("2027-01".to_owned(), NOW)),
        "by hand is not by schedule"
    );
    assert!(store.inspection(99).unwrap().is_none());
    assert_eq!(store.inspection_before(second).unwrap(), Some(first));
    assert_eq!(store.inspection_before(first).unwrap(), None);
}

pub fn a_run_over_nothing_is_a_run(bench: &dyn Bench) {
    let store = bench.open();
    let id = inspect(store.as_ref(), &run("2027-01", PRODUCT, NOW)).unwrap();
    let (_, tally) = store.inspection(id).unwrap().unwrap();
    assert_eq!(tally, Tally::default());
    assert_eq!(store.inspections(ALL).unwrap().rows[0].1, Tally::default());
    assert!(store.inspection_tallies(id, By::Department).unwrap().is_empty());
    assert_eq!(store.inspected(id, ALL).unwrap().total, 0);
}

pub fn a_critical_finding_has_its_provider_assessed_anew_until_somebody_settles_it(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let own = pc(store, 1, (None, None), &[]);
    let theirs = pc(store, 2, (None, Some("东方信息")), &[]);
    let open = |device: &Device, subject: &str, severity| {
        apply(
            store,
            vec![Op::PutFinding(finding(device, "r1", subject, severity))],
        );
    };
    open(&own, "a", Severity::Critical);
    open(&theirs, "a", Severity::High);
    assert!(store.reassessments(true, 10).unwrap().is_empty());
    open(&theirs, "b", Severity::Critical);
    open(&theirs, "c", Severity::Critical);
    let raised = store.reassessments(false, 10).unwrap();
    assert_eq!(raised.len(), 1, "once, whatever follows");
    assert_eq!(
        (raised[0].provider.as_str(), raised[0].raised_at),
        ("东方信息", NOW)
    );
    let settle = |id| store.settle_reassessment(id, "已约谈，继续服务", &audit("provider.reassess"));
    settle(raised[0].id).unwrap();
    assert!(store.reassessments(false, 10).unwrap().is_empty());
    let settled = bench.open().reassessments(true, 10).unwrap();
    assert_eq!(
        settled[0].settled,
        Some((NOW, "tester".to_owned(), "已约谈，继续服务".to_owned()))
    );
    assert!(matches!(settle(raised[0].id), Err(StoreError::Stale)));
    assert!(matches!(settle(99), Err(StoreError::NotFound(_))));
    let old = deskwarden_domain::model::Finding {
        opened_at: NOW - 1,
        ..finding(&theirs, "r1", "e", Severity::Critical)
    };
    apply(store, vec![Op::PutFinding(old)]);
    assert!(
        store.reassessments(false, 10).unwrap().is_empty(),
        "it was open when the provider was assessed"
    );
    open(&theirs, "d", Severity::Critical);
    assert_eq!(
        store.reassessments(false, 10).unwrap().len(),
        1,
        "what comes later counts anew"
    );
}

pub fn old_runs_go_and_the_newest_of_each_stays(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let device = pc(store, 1, (None, None), &[Outcome::Pass]);
    apply(store, vec![sampled(&device, 0.5, NOW - 500)]);
    let runs = [
        ("a", PRODUCT, NOW - 9_000),
        ("b", "li", NOW - 8_000),
        ("c", "li", NOW),
        ("d", PRODUCT, NOW - 7_000),
    ];
    let ids: Vec<i64> = runs
        .iter()
        .map(|(label, by, at)| inspect(store, &run(label, by, *at)).unwrap())
        .collect();
    assert_eq!(store.prune_inspections(NOW - 5_000).unwrap(), 2);
    assert_eq!(store.prune_inspections(NOW - 5_000).unwrap(), 0);
    let left: Vec<i64> = store
        .inspections(ALL)
        .unwrap()
        .rows
        .iter()
        .map(|(run, _)| run.id)
        .collect();
    assert_eq!(left, [ids[3], ids[2]]);
    assert_eq!(store.inspected(ids[0], ALL).unwrap().total, 0);
    assert_eq!(store.inspected(ids[2], ALL).unwrap().total, 1);
    assert_eq!(store.last_scheduled().unwrap().unwrap().0, "d");
}
