//! Loading what rules over several devices look at: a picture of the touched values. Claims that say the same
//! are one row with a count: of five hundred PCs behind one gateway, five hundred say the same.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Approval, Asset, AssetId, AuditEntry, Claim, ClaimKind, ClaimNote, ClaimOrigin, DhcpRange, Finding,
    LedgerEntry, Millis,
};

use crate::{
    ledger::{Addresses, Subnet},
    register::Licence,
};

use super::StoreResult;

/// Something that several devices may claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    /// What it is.
    pub kind: ClaimKind,
    /// Normalised.
    pub value: String,
}

/// What is said of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// Of what.
    pub value: Value,
    /// How it is known.
    pub origin: ClaimOrigin,
    /// Whose it is, of own and accepted claims. Only what current devices say.
    pub asset: Option<AssetId>,
    /// What it says.
    pub note: ClaimNote,
    /// Who says so: names of PCs or of imported tables, a few of them.
    pub by: Vec<String>,
    /// How many say the same.
    pub count: u64,
}

/// An asset that is named by a claim or by the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The asset.
    pub asset: Asset,
    /// Its current device is connected, as far as can be known.
    pub present: bool,
    /// Hardware addresses that its device says are its own.
    pub macs: Vec<String>,
    /// Addresses that its device says are its own.
    pub addresses: Vec<String>,
    /// Identities of its boards: two assets with one board are one PC.
    pub boards: Vec<String>,
    /// Approvals for it or its department that are not over.
    pub approvals: Vec<Approval>,
}

/// Everything that is known of the touched values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// What is said, of the touched values.
    pub said: Vec<Said>,
    /// Assets by id.
    pub assets: BTreeMap<AssetId, Known>,
    /// Owners of hardware addresses that are mentioned.
    pub owners: BTreeMap<String, AssetId>,
    /// Ledger entries of the addresses and hardware addresses that are mentioned.
    pub ledger: Vec<LedgerEntry>,
    /// Addresses whose subnet has ledger entries.
    pub managed: Vec<String>,
    /// Addresses that DHCP servers hand out.
    pub ranges: Vec<DhcpRange>,
    /// Those of the media that may be used.
    pub media: BTreeSet<String>,
    /// How many have the licensed titles.
    pub licences: Vec<Used>,
    /// Findings of rules over several devices about the values, whatever their state.
    pub findings: Vec<Finding>,
    /// When it was loaded.
    pub at: Millis,
}

/// A licensed title, and who has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The title.
    pub licence: Licence,
    /// How many PCs have it.
    pub count: u64,
    /// Names of PCs that have it, a few of them.
    pub by: Vec<String>,
}

/// A value that something happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Row id, to say that it was looked at.
    pub id: i64,
    /// The value.
    pub value: Value,
}

/// A part in the custody of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What it is known by.
    pub identity: String,
    /// Class, maker and place.
    pub note: ClaimNote,
    /// It was accepted as belonging to the asset.
    pub accepted: bool,
    /// The asset reports it now.
    pub here: bool,
    /// Other assets that report it now.
    pub elsewhere: Vec<(AssetId, String)>,
}

/// What rules over several devices ask of a store.
pub trait CrossDevice {
    /// Values that are due, oldest first.
    fn touched(&self, now: Millis, limit: usize) -> StoreResult<Vec<Touched>>;

    /// Everything that is claimed, assigned and known of these values. Holds no more than a few hundred rows
    /// per value, whatever the number of devices.
    fn picture(&self, values: &[Value], now: Millis) -> StoreResult<Picture>;

    /// What is assigned, seen and found of these IPv4 addresses, at most 1,024: other addresses cost nothing.
    fn addresses(&self, subnet: Subnet) -> StoreResult<Addresses>;

    /// Has every value that anybody claims looked at, unless that was done for these rules before.
    fn touch_everything(&self, rules: &str) -> StoreResult<()>;

    /// Parts with a serial that the asset reports or that were accepted for it, by identity.
    fn custody(&self, asset: AssetId) -> StoreResult<Vec<Kept>>;

    /// Network items (encoded facets) of current devices, by asset: what a ledger can be learned from.
    fn reported_networks(&self, limit: usize) -> StoreResult<Vec<(AssetId, Vec<u8>)>>;

    /// Replaces what was imported under a name (a gateway's table of neighbours, a DHCP server's leases).
    fn put_observations(&self, name: &str, claims: &[Claim], audit: &AuditEntry) -> StoreResult<()>;
}
