//! What networks, disks, databases and clocks do to the product, row by row of the fault matrix
//! (`deploy/docs/faults.md`). Rows that have their tests elsewhere are named there.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod system;
