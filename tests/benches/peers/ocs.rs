//! OCS Inventory: Debian's communication server under an Apache of its own, on a MariaDB of its own.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use deskwarden_tests::{
    ports,
    program::{self, Program},
    sim::pc::SimPc,
    wait::eventually,
};
use tempfile::TempDir;

use crate::{
    peer::{Peer, SENDERS, Titles, When},
    post::request,
    xml,
};

const PATIENCE: Duration = Duration::from_secs(120);
/// Tables as the pages of OCS install them, and their updates.
const TABLES: &str = "/usr/share/ocsinventory-reports/files";
/// The first update that is not in them.
const FIRST_UPDATE: u32 = 7040;
/// The last that Debian's server understands: the next takes a column away that it reads.
const LAST_UNDERSTOOD: u32 = 7044;
/// Settings of Debian's package.
const SETTINGS: &str = "/etc/apache2/conf-available/ocsinventory-server.conf";
const MODULES: [&str; 9] = [
    "mpm_prefork",
    "authz_core",
    "authz_host",
    "authz_user",
    "authn_core",
    "authn_file",
    "auth_basic",
    "access_compat",
    "perl",
];
const HEADERS: [(&str, &str); 2] = [
    ("Content-Type", "application/x-compressed"),
    ("User-Agent", "OCS-NG_unified_unix_agent_v2.10.0"),
];

/// Which tables it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// The newest that its server understands.
    OfItsServer,
    /// What its pages install.
    AsInstalled,
}

/// A running one.
pub(crate) struct Ocs {
    apache: Program,
    database: Program,
    port: u16,
    folder: TempDir,
}

impl Ocs {
    /// Starts both and waits until it answers.
    pub(crate) fn start(schema: Schema) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("deskwarden-ocs-").tempdir()?;
        let root = folder.path();
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let (port, tables) = (ports::free()?, ports::free()?);
        let database = mariadb(root, tables)?;
        install(root, schema)?;
        let apache = apache(root, port, tables)?;
        let mut ocs = Self {
            apache,
            database,
            port,
            folder,
        };
        let ready = eventually("OCS Inventory to answer", PATIENCE, || {
            ensure!(!ocs.apache.is_over()?, "Apache ended");
            let answer = ocs.ask(&xml::prolog(&SimPc::new(0, 99_999)))?;
            Ok(answer.contains("SEND").then_some(()))
        });
        ready.with_context(|| format!("{}{}", ocs.apache.log(), ocs.errors()))?;
        Ok(ocs)
    }

    /// One request, in the way of its agents.
    fn ask(&self, text: &str) -> Result<String> {
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text.as_bytes())?;
        let answer = request(self.port, "POST /ocsinventory", &HEADERS, &packed.finish()?)?;
        let mut said = String::new();
        flate2::read::ZlibDecoder::new(answer.as_slice()).read_to_string(&mut said)?;
        Ok(said)
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("log/error.log")).unwrap_or_default()
    }
}

impl Peer for Ocs {
    fn send(&self, pc: &SimPc, when: When) -> Result<()> {
        let wanted = self.ask(&xml::prolog(pc))?;
        ensure!(
            wanted.contains("<RESPONSE>SEND</RESPONSE>"),
            "OCS wants nothing: {wanted}"
        );
        let taken = self.ask(&xml::inventory(pc, when))?;
        ensure!(
            taken.contains("ACCOUNT_UPDATE"),
            "OCS did not take {}: {taken}",
            pc.name()
        );
        Ok(())
    }

    fn titles(&self, pc: &SimPc) -> Result<Titles> {
        let query = format!(
            "SELECT n.NAME, v.VERSION FROM hardware h JOIN software s ON s.HARDWARE_ID = h.ID \
             JOIN software_name n ON n.ID = s.NAME_ID JOIN software_version v ON v.ID = s.VERSION_ID \
             WHERE h.DEVICEID = '{}'",
            xml::device(pc)
        );
        let rows = program::finish(client(self.folder.path()).args(["ocsweb", "-N", "-B", "-e", &query]))?;
        let rows = rows.lines().filter_map(|line| line.split_once('\t'));
        Ok(rows
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect())
    }

    /// It stores all titles of a report in one transaction. Of two reports at a time neither sees a title, version or
    /// publisher that the other has just added, and what refers to it is left out; or they end in a deadlock, and all that
    /// is new of a PC is undone, even the PC. Its server goes on and answers as if nothing had happened.
    fn senders(&self) -> usize {
        1
    }

    fn processes(&self) -> [u32; 2] {
        [self.apache.id(), self.database.id()]
    }

    fn is_sound(&self) -> Result<()> {
        let log = self.errors();
        let wrong = log.lines().find(|line| line.contains("DBD::"));
        ensure!(wrong.is_none(), "OCS wrote of an error: {wrong:?}");
        Ok(())
    }
}

impl Drop for Ocs {
    fn drop(&mut self) {
        // Its children would outlive an Apache that is only killed.
        self.apache.stop().ok();
    }
}

fn mariadb(root: &Path, port: u16) -> Result<Program> {
    let path = |name: &str| root.join(name).display().to_string();
    for name in ["data", "tmp", "log"] {
        fs::create_dir(root.join(name))?;
    }
    let mut common = vec![
        format!("--datadir={}", path("data")),
        format!("--tmpdir={}", path("tmp")),
    ];
    if is_root() {
        common.push("--user=root".to_owned());
    }
    let mut install = Command::new("mariadb-install-db");
    install.args([
        "--no-defaults",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    ]);
    program::finish(install.args(&common))?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "mariadbd", "--no-defaults"])
        .args(&common)
        .arg(format!("--socket={}", path("socket")))
        .arg(format!("--pid-file={}", path("pid")))
        .arg("--bind-address=127.0.0.1")
        .arg(format!("--port={port}"));
    let server = Program::start("mariadbd", &mut command)?;
    let ready = eventually("MariaDB to answer", PATIENCE, || {
        program::finish(client(root).args(["-e", "SELECT 1"]))?;
        Ok(Some(()))
    });
    ready.with_context(|| server.log())?;
    Ok(server)
}

/// The database and its user, as the pages of OCS make them.
fn install(root: &Path, schema: Schema) -> Result<()> {
    let made = "CREATE DATABASE ocsweb CHARACTER SET utf8 COLLATE utf8_bin; \
        CREATE USER ocs@'127.0.0.1' IDENTIFIED BY 'ocs'; CREATE USER ocs@localhost IDENTIFIED BY 'ocs'; \
        GRANT ALL ON ocsweb.* TO ocs@'127.0.0.1'; GRANT ALL ON ocsweb.* TO ocs@localhost";
    program::finish(client(root).args(["-e", made]))?;
    let files = Path::new(TABLES);
    let mut scripts = vec![files.join("ocsbase_new.sql")];
    for number in FIRST_UPDATE.. {
        let script = files.join(format!("update/{number}.sql"));
        if !script.exists() || (schema == Schema::OfItsServer && number > LAST_UNDERSTOOD) {
            break;
        }
        scripts.push(script);
    }
    for script in scripts {
        let mut command = client(root);
        // Later updates take away tables that new installations never had; the pages pass over that too.
        command
            .args(["--force", "ocsweb"])
            .stdin(fs::File::open(&script)?);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status()?;
        ensure!(
            status.success() || schema == Schema::AsInstalled,
            "{} failed",
            script.display()
        );
    }
    Ok(())
}

fn apache(root: &Path, port: u16, tables: u16) -> Result<Program> {
    let here = root.display();
    let settings = fs::read_to_string(SETTINGS).with_context(|| format!("{SETTINGS} cannot be read"))?;
    let settings = settings
        .replace("OCS_DB_HOST localhost", "OCS_DB_HOST 127.0.0.1")
        .replace("OCS_DB_PORT 3306", &format!("OCS_DB_PORT {tables}"))
        .replace("/var/log/ocsinventory-server/", &format!("{here}/log/"));
    fs::write(root.join("ocs.conf"), settings)?;
    let mut own = format!(
        "ServerName localhost\nServerRoot {here}\nPidFile {here}/httpd.pid\nDefaultRuntimeDir {here}\n\
         Mutex file:{here} default\nListen 127.0.0.1:{port}\nErrorLog {here}/log/error.log\n"
    );
    for module in MODULES {
        own.push_str(&format!(
            "LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n"
        ));
    }
    if is_root() {
        own.push_str("User www-data\nGroup www-data\n");
        let (user, group) = www_data()?;
        chown(root.join("log"), Some(user), Some(group))?;
    }
    own.push_str(&format!(
        "StartServers {SENDERS}\nMinSpareServers 1\nMaxSpareServers {SENDERS}\nMaxRequestWorkers {SENDERS}\n\
         Include {here}/ocs.conf\n"
    ));
    fs::write(root.join("httpd.conf"), own)?;
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "--", "apache2", "-DFOREGROUND", "-f"])
        .arg(root.join("httpd.conf"));
    // At its end it tells its whole process group to end.
    command.process_group(0);
    Program::start("apache2", &mut command)
}

fn client(root: &Path) -> Command {
    let mut command = Command::new("mariadb");
    command
        .arg("--no-defaults")
        .arg(format!("--socket={}", root.join("socket").display()))
        .arg("--user=root");
    command
}

fn www_data() -> Result<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("www-data:"));
    let mut fields = line.context("there is no user www-data")?.split(':').skip(2);
    let mut number = || anyhow::Ok(fields.next().context("a line of passwd is cut off")?.parse()?);
    Ok((number()?, number()?))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
