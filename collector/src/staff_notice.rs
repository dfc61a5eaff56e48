//! The versions of what staff are told about collection. Owns when a version counts as new and that it is noted; the
//! page that shows the notice is elsewhere.

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, AuditFilter, Millis},
    port::{Paging, Store, StoreResult},
};
use deskwarden_proto::describe::{self, FieldDoc};
use serde_json::json;

/// Under what the audit log has it.
const ACTION: &str = "staff.notice";

/// Changes with everything that is said to be collected, and why.
pub fn version() -> String {
    let mut hasher = blake3::Hasher::new();
    let fields = |hasher: &mut blake3::Hasher, fields: &[FieldDoc]| {
        for field in fields {
            for text in [field.name, field.zh, field.en, field.purpose_zh, field.purpose_en] {
                hasher.update(text.as_bytes()).update(&[0]);
            }
        }
    };
    for section in &describe::SECTIONS {
        for text in [section.name, section.purpose_zh, section.purpose_en] {
            hasher.update(text.as_bytes()).update(&[0]);
        }
        fields(&mut hasher, section.fields);
    }
    fields(&mut hasher, &describe::LOCAL_FIELDS);
    hasher.finalize().to_hex().chars().take(8).collect()
}

/// Notes this build's version in the audit log, unless it is there.
pub fn note(store: &dyn Store, now: Millis) -> StoreResult<()> {
    let version = version();
    let object = format!("notice:{version}");
    let known = AuditFilter {
        action: Some(ACTION.to_owned()),
        object: Some(object.clone()),
        ..AuditFilter::default()
    };
    let one = Paging { offset: 0, limit: 1 };
    if !store.audit_page(&known, one)?.rows.is_empty() {
        return Ok(());
    }
    store.audit(&AuditEntry {
        at: now,
        actor: PRODUCT.to_owned(),
        action: ACTION.to_owned(),
        object,
        detail: json!({ "version": version }).to_string(),
    })
}

#[cfg(test)]
mod tests {
    use deskwarden_domain::model::Record;

    use super::*;

    #[test]
    fn a_version_is_noted_once_and_counts_as_a_record() {
        let home = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", home.path().join("t.db").display());
        let store = deskwarden_store::open(&place).unwrap();
        let count = || {
            let counts = store.record_counts().unwrap();
            counts
                .iter()
                .find(|(record, _)| *record == Record::NoticeVersions)
                .unwrap()
                .1
        };
        assert_eq!(count(), 0);
        note(store.as_ref(), 1_000).unwrap();
        note(store.as_ref(), 2_000).unwrap();
        assert_eq!(count(), 1);
        assert_eq!(store.audit_records(0, 10).unwrap().len(), 1);
    }
}
