//! The folder of packages and the file that says who is offered which. Read again when that file changes, so that the
//! command line and a running collector need no other word.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use data_encoding::HEXLOWER;
use deskwarden_proto::{
    Message as _,
    ids::DeviceId,
    v1::{Update, UpdateManifest},
};
use deskwarden_system::{create_private_dir, file_number, open_private, sync_dir};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, NotABundle, numbers};

/// Name of the folder in the data folder.
const FOLDER: &str = "updates";
/// Who is offered which.
const RINGS: &str = "rings.toml";
/// How often that file is looked at on behalf of devices at most: every heartbeat asks.
const LOOK: Duration = Duration::from_secs(1);
/// Largest file of it.
const MAX_RINGS: u64 = 1 << 20;

/// Who is offered a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Share of all devices, always the same ones, from 0 to 100.
    #[serde(default)]
    pub percent: u8,
    /// Devices by their ids, whatever the share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// A package on the shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its version.
    pub version: String,
    /// For which platform.
    pub platform: String,
    /// Size of the program.
    pub size: u64,
    /// Who is offered it.
    pub ring: Ring,
    sha256: Vec<u8>,
    offer: Update,
}

/// The packages of one collector.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    written: Option<(SystemTime, u64)>,
    looked: Option<Instant>,
    entries: Arc<[Entry]>,
}

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    version: String,
    platform: String,
    #[serde(flatten)]
    ring: Ring,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Rings {
    #[serde(default)]
    package: Vec<Line>,
}

/// Why the shelf cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file.
    #[error("{}: {source}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of rings is damaged.
    #[error("{}: {fault}; mend it, or remove it and publish again", .path.display())]
    Rings {
        /// Which.
        path: PathBuf,
        /// Why.
        fault: String,
    },
    /// What is to be published is no package.
    #[error(transparent)]
    Package(#[from] NotABundle),
    /// Another program of the same version was published.
    #[error(
        "version {0} for {1} is published already, with another program; give the new one a higher version"
    )]
    Taken(String, String),
    /// There is no such package.
    #[error("version {0} is not published{1}; `update list` shows what is")]
    Unknown(String, String),
}

impl Shelf {
    /// In a data folder. Nothing is made before something is published.
    pub fn of(data: &Path) -> Self {
        Self {
            folder: data.join(FOLDER),
            known: Mutex::default(),
        }
    }

    /// Puts a package on the shelf. Nobody is offered it yet.
    pub fn publish(&self, bytes: &[u8]) -> Result<Entry, ShelfError> {
        let (bundle, manifest) = Bundle::read(bytes)?;
        let mut entries = self.read()?;
        if let Some(there) = entries.iter().find(|entry| entry.is(&manifest)) {
            if there.sha256 == manifest.sha256 {
                return Ok(there.clone());
            }
            return Err(ShelfError::Taken(manifest.version, manifest.platform));
        }
        create_private_dir(&self.folder).map_err(|source| fault(&self.folder, source))?;
        // The program last but one: what is listed is there.
        let name = name(&manifest.version, &manifest.platform);
        self.write(&format!("{name}.program"), &bundle.program)?;
        let head = Bundle {
            program: Vec::new(),
            ..bundle.clone()
        };
        self.write(
            &format!("{name}.manifest"),
            &[head.manifest, head.signature].concat(),
        )?;
        let entry = Entry::new(manifest, bundle.manifest, bundle.signature, Ring::default());
        entries.push(entry.clone());
        self.keep(&entries)?;
        Ok(entry)
    }

    /// What is on the shelf, newest first.
    pub fn list(&self) -> Result<Vec<Entry>, ShelfError> {
        let mut entries = self.read()?;
        entries.sort_by(|a, b| {
            numbers(&b.version)
                .cmp(&numbers(&a.version))
                .then(a.platform.cmp(&b.platform))
        });
        Ok(entries)
    }

    /// Says who is offered a version, for one platform or for all that it is published for.
    pub fn set_ring(
        &self,
        version: &str,
        platform: Option<&str>,
        ring: &Ring,
    ) -> Result<Vec<Entry>, ShelfError> {
        let mut entries = self.read()?;
        let mut changed = Vec::new();
        for entry in &mut entries {
            if numbers(&entry.version) == numbers(version)
                && platform.is_none_or(|wanted| wanted == entry.platform)
            {
                entry.ring = ring.clone();
                changed.push(entry.clone());
            }
        }
        if changed.is_empty() {
            let where_to = platform.map(|name| format!(" for {name}")).unwrap_or_default();
            return Err(ShelfError::Unknown(version.to_owned(), where_to));
        }
        self.keep(&entries)?;
        Ok(changed)
    }

    /// The newest package that a device is offered, if it is newer than what it runs.
    pub fn offer(
        &self,
        device: DeviceId,
        platform: &str,
        running: &str,
    ) -> Result<Option<(String, Update)>, ShelfError> {
        self.offer_at(device, platform, running, Instant::now())
    }

    fn offer_at(
        &self,
        device: DeviceId,
        platform: &str,
        running: &str,
        now: Instant,
    ) -> Result<Option<(String, Update)>, ShelfError> {
        let entries = self.lately(now)?;
        if entries.is_empty() {
            return Ok(None);
        }
        let running = numbers(running);
        let newest = entries
            .iter()
            .filter(|entry| entry.platform == platform && numbers(&entry.version) > running)
            .filter(|entry| entry.ring.holds(device))
            .max_by_key(|entry| numbers(&entry.version));
        Ok(newest.map(|entry| (entry.version.clone(), entry.offer.clone())))
    }

    /// The program with that hash, if it is offered to the device.
    pub fn program(&self, device: DeviceId, sha256: &[u8]) -> Result<Option<fs::File>, ShelfError> {
        let entries = self.current()?;
        let Some(entry) = entries
            .iter()
            .find(|entry| entry.sha256 == sha256 && entry.ring.holds(device))
        else {
            return Ok(None);
        };
        let path = self
            .folder
            .join(format!("{}.program", name(&entry.version, &entry.platform)));
        fs::File::open(&path)
            .map(Some)
            .map_err(|source| fault(&path, source))
    }

    /// What there was a moment ago.
    fn lately(&self, now: Instant) -> Result<Arc<[Entry]>, ShelfError> {
        let known = self.known();
        if known
            .looked
            .is_some_and(|looked| now.saturating_duration_since(looked) < LOOK)
        {
            return Ok(Arc::clone(&known.entries));
        }
        drop(known);
        self.current()
    }

    /// What was read last, read anew when the file changed.
    fn current(&self) -> Result<Arc<[Entry]>, ShelfError> {
        let looked = Some(Instant::now());
        // It is replaced, never written to: a file of the same moment is told by its number.
        let written = fs::metadata(self.folder.join(RINGS))
            .and_then(|found| Ok((found.modified()?, file_number(&found))))
            .ok();
        let mut known = self.known();
        if known.written != written {
            known.entries = self.read()?.into();
            known.written = written;
        }
        known.looked = looked;
        Ok(Arc::clone(&known.entries))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<Vec<Entry>, ShelfError> {
        let path = self.folder.join(RINGS);
        let damaged = |fault: String| ShelfError::Rings {
            path: path.clone(),
            fault,
        };
        let text = match fs::metadata(&path) {
            Ok(found) if found.len() > MAX_RINGS => return Err(damaged("it is too large".to_owned())),
            Ok(_) => fs::read_to_string(&path).map_err(|source| fault(&path, source))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(fault(&path, source)),
        };
        let rings: Rings =
            toml::from_str(&text).map_err(|error| damaged(error.message().trim().to_owned()))?;
        let mut entries = Vec::new();
        for line in rings.package {
            // Names of files are made of what is checked, never of what a file says.
            let plain = |text: &str| {
                text.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            };
            if numbers(&line.version).is_none() || !plain(&line.platform) || line.ring.percent > 100 {
                return Err(damaged(format!(
                    "{} {}: no such package can be",
                    line.version, line.platform
                )));
            }
            let path = self
                .folder
                .join(format!("{}.manifest", name(&line.version, &line.platform)));
            let bytes = fs::read(&path).map_err(|source| fault(&path, source))?;
            let (manifest, signature) = bytes
                .split_at_checked(bytes.len().saturating_sub(64))
                .ok_or_else(|| damaged(format!("{}: its manifest is damaged", line.version)))?;
            let decoded = UpdateManifest::decode(manifest)
                .map_err(|_| damaged(format!("{}: its manifest is damaged", line.version)))?;
            entries.push(Entry::new(
                decoded,
                manifest.to_vec(),
                signature.to_vec(),
                line.ring,
            ));
        }
        Ok(entries)
    }

    fn keep(&self, entries: &[Entry]) -> Result<(), ShelfError> {
        let package = entries
            .iter()
            .map(|entry| Line {
                version: entry.version.clone(),
                platform: entry.platform.clone(),
                ring: entry.ring.clone(),
            })
            .collect();
        let text = toml::to_string(&Rings { package }).map_err(|error| ShelfError::Rings {
            path: self.folder.join(RINGS),
            fault: error.to_string(),
        })?;
        self.write(RINGS, text.as_bytes())?;
        self.known().looked = None;
        Ok(())
    }

    /// Whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        let path = self.folder.join(name);
        let part = self.folder.join(format!("{name}.part"));
        let written = open_private(&part)
            .and_then(|mut file| {
                file.set_len(0)?;
                file.write_all(bytes)?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| sync_dir(&self.folder));
        written.map_err(|source| fault(&path, source))
    }
}

impl Entry {
    fn new(manifest: UpdateManifest, signed: Vec<u8>, signature: Vec<u8>, ring: Ring) -> Self {
        Self {
            version: manifest.version,
            platform: manifest.platform,
            size: manifest.size,
            ring,
            sha256: manifest.sha256,
            offer: Update {
                manifest: signed,
                signature,
            },
        }
    }

    /// The hash, as people write it.
    pub fn sha256(&self) -> String {
        HEXLOWER.encode(&self.sha256)
    }

    fn is(&self, manifest: &UpdateManifest) -> bool {
        numbers(&self.version) == numbers(&manifest.version) && self.platform == manifest.platform
    }
}

impl Ring {
    /// Whether a device is in it. A larger share holds whoever a smaller one held.
    pub fn holds(&self, device: DeviceId) -> bool {
        let id = device.to_string();
        let spread = digest(&SHA256, id.as_bytes());
        let place = match spread.as_ref() {
            [a, b, ..] => u32::from(u16::from_be_bytes([*a, *b])) * 100 / 65_536,
            _ => 100,
        };
        place < u32::from(self.percent) || self.devices.contains(&id)
    }
}

fn name(version: &str, platform: &str) -> String {
    format!("{version}_{platform}")
}

fn fault(path: &Path, source: io::Error) -> ShelfError {
    ShelfError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::updates::Signer;

    fn device(number: u32) -> DeviceId {
        format!("{number:032x}").parse().unwrap()
    }

    fn package(version: &str, program: &str) -> Vec<u8> {
        let signer = Signer::read(&Signer::generate().unwrap()).unwrap();
        signer
            .sign(version, "windows-x86_64", program.into())
            .unwrap()
            .to_bytes()
    }

    fn all() -> Ring {
        Ring {
            percent: 100,
            devices: Vec::new(),
        }
    }

    #[test]
    fn what_is_published_is_offered_to_nobody_until_somebody_says_so() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(data.path());
        let offered = |running: &str| shelf.offer(device(1), "windows-x86_64", running).unwrap();
        assert!(offered("1.0").is_none());
        let entry = shelf.publish(&package("1.2.0", "program")).unwrap();
        assert!(offered("1.0").is_none());
        assert!(shelf.program(device(1), &entry.sha256).unwrap().is_none());

        // Another process says so: the running one sees it when it looks again.
        Shelf::of(data.path()).set_ring("1.2.0", None, &all()).unwrap();
        let offered = |running: &str| {
            shelf
                .offer_at(device(1), "windows-x86_64", running, Instant::now() + LOOK)
                .unwrap()
        };
        assert_eq!(offered("1.0").unwrap().0, "1.2.0");
        let mut program = String::new();
        let file = shelf.program(device(1), &entry.sha256).unwrap();
        file.unwrap().read_to_string(&mut program).unwrap();
        assert_eq!(program, "program");
        assert!(offered("1.2").is_none() && offered("1.3").is_none());
        assert!(shelf.offer(device(1), "linux-x86_64", "1.0").unwrap().is_none());
    }

    #[test]
    fn the_newest_package_of_the_rings_that_hold_a_device_is_offered() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(data.path());
        for version in ["1.9.0", "1.10.0"] {
            shelf.publish(&package(version, version)).unwrap();
        }
        shelf.set_ring("1.9.0", Some("windows-x86_64"), &all()).unwrap();
        let pilots = Ring {
            percent: 0,
            devices: vec![device(7).to_string()],
        };
        shelf.set_ring("1.10.0", None, &pilots).unwrap();
        let offered = |number| {
            shelf
                .offer(device(number), "windows-x86_64", "1.0")
                .unwrap()
                .unwrap()
                .0
        };
        assert_eq!((offered(7).as_str(), offered(8).as_str()), ("1.10.0", "1.9.0"));
    }

    #[test]
    fn a_ring_that_grows_keeps_whom_it_held() {
        let held = |percent| -> Vec<u32> {
            let ring = Ring {
                percent,
                devices: Vec::new(),
            };
            (0..1_000).filter(|number| ring.holds(device(*number))).collect()
        };
        let (ten, fifty) = (held(10), held(50));
        assert!((60..140).contains(&ten.len()), "{}", ten.len());
        assert!(ten.iter().all(|number| fifty.contains(number)));
        assert_eq!((held(0).len(), held(100).len()), (0, 1_000));
    }

    #[test]
    fn a_version_is_one_program() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(data.path());
        let bytes = package("1.2.0", "program");
        shelf.publish(&bytes).unwrap();
        shelf.publish(&bytes).unwrap();
        assert!(matches!(
            shelf.publish(&package("1.2", "another")),
            Err(ShelfError::Taken(..))
        ));
        assert_eq!(shelf.list().unwrap().len(), 1);
    }

    #[test]
    fn an_unknown_version_and_a_damaged_file_say_what_to_do() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(data.path());
        let said = shelf.set_ring("9.9", None, &all()).unwrap_err().to_string();
        assert!(said.contains("update list"), "{said}");
        shelf.publish(&package("1.2.0", "program")).unwrap();
        for text in [
            "package = 1\n",
            "[[package]]\nversion = \"../x\"\nplatform = \"a\"\n",
            "[[package]]\nversion = \"1.2\"\nplatform = \"../../etc\"\n",
        ] {
            fs::write(data.path().join("updates/rings.toml"), text).unwrap();
            let said = shelf.list().unwrap_err().to_string();
            assert!(said.contains("rings.toml"), "{said}");
        }
    }
}
