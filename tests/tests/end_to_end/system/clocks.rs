//! PCs whose clocks are wrong, by a day or by ten years, either way: they enrol, report and renew like any other. Only at
//! its very first contact is a PC refused whose clock is past the end of the collector's certificate: nobody has told it
//! the time yet, and who holds a certificate that ended must not take its token.

use std::{fs, path::Path};

use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    faults, need,
    pc::Pc,
    program::{self, Stream},
    wait::{PATIENCE, eventually},
};

/// How wrong a clock is when the PC enrols, twenty days ago; how wrong it is today, for the wrapper and for `date`.
const SHIFTS: [(&str, &str, &str); 4] = [
    ("-21d", "-1d", "-1 day"),
    ("-19d", "+1d", "+1 day"),
    ("-3670d", "-3650d", "-3650 days"),
    (RIGHT, "+3650d", "+3650 days"),
];
/// The clock of everybody twenty days ago.
const RIGHT: &str = "-20d";
/// Ten years ahead of that.
const AHEAD: &str = "+3630d";

/// A PC and its agent.
struct Desk {
    pc: Pc,
    agent: Agent,
    device: String,
}

fn enrolled(shift: &str, collector: &Collector) -> Desk {
    let pc = Pc::new(&format!("pc-clock{shift}")).unwrap();
    let agent = if shift == RIGHT {
        set_right(Agent::start_at(AHEAD, collector, &pc).unwrap(), collector, &pc)
    } else {
        Agent::start_at(shift, collector, &pc).unwrap()
    };
    let device = eventually("an identity", PATIENCE, || agent.device().map(Some))
        .unwrap_or_else(|error| panic!("{shift}: {error:#}\n{}{}", agent.log(), collector.log()));
    Desk { pc, agent, device }
}

/// An agent that says why it is refused; with the same token again, now that its clock is right.
fn set_right(mut agent: Agent, collector: &Collector, pc: &Pc) -> Agent {
    let program = agent.program();
    eventually("the reason", PATIENCE, || {
        let lines = program.lines(Stream::Err);
        let told = |line: &String| line.contains("not enrolled yet") && line.contains("certificate expired");
        Ok(lines.iter().any(told).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}", program.log()));
    program.stop().unwrap();
    let state = agent.copy().unwrap();
    let mut command = program::at(RIGHT, "deskwarden-agent").unwrap();
    command
        .arg("run")
        .arg("--token-file")
        .arg(state.path().join("token"));
    Agent::start_with(command, collector, pc.path(), state).unwrap()
}

/// Waits until the collector knows so many packages of it.
fn packages(collector: &Collector, desk: &Desk, count: u64) {
    let what = format!("{count} packages of {}", desk.device);
    eventually(&what, PATIENCE, || {
        let shown = collector.cli(&["device", "show", &desk.device])?;
        Ok((shown["items"]["software"] == count).then_some(()))
    })
    .unwrap_or_else(|error| panic!("{error:#}\n{}{}", desk.agent.log(), collector.log()));
}

fn install(pc: &Pc, name: &str) {
    let status = fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
    let package = format!(
        "{status}\nPackage: {name}\nStatus: install ok installed\nPriority: optional\nSection: editors\n\
         Installed-Size: 1\nMaintainer: A <a@office.example>\nArchitecture: amd64\nVersion: 1.0\nDescription: {name}\n"
    );
    pc.write("var/lib/dpkg/status", &package).unwrap();
}

/// Its certificate; not there for a moment while another one takes its place.
fn chain(state: &Path) -> std::io::Result<String> {
    fs::read_to_string(state.join("identity/chain.pem"))
}

/// The day of a clock that is off by so much, as lines of a log begin.
fn day(shift: &str) -> String {
    let day = program::run("date", ["-u", "-d", shift, "+%Y-%m-%d"]).unwrap();
    format!("\"timestamp\":\"{}", day.trim())
}

#[test]
fn a_clock_that_is_wrong_by_a_day_or_by_ten_years_enrols_reports_and_renews() {
    let test = "a_clock_that_is_wrong_by_a_day_or_by_ten_years_enrols_reports_and_renews";
    if !need::program(test, "faketime") {
        return;
    }
    // Twenty days ago, so that certificates are past their half today.
    let mut collector = Setup::new().unwrap().clock("-20d").start().unwrap();
    let mut desks: Vec<Desk> = SHIFTS
        .iter()
        .map(|(shift, ..)| enrolled(shift, &collector))
        .collect();
    for desk in &mut desks {
        packages(&collector, desk, 3);
        install(&desk.pc, "gimp");
        packages(&collector, desk, 4);
        desk.agent.program().stop().unwrap();
    }
    collector.restart_today().unwrap();
    for (desk, (_, shift, told)) in desks.iter_mut().zip(SHIFTS) {
        let before = chain(desk.agent.state()).unwrap();
        let days = day(told);
        let command = program::at(shift, "deskwarden-agent").unwrap();
        desk.agent.restart_by(command, &collector, &desk.pc).unwrap();
        eventually("the certificate to be renewed", PATIENCE, || {
            let state = desk.agent.state();
            Ok((chain(state)? != before && !state.join("previous").exists()).then_some(()))
        })
        .unwrap_or_else(|error| panic!("{shift}: {error:#}\n{}", desk.agent.log()));
        install(&desk.pc, "vim");
        packages(&collector, desk, 5);
        assert_eq!(desk.agent.device().unwrap(), desk.device, "{shift}");
        let log = desk.agent.log();
        assert!(log.contains(&days) || log.contains(&day(told)), "{shift}: {log}");
        desk.agent.program().stop().unwrap();
    }
    let known = collector.cli(&["device", "list"]).unwrap();
    assert_eq!(known.as_array().unwrap().len(), desks.len(), "{known:#}");
    faults::tell(
        "clocks",
        "4 PCs (a day and ten years, behind and ahead) enrolled, reported, and renewed as the same devices; ten years ahead, the first contact had to wait for the right time",
    );
}
