//! Assets (the physical PCs) and the assigned addresses.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Millis;

/// Row id of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AssetId(pub i64);

/// State of an asset in the register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetState {
    /// Somebody works with it.
    #[default]
    InUse,
    /// Kept, nobody works with it.
    Idle,
    /// With a technician.
    InRepair,
    /// Taken out of service for good.
    Scrapped,
    /// Nobody knows where it is.
    Lost,
}

impl AssetState {
    /// The name used in rules, tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Idle => "idle",
            Self::InRepair => "in_repair",
            Self::Scrapped => "scrapped",
            Self::Lost => "lost",
        }
    }

    /// All of them, in the order of pages.
    pub const ALL: [Self; 5] = [
        Self::InUse,
        Self::Idle,
        Self::InRepair,
        Self::Scrapped,
        Self::Lost,
    ];

    /// The state of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }
}

/// Whose PC it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetClass {
    /// The organisation's.
    #[default]
    Own,
    /// A provider's, here under the regulation for outsourced services.
    Outsourced,
}

impl AssetClass {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Own, Self::Outsourced];

    /// The name used in rules, tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Outsourced => "outsourced",
        }
    }

    /// The class of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// A physical PC. Ledger entries, approvals, baselines and findings belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asset {
    /// Row id.
    pub id: AssetId,
    /// Asset number of the register; `None` while no register entry expects it.
    pub number: Option<String>,
    /// How people call it; the host name until somebody gives it another.
    pub name: String,
    /// Person responsible for it.
    pub custodian: Option<String>,
    /// Department that it belongs to.
    pub department: Option<String>,
    /// State in the register.
    pub state: AssetState,
    /// The organisation's own, or a provider's.
    pub class: AssetClass,
    /// Provider of an outsourced one.
    pub provider: Option<String>,
    /// Who answers for it on our side, where that is not the custodian.
    pub responsible: Option<String>,
    /// Where it stands.
    pub place: Option<String>,
    /// When it came into its state, as the register knows.
    pub state_since: Millis,
    /// When its custodian was last changed.
    pub custodian_since: Millis,
    /// Made by an enrolment and neither registered nor linked to a registered asset yet.
    pub provisional: bool,
    /// When the row was made.
    pub created_at: Millis,
    /// Raised by every edit; an ingest that loaded an older one is judged again.
    pub version: i64,
    /// When it must be judged again without a report, if ever.
    pub wake_at: Option<Millis>,
    /// Generation of rules that it was last judged under.
    pub judged_generation: i64,
}

impl Asset {
    /// An asset of which nothing is known but a name.
    pub fn named(name: &str) -> Self {
        Self {
            id: AssetId(0),
            number: None,
            name: name.to_owned(),
            custodian: None,
            department: None,
            state: AssetState::InUse,
            class: AssetClass::Own,
            provider: None,
            responsible: None,
            place: None,
            state_since: 0,
            custodian_since: 0,
            provisional: false,
            created_at: 0,
            version: 0,
            wake_at: None,
            judged_generation: 0,
        }
    }
}

/// How a ledger entry's address is obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LedgerMode {
    /// Set by hand.
    Static,
    /// From a DHCP server.
    Dhcp,
}

impl LedgerMode {
    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dhcp => "dhcp",
        }
    }

    /// Words for people, Chinese and English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Static => ("静态", "static"),
            Self::Dhcp => ("DHCP", "DHCP"),
        }
    }
}

/// One line of the IP ledger: what an asset was assigned (clause 3.2.5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerEntry {
    /// The address as text, canonical.
    pub address: String,
    /// Prefix length, where assigned.
    pub prefix: Option<u8>,
    /// Gateway, where assigned.
    pub gateway: Option<String>,
    /// Name servers, where assigned.
    pub dns: Vec<String>,
    /// Static or DHCP, where assigned.
    pub mode: Option<LedgerMode>,
    /// Expected hardware address, where known.
    pub mac: Option<String>,
    /// Asset that it is assigned to.
    pub asset: Option<AssetId>,
    /// Owner in words where no asset is known.
    pub owner: Option<String>,
    /// Place.
    pub place: Option<String>,
}

impl LedgerEntry {
    /// The line of an address of which nothing else is said.
    pub const fn of(address: String) -> Self {
        Self {
            address,
            prefix: None,
            gateway: None,
            dns: Vec::new(),
            mode: None,
            mac: None,
            asset: None,
            owner: None,
            place: None,
        }
    }
}

/// Addresses that a DHCP server hands out: whoever got one from it holds it rightfully.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DhcpRange {
    /// First address, canonical.
    pub first: String,
    /// Last address, canonical.
    pub last: String,
    /// What it is for, in words.
    pub name: String,
}

impl DhcpRange {
    /// Whether the address lies within.
    pub fn holds(&self, address: IpAddr) -> bool {
        let (Ok(first), Ok(last)) = (self.first.parse::<IpAddr>(), self.last.parse::<IpAddr>()) else {
            return false;
        };
        first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
    }
}
