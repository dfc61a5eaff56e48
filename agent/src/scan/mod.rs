//! What is looked at, when, and what becomes of it. Who transports it is the session's business.

mod cut;
pub mod engine;
mod gather;
pub mod looks;
mod reading;
mod recollect;
pub mod recorder;
pub mod tools;
pub mod trigger;
mod upkeep;
pub mod watch;
