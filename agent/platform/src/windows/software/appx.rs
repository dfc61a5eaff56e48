//! Source `software/store-apps`: Store apps of each person, whether that person is signed in or not.

use deskwarden_parse::registry::{Key as _, Package, packages};
use deskwarden_proto::{
    key,
    v1::{Software, SoftwareKind, facet::Kind},
};

use super::id;
use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{
        gather::Gather,
        people::{self, Branch},
        registry,
    },
};

const REPOSITORY: &str =
    "Local Settings\\Software\\Microsoft\\Windows\\CurrentVersion\\AppModel\\Repository\\Packages";

/// Packages in each person's repository.
pub(in crate::windows) struct StoreApps;

impl Source for StoreApps {
    fn id(&self) -> SourceId {
        id("store-apps")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        people::each(root, &mut gather, Branch::Classes, |gather, person, classes| {
            let key = match classes.open(REPOSITORY) {
                Ok(Some(key)) => key,
                // Systems before Windows 8, and people without any.
                Ok(None) => return,
                Err(why) => {
                    return gather.fault(registry::unavailable(
                        &format!("{}: Store apps", person.account),
                        why,
                    ));
                }
            };
            let found = packages(&key);
            gather.facts.extend(
                found
                    .all
                    .into_iter()
                    .map(|package| fact(package).of(person.sid.clone(), &person.account)),
            );
            for fault in found.faults {
                gather.fault(Unavailable::Failed(format!("{}: {fault}", person.account)));
            }
        });
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Titles]
    }
}

fn fact(package: Package) -> Fact {
    let key = key::package(&package.family, &package.architecture);
    let software = Software {
        name: package.name,
        version: package.version,
        kind: SoftwareKind::StoreApp.into(),
        package: package.family,
        architecture: package.architecture,
        system_component: package.system_component,
        ..Software::default()
    };
    Fact::machine(key, Kind::Software(software)).at(package.folder)
}
