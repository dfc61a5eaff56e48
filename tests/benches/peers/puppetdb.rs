//! PuppetDB on a PostgreSQL of its own: Debian's package with settings in a folder that goes with it, told of PCs as
//! Puppet tells it.

use std::{
    fs,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_parse::clock::civil_day;
use deskwarden_proto::v1::{PartClass, facet::Kind};
use deskwarden_store::conformance::postgres::Postgres;
use deskwarden_tests::{
    ports,
    program::{self, Program, Stream},
    sim::pc::{SOURCES, SimPc},
    wait::eventually,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    peer::{Peer, Titles, When},
    post::request,
};

/// Its virtual machine takes most of a minute of CPU until it answers, and how long that is depends on what else runs.
const PATIENCE: Duration = Duration::from_secs(600);
/// Heap of Debian's package.
const HEAP: &str = "-Xmx192m";
const JSON: [(&str, &str); 1] = [("Content-Type", "application/json")];

/// A running one.
pub(crate) struct PuppetDb {
    server: Program,
    port: u16,
    place: Postgres,
    /// How much it had written when it was ready: until then it complains that it is not.
    written: usize,
    _folder: TempDir,
}

impl PuppetDb {
    /// Starts both and waits until it answers.
    pub(crate) fn start(shared_buffers: &str) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("deskwarden-puppetdb-")
            .tempdir()?;
        let (port, database) = (ports::free()?, ports::free()?);
        let settings = [
            format!("port={database}"),
            "listen_addresses=127.0.0.1".to_owned(),
            shared_buffers.to_owned(),
        ];
        let place = Postgres::apart(&settings).context("there is no PostgreSQL here")?;
        let mut administrator = place.raw();
        administrator.batch_execute("CREATE ROLE puppetdb LOGIN")?;
        // A database cannot be made together with something else.
        administrator.batch_execute("CREATE DATABASE puppetdb OWNER puppetdb")?;
        let address = format!("host=127.0.0.1 port={database} user=puppetdb dbname=puppetdb");
        program::run("psql", ["-q", "-d", &address, "-c", "CREATE EXTENSION pg_trgm"])?;

        let configuration = folder.path().join("conf.d");
        fs::create_dir(&configuration)?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(
            folder.path().join("logback.xml"),
            "<configuration><appender name=\"OUT\" class=\"ch.qos.logback.core.ConsoleAppender\"><encoder>\
             <pattern>%d %-5p [%c{2}] %m%n</pattern></encoder></appender>\
             <root level=\"warn\"><appender-ref ref=\"OUT\"/></root></configuration>",
        )?;
        fs::create_dir(folder.path().join("var"))?;
        fs::write(
            configuration.join("private.ini"),
            format!(
                "[global]\nvardir = {}\nlogging-config = {}\n\
                 [database]\nsubname = //127.0.0.1:{database}/puppetdb\nusername = puppetdb\npassword = none\n\
                 [jetty]\nhost = 127.0.0.1\nport = {port}\n\
                 [nrepl]\nenabled = false\n\
                 [puppetdb]\ndisable-update-checking = true\n",
                path("var"),
                path("logback.xml")
            ),
        )?;
        fs::copy("/etc/puppetdb/conf.d/auth.conf", configuration.join("auth.conf"))?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--", "java", HEAP])
            .arg("-Djava.security.egd=/dev/urandom")
            .args(["-cp", "/usr/share/puppetdb/puppetdb.jar", "clojure.main"])
            .args(["-m", "puppetlabs.puppetdb.core", "services", "--config"])
            .arg(&configuration)
            .args([
                "--bootstrap-config",
                "/etc/puppetdb/bootstrap.cfg",
                "--restart-file",
            ])
            .arg(folder.path().join("restart"))
            .current_dir(folder.path());
        let mut server = Program::start("puppetdb", &mut command)?;
        let ready = eventually("PuppetDB to answer", PATIENCE, || {
            ensure!(!server.is_over()?, "it ended");
            let said = request(port, "GET /status/v1/simple", &[], &[])?;
            Ok((said == b"running").then_some(()))
        });
        ready.with_context(|| server.log())?;
        Ok(Self {
            written: server.lines(Stream::Out).len(),
            server,
            port,
            place,
            _folder: folder,
        })
    }
}

impl Peer for PuppetDb {
    fn send(&self, pc: &SimPc, _when: When) -> Result<()> {
        let (name, now) = (pc.name(), now());
        let command = facts(pc, &now);
        let head = format!(
            "POST /pdb/cmd/v1?command=replace_facts&version=5&certname={name}&producer-timestamp={now}\
             &secondsToWaitForCompletion=60"
        );
        let said = request(self.port, &head, &JSON, &serde_json::to_vec(&command)?)?;
        let said: Value = serde_json::from_slice(&said)?;
        ensure!(
            said["processed"] == true && said["error"].is_null(),
            "PuppetDB did not take {name}: {said}"
        );
        Ok(())
    }

    fn titles(&self, pc: &SimPc) -> Result<Titles> {
        let head = format!("GET /pdb/query/v4/package-inventory/{}", pc.name());
        let rows: Vec<Value> = serde_json::from_slice(&request(self.port, &head, &[], &[])?)?;
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Ok(rows
            .iter()
            .map(|row| (text(row, "package_name"), text(row, "version")))
            .collect())
    }

    fn processes(&self) -> [u32; 2] {
        [self.server.id(), self.place.server().unwrap_or_default()]
    }

    fn is_sound(&self) -> Result<()> {
        let lines = self.server.lines(Stream::Out);
        let mut since = lines.iter().skip(self.written);
        // What it says of the rights of its user for reading is so in every installation with one user.
        let wrong = since.find(|line| line.contains(" ERROR ") && !line.contains("read-database"));
        ensure!(wrong.is_none(), "PuppetDB wrote of an error: {wrong:?}");
        Ok(())
    }
}

/// The command, as an agent of Puppet with the package inventory sends it.
fn facts(pc: &SimPc, now: &str) -> Value {
    let (mut values, mut packages) = (serde_json::Map::new(), Vec::new());
    let (mut parts, mut disks, mut users) = (Vec::new(), serde_json::Map::new(), Vec::new());
    for fact in SOURCES.into_iter().flat_map(|id| pc.facts(id)) {
        match fact.facet.kind {
            Some(Kind::Software(it)) => packages.push(json!([it.package, it.version, "dpkg"])),
            Some(Kind::Os(os)) => {
                let release = json!({"full": os.version});
                values.insert("hostname".to_owned(), os.hostname.into());
                values.insert("kernelrelease".to_owned(), os.kernel.into());
                values.insert(
                    "os".to_owned(),
                    json!({"name": os.name, "family": os.family, "architecture": os.architecture, "release": release}),
                );
            }
            Some(Kind::Part(part)) if part.class == i32::from(PartClass::Disk) => {
                let disk = json!({"model": part.model, "serial": part.serial, "size_bytes": part.size_bytes});
                disks.insert(part.position, disk);
            }
            Some(Kind::Part(part)) => parts.push(json!({
                "manufacturer": part.manufacturer, "model": part.model, "serial": part.serial,
                "position": part.position, "size_bytes": part.size_bytes,
            })),
            Some(Kind::Network(it)) => {
                let addresses: Vec<_> = it.addresses.iter().map(|address| &address.ip).collect();
                let interface = json!({"mac": it.mac, "bindings": addresses, "gateway": it.gateways.first()});
                values.insert(
                    "networking".to_owned(),
                    json!({"interfaces": {it.interface: interface}}),
                );
            }
            Some(Kind::Account(it)) => users.push(json!({
                "name": it.name, "administrator": it.administrator, "shell": it.shell,
            })),
            _ => {}
        }
    }
    values.insert("dmi".to_owned(), parts.into());
    values.insert("disks".to_owned(), disks.into());
    values.insert("users".to_owned(), users.into());
    json!({
        "certname": pc.name(), "environment": "production", "producer": "puppet.example", "producer_timestamp": now,
        "values": values, "package_inventory": packages,
    })
}

/// Later than every report before, as PuppetDB passes over what is older than what it has.
fn now() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let (seconds, ms) = (since.as_secs(), since.subsec_millis());
    let day = civil_day(i64::try_from(seconds / 86_400).unwrap_or_default());
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}
