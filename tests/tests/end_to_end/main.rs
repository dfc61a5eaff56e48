//! Whole systems: the real collector, the real agent, real TLS, ports that the system chooses.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod system;
