//! How an identity is got, and who does not get the token.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use deskwarden_agent::{
    endpoint::Endpoint,
    identity::{
        self, Enrolment, Error, Identity, Outcome, Pin, Store,
        clock::{Anchor, Clock},
    },
    transport,
};
use deskwarden_proto::v1::HostHints;
use tempfile::TempDir;
use tokio::{io::AsyncReadExt as _, net::TcpListener};

use super::{
    fake::{Fake, TOKEN, acceptor},
    pki::{Pki, Valid},
};

pub struct Pc {
    _folder: TempDir,
    pub store: Store,
    pub clock: Clock,
}

impl Pc {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state")).unwrap();
        Self {
            clock: store.clock(),
            store,
            _folder: folder,
        }
    }

    pub async fn ask(&self, endpoint: &Endpoint, pin: Pin, token: &str) -> Result<Outcome, Error> {
        let request = Enrolment::pinned(endpoint, pin, token.to_owned().into(), HostHints::default());
        identity::enrol(&self.store, &self.clock, request).await
    }

    pub async fn enrolled(&self, fake: &Fake) -> Identity {
        match self.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await.unwrap() {
            Outcome::Enrolled(identity) => identity,
            Outcome::Pending(_) => panic!("enrolled"),
        }
    }
}

#[tokio::test]
async fn a_token_becomes_an_identity_that_is_stored() {
    let fake = Fake::start().await;
    let pc = Pc::new();
    let identity = pc.enrolled(&fake).await;
    assert_eq!(pc.store.load().unwrap().unwrap().device, identity.device);
    let request = fake.knobs(|knobs| knobs.enrolments.remove(0));
    assert_eq!((request.token.as_str(), request.nonce.len()), (TOKEN, 16));
    assert!(!request.platform.is_empty() && !request.agent_version.is_empty());
}

#[tokio::test]
async fn a_wrong_pin_sends_no_byte_of_the_token() {
    // Whoever listens has a sound certificate for the name, of another root.
    let pki = Pki::new(&["localhost"], Valid::days(-1, 1));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(&listener);
    let acceptor = acceptor(&pki);
    let listening = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut heard = Vec::new();
        match acceptor.accept(stream).await {
            Ok(mut stream) => {
                stream.read_to_end(&mut heard).await.ok();
                Ok(heard)
            }
            Err(error) => Err(error.to_string()),
        }
    });
    let other = Pki::new(&["localhost"], Valid::days(-1, 1)).pin();
    let refused = Pc::new().ask(&endpoint, other, TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
    let heard = listening.await.unwrap();
    assert!(
        heard.is_err(),
        "the handshake failed, so nothing could follow it: {heard:?}"
    );
}

#[tokio::test]
async fn whoever_speaks_no_tls_gets_no_token() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(&listener);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&heard);
    let listening = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.unwrap();
        record.lock().unwrap().extend_from_slice(&buffer[..read]);
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\n\r\n")
            .await
            .ok();
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            record.lock().unwrap().extend_from_slice(&buffer[..read]);
        }
    });
    let pin = Pki::new(&["localhost"], Valid::days(-1, 1)).pin();
    let refused = Pc::new().ask(&endpoint, pin, TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
    listening.await.unwrap();
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty());
    assert!(
        !heard
            .windows(TOKEN.len())
            .any(|window| window == TOKEN.as_bytes())
    );
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let fake = Fake::with(Pki::new(&["elsewhere.example"], Valid::days(-1, 30))).await;
    let refused = Pc::new().ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
    assert_eq!(fake.knobs(|knobs| knobs.enrolments.len()), 0);
}

#[tokio::test]
async fn the_time_that_a_collector_told_decides_when_the_clock_says_expired() {
    // As a PC whose clock is ten years ahead sees a sound certificate.
    let fake = Fake::with(Pki::new(&["localhost"], Valid::days(-3_680, -3_600))).await;
    let pc = Pc::new();
    let refused = pc.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
    let told = Valid::days(-3_650, 0).from.unix_timestamp() * 1_000;
    let anchor = |server_time_ms| Anchor {
        server_time_ms,
        boot_id: deskwarden_platform::boot_id(),
        monotonic_ms: deskwarden_platform::monotonic_ms(),
    };
    pc.clock.told(&pc.store.clock_file(), anchor(told)).unwrap();
    fake.knobs(|knobs| knobs.valid = Valid::days(-3_651, -3_640));
    pc.enrolled(&fake).await;
    // And it really decides: told that it is later than the certificate's end, nothing is believed.
    let late = Pc::new();
    late.clock
        .told(&late.store.clock_file(), anchor(told + 60 * 86_400_000))
        .unwrap();
    let refused = late.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_certificate_that_begins_later_by_the_clock_of_a_new_pc_is_believed_and_one_that_ended_is_not() {
    // As a PC sees it whose clock is a day behind, and one whose clock is ten years behind.
    for from in [1, 3_650] {
        let fake = Fake::with(Pki::new(&["localhost"], Valid::days(from, from + 60))).await;
        fake.knobs(|knobs| knobs.valid = Valid::days(from, from + 30));
        Pc::new().enrolled(&fake).await;
    }
    let fake = Fake::with(Pki::new(&["localhost"], Valid::days(-60, -1))).await;
    let refused = Pc::new().ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
    assert_eq!(fake.knobs(|knobs| knobs.enrolments.len()), 0);
}

#[tokio::test]
async fn after_a_restart_a_lower_bound_of_the_time_is_enough() {
    // Told long before the certificate began, and started since: how long it was off is unknown.
    let fake = Fake::with(Pki::new(&["localhost"], Valid::days(-3_680, -3_600))).await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-3_651, -3_640));
    let anchor = |days| Anchor {
        server_time_ms: Valid::days(days, 0).from.unix_timestamp() * 1_000,
        boot_id: "an earlier boot".to_owned(),
        monotonic_ms: 0,
    };
    let pc = Pc::new();
    pc.clock.told(&pc.store.clock_file(), anchor(-3_800)).unwrap();
    pc.enrolled(&fake).await;
    // A certificate that had ended by then is not believed.
    let late = Pc::new();
    late.clock.told(&late.store.clock_file(), anchor(-3_500)).unwrap();
    let refused = late.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(
        matches!(refused, Err(Error::Transport(transport::Error::Tls { .. }))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_one_device() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.lose_answers = 1);
    let pc = Pc::new();
    let lost = pc.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await;
    assert!(matches!(lost, Err(Error::Refused { .. })), "{lost:?}");
    // The process may have died meanwhile: another store over the same folder.
    let again = Store::open(pc.store.folder()).unwrap();
    let request = Enrolment::pinned(
        &fake.endpoint,
        fake.pki.pin(),
        TOKEN.to_owned().into(),
        HostHints::default(),
    );
    identity::enrol(&again, &again.clock(), request).await.unwrap();
    fake.knobs(|knobs| {
        assert_eq!(knobs.devices.len(), 1);
        assert_eq!(knobs.enrolments[0].nonce, knobs.enrolments[1].nonce);
    });
}

#[tokio::test]
async fn an_enrolment_that_waits_for_approval_asks_again_with_the_same_nonce() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| (knobs.pending, knobs.retry_after) = (1, 7));
    let pc = Pc::new();
    let first = pc.ask(&fake.endpoint, fake.pki.pin(), TOKEN).await.unwrap();
    assert!(matches!(first, Outcome::Pending(wait) if wait == Duration::from_secs(7)));
    assert!(pc.store.load().unwrap().is_none());
    pc.enrolled(&fake).await;
    fake.knobs(|knobs| assert_eq!(knobs.enrolments[0].nonce, knobs.enrolments[1].nonce));
}

#[tokio::test]
async fn a_refused_token_says_so_and_leaves_no_identity() {
    let fake = Fake::start().await;
    let pc = Pc::new();
    let refused = pc
        .ask(&fake.endpoint, fake.pki.pin(), "another token")
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the collector refused: the token is not valid"
    );
    assert!(pc.store.load().unwrap().is_none());
}

#[tokio::test]
async fn an_expired_identity_is_regained_with_its_key() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-40, -10));
    let pc = Pc::new();
    let old = pc.enrolled(&fake).await;
    let outcome = identity::recover(&pc.store, &pc.clock, &old, &fake.endpoint)
        .await
        .unwrap();
    let Outcome::Enrolled(new) = outcome else {
        panic!("regained");
    };
    assert_eq!(new.device, old.device);
    assert!(new.validity().1 > old.validity().1);
    assert_eq!(pc.store.load().unwrap().unwrap().validity(), new.validity());
    assert!(
        pc.store.load_previous().is_some(),
        "the old one stays until the new one worked"
    );
}

fn endpoint(listener: &TcpListener) -> Endpoint {
    let port = listener.local_addr().unwrap().port();
    format!("https://localhost:{port}").parse().unwrap()
}
