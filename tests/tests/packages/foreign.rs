//! The agent for aarch64, run by `qemu-user` with Debian's C library for that processor.

use std::{ffi::OsStr, path::Path, process::Command};

use deskwarden_tests::{
    agent::Agent,
    collector::Setup,
    need,
    packages::{Packages, Processor, Product},
    pc::Pc,
    program,
};
use serde_json::Value;

const QEMU: &str = "qemu-aarch64-static";
/// Where Debian puts the libraries of the other processor.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";

fn can_run(test: &str) -> bool {
    (Processor::of_this_machine() == Some(Processor::X86_64)
        || need::missing(test, "it compares with x86_64, which this machine is not"))
        && need::program(test, QEMU)
        && (Path::new(LIBRARIES).join("lib/libc.so.6").exists()
            || need::missing(test, "libc6-arm64-cross is not installed"))
}

fn under_qemu(agent: &Path) -> Command {
    let mut command = Command::new(QEMU);
    command.args(["-L", LIBRARIES]).arg(agent);
    command
}

fn collected(mut command: Command, root: &Path) -> Value {
    command.args([
        OsStr::new("collect"),
        OsStr::new("--json"),
        OsStr::new("--root"),
        root.as_os_str(),
    ]);
    serde_json::from_str(&program::finish(&mut command).unwrap()).unwrap()
}

#[test]
fn aarch64_sees_the_same_facts_below_the_same_root() {
    let test = "aarch64_sees_the_same_facts_below_the_same_root";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    if !can_run(test) {
        return;
    }
    let pc = Pc::new("pc-arm").unwrap();
    pc.write("home/wang/.gitconfig", "[http]\n\tproxy = http://10.9.9.9:3128\n")
        .unwrap();
    pc.write("etc/environment", "http_proxy=http://10.1.1.1:8080\n")
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (native, foreign) = (folder.path().join("native"), folder.path().join("foreign"));
    let native = packages
        .unpack(Product::Agent, Processor::X86_64, &native)
        .unwrap();
    let foreign = packages
        .unpack(Product::Agent, Processor::Aarch64, &foreign)
        .unwrap();
    let mut here = collected(Command::new(native), pc.path());
    let mut there = collected(under_qemu(&foreign), pc.path());
    let platform = |collected: &mut Value| collected["device"]["platform"].take();
    assert_eq!(platform(&mut here), "linux-x86_64");
    assert_eq!(platform(&mut there), "linux-aarch64");
    assert_eq!(here, there);
    let count = |section: &str| here["sections"][section]["items"].as_array().unwrap().len();
    assert!(
        count("software") >= 3 && count("part") >= 2 && count("proxy") >= 2,
        "{here:#}"
    );
}

#[test]
fn aarch64_enrols_and_reports_over_tls() {
    let test = "aarch64_enrols_and_reports_over_tls";
    let Some(packages) = Packages::of(test) else {
        return;
    };
    if !can_run(test) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = packages
        .unpack(Product::Agent, Processor::Aarch64, folder.path())
        .unwrap();
    let pc = Pc::new("pc-kunpeng").unwrap();
    let collector = Setup::new().unwrap().start().unwrap();
    let mut agent = Agent::start_as(under_qemu(&program), &collector, pc.path()).unwrap();
    let seen = collector.device("the software of the PC", |device| {
        (device["items"]["software"] == 3).then(|| device.clone())
    });
    let seen = seen.unwrap_or_else(|error| panic!("{error:#}\n{}", agent.log()));
    assert_eq!(seen["hostname"], "pc-kunpeng", "{seen:#}");
    assert!(agent.program().stop().unwrap().success());
}
