//! The files of an identity: one folder that is replaced as a whole. The one before stays until the new
//! one worked. Connects nowhere.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
};

use data_encoding::BASE64;
use deskwarden_platform::{ensure_private_dir, write_private};
use deskwarden_proto::ids::DeviceId;
use rcgen::KeyPair;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use zeroize::Zeroizing;

use super::{Error, Identity, clock::Clock, random};
use crate::disk::{Disk as _, Folder};

const CURRENT: &str = "identity";
const NEXT: &str = "identity.new";
const PREVIOUS: &str = "previous";
const PENDING: &str = "enrolment";

/// The folder in which the agent keeps what it is.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    instance: [u8; 16],
}

/// A key that waits for its certificate, and the nonce that makes asking twice one device.
pub(super) struct Pending {
    pub(super) key: Arc<KeyPair>,
    pub(super) nonce: [u8; 16],
}

impl Store {
    /// In a private folder, made where it is missing.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        ensure_private_dir(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            instance: random()?,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Random, made when the folder was opened: a copy of the folder that another agent opened has another.
    pub fn instance(&self) -> [u8; 16] {
        self.instance
    }

    /// Where the last authenticated time is kept.
    pub fn clock_file(&self) -> PathBuf {
        self.folder.join("time")
    }

    /// The last authenticated time.
    pub fn clock(&self) -> Clock {
        Clock::load(&self.clock_file())
    }

    /// The identity, or `None` when there is none. A swap that a crash cut short is finished first.
    pub fn load(&self) -> Result<Option<Identity>, Error> {
        if !self.folder.join(CURRENT).exists() {
            if self.read(NEXT).is_ok() {
                self.rename(NEXT, CURRENT)?;
            } else if self.folder.join(PREVIOUS).exists() {
                self.rename(PREVIOUS, CURRENT)?;
            } else {
                return Ok(None);
            }
        }
        match self.read(CURRENT) {
            Ok(identity) => Ok(Some(identity)),
            // A damaged new one must not cost the old one.
            Err(error) => match self.read(PREVIOUS) {
                Ok(previous) => Ok(Some(previous)),
                Err(_) => Err(error),
            },
        }
    }

    /// The identity before the current one, while that has not worked yet.
    pub fn load_previous(&self) -> Option<Identity> {
        self.read(PREVIOUS).ok()
    }

    /// Makes `identity` the current one. The one before is kept until [`Store::worked`].
    pub fn replace(&self, identity: &Identity) -> Result<(), Error> {
        let next = self.folder.join(NEXT);
        self.remove(NEXT)?;
        ensure_private_dir(&next)?;
        let key = Zeroizing::new(identity.key.serialize_pem());
        write_private(&next.join("key.pem"), key.as_bytes())?;
        write_private(&next.join("chain.pem"), to_pem(&identity.chain).as_bytes())?;
        write_private(&next.join("roots.pem"), to_pem(&identity.roots).as_bytes())?;
        write_private(&next.join("device"), format!("{}\n", identity.device).as_bytes())?;
        if self.read(CURRENT).is_ok() {
            self.remove(PREVIOUS)?;
            self.rename(CURRENT, PREVIOUS)?;
        } else {
            self.remove(CURRENT)?;
        }
        self.rename(NEXT, CURRENT)?;
        self.remove(PENDING)
    }

    /// The collector took the current identity: the one before is not needed any more.
    pub fn worked(&self) -> Result<(), Error> {
        self.remove(PREVIOUS)
    }

    /// The collector took the one before and not the current one.
    pub fn roll_back(&self) -> Result<(), Error> {
        if self.read(PREVIOUS).is_err() {
            return Ok(());
        }
        self.remove(NEXT)?;
        self.rename(CURRENT, NEXT)?;
        self.rename(PREVIOUS, CURRENT)?;
        self.remove(NEXT)
    }

    /// The key and nonce of an enrolment under way, made and durable where there is none yet.
    pub(super) fn pending(&self) -> Result<Pending, Error> {
        let folder = self.folder.join(PENDING);
        if let Some(pending) = read_pending(&folder) {
            return Ok(pending);
        }
        ensure_private_dir(&folder)?;
        let pending = Pending {
            key: Arc::new(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?),
            nonce: random()?,
        };
        write_private(&folder.join("nonce"), &pending.nonce)?;
        let key = Zeroizing::new(pending.key.serialize_pem());
        write_private(&folder.join("key.pem"), key.as_bytes())?;
        Ok(pending)
    }

    fn read(&self, name: &str) -> Result<Identity, Error> {
        let folder = self.folder.join(name);
        let read = |file: &str| {
            let path = folder.join(file);
            fs::read_to_string(&path)
                .map(Zeroizing::new)
                .map_err(|source| Error::Io {
                    path: path.display().to_string(),
                    source,
                })
        };
        let damaged = |file: &str, fault| Error::Damaged {
            path: folder.join(file).display().to_string(),
            fault,
        };
        let key =
            KeyPair::from_pem(&read("key.pem")?).map_err(|_| damaged("key.pem", "not a private key"))?;
        let certificates =
            |file: &str| from_pem(&read(file)?).ok_or_else(|| damaged(file, "not a list of certificates"));
        let chain = certificates("chain.pem")?;
        let roots = certificates("roots.pem")?;
        let device = read("device")?;
        if DeviceId::from_str(device.trim()).is_err() {
            return Err(damaged("device", "not a device id"));
        }
        Identity::new(device.trim(), Arc::new(key), chain, roots).map_err(|fault| damaged("chain.pem", fault))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let mut folder = Folder::new(&self.folder);
        folder
            .rename(from, to)
            .and_then(|()| folder.sync_folder())
            .map_err(|source| self.fault(from, source))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        match fs::remove_dir_all(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.fault(name, error)),
            _ => Ok(()),
        }
    }

    fn fault(&self, name: &str, source: io::Error) -> Error {
        Error::Io {
            path: self.folder.join(name).display().to_string(),
            source,
        }
    }
}

fn read_pending(folder: &Path) -> Option<Pending> {
    let nonce = fs::read(folder.join("nonce")).ok()?.try_into().ok()?;
    let key = Zeroizing::new(fs::read_to_string(folder.join("key.pem")).ok()?);
    Some(Pending {
        key: Arc::new(KeyPair::from_pem(&key).ok()?),
        nonce,
    })
}

fn to_pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut out = String::new();
    for certificate in certificates {
        out.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = BASE64.encode(certificate);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            out.push_str(line);
            out.push('\n');
            rest = tail;
        }
        out.push_str("-----END CERTIFICATE-----\n");
    }
    out
}

fn from_pem(text: &str) -> Option<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    found.ok().filter(|list| !list.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(device: u8) -> Identity {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let params = rcgen::CertificateParams::new(vec!["pc".into()]).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let device = format!("{device:032x}");
        Identity::new(
            &device,
            Arc::new(key),
            vec![certificate.clone()],
            vec![certificate],
        )
        .unwrap()
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state")).unwrap();
        (folder, store)
    }

    fn device(store: &Store) -> Option<DeviceByte> {
        store.load().unwrap().map(|i| i.device.as_bytes()[15])
    }

    type DeviceByte = u8;

    #[test]
    fn what_was_stored_is_loaded() {
        let (_folder, store) = store();
        assert!(store.load().unwrap().is_none());
        let one = identity(1);
        store.replace(&one).unwrap();
        let loaded = store.load().unwrap().unwrap();
        assert_eq!(loaded.device, one.device);
        assert_eq!(loaded.chain, one.chain);
        assert_eq!(loaded.key.serialized_der(), one.key.serialized_der());
    }

    #[test]
    fn the_one_before_stays_until_the_new_one_worked() {
        let (_folder, store) = store();
        store.replace(&identity(1)).unwrap();
        store.replace(&identity(2)).unwrap();
        assert_eq!(store.load_previous().unwrap().device.as_bytes()[15], 1);
        assert_eq!(device(&store), Some(2));
        store.roll_back().unwrap();
        assert_eq!(device(&store), Some(1));
        store.replace(&identity(3)).unwrap();
        store.worked().unwrap();
        assert!(store.load_previous().is_none());
        assert_eq!(device(&store), Some(3));
    }

    #[test]
    fn a_crash_at_any_step_of_the_swap_leaves_an_identity() {
        let (_folder, store) = store();
        let move_away =
            |from: &str, to: &str| fs::rename(store.folder.join(from), store.folder.join(to)).unwrap();
        store.replace(&identity(1)).unwrap();
        store.replace(&identity(2)).unwrap();
        // After the new folder was written and the old one moved: the new one is taken.
        move_away(CURRENT, NEXT);
        assert_eq!(device(&store), Some(2));
        // The new folder is incomplete: the old one counts.
        move_away(CURRENT, NEXT);
        fs::remove_file(store.folder.join(NEXT).join("device")).unwrap();
        assert_eq!(device(&store), Some(1));
    }

    #[test]
    fn a_damaged_new_identity_does_not_cost_the_old_one() {
        let (_folder, store) = store();
        store.replace(&identity(1)).unwrap();
        store.replace(&identity(2)).unwrap();
        fs::write(store.folder.join(CURRENT).join("key.pem"), "rubbish").unwrap();
        assert_eq!(device(&store), Some(1));
    }

    #[test]
    fn a_damaged_identity_names_its_file() {
        let (_folder, store) = store();
        for file in ["key.pem", "chain.pem", "roots.pem", "device"] {
            store.replace(&identity(1)).unwrap();
            store.worked().unwrap();
            fs::write(store.folder.join(CURRENT).join(file), "rubbish").unwrap();
            let message = store.load().unwrap_err().to_string();
            assert!(message.contains(&format!("/{file}:")), "{message}");
        }
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        let (one, two) = (identity(1), identity(2));
        let mixed = Identity::new(&one.device.to_string(), one.key, two.chain, two.roots);
        assert_eq!(mixed.unwrap_err(), "the certificate is for another key");
    }

    #[test]
    fn an_enrolment_under_way_keeps_its_key_and_nonce() {
        let (_folder, store) = store();
        let first = store.pending().unwrap();
        let again = store.pending().unwrap();
        assert_eq!(first.nonce, again.nonce);
        assert_eq!(first.key.serialized_der(), again.key.serialized_der());
        store.replace(&identity(1)).unwrap();
        assert_ne!(store.pending().unwrap().nonce, first.nonce);
    }
}
