//! Systems without a service manager of the Windows kind: a service runs there as any program, and its log lines
//! reach the system's log by themselves. The same signatures, each saying so.

use std::{convert::Infallible, io};

use crate::{Gravity, Request, ServiceKind};

/// Never made here.
#[derive(Debug)]
pub struct Service(Infallible);

impl Service {
    /// A step of the start is done; more follow.
    pub fn progress(&self) {
        match self.0 {}
    }

    /// The start is done.
    pub fn running(&self) {
        match self.0 {}
    }

    /// Makes the manager keep the service as it should be. What could not be done, for the log.
    pub fn settle(&self) -> Vec<String> {
        match self.0 {}
    }

    /// Waits for the next request; `None` when the service has ended.
    pub fn next(&self) -> Option<Request> {
        match self.0 {}
    }

    /// What had to be done before the PC sleeps is done.
    pub fn asleep(&self) {
        match self.0 {}
    }
}

/// Always unsupported.
pub fn serve(
    kind: ServiceKind,
    _body: impl FnOnce(&'static Service) -> Result<(), String> + Send + 'static,
) -> io::Result<()> {
    let what = format!(
        "only Windows starts services this way; here the service manager runs `{} {}`",
        kind.name, kind.by_hand
    );
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}

/// Nothing: what the program logs is in the journal.
pub fn log_event(_source: &str, _gravity: Gravity, _text: &str) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_windows_is_refused_with_what_to_do() {
        let kind = ServiceKind {
            name: "deskwarden-agent",
            by_hand: "run",
            privileges: &[],
        };
        let refused = serve(kind, |_| Ok(())).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
        assert!(refused.to_string().contains("deskwarden-agent run"));
    }
}
