//! Tokens, certificates, renewal and recovery.

use deskwarden_domain::port::EnrolRefusal;
use deskwarden_proto::v1::{EnrolState, HostHints, RecoverRequest, RenewRequest};
use rcgen::SigningKey as _;
use tonic::Code;

use super::{super::enrolment::recovery_message, *};
use crate::entropy::Drained;

#[tokio::test]
async fn a_token_gets_a_certificate_and_a_device() {
    let bed = Bed::new().await;
    let token = bed.token(|_| {});
    let key = KeyPair::generate().unwrap();
    let hints = HostHints {
        hostname: "财务-03".into(),
        ..HostHints::default()
    };
    let request = EnrolRequest {
        hints: Some(hints),
        ..enrol_request(&token, &key)
    };
    let answer = bed.anonymous().await.enrol(request).await.unwrap().into_inner();
    assert_eq!(answer.state(), EnrolState::Enrolled);
    assert_eq!(answer.roots, [bed.pki.roots()[0].to_vec()]);
    let agent = agent(key, &answer);
    assert_eq!(crate::pki::device_of(&agent.chain).unwrap(), agent.id);
    let device = bed.store.device(agent.id).unwrap().unwrap();
    assert_eq!(device.hints.hostname, "财务-03");
    assert_eq!(device.key_hash, crate::pki::spki_hash(&agent.chain[0]).unwrap());
    assert_eq!(
        device.certificate_ends_at,
        Some(crate::pki::ends_at(&agent.chain[0]).unwrap())
    );
}

#[tokio::test]
async fn of_parallel_uses_of_a_one_use_token_exactly_one_succeeds() {
    let bed = Bed::new().await;
    let token = bed.token(|_| {});
    let bed = Arc::new(bed);
    let tries: Vec<_> = (0..100)
        .map(|_| {
            let (bed, token) = (Arc::clone(&bed), token.clone());
            tokio::spawn(async move {
                let mut client = bed.anonymous().await;
                client
                    .enrol(enrol_request(&token, &KeyPair::generate().unwrap()))
                    .await
            })
        })
        .collect();
    let mut enrolled = 0;
    for tried in tries {
        match tried.await.unwrap() {
            Ok(_) => enrolled += 1,
            Err(status) => assert_eq!(status.message(), EnrolRefusal::Used.to_string()),
        }
    }
    assert_eq!(enrolled, 1);
}

#[tokio::test]
async fn the_same_key_and_nonce_get_the_same_device_again() {
    let bed = Bed::new().await;
    let token = bed.token(|_| {});
    let key = KeyPair::generate().unwrap();
    let mut client = bed.anonymous().await;
    let first = client
        .enrol(enrol_request(&token, &key))
        .await
        .unwrap()
        .into_inner();
    let again = client
        .enrol(enrol_request(&token, &key))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.device_id, again.device_id);
    let other = EnrolRequest {
        nonce: vec![8; 16],
        ..enrol_request(&token, &key)
    };
    assert_eq!(
        client.enrol(other).await.unwrap_err().code(),
        Code::PermissionDenied
    );
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused() {
    let bed = Bed::new().await;
    let mut client = bed.anonymous().await;
    let now = bed.now();
    let cases = [
        (
            Token::from_random([3; 16]).reveal().to_owned(),
            EnrolRefusal::Unknown,
        ),
        (bed.token(|row| row.expires_at = now - 1), EnrolRefusal::Expired),
        (
            bed.token(|row| row.cidr = Some("192.0.2.0/24".into())),
            EnrolRefusal::Network,
        ),
        (revoked(&bed), EnrolRefusal::Revoked),
    ];
    for (token, why) in cases {
        let status = client
            .enrol(enrol_request(&token, &KeyPair::generate().unwrap()))
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::PermissionDenied, why.to_string().as_str())
        );
    }
}

#[tokio::test]
async fn malformed_enrolments_are_refused_and_use_up_nothing() {
    let bed = Bed::new().await;
    let mut client = bed.anonymous().await;
    let token = bed.token(|_| {});
    let key = KeyPair::generate().unwrap();
    let good = enrol_request(&token, &key);
    for bad in [
        EnrolRequest {
            token: "dw-nonsense".into(),
            ..good.clone()
        },
        EnrolRequest {
            token: "x".repeat(1000),
            ..good.clone()
        },
        EnrolRequest {
            csr: vec![1, 2, 3],
            ..good.clone()
        },
        EnrolRequest {
            csr: vec![0x30; 20_000],
            ..good.clone()
        },
        EnrolRequest {
            nonce: vec![1; 15],
            ..good.clone()
        },
        EnrolRequest {
            nonce: vec![1; 65],
            ..good.clone()
        },
    ] {
        let status = client.enrol(bad).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
        assert!(
            !status.message().contains("nonsense") && !status.message().contains(&token),
            "{status:?}"
        );
    }
    let old = EnrolRequest {
        protocol: 0,
        ..good.clone()
    };
    assert_eq!(
        client.enrol(old).await.unwrap_err().code(),
        Code::FailedPrecondition
    );
    let huge = EnrolRequest {
        agent_version: "x".repeat(1 << 20),
        ..good.clone()
    };
    assert_eq!(client.enrol(huge).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(
        client.enrol(good).await.unwrap().into_inner().state(),
        EnrolState::Enrolled
    );
}

#[tokio::test]
async fn a_device_that_needs_approval_waits_for_a_person() {
    let bed = Bed::new().await;
    let mut client = bed.anonymous().await;
    let token = bed.token(|row| row.needs_approval = true);
    let key = KeyPair::generate().unwrap();
    let waits = client
        .enrol(enrol_request(&token, &key))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(waits.state(), EnrolState::PendingApproval);
    assert!(waits.chain.is_empty() && waits.retry_after_seconds > 0);
    let (id, _) = bed.store.barred_devices().unwrap()[0];
    bed.set_status(id, DeviceStatus::Active).await;
    let answer = client
        .enrol(enrol_request(&token, &key))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.device_id, id.to_string());
    bed.welcomed(&agent(key, &answer), hello()).await;
}

#[tokio::test]
async fn a_device_that_was_revoked_gets_no_certificate_by_any_way() {
    let bed = Bed::new().await;
    let token = bed.token(|_| {});
    let key = KeyPair::generate().unwrap();
    let mut client = bed.anonymous().await;
    let request = enrol_request(&token, &key);
    let agent = agent(key, &client.enrol(request.clone()).await.unwrap().into_inner());
    bed.set_status(agent.id, DeviceStatus::Revoked).await;
    assert_eq!(
        client.enrol(request).await.unwrap_err().code(),
        Code::PermissionDenied
    );
    let status = client
        .recover(recover_request(&agent, &agent.key))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    let channel = bed.channel(Some(agent.own())).await.unwrap();
    let renewal = RenewRequest { csr: csr(&agent.key) };
    let status = EnrolmentClient::new(channel).renew(renewal).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_renewal_keeps_the_device_and_takes_its_new_key() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let channel = bed.channel(Some(agent.own())).await.unwrap();
    let key = KeyPair::generate().unwrap();
    let answer = EnrolmentClient::new(channel)
        .renew(RenewRequest { csr: csr(&key) })
        .await
        .unwrap()
        .into_inner();
    let chain: Vec<_> = answer.chain.into_iter().map(CertificateDer::from).collect();
    let renewed = Agent {
        key,
        id: crate::pki::device_of(&chain).unwrap(),
        chain,
    };
    assert_eq!(renewed.id, agent.id);
    bed.welcomed(&renewed, hello()).await;
    let device = bed.store.device(agent.id).unwrap().unwrap();
    assert_eq!(device.key_hash, crate::pki::spki_hash(&renewed.chain[0]).unwrap());
}

#[tokio::test]
async fn a_device_that_was_away_comes_back_with_its_key() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    bed.ahead.store(200 * DAY, Ordering::SeqCst);
    let answer = bed
        .anonymous()
        .await
        .recover(recover_request(&agent, &agent.key))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.state(), EnrolState::Enrolled);
    let chain: Vec<_> = answer.chain.into_iter().map(CertificateDer::from).collect();
    assert_eq!(crate::pki::device_of(&chain).unwrap(), agent.id);
}

#[tokio::test]
async fn a_device_that_was_away_too_long_comes_back_by_approval() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let mut client = bed.anonymous().await;
    bed.ahead.store(211 * DAY, Ordering::SeqCst);
    for _ in 0..2 {
        let answer = client
            .recover(recover_request(&agent, &agent.key))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(answer.state(), EnrolState::PendingApproval);
        assert!(answer.chain.is_empty());
    }
    bed.set_status(agent.id, DeviceStatus::Active).await;
    let answer = client
        .recover(recover_request(&agent, &agent.key))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(answer.state(), EnrolState::Enrolled);
}

#[tokio::test]
async fn recovery_without_the_bound_key_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let other = bed.enrolled().await;
    let mut client = bed.anonymous().await;
    let mut unsigned = recover_request(&agent, &agent.key);
    unsigned.signature.clear();
    let mut replayed = recover_request(&agent, &agent.key);
    replayed.at_ms += 1;
    // The request of one device, signed well, with the certificate of another.
    let mut stolen = recover_request(&other, &other.key);
    stolen.certificate = agent.chain[0].to_vec();
    for bad in [
        unsigned,
        replayed,
        stolen,
        recover_request(&agent, &KeyPair::generate().unwrap()),
    ] {
        let status = client.recover(bad).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::PermissionDenied, "this is not the key of that device")
        );
    }
    let nonsense = RecoverRequest {
        certificate: vec![1; 40],
        ..recover_request(&agent, &agent.key)
    };
    assert_eq!(
        client.recover(nonsense).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    let huge = RecoverRequest {
        certificate: vec![1; 20_000],
        ..recover_request(&agent, &agent.key)
    };
    assert_eq!(
        client.recover(huge).await.unwrap_err().code(),
        Code::InvalidArgument
    );
}

#[tokio::test]
async fn what_fails_inside_stays_inside() {
    let bed = Bed::with(SessionSettings::default(), Arc::new(Drained)).await;
    let token = bed.token(|_| {});
    let status = bed
        .anonymous()
        .await
        .enrol(enrol_request(&token, &KeyPair::generate().unwrap()))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("random"), "{status:?}");
}

fn revoked(bed: &Bed) -> String {
    let token = bed.token(|row| row.label = "revoked".into());
    let rows = bed.store.tokens().unwrap();
    let id = rows.iter().find(|row| row.label == "revoked").unwrap().id;
    bed.store.revoke_token(id, &bed.audit()).unwrap();
    token
}

fn recover_request(agent: &Agent, key: &KeyPair) -> RecoverRequest {
    let (csr, nonce, at_ms) = (csr(key), vec![4; 16], 77);
    let signature = key
        .sign(&recovery_message(agent.id, at_ms, &nonce, &csr))
        .unwrap();
    RecoverRequest {
        certificate: agent.chain[0].to_vec(),
        csr,
        at_ms,
        nonce,
        signature,
    }
}

#[tokio::test]
async fn a_message_that_is_none_is_the_peers_fault() {
    let bed = Bed::new().await;
    let mut grpc = tonic::client::Grpc::new(bed.channel(None).await.unwrap());
    for method in ["Enrol", "Recover"] {
        grpc.ready().await.unwrap();
        let path = format!("/deskwarden.v1.Enrolment/{method}").parse().unwrap();
        // Fields of other kinds than the message has.
        let codec = tonic_prost::ProstCodec::<v1::SectionDigest, EnrolResponse>::default();
        let message = v1::SectionDigest {
            section: 1,
            digest: vec![0xff; 40],
        };
        let wrong = tonic_prost::ProstCodec::<v1::EpochRequest, EnrolResponse>::default();
        let text = v1::EpochRequest { reason: "x".into() };
        let answers = if method == "Enrol" {
            grpc.unary(tonic::Request::new(text), path, wrong).await
        } else {
            grpc.unary(tonic::Request::new(message), path, codec).await
        };
        let status = answers.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "the message cannot be decoded"),
            "{method}"
        );
    }
}

fn of_pc(token: &str, key: &KeyPair, hostname: &str, board: &str) -> EnrolRequest {
    let hints = HostHints {
        hostname: hostname.into(),
        system_serial: "SYS-0815".into(),
        board_serial: board.into(),
        ..HostHints::default()
    };
    EnrolRequest {
        hints: Some(hints),
        ..enrol_request(token, key)
    }
}

/// A PC that reported once, registered with a number, and installed anew some days later.
async fn installed_anew(bed: &Bed, later: Millis, board: &str) -> (DeviceId, DeviceId) {
    let mut client = bed.anonymous().await;
    let mut devices = Vec::new();
    for (hostname, board) in [("pc-old", "BRD-0815"), ("pc-new", board)] {
        let key = KeyPair::generate().unwrap();
        let token = bed.token(|_| {});
        let answer = client.enrol(of_pc(&token, &key, hostname, board)).await.unwrap();
        let id = agent(key, &answer.into_inner()).id;
        if devices.is_empty() {
            let asset = bed.store.device(id).unwrap().unwrap().asset;
            let mut asset = bed.store.asset(asset).unwrap().unwrap().0.asset;
            asset.number = Some("PC-1".into());
            bed.store.put_asset(&asset, false, &bed.audit()).unwrap();
        }
        devices.push(id);
        bed.ahead.fetch_add(later, std::sync::atomic::Ordering::SeqCst);
    }
    (devices[0], devices[1])
}

#[tokio::test]
async fn a_pc_that_was_installed_anew_is_linked_by_the_administrators_rule() {
    let bed = Bed::new().await;
    let (old, new) = installed_anew(&bed, DAY, "BRD-0815").await;
    let (old, new) = (
        bed.store.device(old).unwrap().unwrap(),
        bed.store.device(new).unwrap().unwrap(),
    );
    assert_eq!(old.asset, new.asset);
    assert_eq!(
        (old.status, new.status),
        (DeviceStatus::Retired, DeviceStatus::Active)
    );
    assert!(new.current && bed.store.proposals(None, 9).unwrap().is_empty());
}

#[tokio::test]
async fn with_too_few_serials_or_an_earlier_device_that_speaks_a_person_decides() {
    for (later, board) in [(DAY, "BRD-OTHER"), (0, "BRD-0815")] {
        let bed = Bed::new().await;
        let (old, new) = installed_anew(&bed, later, board).await;
        let proposals = bed.store.proposals(Some(new), 9).unwrap();
        assert_eq!(proposals.len(), 1, "{board}");
        assert_eq!(
            bed.store.device(old).unwrap().unwrap().status,
            DeviceStatus::Active
        );
    }
}
