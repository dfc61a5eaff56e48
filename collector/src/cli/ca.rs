//! `ca`: how the certificate authority stands, replacing its root, and ending the trust in the one before.

use clap::Subcommand;
use deskwarden_domain::{
    model::{Device, DeviceStatus, Millis},
    port::DeviceFilter,
};
use serde_json::json;

use crate::{
    clock::rfc3339,
    data::DataDir,
    entropy::OsEntropy,
    pki::{Pki, Status},
};

use super::{
    CliError,
    out::Out,
    session::{Session, all, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum CaCommand {
    /// Show the roots, the intermediate, and what is due
    Status,
    /// Replace the root; the one before stays trusted. The collector must not run, and the root's key must be there
    Rotate,
    /// End the trust in the root before. The collector must not run
    Retire {
        /// Although devices are left that know only that root: they must enrol again
        #[arg(long)]
        force: bool,
    },
}

pub(super) fn run(command: CaCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let folder = session.config.data_dir.join("pki");
    if !folder.join("root.crt").exists() {
        return Err(CliError::Refused(format!(
            "there is no certificate authority in {}; the first start of the collector makes one",
            folder.display()
        )));
    }
    match command {
        CaCommand::Status => {
            let status = Pki::status(&folder).map_err(refused)?;
            show(&status, behind(session, &status)?.len(), out)
        }
        CaCommand::Rotate => {
            let _alone = alone(session)?;
            Pki::rotate(&folder, now(), &OsEntropy).map_err(refused)?;
            session.note("ca.rotate")?;
            let status = Pki::status(&folder).map_err(refused)?;
            Ok(out.done(
                &to_json(&status, 0),
                &format!(
                    "根证书已更换，新指纹 {}。原来的根证书仍被信任；所有设备续期后（约 15 至 18 天）再运行 ca retire。\
                     请把 root.key 移到别处保存。",
                    status.pin
                ),
                &format!(
                    "The root was replaced; its pin is {}. The one before stays trusted: run `ca retire` once all devices \
                     have renewed (15 to 18 days). Keep root.key elsewhere.",
                    status.pin
                ),
            )?)
        }
        CaCommand::Retire { force } => {
            let _alone = alone(session)?;
            let status = Pki::status(&folder).map_err(refused)?;
            let behind = behind(session, &status)?;
            if status.earlier.is_empty() {
                return Err(CliError::refused(
                    "only one root is trusted: there is nothing to retire",
                ));
            }
            if !behind.is_empty() && !force {
                return Err(CliError::Refused(format!(
                    "{} devices have not renewed since the root was replaced (as {}): they know only the root before, and \
                     would have to enrol again. Wait for them, or revoke them, or give --force",
                    behind.len(),
                    behind
                        .first()
                        .map(|device| device.id.to_string())
                        .unwrap_or_default()
                )));
            }
            Pki::retire(&folder).map_err(refused)?;
            session.note("ca.retire")?;
            Ok(out.done(
                &json!({"retired": status.earlier, "left_behind": behind.len()}),
                "原来的根证书不再被信任。",
                "The root before is trusted no longer.",
            )?)
        }
    }
}

/// Active devices whose newest certificate is older than the root in use.
fn behind(session: &Session, status: &Status) -> Result<Vec<Device>, CliError> {
    if status.earlier.is_empty() {
        return Ok(Vec::new());
    }
    let devices = all(|paging| session.store.devices(&DeviceFilter::default(), paging))?;
    let old = |device: &Device| {
        let issued = device
            .certificate_ends_at
            .map(|ends| ends.saturating_sub(Pki::DEVICE_LIFE));
        device.status == DeviceStatus::Active
            && issued.is_none_or(|issued: Millis| issued < status.root_since)
    };
    Ok(devices
        .into_iter()
        .map(|(device, _)| device)
        .filter(old)
        .collect())
}

/// Nobody else works with the authority meanwhile.
fn alone(session: &Session) -> Result<DataDir, CliError> {
    DataDir::take(&session.config.data_dir).map_err(|fault| CliError::Refused(fault.to_string()))
}

fn refused(fault: crate::pki::PkiError) -> CliError {
    let why = std::error::Error::source(&fault).map(|cause| format!(": {cause}"));
    CliError::Refused(format!("{fault}{}", why.unwrap_or_default()))
}

fn show(status: &Status, behind: usize, out: &mut Out<'_>) -> Result<(), CliError> {
    if out.json {
        return Ok(out.value(&to_json(status, behind))?);
    }
    let place = if status.root_key_is_here {
        out.say("在本机：移到别处更安全", "here; safer elsewhere")
    } else {
        out.say("不在本机", "kept elsewhere")
    };
    let mut rows = vec![
        vec![out.say("根证书", "root").to_owned(), status.pin.clone()],
        vec![
            out.say("根证书有效期至", "root ends").to_owned(),
            out.moment(status.root_ends_at),
        ],
        vec![out.say("根证书私钥", "root key").to_owned(), place.to_owned()],
        vec![
            out.say("中间证书有效期至", "intermediate ends").to_owned(),
            out.moment(status.intermediate_ends_at),
        ],
        vec![
            out.say(
                "中间证书续签（启动时需要 root.key）",
                "renewed by a start with root.key from",
            )
            .to_owned(),
            out.moment(status.intermediate_due_at),
        ],
    ];
    for earlier in &status.earlier {
        rows.push(vec![
            out.say("仍被信任", "still trusted").to_owned(),
            earlier.clone(),
        ]);
    }
    if !status.earlier.is_empty() {
        rows.push(vec![
            out.say("尚未续期的设备", "devices that know only that root")
                .to_owned(),
            behind.to_string(),
        ]);
    }
    Ok(out.table(&[("项目", "WHAT"), ("内容", "VALUE")], rows)?)
}

fn to_json(status: &Status, behind: usize) -> serde_json::Value {
    json!({
        "pin": status.pin,
        "root_since": rfc3339(status.root_since),
        "root_ends_at": rfc3339(status.root_ends_at),
        "root_key_is_here": status.root_key_is_here,
        "intermediate_ends_at": rfc3339(status.intermediate_ends_at),
        "intermediate_due_at": rfc3339(status.intermediate_due_at),
        "earlier": status.earlier,
        "devices_behind": behind,
    })
}
