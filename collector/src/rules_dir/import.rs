//! Which files become versions. A file becomes one when its text differs from the last that was taken
//! from the same place, so that a restart brings nothing back that a person has edited since.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{AuditEntry, Millis},
    port::{RuleVersion, RuleVersionState, Store, StoreError},
    rules::{Fault, RuleFile, RuleSet},
};
use tracing::{info, warn};

use super::{BUILT_IN, BuiltIn, FROM_BUILD, FROM_FOLDER, GIVEN_UP, refused_now};

/// Largest rule file in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Most files of a folder.
const FILES: usize = 200;
/// Versions looked back to find the last of each file.
const LOOK_BACK: usize = 2_000;

/// Why nothing could be imported at all; a faulty file is no error but a refused version.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The folder cannot be read.
    #[error("the rules folder {} cannot be read: {source}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files whose new text is in force.
    pub accepted: Vec<String>,
    /// Files that are no longer in force.
    pub removed: Vec<String>,
    /// Files that were refused, with every fault.
    pub refused: Vec<(String, Vec<String>)>,
}

/// Brings files into the store.
pub struct Importer {
    store: Arc<dyn Store>,
    folder: PathBuf,
    /// Names that this collector has seen in its folder: only their absence removes. Another collector
    /// over the same store may have files that are not here.
    seen: PathBuf,
    built_in: &'static [BuiltIn],
    given_up: &'static [&'static str],
}

/// A text that may become the newest version of its file.
struct Candidate {
    file: String,
    content: String,
    hash: [u8; 32],
    origin: &'static str,
    removed: bool,
    /// Refused before with the same text: a second refusal is not worth a version.
    refused_before: bool,
    faults: Vec<String>,
}

impl Importer {
    /// For a store, a watched folder, and the private data folder of this collector.
    pub fn new(store: Arc<dyn Store>, folder: PathBuf, data_dir: &Path) -> Self {
        Self {
            store,
            folder,
            seen: data_dir.join("rules.d.seen"),
            built_in: BUILT_IN,
            given_up: &GIVEN_UP,
        }
    }

    /// With other files given up.
    #[cfg(test)]
    fn with_given_up(mut self, given_up: &'static [&'static str]) -> Self {
        self.given_up = given_up;
        self
    }

    /// With other built-in files.
    #[cfg(test)]
    fn with_built_in(mut self, built_in: &'static [BuiltIn]) -> Self {
        self.built_in = built_in;
        self
    }

    /// The watched folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Imports the packs of this build where they are new and nobody has put other rules in their place.
    pub fn import_built_in(&self, now: Millis) -> Result<Report, ImportError> {
        let versions = self.store.rule_versions(LOOK_BACK)?;
        let mut candidates = Vec::new();
        for file in self.built_in {
            let hash = *blake3::hash(file.content.as_bytes()).as_bytes();
            let of_file = || versions.iter().filter(|version| version.file == file.name);
            let last = of_file().find(|version| version.origin == FROM_BUILD);
            if last.is_some_and(|version| version.hash == hash && version.state == RuleVersionState::Accepted)
            {
                continue;
            }
            let newest = of_file().find(|version| version.state == RuleVersionState::Accepted);
            if newest.is_some_and(|version| version.origin != FROM_BUILD || version.removed) {
                info!(
                    file = file.name,
                    "this release has newer rules, but the file was edited; it stays as it is"
                );
                continue;
            }
            candidates.push(Candidate {
                file: file.name.to_owned(),
                content: file.content.to_owned(),
                hash,
                origin: FROM_BUILD,
                removed: false,
                refused_before: last.is_some_and(|version| version.hash == hash),
                faults: Vec::new(),
            });
        }
        // Only by name: another collector over this store may be of a newer build, with files of its own.
        let given_up = |version: &RuleVersion| {
            version.origin == FROM_BUILD && self.given_up.contains(&version.file.as_str())
        };
        for version in self.store.rules_in_force()? {
            if given_up(&version) {
                candidates.push(Candidate {
                    hash: version.hash,
                    content: version.content,
                    file: version.file,
                    origin: FROM_BUILD,
                    removed: true,
                    refused_before: false,
                    faults: Vec::new(),
                });
            }
        }
        self.settle(candidates, now)
    }

    /// Imports what is new in the folder and takes out of force what was removed from it.
    pub fn import_folder(&self, now: Millis) -> Result<Report, ImportError> {
        let files = read_folder(&self.folder).map_err(|source| ImportError::Folder {
            folder: self.folder.clone(),
            source,
        })?;
        let versions = self.store.rule_versions(LOOK_BACK)?;
        let mut candidates = Vec::new();
        for (file, (content, faults)) in &files {
            let hash = *blake3::hash(content.as_bytes()).as_bytes();
            let last = versions
                .iter()
                .find(|version| version.file == *file && version.origin == FROM_FOLDER);
            let same = last.is_some_and(|version| version.hash == hash && !version.removed);
            let refused_before =
                same && last.is_some_and(|version| version.state == RuleVersionState::Refused);
            if !same || refused_before {
                candidates.push(Candidate {
                    file: file.clone(),
                    content: content.clone(),
                    hash,
                    origin: FROM_FOLDER,
                    removed: false,
                    refused_before,
                    faults: faults.clone(),
                });
            }
        }
        let seen = self.names_seen();
        for version in self.store.rules_in_force()? {
            let gone = version.origin == FROM_FOLDER && !files.contains_key(&version.file);
            if gone && seen.contains(&version.file) {
                candidates.push(self.successor(version));
            }
        }
        let withdrawn = withdrawn(&versions, |file| {
            let settled = candidates.iter().any(|candidate| candidate.file == file);
            !settled && !files.contains_key(file) && seen.iter().any(|name| name == file)
        });
        let report = self.settle(candidates, now)?;
        for version in withdrawn {
            info!(file = version.file, "a refused rule file is gone");
            self.add(version, RuleVersionState::Refused, now)?;
        }
        self.note_seen(files.keys());
        Ok(report)
    }

    /// What follows a file that was taken out of the folder: the built-in of that name, or nothing.
    fn successor(&self, version: RuleVersion) -> Candidate {
        let built_in = self.built_in.iter().find(|file| file.name == version.file);
        let content = built_in.map_or(version.content, |file| file.content.to_owned());
        Candidate {
            hash: *blake3::hash(content.as_bytes()).as_bytes(),
            content,
            origin: if built_in.is_some() {
                FROM_BUILD
            } else {
                FROM_FOLDER
            },
            removed: built_in.is_none(),
            file: version.file,
            refused_before: false,
            faults: Vec::new(),
        }
    }

    /// Tries all candidates together with what is in force, sets aside those with faults, and tries again,
    /// until what is left loads as a whole.
    fn settle(&self, mut candidates: Vec<Candidate>, now: Millis) -> Result<Report, ImportError> {
        let mut report = Report::default();
        if candidates.is_empty() {
            return Ok(report);
        }
        let in_force = self.store.rules_in_force()?;
        let (mut refused, rest) = candidates
            .into_iter()
            .partition::<Vec<_>, _>(|c| !c.faults.is_empty());
        candidates = rest;
        while let Err(faults) = load(&in_force, &candidates) {
            let at_fault = |c: &Candidate| faults.iter().any(|fault| fault.file == c.file);
            // A removal, or a new text that breaks an untouched file, is at fault without being named.
            let nobody = !candidates.iter().any(at_fault);
            let (bad, good): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|c| nobody || at_fault(c));
            refused.extend(bad.into_iter().map(|mut c| {
                c.faults = told(&faults, if nobody { None } else { Some(&c.file) });
                c
            }));
            candidates = good;
            if candidates.is_empty() {
                break;
            }
        }
        for candidate in candidates {
            let list = if candidate.removed {
                &mut report.removed
            } else {
                &mut report.accepted
            };
            list.push(candidate.file.clone());
            info!(
                file = candidate.file,
                origin = candidate.origin,
                removed = candidate.removed,
                "rules are in force"
            );
            self.add(candidate, RuleVersionState::Accepted, now)?;
        }
        for candidate in refused {
            report
                .refused
                .push((candidate.file.clone(), candidate.faults.clone()));
            if candidate.refused_before {
                continue;
            }
            warn!(
                file = candidate.file,
                faults = candidate.faults.join(" | "),
                "refused; the rules before stay in force"
            );
            self.add(candidate, RuleVersionState::Refused, now)?;
        }
        Ok(report)
    }

    fn add(&self, candidate: Candidate, state: RuleVersionState, now: Millis) -> Result<(), ImportError> {
        let action = match (state, candidate.removed) {
            (RuleVersionState::Refused, true) if candidate.refused_before => "rules.remove",
            (RuleVersionState::Refused, _) => "rules.refuse",
            (RuleVersionState::Accepted, true) => "rules.remove",
            (RuleVersionState::Accepted, false) => "rules.import",
        };
        let audit = AuditEntry {
            at: now,
            actor: PRODUCT.to_owned(),
            action: action.to_owned(),
            object: format!("rules:{}", candidate.file),
            detail: candidate.origin.to_owned(),
        };
        let version = RuleVersion {
            id: 0,
            file: candidate.file,
            content: candidate.content,
            hash: candidate.hash,
            origin: candidate.origin.to_owned(),
            imported_at: now,
            state,
            faults: candidate.faults.join("\n"),
            removed: candidate.removed,
        };
        self.store.add_rule_version(&version, &audit)?;
        Ok(())
    }

    fn names_seen(&self) -> Vec<String> {
        fs::read_to_string(&self.seen)
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn note_seen<'a>(&self, names: impl Iterator<Item = &'a String>) {
        let text: String = names.flat_map(|name| [name.as_str(), "\n"]).collect();
        if fs::read_to_string(&self.seen).unwrap_or_default() == text {
            return;
        }
        if let Err(error) = fs::write(&self.seen, text) {
            warn!(file = %self.seen.display(), %error, "which rule files were seen could not be noted");
        }
    }
}

/// Files of the folder that were refused last and that are gone: what is in force stays, and nobody is reminded any more.
fn withdrawn(versions: &[RuleVersion], gone: impl Fn(&str) -> bool) -> Vec<Candidate> {
    refused_now(versions)
        .into_iter()
        .filter(|version| version.origin == FROM_FOLDER && gone(&version.file))
        .map(|version| Candidate {
            file: version.file.clone(),
            content: version.content.clone(),
            hash: version.hash,
            origin: FROM_FOLDER,
            removed: true,
            refused_before: true,
            faults: version.faults.lines().map(str::to_owned).collect(),
        })
        .collect()
}

/// What is in force, with the candidates: what they say again is their fault.
fn load(in_force: &[RuleVersion], candidates: &[Candidate]) -> Result<RuleSet, Vec<Fault>> {
    let standing = |name: &str| !candidates.iter().any(|candidate| candidate.file == name);
    RuleSet::load_beside(&merged(in_force, candidates), &standing)
}

/// What would be in force with the candidates.
fn merged<'a>(in_force: &'a [RuleVersion], candidates: &'a [Candidate]) -> Vec<RuleFile<'a>> {
    let mut files: BTreeMap<&str, &str> = in_force
        .iter()
        .map(|v| (v.file.as_str(), v.content.as_str()))
        .collect();
    for candidate in candidates {
        if candidate.removed {
            files.remove(candidate.file.as_str());
        } else {
            files.insert(&candidate.file, &candidate.content);
        }
    }
    files
        .into_iter()
        .map(|(name, content)| RuleFile { name, content })
        .collect()
}

/// The faults of one file, or all of them.
fn told(faults: &[Fault], file: Option<&str>) -> Vec<String> {
    faults
        .iter()
        .filter(|fault| file.is_none_or(|file| fault.file == file))
        .map(Fault::to_string)
        .collect()
}

/// Rule files of a folder by name: text, and why the file cannot be taken. A missing folder is empty.
fn read_folder(folder: &Path) -> io::Result<BTreeMap<String, (String, Vec<String>)>> {
    let mut files = BTreeMap::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        // Editors keep their own files beside the one that is edited.
        if !name.ends_with(".toml") || name.starts_with('.') || !path.is_file() {
            continue;
        }
        if files.len() == FILES {
            warn!(folder = %folder.display(), "more than {FILES} rule files; the rest is not looked at");
            break;
        }
        let taken = read_file(&path, &name);
        files.insert(name, taken);
    }
    Ok(files)
}

fn read_file(path: &Path, name: &str) -> (String, Vec<String>) {
    let refused = |why: &str| (String::new(), vec![format!("{name}:1: {why}")]);
    match fs::metadata(path) {
        Ok(meta) if meta.len() > FILE_BYTES => return refused("larger than 1 MiB; split it"),
        Ok(_) => {}
        Err(error) => return refused(&format!("cannot be read: {error}")),
    }
    match fs::read(path) {
        Ok(bytes) => {
            let faults = Fault::of_encoding(name, &bytes)
                .iter()
                .map(Fault::to_string)
                .collect();
            (String::from_utf8_lossy(&bytes).into_owned(), faults)
        }
        Err(error) => refused(&format!("cannot be read: {error}")),
    }
}

#[cfg(test)]
mod tests;
