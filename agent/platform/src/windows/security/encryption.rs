//! Source `security/disk-encryption`: whether BitLocker protects the drive that Windows starts from, as the boot left it
//! in the registry. Other drives are not told of there.

use deskwarden_proto::{
    key,
    v1::{Security, facet::Kind},
};

use super::{id, number, switch};
use crate::{Fact, Reading, Root, Source, SourceId, Unavailable, windows::gather::Gather};

const STATUS: &str = "SYSTEM\\CurrentControlSet\\Control\\BitlockerStatus";

/// The drive of the system.
pub(in crate::windows) struct Encryption;

impl Source for Encryption {
    fn id(&self) -> SourceId {
        id("disk-encryption")
    }

    fn read(&self, root: &Root) -> Reading {
        let mut gather = Gather::default();
        let Some(status) = number(root, &mut gather, STATUS, "BootStatus") else {
            let why = format!("HKLM\\{STATUS}: this Windows does not say whether its drive is encrypted");
            return gather.finish_without(self.id(), Unavailable::Unsupported(why));
        };
        let security = Security {
            topic: "disk_encryption".to_owned(),
            product: "BitLocker".to_owned(),
            enabled: switch(status != 0).into(),
            detail: "C:".to_owned(),
            ..Security::default()
        };
        let fact = Fact::machine(key::named(&["disk_encryption", "C:"]), Kind::Security(security));
        gather.facts.push(fact);
        gather.finish(self.id())
    }
}
