//! Deskwarden's contract: what agent and collector say to each other, and the generic machinery
//! over it: keys, digests, diff, limits. Knows no runtime, no storage and no rule.
//!
//! A fact travels as an [`v1::Item`] whose `facet` and `local` are opaque bytes to everything here but
//! [`decode`]: what is inside is known to a probe (agent) and a rule (collector) only.

#[cfg(feature = "grpc")]
pub mod codec;
mod columns;
pub mod decode;
pub mod describe;
pub mod diff;
pub mod digest;
pub mod ids;
pub mod key;
pub mod limits;
pub mod packed;
pub mod part;
pub mod section;

/// The generated messages and, with feature `grpc`, the service stubs.
#[cfg_attr(
    feature = "grpc",
    expect(clippy::allow_attributes, reason = "the stubs carry their own")
)]
#[expect(
    missing_docs,
    clippy::all,
    reason = "generated from the .proto files, which are documented"
)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/deskwarden.v1.rs"));
}

/// The contract's version: raised when a frame changes its meaning.
pub const PROTOCOL: u32 = 1;
/// The oldest version that this build still speaks.
pub const PROTOCOL_OLDEST: u32 = 1;

pub use prost::{Message, bytes::Bytes};
