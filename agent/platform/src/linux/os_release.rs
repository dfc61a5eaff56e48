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
/// Kylin keeps the code that it was activated with here.
const KYLIN_ACTIVATION: &str = "etc/.kyactivation";

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
        let activation = activation(root, &release.id);
        let mut os = Os {
            name: release.pretty_name,
            version: release.version,
            id: release.id,
            activation: activation.into(),
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
        [PLACES[0], PLACES[1], HOSTNAME, KYLIN_ACTIVATION]
            .into_iter()
            .map(|path| WatchPath {
                path: root.display(path),
                what: Watched::File,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        // The kernel's own name of the host can change without a file.
        (!root.is_host()).then(|| root.stamp([PLACES[0], PLACES[1], HOSTNAME, KYLIN_ACTIVATION]))
    }
}

/// Whether a system that has to be activated is. Where its files do not tell, that is said: an absent file
/// proves nothing.
fn activation(root: &Root, id: &str) -> Activation {
    match id.to_ascii_lowercase().as_str() {
        "kylin" => match root.read_limited(KYLIN_ACTIVATION, 64 << 10) {
            Ok(Some(bytes)) if !bytes.trim_ascii().is_empty() => Activation::Activated,
            _ => Activation::Unknown,
        },
        "uos" | "uniontech" | "uniontechos" => Activation::Unknown,
        _ => Activation::NotApplicable,
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

    #[test]
    fn activation_is_told_where_files_tell_it_and_unknown_where_they_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir(folder.path().join("etc")).unwrap();
        let seen = |release: &str| {
            fs::write(folder.path().join(PLACES[0]), release).unwrap();
            match &OsRelease.read(&root).facts[0].facet.kind {
                Some(Kind::Os(os)) => os.activation(),
                _ => panic!("not an os"),
            }
        };
        // Typed from the published contents of these files.
        let kylin = "NAME=\"Kylin Linux Desktop\"\nVERSION=\"V10 (SP1)\"\nID=kylin\nID_LIKE=debian\n";
        assert_eq!(seen(kylin), Activation::Unknown);
        assert_eq!(
            seen("ID=uos\nPRETTY_NAME=\"UnionTech OS Desktop 20 Pro\"\n"),
            Activation::Unknown
        );
        assert_eq!(
            seen("ID=Deepin\nPRETTY_NAME=\"Deepin 20.9\"\n"),
            Activation::NotApplicable
        );
        assert_eq!(seen("ID=\"openEuler\"\n"), Activation::NotApplicable);
        fs::write(folder.path().join(KYLIN_ACTIVATION), "ABCD-EFGH\n").unwrap();
        assert_eq!(seen(kylin), Activation::Activated);
    }
}
