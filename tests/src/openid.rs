//! A real OpenID provider (npm's certified `oidc-provider`): fetched from npm when a test needs it. It is no part of the
//! project and no dependency of it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::{authority::Authority, https::Client, need, npm, ports, program::Program};

/// The version that the tests are written for.
const VERSION: &str = "9.13.3";
/// What the collector is called there, and its secret.
pub const CLIENT: &str = "deskwarden";
/// See [`CLIENT`].
pub const SECRET: &str = "ein-geheimnis+mit/zeichen=2026";

/// The provider.
#[derive(Debug)]
pub struct Provider {
    program: Program,
    port: u16,
    ca: PathBuf,
}

impl Provider {
    /// Starts one that sends browsers back to an address; `None` is noted as not run.
    ///
    /// # Errors
    /// When it is there and does not start.
    pub fn start(test: &str, authority: &Authority, back: &str) -> Result<Option<Self>> {
        if !need::program(test, "npm") || !need::program(test, "node") {
            return Ok(None);
        }
        match npm::fetched("oidc-provider", VERSION) {
            Ok(folder) => Self::run(&folder, authority, back).map(Some),
            Err(error) => {
                let why = format!("oidc-provider {VERSION} cannot be fetched from npm: {error:#}");
                need::missing(test, why.lines().next().unwrap_or_default());
                Ok(None)
            }
        }
    }

    fn run(folder: &Path, authority: &Authority, back: &str) -> Result<Self> {
        let script = authority.folder().join("openid.mjs");
        fs::write(&script, include_str!("openid.mjs"))?;
        // Modules are looked for beside the script.
        std::os::unix::fs::symlink(
            folder.join("node_modules"),
            authority.folder().join("node_modules"),
        )?;
        let port = ports::free()?;
        let mut command = Command::new("node");
        command
            .arg(&script)
            .args([&port.to_string(), back, CLIENT, SECRET])
            .arg(authority.certificate())
            .arg(authority.key());
        let mut program = Program::start("openid", &mut command)?;
        program.line("ready", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            (line["ready"] == true).then_some(())
        })?;
        Ok(Self {
            program,
            port,
            ca: authority.ca(),
        })
    }

    /// Its address.
    pub fn issuer(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Who signs in from now on, with which groups.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn person(&self, subject: &str, name: &str, groups: &str) -> Result<()> {
        self.tell(&format!("/test/person?sub={subject}&name={name}&groups={groups}"))
    }

    /// What is wrong with its tokens from now on: `nothing`, or a word that the script knows.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn wrong(&self, what: &str) -> Result<()> {
        self.tell(&format!("/test/wrong?what={what}"))
    }

    /// Ends it: nobody answers any more.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.program.stop().map(drop)
    }

    fn tell(&self, path: &str) -> Result<()> {
        let answer = Client::new(&self.issuer(), &self.ca)?.request("GET", path, &[], "")?;
        ensure!(answer.status == 204, "{path} answered {}", answer.status);
        Ok(())
    }
}
