//! What was released is upgraded: of every schema that there was, a database with rows in all its tables is opened as this
//! build does it. And the steps themselves never change.

mod rows;

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{AuditEntry, FindingState, Severity},
    port::{
        AssetFilter, Batch, DeviceFilter, FindingFilter, LoadRequest, Op, Paging, Scope, Store, StoreError,
        StoreResult,
    },
};
use deskwarden_proto::{ids::DeviceId, v1::Section};

use super::{STEPS, migrate_to};
use crate::{
    audit,
    conformance::{
        integrity::walked,
        postgres::Postgres,
        world::{self, NOW},
    },
    opened::Opened,
    sql::{Cell, Connection, ConnectionExt as _, Engine as _},
    sqlite::Memory,
    transfer::schema::{self, Shape},
};

/// Digest of each step: of its three scripts, one after the other.
const RELEASED: &[&str] = &[
    "9417afc385622e2e1b255c786d3f71f9e51f2d00dcb77ad3c144170235fee8bc",
    "9077a6ab9df94c6595e2292d67f53cbf7e42652dafe4e5d041cd6535778ada8a",
    "8d870f31b31d94eb16b4c9d91450b93e5b9eb672b05c201cfc67e2edec231265",
    "b6e3190a054045be525bfc7efe0f86fbda0d3fa3b4820f6d398e85f0d336dae7",
    "fb89181ec06c703b71620832612f27bed82bef7a94bb000ab3ced5927be05772",
    "df148405b8a3bbbf5d168daa233d25a9942def7de89a2413a26da7695c44f0d6",
    "47ee0062d9769b871d82e80ed652cd00e04a04e81c1b06d1f4368c5025db264b",
    "cc3b4898feef54e4b748af5e104e809b29717da40337fdd30b467a1dc484e3ce",
    "aa03c71b947dc0046a536615f2b4daa7cedc34d7b539d13fbe72caeb5f37e585",
    "db7f8210b43302c4ce56479d31898ab8020a1fdbcd425bfa9d45c2beda7258fe",
    "1c00a9f2a7b8fe0991f5af912051deef6acad613dc358eb39e988c469f18afba",
    "6c04eb6621a19ba08a2d3b375b51a423c4380bd287d2d9c16bbd75c7b04e2393",
    "900665e7077021de89ce7de959a66612958464e7133d31356edc490cedc68b76",
    "4d82d7e66ef9b44bdbededd4a8c5f83178ce5ac291a45f3a09f5924c394e83bf",
    "065194da9e4d11d64d565265ffe644607245d0f4c0bb673d6998ee5631edb9f4",
    "5446774fe0b42ab48647fc389a4a695bfc2e6861aaac0672e6352a95bc32e3f4",
    "c6bd9bedb96da90afbb6a58038b9d242e2d9eb722ca8220a2fc49af645589818",
    "019a75afdff72e6c6fd09d3ac251bc013c56d3a33ffdbf87905a528c8f1357c7",
    "59dc58bd84c9fba62bdf609b74dfda7782c7a03c4c7ab975b1c65999de95bf6c",
];

/// Tables that a step took away, where their rows went, and the step.
const MOVED: [(&str, &str, usize); 1] = [("deliveries", "messages", 5)];
/// The step that brought rows for what devices call themselves, and the mark of a store that has them.
const HINTS: (usize, &str) = (3, "hints.indexed");
/// The step from which on the log of what was done holds people by pseudonyms.
const PSEUDONYMS: usize = 7;

#[test]
fn a_released_step_is_as_it_was_released() {
    let made = STEPS.iter().map(|step| {
        let mut hasher = blake3::Hasher::new();
        for script in [step.shared, step.sqlite, step.postgres] {
            hasher.update(&(script.len() as u64).to_le_bytes());
            hasher.update(script.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    });
    for (at, made) in made.enumerate() {
        let step = at + 1;
        match RELEASED.get(at) {
            Some(released) => assert_eq!(
                made, *released,
                "step {step} is not what was released: stores that took it would not get what it says now. Leave it as it \
                 was and add a new step instead"
            ),
            None => panic!("step {step} is new: once it is as it is to stay, put {made:?} behind RELEASED"),
        }
    }
    assert_eq!(STEPS.len(), RELEASED.len(), "a released step is gone");
}

#[test]
fn every_schema_of_sqlite_is_brought_up_to_this_build_with_all_its_rows() {
    for step in 1..=STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        upgraded(
            &format!("sqlite:{}", folder.path().join("old.db").display()),
            step,
        );
    }
}

#[test]
fn every_schema_of_postgres_is_brought_up_to_this_build_with_all_its_rows() {
    // One server for all.
    let Some(_server) = Postgres::start() else {
        return;
    };
    for step in 1..=STEPS.len() {
        let Some(place) = Postgres::start() else { return };
        upgraded(place.location(), step);
    }
}

/// The rows of each table, as text.
type Content = BTreeMap<String, Vec<String>>;

/// Makes a store as a build with so many steps left it, and opens it.
fn upgraded(location: &str, step: usize) {
    let tables = schema::tables_after(STEPS.get(..step).unwrap()).unwrap();
    let before = as_left_by(location, step, &tables);
    for (table, rows) in &before {
        assert!(!rows.is_empty(), "schema {step}: {table} is empty");
    }

    let store = crate::open(location).unwrap();
    let after = content(location, &tables);
    for (table, rows) in &before {
        let Some(kept) = after.get(table) else {
            moved(location, step, table, rows.len());
            continue;
        };
        for row in rows {
            assert!(
                kept.contains(row),
                "schema {step}: {table} lost {row} and has {kept:?}"
            );
        }
    }
    sound(store.as_ref(), step, 1);
    read_by_people(store.as_ref(), step);
    reported_to(store.as_ref(), step);
    sound(store.as_ref(), step, 2);
    world::enrolled(store.as_ref(), 7);
}

/// A database with a row in every table of this build's schema.
pub(crate) fn a_row_in_every_table(location: &str) {
    let tables = schema::tables_after(STEPS).unwrap();
    as_left_by(location, STEPS.len(), &tables);
}

/// A database with a row in every table of the schema.
fn as_left_by(location: &str, step: usize, tables: &[Shape]) -> Content {
    let opened = Opened::at(location).unwrap();
    migrate_to(opened.engine.as_ref(), "old", STEPS.get(..step).unwrap()).unwrap();
    let kinds = kinds(step);
    opened
        .engine
        .write(&mut |connection| {
            let mut ordered = tables.to_vec();
            schema::also_late(&mut ordered, connection)?;
            for table in &ordered {
                fill(connection, table, &kinds)?;
            }
            for table in &ordered {
                for column in table.late.iter().filter(|column| *column != "merged_into") {
                    connection.execute(&format!("UPDATE {} SET {column} = 1", table.name), &[])?;
                }
            }
            if step >= HINTS.0 {
                connection.execute(
                    "INSERT INTO settings (name, value) VALUES (?1, '1')",
                    &[Cell::Text(HINTS.1)],
                )?;
            }
            audit::append(
                connection,
                &AuditEntry {
                    actor: if step < PSEUDONYMS { "cli" } else { "tester" }.into(),
                    ..world::audit("old")
                },
            )
        })
        .unwrap();
    drop(opened);
    content(location, tables)
}

/// The types of a schema's columns, as SQLite has them.
fn kinds(step: usize) -> BTreeMap<(String, String), String> {
    let fresh = Memory::open().unwrap();
    migrate_to(&fresh, "fresh", STEPS.get(..step).unwrap()).unwrap();
    let mut found = Vec::new();
    fresh
        .read(&mut |connection| {
            found = connection.rows(
                "SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
                &[],
                |r| Ok(((r.string()?, r.string()?), r.string()?)),
            )?;
            Ok(())
        })
        .unwrap();
    found.into_iter().collect()
}

/// One row, numbered by the database, for a table that the schema itself leaves empty. The log of what was done is written
/// as builds write it.
fn fill(
    connection: &mut dyn Connection,
    table: &Shape,
    kinds: &BTreeMap<(String, String), String>,
) -> StoreResult<()> {
    if table.seeded > 0 || table.name == "audit" {
        return Ok(());
    }
    let columns: Vec<&String> = table
        .columns
        .iter()
        .filter(|column| table.made.as_ref() != Some(*column) && !table.late.contains(*column))
        .collect();
    let values: Vec<rows::Value> = columns
        .iter()
        .map(|column| {
            rows::value(
                &table.name,
                column,
                &kinds[&(table.name.clone(), (*column).clone())],
            )
        })
        .collect();
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    let names: Vec<&str> = columns.iter().map(|column| column.as_str()).collect();
    let cells: Vec<Cell<'_>> = values.iter().map(rows::Value::cell).collect();
    connection.execute(
        &format!(
            "INSERT INTO {} ({}) VALUES ({})",
            table.name,
            names.join(", "),
            places.join(", ")
        ),
        &cells,
    )?;
    Ok(())
}

/// What those of the tables hold that are there.
fn content(location: &str, tables: &[Shape]) -> Content {
    let mut content = Content::new();
    let opened = Opened::at(location).unwrap();
    for table in tables {
        let sql = format!("SELECT {} FROM {}", table.list(), table.name);
        let width = table.columns.len();
        let mut rows = Vec::new();
        let read = opened.engine.read(&mut |connection| {
            rows.clear();
            connection.query(&sql, &[], &mut |columns| {
                let row: StoreResult<Vec<Cell<'_>>> = (0..width).map(|at| columns.cell(at)).collect();
                rows.push(format!("{:?}", row?));
                Ok(())
            })
        });
        match read {
            Ok(()) => {
                content.insert(table.name.clone(), rows);
            }
            Err(StoreError::Unavailable { context, .. })
                if MOVED.iter().any(|(gone, ..)| *gone == table.name) && context.contains(&table.name) => {}
            Err(error) => panic!("{}: {error}", table.name),
        }
    }
    content
}

/// A table that is no longer there: as many rows are where its rows went.
fn moved(location: &str, step: usize, table: &str, rows: usize) {
    let (_, there, by) = MOVED.iter().find(|(gone, ..)| *gone == table).unwrap_or_else(|| {
        panic!("schema {step}: {table} is gone, and nothing here says where its rows went")
    });
    assert!(step < *by, "{table}");
    let mut found = 0;
    let opened = Opened::at(location).unwrap();
    opened
        .engine
        .read(&mut |connection| {
            found = connection.number(&format!("SELECT COUNT(*) FROM {there}"), &[])?;
            Ok(())
        })
        .unwrap();
    assert_eq!(
        found,
        i64::try_from(rows).unwrap(),
        "schema {step}: {table} in {there}"
    );
}

/// What `check-store` asks.
fn sound(store: &dyn Store, step: usize, items: u64) {
    assert_eq!(
        store.check_structure().unwrap(),
        Vec::<String>::new(),
        "schema {step}"
    );
    let look = walked(store, 100);
    assert_eq!(look.faults, Vec::<String>::new(), "schema {step}");
    assert_eq!(look.rows, items * 2, "schema {step}: contents and items");
    assert!(store.verify_audit().unwrap().is_ok(), "schema {step}");
}

/// Pages show what was there.
fn read_by_people(store: &dyn Store, step: usize) {
    let paging = Paging { offset: 0, limit: 10 };
    let devices = store.devices(&DeviceFilter::default(), paging).unwrap();
    assert_eq!(devices.total, 1, "schema {step}");
    let assets = store.assets(&AssetFilter::default(), paging).unwrap();
    assert_eq!(assets.total, 1, "schema {step}");
    let findings = store.findings(&FindingFilter::default(), paging).unwrap();
    assert_eq!(findings.total, 1, "schema {step}");
    assert_eq!(store.ledger(paging).unwrap().total, 1, "schema {step}");
    assert_eq!(store.tokens().unwrap().len(), 1, "schema {step}");
}

/// A report of the old device: what it changes is judged by what was loaded and applied as ingest does it.
fn reported_to(store: &dyn Store, step: usize) {
    let device = DeviceId::from_random(rows::UID);
    let load = || {
        let everything = LoadRequest {
            device,
            scope: Scope::Everything,
            staged: None,
        };
        store.load(&[everything]).unwrap().pop().unwrap().unwrap()
    };
    let state = load();
    assert_eq!(state.device.hints.board_serial, rows::SERIAL, "schema {step}");
    assert_eq!((state.items.len(), state.findings.len()), (1, 1), "schema {step}");
    let put = world::put(world::id(Section::Software, "dpkg", "qq"), b"QQ");
    let mut known = state.findings.first().unwrap().clone();
    known.state = FindingState::Resolved;
    known.resolved_at = Some(NOW);
    store
        .apply(&Batch {
            generation: Some(store.context_generation().unwrap()),
            assets: vec![(state.asset.id, state.asset.version)],
            positions: vec![(device, state.position.epoch, state.position.next_sequence)],
            ops: vec![
                Op::Position {
                    device,
                    position: world::position(2),
                },
                Op::Seen {
                    device,
                    at: NOW,
                    goodbye: false,
                },
                Op::Sum {
                    device,
                    section: Section::Software,
                    digest: put.digest,
                    count: 1,
                },
                Op::PutItem { device, put, at: NOW },
                Op::PutFinding(known),
                Op::PutFinding(world::finding(&state.device, "pc.chat", "qq", Severity::High)),
            ],
            ..Batch::default()
        })
        .unwrap();
    let state = load();
    assert_eq!((state.items.len(), state.findings.len()), (2, 2), "schema {step}");
    assert_eq!(state.position, world::position(2), "schema {step}");
}
