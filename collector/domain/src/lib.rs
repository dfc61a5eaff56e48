//! Deskwarden's pure core: what the collector knows, how it judges, what it decides. No I/O, no clock,
//! no randomness, no SQL and no runtime: `now`, ids and loaded state come in, values go out.
//!
//! - [`model`]: the nouns (device, asset, item, finding, rule outcome, alert, token, user, ...)
//! - [`rules`], [`catalogue`]: rule packs, regulations and the software catalogue, loaded from TOML
//! - [`judge`]: state + context -> outcomes, findings, wake-up time
//! - [`advance`]: a record of a device applied to its loaded state
//! - [`offline`]: a snapshot file judged without a store
//! - [`lifecycle`]: what people do to findings and baselines
//! - [`successor`]: a PC that was installed anew, and the asset that it is proposed for
//! - [`port`]: what the domain asks of a store

pub mod advance;
pub mod catalogue;
mod file;
pub mod judge;
pub mod lifecycle;
pub mod model;
pub mod offline;
pub mod port;
pub mod rules;
pub mod successor;
pub mod token;
