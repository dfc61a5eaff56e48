//! Every way in which a session is refused.

use deskwarden_proto::{
    limits::{FRAME_BYTES, RECORD_BYTES},
    v1::{Heartbeat, RenewRequest},
};
use tonic::{Code, codec::CompressionEncoding};

use super::*;

#[tokio::test]
async fn a_first_frame_that_is_no_hello_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    for first in [Said::Heartbeat(Heartbeat {}), Said::Record(Record::default())] {
        let mut talk = bed.dial(&agent).await;
        talk.say(first).await;
        talk.refused(RefusalCode::Malformed).await;
    }
}

#[tokio::test]
async fn a_peer_that_says_no_hello_in_time_is_refused() {
    let settings = SessionSettings {
        hello: Duration::from_millis(100),
        ..SessionSettings::default()
    };
    let bed = Bed::with(settings, Arc::new(OsEntropy)).await;
    let agent = bed.enrolled().await;
    bed.dial(&agent).await.refused(RefusalCode::Malformed).await;
}

#[tokio::test]
async fn a_second_hello_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.say(Said::Hello(hello())).await;
    talk.refused(RefusalCode::Malformed).await;
}

#[tokio::test]
async fn a_contract_without_a_common_version_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let mut talk = bed.dial(&agent).await;
    talk.say(Said::Hello(Hello {
        protocol: PROTOCOL + 9,
        protocol_oldest: PROTOCOL + 1,
        ..hello()
    }))
    .await;
    talk.refused(RefusalCode::Protocol).await;
}

#[tokio::test]
async fn a_record_of_another_epoch_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    for (epoch, sequence) in [(2, 1), (0, 1), (1, 0), (1, u64::MAX)] {
        let (mut talk, _) = bed.welcomed(&agent, hello()).await;
        talk.record(epoch, sequence, &delta(&["vim"])).await;
        talk.refused(RefusalCode::Malformed).await;
    }
    assert!(bed.keys(agent.id).is_empty());
}

#[tokio::test]
async fn the_same_sequence_with_another_payload_is_a_fork_and_never_acknowledged() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let token = talk.acknowledged(1).await;
    talk.record(1, 1, &delta(&["qq"])).await;
    assert_eq!(talk.refusal().await.code(), RefusalCode::Fork);
    assert_eq!(bed.keys(agent.id), ["vim"]);
    assert!(bed.gaps(agent.id)[0].contains("restored or cloned"));
    let (_talk, welcome) = bed.welcomed(&agent, hello_again(1, 1, &token)).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (2, 1));
}

#[tokio::test]
async fn nothing_behind_a_refused_record_is_applied() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
    talk.record(1, 1, &delta(&["qq"])).await;
    for sequence in 2..=5 {
        talk.record(1, sequence, &delta(&[&format!("late{sequence}")]))
            .await;
    }
    talk.refused(RefusalCode::Fork).await;
    assert_eq!(bed.keys(agent.id), ["vim"]);
}

#[tokio::test]
async fn a_resume_token_that_was_replaced_is_a_fork() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["a"])).await;
    let old = talk.acknowledged(1).await;
    talk.record(1, 2, &delta(&["b"])).await;
    let new = talk.acknowledged(2).await;
    // The predecessor holds until its successor was presented: an acknowledgement may get lost. The record
    // that it does not prove is asked for again, so that its hash shows whether it is the same.
    let late = Hello {
        enqueued: 2,
        ..hello_again(1, 1, &old)
    };
    let (_, welcome) = bed.welcomed(&agent, late.clone()).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (1, 2));
    let (_, welcome) = bed.welcomed(&agent, hello_again(1, 2, &new)).await;
    assert_eq!(welcome.epoch, 1);
    bed.nobody_is_here(agent.id).await;
    let (_, welcome) = bed.welcomed(&agent, late).await;
    assert_eq!(welcome.epoch, 2, "the older copy of the disk came back");
    assert!(welcome.recorded_gap);
}

#[tokio::test]
async fn a_resume_token_that_was_never_given_is_a_fork() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["a"])).await;
    talk.acknowledged(1).await;
    drop(talk);
    bed.nobody_is_here(agent.id).await;
    let (_, welcome) = bed.welcomed(&agent, hello_again(1, 1, &[0; 16])).await;
    assert_eq!(welcome.epoch, 2);
}

#[tokio::test]
async fn a_revoked_device_is_refused_and_cut_off() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut open, _) = bed.welcomed(&agent, hello()).await;
    bed.set_status(agent.id, DeviceStatus::Revoked).await;
    open.refused(RefusalCode::Revoked).await;
    let mut talk = bed.dial(&agent).await;
    talk.say(Said::Hello(hello())).await;
    talk.refused(RefusalCode::Revoked).await;
    bed.set_status(agent.id, DeviceStatus::Pending).await;
    let mut talk = bed.dial(&agent).await;
    talk.say(Said::Hello(hello())).await;
    talk.refused(RefusalCode::PendingApproval).await;
    bed.set_status(agent.id, DeviceStatus::Active).await;
    bed.welcomed(&agent, hello()).await;
}

#[tokio::test]
async fn nothing_of_a_revoked_device_is_stored() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    bed.set_status(agent.id, DeviceStatus::Revoked).await;
    let payload = delta(&["vim"]).encode_to_vec().into();
    let record = AgentFrame {
        frame: Some(Said::Record(Record {
            epoch: 1,
            sequence: 1,
            payload,
            packed: false,
        })),
    };
    // The stream may be closed already.
    talk.say.send(record).await.ok();
    talk.refused(RefusalCode::Revoked).await;
    assert!(bed.keys(agent.id).is_empty());
}

#[tokio::test]
async fn a_device_that_the_store_does_not_know_is_refused() {
    let bed = Bed::new().await;
    let key = KeyPair::generate().unwrap();
    let request = crate::pki::SigningRequest::check(&csr(&key)).unwrap();
    let id = DeviceId::from_random([5; 16]);
    let chain = bed.pki.issue_device(&request, id, bed.now()).unwrap().chain;
    let mut talk = bed.dial(&Agent { key, id, chain }).await;
    talk.say(Said::Hello(hello())).await;
    talk.refused(RefusalCode::UnknownDevice).await;
}

#[tokio::test]
async fn a_peer_without_certificate_gets_no_session_and_no_renewal() {
    let bed = Bed::new().await;
    let channel = bed.channel(None).await.unwrap();
    let status = SessionClient::new(channel.clone())
        .run(tokio_stream::empty())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let status = EnrolmentClient::new(channel)
        .renew(RenewRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn an_oversized_frame_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    let payload = vec![0; FRAME_BYTES + 1].into();
    talk.say(Said::Record(Record {
        epoch: 1,
        sequence: 1,
        payload,
        packed: false,
    }))
    .await;
    talk.refused(RefusalCode::Limit).await;
}

#[tokio::test]
async fn a_frame_that_is_oversized_once_unpacked_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let channel = bed.channel(Some(agent.own())).await.unwrap();
    let (say, said) = mpsc::channel(8);
    let mut client = SessionClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let heard = client.run(ReceiverStream::new(said)).await.unwrap().into_inner();
    let mut talk = Talk { say, heard };
    talk.say(Said::Hello(hello())).await;
    assert!(matches!(talk.next().await, Frame::Welcome(_)));
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
    // Zeros: some kilobytes on the wire.
    let payload = vec![0; 64 << 20].into();
    talk.say(Said::Record(Record {
        epoch: 1,
        sequence: 2,
        payload,
        packed: false,
    }))
    .await;
    talk.refused(RefusalCode::Limit).await;
}

#[tokio::test]
async fn a_record_over_its_limit_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    let payload = vec![0; RECORD_BYTES + 1].into();
    talk.say(Said::Record(Record {
        epoch: 1,
        sequence: 1,
        payload,
        packed: false,
    }))
    .await;
    talk.refused(RefusalCode::Limit).await;
}

#[tokio::test]
async fn a_packed_record_that_gives_no_payload_is_refused() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let payload = delta(&SEVERAL);
    let good = deskwarden_proto::packed::pack(&payload.encode_to_vec()).unwrap();
    for packed in [
        Vec::new(),
        good[..good.len() - 1].to_vec(),
        vec![0xff; 200 << 10],
        // A payload as it is.
        payload.encode_to_vec(),
    ] {
        let (mut talk, _) = bed.welcomed(&agent, hello()).await;
        talk.say(Said::Record(Record {
            epoch: 1,
            sequence: 1,
            payload: packed.into(),
            packed: true,
        }))
        .await;
        talk.refused(RefusalCode::Malformed).await;
    }
    assert!(bed.keys(agent.id).is_empty());
}

#[tokio::test]
async fn a_malformed_payload_is_refused_without_quoting_it() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let mut wrong_section = software("secret-name");
    wrong_section.section = Section::Part.into();
    let lie = Delta {
        put: vec![wrong_section],
        ..Delta::default()
    };
    let lie = Payload {
        stamp: Some(stamp()),
        body: Some(Body::Delta(lie)),
    };
    for payload in [
        Vec::new(),
        vec![0xff; 40],
        lie.encode_to_vec(),
        vec![0xff; 200 << 10],
    ] {
        let (mut talk, _) = bed.welcomed(&agent, hello()).await;
        talk.say(Said::Record(Record {
            epoch: 1,
            sequence: 1,
            payload: payload.into(),
            packed: false,
        }))
        .await;
        let refusal = talk.refusal().await;
        assert_eq!(refusal.code(), RefusalCode::Malformed, "{}", refusal.message);
        assert!(!refusal.message.contains("secret"), "{}", refusal.message);
    }
}

#[tokio::test]
async fn an_older_session_ends_when_the_device_opens_another() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut first, _) = bed.welcomed(&agent, hello()).await;
    let (mut second, _) = bed.welcomed(&agent, hello()).await;
    first.refused(RefusalCode::Replaced).await;
    second.record(1, 1, &delta(&["vim"])).await;
    second.acknowledged(1).await;
    assert_eq!(bed.sessions.count(), 1);
}

#[tokio::test]
async fn a_method_that_does_not_exist_is_denied() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let channel = bed.channel(Some(agent.own())).await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/deskwarden.v1.Session/Other");
    let codec = tonic_prost::ProstCodec::<Heartbeat, Heartbeat>::default();
    let status = grpc
        .unary(tonic::Request::new(Heartbeat {}), path, codec)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
}
