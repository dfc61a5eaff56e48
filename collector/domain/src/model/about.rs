//! What a rule over several devices is about.

use super::ClaimKind;

/// What a rule over several devices is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Somebody holds an address that is assigned to another.
    AddressStolen,
    /// Two devices hold one address at the same time.
    AddressConflict,
    /// An address in a managed subnet that nobody was assigned.
    AddressUnassigned,
    /// Another hardware address than before answers for a gateway.
    GatewayChanged,
    /// One machine answers for many addresses.
    ManyAddresses,
    /// A machine on the network that neither reports nor is registered.
    UnmanagedMachine,
    /// A part of one PC turned up in another.
    PartMoved,
    /// A removable medium that is in no register.
    MediaUnregistered,
    /// More PCs have a title than were paid for.
    LicenceOverused,
}

impl About {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AddressStolen,
        Self::AddressConflict,
        Self::AddressUnassigned,
        Self::GatewayChanged,
        Self::ManyAddresses,
        Self::UnmanagedMachine,
        Self::PartMoved,
        Self::MediaUnregistered,
        Self::LicenceOverused,
    ];

    /// The name used in rule files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddressStolen => "address_stolen",
            Self::AddressConflict => "address_conflict",
            Self::AddressUnassigned => "address_unassigned",
            Self::GatewayChanged => "gateway_changed",
            Self::ManyAddresses => "many_addresses",
            Self::UnmanagedMachine => "unmanaged_machine",
            Self::PartMoved => "part_moved",
            Self::MediaUnregistered => "media_unregistered",
            Self::LicenceOverused => "licence_overused",
        }
    }

    /// What goes by that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|about| about.name() == name)
    }

    /// The kind of value that such a rule looks at; a finding's subject is the value.
    pub const fn kind(self) -> ClaimKind {
        match self {
            Self::AddressStolen | Self::AddressConflict | Self::AddressUnassigned | Self::GatewayChanged => {
                ClaimKind::Ip
            }
            Self::ManyAddresses | Self::UnmanagedMachine => ClaimKind::Mac,
            Self::PartMoved => ClaimKind::PartSerial,
            Self::MediaUnregistered => ClaimKind::Media,
            Self::LicenceOverused => ClaimKind::Licence,
        }
    }
}
