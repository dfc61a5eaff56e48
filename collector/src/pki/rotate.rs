//! Replacing the root: made beside the one in use, put in its place in one go, and the old one trusted until
//! it is retired. Whether it is time is decided by a person.
//!
//! The old root signs the new one, and servers send that signature along: an agent that knows only the old
//! root, or an install bundle with its pin, finds the way to it. So nobody is locked out, however long they
//! were away, until the old root is retired.

use std::{fs, io, path::Path};

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    PkiError, Status,
    authority::{Facts, RENEW_WITHIN, issuer, key_of, one, pem},
    certify, device, files,
};
use crate::entropy::Entropy;

/// Where the next authority is made.
const NEXT: &str = "next";
/// Written last there: from then on the replacement is finished, whatever happens.
const READY: &str = "ready";
/// The new root, signed by the old one.
pub(super) const CROSS: &str = "cross.crt";
/// What is replaced. The certificates come last, so that a key never stands beside a certificate that is newer.
const PARTS: [&str; 5] = [
    "root.key",
    "intermediate.key",
    "root.crt",
    "intermediate.crt",
    CROSS,
];

/// Makes a new root and intermediate and puts them in the place of those in use. Needs the old root's key.
pub(super) fn rotate(folder: &Path, now: OffsetDateTime, entropy: &dyn Entropy) -> Result<(), PkiError> {
    finish(folder)?;
    if !further(folder)?.is_empty() {
        return Err(PkiError::Rotating {
            folder: folder.join("roots"),
        });
    }
    let (root_path, key_path) = (folder.join("root.crt"), folder.join("root.key"));
    let old = one(&root_path)?;
    if !files::exists(&key_path)? {
        return Err(PkiError::RootOffline {
            path: root_path,
            key: key_path,
            state: "cannot sign its successor without its key",
        });
    }
    let old_ends = Facts::of(&old, &root_path)?.ends;
    let old_issuer = issuer(&old, key_of(&key_path, &old, &root_path)?, &root_path)?;

    let next = folder.join(NEXT);
    clear(&next)?;
    files::ensure_folder(&next)?;
    let pair = KeyPair::generate().map_err(PkiError::Sign)?;
    let (root, cross) = certify::next_root(&pair, &old_issuer, old_ends, now, entropy)?;
    let below = KeyPair::generate().map_err(PkiError::Sign)?;
    let root_ends = Facts::of(&root, &root_path)?.ends;
    let key = Zeroizing::new(pair.serialize_pem());
    let signer = issuer(&root, pair, &root_path)?;
    let intermediate = certify::intermediate(&below, &signer, root_ends, now, entropy)?;
    files::write(&next.join("root.key"), &key)?;
    files::write(
        &next.join("intermediate.key"),
        &Zeroizing::new(below.serialize_pem()),
    )?;
    for (name, certificate) in [
        ("root.crt", &root),
        ("intermediate.crt", &intermediate),
        (CROSS, &cross),
    ] {
        files::write(&next.join(name), &pem(std::slice::from_ref(certificate)))?;
    }
    // Trusted before it is replaced.
    let hash = device::spki_hash(&old)?;
    let name: String = data_encoding::HEXLOWER.encode(&hash).chars().take(16).collect();
    let roots = folder.join("roots");
    files::ensure_folder(&roots)?;
    files::write(&roots.join(format!("{name}.crt")), &pem(&[old]))?;
    files::write(&next.join(READY), "")?;
    finish(folder)
}

/// Finishes a replacement that a crash cut short; clears one that never was complete.
pub(super) fn finish(folder: &Path) -> Result<(), PkiError> {
    let next = folder.join(NEXT);
    if !files::exists(&next)? {
        return Ok(());
    }
    if files::exists(&next.join(READY))? {
        for name in PARTS {
            let (from, to) = (next.join(name), folder.join(name));
            match fs::rename(&from, &to) {
                // Moved before the crash.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(failed("replace", &to, source)),
                Ok(()) => {}
            }
        }
        let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| failed("write", folder, source))?;
    }
    clear(&next)
}

/// Stops trusting every root but the one in use.
pub(super) fn retire(folder: &Path) -> Result<usize, PkiError> {
    finish(folder)?;
    let further = further(folder)?;
    // First what leads to it, then what is led to.
    super::authority::remove(&folder.join(CROSS))?;
    for path in &further {
        super::authority::remove(path)?;
    }
    Ok(further.len())
}

/// How the authority stands, from its certificates alone.
pub(super) fn status(folder: &Path) -> Result<Status, PkiError> {
    let (root_path, below_path) = (folder.join("root.crt"), folder.join("intermediate.crt"));
    let root = one(&root_path)?;
    let about = Facts::of(&root, &root_path)?;
    let below = Facts::of(&one(&below_path)?, &below_path)?;
    let pin = |root: &CertificateDer<'_>| -> Result<String, PkiError> {
        Ok(format!(
            "sha256:{}",
            data_encoding::HEXLOWER.encode(&device::spki_hash(root)?)
        ))
    };
    let mut earlier = Vec::new();
    for path in further(folder)? {
        for root in files::read_certificates(&path)? {
            earlier.push(pin(&root)?);
        }
    }
    Ok(Status {
        pin: pin(&root)?,
        root_since: certify::millis(about.begins + certify::BACKDATED_CA),
        root_ends_at: certify::millis(about.ends),
        root_key_is_here: files::exists(&folder.join("root.key"))?,
        intermediate_ends_at: certify::millis(below.ends),
        intermediate_due_at: certify::millis(below.ends - RENEW_WITHIN),
        earlier,
    })
}

/// Files of roots that are trusted beside the one in use.
pub(super) fn further(folder: &Path) -> Result<Vec<std::path::PathBuf>, PkiError> {
    files::certificate_files(&folder.join("roots"))
}

/// The new root as the old one signed it, while that is trusted.
pub(super) fn cross(folder: &Path) -> Result<Option<CertificateDer<'static>>, PkiError> {
    let path = folder.join(CROSS);
    if !files::exists(&path)? || further(folder)?.is_empty() {
        return Ok(None);
    }
    Facts::of(&one(&path)?, &path)?;
    one(&path).map(Some)
}

fn clear(next: &Path) -> Result<(), PkiError> {
    match fs::remove_dir_all(next) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(failed("remove", next, source)),
        _ => Ok(()),
    }
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
