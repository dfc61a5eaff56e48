//! Section `network`: interfaces as the kernel has them (`netlink`) and as files configure them.

mod assemble;
mod config_files;
mod managers;
mod netlink;
mod wicked;

pub(super) use config_files::ConfigFiles;
pub(super) use netlink::Netlink;
