//! Source `software/dpkg`: packages that dpkg knows as being on the disk.

use std::path::PathBuf;

use deskwarden_parse::dpkg::{self, Package};
use deskwarden_proto::{
    key,
    v1::{Facet, Local, Section, Software, SoftwareKind, facet::Kind},
};

use super::Root;
use crate::{Fact, Reading, Source, SourceId, Unavailable, WatchPath, Watched};

const STATUS: &str = "var/lib/dpkg/status";
/// A full Debian archive installed would need about 80 MB.
const MAX_STATUS: usize = 128 << 20;

/// The status database of dpkg.
pub(super) struct Dpkg;

impl Source for Dpkg {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Software,
            source: "dpkg",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let bytes = match root.read_limited(STATUS, MAX_STATUS) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let why = format!("{}: no dpkg database", root.display(STATUS).display());
                return Reading::unavailable(self.id(), &Unavailable::Unsupported(why));
            }
            Err(why) => return Reading::unavailable(self.id(), &why),
        };
        let status = dpkg::parse_status(&bytes);
        let place = root.display(STATUS);
        let mut faults = Vec::new();
        if status.malformed > 0 {
            let count = status.malformed;
            faults.push(format!(
                "{}: {count} damaged entries; run dpkg --audit",
                place.display()
            ));
        }
        if status.truncated {
            faults.push(format!(
                "{}: more than {} packages",
                place.display(),
                dpkg::MAX_PACKAGES
            ));
        }
        Reading::looked(
            self.id(),
            status.packages.into_iter().map(fact).collect(),
            &faults,
        )
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        let path: PathBuf = root.display(STATUS);
        vec![WatchPath {
            path,
            what: Watched::File,
        }]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        Some(root.stamp([STATUS]))
    }
}

fn fact(package: Package<'_>) -> Fact {
    let architecture = if package.side_by_side {
        &*package.architecture
    } else {
        ""
    };
    let key = key::package(&package.name, architecture);
    let name = package.name.into_owned();
    let software = Software {
        package: name.clone(),
        name,
        version: package.version.into_owned(),
        publisher: package.maintainer.into_owned(),
        kind: SoftwareKind::Package.into(),
        architecture: package.architecture.into_owned(),
        section_hint: package.section.into_owned(),
        ..Software::default()
    };
    Fact {
        key,
        principal: String::new(),
        facet: Facet {
            kind: Some(Kind::Software(software)),
        },
        local: Local {
            size_bytes: package.installed_kib.saturating_mul(1_024),
            ..Local::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn a_root_without_dpkg_is_unsupported() {
        let folder = tempfile::tempdir().unwrap();
        let reading = Dpkg.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Unsupported);
        assert!(reading.reason.contains("no dpkg database"));
    }

    #[test]
    fn a_damaged_entry_makes_the_look_partial() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("var/lib/dpkg")).unwrap();
        let status = "Package: linuxqq\nStatus: install ok installed\nVersion: 3\n\nbroken\n";
        fs::write(folder.path().join(STATUS), status).unwrap();
        let reading = Dpkg.read(&Root::at(folder.path()));
        assert_eq!(reading.look, Look::Partial);
        assert_eq!(reading.facts.len(), 1);
        assert_eq!(reading.facts[0].key, "linuxqq");
    }
}
