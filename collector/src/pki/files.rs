//! Files of the certificate authority: owner-only, written whole or not at all, refused when others could
//! have read or changed them. Knows PEM, but no certificate.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use deskwarden_system::{Reach, check_file, check_folder, create_private, create_private_dir, sync_dir};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use zeroize::Zeroizing;

use super::PkiError;

/// More than any key or chain needs, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// Makes a folder that only its owner may enter, or accepts one that is so already.
pub(super) fn ensure_folder(path: &Path) -> Result<(), PkiError> {
    create_private_dir(path).map_err(|source| io_error("make the folder", path, source))?;
    let about = fs::symlink_metadata(path).map_err(|source| io_error("look at", path, source))?;
    if !about.is_dir() {
        return Err(PkiError::NotAFolder {
            path: path.to_owned(),
        });
    }
    Ok(check_folder(path)?)
}

/// Whether there is anything at the path.
pub(super) fn exists(path: &Path) -> Result<bool, PkiError> {
    path.try_exists()
        .map_err(|source| io_error("look at", path, source))
}

/// Reads a private key. Refuses a file that others may read or that somebody else owns.
pub(super) fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    let text = Zeroizing::new(read(path, Secrecy::OwnerOnly)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| damaged(path, "it holds no private key in PEM form"))
}

/// Reads a private key that the administrator configured: a group may read it, as the folders of system
/// certificates have it, everybody may not.
pub(super) fn read_configured_key(path: &Path) -> Result<PrivateKeyDer<'static>, PkiError> {
    let text = Zeroizing::new(read(path, Secrecy::NotEverybody)?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| damaged(path, "it holds no private key in PEM form"))
}

/// Reads every certificate of a PEM file, at least one.
pub(super) fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PkiError> {
    let text = read(path, Secrecy::Public)?;
    let chain = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| damaged(path, "its PEM text is cut or altered"))?;
    if chain.is_empty() {
        return Err(damaged(path, "it holds no certificate in PEM form"));
    }
    Ok(chain)
}

/// Files of a folder that end in `.crt`, by name; none when there is no such folder.
pub(super) fn certificate_files(folder: &Path) -> Result<Vec<PathBuf>, PkiError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(io_error("list", folder, source)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| io_error("list", folder, source))?.path();
        if path.extension().is_some_and(|extension| extension == "crt") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Replaces a file by one that only its owner may read. A crash leaves the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), PkiError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    let folder = path.parent().unwrap_or(Path::new("."));
    let written = fill(&temporary, text.as_bytes())
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| sync_dir(folder));
    written.map_err(|source| {
        fs::remove_file(&temporary).ok();
        io_error("write", path, source)
    })
}

/// The file is not what it must be.
pub(super) fn damaged(path: &Path, fault: &'static str) -> PkiError {
    PkiError::Damaged {
        path: path.to_owned(),
        fault,
    }
}

enum Secrecy {
    OwnerOnly,
    NotEverybody,
    Public,
}

fn read(path: &Path, secrecy: Secrecy) -> Result<Vec<u8>, PkiError> {
    let failed = |source| io_error("read", path, source);
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(damaged(path, "it is no regular file"));
    }
    match secrecy {
        Secrecy::OwnerOnly => check_file(path, &file, Reach::Owner)?,
        Secrecy::NotEverybody => check_file(path, &file, Reach::Group)?,
        Secrecy::Public => {}
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(damaged(path, "it is larger than any key or certificate"));
    }
    Ok(bytes)
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = create_private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> PkiError {
    PkiError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_written_file_is_owner_only_and_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        fs::write(folder.path().join("a.key.new"), "left by a crash").unwrap();
        write(&path, "x").unwrap();
        write(&path, "y").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "y");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_oversized_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.crt");
        fs::write(&path, "x".repeat(MAX_FILE as usize + 1)).unwrap();
        assert!(
            read_certificates(&path)
                .unwrap_err()
                .to_string()
                .contains("a.crt")
        );
    }
}
