//! Selectors.

use super::ItemFacts;

#[derive(Debug, Default)]
pub(crate) struct Selector;

impl Selector {
    pub(crate) const fn facet_only(&self) -> bool {
        true
    }

    pub(crate) fn takes(&self, _item: &ItemFacts<'_>) -> bool {
        false
    }
}
