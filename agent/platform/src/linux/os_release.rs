//! Source `os/os-release`: which system this is, as it presents itself.

use deskwarden_parse::{ini, os_release};
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

/// UOS and Deepin say here which release of a version they are.
const UOS_VERSION: &str = "etc/os-version";
/// Kylin says it here.
const KYLIN_INFO: &str = "etc/.kyinfo";
const INPUTS: [&str; 6] = [
    PLACES[0],
    PLACES[1],
    HOSTNAME,
    KYLIN_ACTIVATION,
    UOS_VERSION,
    KYLIN_INFO,
];

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
        let activation = activation(&mut gather, root, &release.id);
        let mut os = Os {
            name: release.pretty_name,
            version: detailed(&mut gather, root, release.version),
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
        INPUTS
            .into_iter()
            .map(|path| WatchPath {
                path: root.display(path),
                what: Watched::File,
            })
            .collect()
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        // The kernel's own name of the host can change without a file.
        (!root.is_host()).then(|| root.stamp(INPUTS))
    }
}

/// The version with the release of it, where the maker keeps that in a file of its own: `20 Professional 1060`,
/// `V10 Desktop-V10-SP1-General-Release-2203`.
fn detailed(gather: &mut Gather, root: &Root, version: String) -> String {
    let mut parts = Vec::new();
    if let Some(bytes) = gather.file(root, UOS_VERSION) {
        let entries = ini::parse_ini(&bytes);
        for key in ["EditionName", "MinorVersion"] {
            parts.push(ini::value(&entries, "Version", key).to_owned());
        }
    } else if let Some(bytes) = gather.file(root, KYLIN_INFO) {
        parts.push(ini::value(&ini::parse_ini(&bytes), "dist", "milestone").to_owned());
    }
    parts.retain(|part| !part.is_empty() && *part != version);
    parts.insert(0, version);
    parts.join(" ").trim().to_owned()
}

/// Whether a system that has to be activated is. Where its files do not tell, that is said: an absent file
/// proves nothing.
fn activation(gather: &mut Gather, root: &Root, id: &str) -> Activation {
    match id.to_ascii_lowercase().as_str() {
        "kylin" => match gather.file(root, KYLIN_ACTIVATION) {
            Some(bytes) if !bytes.trim_ascii().is_empty() => Activation::Activated,
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

    #[test]
    fn the_release_of_a_version_is_part_of_it_where_the_maker_says_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir(folder.path().join("etc")).unwrap();
        let version = || match &OsRelease.read(&root).facts[0].facet.kind {
            Some(Kind::Os(os)) => os.version.clone(),
            _ => panic!("not an os"),
        };
        // Typed from the published contents of these files.
        fs::write(folder.path().join(PLACES[0]), "ID=uos\nVERSION_ID=\"20\"\n").unwrap();
        assert_eq!(version(), "20");
        let uos = "[Version]\nSystemName=UnionTech OS Desktop\nProductType=Desktop\nEditionName=Professional\n\
MajorVersion=20\nMinorVersion=1060\nOsBuild=11068.102\n";
        fs::write(folder.path().join(UOS_VERSION), uos).unwrap();
        assert_eq!(version(), "20 Professional 1060");
        fs::remove_file(folder.path().join(UOS_VERSION)).unwrap();
        fs::write(folder.path().join(PLACES[0]), "ID=kylin\nVERSION_ID=\"v10\"\n").unwrap();
        let kylin = "[dist]\nname=Kylin\nmilestone=Desktop-V10-SP1-General-Release-2203\narch=x86_64\n";
        fs::write(folder.path().join(KYLIN_INFO), kylin).unwrap();
        assert_eq!(version(), "v10 Desktop-V10-SP1-General-Release-2203");
    }
}
