//! The collector's binary: everything is in the library.

use std::process::ExitCode;

/// Many threads make and drop the many small values of reports.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    deskwarden_collector::cli::main()
}
