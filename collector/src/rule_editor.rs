//! The rule files as an editor sees them: a text checked together with everything else that is in force, what it
//! would flag on the PCs that there are, and saving it as a version. Knows no page.

use std::collections::BTreeMap;

use deskwarden_domain::{
    advance::{rejudge, rejudge_reached},
    judge::{Context, Memo},
    model::{AuditEntry, Finding, FindingKey, Millis},
    port::{LoadRequest, RuleVersion, RuleVersionState, Scope, Store, StoreError, StoreResult},
    rules::{Fault, RuleFile, RuleSet},
};

use crate::{
    ingest::Edit,
    rules_dir::{BUILT_IN, load_context},
};

/// Longest name of a file.
const NAME: usize = 64;
/// Devices that a preview judges; more are counted only.
const LOOKED: usize = 2_000;
/// Devices that are loaded together.
const GROUP: usize = 128;
/// Changes that a preview names.
const NAMED: usize = 50;

/// A file in force.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its text.
    pub content: String,
    /// Row id of the version; 0 for a file that there is not yet.
    pub version: i64,
    /// Where the version came from.
    pub origin: String,
}

/// What a text would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// Rules that differ, came or went.
    pub rules: Vec<String>,
    /// Devices that the edit reaches.
    pub reached: usize,
    /// Of them, those that were judged for this preview.
    pub looked: usize,
    /// Findings that would open and resolve, by rule.
    pub counts: BTreeMap<String, (u64, u64)>,
    /// Some of them: asset, rule, subject, whether it would open.
    pub named: Vec<(String, String, String, bool)>,
}

/// Why a text was not saved.
#[derive(Debug)]
pub enum NotSaved {
    /// It has faults.
    Faults(Vec<Fault>),
    /// Somebody else saved the file meanwhile.
    Stale,
    /// The store does not answer.
    Store(StoreError),
}

impl From<StoreError> for NotSaved {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether a file may be called so.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    name.len() <= NAME
        && name.len() > ".toml".len()
        && name.ends_with(".toml")
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(plain)
}

/// The version of a file that is in force; an empty one where there is none.
pub fn open(store: &dyn Store, file: &str) -> StoreResult<Opened> {
    let found = store
        .rules_in_force()?
        .into_iter()
        .find(|version| version.file == file);
    Ok(found.map_or_else(
        || Opened {
            content: String::new(),
            version: 0,
            origin: String::new(),
        },
        |version| Opened {
            content: version.content,
            version: version.id,
            origin: version.origin,
        },
    ))
}

/// The set with this file in the place of the one in force, or every fault.
pub fn check(store: &dyn Store, file: &str, content: &str) -> StoreResult<Result<RuleSet, Vec<Fault>>> {
    let in_force = store.rules_in_force()?;
    let mut files: Vec<RuleFile<'_>> = in_force
        .iter()
        .filter(|version| version.file != file)
        .map(|version| RuleFile {
            name: &version.file,
            content: &version.content,
        })
        .collect();
    files.push(RuleFile { name: file, content });
    Ok(RuleSet::load(&files))
}

/// What the text would flag and settle, judged on what is stored; nothing is written.
pub fn preview(
    store: &dyn Store,
    file: &str,
    content: &str,
    now: Millis,
) -> StoreResult<Result<Preview, Vec<Fault>>> {
    let rules = match check(store, file, content)? {
        Ok(rules) => rules,
        Err(faults) => return Ok(Err(faults)),
    };
    let before = load_context(store)?;
    let after = Context {
        rules: rules.into(),
        ..before.clone()
    };
    let plan = Edit::plan(store, &before, &after)?;
    // Where each asset is to be judged by itself, everything of it is looked at.
    let whole = plan.is_none();
    let Edit {
        rules,
        sections,
        work,
        ..
    } = match plan {
        Some(plan) => plan,
        None => Edit::of_everyone(store, &before)?,
    };
    let work: Vec<_> = work.into_iter().collect();
    let mut preview = Preview {
        rules,
        reached: work.len(),
        ..Preview::default()
    };
    let mut memo = Memo::default();
    for some in work
        .get(..work.len().min(LOOKED))
        .unwrap_or_default()
        .chunks(GROUP)
    {
        let requests: Vec<LoadRequest> = some
            .iter()
            .map(|(device, items)| LoadRequest {
                device: *device,
                scope: if whole {
                    Scope::Everything
                } else {
                    Scope::Touched {
                        items: items.iter().cloned().collect(),
                        sections: sections.clone(),
                    }
                },
                staged: None,
            })
            .collect();
        for (loaded, (_, items)) in store.load(&requests)?.into_iter().zip(some) {
            let Some(mut state) = loaded else { continue };
            preview.looked += 1;
            let stood: BTreeMap<FindingKey, Finding> = state
                .findings
                .iter()
                .map(|finding| (finding.key.clone(), finding.clone()))
                .collect();
            if whole {
                rejudge(&mut state, &after, &mut memo, now);
            } else {
                rejudge_reached(&mut state, items, &after, &mut memo, now);
            }
            for finding in &state.findings {
                let was = stood
                    .get(&finding.key)
                    .is_some_and(|before| before.state.is_active());
                let is = finding.state.is_active();
                if was == is {
                    continue;
                }
                let (opens, resolves) = preview.counts.entry(finding.key.rule.clone()).or_default();
                *(if is { opens } else { resolves }) += 1;
                if preview.named.len() < NAMED {
                    preview.named.push((
                        state.asset.name.clone(),
                        finding.key.rule.clone(),
                        finding.subject_name.clone(),
                        is,
                    ));
                }
            }
        }
    }
    Ok(Ok(preview))
}

/// Saves the text as the file's newest version, in force at once. `edited` is the version that it was made from.
pub fn save(
    store: &dyn Store,
    file: &str,
    content: &str,
    edited: i64,
    actor: &str,
    now: Millis,
) -> Result<(), NotSaved> {
    if open(store, file)?.version != edited {
        return Err(NotSaved::Stale);
    }
    if let Err(faults) = check(store, file, content)? {
        return Err(NotSaved::Faults(faults));
    }
    write(store, file, content, edited, false, actor, now)
}

/// Takes a file out of force; the built-in one of that name takes its place.
pub fn remove(store: &dyn Store, file: &str, edited: i64, actor: &str, now: Millis) -> Result<(), NotSaved> {
    let opened = open(store, file)?;
    if opened.version != edited || edited == 0 {
        return Err(NotSaved::Stale);
    }
    let built_in = BUILT_IN.iter().find(|built_in| built_in.name == file);
    let content = built_in.map_or("", |built_in| built_in.content);
    if let Err(faults) = check(store, file, content)? {
        return Err(NotSaved::Faults(faults));
    }
    match built_in {
        Some(built_in) => write(store, file, built_in.content, edited, false, actor, now),
        None => write(store, file, &opened.content, edited, true, actor, now),
    }
}

fn write(
    store: &dyn Store,
    file: &str,
    content: &str,
    edited: i64,
    removed: bool,
    actor: &str,
    now: Millis,
) -> Result<(), NotSaved> {
    let version = RuleVersion {
        id: 0,
        file: file.to_owned(),
        content: content.to_owned(),
        hash: *blake3::hash(content.as_bytes()).as_bytes(),
        origin: actor.to_owned(),
        imported_at: now,
        state: RuleVersionState::Accepted,
        faults: String::new(),
        removed,
    };
    let audit = AuditEntry {
        at: now,
        actor: actor.to_owned(),
        action: if removed { "rules.remove" } else { "rules.edit" }.to_owned(),
        object: format!("rules:{file}"),
        detail: serde_json::json!({"hash": blake3::hash(content.as_bytes()).to_hex().as_str()}).to_string(),
    };
    match store.replace_rule_version(&version, edited, &audit) {
        Ok(_) => Ok(()),
        Err(StoreError::Stale) => Err(NotSaved::Stale),
        Err(fault) => Err(fault.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_plain_names() {
        for good in ["acme.toml", "pc-access.toml", "0.toml"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            ".toml",
            "a",
            "A.toml",
            "../a.toml",
            "a/b.toml",
            "-a.toml",
            "a.toml.bak",
            "甲.toml",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
