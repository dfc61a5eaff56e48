//! `ledger import`, `export`, `learn`, `observe`, `ranges`: the IP ledger in files, from reports, and from what
//! gateways and DHCP servers remember.

use std::{fs::File, io::Write as _, path::PathBuf};

use clap::Args;
use deskwarden_domain::{
    ledger::{Plan, arp_table, leases},
    model::{DhcpRange, LedgerEntry},
};
use serde_json::{Value, json};

use crate::{
    ledger::{self, Assets},
    sheet::{self, Format},
};

use super::{
    CliError, args,
    files::{bytes, faulty, headings_of, left_out, name_of, table},
    out::Out,
    session::{ACTOR, Session, now},
};

#[derive(Debug, Args)]
pub(super) struct Import {
    /// CSV (UTF-8, GB18030, UTF-16) or XLSX with a row of headings
    file: PathBuf,
    /// Remove entries that the file does not have
    #[arg(long)]
    replace: bool,
    /// Only show what would be added, changed and removed
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(super) struct Export {
    /// File to write; XLSX when its name ends so, else CSV
    file: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Learn {
    /// Accept the proposal of this address; may be given several times
    #[arg(long, value_name = "ADDRESS", value_parser = args::address)]
    accept: Vec<String>,
    /// Accept every proposal that is not disputed
    #[arg(long, conflicts_with = "accept")]
    accept_all: bool,
}

#[derive(Debug, Args)]
pub(super) struct Observe {
    /// Output of `ip neigh`, `arp -a`, `show ip arp` or `display arp`
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "leases",
        conflicts_with = "leases"
    )]
    arp: Option<PathBuf>,
    /// dhcpd.leases, dnsmasq.leases or Kea's CSV
    #[arg(long, value_name = "FILE")]
    leases: Option<PathBuf>,
    /// Name of the gateway or server; a later import of the same name replaces this one [default: the file's]
    #[arg(long)]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Range {
    /// First address
    #[arg(value_parser = args::address)]
    first: String,
    /// Last address
    #[arg(value_parser = args::address)]
    last: String,
    /// What it is for
    #[arg(long, default_value = "")]
    name: String,
}

pub(super) fn import(import: &Import, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let table = table(&import.file, out)?;
    let store = session.store.as_ref();
    let assets = Assets::load(store)?;
    let preview = match ledger::preview(store, &table, &assets, import.replace)? {
        Ok(preview) => preview,
        Err(faults) => return Err(faulty(&faults, out)?),
    };
    let plan = &preview.plan;
    if !import.dry_run && !plan.is_empty() {
        ledger::carry_out(store, plan, &table.file, ACTOR, now())?;
    }
    if out.json {
        let mut value = plan_json(plan);
        if let Value::Object(fields) = &mut value {
            fields.insert(
                "ignored_columns".to_owned(),
                json!(headings_of(&preview.file.ignored)),
            );
            fields.insert("loaded".to_owned(), json!(!import.dry_run));
        }
        return Ok(out.value(&value)?);
    }
    show_plan(plan, &assets, out)?;
    left_out(&preview.file.ignored, out)?;
    let text = if import.dry_run {
        out.say("仅预览，未写入。", "A preview only: nothing was written.")
    } else {
        out.say("已写入。", "Written.")
    };
    let text = text.to_owned();
    Ok(out.line(&text)?)
}

fn show_plan(plan: &Plan, assets: &Assets, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut rows = Vec::new();
    let mut push = |what: &str, entry: &LedgerEntry| {
        let mut cells = vec![what.to_owned()];
        cells.extend(
            ledger::table(std::slice::from_ref(entry), assets, out.lang)
                .1
                .into_iter()
                .flatten(),
        );
        rows.push(cells);
    };
    let words = [
        ("新增", "add"),
        ("原为", "was"),
        ("改为", "becomes"),
        ("删除", "remove"),
    ];
    let [add, was, becomes, remove] = words.map(|(zh, en)| out.say(zh, en));
    plan.added.iter().for_each(|entry| push(add, entry));
    for (before, after) in &plan.changed {
        push(was, before);
        push(becomes, after);
    }
    plan.removed.iter().for_each(|entry| push(remove, entry));
    let mut headings = vec![("变更", "CHANGE")];
    headings.extend(deskwarden_domain::ledger::Column::ALL.map(deskwarden_domain::ledger::Column::heading));
    out.table(&headings, rows)?;
    let (zh, en) = (
        format!(
            "新增 {}，修改 {}，删除 {}，不变 {}",
            plan.added.len(),
            plan.changed.len(),
            plan.removed.len(),
            plan.same
        ),
        format!(
            "{} added, {} changed, {} removed, {} unchanged",
            plan.added.len(),
            plan.changed.len(),
            plan.removed.len(),
            plan.same
        ),
    );
    let text = out.say(&zh, &en).to_owned();
    Ok(out.line(&text)?)
}

fn plan_json(plan: &Plan) -> Value {
    json!({
        "added": plan.added,
        "changed": plan.changed.iter().map(|(before, after)| json!({"before": before, "after": after})).collect::<Vec<_>>(),
        "removed": plan.removed,
        "unchanged": plan.same,
    })
}

pub(super) fn export(export: &Export, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    let entries = ledger::entries(store)?;
    let (headings, rows) = ledger::table(&entries, &Assets::load(store)?, out.lang);
    let bytes = match Format::of(&export.file.to_string_lossy()) {
        Format::Csv => sheet::csv(&headings, &rows).map_err(CliError::refused)?,
        Format::Xlsx => {
            sheet::xlsx(out.say("IP台账", "IP ledger"), &headings, &rows).map_err(CliError::refused)?
        }
    };
    let file = export.file.display();
    let written = File::create(&export.file).and_then(|mut file| file.write_all(&bytes));
    written.map_err(|error| CliError::Refused(format!("{file} cannot be written: {error}")))?;
    session
        .store
        .audit(&session.audit("ledger.export", "ledger".to_owned(), entries.len().to_string()))?;
    let count = entries.len();
    Ok(out.done(
        &json!({"file": file.to_string(), "entries": count}),
        &format!("已导出 {count} 条到 {file}。"),
        &format!("{count} entries were written to {file}."),
    )?)
}

pub(super) fn learn(learn: &Learn, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let store = session.store.as_ref();
    let learned = ledger::learned(store)?;
    if learn.accept.is_empty() && !learn.accept_all {
        if out.json {
            let rows = learned
                .iter()
                .map(|one| json!({"entry": one.entry, "disputed": one.disputed, "breach": one.breach}));
            return Ok(out.value(&rows.collect())?);
        }
        let assets = Assets::load(store)?;
        let mut headings = deskwarden_domain::ledger::Column::ALL
            .map(deskwarden_domain::ledger::Column::heading)
            .to_vec();
        headings.push(("争议", "DISPUTED"));
        headings.push(("违规", "BREACH"));
        let rows = learned.iter().map(|one| {
            let mut cells: Vec<String> = ledger::table(std::slice::from_ref(&one.entry), &assets, out.lang)
                .1
                .into_iter()
                .flatten()
                .collect();
            for told in [one.disputed, one.breach] {
                cells.push((if told { out.say("是", "yes") } else { "" }).to_owned());
            }
            cells
        });
        let rows = rows.collect();
        return Ok(out.table(&headings, rows)?);
    }
    let wanted = |address: &str| learn.accept.iter().any(|wanted| wanted == address);
    for address in &learn.accept {
        if !learned.iter().any(|one| one.entry.address == *address) {
            return Err(CliError::Refused(format!(
                "{address} is not proposed; `ledger learn` shows what is"
            )));
        }
    }
    let accepted: Vec<LedgerEntry> = learned
        .into_iter()
        .filter(|one| (learn.accept_all && one.is_plain()) || wanted(&one.entry.address))
        .map(|one| one.entry)
        .collect();
    ledger::accept(store, &accepted, ACTOR, now())?;
    let count = accepted.len();
    Ok(out.done(
        &json!({"accepted": accepted}),
        &format!("已采纳 {count} 条。"),
        &format!("{count} entries were accepted."),
    )?)
}

pub(super) fn observe(observe: &Observe, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let (file, of_leases) = match (&observe.arp, &observe.leases) {
        (Some(file), _) => (file, false),
        (None, Some(file)) => (file, true),
        (None, None) => return Err(CliError::Refused("give --arp or --leases".to_owned())),
    };
    let shown = name_of(file);
    let text = sheet::text(&shown, &bytes(file)?).map_err(CliError::refused)?;
    let seen = if of_leases {
        leases(&text, now())
    } else {
        arp_table(&text)
    };
    let seen = seen.map_err(|error| CliError::Refused(format!("{shown}: {error}")))?;
    let name = observe.name.clone().unwrap_or(shown);
    ledger::observe(session.store.as_ref(), &name, &seen, ACTOR, now())?;
    let count = seen.len();
    Ok(out.done(
        &json!({"name": name, "machines": count}),
        &format!("已导入 {name}：{count} 条。"),
        &format!("{count} lines of {name} were imported."),
    )?)
}

pub(super) fn ranges(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let ranges = session.store.dhcp_ranges()?;
    if out.json {
        return Ok(out.value(&json!(ranges))?);
    }
    let rows = ranges
        .into_iter()
        .map(|range| vec![range.first, range.last, range.name]);
    let headings = [("首地址", "FIRST"), ("末地址", "LAST"), ("名称", "NAME")];
    Ok(out.table(&headings, rows.collect())?)
}

pub(super) fn add_range(range: Range, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let made = DhcpRange {
        first: range.first,
        last: range.last,
        name: range.name,
    };
    let ends = made
        .first
        .parse()
        .ok()
        .zip(made.last.parse::<std::net::IpAddr>().ok());
    if !ends.is_some_and(|(first, _)| made.holds(first)) {
        return Err(CliError::Refused(
            "the last address comes before the first, or is of the other kind".to_owned(),
        ));
    }
    let mut ranges = session.store.dhcp_ranges()?;
    ranges.retain(|known| known.first != made.first);
    ranges.push(made.clone());
    let audit = session.audit(
        "ledger.range",
        "ledger".to_owned(),
        format!("{}-{}", made.first, made.last),
    );
    session.store.put_dhcp_ranges(&ranges, &audit)?;
    let (zh, en) = (
        format!("DHCP 地址段 {} - {} 已登记。", made.first, made.last),
        format!("The DHCP range {} - {} is known.", made.first, made.last),
    );
    Ok(out.done(&json!(made), &zh, &en)?)
}

pub(super) fn remove_range(first: &str, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut ranges = session.store.dhcp_ranges()?;
    let before = ranges.len();
    ranges.retain(|known| known.first != first);
    if ranges.len() == before {
        return Err(CliError::Refused(format!(
            "no DHCP range begins at {first}; `ledger ranges` lists all"
        )));
    }
    let audit = session.audit("ledger.range", "ledger".to_owned(), format!("{first} removed"));
    session.store.put_dhcp_ranges(&ranges, &audit)?;
    Ok(out.done(&json!({"removed": first}), "已删除。", "Removed.")?)
}

pub(super) fn remove(address: &str, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let known = ledger::entries(session.store.as_ref())?;
    if !known.iter().any(|entry| entry.address == address) {
        return Err(CliError::Refused(format!(
            "{address} is not in the ledger; `ledger list` shows all"
        )));
    }
    let audit = session.audit("ledger.remove", format!("ledger:{address}"), String::new());
    session.store.edit_ledger(&[], &[address.to_owned()], &audit)?;
    Ok(out.done(&json!({"removed": address}), "已删除。", "Removed.")?)
}
