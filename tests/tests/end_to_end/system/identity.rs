//! One identity in two places, and clocks that are wrong by years, with the real agent.

use std::fs;

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    need,
    pc::Pc,
    program,
    wait::{PATIENCE, eventually},
};
use serde_json::Value;

use super::Office;

const RULE: &str = "pc.restored-or-cloned";

fn devices(collector: &Collector) -> Vec<Value> {
    collector
        .cli(&["device", "list"])
        .unwrap()
        .as_array()
        .unwrap()
        .clone()
}

/// Adds a package, as an installation does.
fn install(pc: &Pc, name: &str) {
    let status = fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
    let package = format!(
        "{status}\nPackage: {name}\nStatus: install ok installed\nPriority: optional\nSection: editors\n\
         Installed-Size: 1\nMaintainer: A <a@office.example>\nArchitecture: amd64\nVersion: 1.0\nDescription: {name}\n"
    );
    pc.write("var/lib/dpkg/status", &package).unwrap();
}

/// Waits until the collector knows so many packages of a device.
fn packages(office: &Office, device: &str, count: u64) {
    let what = format!("{count} packages of {device}");
    let waited = eventually(&what, PATIENCE, || {
        let shown = office.collector.cli(&["device", "show", device])?;
        Ok((shown["items"]["software"] == count).then_some(()))
    });
    waited.unwrap_or_else(|error| panic!("{error:#}\n{}", office.logs()));
}

#[test]
fn two_agents_from_one_copied_folder_end_as_two_devices() {
    let office = Office::open("pc-one", |setup| setup);
    office.items("software", 3);
    let original = office.agent.device().unwrap();
    let copy = office.agent.copy().unwrap();
    let pc = Pc::new("pc-two").unwrap();
    install(&pc, "gimp");
    let clone = Agent::on_copy(&office.collector, &pc, copy).unwrap();
    let other = eventually("the later one to take a key of its own", PATIENCE, || {
        let device = clone.device()?;
        Ok((device != original).then_some(device))
    });
    let other = other.unwrap_or_else(|error| panic!("{error:#}\n{}{}", clone.log(), office.logs()));
    packages(&office, &other, 4);
    // The first one was not disturbed, and nothing of either is lost.
    install(&office.pc, "vim");
    install(&office.pc, "emacs");
    packages(&office, &original, 5);
    assert_eq!(office.agent.device().unwrap(), original);
    let all = devices(&office.collector);
    let mut names: Vec<&str> = all.iter().filter_map(|row| row["hostname"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pc-one", "pc-two"], "{all:?}");
    assert!(
        all.iter()
            .all(|row| row["status"] == "active" && row["current"] == true),
        "{all:?}"
    );
    let finding = office.finding(RULE, "", "open");
    assert_eq!(office.collector.findings_of(RULE).unwrap().len(), 1, "{finding}");
}

#[test]
fn a_disk_that_was_set_back_goes_on_as_the_same_device() {
    let mut office = Office::open("pc-back", |setup| setup);
    office.items("software", 3);
    let device = office.agent.device().unwrap();
    let backup = office.agent.copy().unwrap();
    install(&office.pc, "gimp");
    packages(&office, &device, 4);
    office.agent.program().kill().unwrap();
    office.agent.restore(backup);
    install(&office.pc, "vim");
    office.agent.restart(&office.collector, &office.pc).unwrap();
    packages(&office, &device, 5);
    office.finding(RULE, "", "open");
    assert_eq!(office.agent.device().unwrap(), device);
    assert_eq!(devices(&office.collector).len(), 1);
}

#[test]
fn an_agent_that_is_just_killed_and_started_again_is_no_copy() {
    let mut office = Office::open("pc-kill", |setup| setup);
    office.items("software", 3);
    let device = office.agent.device().unwrap();
    office.agent.program().kill().unwrap();
    install(&office.pc, "gimp");
    office.agent.restart(&office.collector, &office.pc).unwrap();
    packages(&office, &device, 4);
    assert_eq!(devices(&office.collector).len(), 1);
    office.is_silent_about(RULE);
}

#[test]
fn a_clock_that_is_wrong_by_ten_years_locks_nobody_out() {
    if !need::program("a_clock_that_is_wrong_by_ten_years_locks_nobody_out", "faketime") {
        return;
    }
    let mut office = Office::open("pc-clock", |setup| setup);
    office.items("software", 3);
    let device = office.agent.device().unwrap();
    for (count, shift, told, name) in [(4, "+10y", "+10 years", "gimp"), (5, "-10y", "-10 years", "vim")] {
        office.agent.program().stop().unwrap();
        install(&office.pc, name);
        let command = program::at(shift, "deskwarden-agent").unwrap();
        office
            .agent
            .restart_by(command, &office.collector, &office.pc)
            .unwrap();
        packages(&office, &device, count);
        let year = program::run("date", ["-u", "-d", told, "+%Y"]).unwrap();
        let stamp = format!("\"timestamp\":\"{}", year.trim());
        assert!(office.agent.log().contains(&stamp), "{}", office.agent.log());
    }
    assert_eq!(devices(&office.collector).len(), 1);
}

/// A PC that enrolled and reported `away` days ago and was off since, as its collector was.
fn away_since(away: &str, host: &str) -> (Collector, Agent, Pc) {
    let pc = Pc::new(host).unwrap();
    let mut collector = Setup::new().unwrap().clock(away).start().unwrap();
    let mut agent = Agent::start_at(away, &collector, &pc).unwrap();
    collector
        .device("the first report", |shown| {
            (shown["items"]["software"] == 3).then_some(())
        })
        .unwrap();
    agent.program().stop().unwrap();
    collector.restart_today().unwrap();
    install(&pc, "gimp");
    (collector, agent, pc)
}

/// The same, and both are back today.
fn back_after(away: &str, host: &str) -> (Collector, Agent, Pc) {
    let (collector, mut agent, pc) = away_since(away, host);
    agent.restart(&collector, &pc).unwrap();
    (collector, agent, pc)
}

fn reported(collector: &Collector, agent: &Agent) {
    let shown = collector.device("a report of today", |shown| {
        (shown["items"]["software"] == 4).then_some(())
    });
    shown.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    assert_eq!(devices(collector).len(), 1);
}

/// Waits until the agent says something.
fn says(agent: &Agent, what: &str) {
    let said = eventually(what, PATIENCE, || Ok(agent.log().contains(what).then_some(())));
    said.unwrap_or_else(|error| panic!("{error:#}\n{}", agent.log()));
}

const ASKS: &str = "the certificate expired; asking for a new one with the old key";

#[test]
fn a_pc_that_was_off_for_31_days_comes_back_by_itself() {
    if !need::program("a_pc_that_was_off_for_31_days_comes_back_by_itself", "faketime") {
        return;
    }
    // The clocks that only run on say that no time has passed, as on a machine that was paused: the collector's
    // word decides.
    let (collector, agent, _pc) = back_after("-31d", "pc-away");
    let device = agent.device().unwrap();
    reported(&collector, &agent);
    says(&agent, ASKS);
    assert_eq!(agent.device().unwrap(), device);
}

#[test]
fn a_pc_that_was_paused_for_31_days_comes_back_although_all_its_clocks_are_wrong() {
    let test = "a_pc_that_was_paused_for_31_days_comes_back_although_all_its_clocks_are_wrong";
    if !need::program(test, "faketime") {
        return;
    }
    let (collector, mut agent, pc) = away_since("-31d", "pc-paused");
    let paused = program::at("-31d", "deskwarden-agent").unwrap();
    agent.restart_by(paused, &collector, &pc).unwrap();
    reported(&collector, &agent);
    says(&agent, ASKS);
}

#[test]
fn a_pc_that_was_off_for_longer_than_half_a_year_comes_back_by_approval() {
    let test = "a_pc_that_was_off_for_longer_than_half_a_year_comes_back_by_approval";
    if !need::program(test, "faketime") {
        return;
    }
    // 30 days of the certificate, and 181 beyond.
    let (collector, mut agent, pc) = back_after("-211d", "pc-long-away");
    says(&agent, "a technician has to approve that this PC comes back");
    let all = devices(&collector);
    assert_eq!(
        (all.len(), &all[0]["status"]),
        (1, &Value::from("pending")),
        "{all:?}"
    );
    // Nothing of it is taken before a person said so.
    let id = agent.device().unwrap();
    let shown = collector.cli(&["device", "show", &id]).unwrap();
    assert_eq!(shown["items"]["software"], 3, "{shown:#}");
    collector.cli(&["device", "approve", &id]).unwrap();
    // It asks again within ten minutes; started anew, at once.
    agent.program().stop().unwrap();
    agent.restart(&collector, &pc).unwrap();
    reported(&collector, &agent);
    assert_eq!(agent.device().unwrap(), id);
}

#[test]
fn a_certificate_past_its_half_life_is_renewed_while_the_session_lives() {
    let test = "a_certificate_past_its_half_life_is_renewed_while_the_session_lives";
    if !need::program(test, "faketime") {
        return;
    }
    let (collector, agent, _pc) = back_after("-20d", "pc-half");
    reported(&collector, &agent);
    let ends = |row: &Value| row["certificate_ends_at"].as_str().unwrap().to_owned();
    let soon = program::run("date", ["-u", "-d", "+25 days", "+%Y-%m-%dT%H:%M:%SZ"]).unwrap();
    let renewed = eventually("the certificate to be renewed", PATIENCE, || {
        Ok((ends(&devices(&collector)[0]) > soon).then_some(()))
    });
    renewed.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    // The one before is gone only once the new one has worked.
    eventually("the new one to have worked", PATIENCE, || {
        Ok((!agent.state().join("previous").exists()).then_some(()))
    })
    .unwrap();
}
