//! What a rule about the register is about: where what people entered and what PCs report contradict each other.

use deskwarden_proto::v1::Section;

use super::{Asset, AssetClass, AssetState};

/// What a rule of kind `register` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Matter {
    /// Somebody other than the custodian works with the PC, and no transfer was recorded.
    TransferUnrecorded,
    /// The form of a recorded transfer is due soon.
    TransferFormDue,
    /// The form of a recorded transfer did not come in time.
    TransferFormOverdue,
    /// In use by the register, and nothing is heard of it or nobody signs in.
    Idle,
    /// It reports although the register says that it should not.
    ReportsAgain,
    /// It went silent, and no work order says why.
    GoneUnordered,
    /// A provider's PC was here outside its visits.
    VisitOutside,
    /// A provider's PC is in a network that its provider may not use.
    SubnetForbidden,
    /// A provider's PC for which nobody answers.
    Unsupervised,
}

impl Matter {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TransferUnrecorded,
        Self::TransferFormDue,
        Self::TransferFormOverdue,
        Self::Idle,
        Self::ReportsAgain,
        Self::GoneUnordered,
        Self::VisitOutside,
        Self::SubnetForbidden,
        Self::Unsupervised,
    ];

    /// The name used in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransferUnrecorded => "transfer_unrecorded",
            Self::TransferFormDue => "transfer_form_due",
            Self::TransferFormOverdue => "transfer_form_overdue",
            Self::Idle => "idle",
            Self::ReportsAgain => "reports_again",
            Self::GoneUnordered => "gone_unordered",
            Self::VisitOutside => "visit_outside",
            Self::SubnetForbidden => "subnet_forbidden",
            Self::Unsupervised => "unsupervised",
        }
    }

    /// What goes by that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|matter| matter.name() == name)
    }

    /// Whether it is a question about such an asset at all: nothing is said of a visit of the organisation's own PC.
    pub fn concerns(self, asset: &Asset) -> bool {
        match self {
            Self::TransferFormDue | Self::TransferFormOverdue => true,
            Self::TransferUnrecorded | Self::Idle | Self::GoneUnordered => asset.state == AssetState::InUse,
            Self::ReportsAgain => !matches!(asset.state, AssetState::InUse | AssetState::InRepair),
            Self::VisitOutside | Self::SubnetForbidden | Self::Unsupervised => {
                asset.class == AssetClass::Outsourced && asset.state != AssetState::Scrapped
            }
        }
    }

    /// The kind of facts that it compares the register with; where one of them changes, it is judged anew.
    pub const fn sections(self) -> &'static [Section] {
        match self {
            Self::TransferUnrecorded | Self::Idle => &[Section::Logon],
            Self::SubnetForbidden => &[Section::Network],
            Self::TransferFormDue
            | Self::TransferFormOverdue
            | Self::ReportsAgain
            | Self::GoneUnordered
            | Self::VisitOutside
            | Self::Unsupervised => &[],
        }
    }
}
