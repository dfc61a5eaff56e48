//! The collector's certificate authority: a root, an intermediate that signs, and what they issue. Owns
//! the folder `pki/`. Decides nothing about who may have a certificate, and opens no port.
//!
//! | file | |
//! |---|---|
//! | `root.key`, `root.crt` | ten years; the key may be kept elsewhere: only a new intermediate needs it |
//! | `intermediate.key`, `intermediate.crt` | two years, signs everything |
//! | `roots/*.crt` | further roots that devices are trusted under, while one root replaces another |
//! | `cross.crt` | the root as the one before signed it, for agents that know only that one |
//! | `next/` | a replacement under way |
//! | `dashboard.key`, `dashboard.crt` | the dashboard's certificate, kept so that browsers know it again |
//!
//! A crash during the first start leaves a key without its certificate, and the next start goes on from
//! there. A certificate without its key was once in use: that is refused, never mended.

mod authority;
mod certify;
mod device;
mod error;
mod files;
mod next;
mod request;
mod rotate;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use data_encoding::HEXLOWER;
use deskwarden_domain::model::Millis;
use deskwarden_proto::ids::DeviceId;
use rcgen::KeyPair;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use crate::entropy::Entropy;
use authority::Authority;
use certify::Purpose;

pub use device::{device_of, ends_at, spki_hash};
pub use error::PkiError;
pub use request::SigningRequest;

/// Lifetime of the agents' port's certificate; it is made anew long before.
const SERVER: Duration = Duration::days(60);
/// Lifetime of the dashboard's certificate: browsers refuse more than 398 days.
const DASHBOARD: Duration = Duration::days(397);
/// Lifetime of a device's certificate unless configured.
const DEVICE: Duration = Duration::days(DEVICE_DAYS);
/// The same in days.
const DEVICE_DAYS: i64 = 30;

/// A certificate chain, leaf first, with the leaf's key.
pub struct Identity {
    /// Leaf, intermediate, and the root, so that a client that knows only the root's pin finds it.
    pub chain: Vec<CertificateDer<'static>>,
    /// Key of the leaf.
    pub key: PrivateKeyDer<'static>,
    /// End of the leaf.
    pub ends_at: Millis,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            ends_at: self.ends_at,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

/// A device's new certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Leaf, then the intermediate.
    pub chain: Vec<CertificateDer<'static>>,
    /// End of the leaf.
    pub ends_at: Millis,
}

/// How the authority stands, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Pin of the root in use.
    pub pin: String,
    /// End of the root.
    pub root_ends_at: Millis,
    /// When it was made.
    pub root_since: Millis,
    /// Whether its key is in the folder; it may be kept elsewhere.
    pub root_key_is_here: bool,
    /// End of the intermediate.
    pub intermediate_ends_at: Millis,
    /// From when on a start signs a new intermediate, for which the root's key must be there.
    pub intermediate_due_at: Millis,
    /// Pins of roots that are trusted beside it.
    pub earlier: Vec<String>,
}

/// The certificate authority, open.
pub struct Pki {
    folder: PathBuf,
    authority: Authority,
    entropy: Arc<dyn Entropy>,
    device_lifetime: Duration,
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki")
            .field("folder", &self.folder)
            .field("root_pin", &self.root_pin())
            .finish_non_exhaustive()
    }
}

impl Pki {
    /// Lifetime of a device's certificate unless configured, in milliseconds.
    pub const DEVICE_LIFE: Millis = DEVICE_DAYS * 86_400_000;

    /// Opens the authority in `folder` (the data folder's `pki`), or makes it on the first start. Signs a
    /// new intermediate when less than half a year is left and the root's key is there.
    pub fn open_or_create(folder: &Path, now: Millis, entropy: Arc<dyn Entropy>) -> Result<Self, PkiError> {
        let authority = Authority::open_or_create(folder, certify::at(now)?, entropy.as_ref())?;
        Ok(Self {
            folder: folder.to_owned(),
            authority,
            entropy,
            device_lifetime: DEVICE,
        })
    }

    /// The same with another lifetime for devices' certificates, in whole days, at least one.
    #[must_use]
    pub fn with_device_days(mut self, days: u16) -> Self {
        self.device_lifetime = Duration::days(i64::from(days.max(1)));
        self
    }

    /// What an agent is told beforehand: `sha256:` and the SHA-256 of the root's public key (SPKI, DER).
    pub fn root_pin(&self) -> String {
        format!("sha256:{}", HEXLOWER.encode(&self.authority.root_key_hash))
    }

    /// How the authority in a folder stands. Changes nothing, and may be asked beside a running collector.
    pub fn status(folder: &Path) -> Result<Status, PkiError> {
        rotate::status(folder)
    }

    /// Replaces the root and the intermediate; the root before stays trusted until [`Pki::retire`]. No collector
    /// may run on the folder.
    pub fn rotate(folder: &Path, now: Millis, entropy: &dyn Entropy) -> Result<(), PkiError> {
        rotate::rotate(folder, certify::at(now)?, entropy)
    }

    /// Trusts only the root in use from now on; how many others there were.
    pub fn retire(folder: &Path) -> Result<usize, PkiError> {
        rotate::retire(folder)
    }

    /// Every root that is trusted, the current one first.
    pub fn roots(&self) -> &[CertificateDer<'static>] {
        &self.authority.roots
    }

    /// End of the intermediate: a collector that runs that long must be started anew before.
    pub fn intermediate_ends_at(&self) -> Millis {
        certify::millis(self.authority.intermediate_ends)
    }

    /// A fresh key and certificate for the agents' port, reached by `names` (host names or addresses). Made
    /// at every start and held in memory only.
    pub fn server_identity(&self, names: &[String], now: Millis) -> Result<Identity, PkiError> {
        self.server(names, certify::at(now)?, SERVER)
            .map(|(identity, _)| identity)
    }

    /// The dashboard's certificate: the stored one while 120 days are left and it names all of
    /// `names`, else a new one.
    pub fn issue_dashboard(&self, names: &[String], now: Millis) -> Result<Identity, PkiError> {
        let (key, certificate) = (
            self.folder.join("dashboard.key"),
            self.folder.join("dashboard.crt"),
        );
        let fresh_until = now.saturating_add(120 * 86_400_000);
        if files::exists(&key)? && files::exists(&certificate)? {
            let stored = Identity::read(&certificate, files::read_key(&key)?)?;
            let current = stored.chain.get(1) == Some(&self.authority.intermediate);
            let fits = current && stored.certified_key().is_ok();
            if fits
                && stored.ends_at > fresh_until.min(self.intermediate_ends_at() - 1)
                && stored.names_all(names)
            {
                return Ok(stored);
            }
        }
        let (identity, pair) = self.server(names, certify::at(now)?, DASHBOARD)?;
        // The key first: a key without its certificate is replaced, the other way round is refused.
        let text = zeroize::Zeroizing::new(pair.serialize_pem());
        authority::remove(&certificate)?;
        files::write(&key, &text)?;
        files::write(&certificate, &authority::pem(&identity.chain))?;
        Ok(identity)
    }

    /// Certifies a device: the name is decided here, whatever the request asks for.
    pub fn issue_device(
        &self,
        request: &SigningRequest,
        id: DeviceId,
        now: Millis,
    ) -> Result<Issued, PkiError> {
        let (leaf, ends) = certify::leaf(
            &Purpose::Device(id),
            request.key(),
            &self.authority.issuer,
            self.authority.intermediate_ends,
            certify::at(now)?,
            self.device_lifetime,
            self.entropy.as_ref(),
        )?;
        Ok(Issued {
            chain: vec![leaf, self.authority.intermediate.clone()],
            ends_at: certify::millis(ends),
        })
    }

    /// Certifies a device for a shorter time than usual.
    pub fn issue_device_for(
        &self,
        request: &SigningRequest,
        id: DeviceId,
        now: Millis,
        lasts: Millis,
    ) -> Result<Issued, PkiError> {
        let (leaf, ends) = certify::leaf(
            &Purpose::Device(id),
            request.key(),
            &self.authority.issuer,
            self.authority.intermediate_ends,
            certify::at(now)?,
            Duration::milliseconds(lasts),
            self.entropy.as_ref(),
        )?;
        Ok(Issued {
            chain: vec![leaf, self.authority.intermediate.clone()],
            ends_at: certify::millis(ends),
        })
    }

    /// When a certificate that is issued now will end: what is stored before it is signed.
    pub fn device_ends_at(&self, now: Millis) -> Result<Millis, PkiError> {
        let ends = certify::at(now)?
            .checked_add(self.device_lifetime)
            .ok_or(PkiError::Clock)?;
        Ok(certify::millis(ends.min(self.authority.intermediate_ends)))
    }

    fn server(
        &self,
        names: &[String],
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> Result<(Identity, KeyPair), PkiError> {
        let pair = KeyPair::generate().map_err(PkiError::Sign)?;
        let (leaf, ends) = certify::leaf(
            &Purpose::Server(names),
            &pair,
            &self.authority.issuer,
            self.authority.intermediate_ends,
            now,
            lifetime,
            self.entropy.as_ref(),
        )?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.serialize_der()));
        let mut chain = vec![leaf, self.authority.intermediate.clone()];
        if let Some(cross) = &self.authority.cross {
            // The way to the root before, and that root itself for those who have its pin.
            chain.push(cross.clone());
            chain.extend(self.authority.roots.iter().skip(1).cloned());
        }
        chain.push(self.authority.root.clone());
        Ok((
            Identity {
                chain,
                key,
                ends_at: certify::millis(ends),
            },
            pair,
        ))
    }
}

impl Identity {
    /// The certificate and key that the administrator configured for the dashboard. The key's file may be
    /// open to a group, not to everybody.
    pub fn configured(certificate: &Path, key: &Path) -> Result<Self, PkiError> {
        let identity = Self::read(certificate, files::read_configured_key(key)?)?;
        identity.certified_key().map_err(|source| PkiError::Mismatch {
            path: key.to_owned(),
            source,
        })?;
        Ok(identity)
    }

    /// Chain and key as TLS wants them; refused when they do not fit together.
    pub fn certified_key(&self) -> Result<CertifiedKey, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider)
    }

    fn read(certificate: &Path, key: PrivateKeyDer<'static>) -> Result<Self, PkiError> {
        let chain = files::read_certificates(certificate)?;
        let ends_at = match chain.first() {
            Some(leaf) => {
                ends_at(leaf).map_err(|_| files::damaged(certificate, "its certificate cannot be read"))?
            }
            None => return Err(files::damaged(certificate, "it holds no certificate")),
        };
        Ok(Self { chain, key, ends_at })
    }

    fn names_all(&self, names: &[String]) -> bool {
        let Some(Ok(leaf)) = self.chain.first().map(webpki_leaf) else {
            return false;
        };
        names.iter().all(|name| {
            rustls_pki_types::ServerName::try_from(name.as_str())
                .is_ok_and(|name| rustls::client::verify_server_name(&leaf, &name).is_ok())
        })
    }
}

fn webpki_leaf<'a>(
    leaf: &'a CertificateDer<'static>,
) -> Result<rustls::server::ParsedCertificate<'a>, rustls::Error> {
    rustls::server::ParsedCertificate::try_from(leaf)
}
