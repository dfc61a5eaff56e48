//! Certificates of the fake collector.

use deskwarden_agent::identity::Pin;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

/// A root, an intermediate, and a server leaf below it.
pub struct Pki {
    pub root: CertificateDer<'static>,
    pub intermediate: CertificateDer<'static>,
    intermediate_issuer: Issuer<'static, KeyPair>,
    leaf: CertificateDer<'static>,
    leaf_key: Vec<u8>,
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy)]
pub struct Valid {
    pub from: OffsetDateTime,
    pub to: OffsetDateTime,
}

impl Valid {
    /// Around now, in days.
    pub fn days(from: i64, to: i64) -> Self {
        let now = OffsetDateTime::now_utc();
        Self {
            from: now + Duration::days(from),
            to: now + Duration::days(to),
        }
    }
}

impl Pki {
    pub fn new(server_names: &[&str], server: Valid) -> Self {
        let wide = Valid::days(-7_000, 7_000);
        let root_key = KeyPair::generate().unwrap();
        let root_params = authority("test root", wide);
        let root = root_params.self_signed(&root_key).unwrap().der().clone();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate().unwrap();
        let params = authority("test intermediate", wide);
        let intermediate = params.signed_by(&key, &root_issuer).unwrap().der().clone();
        let intermediate_issuer = Issuer::new(params, key);
        let names: Vec<String> = server_names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        (params.not_before, params.not_after) = (server.from, server.to);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = params
            .signed_by(&leaf_key, &intermediate_issuer)
            .unwrap()
            .der()
            .clone();
        Self {
            root,
            intermediate,
            intermediate_issuer,
            leaf,
            leaf_key: leaf_key.serialize_der(),
        }
    }

    pub fn pin(&self) -> Pin {
        Pin::of(&self.root).unwrap()
    }

    /// What the server presents: leaf, intermediate, root.
    pub fn presented(&self) -> Vec<CertificateDer<'static>> {
        vec![self.leaf.clone(), self.intermediate.clone(), self.root.clone()]
    }

    pub fn server_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.leaf_key.clone()))
    }

    /// A device certificate for a signing request: leaf and intermediate.
    pub fn issue(&self, csr: &[u8], device: &str, valid: Valid) -> Vec<Vec<u8>> {
        let csr = CertificateSigningRequestDer::from(csr.to_vec());
        let mut request = CertificateSigningRequestParams::from_der(&csr).unwrap();
        request.params.distinguished_name.push(DnType::CommonName, device);
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (request.params.not_before, request.params.not_after) = (valid.from, valid.to);
        let leaf = request.signed_by(&self.intermediate_issuer).unwrap();
        vec![leaf.der().to_vec(), self.intermediate.to_vec()]
    }
}

fn authority(name: &str, valid: Valid) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    (params.not_before, params.not_after) = (valid.from, valid.to);
    params
}
