//! One file that carries a package to the collector: what was signed, the signature, the program. Made on the
//! publisher's machine, which needs no collector.

use data_encoding::BASE64;
use deskwarden_proto::{Message as _, v1::UpdateManifest};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _},
};

/// First bytes of the file.
const MAGIC: &[u8] = b"DWPKG1\n";
/// Bytes of a signature.
const SIGNATURE: usize = 64;
/// Largest manifest, and largest program, that agents take.
const MAX_MANIFEST: usize = 1 << 10;
const MAX_PROGRAM: usize = 64 << 20;
/// What is signed begins with this: see `Update` in the contract.
const CONTEXT: &[u8] = b"deskwarden agent package v1\0";

/// A package with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// What was signed.
    pub manifest: Vec<u8>,
    /// By whom is for agents to find out.
    pub signature: Vec<u8>,
    /// The program.
    pub program: Vec<u8>,
}

/// The bytes are no package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABundle {
    /// Another file, or a part of one.
    #[error("this is no signed package; make one with `deskwarden-collector update sign`")]
    Form,
    /// The manifest and the program do not belong together.
    #[error("the package is damaged: its program is not the one that was signed; copy it again")]
    Program,
    /// The version or the platform is none.
    #[error("its {0}")]
    Manifest(&'static str),
}

/// Somebody's private key.
pub struct Signer(Ed25519KeyPair);

/// Why there is no key, or no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The text is no key.
    #[error("this is no signing key; make one with `deskwarden-collector update key`")]
    Key,
    /// No randomness.
    #[error("the system gives no random bytes")]
    Randomness,
    /// What is to be signed is nothing that agents take.
    #[error(transparent)]
    Package(#[from] NotABundle),
}

impl Signer {
    /// A new key, as text for its file.
    pub fn generate() -> Result<String, SignerError> {
        let key =
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SignerError::Randomness)?;
        Ok(format!("{}\n", BASE64.encode(key.as_ref())))
    }

    /// Reads the file's text.
    pub fn read(text: &str) -> Result<Self, SignerError> {
        let bytes = BASE64
            .decode(text.trim().as_bytes())
            .map_err(|_| SignerError::Key)?;
        Ed25519KeyPair::from_pkcs8(&bytes)
            .map(Self)
            .map_err(|_| SignerError::Key)
    }

    /// The public half, as agents are configured with it.
    pub fn public(&self) -> String {
        format!("ed25519:{}", BASE64.encode(self.0.public_key().as_ref()))
    }

    /// Signs a program.
    pub fn sign(&self, version: &str, platform: &str, program: Vec<u8>) -> Result<Bundle, SignerError> {
        let manifest = UpdateManifest {
            version: version.to_owned(),
            platform: platform.to_owned(),
            sha256: digest(&SHA256, &program).as_ref().to_vec(),
            size: program.len() as u64,
        };
        check(&manifest)?;
        let manifest = manifest.encode_to_vec();
        let signature = self.0.sign(&[CONTEXT, &manifest].concat()).as_ref().to_vec();
        Ok(Bundle {
            manifest,
            signature,
            program,
        })
    }
}

impl Bundle {
    /// As one file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.manifest.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes();
        [MAGIC, &length, &self.manifest, &self.signature, &self.program].concat()
    }

    /// Reads a file, and holds the program against its manifest.
    pub fn read(bytes: &[u8]) -> Result<(Self, UpdateManifest), NotABundle> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(NotABundle::Form)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(NotABundle::Form)?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > MAX_MANIFEST || rest.len() < length + SIGNATURE {
            return Err(NotABundle::Form);
        }
        let (manifest, rest) = rest.split_at(length);
        let (signature, program) = rest.split_at(SIGNATURE);
        let decoded = UpdateManifest::decode(manifest).map_err(|_| NotABundle::Form)?;
        check(&decoded)?;
        let same = decoded.size == program.len() as u64
            && digest(&SHA256, program).as_ref() == decoded.sha256.as_slice();
        if !same {
            return Err(NotABundle::Program);
        }
        let bundle = Self {
            manifest: manifest.to_vec(),
            signature: signature.to_vec(),
            program: program.to_vec(),
        };
        Ok((bundle, decoded))
    }
}

fn check(manifest: &UpdateManifest) -> Result<(), NotABundle> {
    if numbers(&manifest.version).is_none() {
        return Err(NotABundle::Manifest(
            "version is not up to four numbers with dots between",
        ));
    }
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let platform = &manifest.platform;
    if platform.is_empty() || platform.len() > 32 || !platform.chars().all(plain) {
        return Err(NotABundle::Manifest(
            "platform is not like windows-x86_64 or linux-x86_64",
        ));
    }
    if manifest.size == 0 || manifest.size > MAX_PROGRAM as u64 {
        return Err(NotABundle::Manifest("program is empty or above 64 MiB"));
    }
    Ok(())
}

/// A version's numbers, comparable; `None` where the text is no version.
pub(super) fn numbers(version: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for part in version.split('.') {
        if part.is_empty() || part.len() > 9 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        numbers.push(part.parse().ok()?);
    }
    while numbers.len() > 1 && numbers.last() == Some(&0) {
        numbers.pop();
    }
    (numbers.len() <= 4).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> Bundle {
        let signer = Signer::read(&Signer::generate().unwrap()).unwrap();
        signer
            .sign("1.3.0", "windows-x86_64", b"program".to_vec())
            .unwrap()
    }

    #[test]
    fn a_signed_package_is_read_as_it_was_written() {
        let bundle = signed();
        let (read, manifest) = Bundle::read(&bundle.to_bytes()).unwrap();
        assert_eq!(read, bundle);
        assert_eq!((manifest.version.as_str(), manifest.size), ("1.3.0", 7));
    }

    #[test]
    fn a_part_of_a_package_and_a_changed_one_are_refused() {
        let bytes = signed().to_bytes();
        for cut in [0, 5, 9, 40, bytes.len() - 8] {
            assert_eq!(
                Bundle::read(&bytes[..cut]).unwrap_err(),
                NotABundle::Form,
                "{cut}"
            );
        }
        assert_eq!(
            Bundle::read(&bytes[..bytes.len() - 1]).unwrap_err(),
            NotABundle::Program
        );
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(Bundle::read(&changed).unwrap_err(), NotABundle::Program);
        assert_eq!(Bundle::read(b"MZ program").unwrap_err(), NotABundle::Form);
    }

    #[test]
    fn what_agents_would_not_take_is_not_signed() {
        let signer = Signer::read(&Signer::generate().unwrap()).unwrap();
        for (version, platform, program) in [
            ("1.3-rc", "linux-x86_64", "x"),
            ("", "linux-x86_64", "x"),
            ("1.3", "linux x86", "x"),
            ("1.3", "", "x"),
            ("1.3", "linux-x86_64", ""),
        ] {
            assert!(
                signer.sign(version, platform, program.into()).is_err(),
                "{version} {platform}"
            );
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(Signer::read(text).err(), Some(SignerError::Key), "{text}");
        }
        let text = Signer::generate().unwrap();
        assert!(Signer::read(&text).unwrap().public().starts_with("ed25519:"));
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("1.10") > numbers("1.9.9"));
        assert_eq!(numbers("1.2.0"), numbers("1.2"));
    }
}
