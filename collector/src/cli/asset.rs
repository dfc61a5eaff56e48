//! `asset`: the register. A PC with a number in it is expected; one without is a finding (PC 3.1.1).

use clap::{Args, Subcommand};
use deskwarden_domain::{
    model::{Asset, AssetId, AssetState},
    port::AssetFilter,
    register::Book,
};
use serde_json::{Value, json};

use crate::clock::rfc3339;

use super::{
    CliError, args,
    out::{Out, cell},
    register::{self, BookCommand},
    session::{Session, all, now},
    terms,
};

#[derive(Debug, Subcommand)]
pub(super) enum AssetCommand {
    /// List assets, flagged first
    List,
    /// Register an asset, or change its entry
    Register(Register),
    /// Write columns of an asset by its number: COLUMN=VALUE for each; an empty value clears
    Set {
        /// As `number=PC-1 state=idle`; columns that are not named stay
        #[arg(required = true, value_name = "COLUMN=VALUE")]
        cells: Vec<String>,
    },
    /// Load a file; nothing is half-loaded, columns that it does not have stay
    Import(register::Import),
    /// Write a file
    Export(register::Export),
    /// What was edited of an asset
    History {
        /// Its number
        number: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Register {
    /// Asset that a device made (see `asset list`); without it a PC is registered before it arrives
    #[arg(long, value_name = "ID")]
    asset: Option<i64>,
    /// Asset number
    #[arg(long)]
    number: String,
    /// How people call it
    #[arg(long)]
    name: Option<String>,
    /// Person responsible for it
    #[arg(long)]
    custodian: Option<String>,
    /// Department that it belongs to
    #[arg(long)]
    department: Option<String>,
    /// in_use, idle, in_repair, scrapped or lost
    #[arg(long, value_parser = args::asset_state)]
    state: Option<AssetState>,
}

pub(super) fn run(command: AssetCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        AssetCommand::List => list(session, out),
        AssetCommand::Register(register) => enter(register, session, out),
        AssetCommand::Set { cells } => register::run(Book::Assets, BookCommand::Set { cells }, session, out),
        AssetCommand::Import(import) => {
            register::run(Book::Assets, BookCommand::Import(import), session, out)
        }
        AssetCommand::Export(export) => {
            register::run(Book::Assets, BookCommand::Export(export), session, out)
        }
        AssetCommand::History { number } => register::history(&number, session, out),
    }
}

fn enter(register: Register, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let number = register.number.trim().to_owned();
    if number.is_empty() {
        return Err(CliError::refused("an asset number is not empty"));
    }
    let known = match register.asset {
        Some(id) => {
            let found = session.store.asset(AssetId(id))?;
            let missing = || CliError::Refused(format!("there is no asset {id}; `asset list` shows all"));
            Some(found.ok_or_else(missing)?.0.asset)
        }
        None => None,
    };
    let make = known.is_none();
    let mut asset = known.unwrap_or_else(|| new_asset(&number));
    asset.number = Some(number);
    asset.provisional = false;
    asset.name = register.name.unwrap_or(asset.name);
    asset.custodian = register.custodian.or(asset.custodian);
    asset.department = register.department.or(asset.department);
    asset.state = register.state.unwrap_or(asset.state);
    let object = register
        .asset
        .map_or_else(|| "asset".to_owned(), |id| format!("asset:{id}"));
    let audit = session.audit("asset.register", object, asset.number.clone().unwrap_or_default());
    asset.id = session.store.put_asset(&asset, make, &audit)?;
    let shown = format!("{} {}", asset.number.as_deref().unwrap_or_default(), asset.name);
    out.done(
        &to_json(&asset),
        &format!("资产 {} 已登记：{shown}", asset.id.0),
        &format!("Asset {} is registered: {shown}", asset.id.0),
    )?;
    Ok(())
}

fn new_asset(number: &str) -> Asset {
    Asset {
        id: AssetId(0),
        number: None,
        name: number.to_owned(),
        custodian: None,
        department: None,
        state: AssetState::InUse,
        provisional: false,
        created_at: now(),
        version: 0,
        wake_at: None,
        judged_generation: 0,
        ..Asset::named("")
    }
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let assets = all(|paging| session.store.assets(&AssetFilter::default(), paging))?;
    if out.json {
        let values = assets.iter().map(|row| {
            let mut value = to_json(&row.asset);
            if let Value::Object(fields) = &mut value {
                fields.insert(
                    "device".to_owned(),
                    json!(row.device.as_ref().map(|device| device.id.to_string())),
                );
                fields.insert("addresses".to_owned(), json!(row.addresses));
                let [low, medium, high, critical] = row.findings;
                fields.insert(
                    "findings".to_owned(),
                    json!({"low": low, "medium": medium, "high": high, "critical": critical}),
                );
            }
            value
        });
        return Ok(out.value(&values.collect())?);
    }
    let rows = assets.iter().map(|row| {
        vec![
            row.asset.id.0.to_string(),
            row.asset
                .number
                .clone()
                .unwrap_or_else(|| out.say("未登记", "unregistered").to_owned()),
            row.asset.name.clone(),
            cell(row.asset.custodian.as_deref()),
            cell(row.asset.department.as_deref()),
            terms::asset(row.asset.state, out.lang),
            row.addresses.join(" "),
            row.findings.iter().sum::<u64>().to_string(),
        ]
    });
    let rows = rows.collect();
    let headings = [
        ("资产", "ASSET"),
        ("编号", "NUMBER"),
        ("名称", "NAME"),
        ("使用人", "CUSTODIAN"),
        ("部门", "DEPARTMENT"),
        ("状态", "STATE"),
        ("地址", "ADDRESSES"),
        ("问题", "FINDINGS"),
    ];
    Ok(out.table(&headings, rows)?)
}

pub(super) fn to_json(asset: &Asset) -> Value {
    json!({
        "id": asset.id.0,
        "number": asset.number,
        "name": asset.name,
        "custodian": asset.custodian,
        "department": asset.department,
        "state": asset.state.name(),
        "class": asset.class.name(),
        "provider": asset.provider,
        "responsible": asset.responsible,
        "place": asset.place,
        "provisional": asset.provisional,
        "created_at": rfc3339(asset.created_at),
    })
}
