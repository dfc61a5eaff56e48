//! The tables that batches write in numbers, and the runs that collect their rows: operations of a batch
//! come mixed, statements want many rows of one table.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use deskwarden_domain::port::StoreResult;
use deskwarden_proto::ids::DeviceId;

use crate::sql::{Cell, Column, Connection, Dialect, Kind, Table, Verb};

/// Row ids of devices.
pub(crate) type Devices = HashMap<DeviceId, i64>;

const DEVICE: Column = ("device_id", Kind::Int);
const ASSET: Column = ("asset_id", Kind::Int);
const SECTION: Column = ("section", Kind::Int);
const SOURCE: Column = ("source", Kind::Text);
const KEY: Column = ("key", Kind::Text);
const PRINCIPAL: Column = ("principal", Kind::Text);
const FACET: Column = ("facet_id", Kind::Int);
const RECEIVED: Column = ("received_at", Kind::Int);

pub(crate) static FACETS: Table = Table {
    name: "facets",
    keys: &[("hash", Kind::Blob)],
    values: &[],
    kept: &[("bytes", Kind::Blob)],
};
pub(crate) static POSITIONS: Table = Table {
    name: "streams",
    keys: &[DEVICE],
    values: &[
        ("epoch", Kind::Int),
        ("next_sequence", Kind::Int),
        ("last_payload_hash", Kind::Blob),
        ("resume_key", Kind::Blob),
        ("resume_floor", Kind::Int),
    ],
    kept: &[],
};
pub(crate) static SEEN: Table = Table {
    name: "streams",
    keys: &[DEVICE],
    values: &[("last_seen_at", Kind::Int), ("goodbye_at", Kind::Int)],
    kept: &[],
};
pub(crate) static ITEMS: Table = Table {
    name: "items",
    keys: &[DEVICE, SECTION, SOURCE, KEY, PRINCIPAL],
    values: &[
        FACET,
        ("local", Kind::Blob),
        ("digest", Kind::Blob),
        ("changed_at", Kind::Int),
    ],
    kept: &[("first_seen", Kind::Int)],
};
pub(crate) static CHANGES: Table = Table {
    name: "changes",
    keys: &[],
    values: &[
        DEVICE,
        SECTION,
        SOURCE,
        KEY,
        PRINCIPAL,
        ("kind", Kind::Text),
        ("before_id", Kind::Int),
        ("after_id", Kind::Int),
        RECEIVED,
        ("observed_at", Kind::Int),
    ],
    kept: &[],
};
pub(crate) static SUMS: Table = Table {
    name: "sums",
    keys: &[DEVICE, SECTION],
    values: &[("digest", Kind::Blob), ("items", Kind::Int)],
    kept: &[],
};
pub(crate) static STAGED: Table = Table {
    name: "staged",
    keys: &[DEVICE, SECTION, ("snapshot_id", Kind::Blob), ("idx", Kind::Int)],
    values: &[("payload", Kind::Blob)],
    kept: &[],
};
pub(crate) static EVENTS: Table = Table {
    name: "events",
    keys: &[DEVICE, ("event_id", Kind::Blob)],
    values: &[
        ("kind", Kind::Text),
        SECTION,
        KEY,
        PRINCIPAL,
        ("at", Kind::Int),
        FACET,
        RECEIVED,
    ],
    kept: &[],
};
pub(crate) static SAMPLES: Table = Table {
    name: "samples",
    keys: &[],
    values: &[
        DEVICE,
        ("name", Kind::Text),
        ("value", Kind::Real),
        ("unit", Kind::Text),
        RECEIVED,
    ],
    kept: &[],
};
pub(crate) static GAPS: Table = Table {
    name: "gaps",
    keys: &[],
    values: &[
        DEVICE,
        SECTION,
        ("records", Kind::Int),
        ("reason", Kind::Text),
        ("from_at", Kind::Int),
        ("to_at", Kind::Int),
        RECEIVED,
    ],
    kept: &[],
};
pub(crate) static SEEDED: Table = Table {
    name: "seeded",
    keys: &[ASSET, SECTION, SOURCE],
    values: &[],
    kept: &[],
};
pub(crate) static BASELINE: Table = Table {
    name: "baseline",
    keys: &[ASSET, SECTION, SOURCE, KEY, PRINCIPAL],
    values: &[FACET, ("accepted_at", Kind::Int), ("accepted_by", Kind::Text)],
    kept: &[],
};
pub(crate) static EVIDENCE: Table = Table {
    name: "evidence",
    keys: &[
        ASSET,
        ("rule", Kind::Text),
        ("subject", Kind::Text),
        SECTION,
        SOURCE,
        KEY,
        PRINCIPAL,
    ],
    values: &[
        ("subject_name", Kind::Text),
        DEVICE,
        ("detail", Kind::Text),
        ("since", Kind::Int),
    ],
    kept: &[],
};
pub(crate) static OUTCOMES: Table = Table {
    name: "outcomes",
    keys: &[ASSET, ("rule", Kind::Text)],
    values: &[("outcome", Kind::Text), ("reason", Kind::Text)],
    kept: &[],
};
pub(crate) static JUDGED: Table = Table {
    name: "assets",
    keys: &[("id", Kind::Int)],
    values: &[("judged_generation", Kind::Int), ("wake_at", Kind::Int)],
    kept: &[],
};
/// One row is one claim; removing takes all claims of an item.
pub(crate) static CLAIMS: Table = Table {
    name: "claims",
    keys: &[DEVICE, ("item_key", Kind::Text)],
    values: &[
        ("kind", Kind::Text),
        ("value", Kind::Text),
        ("origin", Kind::Text),
        ASSET,
        ("note", Kind::Text),
    ],
    kept: &[],
};

/// Values to look at; rows are only added.
pub(crate) static TOUCHED: Table = Table {
    name: "touched",
    keys: &[],
    values: &[("kind", Kind::Text), ("value", Kind::Text), ("due_at", Kind::Int)],
    kept: &[],
};

/// Cells that a run holds before it is written, so that a large batch stays small in memory.
const FULL: usize = 1 << 14;

/// Rows of tables that wait to be written. Within a table, order is kept; between tables it is not, and
/// does not matter: facets, devices and assets exist before the first run is written.
#[derive(Default)]
pub(crate) struct Runs<'a> {
    runs: Vec<Run<'a>>,
}

struct Run<'a> {
    table: &'static Table,
    verb: Verb,
    cells: Vec<Cell<'a>>,
    /// Hashes of the keys in the run: a statement may not touch a row twice.
    keys: HashSet<u64>,
}

impl<'a> Runs<'a> {
    /// Adds a row; writes what must be written before it.
    pub(crate) fn push(
        &mut self,
        connection: &mut dyn Connection,
        table: &'static Table,
        verb: Verb,
        cells: &[Cell<'a>],
    ) -> StoreResult<()> {
        let at = match self.runs.iter().position(|run| run.table.name == table.name) {
            Some(at) => at,
            None => {
                self.runs.push(Run {
                    table,
                    verb,
                    cells: Vec::new(),
                    keys: HashSet::new(),
                });
                self.runs.len() - 1
            }
        };
        let Some(run) = self.runs.get_mut(at) else {
            return Ok(());
        };
        let key = key_hash(connection.dialect(), table, verb, cells);
        let same = run.verb == verb && std::ptr::eq(run.table, table);
        if !same || run.cells.len() >= FULL || key.is_some_and(|key| run.keys.contains(&key)) {
            run.write(connection)?;
            run.table = table;
            run.verb = verb;
        }
        run.keys.extend(key);
        run.cells.extend_from_slice(cells);
        Ok(())
    }

    /// Writes the rows of one table that wait.
    pub(crate) fn settle(&mut self, connection: &mut dyn Connection, name: &str) -> StoreResult<()> {
        self.runs
            .iter_mut()
            .filter(|run| run.table.name == name)
            .try_for_each(|run| run.write(connection))
    }

    /// Writes everything that waits.
    pub(crate) fn finish(&mut self, connection: &mut dyn Connection) -> StoreResult<()> {
        self.runs.iter_mut().try_for_each(|run| run.write(connection))
    }
}

impl Run<'_> {
    fn write(&mut self, connection: &mut dyn Connection) -> StoreResult<()> {
        if !self.cells.is_empty() {
            connection.write(self.table, self.verb, &self.cells)?;
            self.cells.clear();
            self.keys.clear();
        }
        Ok(())
    }
}

/// `None` where rows may repeat: SQLite writes them one by one, and added rows have no key.
fn key_hash(dialect: Dialect, table: &Table, verb: Verb, cells: &[Cell<'_>]) -> Option<u64> {
    if dialect == Dialect::Sqlite || table.keys.is_empty() || matches!(verb, Verb::Remove | Verb::Add) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    for cell in cells.iter().take(table.keys.len()) {
        match cell {
            Cell::Int(value) => value.hash(&mut hasher),
            Cell::Text(text) => text.hash(&mut hasher),
            Cell::Blob(bytes) => bytes.hash(&mut hasher),
            Cell::Null | Cell::Real(_) | Cell::Wide(_) => {}
        }
    }
    Some(hasher.finish())
}
