//! What is said only after it is durable, read from the kernel's own order of events: the collector's
//! acknowledgement comes after the sync of its log, the agent's record is sent after the sync of its outbox.

use std::time::{Duration, SystemTime};

use deskwarden_tests::{
    agent::Agent,
    collector::Setup,
    need,
    pc::Pc,
    sim::{Fleet, Oracle, Plan},
    strace::{Call, SENDS, Strace},
    wait::{PATIENCE, eventually},
};

/// Smaller than any frame that says something: acknowledgements of HTTP/2 itself and its windows are at most 40
/// bytes with their encryption.
const SAYS: i64 = 50;
const ROUNDS: usize = 12;

/// When a change was made, and when it had been acknowledged.
type Window = (f64, f64);

fn now() -> f64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64()
}

/// How many calls of each window said something, all of them after a write to `file` and its sync.
fn said_after_sync(calls: &[Call], windows: &[Window], file: &str) -> Result<Vec<usize>, String> {
    let on = |call: &Call| call.on().is_some_and(|name| name.ends_with(file));
    windows
        .iter()
        .map(|(from, to)| {
            let inside: Vec<&Call> = calls.iter().filter(|c| c.at >= *from && c.at <= *to).collect();
            let written = inside
                .iter()
                .find(|call| matches!(call.name.as_str(), "write" | "pwrite64") && on(call))
                .ok_or("nothing was written")?;
            let synced = inside
                .iter()
                .find(|call| call.syncs() && on(call) && call.begin > written.begin && call.result == 0)
                .ok_or("nothing was synced")?;
            let said: Vec<_> = inside.iter().filter(|c| c.sends() && c.result >= SAYS).collect();
            match said.iter().find(|call| call.begin < synced.end) {
                Some(early) => Err(format!("said before it was durable: {early:?}, {synced:?}")),
                None if said.is_empty() => Err("nothing was said".to_owned()),
                None => Ok(said.len()),
            }
        })
        .collect()
}

#[test]
fn an_acknowledgement_is_sent_after_the_log_was_synced() {
    if !need::program("an_acknowledgement_is_sent_after_the_log_was_synced", "strace") {
        return;
    }
    let mut collector = Setup::new().unwrap().start().unwrap();
    let mut fleet = Fleet::enrol(Plan { agents: 1, seed: 3 }, &collector).unwrap();
    fleet.start().unwrap();
    fleet.settle().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tracer = Strace::new(
        &folder.path().join("log"),
        &format!("pwrite64,fdatasync,fsync,{SENDS}"),
    );
    collector.trace(Some(tracer.clone()));
    collector.restart().unwrap();
    fleet.mutate(1).unwrap();
    fleet.settle().unwrap();
    let windows: Vec<Window> = (0..ROUNDS)
        .map(|_| {
            let from = now();
            fleet.mutate(1).unwrap();
            fleet.settle().unwrap();
            (from, now())
        })
        .collect();
    // One more, that the kill does not cut off what the tracer still has to write of the last one.
    fleet.mutate(1).unwrap();
    fleet.settle().unwrap();
    let id = collector.program().id();
    collector.program().kill().unwrap();
    let calls = tracer.calls(id).unwrap();
    let said = said_after_sync(&calls, &windows, "deskwarden.db-wal").unwrap();
    eprintln!(
        "{} acknowledgements, each after the sync of its commit",
        said.len()
    );
}

#[test]
fn a_record_is_sent_after_the_outbox_was_synced() {
    if !need::program("a_record_is_sent_after_the_outbox_was_synced", "strace") {
        return;
    }
    let collector = Setup::new().unwrap().start().unwrap();
    let pc = Pc::new("pc-order").unwrap();
    let mut agent = Agent::start(&collector, &pc).unwrap();
    collector.finding("pc.unregistered", "pc-order", "open").unwrap();
    agent.program().stop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tracer = Strace::new(&folder.path().join("log"), &format!("fdatasync,fsync,{SENDS}"));
    agent.restart_under(Some(&tracer), &collector, &pc).unwrap();
    let oracle = Oracle::on(&collector.data()).unwrap();
    let device = super::only_device(&oracle);
    let windows: Vec<Window> = (0..ROUNDS / 2)
        .map(|round| {
            let before = oracle.lines(device).unwrap();
            let from = now();
            pc.write(
                "etc/environment",
                &format!("http_proxy=http://10.9.9.{round}:1080\n"),
            )
            .unwrap();
            eventually("the change", PATIENCE, || {
                Ok((oracle.lines(device)? > before).then_some(()))
            })
            .unwrap();
            (from, now())
        })
        .collect();
    let id = agent.program().id();
    agent.program().kill().unwrap();
    let calls = tracer.calls(id).unwrap();
    // The first window may hold what the start still had to say.
    // Another change of the PC may end the wait for this one, whose record then falls between two windows; and a
    // record that was durable before may be sent in a window, before this one is. Whoever sends too early does it in
    // every window.
    let mut others = 0;
    let mut said = Vec::new();
    for window in &windows[1..] {
        match said_after_sync(&calls, &[*window], "outbox.journal") {
            Ok(sent) => said.extend(sent),
            Err(why) if why == "nothing was written" => {}
            Err(why) => {
                others += 1;
                assert!(others < 2, "{why}");
            }
        }
    }
    assert!(said.len() >= 2, "{said:?}");
    eprintln!("{} records, each after the sync of the outbox", said.len());
}

#[test]
fn an_early_word_is_seen() {
    let call = |name: &str, line: usize, on: &str, result: i64| Call {
        name: name.to_owned(),
        begin: line,
        end: line,
        at: Duration::from_secs(line as u64).as_secs_f64(),
        arguments: format!("3<{on}>, ..."),
        result,
    };
    let honest = [
        call("pwrite64", 1, "/x-wal", 9),
        call("fdatasync", 2, "/x-wal", 0),
        call("writev", 3, "TCP:[a->b]", 80),
    ];
    assert_eq!(said_after_sync(&honest, &[(0.0, 9.0)], "-wal"), Ok(vec![1]));
    let early = [
        call("pwrite64", 1, "/x-wal", 9),
        call("writev", 2, "TCP:[a->b]", 80),
        call("fdatasync", 3, "/x-wal", 0),
    ];
    said_after_sync(&early, &[(0.0, 9.0)], "-wal").unwrap_err();
    said_after_sync(&honest[..1], &[(0.0, 9.0)], "-wal").unwrap_err();
    said_after_sync(&honest[..2], &[(0.0, 9.0)], "-wal").unwrap_err();
}
