//! Those who mean harm beside those who work: thousands of connections that stay half open, and an agent that sends as
//! fast as it can. Rounds without and with them take turns on one machine, and the figure is the ratio of neighbours.

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
/// Changes of each in one round.
const CHANGES: usize = 25;
/// Rounds of each kind, after one that nobody counts.
const ROUNDS: usize = 6;
/// How often changes may be made again because the collector had sent the crowd away meanwhile.
const AGAIN: usize = 20;

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

fn round(fleet: &Fleet) -> Vec<Duration> {
    (0..CHANGES).flat_map(|_| changed(fleet)).collect()
}

/// The same, and every change counts only if the collector held all of the crowd before and after it.
fn round_beside(fleet: &Fleet, collector: &mut Collector, alone: usize) -> Vec<Duration> {
    let (process, port) = (collector.program().id(), port(collector));
    let held = |crowd: &str, wanted: &dyn Fn(usize) -> bool| {
        eventually(crowd, PATIENCE, || {
            Ok(wanted(Crowd::held_by(process)?).then_some(()))
        })
        .unwrap();
    };
    let whole = |sockets: usize| sockets >= alone + usize::from(CROWD);
    let mut crowd = None;
    let (mut times, mut again) = (Vec::new(), 0);
    while times.len() < CHANGES * fleet.agents.len() {
        let _ = crowd.get_or_insert_with(|| {
            let crowd = Crowd::around(port);
            held("the collector to hold the crowd", &whole);
            crowd
        });
        let more = changed(fleet);
        if whole(Crowd::held_by(process).unwrap()) {
            times.extend(more);
            continue;
        }
        crowd = None;
        again += 1;
        assert!(again < AGAIN, "the crowd is sent away faster than agents work");
        held("the crowd to be gone", &|sockets| sockets <= alone);
    }
    drop(crowd);
    held("the crowd to be gone", &|sockets| sockets <= alone);
    times
}

fn percentile(times: &[Duration], share: f64) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    f64::midpoint(values[half], values[(values.len() - 1) / 2])
}

/// Pairs of rounds, as a sentence: medians, and between which ratios the pairs were.
fn told(pairs: &[(Vec<Duration>, Vec<Duration>)]) -> String {
    let of = |share: f64| {
        let figures: Vec<(f64, f64)> = pairs
            .iter()
            .map(|(alone, beside)| (percentile(alone, share), percentile(beside, share)))
            .collect();
        let mut ratios: Vec<f64> = figures
            .iter()
            .map(|(alone, beside)| (beside / alone - 1.0) * 100.0)
            .collect();
        ratios.sort_by(f64::total_cmp);
        format!(
            "{:.1} → {:.1} ms ({:+.0} %, in single rounds {:+.0} to {:+.0} %)",
            median(figures.iter().map(|(alone, _)| *alone).collect()),
            median(figures.iter().map(|(_, beside)| *beside).collect()),
            median(ratios.clone()),
            ratios[0],
            ratios[ratios.len() - 1],
        )
    };
    format!(
        "p50 {}, p99 {}; medians of {} rounds with and without in turn, {} acknowledgements each",
        of(0.5),
        of(0.99),
        pairs.len(),
        pairs[0].0.len()
    )
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
    round(&fleet);
    let alone = Crowd::held_by(process).unwrap();
    let pairs: Vec<_> = (0..ROUNDS)
        .map(|_| (round(&fleet), round_beside(&fleet, &mut collector, alone)))
        .collect();
    unharmed(&mut collector, &fleet, process);
    faults::tell(
        "hostile",
        &format!(
            "beside {CROWD} half-open connections, counted in the collector: {}",
            told(&pairs)
        ),
    );
}

#[test]
fn an_agent_that_sends_as_fast_as_it_can_slows_nobody_down() {
    let (mut collector, mut fleet) = office(89);
    let process = collector.program().id();
    let place = fleet.place().clone();
    let mut agent = fleet.agents.pop().unwrap();
    let mut flood = Flood::of(fleet.wait(Device::take_over(&mut agent, &place)).unwrap());
    round(&fleet);
    let mut records = Vec::new();
    let pairs: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let alone = round(&fleet);
            flood.begin(&fleet.wait(async { tokio::runtime::Handle::current() }));
            let beside = round(&fleet);
            records.push(fleet.wait(flood.end()).unwrap());
            (alone, beside)
        })
        .collect();
    let own = CHANGES as u64 * fleet.agents.len() as u64;
    assert!(
        records.iter().all(|taken| *taken > own),
        "it flooded in every round: {records:?} records beside {own}"
    );
    unharmed(&mut collector, &fleet, process);
    let mean = records.iter().sum::<u64>() / records.len() as u64;
    faults::tell(
        "flood",
        &format!(
            "beside an agent of which {mean} records were taken in a round: {}",
            told(&pairs)
        ),
    );
}
