//! What most commands need: the configuration, and the store beside a collector that may be running.

use std::{fs, sync::Arc};

use deskwarden_domain::{
    model::{AuditEntry, Millis},
    port::{Batch, Op, Paging, Store},
};

use crate::{
    clock,
    config::{Config, StoreUrl},
    places,
};

use super::{CliError, Common};

/// Who acts, in the audit log.
pub(super) const ACTOR: &str = "cli";
/// Rows asked for at once.
const ROWS: u32 = 500;

/// An opened store.
pub(super) struct Session {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
}

impl Session {
    /// Opens the store of an existing collector.
    pub(super) fn open(common: &Common) -> Result<Self, CliError> {
        let config = config(common)?;
        if !config.data_dir.is_dir() {
            let dir = config.data_dir.display();
            return Err(CliError::Refused(format!(
                "there is no collector in {dir}; start one with `deskwarden-collector serve --data {dir}`"
            )));
        }
        let store = deskwarden_store::open(config.store.reveal())?;
        Ok(Self { config, store })
    }

    /// Opens the store only if it is there: what looks at a database must not make an empty one and find it whole.
    pub(super) fn of_existing(common: &Common) -> Result<Self, CliError> {
        let location = config(common)?.store;
        if let Some(file) = deskwarden_store::file_of(location.reveal())? {
            let place = file.display();
            let wrong = match fs::metadata(&file) {
                Ok(found) if found.len() > 0 => None,
                Ok(_) => Some(format!("{place} is empty: it is no database of a collector")),
                Err(error) => Some(format!("{place} cannot be opened: {error}")),
            };
            if let Some(wrong) = wrong {
                return Err(CliError::Refused(format!(
                    "{wrong}; name the right one (--store), or restore a backup"
                )));
            }
        }
        Self::open(common)
    }

    /// Writes a line of the audit log about something that is not in the store.
    pub(super) fn note(&self, action: &str) -> Result<(), CliError> {
        self.write_down(self.audit(action, "ca".to_owned(), ""))
    }

    /// Writes such a line.
    pub(super) fn write_down(&self, audit: AuditEntry) -> Result<(), CliError> {
        let batch = Batch {
            ops: vec![Op::Audit(audit)],
            ..Batch::default()
        };
        self.store.apply(&batch)?;
        Ok(())
    }

    /// A line of the audit log.
    pub(super) fn audit(&self, action: &str, object: String, detail: impl Into<String>) -> AuditEntry {
        AuditEntry {
            at: now(),
            actor: ACTOR.to_owned(),
            action: action.to_owned(),
            object,
            detail: detail.into(),
        }
    }
}

/// The configuration that the options name.
pub(super) fn config(common: &Common) -> Result<Config, CliError> {
    let mut config = match (&common.config, &common.data) {
        (Some(file), _) => Config::read(file)?,
        (None, Some(data)) => Config::of_data(data)?,
        (None, None) => Config::read(&places::default_file())?,
    };
    if let Some(url) = &common.store {
        config.store =
            StoreUrl::parse(url).map_err(|fault| CliError::Refused(format!("--store: {fault}")))?;
    }
    Ok(config)
}

/// The time of a command.
pub(super) fn now() -> Millis {
    clock::now()
}

/// All rows of a paged list.
pub(super) fn all<T>(
    mut page: impl FnMut(Paging) -> deskwarden_domain::port::StoreResult<deskwarden_domain::port::Page<T>>,
) -> Result<Vec<T>, CliError> {
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
