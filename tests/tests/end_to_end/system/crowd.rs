//! Thousands that connect and say nothing: an office PC enrols and is judged beside them, by the same process.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use deskwarden_tests::{agent::Agent, collector::Setup, need, pc::Pc, program::Stream};
use rustix::{
    net::{AddressFamily, SocketType, bind, connect, socket},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// Connections that stay half open.
const CROWD: u16 = 5_000;
/// Addresses that they come from: the cap of one address must not be what saves the day.
const ADDRESSES: u16 = 5;

/// A connection from another address of this machine.
fn from(number: u8, to: SocketAddr) -> TcpStream {
    let made = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&made, &SocketAddr::from((Ipv4Addr::new(127, 0, 0, number), 0))).unwrap();
    connect(&made, &to).unwrap();
    TcpStream::from(made)
}

#[test]
fn five_thousand_half_open_connections_keep_nobody_out() {
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|most| most < 12_000) {
        need::missing(
            "five_thousand_half_open_connections_keep_nobody_out",
            "the system allows fewer than 12,000 open files (ulimit -Hn)",
        );
        return;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let mut collector = Setup::new().unwrap().start().unwrap();
    let before = collector.program().id();
    let port: SocketAddr = collector
        .agents()
        .unwrap()
        .trim_start_matches("https://")
        .parse()
        .unwrap();
    let pc = Pc::new("pc-crowd").unwrap();
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        crowd.push(from(2 + u8::try_from(number % ADDRESSES).unwrap(), port));
    }
    let agent = Agent::start(&collector, &pc).unwrap();
    let judged = collector.finding("pc.unregistered", "pc-crowd", "open");
    judged.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    // One try was enough, and nobody was restarted.
    assert!(!agent.log().contains("not enrolled yet"), "{}", agent.log());
    assert_eq!(collector.program().id(), before);
    assert!(!collector.program().is_over().unwrap());
    let lines = collector.program().lines(Stream::Err);
    assert!(!lines.iter().any(|line| line.contains("ERROR")), "{lines:?}");
}
