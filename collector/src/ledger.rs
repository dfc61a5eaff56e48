//! The IP ledger as people edit it: files in and out, proposals, imported tables. The same for the command line
//! and for the dashboard; what a file means is the domain's, where it is kept the store's.

use std::collections::{BTreeMap, BTreeSet};

use deskwarden_domain::{
    ledger::{self, Column, Imported, Learned, Observation, Plan},
    model::{AssetId, AuditEntry, FindingState, Lang, LedgerEntry, Millis},
    port::{AssetFilter, FindingFilter, Page, Paging, Store, StoreResult},
    table::{RowFault, Table},
};
use deskwarden_proto::{
    decode,
    v1::{Section, facet},
};
use serde_json::json;

/// Rows asked for at once.
const ROWS: u32 = 500;
/// Interfaces that a ledger is learned from.
const INTERFACES: usize = 100_000;

/// Names of assets, both ways.
#[derive(Debug, Default)]
pub struct Assets {
    by_number: BTreeMap<String, AssetId>,
    shown: BTreeMap<AssetId, String>,
}

impl Assets {
    /// Of all assets.
    pub fn load(store: &dyn Store) -> StoreResult<Self> {
        Self::among(store, None)
    }

    /// Of those that entries name: enough to show them.
    pub fn of<'e>(store: &dyn Store, entries: impl Iterator<Item = &'e LedgerEntry>) -> StoreResult<Self> {
        let mut named: Vec<AssetId> = entries.filter_map(|entry| entry.asset).collect();
        named.sort_unstable();
        named.dedup();
        Self::among(store, Some(named))
    }

    fn among(store: &dyn Store, among: Option<Vec<AssetId>>) -> StoreResult<Self> {
        let mut assets = Self::default();
        let filter = AssetFilter {
            among,
            ..AssetFilter::default()
        };
        for row in all(|paging| store.assets(&filter, paging))? {
            let asset = row.asset;
            if let Some(number) = &asset.number {
                assets.by_number.insert(number.trim().to_owned(), asset.id);
            }
            let shown = asset.number.unwrap_or_else(|| format!("#{}", asset.id.0));
            assets.shown.insert(asset.id, shown);
        }
        Ok(assets)
    }

    /// The asset of a number, or of `#` and its row id, as exports write one without a number.
    pub fn find(&self, text: &str) -> Option<AssetId> {
        let by_id = || {
            let id = AssetId(text.strip_prefix('#')?.parse().ok()?);
            self.shown.contains_key(&id).then_some(id)
        };
        self.by_number.get(text.trim()).copied().or_else(by_id)
    }

    /// What stands for an asset in a file.
    pub fn shown(&self, id: Option<AssetId>) -> &str {
        id.and_then(|id| self.shown.get(&id)).map_or("", String::as_str)
    }
}

/// The whole ledger.
pub fn entries(store: &dyn Store) -> StoreResult<Vec<LedgerEntry>> {
    all(|paging| store.ledger(paging))
}

/// What a file would change.
#[derive(Debug)]
pub struct Preview {
    /// What it says.
    pub file: Imported,
    /// What that would do.
    pub plan: Plan,
}

/// Reads a table against the register and the ledger; all its faults, or what it would change.
pub fn preview(
    store: &dyn Store,
    table: &Table,
    assets: &Assets,
    replace: bool,
) -> StoreResult<Result<Preview, Vec<RowFault>>> {
    let current = entries(store)?;
    let by_address: BTreeMap<&str, &LedgerEntry> = current
        .iter()
        .map(|entry| (entry.address.as_str(), entry))
        .collect();
    let known = |address: &str| by_address.get(address).copied();
    let file = match ledger::read(table, &|number| assets.find(number), &known) {
        Ok(file) => file,
        Err(faults) => return Ok(Err(faults)),
    };
    let plan = ledger::plan(&current, &file.entries, replace);
    Ok(Ok(Preview { file, plan }))
}

/// Carries a plan out.
pub fn carry_out(store: &dyn Store, plan: &Plan, source: &str, actor: &str, now: Millis) -> StoreResult<()> {
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "ledger.import".into(),
        object: "ledger".into(),
        detail: json!({
            "source": source, "added": plan.added.len(), "changed": plan.changed.len(), "removed": plan.removed.len(),
        })
        .to_string(),
    };
    store.edit_ledger(&plan.put(), &plan.remove(), &audit)
}

/// Headings and rows of an export.
pub fn table(entries: &[LedgerEntry], assets: &Assets, lang: Lang) -> (Vec<String>, Vec<Vec<String>>) {
    let zh = lang == Lang::Zh;
    let headings = Column::ALL.map(|column| {
        let (chinese, english) = column.heading();
        (if zh { chinese } else { english }).to_owned()
    });
    let rows = entries
        .iter()
        .map(|entry| ledger::row(entry, assets.shown(entry.asset), zh))
        .collect();
    (headings.to_vec(), rows)
}

/// Entries proposed from what PCs report.
pub fn learned(store: &dyn Store) -> StoreResult<Vec<Learned>> {
    let known: BTreeSet<String> = entries(store)?.into_iter().map(|entry| entry.address).collect();
    let reports: Vec<_> = store
        .reported_networks(INTERFACES)?
        .into_iter()
        .filter_map(|(asset, bytes)| match decode::facet(Section::Network, &bytes) {
            Ok(facet::Kind::Network(network)) => Some((asset, network)),
            _ => None,
        })
        .collect();
    let mut proposed = ledger::propose(&reports, &|address| known.contains(address));
    let (assets, addresses) = in_breach(store)?;
    for one in &mut proposed {
        one.breach =
            addresses.contains(&one.entry.address) || one.entry.asset.is_some_and(|id| assets.contains(&id));
    }
    Ok(proposed)
}

/// Assets and subjects of open findings about addresses.
fn in_breach(store: &dyn Store) -> StoreResult<(BTreeSet<AssetId>, BTreeSet<String>)> {
    let (mut assets, mut subjects) = (BTreeSet::new(), BTreeSet::new());
    let filter = FindingFilter {
        states: FindingState::ACTIVE.to_vec(),
        clause: Some(ledger::ADDRESS_CLAUSE.to_owned()),
        ..FindingFilter::default()
    };
    let mut paging = Paging {
        offset: 0,
        limit: ROWS,
    };
    loop {
        let page = store.findings(&filter, paging)?;
        paging.offset += u64::from(ROWS);
        for row in page.rows {
            if row.finding.key.rule.starts_with(ledger::ADDRESS_RULES) {
                assets.extend(row.asset.map(|asset| asset.id));
                subjects.insert(row.finding.key.subject);
            }
        }
        if paging.offset >= page.total {
            return Ok((assets, subjects));
        }
    }
}

/// Takes proposals into the ledger.
pub fn accept(store: &dyn Store, learned: &[LedgerEntry], actor: &str, now: Millis) -> StoreResult<()> {
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "ledger.learn".into(),
        object: "ledger".into(),
        detail: json!({"accepted": learned.len()}).to_string(),
    };
    store.edit_ledger(learned, &[], &audit)
}

/// Replaces the table of that name by what was read now.
pub fn observe(
    store: &dyn Store,
    name: &str,
    seen: &[Observation],
    actor: &str,
    now: Millis,
) -> StoreResult<()> {
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: "ledger.observe".into(),
        object: format!("table:{name}"),
        detail: json!({"lines": seen.len()}).to_string(),
    };
    store.put_observations(name, &ledger::claims(seen, name, now), &audit)
}

/// All rows of a paged list.
pub(crate) fn all<T>(mut page: impl FnMut(Paging) -> StoreResult<Page<T>>) -> StoreResult<Vec<T>> {
    let mut rows = Vec::new();
    loop {
        let offset = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let next = page(Paging { offset, limit: ROWS })?;
        let empty = next.rows.is_empty();
        rows.extend(next.rows);
        if empty || u64::try_from(rows.len()).unwrap_or(u64::MAX) >= next.total {
            return Ok(rows);
        }
    }
}
