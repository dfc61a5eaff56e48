//! Malformed input from outside: one clear message that names file and line and says what to do, an exit code,
//! nothing lost, and never a panic.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use deskwarden_tests::{
    collector::Setup,
    pc::Pc,
    program::{self, Program, Stream},
};

use super::Office;

fn refusal(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(program::product(name).unwrap())
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?} said {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_malformed_configuration_is_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("collector.toml");
    fs::write(&file, "language = \"en\"\n[agents]\nlisten = \"nowhere\"\n").unwrap();
    let said = refusal("deskwarden-collector", &["check-config", "--config", path(&file)]);
    assert!(said.contains("collector.toml:3"), "{said}");

    let file = folder.path().join("agent.toml");
    fs::write(
        &file,
        "collectors = [\"https://c.example:7443\"]\nstate_dri = \"/tmp/x\"\n",
    )
    .unwrap();
    let said = refusal("deskwarden-agent", &["check-config", "--config", path(&file)]);
    assert!(
        said.contains("agent.toml:2") && said.contains("state_dri"),
        "{said}"
    );
}

#[test]
fn a_malformed_rule_file_is_refused_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("own.toml"),
        "[lists]\nx = []\n\n[[rule]]\nid = \"a b\"\n",
    )
    .unwrap();
    let said = refusal("deskwarden-collector", &["rules", "check", path(folder.path())]);
    assert!(said.contains("own.toml:"), "{said}");
}

#[test]
fn an_unknown_token_enrols_nobody_and_the_agent_says_so() {
    let collector = Setup::new().unwrap().start().unwrap();
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let token = state.path().join("token");
    fs::write(&token, "dwt_not-a-token-of-this-collector\n").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let said = refusal(
        "deskwarden-agent",
        &[
            "enrol",
            "--collector",
            collector.agents().unwrap(),
            "--pin",
            collector.pin().unwrap(),
            "--token-file",
            path(&token),
            "--state-dir",
            path(state.path()),
        ],
    );
    assert!(said.contains("token"), "{said}");
    assert!(
        !said.contains("dwt_not-a-token"),
        "the secret is not repeated: {said}"
    );
    assert_eq!(collector.cli(&["device", "list"]).unwrap(), serde_json::json!([]));
}

#[test]
fn a_collector_with_another_root_is_refused_before_the_token_is_sent() {
    let collector = Setup::new().unwrap().start().unwrap();
    let state = tempfile::tempdir().unwrap();
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let token = collector.token_file(state.path()).unwrap();
    let pin = format!("sha256:{}", "0".repeat(64));
    let said = refusal(
        "deskwarden-agent",
        &[
            "enrol",
            "--collector",
            collector.agents().unwrap(),
            "--pin",
            &pin,
            "--token-file",
            path(&token),
            "--state-dir",
            path(state.path()),
        ],
    );
    assert!(said.contains("pin"), "{said}");
    let tokens = collector.cli(&["token", "list"]).unwrap();
    assert_eq!(tokens[0]["uses"], 0, "{tokens}");
}

#[test]
fn a_damaged_outbox_is_set_aside_and_the_pc_goes_on_reporting() {
    let mut office = Office::open("pc-outbox", |setup| setup);
    office.agent.program().stop().unwrap();
    let outbox = find(office.agent.state(), "outbox");
    let mut bytes = fs::read(&outbox).unwrap();
    let middle = bytes.len() / 2;
    for byte in &mut bytes[middle..] {
        *byte ^= 0x5a;
    }
    fs::write(&outbox, bytes).unwrap();

    office.agent.restart(&office.collector, &office.pc).unwrap();
    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
    assert_eq!(
        office
            .collector
            .cli(&["device", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_damaged_database_stops_the_collector_with_one_message() {
    let setup = Setup::new().unwrap();
    let mut collector = setup.start().unwrap();
    collector.program().stop().unwrap();
    let database = collector.data().join("deskwarden.db");
    fs::write(
        &database,
        b"this is no database, and long enough to be taken for one".repeat(200),
    )
    .unwrap();
    for extra in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{extra}", database.display())).ok();
    }
    let mut command = Command::new(program::product("deskwarden-collector").unwrap());
    command.args([
        "serve",
        "--agents-listen",
        "127.0.0.1:0",
        "--dashboard-listen",
        "127.0.0.1:0",
        "--data",
        path(&collector.data()),
    ]);
    let mut again = Program::start("collector", &mut command).unwrap();
    assert_eq!(again.ended().unwrap().code(), Some(1));
    let said = again.lines(Stream::Err).join("\n");
    assert!(said.contains(".db") && !said.contains("panicked"), "{said}");
}

#[test]
fn rubbish_on_the_agents_port_disturbs_nobody() {
    use std::io::Write as _;
    let office = Office::open("pc-rubbish", |setup| setup);
    let address = office.collector.agents().unwrap().trim_start_matches("https://");
    for rubbish in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[0x16, 3, 1, 0xff, 0xff],
        &[0; 4096],
    ] {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(rubbish).ok();
    }
    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
}

#[test]
fn malformed_sources_of_a_pc_are_said_and_break_nothing() {
    let pc = Pc::new("pc-odd").unwrap();
    fs::write(
        pc.file("etc/environment"),
        b"http_proxy=\"\xff\xfe\nno_proxy\n=\n\"\"\"\0\n",
    )
    .unwrap();
    fs::write(
        pc.file("var/lib/dpkg/status"),
        b"Package\n:\n\nPackage: a\nStatus: install ok installed\nVersion: \xff\n\n",
    )
    .unwrap();
    fs::write(pc.file("sys/firmware/dmi/tables/DMI"), [17, 255, 0, 0, 1, 2, 3]).unwrap();
    let office = Office::open_with("pc-odd", pc, |setup| setup);
    let looks = office
        .collector
        .device("its sources", |device| Some(device["sources"].clone()))
        .unwrap();
    assert!(looks.to_string().contains("part"), "{looks}");
}

#[test]
fn an_agent_that_was_ended_goes_on_as_the_same_device() {
    let mut office = Office::open("pc-again", |setup| setup);
    office.agent.program().kill().unwrap();
    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    office.agent.restart(&office.collector, &office.pc).unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
    assert_eq!(
        office
            .collector
            .cli(&["device", "list"])
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn a_collector_that_was_ended_loses_nothing() {
    let mut office = Office::open("pc-lost", |setup| setup);
    office.collector.program().kill().unwrap();
    office
        .pc
        .write("etc/environment", "http_proxy=http://10.9.9.9:1080\n")
        .unwrap();
    office.collector.restart().unwrap();
    office.finding("pc.proxy-configured", "10.9.9.9", "open");
}

fn find(folder: &Path, part: &str) -> std::path::PathBuf {
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.file_name().unwrap().to_string_lossy().contains(part) {
                return path;
            }
        }
    }
    panic!("no file like {part} below {}", folder.display());
}
