//! `ledger`: the assigned addresses (PC 3.2.5).

use clap::{Args, Subcommand};
use deskwarden_domain::{
    ledger,
    model::{AssetId, LedgerEntry, LedgerMode},
};
use serde_json::{Value, json};

use super::{
    CliError, args,
    ledger_files::{self, Export, Import, Learn, Observe, Range},
    out::{Out, cell},
    session::{Session, all},
};

#[derive(Debug, Subcommand)]
pub(super) enum LedgerCommand {
    /// Assign an address to an asset, or to an owner in words
    Set(Set),
    /// List assigned addresses
    List,
    /// Take an address out of the ledger
    Remove {
        /// The address
        #[arg(value_parser = args::address)]
        address: String,
    },
    /// Load a file; nothing is half-loaded
    Import(Import),
    /// Write a file
    Export(Export),
    /// Propose entries from what PCs report, and accept them
    Learn(Learn),
    /// Import what a gateway or a DHCP server remembers
    Observe(Observe),
    /// List DHCP ranges
    Ranges,
    /// Add a DHCP range
    AddRange(Range),
    /// Remove a DHCP range
    RemoveRange {
        /// Its first address
        #[arg(value_parser = args::address)]
        first: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Asset that the address is assigned to
    #[arg(long, value_name = "ID", required_unless_present = "owner")]
    asset: Option<i64>,
    /// Whose it is, in words: a printer, a person, a provider
    #[arg(long, value_parser = args::words)]
    owner: Option<String>,
    /// The address
    #[arg(long, value_parser = args::address)]
    address: String,
    /// Prefix length
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=128))]
    prefix: Option<u8>,
    /// Gateway
    #[arg(long, value_parser = args::address)]
    gateway: Option<String>,
    /// Name server; may be given several times
    #[arg(long, value_parser = args::address)]
    dns: Vec<String>,
    /// static or dhcp
    #[arg(long, value_parser = args::ledger_mode)]
    mode: Option<LedgerMode>,
    /// Hardware address
    #[arg(long, value_parser = args::mac)]
    mac: Option<String>,
    /// Place
    #[arg(long, value_parser = args::words)]
    place: Option<String>,
}

pub(super) fn run(command: LedgerCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        LedgerCommand::Set(set) => assign(set, session, out),
        LedgerCommand::List => list(session, out),
        LedgerCommand::Remove { address } => ledger_files::remove(&address, session, out),
        LedgerCommand::Import(import) => ledger_files::import(&import, session, out),
        LedgerCommand::Export(export) => ledger_files::export(&export, session, out),
        LedgerCommand::Learn(learn) => ledger_files::learn(&learn, session, out),
        LedgerCommand::Observe(observe) => ledger_files::observe(&observe, session, out),
        LedgerCommand::Ranges => ledger_files::ranges(session, out),
        LedgerCommand::AddRange(range) => ledger_files::add_range(range, session, out),
        LedgerCommand::RemoveRange { first } => ledger_files::remove_range(&first, session, out),
    }
}

fn assign(set: Set, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    if let Some(id) = set.asset
        && session.store.asset(AssetId(id))?.is_none()
    {
        return Err(CliError::Refused(format!(
            "there is no asset {id}; `asset list` shows all"
        )));
    }
    let entry = LedgerEntry {
        address: set.address,
        prefix: set.prefix,
        gateway: set.gateway,
        dns: set.dns,
        mode: set.mode,
        mac: set.mac,
        asset: set.asset.map(AssetId),
        owner: set.owner,
        place: set.place,
    };
    ledger::refuse_unfit(&entry).map_err(|why| CliError::refused(why.get(out.lang)))?;
    let asset = entry.asset.map(|id| format!("asset:{}", id.0));
    let holder = asset.or_else(|| entry.owner.clone()).unwrap_or_default();
    let audit = session.audit("ledger.set", format!("ledger:{}", entry.address), holder);
    session.store.put_ledger_entry(&entry, &audit)?;
    let (zh, en) = match (entry.asset, &entry.owner) {
        (Some(AssetId(id)), _) => (
            format!("{} 已分配给资产 {id}。", entry.address),
            format!("{} is assigned to asset {id}.", entry.address),
        ),
        (None, owner) => {
            let owner = cell(owner.as_deref());
            (
                format!("{} 已分配给 {owner}。", entry.address),
                format!("{} is assigned to {owner}.", entry.address),
            )
        }
    };
    Ok(out.done(&to_json(&entry), &zh, &en)?)
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let entries = all(|paging| session.store.ledger(paging))?;
    if out.json {
        return Ok(out.value(&entries.iter().map(to_json).collect())?);
    }
    let rows = entries.iter().map(|entry| {
        let prefix = entry
            .prefix
            .map(|prefix| format!("/{prefix}"))
            .unwrap_or_default();
        vec![
            format!("{}{prefix}", entry.address),
            entry.asset.map(|id| id.0.to_string()).unwrap_or_default(),
            cell(entry.owner.as_deref()),
            cell(entry.gateway.as_deref()),
            entry.dns.join(" "),
            entry
                .mode
                .map(LedgerMode::words)
                .map(|(zh, en)| out.say(zh, en).to_owned())
                .unwrap_or_default(),
            cell(entry.mac.as_deref()),
            cell(entry.place.as_deref()),
        ]
    });
    let headings = [
        ("地址", "ADDRESS"),
        ("资产", "ASSET"),
        ("使用人", "OWNER"),
        ("网关", "GATEWAY"),
        ("DNS", "DNS"),
        ("方式", "MODE"),
        ("MAC", "MAC"),
        ("位置", "PLACE"),
    ];
    Ok(out.table(&headings, rows.collect())?)
}

fn to_json(entry: &LedgerEntry) -> Value {
    json!({
        "address": entry.address,
        "prefix": entry.prefix,
        "gateway": entry.gateway,
        "dns": entry.dns,
        "mode": entry.mode.map(LedgerMode::name),
        "mac": entry.mac,
        "asset": entry.asset.map(|id| id.0),
        "owner": entry.owner,
        "place": entry.place,
    })
}
