//! The real agent on a PC made of files: its own state folder, told the collector's address and pin.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    collector::Collector,
    netns::Netns,
    pc::Pc,
    program::{self, Program},
};

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    program: Program,
    state: TempDir,
}

impl Agent {
    /// Enrols with a token of one use and reports about a PC.
    ///
    /// # Errors
    /// When the token or the program is no good.
    pub fn start(collector: &Collector, pc: &Pc) -> Result<Self> {
        let command = Command::new(program::product("deskwarden-agent")?);
        Self::start_as(command, collector, pc)
    }

    /// The same inside a network namespace: the PC's files, the namespace's network.
    ///
    /// # Errors
    /// When the token or the program is no good.
    pub fn start_in(netns: &Netns, collector: &Collector, pc: &Pc) -> Result<Self> {
        let command = netns.command(program::product("deskwarden-agent")?);
        Self::start_as(command, collector, pc)
    }

    fn start_as(mut command: Command, collector: &Collector, pc: &Pc) -> Result<Self> {
        let state = tempfile::Builder::new().prefix("deskwarden-agent-").tempdir()?;
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700))?;
        let token = collector.token_file(state.path())?;
        command.args([
            "run",
            "--collector",
            collector.agents()?,
            "--pin",
            collector.pin()?,
        ]);
        command
            .arg("--token-file")
            .arg(token)
            .arg("--state-dir")
            .arg(state.path());
        command.arg("--root").arg(pc.path()).args(["--log", "json"]);
        command.env("RUST_BACKTRACE", "1");
        Ok(Self {
            program: Program::start("agent", &mut command)?,
            state,
        })
    }

    /// The running program.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Where it keeps its identity and its outbox.
    pub fn state(&self) -> &std::path::Path {
        self.state.path()
    }
}

/// What the agent sees of one section of a PC, as `collect --json` prints it.
///
/// # Errors
/// When the program fails.
pub fn collect(pc: &Pc, section: &str) -> Result<Value> {
    let mut command = Command::new(program::product("deskwarden-agent")?);
    command
        .args(["collect", "--json", "--section", section, "--root"])
        .arg(pc.path());
    Ok(serde_json::from_str(&program::finish(&mut command)?)?)
}
