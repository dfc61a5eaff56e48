//! Sources `software/uninstall` and `software/uninstall-users`: titles that were installed for everybody, and those that
//! one person installed, whether that person is signed in or not.

use deskwarden_parse::registry::{Entry, Key as _, entries};
use deskwarden_proto::{
    key,
    v1::{Facet, Local, Software, SoftwareKind, facet::Kind},
};

use super::id;
use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry::{self, Registry, View},
    },
};

/// Below the machine's part of the registry.
pub(super) const UNINSTALL: &str = "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Uninstall";
/// Of a person: the usual place, and that of older programs.
pub(super) const OF_USER: [&str; 2] = [
    "Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
    "Software\\WOW6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall",
];

/// Titles of the machine, of 64 and of 32 bits.
pub(in crate::windows) struct OfMachine;

/// Titles of each person.
pub(in crate::windows) struct OfUsers;

impl Source for OfMachine {
    fn id(&self) -> SourceId {
        id("uninstall")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (view, name, architecture) in [(View::Native, "64", "x86_64"), (View::Old, "32", "x86")] {
            match registry::machine(root, UNINSTALL, view) {
                Ok(Some(key)) => {
                    gather.answered();
                    add(&mut gather, &key, &|entry| fact(name, architecture, entry));
                }
                Ok(None) => gather.answered(),
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Titles]
    }
}

impl Source for OfUsers {
    fn id(&self) -> SourceId {
        id("uninstall-users")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        people::each(root, &mut gather, Branch::Own, |gather, person, own| {
            for path in OF_USER {
                match own.open(path) {
                    Ok(Some(key)) => add(gather, &key, &|entry| {
                        fact("user", "", entry).of(person.sid.clone(), &person.account)
                    }),
                    Ok(None) => {}
                    Err(why) => {
                        gather.fault(registry::unavailable(&format!("{}: {path}", person.account), why))
                    }
                }
            }
        });
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Titles]
    }
}

fn add(gather: &mut Gather, key: &Registry, fact: &dyn Fn(Entry) -> Fact) {
    let found = entries(key);
    gather.facts.extend(found.all.into_iter().map(fact));
    for fault in found.faults {
        gather.fault(Unavailable::Failed(fault));
    }
}

fn fact(view: &str, architecture: &str, entry: Entry) -> Fact {
    let kind = if entry.update {
        SoftwareKind::Update
    } else {
        SoftwareKind::UninstallEntry
    };
    let key = key::uninstall(view, &entry.subkey);
    let software = Software {
        name: entry.name,
        version: entry.version,
        publisher: entry.publisher,
        kind: kind.into(),
        package: entry.subkey,
        architecture: architecture.to_owned(),
        system_component: entry.system_component,
        parent: entry.parent,
        exe: entry.exe,
        ..Software::default()
    };
    Fact {
        key,
        principal: String::new(),
        facet: Facet {
            kind: Some(Kind::Software(software)),
        },
        local: Local {
            path: entry.location,
            installed_on: entry.installed_on,
            install_source: entry.source,
            size_bytes: entry.size_bytes,
            ..Local::default()
        },
    }
}
