//! Sources `share/samba` and `share/nfs`: folders that others can reach over the network.

use deskwarden_parse::shares::{self, parse_exports, parse_smb_conf, parse_usershare};
use deskwarden_proto::{
    key,
    v1::{Section, Share, facet::Kind},
};

use super::{Root, gather::Gather};
use crate::{Fact, Reading, Source, SourceId, WatchPath, Watched};

const SMB_CONF: &str = "etc/samba/smb.conf";
const USERSHARES: &str = "var/lib/samba/usershares";
const EXPORTS: &str = "etc/exports";
const EXPORTS_PARTS: &str = "etc/exports.d";

/// Samba's configuration and the shares that people make.
pub(super) struct Samba;

/// The kernel's NFS server.
pub(super) struct Nfs;

impl Source for Samba {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Share,
            source: "samba",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !gather.there(root, SMB_CONF) && !gather.there(root, USERSHARES) {
            return gather.finish_empty(self.id());
        }
        if let Some(bytes) = gather.file(root, SMB_CONF) {
            gather
                .facts
                .extend(parse_smb_conf(&bytes).into_iter().map(|share| fact("smb", share)));
        }
        for path in gather.folder(root, USERSHARES, "") {
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            if let Some(share) = gather
                .file(root, &path)
                .and_then(|bytes| parse_usershare(&name, &bytes))
            {
                gather.facts.push(fact("smb", share));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![
            watch(root, SMB_CONF, Watched::File),
            watch(root, USERSHARES, Watched::Folder),
        ]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let parts = Gather::default().folder(root, USERSHARES, "");
        Some(
            root.stamp(
                [SMB_CONF, USERSHARES]
                    .into_iter()
                    .chain(parts.iter().map(String::as_str)),
            ),
        )
    }
}

impl Source for Nfs {
    fn id(&self) -> SourceId {
        SourceId {
            section: Section::Share,
            source: "nfs",
        }
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        if !gather.there(root, EXPORTS) && !gather.there(root, EXPORTS_PARTS) {
            return gather.finish_empty(self.id());
        }
        let mut paths = vec![EXPORTS.to_owned()];
        paths.extend(gather.folder(root, EXPORTS_PARTS, ".exports"));
        for path in paths {
            if let Some(bytes) = gather.file(root, &path) {
                gather
                    .facts
                    .extend(parse_exports(&bytes).into_iter().map(|share| fact("nfs", share)));
            }
        }
        gather.finish(self.id())
    }

    fn watches(&self, root: &Root) -> Vec<WatchPath> {
        vec![
            watch(root, EXPORTS, Watched::File),
            watch(root, EXPORTS_PARTS, Watched::Folder),
        ]
    }

    fn stamp(&self, root: &Root) -> Option<u64> {
        let parts = Gather::default().folder(root, EXPORTS_PARTS, ".exports");
        Some(
            root.stamp(
                [EXPORTS, EXPORTS_PARTS]
                    .into_iter()
                    .chain(parts.iter().map(String::as_str)),
            ),
        )
    }
}

fn watch(root: &Root, path: &str, what: Watched) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what,
    }
}

fn fact(protocol: &str, share: shares::Share) -> Fact {
    let facet = Share {
        name: share.name.clone(),
        protocol: protocol.to_owned(),
        administrative: share.administrative,
        guest: share.guest,
        writable: share.writable,
    };
    Fact::machine(key::named(&[protocol, &share.name]), Kind::Share(facet)).at(share.path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskwarden_proto::v1::Look;
    use std::fs;

    #[test]
    fn shares_of_either_server_are_listed() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        fs::create_dir_all(folder.path().join("etc/samba")).unwrap();
        fs::create_dir_all(folder.path().join(USERSHARES)).unwrap();
        let stamp = Samba.stamp(&root);
        fs::write(folder.path().join(SMB_CONF), "[pub]\npath=/srv\nguest ok=yes\n").unwrap();
        fs::write(
            folder.path().join(USERSHARES).join("mine"),
            "path=/home/wang\nguest_ok=n\n",
        )
        .unwrap();
        fs::write(folder.path().join(EXPORTS), "/srv *(rw)\n").unwrap();
        assert_ne!(stamp, Samba.stamp(&root));
        let reading = Samba.read(&root);
        let keys: Vec<_> = reading.facts.iter().map(|f| (&*f.key, &*f.local.path)).collect();
        assert_eq!(keys, [("smb:mine", "/home/wang"), ("smb:pub", "/srv")]);
        assert_eq!(Nfs.read(&root).facts[0].key, "nfs:/srv");
    }

    #[test]
    fn where_no_server_is_installed_nothing_is_shared() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for reading in [Samba.read(&root), Nfs.read(&root)] {
            assert_eq!((reading.look, reading.facts.len()), (Look::Looked, 0));
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_not_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for path in [SMB_CONF, EXPORTS] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        for reading in [Samba.read(&root), Nfs.read(&root)] {
            assert_ne!(reading.look, Look::Looked, "{}", reading.reason);
        }
    }
}
