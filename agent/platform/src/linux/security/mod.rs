//! Section `security`: how a PC is protected, as its files set it, one source per topic. Here is what they
//! share. Running state is not asked of any service.

mod antivirus;
mod auto_logon;
mod detections;
mod encryption;
mod firewall;
mod forwarding;
mod password_policy;
mod remote_access;
mod screen_lock;

use deskwarden_proto::{
    key,
    v1::{Section, Security, Switch, facet::Kind},
};

use crate::{Fact, Root, SourceId, WatchPath, Watched};

pub(super) use antivirus::Antivirus;
pub(super) use auto_logon::AutoLogon;
pub(super) use detections::Detections;
pub(super) use encryption::Encryption;
pub(super) use firewall::Firewall;
pub(super) use forwarding::Forwarding;
pub(super) use password_policy::PasswordPolicy;
pub(super) use remote_access::RemoteAccess;
pub(super) use screen_lock::ScreenLock;

fn id(source: &'static str) -> SourceId {
    SourceId {
        section: Section::Security,
        source,
    }
}

fn switch(on: bool) -> Switch {
    if on { Switch::On } else { Switch::Off }
}

/// The fact of one topic and product; without a product, of the topic.
fn fact(security: Security) -> Fact {
    let key = if security.product.is_empty() {
        key::named(&[&security.topic])
    } else {
        key::named(&[&security.topic, &security.product])
    };
    Fact::machine(key, Kind::Security(security))
}

fn file(root: &Root, path: &str) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what: Watched::File,
    }
}

fn folder(root: &Root, path: &str) -> WatchPath {
    WatchPath {
        path: root.display(path),
        what: Watched::Folder,
    }
}

#[cfg(test)]
mod testing {
    use std::{fs, os::unix::fs::symlink, path::Path};

    use super::*;
    use crate::Reading;

    /// Writes files below a folder, with the folders that they need.
    pub(super) fn write(folder: &Path, rows: &[(&str, &[u8])]) {
        for (name, value) in rows {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value).unwrap();
        }
    }

    /// Enables a unit.
    pub(super) fn enable(folder: &Path, unit: &str) {
        let wants = folder.join("etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink(format!("/lib/systemd/system/{unit}"), wants.join(unit)).unwrap();
    }

    /// Keys with their switches.
    pub(super) fn switches(reading: &Reading) -> Vec<(&str, Switch)> {
        reading
            .facts
            .iter()
            .map(|fact| match &fact.facet.kind {
                Some(Kind::Security(security)) => (fact.key.as_str(), security.enabled()),
                _ => panic!("not a security fact"),
            })
            .collect()
    }

    pub(super) fn security(fact: &Fact) -> &Security {
        match &fact.facet.kind {
            Some(Kind::Security(security)) => security,
            _ => panic!("not a security fact"),
        }
    }
}
