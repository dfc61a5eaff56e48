//! `device`: which installations may report, and what they reported.

use clap::Subcommand;
use deskwarden_domain::{
    model::{Asset, Device, DeviceStatus},
    port::DeviceFilter,
};
use deskwarden_proto::{ids::DeviceId, section, v1::Look};
use serde_json::{Value, json};

use crate::clock::rfc3339;

use super::{
    CliError,
    out::Out,
    session::{Session, all},
    successor, terms,
};

#[derive(Debug, Subcommand)]
pub(super) enum DeviceCommand {
    /// List devices, newest first
    List,
    /// Show a device with its sources and outcomes
    Show {
        /// Device id
        id: DeviceId,
    },
    /// Refuse a device from now on
    Revoke {
        /// Device id
        id: DeviceId,
    },
    /// Let a waiting device report
    Approve {
        /// Device id
        id: DeviceId,
    },
    /// Refuse a waiting device
    Deny {
        /// Device id
        id: DeviceId,
    },
    /// List new devices that may be earlier PCs installed anew, with their hardware compared
    Proposals,
    /// Make a device the successor of an earlier one: its PC keeps number, custodian, baseline and findings
    Link {
        /// Device id
        id: DeviceId,
        /// The PC: asset number, or id as in `asset list`
        #[arg(long, value_name = "NUMBER|ID")]
        asset: String,
    },
    /// Take the last link of a device back
    Unlink {
        /// Device id
        id: DeviceId,
    },
    /// Say that a device is another PC than the one it is proposed for
    Dismiss {
        /// Device id
        id: DeviceId,
        /// The PC: asset number, or id as in `asset list`
        #[arg(long, value_name = "NUMBER|ID")]
        asset: String,
    },
}

pub(super) fn run(command: DeviceCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        DeviceCommand::List => list(session, out),
        DeviceCommand::Show { id } => show(id, session, out),
        DeviceCommand::Revoke { id } => {
            let device = find(id, session)?;
            if matches!(device.status, DeviceStatus::Revoked | DeviceStatus::Retired) {
                return Err(CliError::Refused(format!(
                    "device {id} is {} already",
                    device.status.name()
                )));
            }
            set(id, DeviceStatus::Revoked, "device.revoke", session)?;
            Ok(out.done(
                &status(id, DeviceStatus::Revoked),
                &format!("设备 {id} 不再被接受。"),
                &format!("Device {id} is refused from now on."),
            )?)
        }
        DeviceCommand::Deny { id } => {
            let device = find(id, session)?;
            if device.status != DeviceStatus::Pending {
                return Err(CliError::Refused(format!(
                    "device {id} does not wait for approval: it is {}",
                    device.status.name()
                )));
            }
            set(id, DeviceStatus::Revoked, "device.deny", session)?;
            Ok(out.done(
                &status(id, DeviceStatus::Revoked),
                &format!("设备 {id} 已拒绝。"),
                &format!("Device {id} is refused."),
            )?)
        }
        DeviceCommand::Proposals => successor::list(session, out),
        DeviceCommand::Link { id, asset } => successor::link(id, &asset, session, out),
        DeviceCommand::Unlink { id } => successor::unlink(id, session, out),
        DeviceCommand::Dismiss { id, asset } => successor::dismiss(id, &asset, session, out),
        DeviceCommand::Approve { id } => {
            let device = find(id, session)?;
            if device.status != DeviceStatus::Pending {
                return Err(CliError::Refused(format!(
                    "device {id} does not wait for approval: it is {}",
                    device.status.name()
                )));
            }
            set(id, DeviceStatus::Active, "device.approve", session)?;
            Ok(out.done(
                &status(id, DeviceStatus::Active),
                &format!("设备 {id} 已批准。"),
                &format!("Device {id} may report now."),
            )?)
        }
    }
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let devices = all(|paging| session.store.devices(&DeviceFilter::default(), paging))?;
    if out.json {
        return Ok(out.value(
            &devices
                .iter()
                .map(|(device, asset)| to_json(device, asset))
                .collect(),
        )?);
    }
    let rows = devices.iter().map(|(device, asset)| {
        vec![
            device.id.to_string(),
            asset.name.clone(),
            asset.number.clone().unwrap_or_default(),
            out.pick(terms::device(device.status)).to_owned(),
            device.platform.clone(),
            device.agent_version.clone(),
            device.last_seen_at.map(|at| out.moment(at)).unwrap_or_default(),
        ]
    });
    let rows = rows.collect();
    let headings = [
        ("设备", "DEVICE"),
        ("资产", "ASSET"),
        ("编号", "NUMBER"),
        ("状态", "STATUS"),
        ("平台", "PLATFORM"),
        ("版本", "VERSION"),
        ("最近报告", "LAST SEEN"),
    ];
    Ok(out.table(&headings, rows)?)
}

fn show(id: DeviceId, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let detail = session.store.device_detail(id)?.ok_or_else(|| unknown(id))?;
    let name = |of| section::name(of);
    if out.json {
        let mut value = to_json(&detail.device, &detail.asset);
        if let Value::Object(fields) = &mut value {
            let counts = detail
                .counts
                .iter()
                .map(|(of, count)| (name(*of).to_owned(), Value::from(*count)));
            fields.insert("items".to_owned(), Value::Object(counts.collect()));
            let sources = detail.sources.iter().map(|source| {
                json!({
                    "section": name(source.section), "source": source.source, "look": look_name(source.look),
                    "reason": source.reason, "since": rfc3339(source.since),
                })
            });
            fields.insert("sources".to_owned(), sources.collect());
            fields.insert("outcomes".to_owned(), json!(detail.outcomes));
        }
        return Ok(out.value(&value)?);
    }
    let asset = &detail.asset;
    out.line(&format!(
        "{}  {}  {}",
        detail.device.id,
        asset.name,
        asset.number.as_deref().unwrap_or_default()
    ))?;
    let counts = detail
        .counts
        .iter()
        .map(|(of, count)| vec![name(*of).to_owned(), count.to_string()]);
    out.table(&[("类别", "SECTION"), ("条目", "ITEMS")], counts.collect())?;
    let sources = detail.sources.iter().map(|source| {
        let look = look_name(source.look).to_owned();
        vec![
            name(source.section).to_owned(),
            source.source.clone(),
            look,
            source.reason.clone(),
        ]
    });
    out.table(
        &[
            ("类别", "SECTION"),
            ("来源", "SOURCE"),
            ("查看", "LOOK"),
            ("原因", "REASON"),
        ],
        sources.collect(),
    )?;
    let outcomes = detail.outcomes.iter().map(|row| {
        vec![
            row.rule.clone(),
            out.pick(terms::outcome(row.outcome)).to_owned(),
            row.reason.clone(),
        ]
    });
    Ok(out.table(
        &[("规则", "RULE"), ("结果", "OUTCOME"), ("原因", "REASON")],
        outcomes.collect(),
    )?)
}

fn find(id: DeviceId, session: &Session) -> Result<Device, CliError> {
    session.store.device(id)?.ok_or_else(|| unknown(id))
}

fn set(id: DeviceId, to: DeviceStatus, action: &str, session: &Session) -> Result<(), CliError> {
    let audit = session.audit(action, format!("device:{id}"), "");
    Ok(session.store.set_device_status(id, to, &audit)?)
}

fn unknown(id: DeviceId) -> CliError {
    CliError::Refused(format!("there is no device {id}; `device list` shows all"))
}

fn status(id: DeviceId, status: DeviceStatus) -> Value {
    json!({"id": id.to_string(), "status": status.name()})
}

fn to_json(device: &Device, asset: &Asset) -> Value {
    json!({
        "id": device.id.to_string(),
        "status": device.status.name(),
        "current": device.current,
        "platform": device.platform,
        "agent_version": device.agent_version,
        "hostname": device.hints.hostname,
        "enrolled_at": rfc3339(device.enrolled_at),
        "last_seen_at": device.last_seen_at.map(rfc3339),
        "goodbye_at": device.goodbye_at.map(rfc3339),
        "certificate_ends_at": device.certificate_ends_at.map(rfc3339),
        "asset": super::asset::to_json(asset),
    })
}

const fn look_name(look: Look) -> &'static str {
    match look {
        Look::Unspecified => "unspecified",
        Look::Looked => "looked",
        Look::Partial => "partial",
        Look::Denied => "denied",
        Look::Unsupported => "unsupported",
        Look::Failed => "failed",
    }
}
