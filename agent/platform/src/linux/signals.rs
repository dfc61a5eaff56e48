//! The signals that end a service.

use std::io;

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// Waits until the service manager (SIGTERM) or a person at a terminal (SIGINT) asks the program to end.
/// Blocks; fails when the handlers cannot be installed.
pub fn wait_for_end() -> io::Result<()> {
    Signals::new([SIGTERM, SIGINT])?.forever().next();
    Ok(())
}
