//! Loading the states that records touch: one look-up per kind of row, whatever the number of devices.

use std::collections::{BTreeMap, HashSet};

use deskwarden_domain::{
    model::{FindingId, Position},
    port::{DeviceState, LoadRequest, Scope, StagedChunk, StoreResult},
    register::{Book, Papers},
};
use deskwarden_proto::decode::ItemId;

use crate::{
    approvals::{APPROVAL, APPROVALS_OF_ASSET, approval},
    notices,
    register::books::{self, ROW},
    rows::{
        self, ASSET, BASELINE, BASELINE_FROM, DEVICE, DEVICE_FROM, EVIDENCE, EVIDENCE_FROM, FINDING, ITEM,
        ITEM_FROM, LEDGER, OUTCOME, SOURCE,
    },
    sql::{Cell, Column, Connection, ConnectionExt as _, Kind, Lookup, Reader},
};

const BY_ITEM_DEVICE: Column = ("i.device_id", Kind::Int);
const BY_BASELINE_ASSET: Column = ("b.asset_id", Kind::Int);

/// What the look-ups of one request need.
struct Found {
    request: usize,
    device: i64,
    asset: i64,
}

impl Found {
    const fn again(&self) -> Self {
        Self {
            request: self.request,
            device: self.device,
            asset: self.asset,
        }
    }
}

/// The states asked for, in order; `None` for a device that does not exist.
pub(crate) fn load(
    connection: &mut dyn Connection,
    requests: &[LoadRequest],
) -> StoreResult<Vec<Option<DeviceState>>> {
    let mut states: Vec<Option<DeviceState>> = requests.iter().map(|_| None).collect();
    let mut found: Vec<Found> = Vec::with_capacity(requests.len());
    heads(connection, requests, &mut states, &mut found)?;
    let devices: Vec<Cell<'_>> = found.iter().map(|f| Cell::Int(f.device)).collect();
    let sums = Lookup::new(
        "u.section, u.digest, u.items",
        "sums u",
        &[("u.device_id", Kind::Int)],
    )
    .order("u.section");
    each(connection, &sums, &devices, &found, &mut states, |state, r| {
        let sum = (r.numbered()?, r.wide()?, r.bits()?);
        if sum.1 != 0 || sum.2 != 0 {
            state.sums.push(sum);
        }
        Ok(())
    })?;

    // Whoever only says hello is asked for nothing that a judgement needs.
    found.retain(|f| {
        requests
            .get(f.request)
            .is_some_and(|request| request.scope != Scope::Head)
    });
    let devices: Vec<Cell<'_>> = found.iter().map(|f| Cell::Int(f.device)).collect();
    let assets: Vec<Cell<'_>> = found.iter().map(|f| Cell::Int(f.asset)).collect();
    let sources =
        Lookup::new(SOURCE, "sources c", &[("c.device_id", Kind::Int)]).order("c.section, c.source");
    each(connection, &sources, &devices, &found, &mut states, |state, r| {
        state.sources.push(rows::source(r)?);
        Ok(())
    })?;
    let seeded = Lookup::new("x.section, x.source", "seeded x", &[("x.asset_id", Kind::Int)])
        .order("x.section, x.source");
    each(connection, &seeded, &assets, &found, &mut states, |state, r| {
        state.seeded.push((r.numbered()?, r.string()?));
        Ok(())
    })?;
    let evidence = Lookup::new(EVIDENCE, EVIDENCE_FROM, &[("e.asset_id", Kind::Int)])
        .order("e.rule, e.subject, e.section, e.source, e.key, e.principal");
    each(connection, &evidence, &assets, &found, &mut states, |state, r| {
        state.evidence.push(rows::evidence(r)?);
        Ok(())
    })?;
    let findings = Lookup::new(FINDING, "findings f", &[("f.asset_id", Kind::Int)]).order("f.id");
    each(connection, &findings, &assets, &found, &mut states, |state, r| {
        state.findings.push(rows::finding(r)?);
        Ok(())
    })?;
    let outcomes = Lookup::new(OUTCOME, "outcomes o", &[("o.asset_id", Kind::Int)]).order("o.rule");
    each(connection, &outcomes, &assets, &found, &mut states, |state, r| {
        state.outcomes.push(rows::outcome(r)?);
        Ok(())
    })?;
    let ledger = Lookup::new(LEDGER, "ledger l", &[("l.asset_id", Kind::Int)]).order("l.sort_key");
    each(connection, &ledger, &assets, &found, &mut states, |state, r| {
        state.ledger.push(rows::ledger(r)?);
        Ok(())
    })?;
    let approvals = Lookup::new(APPROVAL, APPROVALS_OF_ASSET, &[("a.id", Kind::Int)]);
    each(
        connection,
        &approvals,
        &assets,
        &found,
        &mut states,
        |state, r| {
            state.approvals.push(approval(r)?);
            Ok(())
        },
    )?;
    for state in states.iter_mut().flatten() {
        state.approvals.sort_unstable_by_key(|approval| approval.id);
    }
    papers(connection, &found, &assets, &mut states)?;
    let open = Lookup::new(notices::OPEN, notices::OPEN_FROM, &[("l.asset_id", Kind::Int)]).order("t.id");
    each(connection, &open, &assets, &found, &mut states, |state, r| {
        let notice = notices::open(r)?;
        if state.notices.last() != Some(&notice) {
            state.notices.push(notice);
        }
        Ok(())
    })?;
    contents(connection, requests, &found, &mut states)?;
    staged(connection, requests, &found, &mut states)?;
    Ok(states)
}

/// What the books of the register say of each asset, of its custodian and of its provider.
fn papers(
    connection: &mut dyn Connection,
    found: &[Found],
    assets: &[Cell<'_>],
    states: &mut [Option<DeviceState>],
) -> StoreResult<()> {
    let columns = format!("b.book, {ROW}");
    let take = |state: &mut DeviceState, r: &mut Reader<'_>| {
        let book = r.named(Book::by_name)?;
        state.papers.take(book, &books::row(r)?);
        Ok(())
    };
    let named =
        Lookup::new(columns.clone(), "book_rows b", &[("b.asset_id", Kind::Int)]).order("b.book, b.key");
    each(connection, &named, assets, found, states, take)?;
    let mut names: Vec<(Found, Book, String)> = Vec::new();
    for f in found {
        let Some(Some(state)) = states.get(f.request) else {
            continue;
        };
        let about = [
            (Book::People, &state.asset.custodian),
            (Book::Providers, &state.asset.provider),
            (Book::Visits, &state.asset.provider),
        ];
        for (book, name) in about {
            names.extend(name.clone().map(|name| (f.again(), book, name)));
        }
    }
    let (of, keys): (Vec<Found>, Vec<(Book, String)>) = names
        .into_iter()
        .map(|(of, book, name)| (of, (book, name)))
        .unzip();
    let keys: Vec<Cell<'_>> = keys
        .iter()
        .flat_map(|(book, name)| [Cell::Text(name), Cell::Text(book.name())])
        .collect();
    let about = Lookup::new(
        columns,
        "book_rows b",
        &[("b.about", Kind::Text), ("b.book", Kind::Text)],
    )
    .order("b.book, b.key");
    each(connection, &about, &keys, &of, states, take)
}

/// Devices, assets and positions.
fn heads(
    connection: &mut dyn Connection,
    requests: &[LoadRequest],
    states: &mut [Option<DeviceState>],
    found: &mut Vec<Found>,
) -> StoreResult<()> {
    let columns =
        const_columns("d.id, s.epoch, s.next_sequence, s.last_payload_hash, s.resume_key, s.resume_floor");
    let lookup = Lookup::new(columns, DEVICE_FROM, &[("d.uid", Kind::Blob)]);
    let keys: Vec<Cell<'_>> = requests
        .iter()
        .map(|request| Cell::from(request.device.as_bytes()))
        .collect();
    connection.lookup(&lookup, &keys, &mut |number, columns| {
        let r = &mut Reader::new(columns);
        let row_id = r.int()?;
        let position = Position {
            epoch: r.bits()?,
            next_sequence: r.bits()?,
            last_payload_hash: r.opt_array()?,
            resume_key: r.array()?,
            resume_floor: r.bits()?,
        };
        let device = rows::device(r)?;
        let asset = rows::asset(r)?;
        found.push(Found {
            request: number,
            device: row_id,
            asset: asset.id.0,
        });
        if let Some(state) = states.get_mut(number) {
            *state = Some(DeviceState {
                device,
                asset,
                position,
                sources: Vec::new(),
                sums: Vec::new(),
                items: BTreeMap::new(),
                baseline: BTreeMap::new(),
                seeded: Vec::new(),
                evidence: Vec::new(),
                findings: Vec::new(),
                outcomes: Vec::new(),
                ledger: Vec::new(),
                approvals: Vec::new(),
                papers: Papers::default(),
                notices: Vec::new(),
                staged: Vec::new(),
            });
        }
        Ok(())
    })
}

/// `first`, then [`DEVICE`] and [`ASSET`].
fn const_columns(first: &str) -> String {
    format!("{first}, {DEVICE}, {ASSET}")
}

/// Items and baselines, as far as each request asks.
fn contents(
    connection: &mut dyn Connection,
    requests: &[LoadRequest],
    found: &[Found],
    states: &mut [Option<DeviceState>],
) -> StoreResult<()> {
    let mut whole = Wanted::default();
    let mut sections = Wanted::default();
    let mut single = Wanted::default();
    for f in found {
        let Some(request) = requests.get(f.request) else {
            continue;
        };
        match &request.scope {
            Scope::Head => {}
            Scope::Everything => whole.add(f, &[]),
            Scope::Touched {
                items,
                sections: asked,
            } => {
                for section in asked {
                    sections.add(f, &[Cell::Int(i64::from(*section as i32))]);
                }
                let mut named = HashSet::new();
                for id in items.iter().filter(|id| !asked.contains(&id.section)) {
                    // A record may remove and put the same item: it is one row all the same.
                    if named.insert(id) {
                        single.add(f, &id_cells(id));
                    }
                }
            }
        }
    }
    let by_device: [(&Wanted<'_>, &'static [Column]); 3] = [
        (&whole, &[BY_ITEM_DEVICE]),
        (&sections, &[BY_ITEM_DEVICE, ("i.section", Kind::Int)]),
        (
            &single,
            &[
                BY_ITEM_DEVICE,
                ("i.section", Kind::Int),
                ("i.source", Kind::Text),
                ("i.key", Kind::Text),
                ("i.principal", Kind::Text),
            ],
        ),
    ];
    for (wanted, keys) in by_device {
        let lookup = Lookup::new(ITEM, ITEM_FROM, keys);
        each(
            connection,
            &lookup,
            &wanted.devices,
            &wanted.of,
            states,
            |state, r| {
                let item = rows::item(r)?;
                state.items.insert(item.id.clone(), item);
                Ok(())
            },
        )?;
    }
    let by_asset: [(&Wanted<'_>, &'static [Column]); 3] = [
        (&whole, &[BY_BASELINE_ASSET]),
        (&sections, &[BY_BASELINE_ASSET, ("b.section", Kind::Int)]),
        (
            &single,
            &[
                BY_BASELINE_ASSET,
                ("b.section", Kind::Int),
                ("b.source", Kind::Text),
                ("b.key", Kind::Text),
                ("b.principal", Kind::Text),
            ],
        ),
    ];
    for (wanted, keys) in by_asset {
        let lookup = Lookup::new(BASELINE, BASELINE_FROM, keys);
        each(
            connection,
            &lookup,
            &wanted.assets,
            &wanted.of,
            states,
            |state, r| {
                let item = rows::baseline(r)?;
                state.baseline.insert(item.id.clone(), item);
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// Keys of one kind, by device for items and by asset for baselines.
#[derive(Default)]
struct Wanted<'a> {
    devices: Vec<Cell<'a>>,
    assets: Vec<Cell<'a>>,
    of: Vec<Found>,
}

impl<'a> Wanted<'a> {
    fn add(&mut self, found: &Found, rest: &[Cell<'a>]) {
        self.devices.push(Cell::Int(found.device));
        self.devices.extend_from_slice(rest);
        self.assets.push(Cell::Int(found.asset));
        self.assets.extend_from_slice(rest);
        self.of.push(found.again());
    }
}

fn staged(
    connection: &mut dyn Connection,
    requests: &[LoadRequest],
    found: &[Found],
    states: &mut [Option<DeviceState>],
) -> StoreResult<()> {
    let mut wanted = Wanted::default();
    for f in found {
        if let Some((section, snapshot)) = requests
            .get(f.request)
            .and_then(|request| request.staged.as_ref())
        {
            wanted.add(f, &[Cell::Int(i64::from(*section as i32)), Cell::from(snapshot)]);
        }
    }
    let keys = &[
        ("g.device_id", Kind::Int),
        ("g.section", Kind::Int),
        ("g.snapshot_id", Kind::Blob),
    ];
    let lookup = Lookup::new("g.idx, g.payload", "staged g", keys).order("g.idx");
    each(
        connection,
        &lookup,
        &wanted.devices,
        &wanted.of,
        states,
        |state, r| {
            state.staged.push(StagedChunk {
                index: r.small()?,
                payload: r.blob()?.to_vec(),
            });
            Ok(())
        },
    )
}

/// Runs a look-up and hands each row to the state that it belongs to.
fn each(
    connection: &mut dyn Connection,
    lookup: &Lookup,
    keys: &[Cell<'_>],
    of: &[Found],
    states: &mut [Option<DeviceState>],
    take: impl Fn(&mut DeviceState, &mut Reader<'_>) -> StoreResult<()>,
) -> StoreResult<()> {
    if keys.is_empty() {
        return Ok(());
    }
    connection.lookup(lookup, keys, &mut |number, columns| {
        let state = of
            .get(number)
            .and_then(|f| states.get_mut(f.request))
            .and_then(Option::as_mut);
        match state {
            Some(state) => take(state, &mut Reader::new(columns)),
            None => Ok(()),
        }
    })
}

/// The cells of an item's identity.
pub(crate) fn id_cells(id: &ItemId) -> [Cell<'_>; 4] {
    [
        Cell::Int(i64::from(id.section as i32)),
        Cell::Text(&id.source),
        Cell::Text(&id.key),
        Cell::Text(&id.principal),
    ]
}

/// Row id of a finding's natural key and its version, locked.
pub(crate) fn finding_row(
    connection: &mut dyn Connection,
    holder: &str,
    rule: &str,
    subject: &str,
) -> StoreResult<Option<(FindingId, i64)>> {
    connection.row_locked(
        "SELECT id, version FROM findings WHERE holder = ?1 AND rule = ?2 AND subject = ?3",
        &[Cell::Text(holder), Cell::Text(rule), Cell::Text(subject)],
        |r| Ok((FindingId(r.int()?), r.int()?)),
    )
}
