//! What is looked at, when, and what becomes of it. Who transports it is the session's business.

mod cut;
pub mod engine;
mod reading;
pub mod recorder;
pub mod tools;
pub mod trigger;
pub mod watch;
