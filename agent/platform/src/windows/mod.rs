//! Windows: which sources there are, each in a file of its own; and the agent's own place on the system.

mod account;
mod crashes;
mod devices;
mod dll;
mod egress;
mod event;
mod event_count;
mod events;
mod executable;
mod fault;
mod folder;
mod health;
mod host;
mod installer;
mod iphelper;
mod listener;
mod logon;
mod media;
mod neighbour;
mod network;
mod notices;
#[cfg(test)]
mod offline_tests;
mod os_release;
mod part;
mod parts;
mod people;
mod places;
mod process;
mod processes;
mod proxy;
mod registry;
mod room;
mod root;
mod samples;
mod security;
mod services;
mod share;
mod signature;
mod software;
mod working_set;

use deskwarden_system::wide;

use crate::{Source, gather, memory};

pub use events::{KernelEvents, Stopper, kernel_events};
pub use host::{boot_id, cpu_us, host_hints, is_privileged, monotonic_ms};
pub use places::{REPLACES_RUNNING, places};
pub use root::Root;
pub use samples::samples;
pub(crate) use working_set::give_up_pages;

/// Every source of facts of this system.
pub fn sources() -> Vec<Box<dyn Source>> {
    vec![
        Box::new(os_release::Windows),
        Box::new(part::Smbios),
        Box::new(part::Disks),
        Box::new(part::Adapters),
        Box::new(part::Monitors),
        Box::new(software::OfMachine),
        Box::new(software::OfUsers),
        Box::new(software::StoreApps),
        Box::new(software::Updates),
        Box::new(software::RunningPortable::default()),
        Box::new(software::Shortcuts::default()),
        Box::new(network::Adapters::default()),
        Box::new(proxy::OfMachine),
        Box::new(proxy::OfUsers),
        Box::new(proxy::WinHttp),
        Box::new(proxy::Environment),
        Box::new(proxy::Policies),
        Box::new(proxy::Firefox),
        Box::new(proxy::Sharing),
        Box::new(process::Programs::default()),
        Box::new(listener::Listeners::default()),
        Box::new(egress::Connections::default()),
        Box::new(neighbour::Neighbours::default()),
        Box::new(account::Accounts),
        Box::new(logon::Profiles::default()),
        Box::new(security::ScreenLock),
        Box::new(security::Firewall),
        Box::new(security::RemoteAccess),
        Box::new(security::PasswordPolicy),
        Box::new(security::AutoLogon),
        Box::new(security::Encryption),
        Box::new(security::Antivirus),
        Box::new(share::Shares),
        Box::new(media::UsbStorage),
        Box::new(health::Space),
        Box::new(health::Shutdowns),
        Box::new(health::Smart),
        Box::new(crashes::Crashes),
    ]
}
