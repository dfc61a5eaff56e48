//! One program in the place of another, and back: the program before stays beside the new one until that has reported.
//! What is going on stands in a file, so that a crash or a power cut at any step leaves a program that runs and a
//! memory of what was tried. The notes lie beside the program: they are read before the settings are, because settings
//! that a new program does not understand are one way to fail. Judges no package.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use deskwarden_platform::{PrivateError, REPLACES_RUNNING, write_private};
use serde::{Deserialize, Serialize};

use super::offer::Version;

/// Starts without a report after which the new program is taken back, whatever the clock says.
const STARTS: u32 = 3;
/// Versions that are remembered as taken back.
const REMEMBERED: usize = 32;
const TRIAL: &str = "trial";
const REFUSED: &str = "refused";

/// Where the program is; what was done to it is kept beside it.
#[derive(Clone, Debug)]
pub struct Bench {
    program: PathBuf,
}

/// What a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Nothing is on trial.
    Ordinary,
    /// This program is new and has not reported yet.
    OnTrial,
    /// This program was new for too long: the one before is in its place again, and is to be started.
    TakenBack(Version),
}

/// Why a program cannot be replaced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is going on cannot be kept.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// The program's folder refuses.
    #[error("{path}: cannot {action}: {source}; a program that a package manager owns is updated by that")]
    Io {
        /// Where.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Trial {
    version: String,
    starts: u32,
}

impl Bench {
    /// For a program.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
        }
    }

    /// Versions that were taken back.
    pub fn failed(&self) -> Vec<Version> {
        let text = fs::read_to_string(self.beside(REFUSED)).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Looks at what the last run left, as the program of version `running`.
    pub fn start(&self, running: &Version) -> Result<Start, Error> {
        let Some(trial) = self.trial() else {
            self.tidy();
            return Ok(Start::Ordinary);
        };
        let Ok(version) = trial.version.parse::<Version>() else {
            self.forget()?;
            return Ok(Start::Ordinary);
        };
        if version != *running {
            // The swap was cut short, or somebody put another program here.
            self.remember(&version)?;
            self.forget()?;
            self.tidy();
            return Ok(Start::Ordinary);
        }
        if trial.starts >= STARTS {
            self.take_back(&version)?;
            return Ok(Start::TakenBack(version));
        }
        self.note(&version, trial.starts + 1)?;
        Ok(Start::OnTrial)
    }

    /// Puts the package beside the program, ready to run.
    pub fn lay_out(&self, package: &Path) -> Result<PathBuf, Error> {
        let new = self.beside("new");
        let fault = |action| {
            let path = new.clone();
            move |source| Error::Io { path, action, source }
        };
        fs::remove_file(&new).ok();
        // A copy, so that it has the rights of a program here and not those of a private file.
        fs::copy(package, &new).map_err(fault("write"))?;
        let rights = fs::metadata(&self.program).map_err(fault("read the rights of the program for"))?;
        fs::set_permissions(&new, rights.permissions()).map_err(fault("give rights to"))?;
        fs::OpenOptions::new()
            .append(true)
            .open(&new)
            .and_then(|file| file.sync_all())
            .map_err(fault("sync"))?;
        Ok(new)
    }

    /// Puts what was laid out in the place of the program. From the next start on it is on trial.
    pub fn swap(&self, version: &Version) -> Result<(), Error> {
        self.note(version, 0)?;
        let swapped = self.put(&self.beside("new"), "previous");
        if swapped.is_err() {
            self.forget()?;
        }
        swapped
    }

    /// The new program reported: the one before is not needed any more.
    pub fn confirm(&self) -> Result<(), Error> {
        self.forget()?;
        self.tidy();
        Ok(())
    }

    /// Puts the program before in its place again.
    pub fn take_back(&self, version: &Version) -> Result<(), Error> {
        self.remember(version)?;
        self.put(&self.beside("previous"), "failed")?;
        self.forget()
    }

    /// `from` becomes the program; the program is kept under `aside`.
    fn put(&self, from: &Path, aside: &str) -> Result<(), Error> {
        let aside = self.beside(aside);
        let fault = |action, source| Error::Io {
            path: self.program.clone(),
            action,
            source,
        };
        fs::remove_file(&aside).ok();
        // Where a running program may be replaced, there is one at every moment.
        if REPLACES_RUNNING
            && fs::hard_link(&self.program, &aside).is_ok()
            && fs::rename(from, &self.program).is_ok()
        {
            return Ok(());
        }
        fs::remove_file(&aside).ok();
        fs::rename(&self.program, &aside).map_err(|source| fault("move away", source))?;
        if let Err(source) = fs::rename(from, &self.program) {
            fs::rename(&aside, &self.program).map_err(|source| fault("move back", source))?;
            return Err(fault("replace", source));
        }
        Ok(())
    }

    fn trial(&self) -> Option<Trial> {
        let text = fs::read(self.beside(TRIAL)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn note(&self, version: &Version, starts: u32) -> Result<(), Error> {
        let trial = Trial {
            version: version.to_string(),
            starts,
        };
        let text = serde_json::to_vec(&trial).unwrap_or_default();
        Ok(write_private(&self.beside(TRIAL), &text)?)
    }

    fn forget(&self) -> Result<(), Error> {
        let path = self.beside(TRIAL);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::Io {
                path,
                action: "remove",
                source,
            }),
            _ => Ok(()),
        }
    }

    fn remember(&self, version: &Version) -> Result<(), Error> {
        let mut failed = self.failed();
        if failed.contains(version) {
            return Ok(());
        }
        failed.push(version.clone());
        let skipped = failed.len().saturating_sub(REMEMBERED);
        let text: String = failed
            .iter()
            .skip(skipped)
            .map(|version| format!("{version}\n"))
            .collect();
        Ok(write_private(&self.beside(REFUSED), text.as_bytes())?)
    }

    /// Removes what earlier swaps left. A program that still runs is removed by a later start.
    fn tidy(&self) {
        for left in ["new", "previous", "failed"] {
            fs::remove_file(self.beside(left)).ok();
        }
    }

    fn beside(&self, what: &str) -> PathBuf {
        let mut name = self.program.clone().into_os_string();
        name.push(".");
        name.push(what);
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        bench: Bench,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join("bin")).unwrap();
            let bench = Bench::new(folder.path().join("bin/agent"));
            fs::write(folder.path().join("bin/agent"), "old").unwrap();
            fs::write(folder.path().join("package"), "new").unwrap();
            Self { folder, bench }
        }

        fn swapped() -> Self {
            let place = Self::new();
            place.bench.lay_out(&place.folder.path().join("package")).unwrap();
            place.bench.swap(&new()).unwrap();
            place
        }

        fn program(&self) -> String {
            fs::read_to_string(self.folder.path().join("bin/agent")).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.folder.path().join("bin")).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    fn old() -> Version {
        "1.0.0".parse().unwrap()
    }

    fn new() -> Version {
        "1.1.0".parse().unwrap()
    }

    #[test]
    fn a_new_program_that_reports_stays_and_leaves_nothing_beside_it() {
        let place = Place::swapped();
        assert_eq!(place.program(), "new");
        assert_eq!(place.bench.start(&new()).unwrap(), Start::OnTrial);
        place.bench.confirm().unwrap();
        assert_eq!(place.bench.start(&new()).unwrap(), Start::Ordinary);
        assert_eq!(place.program(), "new");
        assert_eq!(place.names(), ["agent"]);
        assert!(place.bench.failed().is_empty());
    }

    #[test]
    fn a_new_program_that_does_not_report_is_taken_back_and_remembered() {
        let place = Place::swapped();
        place.bench.start(&new()).unwrap();
        place.bench.take_back(&new()).unwrap();
        assert_eq!(place.program(), "old");
        assert_eq!(place.bench.start(&old()).unwrap(), Start::Ordinary);
        assert_eq!(place.names(), ["agent", "agent.refused"]);
        assert_eq!(place.bench.failed(), [new()]);
    }

    #[test]
    fn a_new_program_that_starts_again_and_again_is_taken_back() {
        let place = Place::swapped();
        for _ in 0..STARTS {
            assert_eq!(place.bench.start(&new()).unwrap(), Start::OnTrial);
        }
        assert_eq!(place.bench.start(&new()).unwrap(), Start::TakenBack(new()));
        assert_eq!(
            (place.program().as_str(), place.bench.failed()),
            ("old", vec![new()])
        );
    }

    #[test]
    fn a_swap_that_was_cut_short_leaves_the_old_program_and_is_not_tried_again() {
        let place = Place::new();
        place.bench.lay_out(&place.folder.path().join("package")).unwrap();
        place.bench.note(&new(), 0).unwrap();
        assert_eq!(place.bench.start(&old()).unwrap(), Start::Ordinary);
        assert_eq!(place.program(), "old");
        assert_eq!(place.names(), ["agent", "agent.refused"]);
        assert_eq!(place.bench.failed(), [new()]);
    }

    #[test]
    fn without_what_was_laid_out_nothing_is_replaced() {
        let place = Place::new();
        assert!(place.bench.swap(&new()).is_err());
        assert_eq!(place.program(), "old");
        assert_eq!(place.bench.start(&old()).unwrap(), Start::Ordinary);
        assert!(place.bench.failed().is_empty());
    }

    #[test]
    fn a_folder_that_cannot_be_written_says_who_updates_the_program() {
        let place = Place::new();
        let bench = Bench::new(place.folder.path().join("none/agent"));
        let said = bench
            .lay_out(&place.folder.path().join("package"))
            .unwrap_err()
            .to_string();
        assert!(said.contains("package manager"), "{said}");
    }
}
