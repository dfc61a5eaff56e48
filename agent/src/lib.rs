//! The agent: reads what a PC is, keeps what changed, and brings it to the collector. Everything but the
//! operating system (`deskwarden-platform`) and the contract (`deskwarden-proto`).

pub mod admission;
pub mod app;
pub mod attend;
pub mod cli;
pub mod config;
pub mod disk;
pub mod endpoint;
mod fault;
pub mod identity;
pub mod notice;
pub mod outbox;
pub mod scan;
pub mod service;
pub mod session;
pub mod setup;
pub mod supervise;
pub mod transport;
pub mod update;
pub mod web_proxy;
