//! The collector as a container: the image that `deploy/container/Containerfile` makes of the packed program, run as the
//! head of that file says. Images and volumes are kept in a folder of the test, never in the system's.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_tests::{
    architecture::tree,
    https::Client,
    machine::Disk,
    need,
    packages::{self, Processor, Product},
    program::{self, finish},
    wait::{PATIENCE, eventually},
};
use serde_json::Value;
use tempfile::TempDir;

const BASE: &str = "localhost/base";
const TRIVIAL: &str = "localhost/trivial";
const IMAGE: &str = "localhost/deskwarden-collector";
const NAME: &str = "deskwarden";
/// Small enough for a machine that gives this process few.
const LIMITS: [&str; 4] = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096"];
/// Whose the collector is in there.
const NOBODY_BY_NAME: &str = "64123";
/// Where programs that ask a server for its certificate look for those who sign it.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Podman with a store of its own.
struct Podman {
    folder: TempDir,
}

impl Podman {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("deskwarden-podman-").tempdir();
        Self {
            folder: folder.unwrap(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("podman");
        command.arg("--root").arg(self.folder.path().join("storage"));
        command.arg("--runroot").arg(self.folder.path().join("run"));
        // Neither asks for systemd, which is not everywhere.
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"]);
        command.args(["--events-backend", "file"]);
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        finish(self.command().args(arguments))
    }

    /// Builds an image out of a folder.
    fn build(&self, file: &Path, image: &str, from: &Path) -> anyhow::Result<()> {
        let mut build = self.command();
        build
            .args(["build", "--quiet", "--network", "host"])
            .args(LIMITS)
            .args(["--build-arg", &format!("BASE={BASE}"), "--tag", image, "--file"])
            .arg(file)
            .arg(from);
        finish(&mut build)?;
        Ok(())
    }

    /// The beginning of a command that starts a container without rights, as the Containerfile says. On the network of this
    /// machine: whether podman can make one of its own is not the matter here.
    fn start(&self, options: &[&str]) -> Command {
        let mut start = self.command();
        start
            .args(["run", "--network", "host", "--read-only", "--cap-drop", "all"])
            .args(["--security-opt", "no-new-privileges"])
            .args(LIMITS)
            .args(options);
        start
    }

    /// What the container wrote when it was ready the `times`th time.
    fn ready(&self, times: usize) -> Value {
        eventually("the container to be ready", PATIENCE, || {
            let told = self.run(&["logs", NAME])?;
            let mut ready = told.lines().filter(|line| line.contains("\"event\":\"ready\""));
            Ok(ready.nth(times - 1).map(serde_json::from_str).transpose()?)
        })
        .unwrap()
    }

    fn volume(&self) -> PathBuf {
        let told = self.run(&["volume", "inspect", "--format", "{{.Mountpoint}}", NAME]);
        PathBuf::from(told.unwrap().trim())
    }

    fn state(&self, what: &str) -> String {
        let told = self.run(&["inspect", "--format", &format!("{{{{.State.{what}}}}}"), NAME]);
        told.unwrap().trim().to_owned()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Its mounts go with it, so that the folder can.
        self.run(&["rm", "--force", "--time", "0", NAME]).ok();
        self.run(&["system", "reset", "--force"]).ok();
    }
}

#[test]
fn without_rights_and_with_a_root_that_nobody_writes_the_container_serves_drains_and_keeps_its_data() {
    let test =
        "without_rights_and_with_a_root_that_nobody_writes_the_container_serves_drains_and_keeps_its_data";
    if !(need::root(test) && need::program(test, "podman") && need::program(test, "runc")) {
        return;
    }
    let (Some(processor), Ok(Some(disk))) = (Processor::of_this_machine(), Disk::new(test)) else {
        return;
    };
    let podman = Podman::new();
    let folder = tempfile::tempdir().unwrap();
    // Whether containers can be had here at all is found out with one that says a word; from there on an error is a fault.
    if let Err(error) = trivial(&podman, &disk, folder.path()) {
        need::missing(test, &format!("no container runs here: {error:#}"));
        return;
    }
    image(&podman, processor, folder.path()).unwrap();
    let mut serve = podman.start(&["--detach", "--name", NAME, "--log-driver", "k8s-file"]);
    serve.args(["--volume", "deskwarden:/var/lib/deskwarden-collector", IMAGE]);
    serve.args(["serve", "--log", "json", "--agents-listen", "127.0.0.1:0"]);
    finish(serve.args(["--dashboard-listen", "127.0.0.1:0"])).unwrap();
    let first = podman.ready(1);
    assert!(first["admin"]["one_time_password"].is_string(), "{first}");
    is_healthy(&podman, &first);
    has_no_rights(&podman);
    let config = podman.run(&["exec", NAME, "cat", "/etc/deskwarden/collector.toml"]);
    assert!(
        config.unwrap().contains("\n#backup_mark = "),
        "no timer is in there"
    );

    let made = cli(&podman, &["token", "create", "--uses", "3"]);
    assert_eq!(made["max_uses"], 3);
    podman.run(&["stop", "--time", "40", NAME]).unwrap();
    assert_eq!(podman.state("ExitCode"), "0", "it was killed, or failed");

    podman.run(&["start", NAME]).unwrap();
    let second = podman.ready(2);
    assert_eq!(second["pin"], first["pin"]);
    assert!(
        second["admin"].is_null(),
        "a second first administrator: {second}"
    );
    is_healthy(&podman, &second);
    let kept = cli(&podman, &["token", "list"]);
    assert_eq!(kept[0]["id"], made["id"], "{kept}");
    podman.run(&["stop", "--time", "40", NAME]).unwrap();
    assert_eq!(podman.state("ExitCode"), "0");
}

/// An image of a Debian that is here, another one built upon it, and a word from a container of that.
fn trivial(podman: &Podman, disk: &Disk, folder: &Path) -> anyhow::Result<()> {
    let authorities = disk.root().join(AUTHORITIES);
    if !authorities.exists() {
        fs::create_dir_all(authorities.parent().unwrap())?;
        fs::copy(Path::new("/").join(AUTHORITIES), &authorities)?;
    }
    let archive = folder.join("base.tar");
    let mut tar = Command::new("tar");
    tar.arg("--directory")
        .arg(disk.root())
        .arg("--create")
        .arg("--file");
    finish(tar.arg(&archive).arg("."))?;
    podman.run(&["import", "--quiet", &archive.display().to_string(), BASE])?;
    fs::remove_file(&archive)?;

    let context = folder.join("trivial");
    fs::create_dir(&context)?;
    let file = context.join("Containerfile");
    fs::write(
        &file,
        "ARG BASE\nFROM ${BASE}\nRUN echo word >/word\nCMD [\"cat\", \"/word\"]\n",
    )?;
    podman.build(&file, TRIVIAL, &context)?;
    let told = finish(podman.start(&["--rm"]).arg(TRIVIAL))?;
    anyhow::ensure!(told.trim() == "word", "a container says {told:?}");
    Ok(())
}

/// The image, as the head of the Containerfile says.
fn image(podman: &Podman, processor: Processor, folder: &Path) -> anyhow::Result<()> {
    let packed = folder.join("packages");
    fs::create_dir(&packed)?;
    let collector = program::product("deskwarden-collector")?;
    packages::pack(
        Product::Collector,
        &collector,
        processor,
        env!("CARGO_PKG_VERSION"),
        &packed,
    )?;
    podman.build(
        &tree::root().join("deploy/container/Containerfile"),
        IMAGE,
        &packed,
    )
}

/// Over TLS, under the authority of its volume.
fn is_healthy(podman: &Podman, ready: &Value) {
    let roots = podman.volume().join("pki/root.crt");
    let client = Client::new(ready["dashboard"].as_str().unwrap(), &roots).unwrap();
    let answer = client.request("GET", "/healthz", &[], "").unwrap();
    assert_eq!((answer.status, answer.body.trim()), (200, "ok"));
}

fn has_no_rights(podman: &Podman) {
    let process = podman.state("Pid");
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(field("Uid:"), NOBODY_BY_NAME);
    for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
        assert_eq!(
            u64::from_str_radix(&field(capabilities), 16).unwrap(),
            0,
            "{status}"
        );
    }
    assert_eq!(field("NoNewPrivs:"), "1");
    let written = podman.run(&["exec", NAME, "touch", "/etc/deskwarden/written"]);
    let refusal = written.unwrap_err().to_string();
    assert!(refusal.contains("Read-only file system"), "{refusal}");
}

/// A command beside the running collector.
fn cli(podman: &Podman, arguments: &[&str]) -> Value {
    let mut all = vec!["exec", NAME, "deskwarden-collector"];
    all.extend(arguments);
    all.push("--json");
    serde_json::from_str(&podman.run(&all).unwrap()).unwrap()
}
