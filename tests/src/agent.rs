//! The real agent on a PC made of files: its own state folder, told the collector's address and pin.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    collector::Collector,
    netns::Netns,
    pc::Pc,
    program::{self, Program},
    strace::Strace,
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
        Self::start_as(command, collector, pc.path())
    }

    /// The same with a clock that is off by `shift`, as [`program::at`] takes it.
    ///
    /// # Errors
    /// When the token or the program is no good.
    pub fn start_at(shift: &str, collector: &Collector, pc: &Pc) -> Result<Self> {
        Self::start_as(program::at(shift, "deskwarden-agent")?, collector, pc.path())
    }

    /// Reports about this machine as it looks from inside a network namespace: only of the running system is the
    /// kernel asked for its network.
    ///
    /// # Errors
    /// When the token or the program is no good.
    pub fn start_in(netns: &Netns, collector: &Collector) -> Result<Self> {
        let command = netns.command(program::product("deskwarden-agent")?);
        Self::start_as(command, collector, Path::new("/"))
    }

    /// Reports about a root with a program that is started another way.
    ///
    /// # Errors
    /// When the token or the program is no good.
    pub fn start_as(mut command: Command, collector: &Collector, root: &Path) -> Result<Self> {
        let state = tempfile::Builder::new().prefix("deskwarden-agent-").tempdir()?;
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700))?;
        let token = collector.token_file(state.path())?;
        command.arg("run").arg("--token-file").arg(token);
        let program = launch(command, collector, root, state.path())?;
        Ok(Self { program, state })
    }

    /// Runs a command in a state folder of its own, as somebody does with what a page says.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_with(command: Command, collector: &Collector, root: &Path, state: TempDir) -> Result<Self> {
        let program = launch(command, collector, root, state.path())?;
        Ok(Self { program, state })
    }

    /// Runs on a copy of another agent's state, as on the image or the backup of a PC.
    ///
    /// # Errors
    /// When it does not start.
    pub fn on_copy(collector: &Collector, pc: &Pc, state: TempDir) -> Result<Self> {
        let mut command = Command::new(program::product("deskwarden-agent")?);
        command.arg("run");
        let program = launch(command, collector, pc.path(), state.path())?;
        Ok(Self { program, state })
    }

    /// A copy of its state as it is on the disk now.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy(&self) -> Result<TempDir> {
        let copy = tempfile::Builder::new().prefix("deskwarden-copy-").tempdir()?;
        fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o700))?;
        let all = format!("{}/.", self.state.path().display());
        program::run("cp", ["-a", &all, &copy.path().display().to_string()])?;
        Ok(copy)
    }

    /// Puts a copy of its state in the place of what is there, as restoring a disk does. It must not run.
    pub fn restore(&mut self, copy: TempDir) {
        self.state = copy;
    }

    /// The device that it is, as its state says.
    ///
    /// # Errors
    /// When it has no identity.
    pub fn device(&self) -> Result<String> {
        Ok(fs::read_to_string(self.state.path().join("identity/device"))?
            .trim()
            .to_owned())
    }

    /// Starts the program again on the state that it left.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self, collector: &Collector, pc: &Pc) -> Result<()> {
        self.restart_under(None, collector, pc)
    }

    /// The same, traced.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_under(&mut self, tracer: Option<&Strace>, collector: &Collector, pc: &Pc) -> Result<()> {
        let product = program::product("deskwarden-agent")?;
        let command = match tracer {
            Some(tracer) => tracer.command(&product),
            None => Command::new(product),
        };
        self.restart_by(command, collector, pc)
    }

    /// The same by a command that ends in the program.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_by(&mut self, mut command: Command, collector: &Collector, pc: &Pc) -> Result<()> {
        command.arg("run");
        self.program = launch(command, collector, pc.path(), self.state.path())?;
        Ok(())
    }

    /// The last lines that it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// The running program.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// Where it keeps its identity and its outbox.
    pub fn state(&self) -> &Path {
        self.state.path()
    }
}

fn launch(mut command: Command, collector: &Collector, root: &Path, state: &Path) -> Result<Program> {
    command.args([
        "--collector",
        collector.agents()?,
        "--pin",
        collector.pin()?,
        "--log",
        "json",
    ]);
    command
        .arg("--state-dir")
        .arg(state)
        .arg("--root")
        .arg(root)
        .env("RUST_BACKTRACE", "1");
    Program::start("agent", &mut command)
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
