//! Source `os/os-release`: which system this is, as it presents itself.

use deskwarden_parse::os_release;
use deskwarden_proto::{
    key,
    v1::{Activation, Os, Section, facet::Kind},
};

use super::{Root, gather::Gather};
use crate::{Fact, Reading, Source, SourceId, Unavailable, WatchPath, Watched};

const PLACES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];
const HOSTNAME: &str = "etc/hostname";

/// The os-release file, the host name and, on the running system, the kernel.
pub(super) struct OsRelease;

impl Source for OsRelease {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Os,
            source: "os-release",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(bytes) = PLACES.iter().find_map(|place| gather.file(root, place)) else {
            let why = format!("{}: no os-release file", root.display(PLACES[0]).display());
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        let release = os_release::parse_os_release(&bytes);
        let mut os = Os {
            name: release.pretty_name,
            version: release.version,
            id: release.id,
            activation: Activation::NotApplicable.into(),
            family: "linux".to_owned(),
            ..Os::default()
        };
        if root.is_host() {
            let uname = rustix::system::uname();
            os.kernel = uname.release().to_string_lossy().into_owned();
            os.architecture = uname.machine().to_string_lossy().into_owned();
            os.hostname = uname.nodename().to_string_lossy().into_owned();
        } else if let Some(bytes) = gather.file(root, HOSTNAME) {
            os.hostname = String::from_utf8_lossy(&bytes).trim().to_owned();
        }
        gather
            .facts
            .push(Fact::machine(key::named(&["os"]), Kind::Os(os)));
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        [PLACES[0], PLACES[1], HOSTNAME]
            .into_iter()
            .map(|path| WatchPath {
                path: root.display(path),
                what: Watched::File,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        // The kernel's own name of the host can change without a file.
        (!root.is_host()).then(|| root.stamp([PLACES[0], PLACES[1], HOSTNAME]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn another_root_tells_its_own_name_and_no_kernel() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(OsRelease.read(&root).look, Look::Unsupported);
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join(HOSTNAME), "pc-042\n").unwrap();
        fs::write(folder.path().join(PLACES[0]), "ID=uos\nPRETTY_NAME=\"UOS 20\"\n").unwrap();
        let reading = OsRelease.read(&root);
        assert_eq!(reading.look, Look::Looked);
        let Some(Kind::Os(os)) = &reading.facts[0].facet.kind else {
            panic!("not an os")
        };
        assert_eq!(
            (&*os.hostname, &*os.name, &*os.kernel, &*os.family),
            ("pc-042", "UOS 20", "", "linux")
        );
    }
}
