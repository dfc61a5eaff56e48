//! The certificates that the collector watches: its authority's and those that its ports show.

use std::sync::Arc;

use deskwarden_domain::{model::Millis, operations::Certificate};
use tracing::warn;

use crate::{
    config::Config,
    net::ServerIdentity,
    pki::{Pki, ends_at},
    task,
};

/// The certificates in use, as they are whenever it is asked.
pub(super) fn certificates(
    config: &Config,
    agents: &Arc<ServerIdentity>,
    dashboard: &Arc<ServerIdentity>,
) -> task::Certificates {
    let folder = config.data_dir.join("pki");
    let own = config.dashboard.certificate.is_none();
    let served = [
        ("agents' port", true, Arc::clone(agents)),
        ("dashboard", own, Arc::clone(dashboard)),
    ];
    Box::new(move || {
        let authority = Pki::status(&folder)
            .inspect_err(|error| warn!(%error, "the ends of certificates cannot be looked at"))
            .ok()?;
        let certificate = |name: &str, ends_at: Millis, renews| Certificate {
            name: name.to_owned(),
            ends_at,
            renews,
        };
        let mut certificates = vec![
            certificate("root CA", authority.root_ends_at, false),
            certificate("intermediate CA", authority.intermediate_ends_at, false),
        ];
        for (name, renews, identity) in &served {
            certificates.push(certificate(name, ends_at(&identity.leaf()?).ok()?, *renews));
        }
        Some(certificates)
    })
}
