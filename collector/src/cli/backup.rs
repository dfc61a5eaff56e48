//! `backup` and `restore`: a copy of everything that a collector is, and putting it in the place of one that is lost.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use deskwarden_domain::model::AuditEntry;
use serde_json::json;

use crate::{
    backup::{self, BackupError, Source},
    config::{Config, Reach, StoreUrl},
    places,
};

use super::{
    CliError, Common,
    out::Out,
    session::{self, ACTOR, now},
};

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// Folder in which backups lie; each gets a folder of its own
    #[arg(long, value_name = "FOLDER", required_unless_present = "verify")]
    to: Option<PathBuf>,
    /// Remove all backups in it but so many of the newest, once the new one is whole
    #[arg(long, value_name = "N", requires = "to", value_parser = clap::value_parser!(u16).range(1..))]
    keep: Option<u16>,
    /// Make none; read every file of this one and say whether it is whole
    #[arg(long, value_name = "BACKUP", conflicts_with = "to")]
    verify: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup: a folder that `backup` made
    backup: PathBuf,
}

fn refused(error: BackupError) -> CliError {
    match error {
        BackupError::Store(error) => error.into(),
        error => CliError::refused(error),
    }
}

pub(super) fn run(command: &Backup, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    if let Some(folder) = &command.verify {
        let manifest = backup::verify(folder).map_err(refused)?;
        let (files, made) = (manifest.files.len(), &manifest.made_at);
        return Ok(out.done(
            &json!({"whole": true, "backup": folder, "manifest": manifest}),
            &format!("备份完整：{files} 个文件，制作于 {made}。"),
            &format!("The backup is whole: {files} files, made at {made}."),
        )?);
    }
    let Some(folder) = &command.to else {
        return Err(CliError::refused("--to names no folder"));
    };
    let config = session::config(common)?;
    if !config.data_dir.is_dir() {
        return Err(CliError::Refused(format!(
            "there is no collector in {}: nothing to back up",
            config.data_dir.display()
        )));
    }
    // A folder's own configuration lies in it and is copied with it.
    let installed = places::default_file();
    let file = match (&common.config, &common.data) {
        (Some(file), _) => Some(file.as_path()),
        (None, Some(_)) => None,
        (None, None) => Some(installed.as_path()),
    };
    let source = Source {
        data_dir: &config.data_dir,
        store: &config.store,
        config: file,
    };
    let made = backup::make(source, folder, now()).map_err(refused)?;
    if let Some(mark) = &config.backup_mark {
        backup::mark(mark, &made).map_err(|error| {
            CliError::Refused(format!("the backup {} is whole, but {error}", made.display()))
        })?;
    }
    let removed = match command.keep {
        Some(keep) => backup::prune(folder, keep.into()).map_err(refused)?,
        None => Vec::new(),
    };
    let shown = made.display();
    noted(config.store.reveal(), "backup.make", &made)?;
    Ok(out.done(
        &json!({"backup": made, "removed": removed}),
        &format!("备份已完成：{shown}。其中有私钥，请妥善保管。"),
        &format!("The backup is done: {shown}. It holds private keys: keep it where only you get at it."),
    )?)
}

pub(super) fn restore(command: &Restore, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    let config = restored_config(&command.backup, common)?;
    let manifest = backup::restore(&command.backup, &config.data_dir, &config.store).map_err(refused)?;
    noted(config.store.reveal(), "backup.restore", &command.backup)?;
    let (folder, made) = (config.data_dir.display(), &manifest.made_at);
    Ok(out.done(
        &json!({"restored": config.data_dir, "manifest": manifest}),
        &format!("已恢复 {made} 的备份到 {folder}。启动采集端即可；其后上报的内容由各代理重新发送。"),
        &format!(
            "The backup of {made} was restored into {folder}. Start the collector: what agents reported since then, \
             they send again."
        ),
    )?)
}

/// The configuration that the restored collector will have. A folder without any gets the one that the backup brings:
/// then the store belongs where that one says.
fn restored_config(backup: &Path, common: &Common) -> Result<Config, CliError> {
    let mut config = session::config(common)?;
    let from = backup.join("data");
    let kept = from.join(places::FILE);
    let is_told = common.config.is_some() || common.store.is_some() || common.data.is_none();
    if is_told || config.data_dir.join(places::FILE).exists() || !kept.exists() {
        return Ok(config);
    }
    let unread = |error: std::io::Error| CliError::Refused(format!("{}: {error}", kept.display()));
    let text = fs::read_to_string(&kept).map_err(unread)?;
    let name = kept.display().to_string();
    let brought = Config::parse(&text, &name, &from, &config.data_dir, Reach::Loopback)?;
    let file = deskwarden_store::file_of(brought.store.reveal())?;
    // A file that is named from the data folder on is in the new one.
    config.store = match file.as_deref().and_then(|file| file.strip_prefix(&from).ok()) {
        Some(name) => StoreUrl::parse(&format!("sqlite:{}", config.data_dir.join(name).display()))
            .map_err(|fault| CliError::Refused(fault.to_string()))?,
        None => brought.store,
    };
    Ok(config)
}

/// Notes in the audit log what was done; it is done, whatever comes of this.
fn noted(store: &str, action: &str, backup: &Path) -> Result<(), CliError> {
    let entry = AuditEntry {
        at: now(),
        actor: ACTOR.to_owned(),
        action: action.to_owned(),
        object: format!("backup:{}", backup.display()),
        detail: "{}".to_owned(),
    };
    let unsaid = |error: &dyn std::fmt::Display| {
        CliError::Refused(format!(
            "the backup {} is whole and in its place, but the audit log does not say so: {error}",
            backup.display()
        ))
    };
    let store = deskwarden_store::open(store).map_err(|error| unsaid(&error))?;
    store.audit(&entry).map_err(|error| unsaid(&error))
}
