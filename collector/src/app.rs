//! Wiring: makes the parts, hands them to each other, and starts their tasks. Decides nothing.

use std::sync::Arc;

use anyhow::Context as _;

use crate::{
    clock,
    config::Config,
    data::DataDir,
    people::{self, OneTime},
    rules_dir::Importer,
};

/// What a started collector tells whoever started it.
pub struct Ready {
    /// Address of the agents' port.
    pub agents: String,
    /// Address of the dashboard.
    pub dashboard: String,
    /// Pin of the certificate authority, for the install bundle.
    pub pin: String,
    /// The first administrator's password, at the very first start.
    pub admin: Option<OneTime>,
}

/// Runs a collector until it is asked to stop or a part of it fails.
pub fn run(config: Config, ready: impl FnOnce(&Ready) -> std::io::Result<()>) -> anyhow::Result<()> {
    let _data = DataDir::take(&config.data_dir)?;
    let store = deskwarden_store::open(config.store.reveal()).context("opening the store")?;
    let importer = Arc::new(Importer::new(
        Arc::clone(&store),
        config.rules_dir.clone(),
        &config.data_dir,
    ));
    importer.import_built_in(clock::now())?;
    importer.import_folder(clock::now())?;
    let admin = people::first_administrator(store.as_ref(), clock::now())?;
    let state = Ready {
        agents: String::new(),
        dashboard: String::new(),
        pin: String::new(),
        admin,
    };
    ready(&state)?;
    Ok(())
}
