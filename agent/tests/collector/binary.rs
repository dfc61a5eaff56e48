//! The program itself: what a person types, and what a service manager does to it.

use std::{fs, path::Path, process::Stdio};

use deskwarden_proto::v1::{GoodbyeReason, agent_frame::Frame};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::fake::{Fake, TOKEN};

fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskwarden-agent"));
    command
        .env_remove("DESKWARDEN_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A root, a token and a state folder.
fn pc(token: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dpkg = folder.path().join("root/var/lib/dpkg");
    fs::create_dir_all(&dpkg).unwrap();
    fs::write(
        dpkg.join("status"),
        "Package: hello\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0\n\n",
    )
    .unwrap();
    fs::write(folder.path().join("token"), format!("{token}\n")).unwrap();
    folder
}

fn run(fake: &Fake, pc: &Path) -> Child {
    agent()
        .arg("run")
        .args(["--collector", &fake.endpoint.to_string()])
        .args(["--pin", &fake.pki.pin().to_string()])
        .arg("--token-file")
        .arg(pc.join("token"))
        .arg("--state-dir")
        .arg(pc.join("state"))
        .arg("--root")
        .arg(pc.join("root"))
        .args(["--log", "json"])
        .spawn()
        .unwrap()
}

fn terminate(child: &Child) {
    let id = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
}

async fn failed(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_service_enrols_reports_and_says_goodbye_when_it_is_ended() {
    let fake = Fake::start().await;
    let pc = pc(TOKEN);
    let child = run(&fake, pc.path());
    let mut conversation = fake.session().await;
    let hello = conversation.greet(1, 1).await;
    assert!(!hello.sections.is_empty());
    let record = conversation.record().await;
    terminate(&child);
    loop {
        match conversation.frame().await {
            Some(Frame::Goodbye(goodbye)) => break assert_eq!(goodbye.reason(), GoodbyeReason::Shutdown),
            Some(_) => {}
            None => panic!("a goodbye before the end"),
        }
    }
    drop(conversation);
    let output = child.wait_with_output().await.unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
    for line in log.lines() {
        assert!(line.starts_with('{'), "{line}");
    }
    // What was not acknowledged is still there after the restart, under the same identity.
    let child = run(&fake, pc.path());
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.record().await, record);
    assert_eq!(fake.knobs(|knobs| knobs.enrolments.len()), 1);
    terminate(&child);
    drop(conversation);
    assert!(child.wait_with_output().await.unwrap().status.success());
}

#[tokio::test]
async fn two_agents_do_not_share_a_state_folder() {
    let fake = Fake::start().await;
    let pc = pc(TOKEN);
    let first = run(&fake, pc.path());
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    let second = run(&fake, pc.path()).wait_with_output().await.unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert!(message.contains("another agent uses this folder"), "{message}");
    // The collector goes at the same moment: nothing of the agent may take that for a failure.
    terminate(&first);
    drop(conversation);
    let ended = first.wait_with_output().await.unwrap();
    assert!(
        ended.status.success(),
        "{}: {}",
        ended.status,
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test]
async fn a_person_enrols_with_a_token_from_the_environment() {
    let fake = Fake::start().await;
    let pc = pc("");
    let mut command = agent();
    command
        .arg("enrol")
        .args(["--collector", &fake.endpoint.to_string()])
        .args(["--pin", &fake.pki.pin().to_string()])
        .arg("--state-dir")
        .arg(pc.path().join("state"));
    let message = failed(&mut command).await;
    assert!(message.contains("no token"), "{message}");
    let output = command.env("DESKWARDEN_TOKEN", TOKEN).output().await.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.starts_with("enrolled as device "), "{printed}");
    assert!(!String::from_utf8(output.stderr).unwrap().contains(TOKEN));
}

#[tokio::test]
async fn a_service_without_identity_and_token_says_what_to_do() {
    let pc = pc("");
    let mut command = agent();
    command
        .args(["run", "--collector", "https://localhost:1", "--state-dir"])
        .arg(pc.path().join("state"));
    let message = failed(&mut command).await;
    assert!(
        message.contains("not enrolled") && message.contains("token_file"),
        "{message}"
    );
    let pin = format!("sha256:{}", "00".repeat(32));
    let message = failed(
        command
            .args(["--pin", &pin, "--token-file"])
            .arg(pc.path().join("token")),
    )
    .await;
    assert!(message.contains("token: the token file is empty"), "{message}");
}

#[tokio::test]
async fn a_faulty_configuration_names_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    fs::write(&file, "collector = 1\npin = \"x\"\nextra = true\n").unwrap();
    let message = failed(agent().arg("check-config").arg("--config").arg(&file)).await;
    for line in 1..=3 {
        assert!(message.contains(&format!("agent.toml:{line}: ")), "{message}");
    }
}
