//! Linux: which sources there are. Each has a file of its own.

mod dpkg;
mod egress;
mod events;
mod gather;
mod heap;
mod homes;
mod host;
mod listener;
mod memory;
mod network;
mod os_release;
mod part;
mod private;
mod process;
mod program;
mod proxy;
mod root;
mod rtnl;
mod signals;

use std::sync::Arc;

use crate::Source;

pub use events::{KernelEvents, Stopper, kernel_events};
pub use heap::{keep_heap_small, release_memory};
pub use host::{boot_id, host_hints, is_privileged, monotonic_ms};
pub use private::{ensure_private_dir, write_private};
pub use root::Root;
pub use signals::end_requested;

/// Every source of facts of this system.
pub fn sources() -> Vec<Box<dyn Source>> {
    let owners = Arc::new(program::Owners::default());
    vec![
        Box::new(os_release::OsRelease),
        Box::new(dpkg::Dpkg),
        Box::new(part::Smbios),
        Box::new(part::CpuInfo),
        Box::new(part::Disks),
        Box::new(part::Pci),
        Box::new(network::Netlink::default()),
        Box::new(network::ConfigFiles),
        Box::new(proxy::Environment),
        Box::new(proxy::Apt),
        Box::new(proxy::UserEnvironment),
        Box::new(proxy::Git),
        Box::new(process::Programs::new(Arc::clone(&owners))),
        Box::new(listener::Listeners::new(Arc::clone(&owners))),
        Box::new(egress::Connections::new(owners)),
    ]
}
