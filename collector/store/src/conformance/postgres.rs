//! A PostgreSQL server for tests: a private cluster that lives as long as somebody uses it, or the server
//! that `DESKWARDEN_TEST_POSTGRES` names. Every test gets a schema of its own.

use std::{
    env, fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use deskwarden_domain::port::Store;

use super::Bench;

/// Where Debian and its children put the server's programs.
const PROGRAMS: &str = "/usr/lib/postgresql";
static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// One schema on a server.
pub struct Postgres {
    location: String,
    admin: String,
    schema: String,
    server: Option<Arc<Server>>,
}

impl Postgres {
    /// A new, empty place; `None` when PostgreSQL is to be skipped, for the reason that the variable
    /// `DESKWARDEN_SKIP_POSTGRES` gives. Fails when there is no PostgreSQL.
    pub fn start() -> Option<Self> {
        let given = env::var("DESKWARDEN_TEST_POSTGRES")
            .ok()
            .filter(|location| !location.is_empty());
        if let Some(admin) = given {
            return Some(Self::schema(admin, None));
        }
        let Some(programs) = programs() else {
            let Some(reason) = env::var("DESKWARDEN_SKIP_POSTGRES")
                .ok()
                .filter(|reason| !reason.is_empty())
            else {
                panic!(
                    "no PostgreSQL under {PROGRAMS}: install it (apt-get install postgresql), name a server in \
                     DESKWARDEN_TEST_POSTGRES, or say in DESKWARDEN_SKIP_POSTGRES why not"
                );
            };
            say(&format!("PostgreSQL is skipped: {reason}"));
            return None;
        };
        let mut running = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        let server = running
            .upgrade()
            .unwrap_or_else(|| Arc::new(Server::start(&programs, &[])));
        *running = Arc::downgrade(&server);
        drop(running);
        Some(Self::schema(server.admin(), Some(server)))
    }

    /// A new, empty place on a private server that nobody shares, with settings (`name=value`) that win over those of
    /// tests; `None` where no PostgreSQL is installed.
    pub fn apart(settings: &[String]) -> Option<Self> {
        let server = Arc::new(Server::start(&programs()?, settings));
        Some(Self::schema(server.admin(), Some(server)))
    }

    fn schema(admin: String, server: Option<Arc<Server>>) -> Self {
        let number = SCHEMAS.fetch_add(1, Ordering::SeqCst);
        let schema = format!("test_{}_{number}", std::process::id());
        connect(&admin)
            .batch_execute(&format!(
                "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
            ))
            .unwrap();
        let sign = if admin.contains('?') { '&' } else { '?' };
        let location = format!("{admin}{sign}application_name={schema}&options=-c%20search_path%3D{schema}");
        Self {
            location,
            admin,
            schema,
            server,
        }
    }

    /// Where the schema is, for [`crate::open`].
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Process id of the private server; `None` where another one was named.
    pub fn server(&self) -> Option<u32> {
        self.server.as_ref().map(|server| server.process.id())
    }

    /// A connection to the schema, past the store.
    pub fn raw(&self) -> postgres::Client {
        connect(&self.location)
    }

    /// Cuts every connection to the schema, as a restart of the server does.
    pub fn cut_connections(&self) {
        let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1";
        connect(&self.admin).execute(cut, &[&self.schema]).unwrap();
    }
}

impl Bench for Postgres {
    fn open(&self) -> Arc<dyn Store> {
        crate::open(&self.location).unwrap()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.server.is_none() {
            connect(&self.admin)
                .batch_execute(&format!("DROP SCHEMA {} CASCADE", self.schema))
                .unwrap();
        }
    }
}

fn connect(location: &str) -> postgres::Client {
    postgres::Client::connect(location, postgres::NoTls).unwrap()
}

/// A private cluster.
struct Server {
    folder: tempfile::TempDir,
    /// Where it is not the usual one, which is in the name of the socket too.
    port: Option<String>,
    process: Child,
}

impl Server {
    fn start(programs: &Path, settings: &[String]) -> Self {
        let user = unprivileged();
        let folder = tempfile::Builder::new()
            .prefix("dw-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        let data = folder.path().join("data");
        copy(&template(programs, user), &data, user);
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = as_user(user, &programs.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        command.args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=on",
            "-c",
            "shared_buffers=16MB",
            "-c",
            "max_connections=120",
        ]);
        for setting in settings {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = keep(command);
        let port = settings.iter().find_map(|setting| setting.strip_prefix("port="));
        let port = port.map(str::to_owned);
        let server = Self {
            folder,
            port,
            process,
        };
        server.wait_until_ready();
        server
    }

    /// Where its administrator connects.
    fn admin(&self) -> String {
        let folder = encode(&self.folder.path().to_string_lossy());
        let port = self
            .port
            .as_ref()
            .map_or_else(String::new, |port| format!(":{port}"));
        format!("postgres://deskwarden@{folder}{port}/postgres")
    }

    fn wait_until_ready(&self) {
        let location = self.admin();
        if eventually(|| postgres::Client::connect(&location, postgres::NoTls).ok()).is_some() {
            return;
        }
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("the private PostgreSQL does not answer: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It gives back what it shares with its children: the segments of a killed one stay with the machine, which has
        // four thousand of them.
        let id = self.process.id().to_string();
        let _asked = Command::new("kill").args(["-s", "QUIT", &id]).status();
        if eventually(|| self.process.try_wait().ok().flatten()).is_none() {
            let _ended = self.process.kill();
            let _reaped = self.process.wait();
        }
        // Its children see that it is gone, and the folder with it.
        let _removed = fs::remove_dir_all(self.folder.path());
    }
}

/// Asks again and again for half a minute.
pub(super) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    (0..1500).find_map(|_| {
        let answer = ask();
        if answer.is_none() {
            thread::park_timeout(Duration::from_millis(20));
        }
        answer
    })
}

/// Starts the server from a thread that lives as long as the process: it is told to end when the thread
/// that started it does, so that no killed test leaves a server behind.
pub(super) fn keep(mut command: Command) -> Child {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        send.send(command.spawn()).unwrap();
        loop {
            thread::park();
        }
    });
    receive.recv().unwrap().unwrap()
}

/// The programs of the newest PostgreSQL here.
pub(super) fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(PROGRAMS).ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// PostgreSQL refuses to run as root: somebody else does it then.
pub(crate) fn unprivileged() -> Option<(u32, u32)> {
    let home = fs::metadata("/proc/self").unwrap();
    if home.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].into_iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

pub(super) fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    // SIGQUIT: at once, without saying goodbye to anybody.
    command.args(["--pdeathsig", "QUIT"]);
    if let Some((uid, gid)) = user {
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={gid}"))
            .arg("--clear-groups");
    }
    command
        .arg("--")
        .arg(program)
        .current_dir("/")
        .env_remove("PGDATA");
    command
}

/// A new cluster takes a second to make and a copy of it a moment: one is kept per version and user.
pub(super) fn template(programs: &Path, user: Option<(u32, u32)>) -> PathBuf {
    let version = programs
        .parent()
        .and_then(Path::file_name)
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let owner = user.map_or_else(|| fs::metadata("/proc/self").unwrap().uid(), |(uid, _)| uid);
    let kept = PathBuf::from(format!("/tmp/dw-pg-template-1-{version}-{owner}"));
    if fs::metadata(&kept).is_ok_and(|found| found.uid() == owner) {
        return kept;
    }
    let making = tempfile::Builder::new()
        .prefix("dw-pg-making-")
        .tempdir_in("/tmp")
        .unwrap();
    if let Some((uid, gid)) = user {
        chown(making.path(), Some(uid), Some(gid)).unwrap();
    }
    let data = making.path().join("data");
    let log = making.path().join("log");
    let mut made = as_user(user, &programs.join("initdb"))
        .args([
            "--username=deskwarden",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
            "--wal-segsize=1",
        ])
        .arg("-D")
        .arg(&data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let ended = eventually(|| made.try_wait().unwrap());
    let _killed = made.kill();
    if !ended.is_some_and(|status| status.success()) {
        panic!(
            "initdb failed or does not end: {ended:?} {}",
            fs::read_to_string(&log).unwrap_or_default()
        );
    }
    // Another process may have been faster; its cluster is as good.
    match fs::rename(&data, &kept) {
        Ok(()) => kept,
        Err(_) if kept.join("PG_VERSION").exists() => kept,
        Err(error) => panic!("{}: {error}", kept.display()),
    }
}

pub(super) fn copy(from: &Path, to: &Path, user: Option<(u32, u32)>) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, user);
        } else {
            fs::copy(entry.path(), &target).unwrap();
            if let Some((uid, gid)) = user {
                chown(&target, Some(uid), Some(gid)).unwrap();
            }
        }
    }
    if let Some((uid, gid)) = user {
        chown(to, Some(uid), Some(gid)).unwrap();
    }
}

pub(super) fn encode(path: &str) -> String {
    path.replace('/', "%2F")
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn say(text: &str) {
    eprintln!("{text}");
}
