//! Programs that were copied here rather than installed: what tells them apart, and what is told of each.

use deskwarden_parse::registry::{Entry, Key as _, entries};
use deskwarden_proto::{
    key,
    v1::{Software, SoftwareKind, facet::Kind},
};

use super::uninstall::{OF_USER, UNINSTALL};
use crate::{
    Fact, Root,
    windows::{
        executable::Known,
        folder::system_folder,
        gather::Gather,
        people::{self, Branch},
        registry::{self, Registry, View},
        root::file_name,
    },
};

/// Where installers put programs, beside the folder of Windows.
const INSTALLED: [&str; 3] = [
    "C:\\Program Files",
    "C:\\Program Files (x86)",
    "C:\\ProgramData\\Microsoft",
];

/// Folders of what an installer put here, for everybody or for one person.
pub(super) fn installed(root: &Root) -> Vec<String> {
    let mut folders: Vec<String> = INSTALLED.iter().map(|folder| (*folder).to_owned()).collect();
    folders.push(system_folder());
    for view in [View::Native, View::Old] {
        if let Ok(Some(key)) = registry::machine(root, UNINSTALL, view) {
            folders.extend(locations(&key));
        }
    }
    // Whose registry cannot be read is told by the source of the titles.
    people::each(root, &mut Gather::default(), Branch::Own, |_, _, own| {
        for path in OF_USER {
            if let Ok(Some(key)) = own.open(path) {
                folders.extend(locations(&key));
            }
        }
    });
    folders
}

fn locations(key: &Registry) -> Vec<String> {
    let place = |entry: Entry| entry.location;
    let all = entries(key).all.into_iter().map(place);
    // A drive itself is no folder of one title.
    all.filter(|place| place.len() > 3).collect()
}

/// A program by its path. `name` is what it goes by where it says nothing of itself.
pub(super) fn fact(known: &Known, root: &Root, path: &str, name: &str) -> Fact {
    let version = known.version(root, path);
    let signer = known.signer(root, path);
    let name = [
        version.product,
        version.description,
        name.to_owned(),
        file_name(path).to_owned(),
    ]
    .into_iter()
    .find(|name| !name.is_empty())
    .unwrap_or_default();
    let software = Software {
        name,
        version: version.version,
        publisher: if version.company.is_empty() {
            signer.clone()
        } else {
            version.company
        },
        kind: SoftwareKind::Portable.into(),
        exe: file_name(path).to_owned(),
        original_name: version.original_name,
        signer,
        ..Software::default()
    };
    Fact::machine(key::portable(path), Kind::Software(software)).at(path)
}
