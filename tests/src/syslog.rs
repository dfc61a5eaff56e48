//! A real SIEM's front door (rsyslog): takes syslog over TLS and by UDP, reads it by its own parser, and says as JSON
//! what it understood.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{
    authority::Authority,
    ports,
    program::Program,
    wait::{PATIENCE, eventually},
};

/// The receiver.
#[derive(Debug)]
pub struct Syslog {
    // Ended before its folder goes.
    program: Program,
    tls: u16,
    udp: u16,
    got: PathBuf,
}

impl Syslog {
    /// Starts it with the certificate of an authority; its files are kept beside that.
    ///
    /// # Errors
    /// When rsyslog or its TLS is missing.
    pub fn start(authority: &Authority) -> Result<Self> {
        // rsyslog says nowhere which port the system chose for it.
        let (tls, udp) = (ports::free()?, ports::free()?);
        let got = authority.folder().join("got.json");
        let config = authority.folder().join("rsyslog.conf");
        let [ca, certificate, key, work] = [
            authority.ca(),
            authority.certificate(),
            authority.key(),
            authority.folder().to_owned(),
        ]
        .map(|path| path.display().to_string());
        fs::write(
            &config,
            format!(
                r#"global(workDirectory="{work}" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriverCAFile="{ca}" defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imudp")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="understood" type="string" string="%jsonmesg%\n")
ruleset(name="keep") {{ action(type="omfile" file="{got}" template="understood") }}
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="keep")
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="keep")
"#,
                got = got.display()
            ),
        )?;
        let mut command = Command::new("rsyslogd");
        command.arg("-n").arg("-f").arg(&config);
        command.arg("-i").arg(authority.folder().join("rsyslog.pid"));
        let mut program = Program::start("rsyslog", &mut command)?;
        // A try to connect would be a message that is none.
        let listens = |table: &str, port: u16, state: &str| -> Result<bool> {
            let line = format!("0100007F:{port:04X} 00000000:0000 {state}");
            Ok(fs::read_to_string(format!("/proc/net/{table}"))?.contains(&line))
        };
        eventually("rsyslog on its ports", PATIENCE, || {
            anyhow::ensure!(!program.is_over()?, "it ended:\n{}", program.log());
            Ok((listens("tcp", tls, "0A")? && listens("udp", udp, "07")?).then_some(()))
        })?;
        Ok(Self {
            program,
            tls,
            udp,
            got,
        })
    }

    /// Port of syslog over TLS.
    pub fn tls(&self) -> u16 {
        self.tls
    }

    /// Port of syslog by UDP.
    pub fn udp(&self) -> u16 {
        self.udp
    }

    /// What it understood so far: `syslogfacility-text`, `syslogseverity-text`, `programname`, `msgid`,
    /// `timereported`, `msg`, `inputname` and more.
    ///
    /// # Errors
    /// When it wrote something that is no JSON.
    pub fn messages(&self) -> Result<Vec<Value>> {
        let text = fs::read_to_string(&self.got).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_str(line).with_context(|| line.to_owned()))
            .collect()
    }

    /// Its last words, for a failure.
    pub fn log(&self) -> String {
        self.program.log()
    }
}
