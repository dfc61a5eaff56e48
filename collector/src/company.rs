//! Rule files that a company writes by its decisions (titles filed in the catalogue, allowlist mode): what is in
//! force, whether a new text would load, and its new version. The texts themselves are made in the domain.

use deskwarden_domain::{
    catalogue::company::{FILED, Filing, FilingError, with_title},
    model::AuditEntry,
    port::{RuleVersion, RuleVersionState, Store, StoreError, StoreResult},
    rules::{Fault, RuleFile, RuleSet},
};

/// Why a decision did not become a version.
#[derive(Debug, thiserror::Error)]
pub enum CompanyError {
    /// The title cannot be filed.
    #[error(transparent)]
    Filing(#[from] FilingError),
    /// The rules would not load with it: every fault, a line each.
    #[error("{0}")]
    Rules(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Files a title. The action and object of the line in the audit log are set here.
pub fn file_title(store: &dyn Store, filing: &Filing<'_>, audit: AuditEntry) -> Result<(), CompanyError> {
    let text = with_title(&current(store, FILED)?, filing)?;
    put(store, FILED, text, false, audit)
}

/// The text of a file in force; empty where there is none.
pub fn current(store: &dyn Store, file: &str) -> StoreResult<String> {
    let versions = store.rules_in_force()?;
    let found = versions.into_iter().find(|version| version.file == file);
    Ok(found.map(|version| version.content).unwrap_or_default())
}

/// What is in force, with one file replaced (taken out where its text is empty).
pub fn in_force(store: &dyn Store, with: Option<(&str, &str)>) -> Result<RuleSet, CompanyError> {
    let versions = store.rules_in_force()?;
    let replaced = with.map(|(file, _)| file);
    let mut files: Vec<RuleFile<'_>> = versions
        .iter()
        .filter(|version| Some(version.file.as_str()) != replaced)
        .map(|version| RuleFile {
            name: &version.file,
            content: &version.content,
        })
        .collect();
    files.extend(
        with.filter(|(_, content)| !content.is_empty())
            .map(|(name, content)| RuleFile { name, content }),
    );
    RuleSet::load(&files).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
        CompanyError::Rules(lines.join("\n"))
    })
}

/// Puts a new version of a file in force, or takes the file out; only where the rules load with it.
pub fn put(
    store: &dyn Store,
    file: &str,
    content: String,
    removed: bool,
    audit: AuditEntry,
) -> Result<(), CompanyError> {
    in_force(store, Some((file, if removed { "" } else { &content })))?;
    let audit = AuditEntry {
        action: if removed { "rules.remove" } else { "rules.edit" }.to_owned(),
        object: format!("rules:{file}"),
        ..audit
    };
    let version = RuleVersion {
        id: 0,
        file: file.to_owned(),
        hash: *blake3::hash(content.as_bytes()).as_bytes(),
        content,
        origin: audit.actor.clone(),
        imported_at: audit.at,
        state: RuleVersionState::Accepted,
        faults: String::new(),
        removed,
    };
    store.add_rule_version(&version, &audit)?;
    Ok(())
}
