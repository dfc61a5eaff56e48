//! Replacing the root: made beside the one in use, put in its place in one go, and the old one trusted until
//! it is retired. Whether it is time is decided by a person.
//!
//! The old root signs the new one, and servers send that signature along: an agent that knows only the old
//! root, or an install bundle with its pin, finds the way to it. So nobody is locked out, however long they
//! were away, until the old root is retired.

use std::path::Path;

use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{
    PkiError, Status,
    authority::{Facts, RENEW_WITHIN, issuer, key_of, one, pem, remove},
    certify, device, files,
    next::{CROSS, NEXT, READY, clear, finish, further},
};
use crate::entropy::Entropy;

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

/// Stops trusting every root but the one in use.
pub(super) fn retire(folder: &Path) -> Result<usize, PkiError> {
    finish(folder)?;
    let further = further(folder)?;
    // First what leads to it, then what is led to.
    remove(&folder.join(CROSS))?;
    for path in &further {
        remove(path)?;
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
