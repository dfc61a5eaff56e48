//! The signals that end a service.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the service manager (SIGTERM) or a person at a terminal (SIGINT) asks the program to end.
/// Needs the runtime's signal driver; fails when the handlers cannot be installed.
pub async fn end_requested() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
