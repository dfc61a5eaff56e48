//! Section `security`: how a PC is protected, as its registry says, one source per topic. Here is what they share.

mod access;
mod antivirus;
mod encryption;
mod firewall;
mod password_policy;
mod screen_lock;

use deskwarden_parse::registry::Key as _;
use deskwarden_proto::{
    key,
    v1::{Section, Security, Switch, facet::Kind},
};

use super::{
    gather::Gather,
    registry::{self, Registry, View},
};
use crate::{Fact, Root, SourceId};

pub(super) use access::{AutoLogon, RemoteAccess};
pub(super) use antivirus::Antivirus;
pub(super) use encryption::Encryption;
pub(super) use firewall::Firewall;
pub(super) use password_policy::PasswordPolicy;
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

/// A key of the machine; a fault is noted, and an absent key is an answer.
fn machine(root: &Root, gather: &mut Gather, path: &str) -> Option<Registry> {
    match registry::machine(root, path, View::Native) {
        Ok(key) => {
            gather.answered();
            key
        }
        Err(why) => {
            gather.fault(why);
            None
        }
    }
}

/// A number of a key of the machine.
fn number(root: &Root, gather: &mut Gather, path: &str, name: &str) -> Option<u64> {
    machine(root, gather, path)?.number(name)
}
