//! Nothing that was acknowledged is lost, nothing is applied twice, and everything starts again: under kill -9 at any
//! moment and at every step, under power cuts, with restored backups on either side. The real programs and the
//! agent's real code; what must come out is known beforehand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod system;
