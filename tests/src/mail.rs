//! A real mail server (aiosmtpd) that keeps what it is sent, decoded by Python's own mail library.

use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::program::{Program, Stream};

/// The distribution's Python: the one that sees the distribution's aiosmtpd.
const PYTHON: &str = "/usr/bin/python3";

/// The mail server.
#[derive(Debug)]
pub struct MailServer {
    program: Program,
    port: u16,
}

impl MailServer {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When Python or aiosmtpd is missing.
    pub fn start() -> Result<Self> {
        let mut program = Program::start(
            "mail",
            Command::new(PYTHON).args(["-c", include_str!("mail_server.py")]),
        )?;
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

    /// Everything that came so far: `from`, `to`, `subject`, `headers`, `body`.
    pub fn messages(&self) -> Vec<Value> {
        let lines = self.program.lines(Stream::Out);
        lines
            .iter()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|line: &Value| line["to"].is_array())
            .collect()
    }
}
