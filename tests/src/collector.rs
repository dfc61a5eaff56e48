//! The real collector: its own data folder, ports that the system chooses, channels as a test wants them.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    architecture::tree,
    dashboard::{Visitor, text},
    ports,
    program::{self, Program},
    strace::Strace,
    wait::{PATIENCE, eventually},
};

/// Who signs in to dashboards of tests.
pub const PASSWORD: &str = "correct horse battery staple 42";

/// What a collector is started with.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    channels: String,
    /// Further tables of the configuration, and the key of the dashboard's own address.
    tables: String,
    public_url: String,
    /// Where the dashboard listens; port 0 lets the system choose.
    dashboard: String,
    /// Where the store is; empty for the data folder.
    store: String,
    tracer: Option<Strace>,
    /// How far its clock is off, as faketime takes it; empty for the true time.
    clock: String,
    /// What it logs; empty for what it logs by itself.
    log: String,
}

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    // Ended before the folder goes.
    program: Program,
    setup: Setup,
    ready: Value,
}

impl Setup {
    /// An empty data folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("deskwarden-collector-")
            .tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
        fs::create_dir_all(folder.path().join("data/rules.d"))?;
        fs::set_permissions(folder.path().join("data"), fs::Permissions::from_mode(0o700))?;
        Ok(Self {
            folder,
            channels: String::new(),
            tables: String::new(),
            public_url: String::new(),
            dashboard: "127.0.0.1:0".to_owned(),
            store: String::new(),
            tracer: None,
            clock: String::new(),
            log: String::new(),
        })
    }

    /// Adds a webhook on this machine.
    ///
    /// # Errors
    /// When its secret cannot be written.
    pub fn webhook(mut self, url: &str, place: &str) -> Result<Self> {
        self.secret("webhook.secret", "wr7q-test-signing-key")?;
        self.channels.push_str(&format!(
            "[[channel]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"{url}\"\nsecret_file = \"webhook.secret\"\nallow = [\"{place}\"]\n"
        ));
        Ok(self)
    }

    /// Keeps everything in another store than the data folder's.
    #[must_use]
    pub fn store(mut self, location: &str) -> Self {
        self.store = format!("store = {location:?}\n");
        self
    }

    /// A further collector of the same fleet: over the same store, under the same certificate authority.
    ///
    /// # Errors
    /// When the authority cannot be copied.
    pub fn beside(mut self, other: &Collector) -> Result<Self> {
        let pki = self.data().join("pki");
        fs::create_dir_all(&pki)?;
        crate::folder::copy(&other.data().join("pki"), &pki)?;
        fs::set_permissions(&pki, fs::Permissions::from_mode(0o700))?;
        self.store.clone_from(&other.setup.store);
        Ok(self)
    }

    /// Adds a channel as the configuration has it: the keys below `[[channel]]`.
    #[must_use]
    pub fn channel(mut self, keys: &str) -> Self {
        self.channels.push_str(&format!("[[channel]]\n{keys}\n"));
        self
    }

    /// Adds tables as the configuration has them.
    #[must_use]
    pub fn tables(mut self, text: &str) -> Self {
        self.tables.push_str(text);
        self
    }

    /// Has the dashboard at a place that others must know before it starts, and gives its address. It is none that other
    /// servers of this machine have: to a browser it is another site than they.
    ///
    /// # Errors
    /// When no port is free.
    pub fn known_dashboard(mut self) -> Result<(Self, String)> {
        self.dashboard = format!("127.0.0.2:{}", ports::free()?);
        let url = format!("https://{}", self.dashboard);
        self.public_url = format!("public_url = {url:?}\n");
        Ok((self, url))
    }

    /// Keeps a secret in a file of the data folder that only its owner reads.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn secret_file(self, name: &str, content: &str) -> Result<Self> {
        self.secret(name, content)?;
        Ok(self)
    }

    /// Starts with a clock that is off or fast, as [`program::at`] takes it; needs faketime.
    #[must_use]
    pub fn clock(mut self, shift: &str) -> Self {
        shift.clone_into(&mut self.clock);
        self
    }

    /// Has it log more, as its variable `DESKWARDEN_LOG` takes it.
    #[must_use]
    pub fn log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.log);
        self
    }

    /// Adds a mail server on this machine.
    #[must_use]
    pub fn mail(mut self, port: u16) -> Self {
        self.channels.push_str(&format!(
            "[[channel]]\nname = \"mail\"\nkind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"Deskwarden <desk@office.example>\"\nto = [\"it@office.example\"]\n"
        ));
        self
    }

    /// Puts an edited core pack into `rules.d` before the start: it takes the place of the built-in one.
    ///
    /// # Errors
    /// When there is nothing to replace or it cannot be written.
    pub fn edited_pack(self, from: &str, to: &str) -> Result<Self> {
        fs::write(self.rules_dir().join(PACK), pack_with(from, to)?)?;
        Ok(self)
    }

    /// Switches a rule of the core pack off.
    ///
    /// # Errors
    /// When there is no such rule or the pack cannot be written.
    pub fn without_rule(self, id: &str) -> Result<Self> {
        let named = format!("id = \"{id}\"\n");
        self.edited_pack(&named, &format!("{named}enabled = false\n"))
    }

    /// Folder of rule files.
    pub fn rules_dir(&self) -> PathBuf {
        self.data().join("rules.d")
    }

    /// Starts the collector and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start(self) -> Result<Collector> {
        self.start_on("127.0.0.1:0")
    }

    /// Starts the collector with its agents' port on an address of this machine that other namespaces reach.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn start_on(self, agents: &str) -> Result<Collector> {
        fs::write(
            self.data().join("collector.toml"),
            format!(
                "language = \"en\"\nobservation = false\n{}{}{}{}",
                self.store, self.public_url, self.channels, self.tables
            ),
        )?;
        let (program, ready) = serve(&self, agents)?;
        Ok(Collector {
            program,
            setup: self,
            ready,
        })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn secret(&self, name: &str, content: &str) -> Result<()> {
        let file = self.data().join(name);
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }
}

/// Name of the core pack's file.
pub const PACK: &str = "pc.toml";

/// The core pack with a change.
///
/// # Errors
/// When there is nothing to replace.
pub fn pack_with(from: &str, to: &str) -> Result<String> {
    let pack = fs::read_to_string(tree::root().join("collector/rules").join(PACK))?;
    ensure!(pack.contains(from), "the core pack does not contain {from:?}");
    Ok(pack.replacen(from, to, 1))
}

fn serve(setup: &Setup, agents: &str) -> Result<(Program, Value)> {
    let mut command = match &setup.tracer {
        Some(tracer) => tracer.command(&program::product("deskwarden-collector")?),
        None => program::at(&setup.clock, "deskwarden-collector")?,
    };
    command.arg("serve").arg("--data").arg(setup.data());
    command.args(["--agents-listen", agents, "--dashboard-listen", &setup.dashboard]);
    command.env("RUST_BACKTRACE", "1");
    if !setup.log.is_empty() {
        command.env("DESKWARDEN_LOG", &setup.log);
    }
    let mut program = Program::start("collector", &mut command)?;
    let ready = program.line("its ready line", |line| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["event"] == "ready").then_some(line)
    })?;
    Ok((program, ready))
}

impl Collector {
    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.setup.data()
    }

    /// Folder of rule files.
    pub fn rules_dir(&self) -> PathBuf {
        self.setup.rules_dir()
    }

    /// Address of the agents' port, as agents are told.
    ///
    /// # Errors
    /// When the ready line lacks it.
    pub fn agents(&self) -> Result<&str> {
        text(&self.ready, "agents")
    }

    /// Address of the dashboard.
    ///
    /// # Errors
    /// When the ready line lacks it.
    pub fn dashboard(&self) -> Result<&str> {
        text(&self.ready, "dashboard")
    }

    /// Pin of the root.
    ///
    /// # Errors
    /// When the ready line lacks it.
    pub fn pin(&self) -> Result<&str> {
        text(&self.ready, "pin")
    }

    /// The running program.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }

    /// The last lines that it wrote.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// Certificate of the root, as PEM.
    pub fn roots(&self) -> PathBuf {
        self.data().join("pki/root.crt")
    }

    /// Runs a command of the collector's program beside the running one, and reads its JSON.
    ///
    /// # Errors
    /// When it fails or prints no JSON.
    pub fn cli(&self, arguments: &[&str]) -> Result<Value> {
        let mut command = program::at(&self.setup.clock, "deskwarden-collector")?;
        command
            .args(arguments)
            .arg("--data")
            .arg(self.data())
            .arg("--json");
        let text = program::finish(&mut command)?;
        serde_json::from_str(&text).with_context(|| format!("{arguments:?} printed no JSON: {text}"))
    }

    /// Makes a token of one use and writes it to an owner-only file.
    ///
    /// # Errors
    /// When the program refuses.
    pub fn token_file(&self, folder: &Path) -> Result<PathBuf> {
        let made = self.cli(&["token", "create", "--uses", "1", "--valid", "1h"])?;
        let file = folder.join("token");
        fs::write(&file, text(&made, "token")?)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(file)
    }

    /// The administrator, signed in with the one-time password of the first start.
    ///
    /// # Errors
    /// When the dashboard refuses.
    pub fn administrator(&self) -> Result<Visitor> {
        let mut visitor = Visitor::new(self.dashboard()?, &self.roots())?;
        let admin = &self.ready["admin"];
        visitor.first_sign_in(text(admin, "user")?, text(admin, "one_time_password")?, PASSWORD)?;
        Ok(visitor)
    }

    /// Findings that are there now: those that the program lists.
    ///
    /// # Errors
    /// When the program fails.
    pub fn findings(&self) -> Result<Vec<Value>> {
        let listed = self.cli(&["finding", "list"])?;
        let rows = listed
            .as_array()
            .or_else(|| listed["findings"].as_array())
            .cloned();
        rows.with_context(|| format!("no list: {listed}"))
    }

    /// Waits for a finding of a rule whose subject contains `subject`, in a state.
    ///
    /// # Errors
    /// When it does not appear; with what is there instead.
    pub fn finding(&self, rule: &str, subject: &str, state: &str) -> Result<Value> {
        eventually(
            &format!("a finding of {rule} about {subject:?}, {state}"),
            PATIENCE,
            || {
                let all = self.findings()?;
                let wanted = |row: &&Value| {
                    let about = row["subject_name"]
                        .as_str()
                        .is_some_and(|name| name.contains(subject));
                    row["rule"] == rule && about && row["state"] == state
                };
                let found = all.iter().find(wanted).cloned();
                found.map(Some).with_context(|| {
                    format!(
                        "there is {}",
                        serde_json::to_string_pretty(&all).unwrap_or_default()
                    )
                })
            },
        )
    }

    /// Findings of a rule, whatever their state.
    ///
    /// # Errors
    /// When the program fails.
    pub fn findings_of(&self, rule: &str) -> Result<Vec<Value>> {
        Ok(self
            .findings()?
            .into_iter()
            .filter(|row| row["rule"] == rule)
            .collect())
    }

    /// Waits until the only device shows something: items, sources and outcomes as `device show` has them.
    ///
    /// # Errors
    /// When there is no device, or `look` never finds what it wants.
    pub fn device<T>(&self, what: &str, look: impl Fn(&Value) -> Option<T>) -> Result<T> {
        eventually(what, PATIENCE, || {
            let devices = self.cli(&["device", "list"])?;
            let id = text(devices.get(0).context("no device has enrolled")?, "id")?.to_owned();
            let shown = self.cli(&["device", "show", &id])?;
            look(&shown)
                .map(Some)
                .with_context(|| format!("the device is {shown:#}"))
        })
    }

    /// Outcome and reason of a rule on the only device.
    ///
    /// # Errors
    /// When there is no device.
    pub fn outcome(&self, rule: &str) -> Result<(String, String)> {
        self.device(&format!("an outcome of {rule}"), |device| {
            let row = device["outcomes"]
                .as_array()?
                .iter()
                .find(|row| row["rule"] == rule)?;
            Some((
                row["outcome"].as_str()?.to_owned(),
                row["reason"].as_str()?.to_owned(),
            ))
        })
    }

    /// Puts another data folder in the place of this one's; the collector must have ended.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn restore(&self, from: &Path) -> Result<()> {
        fs::remove_dir_all(self.data())?;
        crate::folder::copy(from, &self.data())
    }

    /// The next start is traced, or no longer.
    pub fn trace(&mut self, tracer: Option<Strace>) {
        self.setup.tracer = tracer;
    }

    /// Ends the collector and starts it again with the true time.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart_today(&mut self) -> Result<()> {
        self.restart_with_clock("")
    }

    /// Ends the collector and starts it again with a clock that is off or fast, as [`program::at`] takes it.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart_with_clock(&mut self, shift: &str) -> Result<()> {
        shift.clone_into(&mut self.setup.clock);
        self.restart()
    }

    /// Ends the collector and starts it again on the same data and the same agents' port.
    ///
    /// # Errors
    /// When it does not become ready.
    pub fn restart(&mut self) -> Result<()> {
        let agents = self.agents()?.trim_start_matches("https://").to_owned();
        if !self.program.is_over()? {
            self.program.stop()?;
        }
        (self.program, self.ready) = serve(&self.setup, &agents)?;
        Ok(())
    }
}
