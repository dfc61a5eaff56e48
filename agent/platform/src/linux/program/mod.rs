//! Programs that run, shared by the sections that speak of them: which there are, which package owns each,
//! which of them holds a socket, what a port of them answers. Makes no facts.

mod hashes;
mod owners;
mod question;
mod running;
mod sockets;

pub(super) use hashes::Hashes;
pub(super) use owners::Owners;
pub(super) use question::Questions;
pub(super) use running::{Running, Walk, processes};
pub(super) use sockets::{Protocol, SocketOwners, Tables};

/// The file name of a path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
