//! TLS to the database: which connections have it, and whom they trust. Over a network it is the usual case, and the
//! server's certificate is always verified, name and chain: encryption to somebody unknown protects nothing.

use std::{net::IpAddr, sync::Arc};

use deskwarden_domain::port::{StoreError, StoreResult};
use percent_encoding::percent_decode_str;
use postgres::{Config, config::SslMode};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What the location says of TLS, in libpq's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    mode: Option<String>,
    roots: Option<String>,
}

/// Takes `sslmode` and `sslrootcert` out of a location; the driver knows only some of their values.
pub(super) fn asked(location: &str) -> StoreResult<(String, Asked)> {
    let mut asked = Asked::default();
    // A question mark before the last `@` is the password's.
    let host = location.rfind('@').unwrap_or(0);
    let Some(at) = location[host..].find('?').map(|at| host + at) else {
        return Ok((location.to_owned(), asked));
    };
    let (base, query) = (&location[..at], &location[at + 1..]);
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let place = match name {
            "sslmode" => &mut asked.mode,
            "sslrootcert" => &mut asked.roots,
            _ => {
                rest.push(pair);
                continue;
            }
        };
        let value = percent_decode_str(value).decode_utf8().map_err(|_| {
            StoreError::Conflict(format!(
                "`{name}` in the location of the PostgreSQL database is not UTF-8"
            ))
        })?;
        *place = Some(value.into_owned());
    }
    let sign = if rest.is_empty() { "" } else { "?" };
    Ok((format!("{base}{sign}{}", rest.join("&")), asked))
}

/// How connections to these hosts (names, addresses, folders of sockets) are made; `None` where they are plain. Sets the
/// driver's mode.
pub(super) fn connector(
    config: &mut Config,
    hosts: &[String],
    asked: &Asked,
) -> StoreResult<Option<MakeRustlsConnect>> {
    let verified = match asked.mode.as_deref() {
        Some("disable") => false,
        Some("require" | "verify-ca" | "verify-full") => true,
        Some(other) => {
            return Err(StoreError::Conflict(format!(
                "`sslmode={other}` in the location of the PostgreSQL database is none that can be had: write \
                 verify-full, or disable where nobody else is on the wire"
            )));
        }
        None => asked.roots.is_some() || !hosts.iter().all(|host| is_here(host)),
    };
    if !verified {
        config.ssl_mode(SslMode::Disable);
        return Ok(None);
    }
    config.ssl_mode(SslMode::Require);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Conflict(format!("TLS to PostgreSQL: {error}")))?
        .with_root_certificates(roots(asked.roots.as_deref())?)
        .with_no_client_auth();
    Ok(Some(MakeRustlsConnect::new(tls)))
}

/// Those of the file, and only those; without a file those that the system trusts.
fn roots(file: Option<&str>) -> StoreResult<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file.filter(|file| *file != "system") else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let fault = |why: &dyn std::fmt::Display| {
        StoreError::Conflict(format!(
            "sslrootcert={file}: {why}; it names a PEM file with the certificates of the authorities that the \
             PostgreSQL server's certificate may come from"
        ))
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| fault(&error))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| fault(&error))?;
        roots.add(certificate).map_err(|error| fault(&error))?;
    }
    if roots.is_empty() {
        return Err(fault(&"there is no certificate in it"));
    }
    Ok(roots)
}

/// Whether nothing leaves this machine on the way to a host, or to the folder of a socket.
fn is_here(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_else_the_location_says_stays_as_it_was() {
        let (plain, found) =
            asked("postgres://u@h/d?options=-c%20a%3Db&sslrootcert=/etc/a%20b.pem&sslmode=verify-full&x=1")
                .unwrap();
        assert_eq!(plain, "postgres://u@h/d?options=-c%20a%3Db&x=1");
        let wanted = (Some("verify-full"), Some("/etc/a b.pem"));
        assert_eq!((found.mode.as_deref(), found.roots.as_deref()), wanted);
        assert_eq!(
            asked("postgres://u@h/d?sslmode=disable").unwrap().0,
            "postgres://u@h/d"
        );
    }
}
