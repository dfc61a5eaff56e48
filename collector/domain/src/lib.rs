//! Deskwarden's pure core: what the collector knows, how it judges, what it decides. No I/O, no clock,
//! no randomness, no SQL and no runtime: `now`, ids and loaded state come in, values go out.
//!
//! - [`model`]: the nouns (device, asset, item, finding, rule outcome, alert, token, user, ...)
//! - [`rules`], [`catalogue`]: rule packs, regulations and the software catalogue, loaded from TOML
//! - [`judge`]: state + context -> outcomes, findings, wake-up time
//! - [`advance`]: a record of a device applied to its loaded state
//! - [`offline`]: a snapshot file judged without a store
//! - [`admission`]: a provider's device judged once, before it is used
//! - [`approval`]: what may be approved, and what an approval covers
//! - [`alerting`]: who is told of what, when, and in how many messages
//! - [`census`]: which titles a fleet has that nobody knows, and what an allowlist would flag
//! - [`claim`]: what an item says for rules over several devices
//! - [`coverage`]: every clause with its rules, its records and what the checks say
//! - [`cross`]: what claims of several devices say together: conflict, theft, spoofing, parts that moved
//! - [`custody`]: what makes a part the same part wherever it turns up
//! - [`edit`]: what an edit of rules reaches, so that only that is judged anew
//! - [`ledger`]: the IP ledger as files, proposals and imported tables
//! - [`lifecycle`]: what people do to findings and baselines
//! - [`inspection`]: when an inspection run is due, and what period it closes
//! - [`notice`]: what a rectification notice says, to whom, and when it is refused
//! - [`operations`]: what the collector watches of itself, and when its store does not write
//! - [`register`]: the asset register and the books beside it
//! - [`successor`]: a PC that was installed anew, and the asset that it is proposed for
//! - [`table`]: files of people as rows of texts, and what is wrong with them
//! - [`trend`]: how the fleet complied over the last days
//! - [`port`]: what the domain asks of a store

pub mod admission;
pub mod advance;
pub mod alerting;
pub mod approval;
pub mod catalogue;
pub mod census;
pub mod claim;
pub mod coverage;
pub mod cross;
pub mod custody;
pub mod edit;
mod file;
pub mod inspection;
pub mod judge;
pub mod ledger;
pub mod lifecycle;
pub mod model;
pub mod moment;
pub mod notice;
pub mod offline;
pub mod operations;
pub mod port;
pub mod register;
pub mod rules;
pub mod successor;
pub mod table;
pub mod token;
pub mod trend;
mod turn;
