//! Stores moved from one engine to the other and back, and what is refused.

use deskwarden_domain::{
    model::Severity,
    port::{Op, Paging},
};
use deskwarden_proto::v1::Section;

use super::*;
use crate::conformance::{
    Bench as _,
    postgres::Postgres,
    world::{NOW, apply, audit, enrolled, everything, finding, id, put_op},
};

fn sqlite(folder: &tempfile::TempDir, name: &str) -> String {
    format!("sqlite:{}", folder.path().join(name).display())
}

/// A store with something in many tables, and more items than are read at once.
fn filled(location: &str) {
    let store = crate::open(location).unwrap();
    for number in 0..3 {
        let device = enrolled(store.as_ref(), number);
        let items = (0..700).map(|n| {
            let key = format!("包-{n:04}");
            put_op(&device, id(Section::Software, "dpkg", &key), key.as_bytes(), NOW)
        });
        let mut ops: Vec<Op> = items.collect();
        ops.push(Op::PutFinding(finding(&device, "pc.chat", "qq", Severity::High)));
        apply(store.as_ref(), ops);
    }
    store.audit(&audit("filled")).unwrap();
}

fn refused(from: &str, to: &str) -> String {
    transfer(from, to, &mut |_| {}).unwrap_err().to_string()
}

/// Makes one row of a table name another one of it.
fn merge(path: &std::path::Path) {
    let raw = rusqlite::Connection::open(path).unwrap();
    // The earlier row names the later one.
    assert_eq!(
        raw.execute("UPDATE assets SET merged_into = 3 WHERE id = 1", [])
            .unwrap(),
        1
    );
    raw.execute(
        "INSERT INTO samples (device_id, name, value, unit, received_at) VALUES (1, 'load', 0.1, '1', 5)",
        [],
    )
    .unwrap();
}

#[test]
fn a_store_goes_to_postgres_and_back_and_is_the_same() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (first, last) = (sqlite(&folder, "first.db"), sqlite(&folder, "last.db"));
    filled(&first);
    merge(&folder.path().join("first.db"));
    let mut verified = 0;
    let there = transfer(&first, postgres.location(), &mut |progress| {
        if let Progress::Verified { rows, .. } = progress {
            verified += rows;
        }
    })
    .unwrap();
    assert_eq!(there.rows, verified);
    assert!(there.rows > 2_100, "{there:?}");
    let back = transfer(postgres.location(), &last, &mut |_| {}).unwrap();
    assert_eq!(there, back);

    for location in [postgres.location(), &last] {
        let store = crate::open(location).unwrap();
        assert_eq!(store.verify_audit().unwrap().map(|entries| entries > 0), Ok(true));
        let devices = store
            .devices(
                &deskwarden_domain::port::DeviceFilter::default(),
                Paging { offset: 0, limit: 10 },
            )
            .unwrap()
            .rows;
        assert_eq!(devices.len(), 3, "{location}");
        let state = everything(store.as_ref(), &devices.first().unwrap().0);
        assert_eq!(state.items.len(), 700);
        // New rows are numbered behind the old ones.
        enrolled(store.as_ref(), 9);
        let merged = Opened::at(location).unwrap();
        let named = "SELECT COUNT(*) FROM assets WHERE id = 1 AND merged_into = 3";
        merged
            .engine
            .read(&mut |c| {
                assert_eq!(c.number(named, &[])?, 1);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_target_with_something_in_it_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (sqlite(&folder, "from.db"), sqlite(&folder, "to.db"));
    filled(&from);
    crate::open(&to).unwrap().audit(&audit("mine")).unwrap();
    let message = refused(&from, &to);
    assert!(
        message.contains("to.db is not empty: its table audit has 1 rows"),
        "{message}"
    );
    assert_eq!(crate::open(&to).unwrap().verify_audit().unwrap(), Ok(1));
}

#[test]
fn a_source_that_is_not_there_is_refused_and_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let message = refused(&sqlite(&folder, "nobody.db"), &sqlite(&folder, "to.db"));
    assert!(message.contains("nobody.db does not exist"), "{message}");
    assert!(!folder.path().join("nobody.db").exists());
    assert!(!folder.path().join("to.db").exists());
}

#[test]
fn a_store_is_not_copied_onto_itself() {
    let folder = tempfile::tempdir().unwrap();
    let from = sqlite(&folder, "from.db");
    filled(&from);
    let message = refused(&from, &from);
    assert!(message.contains("is both source and target"), "{message}");
}

#[test]
fn a_source_of_another_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let from = sqlite(&folder, "from.db");
    filled(&from);
    let version = |change: &str| {
        let raw = rusqlite::Connection::open(folder.path().join("from.db")).unwrap();
        raw.execute(
            &format!("UPDATE schema_version SET version = version {change}"),
            [],
        )
        .unwrap();
    };
    version("- 1");
    let message = refused(&from, &sqlite(&folder, "to.db"));
    assert!(
        message.contains("start this build's collector on it once"),
        "{message}"
    );
    version("+ 2");
    let message = refused(&from, &sqlite(&folder, "to.db"));
    assert!(message.contains("start the newer"), "{message}");
}

#[test]
fn a_source_that_is_written_to_meanwhile_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (sqlite(&folder, "from.db"), sqlite(&folder, "to.db"));
    filled(&from);
    let mut told = false;
    let error = transfer(&from, &to, &mut |_| {
        if !told {
            told = true;
            crate::open(&from).unwrap().audit(&audit("late")).unwrap();
        }
    });
    let message = error.unwrap_err().to_string();
    assert!(message.contains("was written to meanwhile"), "{message}");
}

#[test]
fn a_snapshot_of_a_store_in_use_is_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let from = sqlite(&folder, "from.db");
    filled(&from);
    let open = crate::open(&from).unwrap();
    let file = folder.path().join("snapshot.db");
    crate::snapshot(&from, &file).unwrap();
    open.audit(&audit("later")).unwrap();
    let copy = crate::open(&sqlite(&folder, "snapshot.db")).unwrap();
    assert_eq!(
        copy.devices(
            &deskwarden_domain::port::DeviceFilter::default(),
            Paging { offset: 0, limit: 10 }
        )
        .unwrap()
        .total,
        3
    );
    assert!(
        crate::snapshot(&from, &file).is_err(),
        "an existing file is not overwritten"
    );
}

#[test]
fn a_snapshot_of_postgres_is_a_store_of_its_own() {
    let Some(postgres) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    drop(postgres.open());
    filled(postgres.location());
    crate::snapshot(postgres.location(), &folder.path().join("snapshot.db")).unwrap();
    let copy = crate::open(&sqlite(&folder, "snapshot.db")).unwrap();
    assert_eq!(
        copy.devices(
            &deskwarden_domain::port::DeviceFilter::default(),
            Paging { offset: 0, limit: 10 }
        )
        .unwrap()
        .total,
        3
    );
}
