//! Items as stored, the accepted baseline, the history of changes, and claims.

use deskwarden_proto::{Bytes, decode::ItemId, ids::DeviceId};

use super::{AssetId, Millis};

/// A fact of a device as it is stored: bytes as received.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredItem {
    /// Identity on its device.
    pub id: ItemId,
    /// Encoded facet.
    pub facet: Bytes,
    /// Hash that the facet is interned under.
    pub facet_hash: [u8; 32],
    /// Encoded local part.
    pub local: Bytes,
    /// Digest of the whole item.
    pub digest: u128,
    /// Receive time of the report that first had it.
    pub first_seen: Millis,
    /// Receive time of the report that last changed it.
    pub changed_at: Millis,
}

/// What was accepted for an asset: a difference to it is a change that a person reviews.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineItem {
    /// Identity of the item that was accepted.
    pub id: ItemId,
    /// Encoded facet as accepted.
    pub facet: Bytes,
    /// Its hash.
    pub facet_hash: [u8; 32],
    /// When it was accepted.
    pub accepted_at: Millis,
    /// Who accepted it; `first contact` when nobody had to.
    pub accepted_by: String,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// Its content changed.
    Changed,
    /// It is no longer there.
    Gone,
}

impl ChangeKind {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Gone => "gone",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Added, Self::Changed, Self::Gone]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

/// One line of a device's timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The device.
    pub device: DeviceId,
    /// The item.
    pub id: ItemId,
    /// What happened.
    pub kind: ChangeKind,
    /// Facet before, unless added.
    pub before: Option<Bytes>,
    /// Facet after, unless gone.
    pub after: Option<Bytes>,
    /// When the collector received it; this orders.
    pub received_at: Millis,
    /// When the agent saw it, by its own clock; this is shown.
    pub observed_at: Millis,
}

/// What a claim is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimKind {
    /// An address.
    Ip,
    /// A hardware address.
    Mac,
    /// Serial of a part.
    PartSerial,
    /// A removable medium.
    Media,
    /// A licensed title; what has it is evidence, not a claim.
    Licence,
}

impl ClaimKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ip, Self::Mac, Self::PartSerial, Self::Media, Self::Licence];
}

impl ClaimKind {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::PartSerial => "part_serial",
            Self::Media => "media",
            Self::Licence => "licence",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

/// How the collector came to know a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimOrigin {
    /// The device said it of itself.
    Own,
    /// Another device saw it.
    Observed,
    /// A person imported it.
    Imported,
    /// It was accepted as belonging to an asset.
    Accepted,
}

impl ClaimOrigin {
    /// The name used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Observed => "observed",
            Self::Imported => "imported",
            Self::Accepted => "accepted",
        }
    }

    /// The origin of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Own, Self::Observed, Self::Imported, Self::Accepted]
            .into_iter()
            .find(|k| k.name() == name)
    }
}

/// What cross-device rules read: somebody says that a value is somewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Claim {
    /// What it is about.
    pub kind: ClaimKind,
    /// The value, normalised.
    pub value: String,
    /// How it is known.
    pub origin: ClaimOrigin,
    /// Asset that holds it, if known.
    pub asset: Option<AssetId>,
    /// Device whose item says so.
    pub device: Option<DeviceId>,
    /// Key of that item, so that the claim goes when the item goes.
    pub item_key: String,
    /// More that the cross-device rule needs, an encoded [`super::ClaimNote`].
    pub note: String,
}

/// Whether a hardware address is one machine's: not empty, not a group's.
pub fn is_machine(mac: &str) -> bool {
    let group = mac
        .get(..2)
        .and_then(|octet| u8::from_str_radix(octet, 16).ok())
        .is_none_or(|octet| octet & 1 == 1);
    mac.len() == 17 && !group && mac != "00:00:00:00:00:00"
}
