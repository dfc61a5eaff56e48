//! PostgreSQL servers of one test alone, which it may kill, start again, and follow by a standby.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::postgres::{as_user, copy, encode, eventually, keep, programs, template, unprivileged};

/// A server with a folder of its own.
pub struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    process: Option<Child>,
}

impl Cluster {
    /// A new primary; `None` where there is no PostgreSQL.
    pub fn start() -> Option<Self> {
        let mut cluster = Self::empty(programs()?);
        copy(
            &template(&cluster.programs, cluster.user),
            &cluster.data(),
            cluster.user,
        );
        cluster.run();
        Some(cluster)
    }

    /// A server that follows this one. Without it, or with it, nothing is committed here that it does not have.
    pub fn standby(&self) -> Self {
        let mut standby = Self::empty(self.programs.clone());
        let done = as_user(self.user, &self.programs.join("pg_basebackup"))
            .arg("-D")
            .arg(standby.data())
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", "deskwarden", "-R", "-X", "stream", "-c", "fast"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        standby.run();
        let mut primary = connect(self.folder.path()).unwrap();
        primary
            .batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            .unwrap();
        primary.batch_execute("SELECT pg_reload_conf()").unwrap();
        eventually(|| {
            let asked = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            let count: i64 = primary.query_one(asked, &[]).ok()?.get(0);
            (count == 1).then_some(())
        })
        .unwrap();
        standby
    }

    /// Ends at once, with all its children, as with the machine.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }

    /// Starts it again on what it left.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
    }

    /// Is the primary from now on.
    pub fn promote(&self) {
        let mut client = connect(self.folder.path()).unwrap();
        client.batch_execute("SELECT pg_promote()").unwrap();
    }

    /// Where a store finds whichever of these is the primary, for [`crate::open`].
    pub fn location(of: &[&Self]) -> String {
        let hosts: Vec<String> = of
            .iter()
            .map(|cluster| encode(&cluster.folder.path().to_string_lossy()))
            .collect();
        format!(
            "postgres://deskwarden@{}/postgres?target_session_attrs=read-write&connect_timeout=2",
            hosts.join(",")
        )
    }

    fn empty(programs: PathBuf) -> Self {
        let user = unprivileged();
        let folder = tempfile::Builder::new()
            .prefix("dw-pg-")
            .tempdir_in("/tmp")
            .unwrap();
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        Self {
            folder,
            programs,
            user,
            process: None,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&mut self) {
        let data = self.data();
        // What a killed server leaves; its process ids may be another's by now.
        fs::remove_file(data.join("postmaster.pid")).ok();
        // The children of a killed server go by themselves, and a new one waits for them.
        let started = eventually(|| {
            let mut process = keep(self.command(&data));
            let ready = eventually(|| {
                if process.try_wait().ok()?.is_some() {
                    return Some(false);
                }
                connect(self.folder.path()).map(|_| true)
            });
            (ready == Some(true)).then_some(process)
        });
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(started.is_some(), "the private PostgreSQL does not answer: {log}");
        self.process = started;
    }

    fn command(&self, data: &Path) -> Command {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = as_user(self.user, &self.programs.join("postgres"));
        command.arg("-D").arg(data).arg("-k").arg(self.folder.path());
        for setting in [
            "listen_addresses=",
            "fsync=on",
            "shared_buffers=16MB",
            "max_connections=60",
        ] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

fn connect(folder: &Path) -> Option<postgres::Client> {
    let location = format!(
        "postgres://deskwarden@{}/postgres",
        encode(&folder.to_string_lossy())
    );
    postgres::Client::connect(&location, postgres::NoTls).ok()
}
