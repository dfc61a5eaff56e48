//! A web proxy between the PC and its collector: the agent passes it with the name and password that it asks for.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use deskwarden_tests::{
    collector::Setup,
    need,
    pc::Pc,
    ports,
    program::{self, Program},
    wait::{PATIENCE, eventually},
};

/// A proxy of Debian's that lets nobody through without its password, and to one port only.
fn proxy(folder: &Path, allowed: u16) -> (Program, u16) {
    // It cannot be asked which port it was given.
    let port = ports::free().unwrap();
    let config = folder.join("tinyproxy.conf");
    let text = format!(
        "Port {port}\nListen 127.0.0.1\nTimeout 60\nBasicAuth wang geheim7\nConnectPort {allowed}\nLogLevel Connect\n"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new("tinyproxy");
    command.arg("-d").arg("-c").arg(config);
    let running = Program::start("proxy", &mut command).unwrap();
    (running, port)
}

#[test]
fn an_authenticated_proxy_is_passed_and_its_password_is_never_shown() {
    let test = "an_authenticated_proxy_is_passed_and_its_password_is_never_shown";
    if !need::program(test, "tinyproxy") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
    let pc = Pc::new("pc-web-proxy").unwrap();
    let collector = Setup::new().unwrap().start().unwrap();
    let port = collector
        .agents()
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let (through, listens) = proxy(folder.path(), port);
    let token = collector.token_file(&state).unwrap();
    let start = |account: &str| {
        let config = format!(
            "collector = \"{}\"\npin = \"{}\"\ntoken_file = \"{}\"\nstate_dir = \"{}\"\nroot = \"{}\"\nproxy = \"http://{account}127.0.0.1:{listens}\"\n",
            collector.agents().unwrap(),
            collector.pin().unwrap(),
            token.display(),
            state.display(),
            pc.path().display(),
        );
        let file = folder.path().join("agent.toml");
        fs::write(&file, config).unwrap();
        let mut command = Command::new(program::product("deskwarden-agent").unwrap());
        command.args(["run", "--config"]).arg(file);
        Program::start("agent", &mut command).unwrap()
    };

    // Without a name it says what the proxy wants.
    let mut stranger = start("");
    eventually("the proxy's refusal", PATIENCE, || {
        Ok(stranger
            .log()
            .contains("it wants a name and password")
            .then_some(()))
    })
    .unwrap();
    stranger.stop().unwrap();

    let agent = start("wang:geheim7@");
    collector
        .device("the first report", |device| device["items"]["software"].as_u64())
        .unwrap();
    let log = through.log();
    assert!(log.contains("CONNECT 127.0.0.1"), "{log}");
    assert!(!agent.log().contains("geheim7"), "{}", agent.log());
}
