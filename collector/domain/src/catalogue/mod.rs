//! The software catalogue: what a title, package or executable is, in which categories, and why. Owns
//! matching; the entries are data in rule files.

use deskwarden_proto::v1::facet;
use serde::Serialize;

/// What the catalogue knows a program as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Classified {
    /// Id of the entry.
    pub entry: String,
    /// Its name for people.
    pub name: String,
    /// Ids of its categories.
    pub categories: Vec<String>,
    /// What it was recognised by: `title "腾讯QQ"`, `package "linuxqq"`.
    pub why: String,
}

/// All entries, indexed.
#[derive(Debug, Default)]
pub struct Catalogue {}

impl Catalogue {
    /// What the facet is, if it is a program that an entry describes.
    pub fn classify(&self, facet: &facet::Kind, platform: &str) -> Option<Classified> {
        let _ = (facet, platform);
        None
    }
}
