//! An agent's disk that is full. When the certificate is renewed: the identity that works is not touched, and the renewal
//! comes when there is room again. When its PC changes: somebody is told, and what changed arrives later.

use std::{fs, path::Path, process::Command, time::Instant};

use deskwarden_agent::identity::Store;
use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    faults, folder, need,
    pc::Pc,
    program::{self, Stream},
    small_disk::SmallDisk,
    wait::{PATIENCE, eventually},
};
use tempfile::TempDir;

/// Pages that hold an agent's state and leave some to fill.
const PAGES: usize = 256;

/// A PC that enrolled twenty days ago and was off since: its certificate is due for renewal.
fn due(host: &str) -> (Collector, Agent, Pc) {
    let pc = Pc::new(host).unwrap();
    let mut collector = Setup::new().unwrap().clock("-20d").start().unwrap();
    let mut agent = Agent::start_at("-20d", &collector, &pc).unwrap();
    collector
        .device("the first report", |shown| {
            (shown["items"]["software"] == 3).then_some(())
        })
        .unwrap();
    agent.program().stop().unwrap();
    collector.restart_today().unwrap();
    (collector, agent, pc)
}

/// The agent's state on a disk of its own.
fn moved(agent: &Agent, disk: &SmallDisk) -> TempDir {
    let state = tempfile::Builder::new()
        .prefix("state-")
        .tempdir_in(disk.path())
        .unwrap();
    folder::copy(agent.state(), state.path()).unwrap();
    state
}

fn chain(state: &Path) -> String {
    fs::read_to_string(state.join("identity/chain.pem")).unwrap()
}

/// Waits until the agent wrote a line with this in it.
fn says(agent: &mut Agent, what: &str) {
    let program = agent.program();
    eventually(what, PATIENCE, || {
        let lines = program.lines(Stream::Err);
        Ok(lines.iter().any(|line| line.contains(what)).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", program.log()));
}

#[test]
fn a_full_disk_during_renewal_costs_no_identity() {
    let test = "a_full_disk_during_renewal_costs_no_identity";
    if !need::root(test) || !need::program(test, "faketime") {
        return;
    }
    let (collector, mut agent, pc) = due("pc-full");
    let device = agent.device().unwrap();
    let disk = SmallDisk::of_pages(PAGES).unwrap();
    let state = moved(&agent, &disk);
    let before = chain(state.path());
    agent.restore(state);
    disk.fill_but(0).unwrap();
    agent.restart(&collector, &pc).unwrap();
    // It is the same device, and taken for it: now, and after another start on the full disk.
    for _ in 0..2 {
        says(&mut agent, "\"connected\"");
        says(&mut agent, "No space left");
        assert_eq!(chain(agent.state()), before, "the identity that works stays");
        agent.program().kill().unwrap();
        agent.restart(&collector, &pc).unwrap();
    }
    disk.free().unwrap();
    agent.program().stop().unwrap();
    agent.restart(&collector, &pc).unwrap();
    eventually("the certificate to be renewed", PATIENCE, || {
        Ok((chain(agent.state()) != before).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", agent.log()));
    assert_eq!(agent.device().unwrap(), device);
    eventually("the new one to have worked", PATIENCE, || {
        Ok((!agent.state().join("previous").exists()).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", agent.log()));
    faults::tell(
        "disk-full-renewal",
        "2 starts on the full disk connected as the same device; renewed by itself once there was room",
    );
}

#[test]
fn a_disk_that_is_full_at_any_step_of_the_swap_leaves_an_identity() {
    let test = "a_disk_that_is_full_at_any_step_of_the_swap_leaves_an_identity";
    if !need::root(test) {
        return;
    }
    let pc = Pc::new("pc-steps").unwrap();
    let collector = Setup::new().unwrap().start().unwrap();
    let mut agent = Agent::start(&collector, &pc).unwrap();
    collector.finding("pc.unregistered", "pc-steps", "open").unwrap();
    agent.program().stop().unwrap();
    let device = agent.device().unwrap();
    let disk = SmallDisk::of_pages(PAGES).unwrap();
    let state = moved(&agent, &disk);
    let store = Store::open(state.path()).unwrap();
    let identity = store.load().unwrap().unwrap();
    let mut failed = 0;
    // From not one page to more than all files of an identity take.
    for free in 0..12 {
        disk.fill_but(free).unwrap();
        failed += usize::from(store.replace(&identity).is_err());
        let left = Store::open(state.path()).unwrap().load().unwrap();
        assert_eq!(left.unwrap().device.to_string(), device, "{free} pages were free");
        disk.free().unwrap();
        store.replace(&identity).unwrap();
        store.worked().unwrap();
    }
    assert!((1..12).contains(&failed), "{failed} of 12 had no room");
    // And the program takes it.
    agent.restore(state);
    agent.restart(&collector, &pc).unwrap();
    says(&mut agent, "\"connected\"");
}

/// Packages of one installation: more than the end of a page holds that was not full.
const MANY: u64 = 100;

/// Adds packages, as an installation of something large does.
fn install(pc: &Pc, name: &str) {
    let mut status = fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
    for number in 0..MANY {
        status.push_str(&format!(
            "\nPackage: {name}-{number}\nStatus: install ok installed\nPriority: optional\nSection: editors\n\
             Installed-Size: 1\nMaintainer: A <a@office.example>\nArchitecture: amd64\nVersion: 1.0\nDescription: {name}\n"
        ));
    }
    pc.write("var/lib/dpkg/status", &status).unwrap();
}

/// What an agent says of the first change that it could not keep.
const TOLD: &str = "what was seen could not be kept; it is looked at again later";

/// An agent that tells of every change that it cannot keep, not of the first one only. Its file lies beside its state.
fn talkative(state: &Path) -> Command {
    let file = state.join("agent.toml");
    fs::write(&file, "log = \"debug\"\n").unwrap();
    let mut command = Command::new(program::product("deskwarden-agent").unwrap());
    command.arg("run").arg("--config").arg(file);
    command
}

#[test]
fn what_changes_while_the_disk_is_full_arrives_when_there_is_room() {
    let test = "what_changes_while_the_disk_is_full_arrives_when_there_is_room";
    if !need::root(test) {
        return;
    }
    let pc = Pc::new("pc-room").unwrap();
    let collector = Setup::new().unwrap().start().unwrap();
    let mut agent = Agent::start(&collector, &pc).unwrap();
    let software = |count: u64| {
        collector.device(&format!("{count} packages"), |shown| {
            (shown["items"]["software"] == count).then_some(())
        })
    };
    software(3).unwrap();
    agent.program().stop().unwrap();
    let disk = SmallDisk::of_pages(PAGES).unwrap();
    let state = moved(&agent, &disk);
    let mut agent = Agent::start_with(talkative(state.path()), &collector, pc.path(), state).unwrap();
    says(&mut agent, "\"connected\"");
    install(&pc, "gimp");
    software(3 + MANY).unwrap();
    disk.fill_but(0).unwrap();
    // One after the other, so that each is seen by itself.
    install(&pc, "inkscape");
    says(&mut agent, TOLD);
    install(&pc, "blender");
    says(&mut agent, "could not be kept either");
    let lines = agent.program().lines(Stream::Err);
    let told = lines
        .iter()
        .filter(|line| line.contains(TOLD))
        .collect::<Vec<_>>();
    assert_eq!(told.len(), 1, "a full disk is told once: {told:?}");
    assert!(told[0].contains("No space left"), "{told:?}");
    software(3 + MANY).unwrap();
    disk.free().unwrap();
    let began = Instant::now();
    // The agent tries again a minute after a write that failed.
    let program = agent.program();
    eventually("what changed", 2 * PATIENCE, || software(3 + 3 * MANY).map(Some))
        .unwrap_or_else(|error| panic!("{error:#}\n{}", program.log()));
    let took = began.elapsed().as_secs_f64();
    faults::tell(
        "disk-full-agent",
        &format!(
            "the log told of it once; 2 changes on a full disk were there {took:.0} s after there was room, by itself"
        ),
    );
}
