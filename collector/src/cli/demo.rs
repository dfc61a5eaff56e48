//! `demo`: simulated PCs with some weeks of history, to look around in.

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use crate::{
    app,
    demo::{self, MOST, Plan},
    rules_dir::Importer,
};

use super::{
    CliError,
    out::Out,
    session::{Session, now},
};

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Simulated PCs
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    pcs: u32,
    /// Days of history
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(7..=180))]
    days: u32,
    /// The same number makes the same office
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

pub(super) fn run(command: &Demo, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let Demo { pcs, days, seed } = *command;
    let (config, at) = (&session.config, now());
    let importer = Importer::new(
        Arc::clone(&session.store),
        config.rules_dir.clone(),
        &config.data_dir,
    );
    importer.import_built_in(at).map_err(CliError::refused)?;
    // Simulated PCs count as enrolled, so that a collector which starts later looks for the authority of theirs.
    app::authority(config, session.store.as_ref(), at).map_err(CliError::refused)?;
    let made = demo::populate(&session.store, Plan { pcs, days, seed }, at).map_err(CliError::refused)?;
    Ok(out.done(
        &json!({"pcs": made.pcs, "reports": made.reports, "findings": made.findings}),
        &format!(
            "已生成 {} 台模拟电脑（编号以 DEMO- 开头）、{} 份上报、{} 个问题。请勿用于正式数据。",
            made.pcs, made.reports, made.findings
        ),
        &format!(
            "Made {} simulated PCs (their numbers begin with DEMO-), {} reports and {} findings. Not for a store that is in use.",
            made.pcs, made.reports, made.findings
        ),
    )?)
}
