//! The agent on Windows, as far as Wine shows it: its package, its service, what it reports.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod apis;
mod collector;
mod facts;
mod package;
mod program;
mod settings;
mod site;
mod system;
mod units;
mod updates;
