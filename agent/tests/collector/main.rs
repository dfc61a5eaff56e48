//! The agent against a collector of the test's own: real TLS, real gRPC, port 0.
#![expect(
    unreachable_pub,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the modules of one test: what goes wrong is to end it"
)]

mod binary;
mod desk;
mod enrolment;
mod fake;
mod identity;
mod pki;
mod session;
mod watching;
