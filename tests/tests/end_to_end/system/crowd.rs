//! Thousands that connect and say nothing: an office PC enrols and is judged beside them, by the same process.

use std::net::SocketAddr;

use deskwarden_tests::{agent::Agent, collector::Setup, crowd::Crowd, need, pc::Pc, program::Stream};

#[test]
fn five_thousand_half_open_connections_keep_nobody_out() {
    if !Crowd::is_possible() {
        need::missing(
            "five_thousand_half_open_connections_keep_nobody_out",
            "the system allows fewer than 12,000 open files (ulimit -Hn)",
        );
        return;
    }
    let mut collector = Setup::new().unwrap().start().unwrap();
    let before = collector.program().id();
    let port: SocketAddr = collector
        .agents()
        .unwrap()
        .trim_start_matches("https://")
        .parse()
        .unwrap();
    let pc = Pc::new("pc-crowd").unwrap();
    let crowd = Crowd::around(port);
    let agent = Agent::start(&collector, &pc).unwrap();
    let judged = collector.finding("pc.unregistered", "pc-crowd", "open");
    judged.unwrap_or_else(|error| panic!("{error:#}\n{}{}", agent.log(), collector.log()));
    // One try was enough, and nobody was restarted.
    assert!(!agent.log().contains("not enrolled yet"), "{}", agent.log());
    assert_eq!(collector.program().id(), before);
    assert!(!collector.program().is_over().unwrap());
    let lines = collector.program().lines(Stream::Err);
    assert!(!lines.iter().any(|line| line.contains("ERROR")), "{lines:?}");
    drop(crowd);
}
