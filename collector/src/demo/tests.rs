//! A small simulated office, told from its findings.

use std::{collections::BTreeSet, path::Path};

use super::*;
use crate::rules_dir::Importer;

const NOW: Millis = 1_790_000_000_000;

fn store(home: &Path) -> Arc<dyn Store> {
    let store = deskwarden_store::open(&format!("sqlite:{}", home.join("dw.db").display())).unwrap();
    let importer = Importer::new(Arc::clone(&store), home.join("rules.d"), home);
    importer.import_built_in(NOW - 60 * DAY).unwrap();
    store
}

#[test]
fn a_small_office_breaks_many_rules_and_mends_some_over_weeks() {
    let home = tempfile::tempdir().unwrap();
    let store = store(home.path());
    let plan = Plan {
        pcs: 40,
        days: 30,
        seed: 7,
    };
    let made = populate(&store, plan, NOW).unwrap();
    assert_eq!(made.pcs, 40);
    let findings = store
        .findings(
            &FindingFilter::default(),
            Paging {
                offset: 0,
                limit: 500,
            },
        )
        .unwrap();
    assert_eq!(findings.total, made.findings);
    let rules: BTreeSet<&str> = findings
        .rows
        .iter()
        .map(|row| row.finding.key.rule.as_str())
        .collect();
    for rule in [
        "pc.chat",
        "pc.game",
        "pc.part-changed",
        "pc.proxy-configured",
        "pc.unregistered",
    ] {
        assert!(rules.contains(rule), "{rule} is not among {rules:?}");
    }
    let states: BTreeSet<&str> = findings.rows.iter().map(|row| row.finding.state.name()).collect();
    assert!(
        states.contains("resolved") && states.contains("open"),
        "{states:?}"
    );
    let days: BTreeSet<Millis> = findings
        .rows
        .iter()
        .map(|row| row.finding.opened_at / DAY)
        .collect();
    assert!(days.len() > 8, "{} days", days.len());
    let refused = populate(&store, plan, NOW).unwrap_err().to_string();
    assert!(refused.contains("already"), "{refused}");
}

#[test]
fn the_same_seed_makes_the_same_office_and_every_pc_is_marked() {
    let names = |seed| -> Vec<String> {
        let office = Office::new(seed, 30);
        office
            .pcs()
            .iter()
            .map(|pc| format!("{} {} {}", pc.hostname, pc.custodian, pc.address))
            .collect()
    };
    assert_eq!(names(3), names(3));
    assert_ne!(names(3), names(4));
    assert!(names(3).iter().all(|name| name.starts_with(MARK)));
    let addresses: BTreeSet<String> = Office::new(3, MOST)
        .pcs()
        .iter()
        .map(|pc| pc.address.clone())
        .collect();
    assert_eq!(addresses.len(), 2_000, "no two have one address");
}
