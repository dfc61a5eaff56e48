//! The library that the MSI loads into the installer's own process. Its entries are the platform's; a library that
//! starts no program is all that this crate is, because a Rust package makes either a program or this.

pub use deskwarden_platform as platform;
