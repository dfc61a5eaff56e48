//! What an import would do to the ledger, before it does it.

use std::collections::BTreeMap;

use crate::model::LedgerEntry;

/// What would be added, changed and removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// New entries.
    pub added: Vec<LedgerEntry>,
    /// Entries that differ: as they are, and as they would be.
    pub changed: Vec<(LedgerEntry, LedgerEntry)>,
    /// Entries that would go.
    pub removed: Vec<LedgerEntry>,
    /// How many stay as they are.
    pub same: usize,
}

impl Plan {
    /// Entries to write.
    pub fn put(&self) -> Vec<LedgerEntry> {
        self.added
            .iter()
            .chain(self.changed.iter().map(|(_, after)| after))
            .cloned()
            .collect()
    }

    /// Addresses to remove.
    pub fn remove(&self) -> Vec<String> {
        self.removed.iter().map(|entry| entry.address.clone()).collect()
    }

    /// Whether nothing would change.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares. With `replace`, entries that the file does not have go; else they stay.
pub fn plan(current: &[LedgerEntry], file: &[LedgerEntry], replace: bool) -> Plan {
    let known: BTreeMap<&str, &LedgerEntry> = current
        .iter()
        .map(|entry| (entry.address.as_str(), entry))
        .collect();
    let mut plan = Plan::default();
    for entry in file {
        match known.get(entry.address.as_str()) {
            None => plan.added.push(entry.clone()),
            Some(before) if **before == *entry => plan.same += 1,
            Some(before) => plan.changed.push(((*before).clone(), entry.clone())),
        }
    }
    if replace {
        plan.removed = current
            .iter()
            .filter(|entry| !file.iter().any(|new| new.address == entry.address))
            .cloned()
            .collect();
    } else {
        plan.same = current.len().saturating_sub(plan.changed.len());
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(address: &str, owner: &str) -> LedgerEntry {
        LedgerEntry {
            owner: Some(owner.into()),
            ..LedgerEntry::of(address.into())
        }
    }

    #[test]
    fn a_plan_tells_what_would_happen_and_removes_only_when_asked() {
        let current = [
            entry("10.0.0.1", "a"),
            entry("10.0.0.2", "b"),
            entry("10.0.0.3", "c"),
        ];
        let file = [
            entry("10.0.0.2", "b"),
            entry("10.0.0.3", "d"),
            entry("10.0.0.4", "e"),
        ];
        let replaced = plan(&current, &file, true);
        assert_eq!(
            (
                replaced.added.len(),
                replaced.changed.len(),
                replaced.removed.len(),
                replaced.same
            ),
            (1, 1, 1, 1)
        );
        assert_eq!(replaced.remove(), ["10.0.0.1"]);
        let merged = plan(&current, &file, false);
        assert!(merged.removed.is_empty());
        assert_eq!((merged.put().len(), merged.same), (2, 2));
        assert!(plan(&current, &current, true).is_empty());
    }
}
