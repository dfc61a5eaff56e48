//! Those who mean harm beside those who work: thousands of connections that stay half open, and an agent that sends as
//! fast as it can. Windows without and with them take turns on one machine, and the figure is the ratio of both.

use std::time::{Duration, Instant};

use deskwarden_tests::{
    collector::{Collector, Setup},
    crowd::{CROWD, Crowd},
    faults, need,
    sim::{Device, Fleet, Flood, Oracle, Plan},
    wait::{PATIENCE, eventually},
};

/// Agents that work, one change after the other.
const AGENTS: u32 = 8;
/// Changes of each in one window: short enough that the collector does not send a crowd away in it.
const CHANGES: usize = 12;
/// Windows of each kind. What is told is of all of them together: of a hundred acknowledgements the slowest one is chance.
const ROUNDS: usize = 12;
/// How often a window may be taken again because the collector had sent the crowd away meanwhile.
const AGAIN: usize = 20;
/// What an acknowledgement may take beside a crowd, at the 99th percentile, as a multiple of the slower one of the windows
/// without. What is aimed at is 1.1; the rest is what a machine that others use as well adds by chance.
const SLOWER_BESIDE_CROWD: f64 = 1.5;
/// The same beside an agent that floods. What it may send is judged and written, and by a build for tests slowly.
const SLOWER_BESIDE_FLOOD: f64 = 2.0;

fn office(seed: u64) -> (Collector, Fleet) {
    let collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(
        Plan {
            agents: AGENTS + 1,
            seed,
        },
        &collector,
    )
    .unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    (collector, fleet)
}

/// One change of each agent: from the change to its acknowledgement.
fn changed(fleet: &Fleet) -> Vec<Duration> {
    let each = fleet.agents.iter().map(|agent| {
        let began = Instant::now();
        fleet
            .wait(async {
                agent.mutate().await?;
                agent.settled().await
            })
            .unwrap();
        began.elapsed()
    });
    each.collect()
}

/// A window, after changes that nobody counts: what came before it is over by then.
fn window(fleet: &Fleet) -> Vec<Duration> {
    changed(fleet);
    (0..CHANGES).flat_map(|_| changed(fleet)).collect()
}

/// The same, and it counts only if the collector held all of the crowd from its beginning to its end.
fn window_beside(fleet: &Fleet, collector: &mut Collector, alone: usize) -> Vec<Duration> {
    let (process, port) = (collector.program().id(), port(collector));
    let held = |crowd: &str, wanted: &dyn Fn(usize) -> bool| {
        eventually(crowd, PATIENCE, || {
            Ok(wanted(Crowd::held_by(process)?).then_some(()))
        })
        .unwrap();
    };
    let whole = |sockets: usize| sockets >= alone + usize::from(CROWD);
    let mut again = (0..AGAIN).filter_map(|_| {
        let crowd = Crowd::around(port);
        held("the collector to hold the crowd", &whole);
        let times = window(fleet);
        let counts = whole(Crowd::held_by(process).unwrap());
        drop(crowd);
        held("the crowd to be gone", &|sockets| sockets <= alone);
        counts.then_some(times)
    });
    // None: the crowd is sent away faster than agents work.
    again.next().unwrap()
}

/// Acknowledgements of all windows: without who means harm, beside them, and without again.
#[derive(Default)]
struct Windows {
    before: Vec<Duration>,
    beside: Vec<Duration>,
    after: Vec<Duration>,
}

impl Windows {
    fn percentile(times: &[Duration], share: f64) -> f64 {
        let mut times = times.to_vec();
        times.sort();
        times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
    }

    /// As a sentence. How much the windows without differ among themselves is what chance does.
    fn told(&self) -> String {
        let of = |share: f64| {
            let without: Vec<Duration> = self.before.iter().chain(&self.after).copied().collect();
            let alone = Self::percentile(&without, share);
            let beside = Self::percentile(&self.beside, share);
            let chance = Self::percentile(&self.after, share) / Self::percentile(&self.before, share);
            format!(
                "{alone:.1} → {beside:.1} ms ({:+.0} %; windows without differ by {:.0} %)",
                (beside / alone - 1.0) * 100.0,
                (chance - 1.0).abs() * 100.0,
            )
        };
        format!(
            "p50 {}, p99 {}; {ROUNDS} windows without, with and without in turn, {} acknowledgements of each kind",
            of(0.5),
            of(0.99),
            self.beside.len()
        )
    }

    fn assert_fair(&self, most: f64) {
        let p99 = |times| Self::percentile(times, 0.99);
        let slower = p99(&self.beside) / p99(&self.before).max(p99(&self.after));
        assert!(
            slower <= most,
            "{slower:.2} times as slow as without: {}",
            self.told()
        );
    }
}

fn port(collector: &Collector) -> std::net::SocketAddr {
    collector
        .agents()
        .unwrap()
        .trim_start_matches("https://")
        .parse()
        .unwrap()
}

/// Nothing of those who work was lost, and the process is the one that it was.
fn unharmed(collector: &mut Collector, fleet: &Fleet, process: u32) {
    assert_eq!(collector.program().id(), process);
    assert!(!collector.program().is_over().unwrap(), "{}", collector.log());
    Oracle::on(&collector.data()).unwrap().agrees(fleet).unwrap();
}

#[test]
fn half_open_connections_do_not_slow_others_down() {
    let test = "half_open_connections_do_not_slow_others_down";
    if !Crowd::is_possible() {
        need::missing(
            test,
            "the system allows fewer than 12,000 open files (ulimit -Hn)",
        );
        return;
    }
    let (mut collector, fleet) = office(92);
    let process = collector.program().id();
    window(&fleet);
    let alone = Crowd::held_by(process).unwrap();
    let mut windows = Windows::default();
    for _ in 0..ROUNDS {
        windows.before.extend(window(&fleet));
        windows
            .beside
            .extend(window_beside(&fleet, &mut collector, alone));
        windows.after.extend(window(&fleet));
    }
    unharmed(&mut collector, &fleet, process);
    let told = windows.told();
    faults::tell(
        "hostile",
        &format!("beside {CROWD} half-open connections, counted in the collector: {told}"),
    );
    windows.assert_fair(SLOWER_BESIDE_CROWD);
}

#[test]
fn an_agent_that_sends_as_fast_as_it_can_slows_nobody_down() {
    let (mut collector, mut fleet) = office(89);
    let process = collector.program().id();
    let place = fleet.place().clone();
    let mut agent = fleet.agents.pop().unwrap();
    let mut flood = Flood::of(fleet.wait(Device::take_over(&mut agent, &place)).unwrap());
    window(&fleet);
    let mut records = Vec::new();
    let mut windows = Windows::default();
    for _ in 0..ROUNDS {
        windows.before.extend(window(&fleet));
        flood.begin(&fleet.wait(async { tokio::runtime::Handle::current() }));
        windows.beside.extend(window(&fleet));
        records.push(fleet.wait(flood.end()).unwrap());
        windows.after.extend(window(&fleet));
    }
    let own = CHANGES as u64 * fleet.agents.len() as u64;
    assert!(
        records.iter().sum::<u64>() > own * ROUNDS as u64,
        "it flooded: {records:?} records beside {own} each time"
    );
    unharmed(&mut collector, &fleet, process);
    let told = windows.told();
    faults::tell(
        "flood",
        &format!("beside an agent of which {records:?} records were taken, window by window: {told}"),
    );
    windows.assert_fair(SLOWER_BESIDE_FLOOD);
}
