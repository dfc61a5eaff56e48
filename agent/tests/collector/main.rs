//! The agent against a collector of the test's own: real TLS, real gRPC, port 0.
#![expect(unreachable_pub, reason = "the modules of one test")]

mod enrolment;
mod fake;
mod pki;
mod session;
mod watching;
