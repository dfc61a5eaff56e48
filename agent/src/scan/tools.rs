//! The clock, the randomness and the gauges of a recorder.

use deskwarden_platform::Root;
use deskwarden_proto::v1::{Sample, Stamp};

/// What the recorder takes from the world, so that tests can give it.
pub struct Tools {
    /// Wall clock, boot and monotonic clock.
    pub now: fn() -> Stamp,
    /// 16 random bytes.
    pub id: fn() -> [u8; 16],
    /// Gauges as they stand.
    pub samples: fn(&Root) -> Vec<Sample>,
}

impl Default for Tools {
    fn default() -> Self {
        Self {
            now: || Stamp {
                observed_at_ms: crate::identity::clock::wall_ms(),
                boot_id: deskwarden_platform::boot_id(),
                monotonic_ms: deskwarden_platform::monotonic_ms(),
            },
            id: || {
                let mut id = [0; 16];
                // Without randomness the clock still tells two snapshots apart.
                if getrandom::fill(&mut id).is_err() {
                    id[..8].copy_from_slice(&deskwarden_platform::monotonic_ms().to_le_bytes());
                }
                id
            },
            samples: deskwarden_platform::samples,
        }
    }
}
