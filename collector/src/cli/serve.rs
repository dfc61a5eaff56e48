//! `serve`: the collector itself. Standard output carries events as JSON lines, the first of them when it
//! is ready; the log goes to standard error.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use deskwarden_system::Lines;
use serde_json::json;
use tracing_subscriber::{EnvFilter, fmt};

use crate::{app, supervise};

use super::{CliError, Common, LogFormat, out::Out, session};

/// Variable that chooses what is logged, as `info,deskwarden_collector=debug`.
const FILTER: &str = "DESKWARDEN_LOG";

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address of the agents' port; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    agents_listen: Option<SocketAddr>,
    /// Address of the dashboard; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS")]
    dashboard_listen: Option<SocketAddr>,
    /// Watched folder of rule files
    #[arg(long, value_name = "DIR")]
    rules_dir: Option<PathBuf>,
}

pub(super) fn run(serve: Serve, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut config = session::config(common)?;
    config.agents.listen = serve.agents_listen.unwrap_or(config.agents.listen);
    config.dashboard.listener.listen = serve.dashboard_listen.unwrap_or(config.dashboard.listener.listen);
    config.rules_dir = serve.rules_dir.unwrap_or(config.rules_dir);
    log(common.log);
    app::run(config, supervise::ends, |ready| {
        let admin = ready
            .admin
            .as_ref()
            .map(|secret| json!({"user": crate::people::FIRST, "one_time_password": secret.reveal()}));
        out.event(&json!({
            "event": "ready",
            "agents": ready.agents,
            "dashboard": ready.dashboard,
            "pin": ready.pin,
            "admin": admin,
        }))
    })
    .map_err(CliError::Serve)
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt().with_env_filter(filter).with_ansi(false);
    // A second start within one process (tests) keeps the first log.
    match format {
        LogFormat::Text => log.with_writer(Lines::text()).try_init().ok(),
        LogFormat::Json => log
            .with_writer(Lines::json())
            .json()
            .flatten_event(true)
            .try_init()
            .ok(),
    };
}
