//! The agent's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskwarden_agent::cli::main()
}
