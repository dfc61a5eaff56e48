//! What certificates look like: names, lifetimes, usages, serial numbers. Signs what it is given; files
//! and who may ask are somebody else's.

use std::net::IpAddr;

use deskwarden_domain::model::Millis;
use deskwarden_proto::ids::DeviceId;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use super::{PkiError, device};
use crate::entropy::{Entropy, bytes};

/// Lifetime of a root.
const ROOT: Duration = Duration::days(3652);
/// Lifetime of an intermediate.
const INTERMEDIATE: Duration = Duration::days(730);
/// How long before its issue a certificate holds already: clocks of PCs lag.
const BACKDATED: Duration = Duration::hours(1);
/// The same for certificates that are made once: a PC whose clock lags a day still enrols.
pub(super) const BACKDATED_CA: Duration = Duration::days(1);

/// A self-signed root for `key`.
pub(super) fn root(
    key: &KeyPair,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<CertificateDer<'static>, PkiError> {
    let mut params = authority("Deskwarden root", 1, entropy)?;
    params.not_before = shifted(now, -BACKDATED_CA)?;
    params.not_after = shifted(now, ROOT)?;
    Ok(params.self_signed(key).map_err(PkiError::Sign)?.der().clone())
}

/// The next root for `key`: self-signed, and the same name and key signed by the root before it, for those
/// who know only that one.
pub(super) fn next_root(
    key: &KeyPair,
    before: &Issuer<'_, KeyPair>,
    before_ends: OffsetDateTime,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<(CertificateDer<'static>, CertificateDer<'static>), PkiError> {
    let mut params = authority("Deskwarden root", 1, entropy)?;
    params.not_before = shifted(now, -BACKDATED_CA)?;
    params.not_after = shifted(now, ROOT)?;
    let root = params.self_signed(key).map_err(PkiError::Sign)?.der().clone();
    params.not_after = before_ends.min(params.not_after);
    params.serial_number = Some(serial(entropy)?);
    params.use_authority_key_identifier_extension = true;
    let cross = params
        .signed_by(key, before)
        .map_err(PkiError::Sign)?
        .der()
        .clone();
    Ok((root, cross))
}

/// An intermediate for `key`, signed by the root; it never outlives the root.
pub(super) fn intermediate(
    key: &KeyPair,
    root: &Issuer<'_, KeyPair>,
    root_ends: OffsetDateTime,
    now: OffsetDateTime,
    entropy: &dyn Entropy,
) -> Result<CertificateDer<'static>, PkiError> {
    let mut params = authority("Deskwarden intermediate", 0, entropy)?;
    params.not_before = shifted(now, -BACKDATED_CA)?;
    params.not_after = shifted(now, INTERMEDIATE)?.min(root_ends);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params.signed_by(key, root).map_err(PkiError::Sign)?.der().clone())
}

/// What a leaf is for.
pub(super) enum Purpose<'a> {
    /// A listener that is reached by these names.
    Server(&'a [String]),
    /// A device.
    Device(DeviceId),
}

/// A leaf for `key`, from now (a little backdated) until `lifetime` is over or the intermediate is.
/// Returns it with its end.
pub(super) fn leaf(
    purpose: &Purpose<'_>,
    key: &impl PublicKeyData,
    intermediate: &Issuer<'_, KeyPair>,
    intermediate_ends: OffsetDateTime,
    now: OffsetDateTime,
    lifetime: Duration,
    entropy: &dyn Entropy,
) -> Result<(CertificateDer<'static>, OffsetDateTime), PkiError> {
    let (name, names, usage) = match purpose {
        Purpose::Server(names) => {
            let first = names.first().ok_or_else(|| PkiError::Name(String::new()))?;
            let names = names
                .iter()
                .map(|name| subject_name(name))
                .collect::<Result<Vec<_>, _>>()?;
            // A common name holds at most 64 characters; verifiers read the alternative names only.
            let common: String = first.chars().take(64).collect();
            (common, names, ExtendedKeyUsagePurpose::ServerAuth)
        }
        Purpose::Device(id) => {
            let uri = device::uri(*id);
            let uri = uri.as_str().try_into().map_err(PkiError::Sign)?;
            (
                id.to_string(),
                vec![SanType::URI(uri)],
                ExtendedKeyUsagePurpose::ClientAuth,
            )
        }
    };
    let ends = shifted(now, lifetime)?.min(intermediate_ends);
    let mut params = named(&name, entropy)?;
    params.not_before = shifted(now, -BACKDATED)?;
    params.not_after = ends;
    params.subject_alt_names = names;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    let leaf = params.signed_by(key, intermediate).map_err(PkiError::Sign)?;
    Ok((leaf.der().clone(), ends))
}

/// Unix milliseconds as the library wants them, whole seconds: a certificate holds no fractions.
pub(super) fn at(now: Millis) -> Result<OffsetDateTime, PkiError> {
    OffsetDateTime::from_unix_timestamp(now.div_euclid(1000)).map_err(|_| PkiError::Clock)
}

/// And back.
pub(super) const fn millis(at: OffsetDateTime) -> Millis {
    at.unix_timestamp().saturating_mul(1000)
}

fn authority(name: &str, depth: u8, entropy: &dyn Entropy) -> Result<CertificateParams, PkiError> {
    // Two roots that overlap while one replaces the other must not share a name: verifiers look issuers
    // up by it.
    let [a, b, c, d] = bytes::<4>(entropy)?;
    let mut params = named(&format!("{name} {a:02x}{b:02x}{c:02x}{d:02x}"), entropy)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn named(name: &str, entropy: &dyn Entropy) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.serial_number = Some(serial(entropy)?);
    Ok(params)
}

/// 16 random bytes; the first bit is clear (the number is positive), the second is set (it never shrinks).
fn serial(entropy: &dyn Entropy) -> Result<SerialNumber, PkiError> {
    let mut number = bytes::<16>(entropy)?;
    if let Some(first) = number.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(SerialNumber::from_slice(&number))
}

fn subject_name(name: &str) -> Result<SanType, PkiError> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    match rustls_pki_types::DnsName::try_from(name) {
        Ok(valid) => Ok(SanType::DnsName(
            valid.as_ref().try_into().map_err(PkiError::Sign)?,
        )),
        Err(_) => Err(PkiError::Name(name.to_owned())),
    }
}

fn shifted(now: OffsetDateTime, by: Duration) -> Result<OffsetDateTime, PkiError> {
    now.checked_add(by).ok_or(PkiError::Clock)
}
