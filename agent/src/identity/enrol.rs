//! The three ways to a certificate: a token, the current certificate, or the key of an expired one.

use std::{sync::Arc, time::Duration};

use deskwarden_proto::{
    PROTOCOL,
    limits::FRAME_BYTES,
    v1::{
        EnrolRequest, EnrolState, HostHints, RecoverRequest, RenewRequest, enrolment_client::EnrolmentClient,
    },
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, SigningKey as _};
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{
    Error, Identity, Store,
    clock::{Anchor, Clock, wall_ms},
    pin::Pin,
    random,
    tls::{Trust, client_config},
};
use crate::{
    endpoint::Endpoint,
    transport::{self, Channel},
};

/// How long a call may take.
const CALL: Duration = Duration::from_secs(60);
/// What an agent waits when it is told to wait and not how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(60);

/// What an enrolment needs.
pub struct Enrolment<'a> {
    /// Where to enrol.
    pub endpoint: &'a Endpoint,
    /// Pin of the collector's root, or what is believed already (a device that takes a new key).
    pub trust: Trust,
    /// The token; it leaves this machine only on a connection that the pin vouched for.
    pub token: Zeroizing<String>,
    /// What helps a person to recognise the PC.
    pub hints: HostHints,
}

impl<'a> Enrolment<'a> {
    /// First contact.
    pub fn pinned(endpoint: &'a Endpoint, pin: Pin, token: Zeroizing<String>, hints: HostHints) -> Self {
        Self {
            endpoint,
            trust: Trust::Pin(pin),
            token,
            hints,
        }
    }
}

/// What came of asking.
#[derive(Debug)]
pub enum Outcome {
    /// The identity, stored.
    Enrolled(Identity),
    /// A person has to approve; ask again after this time.
    Pending(Duration),
}

/// Trades a token for an identity. The key and a nonce are on disk before anything is sent, so that
/// asking again after a crash gets the same device.
pub async fn enrol(store: &Store, clock: &Clock, request: Enrolment<'_>) -> Result<Outcome, Error> {
    let pending = store.pending()?;
    let tls = client_config(request.trust, clock.clone(), None)?;
    let mut client = client(transport::connect(request.endpoint, &tls).await?);
    let asked = EnrolRequest {
        protocol: PROTOCOL,
        token: request.token.to_string(),
        csr: signing_request(&pending.key)?,
        hints: Some(request.hints),
        nonce: pending.nonce.to_vec(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: deskwarden_platform::platform_name(),
    };
    let answer = call(client.enrol(asked)).await?;
    let state = answer.state();
    let wait = wait(answer.retry_after_seconds);
    match state {
        EnrolState::Unspecified => Err(Error::Answer("the state is missing")),
        EnrolState::PendingApproval => Ok(Outcome::Pending(wait)),
        EnrolState::Enrolled => {
            let chain = certificates(answer.chain);
            let identity = Identity::new(&answer.device_id, pending.key, chain, certificates(answer.roots))
                .map_err(Error::Answer)?;
            accept(store, clock, &identity, answer.server_time_ms)?;
            Ok(Outcome::Enrolled(identity))
        }
    }
}

/// Trades a token for an identity that lives in memory only: nothing of it is left when the process ends, and an
/// answer that is lost has used the token up.
pub async fn enrol_once(clock: &Clock, request: Enrolment<'_>) -> Result<Identity, Error> {
    let key = Arc::new(KeyPair::generate()?);
    let nonce: [u8; 16] = random()?;
    let tls = client_config(request.trust, clock.clone(), None)?;
    let mut client = client(transport::connect(request.endpoint, &tls).await?);
    let asked = EnrolRequest {
        protocol: PROTOCOL,
        token: request.token.to_string(),
        csr: signing_request(&key)?,
        hints: Some(request.hints),
        nonce: nonce.to_vec(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: deskwarden_platform::platform_name(),
    };
    let answer = call(client.enrol(asked)).await?;
    if answer.state() != EnrolState::Enrolled {
        return Err(Error::Answer(
            "the token is for PCs of the fleet, not for an admission check",
        ));
    }
    Identity::new(
        &answer.device_id,
        key,
        certificates(answer.chain),
        certificates(answer.roots),
    )
    .map_err(Error::Answer)
}

/// Renews over a connection that the current identity opened. The key stays: an answer that is lost
/// leaves nothing that the collector believes and the device does not have.
pub async fn renew(
    store: &Store,
    clock: &Clock,
    current: &Identity,
    channel: Channel,
) -> Result<Identity, Error> {
    let mut client = client(channel);
    let csr = signing_request(&current.key)?;
    let answer = call(client.renew(RenewRequest { csr })).await?;
    renewed(
        store,
        clock,
        current,
        answer.chain,
        answer.roots,
        answer.server_time_ms,
    )
}

/// Regains an identity whose certificate expired, by proving that its key is still here.
pub async fn recover(
    store: &Store,
    clock: &Clock,
    current: &Identity,
    endpoint: &Endpoint,
) -> Result<Outcome, Error> {
    let certificate = current
        .chain
        .first()
        .ok_or(Error::Answer("there is no certificate"))?;
    let csr = signing_request(&current.key)?;
    let nonce: [u8; 16] = random()?;
    let at_ms = clock.best_ms(wall_ms());
    let signature = current.key.sign(&recovery_message(
        &current.device.to_string(),
        at_ms,
        &nonce,
        &csr,
    ))?;
    let request = RecoverRequest {
        certificate: certificate.to_vec(),
        csr,
        at_ms,
        nonce: nonce.to_vec(),
        signature,
    };
    let tls = current.anonymous_tls(clock)?;
    let mut client = client(transport::connect(endpoint, &tls).await?);
    let answer = call(client.recover(request)).await?;
    let state = answer.state();
    let wait = wait(answer.retry_after_seconds);
    match state {
        EnrolState::Unspecified => Err(Error::Answer("the state is missing")),
        EnrolState::PendingApproval => Ok(Outcome::Pending(wait)),
        EnrolState::Enrolled => renewed(
            store,
            clock,
            current,
            answer.chain,
            answer.roots,
            answer.server_time_ms,
        )
        .map(Outcome::Enrolled),
    }
}

/// What the key signs to prove itself. The device id is its text, as in the certificate's name.
fn recovery_message(device: &str, at_ms: i64, nonce: &[u8], csr: &[u8]) -> Vec<u8> {
    let mut message = b"deskwarden-recover-v1".to_vec();
    message.extend_from_slice(device.as_bytes());
    message.extend_from_slice(&at_ms.to_be_bytes());
    message.extend_from_slice(nonce);
    message.extend_from_slice(digest(&SHA256, csr).as_ref());
    message
}

fn renewed(
    store: &Store,
    clock: &Clock,
    current: &Identity,
    chain: Vec<Vec<u8>>,
    roots: Vec<Vec<u8>>,
    server_time_ms: i64,
) -> Result<Identity, Error> {
    let roots = if roots.is_empty() {
        current.roots.clone()
    } else {
        certificates(roots)
    };
    let identity = Identity::new(
        &current.device.to_string(),
        Arc::clone(&current.key),
        certificates(chain),
        roots,
    )
    .map_err(Error::Answer)?;
    accept(store, clock, &identity, server_time_ms)?;
    Ok(identity)
}

fn accept(store: &Store, clock: &Clock, identity: &Identity, server_time_ms: i64) -> Result<(), Error> {
    store.replace(identity)?;
    let anchor = Anchor {
        server_time_ms,
        boot_id: deskwarden_platform::boot_id(),
        monotonic_ms: deskwarden_platform::monotonic_ms(),
    };
    Ok(clock.told(&store.clock_file(), anchor)?)
}

fn client(channel: Channel) -> EnrolmentClient<Channel> {
    let origin = channel.origin();
    EnrolmentClient::with_origin(channel, origin).max_decoding_message_size(FRAME_BYTES)
}

async fn call<T>(call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>) -> Result<T, Error> {
    match timeout(CALL, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(Error::Refused {
            code: status.code(),
            message: status.message().to_owned(),
        }),
        Err(_) => Err(Error::Answer("it did not come in time")),
    }
}

fn signing_request(key: &KeyPair) -> Result<Vec<u8>, Error> {
    let mut params = CertificateParams::default();
    // The collector decides the name.
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(key)?.der().to_vec())
}

fn certificates(list: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    list.into_iter().map(CertificateDer::from).collect()
}

fn wait(seconds: u32) -> Duration {
    match seconds {
        0 => DEFAULT_WAIT,
        seconds => Duration::from_secs(u64::from(seconds)),
    }
}
