//! `update`: signed packages of the agent: making, publishing and offering them. A key stays with the publisher: the
//! two commands that use one need no collector.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use deskwarden_proto::ids::DeviceId;
use deskwarden_system::{create_private, open_private};
use serde_json::{Value, json};

use crate::updates::{Entry, Ring, Shelf, Signer};

use super::{CliError, Common, out::Out, session::Session};

/// Largest file that is read.
const MAX_FILE: u64 = 80 << 20;

#[derive(Debug, Subcommand)]
pub(super) enum UpdateCommand {
    /// Make a publisher's key; prints what agents are configured with. Needs no collector
    Key {
        /// File of the private key, which must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Sign a program. Needs no collector
    Sign {
        /// The agent's program
        program: PathBuf,
        /// File of the private key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Version, as the program says it
        #[arg(long)]
        version: String,
        /// windows-x86_64, linux-x86_64, linux-aarch64
        #[arg(long)]
        platform: String,
        /// File of the package
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put a signed package on the shelf. Nobody is offered it yet
    Publish {
        /// File of the package
        package: PathBuf,
    },
    /// Show the packages and who is offered them
    List,
    /// Say who is offered a version: agents take it within ten minutes. Without --percent and --device: nobody
    Ring {
        /// Version
        version: String,
        /// Share of all devices, always the same ones
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
        percent: u8,
        /// A device by its id; may be given several times
        #[arg(long, value_name = "ID")]
        device: Vec<DeviceId>,
        /// Only the package for this platform
        #[arg(long)]
        platform: Option<String>,
    },
}

pub(super) fn run(command: UpdateCommand, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        UpdateCommand::Key { out: file } => key(&file, out),
        UpdateCommand::Sign {
            program,
            key,
            version,
            platform,
            out: file,
        } => {
            let text = read(&key)?;
            let signer = Signer::read(&String::from_utf8_lossy(&text))
                .map_err(|error| CliError::Refused(format!("{}: {error}", key.display())))?;
            let bundle = signer
                .sign(&version, &platform, read(&program)?)
                .map_err(|error| CliError::Refused(format!("{}: {error}", program.display())))?;
            write(&file, &bundle.to_bytes(), false)?;
            Ok(out.done(
                &json!({"package": file, "version": version, "platform": platform, "public_key": signer.public()}),
                &format!("已签名：{}", file.display()),
                &format!("{} is signed", file.display()),
            )?)
        }
        UpdateCommand::Publish { package } => {
            let session = Session::open(common)?;
            let entry = shelf(&session)
                .publish(&read(&package)?)
                .map_err(|error| CliError::Refused(format!("{}: {error}", package.display())))?;
            note(&session, "update.publish", &entry)?;
            Ok(out.done(
                &to_json(&entry),
                &format!(
                    "已发布 {} {}；用 `update ring {0} --percent 5` 开始分批推送",
                    entry.version, entry.platform
                ),
                &format!(
                    "{} for {} is published; `update ring {0} --percent 5` begins to offer it",
                    entry.version, entry.platform
                ),
            )?)
        }
        UpdateCommand::List => {
            let session = Session::open(common)?;
            list(&shelf(&session).list().map_err(CliError::refused)?, out)
        }
        UpdateCommand::Ring {
            version,
            percent,
            device,
            platform,
        } => {
            let session = Session::open(common)?;
            let ring = Ring {
                percent,
                devices: device.iter().map(DeviceId::to_string).collect(),
            };
            let changed = shelf(&session)
                .set_ring(&version, platform.as_deref(), &ring)
                .map_err(CliError::refused)?;
            for entry in &changed {
                note(&session, "update.ring", entry)?;
            }
            list(&changed, out)
        }
    }
}

fn key(file: &Path, out: &mut Out<'_>) -> Result<(), CliError> {
    let text = Signer::generate().map_err(CliError::refused)?;
    let signer = Signer::read(&text).map_err(CliError::refused)?;
    write(file, text.as_bytes(), true)?;
    let public = signer.public();
    Ok(out.done(
        &json!({"key": file, "public_key": public}),
        &format!(
            "私钥已写入 {}（离线保存）。代理配置：update_key = \"{public}\"",
            file.display()
        ),
        &format!(
            "The private key is in {} (keep it off the collector). For agents: update_key = \"{public}\"",
            file.display()
        ),
    )?)
}

fn list(entries: &[Entry], out: &mut Out<'_>) -> Result<(), CliError> {
    if out.json {
        return Ok(out.value(&entries.iter().map(to_json).collect())?);
    }
    let rows = entries
        .iter()
        .map(|entry| {
            vec![
                entry.version.clone(),
                entry.platform.clone(),
                entry.size.to_string(),
                format!("{} %", entry.ring.percent),
                entry.ring.devices.join(" "),
                entry.sha256(),
            ]
        })
        .collect();
    let headings = [
        ("版本", "VERSION"),
        ("平台", "PLATFORM"),
        ("字节", "BYTES"),
        ("比例", "SHARE"),
        ("设备", "DEVICES"),
        ("SHA-256", "SHA-256"),
    ];
    Ok(out.table(&headings, rows)?)
}

fn to_json(entry: &Entry) -> Value {
    json!({
        "version": entry.version,
        "platform": entry.platform,
        "bytes": entry.size,
        "sha256": entry.sha256(),
        "percent": entry.ring.percent,
        "devices": entry.ring.devices,
    })
}

fn shelf(session: &Session) -> Shelf {
    Shelf::of(&session.config.data_dir)
}

fn note(session: &Session, action: &str, entry: &Entry) -> Result<(), CliError> {
    let object = format!("update:{}:{}", entry.version, entry.platform);
    let detail = format!("{} % {}", entry.ring.percent, entry.ring.devices.join(" "));
    let audit = session.audit(action, object, detail.trim());
    session.write_down(audit)
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let refused = |error: io::Error| CliError::Refused(format!("{}: {error}", file.display()));
    if fs::metadata(file).map_err(refused)?.len() > MAX_FILE {
        return Err(CliError::Refused(format!(
            "{}: too large for a package",
            file.display()
        )));
    }
    fs::read(file).map_err(refused)
}

fn write(file: &Path, bytes: &[u8], new: bool) -> Result<(), CliError> {
    let opened = if new {
        create_private(file)
    } else {
        open_private(file)
    };
    let written = opened.and_then(|mut file| {
        file.set_len(0)?;
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| CliError::Refused(format!("{}: {error}", file.display())))
}
