//! Findings that were chosen in a list, as addresses and forms carry them; and assets as people type them.

use deskwarden_domain::{
    model::{Asset, AssetId, FindingId},
    port::{AssetFilter, Paging, Store, StoreResult},
};

/// Findings that are decided at once: a page of the list.
pub(super) const MOST: usize = 50;

/// Reads what [`write`] wrote; what is no number is left out.
pub(super) fn read(text: &str) -> Vec<FindingId> {
    let mut ids: Vec<FindingId> = Vec::new();
    for id in text.split('.').filter_map(|id| id.parse().ok()).map(FindingId) {
        if !ids.contains(&id) && ids.len() < MOST {
            ids.push(id);
        }
    }
    ids
}

/// `12.13.14`.
pub(super) fn write(ids: &[FindingId]) -> String {
    let texts: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    texts.join(".")
}

/// The asset of a number, or of `#` and its row id.
pub(super) fn asset(store: &dyn Store, text: &str) -> StoreResult<Option<Asset>> {
    if let Some(id) = text.strip_prefix('#').and_then(|id| id.parse().ok()) {
        return Ok(store.asset(AssetId(id))?.map(|(row, _)| row.asset));
    }
    let filter = AssetFilter {
        text: Some(text.to_owned()),
        ..AssetFilter::default()
    };
    let window = Paging {
        offset: 0,
        limit: 500,
    };
    let rows = store.assets(&filter, window)?.rows;
    Ok(rows
        .into_iter()
        .map(|row| row.asset)
        .find(|asset| asset.number.as_deref() == Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_findings_come_back_once_each_and_no_more_than_a_page() {
        assert_eq!(
            read("3.1.3.x..-"),
            [FindingId(3), FindingId(1)],
            "what is no number is left out"
        );
        let many: Vec<FindingId> = (0..60).map(FindingId).collect();
        assert_eq!(read(&write(&many)), many[..MOST]);
    }
}
