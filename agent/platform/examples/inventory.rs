//! Prints what every source of this machine gives: one line per source, with `--facts` every fact, with
//! `--rescan` what a second look costs where nothing changed, with `--watch` the kernel's events. Times are CPU. A technician's look at the platform without an agent.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use deskwarden_platform::{Root, Source, kernel_events, sources};
use deskwarden_proto::{
    describe::to_json,
    v1::{Look, facet::Kind},
};

fn main() {
    let options: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let root = options
        .iter()
        .find(|o| !o.starts_with("--"))
        .map_or_else(Root::host, |path| Root::at(path.as_str()));
    let all = sources();
    let begin = cpu_us();
    for source in &all {
        let start = cpu_us();
        let reading = source.read(&root);
        println!(
            "{:?}/{}: {:?}, {} facts, {} us, {} watches, stamp {:?} {}",
            reading.section,
            reading.source,
            reading.look,
            reading.facts.len(),
            cpu_us() - start,
            source.watches(&root).len(),
            source.stamp(&root),
            reading.reason,
        );
        if reading.look == Look::Unspecified || !has("--facts") {
            continue;
        }
        for fact in reading.facts {
            let json = match &fact.facet.kind {
                Some(Kind::Os(facet)) => to_json(facet, false),
                Some(Kind::Part(facet)) => to_json(facet, false),
                Some(Kind::Software(facet)) => to_json(facet, false),
                Some(Kind::Network(facet)) => to_json(facet, false),
                Some(Kind::Proxy(facet)) => to_json(facet, false),
                Some(Kind::Process(facet)) => to_json(facet, false),
                Some(Kind::Listener(facet)) => to_json(facet, false),
                Some(Kind::Account(facet)) => to_json(facet, false),
                Some(Kind::Logon(facet)) => to_json(facet, false),
                Some(Kind::Security(facet)) => to_json(facet, false),
                Some(Kind::Share(facet)) => to_json(facet, false),
                Some(Kind::Media(facet)) => to_json(facet, false),
                Some(Kind::Neighbour(facet)) => to_json(facet, false),
                Some(Kind::Egress(facet)) => to_json(facet, false),
                Some(Kind::Health(facet)) => to_json(facet, false),
                None => continue,
            };
            println!(
                "  {} [{}] {json} {}",
                fact.key,
                fact.principal,
                to_json(&fact.local, false)
            );
        }
    }
    println!("total {} us", cpu_us() - begin);
    if has("--rescan") {
        rescan(&all, &root);
    }
    if has("--watch") {
        match kernel_events() {
            Ok(events) => events.for_each(|batch| println!("{batch:?}")),
            Err(why) => println!("{why}"),
        }
    }
}

/// As the agent does it: a source with an equal stamp is not read.
fn rescan(all: &[Box<dyn Source>], root: &Root) {
    let stamps: Vec<Option<u64>> = all.iter().map(|source| source.stamp(root)).collect();
    let begin = cpu_us();
    for (source, before) in all.iter().zip(stamps) {
        let start = cpu_us();
        let stamp = source.stamp(root);
        let read = stamp.is_none() || stamp != before;
        if read {
            source.read(root);
        }
        let id = source.id();
        let took = cpu_us() - start;
        println!(
            "again {:?}/{}: {took} us{}",
            id.section,
            id.source,
            if read { ", read" } else { "" }
        );
    }
    println!("again {} us", cpu_us() - begin);
}

/// CPU that this program took so far, in microseconds.
fn cpu_us() -> i64 {
    let taken = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    taken.tv_sec * 1_000_000 + taken.tv_nsec / 1_000
}
