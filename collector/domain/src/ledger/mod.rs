//! The IP ledger (PC 3.2.5): its columns in both languages, files read and written as tables of texts, what
//! an import would change, what can be learned from what PCs report, and what gateways and DHCP servers
//! remember. Pure: files and formats of files are the collector's.

mod cells;
mod grid;
mod import;
mod learn;
mod observe;
mod plan;

pub use cells::refuse_unfit;
pub use grid::{Addresses, Place, SeenAddress, Subnet, Use};
pub use import::{Imported, read};
pub use learn::{ADDRESS_CLAUSE, ADDRESS_RULES, Learned, propose};
pub use observe::{NotATable, Observation, arp_table, claims, leases};
pub use plan::{Plan, plan};

use crate::{
    model::{LedgerEntry, LedgerMode},
    table::heading_text,
};

/// A column of ledger files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Column {
    /// The address.
    Address,
    /// Mask or prefix length.
    Mask,
    /// Gateway.
    Gateway,
    /// Name servers.
    Dns,
    /// Static or DHCP.
    Mode,
    /// Hardware address.
    Mac,
    /// Number of the asset.
    Asset,
    /// Owner in words.
    Owner,
    /// Place.
    Place,
}

impl Column {
    /// All of them, in the order of files.
    pub const ALL: [Self; 9] = [
        Self::Address,
        Self::Mask,
        Self::Gateway,
        Self::Dns,
        Self::Mode,
        Self::Mac,
        Self::Asset,
        Self::Owner,
        Self::Place,
    ];

    /// Heading in Chinese and English, as exports have it.
    pub const fn heading(self) -> (&'static str, &'static str) {
        match self {
            Self::Address => ("IP地址", "Address"),
            Self::Mask => ("子网掩码", "Mask"),
            Self::Gateway => ("网关", "Gateway"),
            Self::Dns => ("DNS", "DNS"),
            Self::Mode => ("获取方式", "Mode"),
            Self::Mac => ("MAC地址", "MAC"),
            Self::Asset => ("资产编号", "Asset"),
            Self::Owner => ("使用人", "Owner"),
            Self::Place => ("位置", "Place"),
        }
    }

    /// Other headings that offices write, lower case without spaces and marks.
    const fn also(self) -> &'static [&'static str] {
        match self {
            Self::Address => &["ip", "地址", "ipaddress", "ipv4", "ipv4地址", "ipv4address"],
            Self::Mask => &[
                "掩码",
                "netmask",
                "subnetmask",
                "prefix",
                "前缀",
                "前缀长度",
                "prefixlength",
            ],
            Self::Gateway => &["默认网关", "defaultgateway"],
            Self::Dns => &[
                "dns服务器",
                "域名服务器",
                "nameserver",
                "nameservers",
                "dnsserver",
                "dnsservers",
            ],
            Self::Mode => &["方式", "取址方式", "分配方式", "类型", "type"],
            Self::Mac => &["mac", "物理地址", "macaddress", "硬件地址", "hardwareaddress"],
            Self::Asset => &["资产", "资产号", "设备编号", "assetnumber"],
            Self::Owner => &[
                "责任人",
                "保管人",
                "用户",
                "所有者",
                "user",
                "custodian",
                "设备名称",
            ],
            Self::Place => &["地点", "房间", "部门位置", "location", "room"],
        }
    }

    /// The column that a heading names.
    pub fn named(heading: &str) -> Option<Self> {
        let given = heading_text(heading);
        Self::ALL
            .into_iter()
            .find(|column| column.spellings().iter().any(|name| heading_text(name) == given))
    }

    /// How it may be headed.
    fn spellings(self) -> Vec<&'static str> {
        let (zh, en) = self.heading();
        [&[zh, en], self.also()].concat()
    }
}

/// The cells of an entry, in the order of [`Column::ALL`]; `asset` is what stands for its asset.
pub fn row(entry: &LedgerEntry, asset: &str, zh: bool) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let words = entry.mode.map(LedgerMode::words).unwrap_or_default();
    let mode = if zh { words.0 } else { words.1 };
    let is_v4 = entry
        .address
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.is_ipv4());
    let mask = match entry.prefix {
        Some(prefix) if is_v4 => cells::mask_of(prefix),
        Some(prefix) => prefix.to_string(),
        None => String::new(),
    };
    vec![
        entry.address.clone(),
        mask,
        text(&entry.gateway),
        entry.dns.join(" "),
        mode.to_owned(),
        text(&entry.mac),
        asset.to_owned(),
        text(&entry.owner),
        text(&entry.place),
    ]
}
