//! A real mail server (aiosmtpd) that keeps what it is sent, decoded by Python's own mail library.

use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::{
    authority::Authority,
    program::{Program, Stream},
};

/// The distribution's Python: the one that sees the distribution's aiosmtpd.
const PYTHON: &str = "/usr/bin/python3";

/// The mail server.
#[derive(Debug)]
pub struct MailServer {
    program: Program,
    port: u16,
}

impl MailServer {
    /// Starts it on a free port, without encryption.
    ///
    /// # Errors
    /// When Python or aiosmtpd is missing.
    pub fn start() -> Result<Self> {
        Self::run(&mut command())
    }

    /// Starts one that speaks only encrypted (`tls` as the collector names it) and takes mail only of one user.
    ///
    /// # Errors
    /// When Python or aiosmtpd is missing.
    pub fn guarded(tls: &str, authority: &Authority, user: &str, password: &str) -> Result<Self> {
        let mut command = command();
        command.arg(tls).arg(authority.certificate()).arg(authority.key());
        Self::run(command.args([user, password]))
    }

    fn run(command: &mut Command) -> Result<Self> {
        let mut program = Program::start("mail", command)?;
        let port = program.line("port", |line| {
            let line: Value = serde_json::from_str(line).ok()?;
            u16::try_from(line["port"].as_u64()?).ok()
        })?;
        Ok(Self { program, port })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything that came so far: `from`, `to`, `subject`, `headers`, `names` of headers as often as they came, `types`
    /// of the parts, `body`, whether it was `encrypted`, and the `user`.
    pub fn messages(&self) -> Vec<Value> {
        let lines = self.program.lines(Stream::Out);
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["to"].is_array())
            .collect()
    }
}

fn command() -> Command {
    let mut command = Command::new(PYTHON);
    command.args(["-c", include_str!("mail_server.py")]);
    command
}
