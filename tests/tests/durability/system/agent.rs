//! kill -9 of the real agent: at random moments and at every step by which a change gets into the outbox and onto
//! the wire. What changed arrives, in its order, each change once.

use std::{thread, time::Duration};

use deskwarden_domain::{model::ChangeKind, port::Paging};
use deskwarden_proto::{
    ids::DeviceId,
    v1::{Facet, Section, facet::Kind},
};
use deskwarden_tests::{
    agent::Agent,
    collector::{Collector, Setup},
    need,
    pc::Pc,
    sim::Oracle,
    strace::{SENDS, Strace},
    wait::{PATIENCE, eventually},
};
use prost::Message as _;

const PACKAGE: &str = "libreoffice-writer";

struct Desk {
    collector: Collector,
    pc: Pc,
    agent: Agent,
    oracle: Oracle,
    device: DeviceId,
    status: String,
    version: u64,
}

impl Desk {
    fn open(name: &str) -> Self {
        let collector = Setup::new().unwrap().start().unwrap();
        let pc = Pc::new(name).unwrap();
        let agent = Agent::start(&collector, &pc).unwrap();
        collector.finding("pc.unregistered", name, "open").unwrap();
        let oracle = Oracle::on(&collector.data()).unwrap();
        let device = super::only_device(&oracle);
        let status = std::fs::read_to_string(pc.file("var/lib/dpkg/status")).unwrap();
        Self {
            collector,
            pc,
            agent,
            oracle,
            device,
            status,
            version: 0,
        }
    }

    /// A new version of a package is installed.
    fn update(&mut self) {
        self.version += 1;
        let text = self
            .status
            .replace("4:7.4.7-1+deb12u8", &self.version.to_string());
        self.pc.write("var/lib/dpkg/status", &text).unwrap();
    }

    /// Versions of the package in the order in which they arrived. Each line begins where the one before ended.
    fn history(&self) -> Vec<String> {
        let version = |facet: Option<&deskwarden_proto::Bytes>| {
            let facet = Facet::decode(facet?.clone()).unwrap();
            match facet.kind {
                Some(Kind::Software(software)) => Some(software.version),
                _ => None,
            }
        };
        let (mut rows, mut total) = (Vec::new(), 0);
        loop {
            let paging = Paging {
                offset: rows.len() as u64,
                limit: 500,
            };
            let page = self
                .oracle
                .store()
                .changes(self.device, Some(Section::Software), paging)
                .unwrap();
            // Another one may come between two pages, and move all of them.
            let moved = !rows.is_empty() && page.total != total;
            total = page.total;
            if moved {
                rows.clear();
                continue;
            }
            rows.extend(page.rows);
            if rows.len() as u64 >= total {
                break;
            }
        }
        let mut versions = Vec::new();
        for row in rows
            .iter()
            .rev()
            .filter(|row| row.change.id.key.starts_with(PACKAGE))
        {
            assert_eq!(
                version(row.change.before.as_ref()).as_ref(),
                versions.last(),
                "{:?}",
                row.change
            );
            assert!(row.change.kind != ChangeKind::Gone, "{:?}", row.change);
            versions.push(version(row.change.after.as_ref()).unwrap());
        }
        versions
    }

    /// The last version has arrived; all that did came in their order, once; nothing is missing without a word.
    fn agrees(&self) {
        let wanted = self.version.to_string();
        eventually("the last version", PATIENCE, || {
            Ok((self.history().last() == Some(&wanted)).then_some(()))
        })
        .unwrap();
        let numbers: Vec<u64> = self.history()[1..]
            .iter()
            .map(|version| version.parse().unwrap())
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        let gaps = self.oracle.store().gaps(self.device, 1).unwrap();
        assert!(gaps.is_empty(), "{gaps:?}");
        let detail = self.oracle.store().device_detail(self.device).unwrap().unwrap();
        assert_eq!(detail.device.forked_at, None);
    }
}

#[test]
fn an_agent_killed_at_any_moment_loses_and_doubles_nothing() {
    let rounds = if need::soak() { 200 } else { 20 };
    let mut rng = fastrand::Rng::with_seed(80);
    let mut desk = Desk::open("pc-killed");
    for _ in 0..rounds {
        desk.update();
        thread::sleep(Duration::from_millis(rng.u64(0..700)));
        desk.agent.program().kill().unwrap();
        desk.update();
        desk.agent.restart(&desk.collector, &desk.pc).unwrap();
    }
    desk.agrees();
    eprintln!(
        "{rounds} kills, {} of {} versions were seen",
        desk.history().len(),
        desk.version
    );
}

#[test]
fn an_agent_killed_at_every_step_loses_and_doubles_nothing() {
    let name = "an_agent_killed_at_every_step_loses_and_doubles_nothing";
    if !need::program(name, "strace") {
        return;
    }
    let mut desk = Desk::open("pc-steps");
    let last = if need::soak() { 24 } else { 3 };
    let folder = tempfile::tempdir().unwrap();
    let mut died = 0;
    for (call, nth) in ["write", "fsync", "rename", "writev"]
        .into_iter()
        .flat_map(|call| (1..=last).map(move |nth| (call, nth)))
    {
        let tracer = Strace::new(&folder.path().join("log"), &format!("fsync,rename,{SENDS}"));
        desk.agent.program().kill().unwrap();
        desk.update();
        desk.agent
            .restart_under(Some(&tracer.dies_at(call, nth)), &desk.collector, &desk.pc)
            .unwrap();
        // Changes until it gets to the step: some calls come once with each.
        for _ in 0..nth.max(4) {
            let version = desk.version.to_string();
            let over = eventually("an end, one way or the other", PATIENCE, || {
                let over = desk.agent.program().is_over()?;
                let arrived = desk.history().last() == Some(&version);
                Ok((over || arrived).then_some(over))
            })
            .unwrap();
            if over {
                died += 1;
                break;
            }
            desk.update();
        }
        desk.agent.program().kill().unwrap();
        desk.agent.restart(&desk.collector, &desk.pc).unwrap();
        desk.agrees();
    }
    eprintln!("died at {died} of {} steps: 0 lost, 0 doubled", 4 * last);
    assert!(died >= 2 * last, "the steps were not reached: {died}");
}
