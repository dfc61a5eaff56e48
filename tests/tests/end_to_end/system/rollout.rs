//! The commands that the page of tokens gives to copy: what they leave is taken over by the agent, and a PC enrols
//! with them. The shell is a real one; programs that would change this machine are stand-ins that note what they got.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use deskwarden_agent::{config, setup};
use deskwarden_tests::{
    collector::{Collector, Setup},
    dashboard::words,
    pc::Pc,
    program,
};

/// Runs what follows it, beneath the folder of the test.
const SUDO: &str = "#!/bin/sh\nfor word; do shift; set -- \"$@\" \"$(printf %s \"$word\" | sed \"s|^/etc/deskwarden|$PLACE&|\")\"; done\nexec \"$@\"\n";
const NOTE: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$PLACE/said\"\n";
/// The architecture is asked of dpkg; the rest is only noted.
const DPKG: &str = "#!/bin/sh\n[ \"$1\" = --print-architecture ] && { echo amd64; exit; }\necho \"dpkg $*\" >>\"$PLACE/said\"\n";

/// What the page shows after a token was made.
struct Made {
    page: String,
    secret: String,
}

impl Made {
    fn by(collector: &Collector) -> Self {
        let mut admin = collector.administrator().unwrap();
        let form = [("label", "rollout"), ("uses", "9"), ("hours", "1")];
        let answer = admin.send("/tokens", "/tokens", &form).unwrap();
        assert_eq!(answer.status, 201, "{}", words(&answer.body));
        let mut made = Self {
            page: answer.body,
            secret: String::new(),
        };
        made.secret = made.code("secret");
        made
    }

    /// What is copied from an element.
    fn code(&self, id: &str) -> String {
        let (_, rest) = self.page.split_once(&format!("<code id=\"{id}\"")).unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        let text = rest.split("</code>").next().unwrap();
        [
            "&#60;<", "&#62;>", "&#34;\"", "&#39;'", "&lt;<", "&gt;>", "&quot;\"", "&#38;&", "&amp;&",
        ]
        .iter()
        .fold(text.to_owned(), |text, pair| {
            let (name, letter) = pair.split_once(';').unwrap();
            text.replace(&format!("{name};"), letter)
        })
    }
}

/// A folder with stand-ins, and what was said to them.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(pc: &Pc) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = format!(
            "#!/bin/sh\nexec {} \"$@\" --state-dir \"$PLACE/state\" --root {}\n",
            program::product("deskwarden-agent").unwrap().display(),
            pc.path().display()
        );
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, text) in [
            ("sudo", SUDO),
            ("apt-get", NOTE),
            ("rpm", NOTE),
            ("systemctl", NOTE),
            ("dpkg", DPKG),
            ("deskwarden-agent", &agent),
        ] {
            let file = bin.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs what was copied, line by line as a person's shell does.
    fn run(&self, copied: &str) {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", copied])
            .env("PATH", format!("{}:{path}", self.file("bin").display()))
            .env("PLACE", self.folder.path());
        program::finish(&mut shell).unwrap();
    }

    fn said(&self) -> String {
        fs::read_to_string(self.file("said")).unwrap_or_default()
    }
}

/// The agent takes an answer file over, with its own check of every setting.
fn taken_over(file: &Path, made: &Made, collector: &Collector) {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("state");
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, format!("{text}state_dir = \"{}\"\n", folder.display())).unwrap();
    let to = state.path().join("agent.toml");
    setup::take_over(|_| None, file, &to).unwrap();
    check(&to, made, collector);
    assert!(!file.exists(), "a token stays on no disk");
}

fn check(file: &Path, made: &Made, collector: &Collector) {
    let config = config::load(Some(file), config::Overrides::default()).unwrap();
    assert_eq!(config.collectors[0].to_string(), collector.agents().unwrap());
    assert!(config.pin.is_some());
    let token = fs::read_to_string(config.token_file.unwrap()).unwrap();
    assert_eq!(token, made.secret);
}

#[test]
fn what_the_page_of_tokens_gives_to_copy_is_what_the_agent_takes() {
    let collector = Setup::new().unwrap().start().unwrap();
    let made = Made::by(&collector);
    let pc = Pc::new("pc-rollout").unwrap();
    for (way, said) in [
        ("deb", "apt-get install -y ./deskwarden-agent_"),
        ("uos", "dpkg -i ./deskwarden-agent_"),
        ("rpm", "rpm -U ./deskwarden-agent-"),
        ("installed", "systemctl restart deskwarden-agent"),
    ] {
        let place = Place::new(&pc);
        place.run(&made.code(&format!("way-{way}")));
        let told = place.said();
        assert!(
            told.contains(said) && told.contains("systemctl is-active"),
            "{way}: {told}"
        );
        assert!(!told.contains(&made.secret), "{way}");
        let left = place.file("etc/deskwarden/enrol.toml");
        assert_eq!(
            fs::metadata(&left).unwrap().permissions().mode() & 0o777,
            0o600,
            "{way}"
        );
        taken_over(&left, &made, &collector);
    }
    // The answer file of Windows is the same file.
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("enrol.toml");
    fs::write(&answers, made.code("way-answers")).unwrap();
    fs::set_permissions(&answers, fs::Permissions::from_mode(0o600)).unwrap();
    taken_over(&answers, &made, &collector);
}

#[test]
fn the_line_of_the_msi_sets_the_properties_that_the_agent_reads() {
    let collector = Setup::new().unwrap().start().unwrap();
    let made = Made::by(&collector);
    let line = made.code("way-msi");
    let (command, properties) = line.split_once(" /qn ").unwrap();
    assert!(
        command.starts_with("msiexec /i deskwarden-agent-") && command.ends_with(".msi"),
        "{line}"
    );
    let property = |name: &str| {
        let found = properties
            .split(' ')
            .find_map(|word| word.strip_prefix(&format!("{name}=")));
        found.map(str::to_owned)
    };
    // The conditions of the package (deploy/windows/agent/agent.wxs).
    assert!(property("COLLECTOR").unwrap().starts_with("https://"));
    assert!(property("PIN").unwrap().starts_with("sha256:"));
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let to = folder.path().join("agent.toml");
    // The library of the package hands them to the agent as an answer file.
    let text: String = ["COLLECTOR", "PIN", "TOKEN"]
        .iter()
        .map(|name| format!("{} = \"{}\"\n", name.to_lowercase(), property(name).unwrap()))
        .collect();
    let left = folder.path().join("enrol.toml");
    fs::write(&left, format!("{text}state_dir = \"{state}\"\n")).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o600)).unwrap();
    setup::take_over(|_| None, &left, &to).unwrap();
    check(&to, &made, &collector);
}

#[test]
fn a_single_pc_enrols_by_the_command_as_it_is_copied() {
    let collector = Setup::new().unwrap().start().unwrap();
    let made = Made::by(&collector);
    let pc = Pc::new("pc-single").unwrap();
    let place = Place::new(&pc);
    place.run(&made.code("way-single"));
    let devices = collector.cli(&["device", "list"]).unwrap();
    assert_eq!(devices.as_array().unwrap().len(), 1, "{devices}");
    assert!(
        !place.file("etc/deskwarden/token").exists(),
        "the command removes the token"
    );
    assert_eq!(collector.cli(&["token", "list"]).unwrap()[0]["uses"], 1);
}
