//! Randomness as a parameter: ids, serial numbers and secrets are asked of an [`Entropy`], so that the
//! code that uses them can be shown with known bytes. Private keys are no business of this module: the
//! cryptographic library draws them from the system itself.

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes; is /dev/urandom available?")]
pub struct NoEntropy;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`, all or nothing.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// `N` random bytes.
pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0u8; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_| NoEntropy)
    }
}

/// A system that gives none.
#[cfg(test)]
pub(crate) struct Drained;

#[cfg(test)]
impl Entropy for Drained {
    fn fill(&self, _: &mut [u8]) -> Result<(), NoEntropy> {
        Err(NoEntropy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<16>(&OsEntropy), bytes::<16>(&OsEntropy));
    }
}
