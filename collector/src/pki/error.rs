//! Why the certificate authority could not do what it was asked, in words for an administrator.

use std::{io, path::PathBuf};

use deskwarden_system::PrivateError;

use crate::entropy::NoEntropy;

/// A fault of the certificate authority or of a certificate.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// Something else stands where the folder should be.
    #[error("{} is no folder; remove it or choose another data folder", path.display())]
    NotAFolder {
        /// Where.
        path: PathBuf,
    },
    /// Others may read or change it.
    #[error(transparent)]
    NotPrivate(#[from] PrivateError),
    /// The file does not hold what it must.
    #[error("{} cannot be used: {fault}; restore it from a backup", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        fault: &'static str,
    },
    /// A part of the authority is gone, and making a new one would lock every agent out.
    #[error("{} is missing although {} is there; restore it from a backup: a new one would lock every enrolled agent out", path.display(), witness.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What shows that it once was there.
        witness: PathBuf,
    },
    /// A new intermediate certificate is needed, but the root's key is kept elsewhere.
    #[error("{} {state}; bring {} back for one start of the collector, so that it can sign a new one", path.display(), key.display())]
    RootOffline {
        /// The intermediate's certificate.
        path: PathBuf,
        /// The root's key.
        key: PathBuf,
        /// What is the matter with the intermediate.
        state: &'static str,
    },
    /// Another replacement is not over yet.
    #[error("an earlier root is still trusted ({}): retire it first with `deskwarden-collector ca retire`", folder.display())]
    Rotating {
        /// Where it is.
        folder: PathBuf,
    },
    /// The root's time is over.
    #[error("the root certificate {} has expired; restore a backup, or begin anew with an empty data folder and enrol the devices again: a root is replaced before its end with `deskwarden-collector ca rotate`", path.display())]
    RootExpired {
        /// The root's certificate.
        path: PathBuf,
    },
    /// A signing request that is not answered.
    #[error("the signing request is refused: {0}")]
    Request(&'static str),
    /// A certificate that names no device.
    #[error("the certificate names no device: {0}")]
    NoDevice(&'static str),
    /// A name that cannot stand in a certificate.
    #[error("{0:?} cannot stand in a certificate; give a host name or an address")]
    Name(String),
    /// A time that a certificate cannot hold.
    #[error("the clock shows a time that no certificate can hold; set it right")]
    Clock,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The cryptographic library refused.
    #[error("cannot make a certificate")]
    Sign(#[source] rcgen::Error),
    /// A certificate and a key that do not fit.
    #[error("the certificate and the key of {} do not fit together", path.display())]
    Mismatch {
        /// The key.
        path: PathBuf,
        /// The library's reason.
        #[source]
        source: rustls::Error,
    },
}
