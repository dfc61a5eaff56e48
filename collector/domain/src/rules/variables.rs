//! What a condition may ask: its variables with their fields, for whoever describes them.

use super::{
    surroundings::{REGISTER_KEYS, SECTION_KEYS},
    values::{ASSET_KEYS, DEVICE_KEYS, ITEM_KEYS, LEDGER_KEYS},
};

/// The variables of a condition with their fields; those of `item` stand beside the fields of its fact.
pub fn condition_fields() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        ("item", ITEM_KEYS.to_vec()),
        ("asset", ASSET_KEYS.to_vec()),
        ("device", DEVICE_KEYS.to_vec()),
        ("section", SECTION_KEYS.to_vec()),
        ("register", REGISTER_KEYS.to_vec()),
        ("ledger", LEDGER_KEYS.to_vec()),
    ]
}
