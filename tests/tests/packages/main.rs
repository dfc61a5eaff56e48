//! The packages of agent and collector: what is in them, and that they do on real systems what they promise.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod booted;
mod collector;
mod container;
mod contents;
mod foreign;
mod installed;
