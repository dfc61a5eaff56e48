//! The signals that end a service.

use std::io;

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

/// The request to end: SIGTERM of the service manager, SIGINT of a person at a terminal.
#[derive(Debug)]
pub struct Ends(Signals);

impl Ends {
    /// Heard from now on. Fails when the handlers cannot be installed.
    pub fn catch() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT]).map(Self)
    }

    /// Waits for the first since. Blocks.
    pub fn wait(mut self) {
        self.0.forever().next();
    }
}
