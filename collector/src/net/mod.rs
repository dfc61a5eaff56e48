//! TLS listeners of the collector: who may connect, how many, how long a handshake may take. One kind for
//! both ports; knows neither gRPC nor pages.
//!
//! The agents' port asks for a client certificate without insisting (a device that enrols has none yet):
//! a certificate that is presented must be valid, or the handshake fails. The dashboard's port asks for
//! none.

mod caps;
mod connection;
mod listener;
#[cfg(test)]
mod tests;
mod tls;

pub use caps::{Counters, Snapshot};
pub use connection::{Activity, Call, Connection, Peer};
pub use listener::{Limits, NetError, TlsListener};
pub use tls::{ServerIdentity, TlsError, agents_config, dashboard_config};
