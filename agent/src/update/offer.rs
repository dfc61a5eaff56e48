//! Whether an offered package may be believed: who signed it, what it is for, and whether it is newer. Reads no file
//! and fetches nothing.

use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use deskwarden_proto::v1::{Update, UpdateManifest};
use prost::Message as _;
use ring::signature::{ED25519, UnparsedPublicKey};

/// Largest package: many times the agent's size.
const MAX_SIZE: u64 = 64 << 20;
/// Largest manifest.
const MAX_MANIFEST: usize = 1 << 10;
/// What is signed begins with this, so that a signature made for something else is none for a package.
const CONTEXT: &[u8] = b"deskwarden agent package v1\0";

/// Public key of whoever publishes packages.
#[derive(Clone, PartialEq, Eq)]
pub struct Publisher([u8; 32]);

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must look like ed25519:... as `deskwarden-collector update key` prints it")]
pub struct NotAPublisher;

/// A package that may be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its version.
    pub version: Version,
    /// Hash of all of it.
    pub sha256: [u8; 32],
    /// Its size.
    pub size: u64,
}

/// Why a package is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody's packages are taken.
    #[error("updates are off: no update_key is configured")]
    Off,
    /// The publisher did not sign this.
    #[error("the publisher did not sign this")]
    Signature,
    /// It is signed and makes no sense.
    #[error("the manifest is unusable: {0}")]
    Manifest(&'static str),
    /// It is for other machines.
    #[error("the package is for {0}")]
    Platform(String),
    /// It is what runs, or older: an old signature that is shown again is one of these.
    #[error("version {offered} is not newer than {running}, which runs")]
    NotNewer {
        /// What is offered.
        offered: Version,
        /// What runs.
        running: Version,
    },
    /// It was tried here and taken back.
    #[error("version {0} was tried on this PC and taken back")]
    Failed(Version),
}

/// A version: numbers with dots between.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl FromStr for Version {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "its version is no version";
        let mut numbers = Vec::new();
        for part in text.split('.') {
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong);
            }
            numbers.push(part.parse().map_err(|_| wrong)?);
        }
        if numbers.len() > 4 {
            return Err(wrong);
        }
        // 1.2 and 1.2.0 are one version.
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.0.clone();
        numbers.resize(numbers.len().max(3), 0);
        let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl FromStr for Publisher {
    type Err = NotAPublisher;

    fn from_str(text: &str) -> Result<Self, NotAPublisher> {
        let encoded = text.trim().strip_prefix("ed25519:").ok_or(NotAPublisher)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| NotAPublisher)?;
        bytes.try_into().map(Self).map_err(|_| NotAPublisher)
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", BASE64.encode(&self.0))
    }
}

/// Looks at an offer. `failed` are versions that were taken back on this PC.
pub fn examine(
    offer: &Update,
    publisher: Option<&Publisher>,
    platform: &str,
    running: &Version,
    failed: &[Version],
) -> Result<Package, Refusal> {
    let publisher = publisher.ok_or(Refusal::Off)?;
    if offer.manifest.len() > MAX_MANIFEST {
        return Err(Refusal::Manifest("it is too large"));
    }
    // Nothing of it is read before it is known who wrote it.
    let signed = [CONTEXT, &offer.manifest].concat();
    UnparsedPublicKey::new(&ED25519, publisher.0)
        .verify(&signed, &offer.signature)
        .map_err(|_| Refusal::Signature)?;
    let manifest = UpdateManifest::decode(offer.manifest.as_slice())
        .map_err(|_| Refusal::Manifest("it cannot be read"))?;
    if manifest.platform != platform {
        return Err(Refusal::Platform(manifest.platform.chars().take(64).collect()));
    }
    let version: Version = manifest.version.parse().map_err(Refusal::Manifest)?;
    if version <= *running {
        return Err(Refusal::NotNewer {
            offered: version,
            running: running.clone(),
        });
    }
    if failed.contains(&version) {
        return Err(Refusal::Failed(version));
    }
    if manifest.size == 0 || manifest.size > MAX_SIZE {
        return Err(Refusal::Manifest("its size is none of an agent's"));
    }
    let sha256 = manifest
        .sha256
        .try_into()
        .map_err(|_| Refusal::Manifest("its hash is no SHA-256"))?;
    Ok(Package {
        version,
        sha256,
        size: manifest.size,
    })
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    struct Press {
        key: Ed25519KeyPair,
    }

    impl Press {
        fn new(seed: u8) -> Self {
            Self {
                key: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap(),
            }
        }

        fn publisher(&self) -> Publisher {
            let encoded = BASE64.encode(self.key.public_key().as_ref());
            format!("ed25519:{encoded}").parse().unwrap()
        }

        fn offer(&self, edit: impl FnOnce(&mut UpdateManifest)) -> Update {
            let mut manifest = UpdateManifest {
                version: "1.3.0".into(),
                platform: "linux-x86_64".into(),
                sha256: vec![7; 32],
                size: 4_000_000,
            };
            edit(&mut manifest);
            let manifest = manifest.encode_to_vec();
            let signature = self.key.sign(&[CONTEXT, &manifest].concat());
            Update {
                manifest,
                signature: signature.as_ref().to_vec(),
            }
        }
    }

    fn asked(offer: &Update, publisher: Option<&Publisher>) -> Result<Package, Refusal> {
        let failed = ["1.2.9".parse().unwrap()];
        examine(
            offer,
            publisher,
            "linux-x86_64",
            &"1.2.3".parse().unwrap(),
            &failed,
        )
    }

    #[test]
    fn a_newer_package_of_the_publisher_is_taken() {
        let press = Press::new(1);
        let package = asked(&press.offer(|_| {}), Some(&press.publisher())).unwrap();
        assert_eq!(
            (package.version.to_string().as_str(), package.size),
            ("1.3.0", 4_000_000)
        );
    }

    #[test]
    fn without_a_key_no_package_is_taken() {
        assert_eq!(asked(&Press::new(1).offer(|_| {}), None), Err(Refusal::Off));
    }

    #[test]
    fn what_another_signed_or_somebody_changed_is_refused() {
        let (press, other) = (Press::new(1), Press::new(2));
        let offer = other.offer(|_| {});
        assert_eq!(asked(&offer, Some(&press.publisher())), Err(Refusal::Signature));
        for position in [0, 5, 20] {
            let mut offer = press.offer(|_| {});
            offer.manifest[position] ^= 1;
            assert_eq!(asked(&offer, Some(&press.publisher())), Err(Refusal::Signature));
        }
        let mut offer = press.offer(|_| {});
        offer.signature.truncate(63);
        assert_eq!(asked(&offer, Some(&press.publisher())), Err(Refusal::Signature));
        // A signature over the bare manifest was made for something else.
        let mut offer = press.offer(|_| {});
        offer.signature = press.key.sign(&offer.manifest).as_ref().to_vec();
        assert_eq!(asked(&offer, Some(&press.publisher())), Err(Refusal::Signature));
    }

    #[test]
    fn another_platform_is_refused() {
        let press = Press::new(1);
        let offer = press.offer(|manifest| manifest.platform = "windows-x86_64".into());
        assert_eq!(
            asked(&offer, Some(&press.publisher())),
            Err(Refusal::Platform("windows-x86_64".into()))
        );
    }

    #[test]
    fn an_older_version_and_the_same_one_again_are_refused() {
        let press = Press::new(1);
        for version in ["1.2.3", "1.2.3.0", "1.2.2", "0.9", "1.2"] {
            let offer = press.offer(|manifest| manifest.version = version.into());
            let refused = asked(&offer, Some(&press.publisher())).unwrap_err();
            assert!(
                matches!(refused, Refusal::NotNewer { .. }),
                "{version}: {refused}"
            );
        }
        // Numbers, not letters: ten comes after nine.
        let offer = press.offer(|manifest| manifest.version = "1.2.10".into());
        asked(&offer, Some(&press.publisher())).unwrap();
    }

    #[test]
    fn a_version_that_was_taken_back_is_not_tried_again() {
        let press = Press::new(1);
        let offer = press.offer(|manifest| manifest.version = "1.2.9".into());
        let refused = asked(&offer, Some(&press.publisher())).unwrap_err();
        assert_eq!(refused, Refusal::Failed("1.2.9".parse().unwrap()));
    }

    #[test]
    fn a_signed_manifest_that_makes_no_sense_is_refused() {
        let press = Press::new(1);
        let edits: [fn(&mut UpdateManifest); 6] = [
            |manifest| manifest.version = "1.3.0-rc1".into(),
            |manifest| manifest.version = String::new(),
            |manifest| manifest.size = 0,
            |manifest| manifest.size = MAX_SIZE + 1,
            |manifest| manifest.sha256 = vec![7; 31],
            |manifest| manifest.version = "9".repeat(2_000),
        ];
        for edit in edits {
            let refused = asked(&press.offer(edit), Some(&press.publisher())).unwrap_err();
            assert!(matches!(refused, Refusal::Manifest(_)), "{refused}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA"] {
            assert_eq!(text.parse::<Publisher>(), Err(NotAPublisher), "{text}");
        }
    }
}
