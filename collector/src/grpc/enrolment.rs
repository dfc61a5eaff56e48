//! How a device gets, renews and regains its certificate. The token is checked and consumed by the store,
//! in the transaction that makes the device; nothing here decides over it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use deskwarden_domain::{
    lifecycle::PRODUCT,
    model::{ADMISSION_LASTS, Admission, AuditEntry, Device, DeviceStatus, Millis},
    port::{EnrolOutcome, NewDevice, Store, StoreError},
    token::Token,
};
use deskwarden_proto::{
    PROTOCOL_OLDEST,
    ids::DeviceId,
    v1::{
        EnrolRequest, EnrolResponse, EnrolState, RecoverRequest, RecoverResponse, RenewRequest,
        RenewResponse, enrolment_server::Enrolment,
    },
};
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use tokio::{sync::Semaphore, time::Instant};
use tonic::{Code, Request, Response, Status};
use tracing::{error, info, warn};

use super::{
    check,
    guard::{Caller, INTERNAL},
    rate::{PerAddress, Rate},
};
use crate::{
    arrivals::{self, LinkRule},
    entropy::{self, Entropy},
    ingest::Now,
    meter::{Meter, Reason},
    net::Peer,
    pki::{self, Issued, Pki, PkiError, SigningRequest},
};

/// How long a device may have been away and still comes back by itself.
const AUTOMATIC: Millis = 180 * 86_400_000;
/// When to ask again for a person's approval.
const ASK_AGAIN: Duration = Duration::from_secs(300);
/// Calls that work at the same time; more wait.
const AT_ONCE: usize = 32;
/// Bounds of the agent's nonces, in bytes.
const NONCE: std::ops::RangeInclusive<usize> = 16..=64;
/// Largest certificate that a device shows, in bytes.
const CERTIFICATE_BYTES: usize = 8 << 10;
/// Longest token as text, in bytes.
const TOKEN_BYTES: usize = 128;
/// How often one address may try; a whole office may stand behind one.
pub(super) const ANONYMOUS: Rate = Rate {
    per_second: 20.0,
    burst: 400.0,
};

/// What the calls work with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) store: Arc<dyn Store>,
    pub(super) pki: Arc<Pki>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) now: Now,
    /// Equal serials that link a device without a person; 0 for none.
    pub(super) link: LinkRule,
}

/// The service.
pub(super) struct EnrolmentService {
    desk: Desk,
    anonymous: PerAddress,
    working: Semaphore,
    meter: Arc<Meter>,
}

impl EnrolmentService {
    pub(super) fn new(desk: Desk, anonymous: Rate, meter: Arc<Meter>) -> Self {
        Self {
            desk,
            anonymous: PerAddress::new(anonymous),
            working: Semaphore::new(AT_ONCE),
            meter,
        }
    }

    /// Address of the peer, if it may try once more.
    fn admit<T>(&self, request: &Request<T>) -> Result<IpAddr, Status> {
        let peer = request.extensions().get::<Peer>().ok_or_else(internal)?;
        let address = peer.address.ip().to_canonical();
        if self.anonymous.allows(address, Instant::now()) {
            Ok(address)
        } else {
            Err(Status::resource_exhausted(
                "too many attempts from this address; wait a minute",
            ))
        }
    }

    /// Counts what is refused.
    fn counted<T>(&self, answer: Result<T, Status>) -> Result<T, Status> {
        if let Err(status) = &answer {
            self.meter.refusals.add(match status.code() {
                Code::ResourceExhausted => Reason::TooOften,
                Code::Unavailable | Code::Internal => Reason::Busy,
                _ => Reason::Identity,
            });
        }
        answer
    }

    /// Runs the work where it may block. A panic in it is this call's only.
    async fn work<T, F>(&self, work: F) -> Result<Response<T>, Status>
    where
        T: Send + 'static,
        F: FnOnce(&Desk) -> Result<T, Status> + Send + 'static,
    {
        let _permit = self.working.acquire().await.map_err(|_| internal())?;
        let desk = self.desk.clone();
        match tokio::task::spawn_blocking(move || work(&desk)).await {
            Ok(done) => done.map(Response::new),
            Err(_) => {
                error!("an enrolment call panicked: this is a defect, please report it with the log");
                Err(internal())
            }
        }
    }
}

#[tonic::async_trait]
impl Enrolment for EnrolmentService {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let peer = self.counted(self.admit(&request))?;
        let asked = request.into_inner();
        self.counted(self.work(move |desk| desk.enrol(asked, peer)).await)
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let caller = *request.extensions().get::<Caller>().ok_or_else(internal)?;
        let asked = request.into_inner();
        self.counted(self.work(move |desk| desk.renew(caller.device, &asked)).await)
    }

    async fn recover(&self, request: Request<RecoverRequest>) -> Result<Response<RecoverResponse>, Status> {
        self.counted(self.admit(&request))?;
        let asked = request.into_inner();
        self.counted(self.work(move |desk| desk.recover(asked)).await)
    }
}

impl Desk {
    fn enrol(&self, asked: EnrolRequest, peer: IpAddr) -> Result<EnrolResponse, Status> {
        if asked.protocol < PROTOCOL_OLDEST {
            return Err(Status::failed_precondition(
                "the agent is too old for this collector; update it",
            ));
        }
        if asked.token.len() > TOKEN_BYTES || !NONCE.contains(&asked.nonce.len()) {
            return Err(Status::invalid_argument(
                "the token or the nonce has an impossible length",
            ));
        }
        let token =
            Token::parse(&asked.token).map_err(|fault| Status::invalid_argument(fault.to_string()))?;
        let request = signing_request(&asked.csr)?;
        let now = (self.now)();
        if let Some(answer) = self.admit(&asked, token.hash(), &request, peer, now)? {
            return Ok(answer);
        }
        let outcome = self.store.enrol(&NewDevice {
            id: DeviceId::from_random(self.random()?),
            token_hash: token.hash(),
            key_hash: request.key_hash(),
            nonce: asked.nonce,
            peer,
            hints: check::hints(asked.hints.unwrap_or_default()),
            agent_version: check::name(&asked.agent_version),
            platform: check::name(&asked.platform),
            at: now,
            certificate_ends_at: self.pki.device_ends_at(now).map_err(|fault| refused(&fault))?,
            resume_key: self.random()?,
        });
        match outcome.map_err(|fault| unavailable(&fault))? {
            EnrolOutcome::Enrolled(device) => {
                may_have_certificate(&device)?;
                let issued = self.issue(&request, device.id, now)?;
                info!(device = %device.id, %peer, "enrolled");
                self.link(device.id, now);
                Ok(EnrolResponse {
                    state: EnrolState::Enrolled.into(),
                    device_id: device.id.to_string(),
                    chain: der(&issued.chain),
                    roots: der(self.pki.roots()),
                    server_time_ms: now,
                    retry_after_seconds: 0,
                })
            }
            EnrolOutcome::Pending(device) => {
                may_have_certificate(&device).or_else(pending_is_fine)?;
                Ok(EnrolResponse {
                    state: EnrolState::PendingApproval.into(),
                    server_time_ms: now,
                    retry_after_seconds: seconds(ASK_AGAIN),
                    ..EnrolResponse::default()
                })
            }
            EnrolOutcome::Refused(why) => {
                info!(%peer, %why, "an enrolment is refused");
                Err(Status::permission_denied(why.to_string()))
            }
        }
    }

    /// What an admission token gets: a certificate for the two hours of a check, and no place in the fleet. `None`
    /// when the token is of another kind.
    fn admit(
        &self,
        asked: &EnrolRequest,
        token_hash: [u8; 32],
        request: &SigningRequest,
        peer: IpAddr,
        now: Millis,
    ) -> Result<Option<EnrolResponse>, Status> {
        let hints = check::hints(asked.hints.clone().unwrap_or_default());
        let device = DeviceId::from_random(self.random()?);
        let wanted = Admission {
            id: 0,
            device,
            provider: String::new(),
            purpose: String::new(),
            good_days: 0,
            hostname: hints.hostname,
            serial: hints.system_serial,
            model: hints.model,
            platform: check::name(&asked.platform),
            agent_version: check::name(&asked.agent_version),
            peer: peer.to_string(),
            begun_at: now,
            checked: None,
        };
        let admitted = self
            .store
            .admit(&token_hash, &wanted)
            .map_err(|fault| unavailable(&fault))?;
        match admitted {
            None => Ok(None),
            Some(Err(why)) => {
                info!(%peer, %why, "an admission is refused");
                Err(Status::permission_denied(why.to_string()))
            }
            Some(Ok(admission)) => {
                let issued = self
                    .pki
                    .issue_device_for(request, device, now, ADMISSION_LASTS)
                    .map_err(|fault| refused(&fault))?;
                info!(%device, %peer, number = admission.id, "may be checked for admission");
                Ok(Some(EnrolResponse {
                    state: EnrolState::Enrolled.into(),
                    device_id: device.to_string(),
                    chain: der(&issued.chain),
                    roots: der(self.pki.roots()),
                    server_time_ms: now,
                    retry_after_seconds: 0,
                }))
            }
        }
    }

    /// Links it where the administrator's rule says so. An enrolment does not fail over it: a person can link.
    fn link(&self, device: DeviceId, now: Millis) {
        match arrivals::link_by_rule(self.store.as_ref(), device, self.link, now) {
            Ok(true) => info!(%device, "linked to an earlier asset by its serials"),
            Ok(false) => {}
            Err(fault) => warn!(
                error = &fault as &dyn std::error::Error,
                "cannot look for the asset that a new device belongs to"
            ),
        }
    }

    fn renew(&self, id: DeviceId, asked: &RenewRequest) -> Result<RenewResponse, Status> {
        let request = signing_request(&asked.csr)?;
        let now = (self.now)();
        let device = self.device(id)?;
        may_have_certificate(&device)?;
        let issued = self.issue(&request, id, now)?;
        Ok(RenewResponse {
            chain: der(&issued.chain),
            roots: der(self.pki.roots()),
            server_time_ms: now,
        })
    }

    fn recover(&self, asked: RecoverRequest) -> Result<RecoverResponse, Status> {
        if asked.certificate.len() > CERTIFICATE_BYTES || !NONCE.contains(&asked.nonce.len()) {
            return Err(Status::invalid_argument(
                "the certificate or the nonce has an impossible length",
            ));
        }
        let request = signing_request(&asked.csr)?;
        // The certificate only names the device: what proves anything is the key that the store has bound
        // to it. So an intermediate that was replaced meanwhile locks nobody out.
        let id = pki::device_of(&[CertificateDer::from(asked.certificate.as_slice())])
            .map_err(|_| Status::invalid_argument("the certificate names no device"))?;
        let now = (self.now)();
        let message = recovery_message(id, asked.at_ms, &asked.nonce, &asked.csr);
        let stranger = || Status::permission_denied("this is not the key of that device");
        let known = self.store.device(id).map_err(|fault| unavailable(&fault))?;
        let device = known.ok_or_else(stranger)?;
        if device.key_hash != request.key_hash() || !request.has_signed(&message, &asked.signature) {
            return Err(stranger());
        }
        let pending = |now| RecoverResponse {
            state: EnrolState::PendingApproval.into(),
            server_time_ms: now,
            retry_after_seconds: seconds(ASK_AGAIN),
            ..RecoverResponse::default()
        };
        if device.status == DeviceStatus::Pending {
            return Ok(pending(now));
        }
        may_have_certificate(&device)?;
        let ended = device.certificate_ends_at.unwrap_or(device.enrolled_at);
        if now.saturating_sub(ended) > AUTOMATIC {
            self.ask_for_approval(&device, now)?;
            return Ok(pending(now));
        }
        let issued = self.issue(&request, id, now)?;
        info!(device = %id, "came back with its key");
        Ok(RecoverResponse {
            state: EnrolState::Enrolled.into(),
            chain: der(&issued.chain),
            roots: der(self.pki.roots()),
            server_time_ms: now,
            retry_after_seconds: 0,
        })
    }

    /// A device that was away too long waits for a person. Its time away is counted anew from now: once
    /// it is approved, it comes back by itself.
    fn ask_for_approval(&self, device: &Device, now: Millis) -> Result<(), Status> {
        let audit = AuditEntry {
            at: now,
            actor: PRODUCT.to_owned(),
            action: "device.recover_pending".to_owned(),
            object: format!("device:{}", device.id),
            detail: "its certificate ended more than 180 days ago; approve it to let it come back".to_owned(),
        };
        self.store
            .set_device_status(device.id, DeviceStatus::Pending, &audit)
            .and_then(|()| self.store.certificate_issued(device.id, device.key_hash, now))
            .map_err(|fault| unavailable(&fault))
    }

    /// Certifies, and writes down which key is bound and until when before anybody can use it.
    fn issue(&self, request: &SigningRequest, id: DeviceId, now: Millis) -> Result<Issued, Status> {
        let issued = self
            .pki
            .issue_device(request, id, now)
            .map_err(|fault| refused(&fault))?;
        self.store
            .certificate_issued(id, request.key_hash(), issued.ends_at)
            .map_err(|fault| unavailable(&fault))?;
        Ok(issued)
    }

    fn device(&self, id: DeviceId) -> Result<Device, Status> {
        self.store
            .device(id)
            .map_err(|fault| unavailable(&fault))?
            .ok_or_else(|| {
                Status::permission_denied("this collector does not know the device; enrol it anew")
            })
    }

    fn random<const N: usize>(&self) -> Result<[u8; N], Status> {
        entropy::bytes(self.entropy.as_ref()).map_err(|fault| {
            error!(%fault, "cannot enrol");
            internal()
        })
    }
}

/// What the key signs to prove itself: the device id as text, the time big endian.
pub(super) fn recovery_message(id: DeviceId, at_ms: i64, nonce: &[u8], csr: &[u8]) -> Vec<u8> {
    let mut message = b"deskwarden-recover-v1".to_vec();
    message.extend_from_slice(id.to_string().as_bytes());
    message.extend_from_slice(&at_ms.to_be_bytes());
    message.extend_from_slice(nonce);
    message.extend_from_slice(digest(&SHA256, csr).as_ref());
    message
}

fn signing_request(csr: &[u8]) -> Result<SigningRequest, Status> {
    SigningRequest::check(csr).map_err(|fault| Status::invalid_argument(fault.to_string()))
}

fn may_have_certificate(device: &Device) -> Result<(), Status> {
    match device.status {
        DeviceStatus::Active => Ok(()),
        DeviceStatus::Pending => Err(Status::failed_precondition("the device waits for approval")),
        DeviceStatus::Revoked => Err(Status::permission_denied("the device was revoked")),
        DeviceStatus::Retired => Err(Status::permission_denied("the device was retired; enrol it anew")),
    }
}

fn pending_is_fine(status: Status) -> Result<(), Status> {
    if status.code() == tonic::Code::FailedPrecondition {
        Ok(())
    } else {
        Err(status)
    }
}

/// The fault goes to the log, not to the agent.
fn unavailable(fault: &StoreError) -> Status {
    error!(
        error = fault as &dyn std::error::Error,
        "enrolment: the store failed"
    );
    Status::unavailable("the collector cannot answer now; try again later")
}

fn refused(fault: &PkiError) -> Status {
    error!(
        error = fault as &dyn std::error::Error,
        "enrolment: no certificate"
    );
    internal()
}

fn internal() -> Status {
    Status::internal(INTERNAL)
}

fn der(chain: &[CertificateDer<'_>]) -> Vec<Vec<u8>> {
    chain.iter().map(|certificate| certificate.to_vec()).collect()
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
