//! Prints what every source of this machine gives: one line per source, with `--facts` every fact, with
//! `--watch` the kernel's events. A technician's look at the platform without an agent.
#![expect(clippy::print_stdout, reason = "a command-line program")]

use std::time::Instant;

use deskwarden_platform::{Root, kernel_events, sources};
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
    let begin = Instant::now();
    for source in &all {
        let start = Instant::now();
        let reading = source.read(&root);
        println!(
            "{:?}/{}: {:?}, {} facts, {} us, {} watches, stamp {:?} {}",
            reading.section,
            reading.source,
            reading.look,
            reading.facts.len(),
            start.elapsed().as_micros(),
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
    println!("total {} us", begin.elapsed().as_micros());
    if has("--watch") {
        match kernel_events() {
            Ok(events) => events.for_each(|batch| println!("{batch:?}")),
            Err(why) => println!("{why}"),
        }
    }
}
