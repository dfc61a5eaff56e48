//! What a simulated PC is, how people change it, and the sources by which the agent's recorder reads it. Compact:
//! facts are made when they are read, so that a thousand PCs fit into one process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use deskwarden_platform::{Fact, Reading, Root, Source, SourceId};
use deskwarden_proto::{
    key,
    v1::{
        Account, Address, AddressMode, InterfaceKind, Local, Network, Os, Part, PartClass, Section,
        facet::Kind,
    },
};

use super::pool::{FORBIDDEN, Pool, Title, VERSIONS};

/// The sources of a simulated PC, in the order in which the recorder has them.
pub const SOURCES: [SourceId; 5] = [
    source(Section::Os, "os-release"),
    source(Section::Part, "smbios"),
    source(Section::Software, "dpkg"),
    source(Section::Network, "netlink"),
    source(Section::Account, "passwd"),
];
const SOFTWARE: usize = 2;
const NETWORK: usize = 3;
const ACCOUNT: usize = 4;

const fn source(section: Section, source: &'static str) -> SourceId {
    SourceId { section, source }
}

/// A PC. What it is stays when its agent dies.
#[derive(Debug)]
pub struct SimPc {
    number: u32,
    truth: Mutex<Truth>,
}

#[derive(Debug)]
struct Truth {
    rng: fastrand::Rng,
    software: BTreeMap<Title, Installed>,
    /// Last part of the address.
    address: u16,
    accounts: BTreeMap<u32, bool>,
    /// Lines that the timeline must have: one per item that came, changed or went.
    history: u64,
    /// How often each forbidden title was installed.
    installed: [u32; FORBIDDEN.len()],
}

#[derive(Clone, Copy, Debug)]
struct Installed {
    version: u8,
    day: u16,
}

/// What somebody did to a PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// Index in [`SOURCES`] of the source that sees it.
    pub source: usize,
}

/// What must be found of a forbidden title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The rule.
    pub rule: &'static str,
    /// Whether it is there now.
    pub active: bool,
    /// How often it came.
    pub times: u32,
}

impl SimPc {
    /// The PC of that number in the office of that seed.
    pub fn new(seed: u64, number: u32) -> Arc<Self> {
        let mut rng = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(number)));
        let software: BTreeMap<Title, Installed> = Pool::draw(&mut rng)
            .into_iter()
            .map(|(title, version)| {
                (
                    title,
                    Installed {
                        version,
                        day: rng.u16(0..900),
                    },
                )
            })
            .collect();
        let accounts: BTreeMap<u32, bool> = [(0, true), (1000, false)].into();
        let mut truth = Truth {
            rng,
            software,
            address: 10,
            accounts,
            history: 0,
            installed: [0; FORBIDDEN.len()],
        };
        truth.history = SOURCES
            .iter()
            .map(|id| truth.facts(number, *id).len() as u64)
            .sum();
        Arc::new(Self {
            number,
            truth: Mutex::new(truth),
        })
    }

    /// Its name.
    pub fn name(&self) -> String {
        format!("sim-{:05}", self.number)
    }

    /// The sources that read it.
    pub fn sources(self: &Arc<Self>) -> Vec<Box<dyn Source>> {
        SOURCES
            .into_iter()
            .map(|id| {
                Box::new(Seen {
                    pc: Arc::clone(self),
                    id,
                }) as Box<dyn Source>
            })
            .collect()
    }

    /// What it is now, as one of the sources sees it.
    pub fn facts(&self, id: SourceId) -> Vec<Fact> {
        self.truth().facts(self.number, id)
    }

    /// Lines that its timeline must have.
    pub fn history(&self) -> u64 {
        self.truth().history
    }

    /// What the rules must find.
    pub fn expected(&self) -> Vec<Expected> {
        let truth = self.truth();
        let each = FORBIDDEN.iter().enumerate().zip(truth.installed);
        each.map(|((index, forbidden), times)| Expected {
            rule: forbidden.rule,
            active: truth.software.contains_key(&Pool::forbidden(index)),
            times,
        })
        .collect()
    }

    /// Somebody does something; exactly one item comes, changes or goes.
    pub fn mutate(&self) -> Mutation {
        let mut truth = self.truth();
        truth.history += 1;
        let source = match truth.rng.u8(0..20) {
            0..=3 => truth.install(),
            4..=7 => truth.remove(),
            8..=12 => truth.update(),
            13..=15 => truth.forbidden(),
            16..=17 => {
                truth.address = truth.address % 240 + 1;
                NETWORK
            }
            _ => {
                let uid = truth.rng.u32(1001..1005);
                if truth.accounts.remove(&uid).is_none() {
                    truth.accounts.insert(uid, false);
                }
                ACCOUNT
            }
        };
        Mutation { source }
    }

    fn truth(&self) -> MutexGuard<'_, Truth> {
        self.truth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Truth {
    fn install(&mut self) -> usize {
        let mut title = Pool::one(&mut self.rng);
        while self.software.contains_key(&title) {
            title = Pool::one(&mut self.rng);
        }
        let installed = Installed {
            version: self.rng.u8(0..VERSIONS),
            day: self.rng.u16(900..1000),
        };
        self.software.insert(title, installed);
        SOFTWARE
    }

    fn remove(&mut self) -> usize {
        let free = self
            .software
            .keys()
            .filter(|title| Pool::is_forbidden(**title).is_none());
        let titles: Vec<Title> = free.copied().collect();
        match self.rng.choice(&titles) {
            Some(title) if titles.len() > 100 => {
                self.software.remove(title);
                SOFTWARE
            }
            _ => self.install(),
        }
    }

    fn update(&mut self) -> usize {
        let titles: Vec<Title> = self.software.keys().copied().collect();
        let title = self.rng.choice(&titles).copied();
        if let Some(installed) = title.and_then(|title| self.software.get_mut(&title)) {
            installed.version = (installed.version + 1) % VERSIONS;
        }
        SOFTWARE
    }

    fn forbidden(&mut self) -> usize {
        let index = self.rng.usize(0..FORBIDDEN.len());
        let title = Pool::forbidden(index);
        if self.software.remove(&title).is_none() {
            self.software.insert(title, Installed { version: 0, day: 950 });
            self.installed[index] += 1;
        }
        SOFTWARE
    }

    fn facts(&self, number: u32, id: SourceId) -> Vec<Fact> {
        let facts = match id.section {
            Section::Os => vec![os(number)],
            Section::Part => parts(number),
            Section::Software => self
                .software
                .iter()
                .map(|(title, it)| software(*title, *it))
                .collect(),
            Section::Network => vec![network(number, self.address)],
            Section::Account => self
                .accounts
                .iter()
                .map(|(uid, admin)| account(*uid, *admin))
                .collect(),
            _ => Vec::new(),
        };
        // In the order that the contract wants.
        Reading::looked(id, facts, &[]).facts
    }
}

/// One source of a simulated PC.
struct Seen {
    pc: Arc<SimPc>,
    id: SourceId,
}

impl Source for Seen {
    fn id(&self) -> SourceId {
        self.id
    }

    fn read(&self, _root: &Root) -> Reading {
        Reading::looked(self.id, self.pc.facts(self.id), &[])
    }
}

fn software(title: Title, it: Installed) -> Fact {
    let facet = Pool::software(title, it.version);
    let key = key::package(&facet.package, &facet.architecture);
    let mut fact = Fact::machine(key, Kind::Software(facet));
    fact.local = Local {
        installed_on: format!(
            "{}-{:02}-{:02}",
            2023 + it.day / 336,
            1 + it.day / 28 % 12,
            1 + it.day % 28
        ),
        size_bytes: u64::from(title.0) * 4_096,
        ..Local::default()
    };
    fact
}

fn os(number: u32) -> Fact {
    let os = Os {
        name: "Debian GNU/Linux".to_owned(),
        version: "12 (bookworm)".to_owned(),
        id: "debian".to_owned(),
        kernel: "6.1.0-28-amd64".to_owned(),
        architecture: "x86_64".to_owned(),
        hostname: format!("sim-{number:05}"),
        family: "linux".to_owned(),
        ..Os::default()
    };
    Fact::machine("os".to_owned(), Kind::Os(os))
}

fn parts(number: u32) -> Vec<Fact> {
    let part = |class: PartClass, name: &str, position: &str, model: &str, size_bytes: u64| {
        let part = Part {
            class: class.into(),
            position: position.to_owned(),
            manufacturer: "Hengtai".to_owned(),
            model: model.to_owned(),
            serial: format!("{name}{number:07}{}", position.len()),
            size_bytes,
            ..Part::default()
        };
        Fact::machine(key::part(name, position), Kind::Part(part))
    };
    vec![
        part(PartClass::System, "system", "0", "OptiDesk 7090", 0),
        part(PartClass::Board, "board", "0", "0K240Y", 0),
        part(PartClass::Memory, "memory", "DIMM_A1", "HMA81GU6", 8 << 30),
        part(PartClass::Memory, "memory", "DIMM_B12", "HMA81GU6", 8 << 30),
        part(PartClass::Disk, "disk", "ata-1", "WDS500G2B0A", 500 << 30),
    ]
}

fn network(number: u32, address: u16) -> Fact {
    let [_, b, c, d] = number.to_be_bytes();
    let mac = format!("52:54:00:{b:02x}:{c:02x}:{d:02x}");
    let network = Network {
        interface: "enp1s0".to_owned(),
        kind: InterfaceKind::Ethernet.into(),
        mac: mac.clone(),
        permanent_mac: mac.clone(),
        addresses: vec![Address {
            // A network of its own, so that no two PCs ever have one address.
            ip: format!("10.{c}.{d}.{address}"),
            prefix: 24,
            mode: AddressMode::Dhcp.into(),
            configured_only: false,
        }],
        gateways: vec![format!("10.{c}.{d}.254")],
        mode: AddressMode::Dhcp.into(),
        manager: "NetworkManager".to_owned(),
        up: true,
        ..Network::default()
    };
    Fact::machine(key::network(&mac, "enp1s0"), Kind::Network(network))
}

fn account(uid: u32, administrator: bool) -> Fact {
    let account = Account {
        name: if uid == 0 {
            "root".to_owned()
        } else {
            format!("user{uid}")
        },
        administrator,
        enabled: true,
        shell: "/bin/bash".to_owned(),
        interactive: uid != 0,
        ..Account::default()
    };
    let uid = uid.to_string();
    Fact::machine(key::account(&uid), Kind::Account(account)).of(uid.clone(), format!("user{uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pc: &SimPc) -> Vec<Fact> {
        SOURCES.into_iter().flat_map(|id| pc.facts(id)).collect()
    }

    #[test]
    fn a_mutation_changes_one_item_in_the_source_that_it_names() {
        let pc = SimPc::new(11, 3);
        for _ in 0..400 {
            let before = SOURCES.map(|id| pc.facts(id));
            let Mutation { source } = pc.mutate();
            for (index, before) in before.iter().enumerate() {
                let after = pc.facts(SOURCES[index]);
                let came = after.iter().filter(|fact| !before.contains(fact)).count();
                let gone = before
                    .iter()
                    .filter(|fact| after.iter().all(|a| a.key != fact.key))
                    .count();
                assert_eq!(
                    came + gone,
                    usize::from(index == source),
                    "{before:#?} {after:#?}"
                );
            }
        }
        assert_eq!(pc.history(), all(&SimPc::new(11, 3)).len() as u64 + 400);
    }

    #[test]
    fn what_comes_is_counted_and_what_went_is_not_active() {
        let pc = SimPc::new(5, 1);
        assert!(pc.expected().iter().all(|e| !e.active && e.times == 0));
        for _ in 0..500 {
            pc.mutate();
        }
        assert!(pc.expected().iter().all(|e| e.times > 1));
    }
}
