//! What belongs to a person: found, handed out, erased.

use std::collections::BTreeMap;

use deskwarden_proto::{ids::DeviceId, v1::Section};
use serde_json::Value;

use crate::model::AuditEntry;

use super::StoreResult;

/// A person, as the store knows people: by the name in registers and logs, and by accounts on devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Name as custodian, user of an address, or sign-in name.
    pub name: String,
    /// Accounts: device and SID or uid.
    pub accounts: Vec<(DeviceId, String)>,
}

/// Rows by what they are: `items`, `changes`, `assets`, ...
pub type Rows = BTreeMap<&'static str, Vec<Value>>;

/// The rights of people whose data is held.
pub trait Privacy {
    /// Accounts whose facet in one of the sections is the person's, or whose principal is `principal`.
    fn accounts(
        &self,
        sections: &[Section],
        is_of: &dyn Fn(&[u8]) -> bool,
        principal: &str,
    ) -> StoreResult<Vec<(DeviceId, String)>>;

    /// Everything that belongs to the person. Facets stay bytes in the values of `facet`, as hexadecimal text.
    fn subject(&self, subject: &Subject) -> StoreResult<Rows>;

    /// Erases it, and holds back what the accounts' devices would send again. Records of what was decided stay,
    /// without the name; the audit log keeps its pseudonyms, whose meaning goes. Returns how many rows per kind. An
    /// account that may sign in is a conflict: it is switched off first.
    fn erase(&self, subject: &Subject, audit: &AuditEntry) -> StoreResult<BTreeMap<&'static str, u64>>;

    /// Accounts whose data devices must not send, by device.
    fn withheld(&self) -> StoreResult<Vec<(DeviceId, Vec<String>)>>;
}
