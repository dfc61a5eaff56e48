//! Who may call which method. Every method is listed; one that is not is denied. The identity is that of
//! the verified certificate, never something that a message says.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use deskwarden_domain::model::Millis;
use deskwarden_proto::ids::DeviceId;
use futures_core::future::BoxFuture;
use http::{Request, Response};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::{net::Peer, pki};

/// What a peer is told of our own faults.
pub(super) const INTERNAL: &str = "the collector could not answer; its log says why";

/// Who calls, as the certificate says. Handlers find it in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) device: DeviceId,
    pub(super) certificate_ends_at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Without a certificate, or with any.
    Anonymous,
    /// With the certificate of a device.
    Device,
}

/// Every method of the agents' port.
pub(super) const METHODS: [(&str, Access); 6] = [
    ("/deskwarden.v1.Enrolment/Enrol", Access::Anonymous),
    ("/deskwarden.v1.Enrolment/Recover", Access::Anonymous),
    ("/deskwarden.v1.Enrolment/Renew", Access::Device),
    ("/deskwarden.v1.Session/Run", Access::Device),
    ("/deskwarden.v1.Session/Package", Access::Device),
    ("/deskwarden.v1.Admission/Check", Access::Device),
];

/// Puts the guard before all services.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardLayer;

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner }
    }
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub(super) struct Guard<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match admit(&request) {
            Ok(caller) => {
                if let Some(caller) = caller {
                    request.extensions_mut().insert(caller);
                }
                let call = request
                    .extensions()
                    .get::<Peer>()
                    .map(|peer| peer.activity.begin());
                let answer = self.inner.call(request);
                Box::pin(async move {
                    let answer = answer.await.map(told_as_malformed);
                    drop(call);
                    answer
                })
            }
            Err(status) => {
                let denied: Ready<_> = ready(Ok(status.into_http()));
                Box::pin(denied)
            }
        }
    }
}

/// The framework calls a message that it cannot decode a fault of its own; it is one of the peer. Our own
/// faults carry our own words.
fn told_as_malformed(answer: Response<Body>) -> Response<Body> {
    let undecodable = Status::from_header_map(answer.headers())
        .is_some_and(|status| status.code() == Code::Internal && status.message() != INTERNAL);
    if undecodable {
        Status::invalid_argument("the message cannot be decoded").into_http()
    } else {
        answer
    }
}

fn admit(request: &Request<Body>) -> Result<Option<Caller>, Status> {
    let path = request.uri().path();
    let access = METHODS
        .iter()
        .find(|(method, _)| *method == path)
        .map(|(_, access)| *access);
    let Some(access) = access else {
        return Err(Status::permission_denied("there is no such method for agents"));
    };
    let chain = request
        .extensions()
        .get::<Peer>()
        .map(|peer| Arc::clone(&peer.chain))
        .unwrap_or_default();
    match (access, chain.first()) {
        (Access::Anonymous, _) => Ok(None),
        (Access::Device, None) => Err(Status::unauthenticated(
            "this call needs the certificate of a device",
        )),
        (Access::Device, Some(leaf)) => {
            let caller = pki::device_of(&chain)
                .and_then(|device| {
                    Ok(Caller {
                        device,
                        certificate_ends_at: pki::ends_at(leaf)?,
                    })
                })
                .map_err(|_| Status::unauthenticated("the certificate names no device"))?;
            Ok(Some(caller))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Request<Body> {
        Request::builder().uri(path).body(Body::empty()).unwrap()
    }

    #[test]
    fn every_method_of_the_contract_is_listed() {
        let services = [
            (
                include_str!("../../../proto/deskwarden/v1/enrolment.proto"),
                "Enrolment",
            ),
            (
                include_str!("../../../proto/deskwarden/v1/session.proto"),
                "Session",
            ),
            (
                include_str!("../../../proto/deskwarden/v1/admission.proto"),
                "Admission",
            ),
        ];
        let mut found = 0;
        for (text, service) in services {
            for line in text.lines().filter_map(|line| line.trim().strip_prefix("rpc ")) {
                let name = line.split('(').next().unwrap();
                let path = format!("/deskwarden.v1.{service}/{name}");
                assert!(
                    METHODS.iter().any(|(method, _)| *method == path),
                    "{path} has no rule"
                );
                found += 1;
            }
        }
        assert_eq!(found, METHODS.len());
    }

    #[test]
    fn only_enrol_and_recover_are_anonymous() {
        for (path, access) in METHODS {
            let anonymous = path.ends_with("/Enrol") || path.ends_with("/Recover");
            assert_eq!(access == Access::Anonymous, anonymous, "{path}");
            let admitted = admit(&request(path));
            if anonymous {
                assert!(admitted.unwrap().is_none());
            } else {
                assert_eq!(
                    admitted.unwrap_err().code(),
                    tonic::Code::Unauthenticated,
                    "{path}"
                );
            }
        }
    }

    #[test]
    fn an_unlisted_method_is_denied() {
        for path in [
            "/",
            "/deskwarden.v1.Session/Other",
            "/grpc.reflection.v1.ServerReflection/Info",
            "//",
        ] {
            assert_eq!(
                admit(&request(path)).unwrap_err().code(),
                tonic::Code::PermissionDenied,
                "{path}"
            );
        }
    }

    #[test]
    fn a_certificate_that_names_no_device_is_denied() {
        let mut request = request("/deskwarden.v1.Session/Run");
        let chain = vec![rustls_pki_types::CertificateDer::from(vec![1, 2, 3])].into();
        request.extensions_mut().insert(Peer {
            address: ([127, 0, 0, 1], 9).into(),
            chain,
            activity: Default::default(),
        });
        assert_eq!(admit(&request).unwrap_err().code(), tonic::Code::Unauthenticated);
    }
}
