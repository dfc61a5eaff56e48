//! Section `network`: interfaces as the kernel has them (`netlink`) and as files configure them.

mod assemble;
mod netlink;

pub(super) use netlink::Netlink;
