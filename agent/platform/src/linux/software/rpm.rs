//! Source `software/rpm`: packages of rpm. Reads nothing yet but which form its database has.

use deskwarden_proto::v1::Section;

use crate::{Reading, Root, Source, SourceId, Unavailable};

/// Where the database is, with the name of each form.
const PLACES: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
const FORMS: [(&str, &str); 3] = [
    ("rpmdb.sqlite", "sqlite"),
    ("Packages.db", "ndb"),
    ("Packages", "bdb"),
];

/// The database of rpm.
pub(in crate::linux) struct Rpm;

impl Source for Rpm {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Software,
            source: "rpm",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let found = PLACES.iter().find_map(|folder| {
            let (name, form) = FORMS
                .iter()
                .find(|(name, _)| root.exists(&format!("{folder}/{name}")))?;
            Some((format!("{folder}/{name}"), *form))
        });
        let why = match found {
            Some((path, form)) => format!(
                "{}: rpm's database of the form {form} is not read yet; its packages are missing here",
                root.display(&path).display()
            ),
            None => format!("{}: no rpm database", root.display(PLACES[1]).display()),
        };
        Reading::unavailable(self.id(), &Unavailable::Unsupported(why))
    }
}
