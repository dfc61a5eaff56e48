//! New devices of PCs that are known: by which hints they are recognised, proposals, and links.

use deskwarden_proto::ids::DeviceId;

use super::{Asset, Device, Millis};

/// A kind of hint that names hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HintKind {
    /// Serial of the PC.
    System,
    /// Identity of the board's firmware.
    Uuid,
    /// Serial of the board.
    Board,
    /// Serial of a disk.
    Disk,
    /// Hardware address of an interface.
    Mac,
}

impl HintKind {
    /// All of them, the most telling first.
    pub const ALL: [Self; 5] = [Self::System, Self::Uuid, Self::Board, Self::Disk, Self::Mac];

    /// The name used in tables and the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system_serial",
            Self::Uuid => "system_uuid",
            Self::Board => "board_serial",
            Self::Disk => "disk_serial",
            Self::Mac => "mac",
        }
    }

    /// The kind of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether the administrator's rule counts it. Interfaces are plugged into other PCs too easily.
    pub const fn is_serial(self) -> bool {
        !matches!(self, Self::Mac)
    }
}

/// A new device whose hints match an earlier asset.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The new device.
    pub device: Device,
    /// The asset that its enrolment made; it is judged under it until it is linked.
    pub provisional: Asset,
    /// The asset that it is proposed for.
    pub asset: Asset,
    /// The device that this asset has now.
    pub current: Option<Device>,
    /// What is equal.
    pub matched: Vec<(HintKind, String)>,
    /// When it was proposed.
    pub proposed_at: Millis,
}

/// A link that stands and can be undone.
#[derive(Clone, Debug, PartialEq)]
pub struct Linked {
    /// The device that was linked.
    pub device: Device,
    /// The asset that it belongs to since.
    pub asset: Asset,
    /// The device that it took the place of.
    pub replaced: Option<DeviceId>,
    /// When.
    pub at: Millis,
    /// By whom.
    pub by: String,
}
