//! The power fails: what was not synced is gone, whatever the page cache held. The traces of real runs say what was
//! written and synced; at many moments of them the disk is put together as a power cut leaves it, and opened.

use std::path::Path;

use deskwarden_agent::{
    disk::Folder,
    identity::Store,
    outbox::{Bounds, Opened, Outbox},
};
use deskwarden_tests::{
    agent::Agent,
    collector::Setup,
    folder::copy,
    need,
    pc::Pc,
    power::{Disk, Syncs},
    sim::{Fleet, Oracle, Plan, fleet::Promise},
    strace::{Call, FILES, Strace},
    wait::{PATIENCE, eventually},
};

/// Visits `cuts` seeded moments of a trace, the last one always: an image of the folder, the time of the cut, and
/// what comes of looking at it.
fn cut<T>(
    calls: &[Call],
    (was, folder): (&Path, &Path),
    syncs: Syncs,
    cuts: usize,
    mut look: impl FnMut(&Path, f64) -> T,
) -> Vec<T> {
    let mut rng = fastrand::Rng::with_seed(9);
    let mut done: Vec<&Call> = calls.iter().collect();
    // A call has done its work when it has ended.
    done.sort_by_key(|call| call.end);
    let changes = done.len();
    let mut moments: Vec<usize> = (1..cuts).map(|_| rng.usize(0..changes)).collect();
    moments.push(changes);
    moments.sort_unstable();
    let mut disk = Disk::new(was, folder, syncs).unwrap();
    let mut followed = 0;
    let mut seen = Vec::new();
    for moment in moments {
        for call in &done[followed..moment] {
            disk.follow(call).unwrap();
        }
        followed = moment;
        let at = done.get(moment).map_or(f64::MAX, |call| call.at);
        let image = tempfile::tempdir().unwrap();
        disk.fail(&mut rng, image.path()).unwrap();
        seen.push(look(image.path(), at));
    }
    seen
}

fn cuts() -> usize {
    if need::soak() { 200 } else { 20 }
}

#[test]
fn a_collector_without_power_loses_nothing_that_it_acknowledged() {
    if !need::program(
        "a_collector_without_power_loses_nothing_that_it_acknowledged",
        "strace",
    ) {
        return;
    }
    let mut collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 12, seed: 70 }, &collector).unwrap();
    collector.program().stop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    copy(&collector.data(), &before).unwrap();
    let tracer = Strace::new(&folder.path().join("log"), FILES).with_contents();
    collector.trace(Some(tracer.clone()));
    collector.restart().unwrap();
    collector.trace(None);
    fleet.start().unwrap();
    let promises = fleet.promises();
    for _ in 0..4 {
        fleet.mutate(1).unwrap();
    }
    fleet.settle().unwrap();
    let id = collector.program().id();
    collector.program().kill().unwrap();
    let calls = tracer.calls(id).unwrap();
    let promises = promises.lock().unwrap().clone();
    let data = collector.data();
    let holds = |image: &Path, at: f64| {
        let heard = promises.iter().filter(|promise| promise.at < at);
        let promised: Vec<_> = heard
            .map(|Promise { device, sequence, .. }| (*device, *sequence))
            .collect();
        Oracle::on(image)?.holds(&promised).map(|()| promised.len())
    };
    let held = cut(&calls, (&before, &data), Syncs::Honest, cuts(), holds);
    let held: Vec<usize> = held.into_iter().collect::<Result<_, _>>().unwrap();
    eprintln!(
        "{} power cuts, up to {:?} promises held",
        held.len(),
        held.iter().max()
    );
    assert!(held.iter().max() > Some(&24), "nothing was promised: {held:?}");

    // The twin: a disk that lies loses what was promised.
    let lied = cut(&calls, (&before, &data), Syncs::Ignored, cuts(), holds);
    assert!(lied.iter().any(Result::is_err), "this would not see a loss");

    // The real collector goes on with what is left, and nobody notices.
    let image = tempfile::tempdir().unwrap();
    cut(&calls, (&before, &data), Syncs::Honest, 1, |left, _| {
        copy(left, image.path()).unwrap()
    });
    collector.restore(image.path()).unwrap();
    collector.restart().unwrap();
    fleet.mutate(1).unwrap();
    fleet.settle().unwrap();
    Oracle::on(&collector.data()).unwrap().agrees(&fleet).unwrap();
}

#[test]
fn an_agent_without_power_loses_nothing_that_it_sent() {
    if !need::program("an_agent_without_power_loses_nothing_that_it_sent", "strace") {
        return;
    }
    let collector = Setup::new().unwrap().start().unwrap();
    let pc = Pc::new("pc-power").unwrap();
    let mut agent = Agent::start(&collector, &pc).unwrap();
    collector.finding("pc.unregistered", "pc-power", "open").unwrap();
    agent.program().stop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    copy(agent.state(), &before).unwrap();
    let tracer = Strace::new(&folder.path().join("log"), FILES).with_contents();
    agent.restart_under(Some(&tracer), &collector, &pc).unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    let device = super::only_device(&oracle);
    let mut received = Vec::new();
    for round in 0..8 {
        let lines = oracle.lines(device).unwrap();
        pc.write(
            "etc/environment",
            &format!("http_proxy=http://10.9.9.{round}:1080\n"),
        )
        .unwrap();
        eventually("the change", PATIENCE, || {
            Ok((oracle.lines(device)? > lines).then_some(()))
        })
        .unwrap();
        let at = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
        received.push((at, oracle.applied(device).unwrap()));
    }
    let id = agent.program().id();
    agent.program().kill().unwrap();
    let calls = tracer.calls(id).unwrap();
    let state = agent.state().to_owned();
    let mut tails = 0;
    let mut holds = |image: &Path, at: f64| {
        let store = Store::open(image)?;
        let identity = store
            .load()?
            .ok_or_else(|| anyhow::anyhow!("the identity is gone"))?;
        let outbox = Folder::new(image.join("outbox"));
        let (outbox, opened) = Outbox::open(outbox, &identity.device.to_string(), Bounds::default())?;
        anyhow::ensure!(
            matches!(opened, Opened::Kept | Opened::TailCut { .. }),
            "{opened:?}"
        );
        tails += usize::from(opened != Opened::Kept);
        let arrived = received
            .iter()
            .filter(|(time, _)| *time < at)
            .map(|(_, sequence)| *sequence)
            .max();
        let enqueued = outbox.position().enqueued;
        anyhow::ensure!(
            Some(enqueued) >= arrived,
            "{enqueued} in the outbox, {arrived:?} arrived"
        );
        Ok(enqueued)
    };
    let held = cut(&calls, (&before, &state), Syncs::Honest, cuts(), &mut holds);
    let held: Vec<u64> = held.into_iter().collect::<Result<_, _>>().unwrap();
    let lied = cut(&calls, (&before, &state), Syncs::Ignored, cuts(), &mut holds);
    assert!(lied.iter().any(Result::is_err), "this would not see a loss");
    eprintln!(
        "{} power cuts, {tails} with a write cut short, outboxes up to {:?}",
        held.len(),
        held.iter().max()
    );
}
