//! Root and intermediate on disk: made on the first start, checked at every other, renewed while there is
//! time. Issues nothing itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rcgen::{Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    PkiError, certify,
    device::{parsed, sha256},
    files, next,
};
use crate::entropy::Entropy;

/// The intermediate is signed anew when less than this is left and the root's key is there.
pub(super) const RENEW_WITHIN: Duration = Duration::days(183);

/// What signs, and what is trusted.
pub(super) struct Authority {
    pub(super) root: CertificateDer<'static>,
    pub(super) root_key_hash: [u8; 32],
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// The root as the one before it signed it, while that is trusted.
    pub(super) cross: Option<CertificateDer<'static>>,
    pub(super) intermediate: CertificateDer<'static>,
    pub(super) intermediate_ends: OffsetDateTime,
    pub(super) issuer: Issuer<'static, KeyPair>,
}

struct Paths {
    root_key: PathBuf,
    root: PathBuf,
    intermediate_key: PathBuf,
    intermediate: PathBuf,
    roots: PathBuf,
}

impl Authority {
    pub(super) fn open_or_create(
        folder: &Path,
        now: OffsetDateTime,
        entropy: &dyn Entropy,
    ) -> Result<Self, PkiError> {
        files::ensure_folder(folder)?;
        next::finish(folder)?;
        let paths = Paths {
            root_key: folder.join("root.key"),
            root: folder.join("root.crt"),
            intermediate_key: folder.join("intermediate.key"),
            intermediate: folder.join("intermediate.crt"),
            roots: folder.join("roots"),
        };
        let (root, root_pair) = open_root(&paths, now, entropy)?;
        let about = Facts::of(&root, &paths.root)?;
        if about.ends <= now {
            return Err(PkiError::RootExpired { path: paths.root });
        }
        let (intermediate, pair) = open_intermediate(&paths, &root, &about, root_pair, now, entropy)?;
        let intermediate_ends = Facts::of(&intermediate, &paths.intermediate)?.ends;
        let issuer = issuer(&intermediate, pair, &paths.intermediate)?;
        let mut roots = vec![root.clone()];
        for path in files::certificate_files(&paths.roots)? {
            for further in files::read_certificates(&path)? {
                Facts::of(&further, &path)?;
                if !roots.contains(&further) {
                    roots.push(further);
                }
            }
        }
        Ok(Self {
            cross: cross(folder)?,
            root,
            root_key_hash: sha256(&about.key),
            roots,
            intermediate,
            intermediate_ends,
            issuer,
        })
    }
}

/// Certificates as PEM text.
pub(super) fn pem(chain: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in chain {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let base64 = data_encoding::BASE64.encode(certificate);
        for line in base64.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), PkiError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PkiError::Io {
            action: "remove",
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// The new root as the old one signed it, while that is trusted.
fn cross(folder: &Path) -> Result<Option<CertificateDer<'static>>, PkiError> {
    let path = folder.join(next::CROSS);
    if !files::exists(&path)? || next::further(folder)?.is_empty() {
        return Ok(None);
    }
    Facts::of(&one(&path)?, &path)?;
    one(&path).map(Some)
}

/// The root, and its key where it is here.
fn open_root(
    paths: &Paths,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<(CertificateDer<'static>, Option<KeyPair>), PkiError> {
    if files::exists(&paths.root)? {
        let root = one(&paths.root)?;
        let pair = match files::exists(&paths.root_key)? {
            true => Some(key_of(&paths.root_key, &root, &paths.root)?),
            false => None,
        };
        return Ok((root, pair));
    }
    // The intermediate is written after the root: where it is, there was a root that agents know.
    for witness in [&paths.intermediate, &paths.intermediate_key] {
        if files::exists(witness)? {
            return Err(PkiError::Missing {
                path: paths.root.clone(),
                witness: witness.clone(),
            });
        }
    }
    let pair = key_or_new(&paths.root_key)?;
    let root = certify::root(&pair, now, entropy)?;
    files::write(&paths.root, &pem(std::slice::from_ref(&root)))?;
    Ok((root, Some(pair)))
}

fn open_intermediate(
    paths: &Paths,
    root: &CertificateDer<'static>,
    about_root: &Facts,
    root_pair: Option<KeyPair>,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<(CertificateDer<'static>, KeyPair), PkiError> {
    let offline = |state| PkiError::RootOffline {
        path: paths.intermediate.clone(),
        key: paths.root_key.clone(),
        state,
    };
    let pair = if files::exists(&paths.intermediate)? {
        if !files::exists(&paths.intermediate_key)? {
            return Err(PkiError::Missing {
                path: paths.intermediate_key.clone(),
                witness: paths.intermediate.clone(),
            });
        }
        let stored = one(&paths.intermediate)?;
        let pair = key_of(&paths.intermediate_key, &stored, &paths.intermediate)?;
        let about = Facts::of(&stored, &paths.intermediate)?;
        if parsed(&stored)?
            .verify_signature(Some(parsed(root)?.public_key()))
            .is_err()
        {
            return Err(files::damaged(
                &paths.intermediate,
                "it was not signed by the root beside it",
            ));
        }
        let due = about.ends - now < RENEW_WITHIN && about.ends < about_root.ends;
        match (due, &root_pair) {
            (false, _) if about.ends > now => return Ok((stored, pair)),
            (_, None) if about.ends > now => return Ok((stored, pair)),
            (_, None) => return Err(offline("has expired")),
            // The key stays: certificates that it signed hold, and one file changes at once.
            (_, Some(_)) => pair,
        }
    } else if root_pair.is_none() {
        return Err(offline("does not exist"));
    } else {
        key_or_new(&paths.intermediate_key)?
    };
    let Some(root_pair) = root_pair else {
        return Err(offline("is about to expire"));
    };
    let signer = issuer(root, root_pair, &paths.root)?;
    let made = certify::intermediate(&pair, &signer, about_root.ends, now, entropy)?;
    files::write(&paths.intermediate, &pem(std::slice::from_ref(&made)))?;
    Ok((made, pair))
}

/// What of a certificate is needed here.
pub(super) struct Facts {
    key: Vec<u8>,
    pub(super) begins: OffsetDateTime,
    pub(super) ends: OffsetDateTime,
}

impl Facts {
    pub(super) fn of(certificate: &CertificateDer<'_>, path: &Path) -> Result<Self, PkiError> {
        let parsed =
            parsed(certificate).map_err(|_| files::damaged(path, "its certificate cannot be read"))?;
        if !parsed.is_ca() {
            return Err(files::damaged(path, "its certificate may not sign others"));
        }
        let ends = OffsetDateTime::from_unix_timestamp(parsed.validity().not_after.timestamp())
            .map_err(|_| files::damaged(path, "its end cannot be read"))?;
        let begins = OffsetDateTime::from_unix_timestamp(parsed.validity().not_before.timestamp())
            .map_err(|_| files::damaged(path, "its beginning cannot be read"))?;
        Ok(Self {
            key: parsed.public_key().raw.to_vec(),
            begins,
            ends,
        })
    }
}

pub(super) fn one(path: &Path) -> Result<CertificateDer<'static>, PkiError> {
    let mut chain = files::read_certificates(path)?;
    match (chain.pop(), chain.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        _ => Err(files::damaged(path, "it must hold exactly one certificate")),
    }
}

fn key_or_new(path: &Path) -> Result<KeyPair, PkiError> {
    if files::exists(path)? {
        return pair(path);
    }
    let pair = KeyPair::generate().map_err(PkiError::Sign)?;
    files::write(path, &Zeroizing::new(pair.serialize_pem()))?;
    Ok(pair)
}

pub(super) fn key_of(
    path: &Path,
    certificate: &CertificateDer<'_>,
    beside: &Path,
) -> Result<KeyPair, PkiError> {
    let pair = pair(path)?;
    if rcgen::PublicKeyData::subject_public_key_info(&pair) != Facts::of(certificate, beside)?.key {
        return Err(files::damaged(
            path,
            "it is not the key of the certificate beside it",
        ));
    }
    Ok(pair)
}

fn pair(path: &Path) -> Result<KeyPair, PkiError> {
    let key: PrivateKeyDer<'static> = files::read_key(path)?;
    KeyPair::try_from(&key).map_err(|_| files::damaged(path, "its key is damaged or of another kind"))
}

pub(super) fn issuer(
    certificate: &CertificateDer<'_>,
    pair: KeyPair,
    path: &Path,
) -> Result<Issuer<'static, KeyPair>, PkiError> {
    Issuer::from_ca_cert_der(certificate, pair)
        .map_err(|_| files::damaged(path, "its certificate cannot be read"))
}
