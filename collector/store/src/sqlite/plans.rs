//! What SQLite makes of each statement, looked at in builds for debugging, so by all tests: it keeps no statistics here, and
//! now and then takes an index that holds the whole fleet for as narrow as that of one PC. A question about one asset
//! or device must not be answered by a walk over all of them.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{BuildHasher as _, RandomState},
    sync::{LazyLock, Mutex, PoisonError},
};

use rusqlite::Connection;

/// Tables with a row or more for each PC. Not here: approvals, which are few, and evidence, which is asked for by its
/// device only where a person's data are exported or deleted.
const FLEET: [&str; 14] = [
    "assets",
    "devices",
    "streams",
    "sources",
    "sums",
    "items",
    "changes",
    "claims",
    "samples",
    "findings",
    "finding_history",
    "outcomes",
    "alerts",
    "alert_queue",
];
/// What a statement says that names one asset, device or finding.
const NAMES_ONE: [&str; 7] = [
    "asset_id = ?",
    "device_id = ?",
    "finding_id = ?",
    "current_device = ?",
    "uid = ?",
    "a.id = ?",
    "d.id = ?",
];
/// What a statement says that names few findings: those must not be looked for among all open ones.
const NAMES_FEW: [&str; 2] = ["f.rule = ?", "f.clause = ?"];
const ALL_OPEN: &str = "(active=?)";
/// Columns that have few values: an index read by one of them alone is read for the whole fleet.
const FEW_VALUES: [&str; 4] = ["(active=?)", "(kind=?)", "(rule=?)", "(state=?)"];

/// Statements that were looked at: each once.
static SEEN: LazyLock<(RandomState, Mutex<HashSet<u64>>)> = LazyLock::new(Default::default);

/// Panics where the plan of a statement about one of the fleet goes over all of it.
pub(super) fn look(connection: &Connection, sql: &str) {
    let (hasher, seen) = &*SEEN;
    if !seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(hasher.hash_one(sql))
    {
        return;
    }
    let walks = walks(connection, sql);
    assert!(
        walks.is_empty(),
        "one is asked for, and the whole fleet is read: {walks:?}\nby {sql}"
    );
}

fn walks(connection: &Connection, sql: &str) -> Vec<String> {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let line = words.join(" ");
    let one = NAMES_ONE.iter().any(|name| line.contains(name));
    let few = NAMES_FEW.iter().any(|name| line.contains(name)) && !line.contains(" LIKE ");
    if !one && !few {
        return Vec::new();
    }
    let aliases: BTreeSet<&str> = words
        .windows(2)
        .filter(|pair| FLEET.contains(&pair[0].trim_start_matches('(')))
        .map(|pair| pair[1].trim_end_matches([',', ')']))
        .chain(FLEET)
        .collect();
    let Ok(mut statement) = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")) else {
        return Vec::new();
    };
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Ok(Some(row)) = rows.next() {
        let Ok(step) = row.get::<_, String>(3) else { break };
        let over = step
            .strip_prefix("SCAN ")
            .and_then(|rest| rest.split(' ').next())
            .is_some_and(|table| aliases.contains(table));
        let weak = if one {
            over || FEW_VALUES.iter().any(|column| step.contains(column))
        } else {
            step.contains(ALL_OPEN)
        };
        if weak {
            found.push(step);
        }
    }
    found
}

#[test]
fn a_walk_over_the_fleet_for_one_of_it_is_told() {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE findings (id INTEGER PRIMARY KEY, asset_id INTEGER, active INTEGER, severity INTEGER);
             CREATE INDEX of_asset ON findings (asset_id);
             CREATE INDEX worst ON findings (active, severity) WHERE active = 1;",
        )
        .unwrap();
    let worst = "SELECT f.id FROM findings f WHERE f.asset_id = ?1 AND f.active = 1 ORDER BY f.severity";
    assert_eq!(walks(&connection, worst).len(), 1);
    assert_eq!(
        walks(
            &connection,
            "SELECT id FROM findings WHERE asset_id = ?1 OR severity = ?2"
        )
        .len(),
        1,
        "no index serves both"
    );
    let of_asset = worst.replace("f.active", "+f.active");
    assert_eq!(walks(&connection, &of_asset), Vec::<String>::new());
    assert_eq!(
        walks(
            &connection,
            "SELECT id FROM findings f WHERE f.active = 1 ORDER BY f.severity"
        ),
        Vec::<String>::new(),
        "this one asks for the fleet"
    );
}
