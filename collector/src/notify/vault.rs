//! Secrets of channels at rest: sealed with a key that lies beside the data, in a file that only its owner reads.
//! A copy of the database alone reveals none.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use deskwarden_system::{Reach, check_file, create_private, sync_dir};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::config::Secret;

/// Name of the key's file in the data folder.
const FILE: &str = "alerts.key";
const KEY_BYTES: usize = 32;

/// Why secrets cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key's file cannot be used.
    #[error("{}: {source}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// They were sealed with another key, or for another channel.
    #[error(
        "the secrets of {0} were sealed with another key: put them in again, or restore alerts.key beside the data"
    )]
    Foreign(String),
    /// The system has no randomness.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Seals and opens secrets.
pub struct Vault {
    key: LessSafeKey,
}

impl Vault {
    /// The key of a data folder; it is made at the first use.
    pub fn open(data_dir: &Path) -> Result<Self, VaultError> {
        let file = data_dir.join(FILE);
        let fault = |source| VaultError::File {
            file: file.clone(),
            source,
        };
        if !file.exists() {
            make(data_dir, &file)?;
        }
        let mut opened = fs::File::open(&file).map_err(fault)?;
        check_file(&file, &opened, Reach::Owner).map_err(|error| fault(error.into_io()))?;
        let mut bytes = Zeroizing::new(Vec::new());
        opened.read_to_end(&mut bytes).map_err(fault)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes)
            .map_err(|_| fault(io::Error::other(format!("it does not hold {KEY_BYTES} bytes"))))?;
        Ok(Self {
            key: LessSafeKey::new(key),
        })
    }

    /// Seals the secrets of a channel: a random nonce, then the sealed JSON. They open for this channel only.
    pub fn seal(&self, channel: &str, secrets: &BTreeMap<String, Secret>) -> Result<Vec<u8>, VaultError> {
        let plain: BTreeMap<&str, &str> = secrets
            .iter()
            .map(|(name, secret)| (name.as_str(), secret.reveal()))
            .collect();
        let mut sealed = serde_json::to_vec(&plain).unwrap_or_default();
        let mut nonce = [0u8; NONCE_LEN];
        getrandom::fill(&mut nonce).map_err(VaultError::Random)?;
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(channel.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| VaultError::Foreign(channel.to_owned()))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens the secrets of a channel.
    pub fn open_sealed(&self, channel: &str, sealed: &[u8]) -> Result<BTreeMap<String, Secret>, VaultError> {
        let foreign = || VaultError::Foreign(channel.to_owned());
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(foreign)?;
        let mut rest = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(channel.as_bytes()), &mut rest)
            .map_err(|_| foreign())?;
        let texts: BTreeMap<String, String> = serde_json::from_slice(plain).map_err(|_| foreign())?;
        Ok(texts
            .into_iter()
            .map(|(name, text)| (name, Secret::new(text)))
            .collect())
    }
}

/// Makes the key under another name first: a key that is there is whole.
fn make(folder: &Path, file: &Path) -> Result<(), VaultError> {
    let fault = |source| VaultError::File {
        file: file.to_owned(),
        source,
    };
    let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
    getrandom::fill(bytes.as_mut()).map_err(VaultError::Random)?;
    let mut name = [0u8; 8];
    getrandom::fill(&mut name).map_err(VaultError::Random)?;
    let new = folder.join(format!(".{FILE}.{}", data_encoding::HEXLOWER.encode(&name)));
    let written =
        create_private(&new).and_then(|mut out| out.write_all(bytes.as_ref()).and_then(|()| out.sync_all()));
    // A link, not a rename: whoever makes one at the same time does not replace it.
    let linked = written.and_then(|()| match fs::hard_link(&new, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&new).ok();
    linked.map_err(fault)?;
    sync_dir(folder).map_err(fault)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    use super::*;

    fn secrets() -> BTreeMap<String, Secret> {
        [("token".to_owned(), Secret::new("k-1234567".to_owned()))].into()
    }

    #[test]
    fn sealed_secrets_open_for_their_channel_only_and_are_not_readable() {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::open(home.path()).unwrap();
        let sealed = vault.seal("group", &secrets()).unwrap();
        assert!(!sealed.windows(9).any(|window| window == b"k-1234567"));
        assert_ne!(sealed, vault.seal("group", &secrets()).unwrap());
        let again = Vault::open(home.path()).unwrap();
        assert_eq!(again.open_sealed("group", &sealed).unwrap(), secrets());
        assert!(again.open_sealed("other", &sealed).is_err());
        let mut broken = sealed.clone();
        broken[20] ^= 1;
        assert!(again.open_sealed("group", &broken).is_err());
        assert!(again.open_sealed("group", &[]).is_err());
        let elsewhere = tempfile::tempdir().unwrap();
        let error = Vault::open(elsewhere.path())
            .unwrap()
            .open_sealed("group", &sealed);
        assert!(error.unwrap_err().to_string().contains("another key"));
    }

    #[test]
    fn the_key_is_the_owners_alone() {
        let home = tempfile::tempdir().unwrap();
        Vault::open(home.path()).unwrap();
        let file = home.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read_dir(home.path()).unwrap().count(),
            1,
            "nothing else is left"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(Vault::open(home.path()).is_err());
    }

    #[test]
    fn makers_of_the_same_moment_have_one_key() {
        let home = tempfile::tempdir().unwrap();
        let sealed: Vec<Vec<u8>> = std::thread::scope(|scope| {
            let make = || {
                Vault::open(home.path())
                    .unwrap()
                    .seal("group", &secrets())
                    .unwrap()
            };
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        let vault = Vault::open(home.path()).unwrap();
        assert!(
            sealed
                .iter()
                .all(|sealed| vault.open_sealed("group", sealed).is_ok())
        );
    }
}
