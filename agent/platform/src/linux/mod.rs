//! Linux: which sources there are. Each has a file of its own.

mod account;
mod crashes;
mod dpkg;
mod egress;
mod events;
mod health;
mod homes;
mod host;
mod listener;
mod logon;
mod media;
mod neighbour;
mod network;
mod os_release;
mod part;
mod places;
mod process;
mod program;
mod proxy;
mod raw_disk;
mod room;
mod root;
mod rpmdb;
mod rtnl;
mod samples;
mod security;
mod share;
mod software;
mod units;

use std::sync::Arc;

use crate::{Source, gather, memory};

pub use events::{KernelEvents, Stopper, kernel_events};
pub use host::{boot_id, cpu_us, host_hints, is_privileged, monotonic_ms};
pub use places::{REPLACES_RUNNING, places};
pub use root::Root;
pub use samples::samples;

/// Every source of facts of this system.
pub fn sources() -> Vec<Box<dyn Source>> {
    let owners = Arc::new(program::Owners::default());
    let walk = Arc::new(program::Walk::default());
    let tables = Arc::new(program::Tables::default());
    vec![
        Box::new(os_release::OsRelease),
        Box::new(dpkg::Dpkg),
        Box::new(part::Smbios),
        Box::new(part::CpuInfo),
        Box::new(part::Disks),
        Box::new(part::Pci),
        Box::new(part::Monitors),
        Box::new(network::Netlink::default()),
        Box::new(network::ConfigFiles),
        Box::new(proxy::Environment),
        Box::new(proxy::Apt),
        Box::new(proxy::UserEnvironment),
        Box::new(proxy::Git),
        Box::new(process::Programs::new(Arc::clone(&owners), Arc::clone(&walk))),
        Box::new(listener::Listeners::new(Arc::clone(&owners), Arc::clone(&tables))),
        Box::new(egress::Connections::new(Arc::clone(&owners), tables)),
        Box::new(software::Rpm),
        Box::new(software::OptApps),
        Box::new(software::Linglong),
        Box::new(software::Snap),
        Box::new(software::Flatpak),
        Box::new(software::MenuEntries::new(Arc::clone(&owners))),
        Box::new(software::RunningPortable::new(owners, walk)),
        Box::new(proxy::Dconf),
        Box::new(proxy::Kde),
        Box::new(proxy::Browsers),
        Box::new(proxy::Tools),
        Box::new(account::Accounts),
        Box::new(logon::Wtmp),
        Box::new(security::ScreenLock),
        Box::new(security::Firewall),
        Box::new(security::RemoteAccess),
        Box::new(security::PasswordPolicy),
        Box::new(security::AutoLogon),
        Box::new(security::Encryption),
        Box::new(security::Antivirus),
        Box::new(security::Detections),
        Box::new(security::Forwarding),
        Box::new(share::Samba),
        Box::new(share::Nfs),
        Box::new(media::Usb::default()),
        Box::new(media::History::default()),
        Box::new(neighbour::Neighbours::default()),
        Box::new(health::Space),
        Box::new(health::Shutdowns),
        Box::new(health::Smart::default()),
        Box::new(crashes::Crashes),
    ]
}
