//! Rule files as text with places: their faults, and reading tables so that all faults are found at once.
//! Knows TOML; knows neither rules nor the catalogue.

mod fault;
pub(crate) mod read;

pub use fault::Fault;
pub(crate) use fault::position;

/// One file of a pack: regulations, lists, rules and catalogue entries may stand in any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleFile<'a> {
    /// File name, for faults: `pc.toml`.
    pub name: &'a str,
    /// Its text.
    pub content: &'a str,
}
