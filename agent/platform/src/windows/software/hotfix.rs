//! Source `software/updates`: updates of Windows and of Microsoft's programs, apart from titles.

use deskwarden_parse::registry::{Found, Hotfix, component_packages, updates_tree};
use deskwarden_proto::{
    key,
    v1::{Software, SoftwareKind, facet::Kind},
};

use super::id;
use crate::{
    Fact, KernelEvent, Reading, Root, Source, SourceId, Unavailable,
    windows::{
        gather::Gather,
        registry::{self, Registry, View},
    },
};

/// How a place is read.
type Read = fn(&Registry) -> Found<Hotfix>;

const PLACES: [(&str, View, Read); 3] = [
    (
        "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages",
        View::Native,
        component_packages,
    ),
    ("SOFTWARE\\Microsoft\\Updates", View::Native, updates_tree),
    ("SOFTWARE\\Microsoft\\Updates", View::Old, updates_tree),
];

/// The component store, and the tree of products.
pub(in crate::windows) struct Updates;

impl Source for Updates {
    fn id(&self) -> SourceId {
        id("updates")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        for (path, view, read) in PLACES {
            match registry::machine(root, path, view) {
                Ok(key) => {
                    gather.answered();
                    let found = key.map(|key| read(&key)).unwrap_or_default();
                    gather.facts.extend(found.all.into_iter().map(fact));
                    for fault in found.faults {
                        gather.fault(Unavailable::Failed(fault));
                    }
                }
                Err(why) => gather.fault(why),
            }
        }
        gather.finish(self.id())
    }

    fn events(&self) -> &'static [KernelEvent] {
        &[KernelEvent::Titles]
    }
}

fn fact(update: Hotfix) -> Fact {
    let parent = if update.product.is_empty() {
        "Windows"
    } else {
        update.product.as_str()
    };
    let software = Software {
        name: update.id.clone(),
        version: update.version,
        publisher: "Microsoft Corporation".to_owned(),
        kind: SoftwareKind::Update.into(),
        package: update.id.clone(),
        parent: parent.to_owned(),
        ..Software::default()
    };
    let mut fact = Fact::machine(
        key::package(&update.id, &update.product),
        Kind::Software(software),
    );
    fact.local.installed_on = update.installed_on;
    fact
}
