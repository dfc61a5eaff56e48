//! Clients that mean harm, as real bytes over real TLS: each gets one clear answer or its end, and the others
//! notice nothing. Work is counted, not timed.

use http::uri::PathAndQuery;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::client::TlsStream;
use tonic::Code;

use super::*;

/// A TLS connection to the port, for bytes of one's own.
async fn raw(bed: &Bed, own: Option<Own>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(bed.address).await.unwrap();
    bed.connector(own)
        .connect(ServerName::try_from("localhost").unwrap(), stream)
        .await
        .unwrap()
}

/// Waits until the other side closed the connection, whatever it says before.
async fn closed(mut stream: TlsStream<TcpStream>) -> usize {
    let reading = async {
        let (mut bytes, mut heard) = ([0; 4096], 0);
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            heard += read;
        }
        heard
    };
    timeout(PATIENCE, reading)
        .await
        .expect("the connection stays open")
}

/// Reports one record as an office PC does.
async fn reports(bed: &Bed) {
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    talk.acknowledged(1).await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test]
async fn bytes_that_are_no_http2_end_their_connection_and_nothing_else() {
    let bed = Bed::new().await;
    let settings = frame(4, 0, 0, &[]);
    let with_preface = |frames: &[Vec<u8>]| [PREFACE, &settings, &frames.concat()].concat();
    let corpus: Vec<(&str, Vec<u8>)> = vec![
        (
            "http/1.1",
            b"POST /deskwarden.v1.Enrolment/Enrol HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        ),
        ("zeros", vec![0; 64]),
        (
            "another tls hello",
            vec![
                0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
            ],
        ),
        (
            "a frame that is too large",
            [PREFACE, &[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]].concat(),
        ),
        (
            "settings of a wrong size",
            with_preface(&[frame(4, 0, 0, &[1, 2, 3])]),
        ),
        ("settings on a stream", with_preface(&[frame(4, 0, 3, &[0; 6])])),
        ("data on no stream", with_preface(&[frame(0, 0, 0, b"x")])),
        (
            "data on a stream that never began",
            with_preface(&[frame(0, 0, 1, b"x")]),
        ),
        ("a window of nothing", with_preface(&[frame(8, 0, 0, &[0; 4])])),
        (
            "a window that overflows",
            with_preface(&[frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff])]),
        ),
        (
            "headers that are no headers",
            with_preface(&[frame(1, 4, 1, &[0xff; 40])]),
        ),
        ("an even stream", with_preface(&[frame(1, 4, 2, &[0x82])])),
        (
            "a continuation of nothing",
            with_preface(&[frame(9, 4, 1, &[0x82])]),
        ),
        (
            "a push by a client",
            with_preface(&[frame(5, 4, 1, &[0, 0, 0, 2, 0x82])]),
        ),
        ("a ping of a wrong size", with_preface(&[frame(6, 0, 0, &[0; 7])])),
    ];
    for (what, bytes) in corpus {
        let mut stream = raw(&bed, None).await;
        // It may be closed while it is written.
        stream.write_all(&bytes).await.ok();
        stream.flush().await.ok();
        let heard = closed(stream).await;
        assert!(heard < 1024, "{what}: {heard} bytes were answered");
    }
    reports(&bed).await;
}

#[tokio::test]
async fn headers_without_end_are_bounded() {
    let bed = Bed::new().await;
    let mut stream = raw(&bed, None).await;
    stream
        .write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat())
        .await
        .unwrap();
    stream.write_all(&frame(1, 0, 1, &[0x82])).await.unwrap();
    // A header that says nothing, again and again, never the last one.
    let more = frame(9, 0, 1, &[[0x40, 1, b'a', 1, b'b'].as_slice(); 3000].concat());
    let mut taken = 0;
    while taken < 4 << 20 && stream.write_all(&more).await.is_ok() && stream.flush().await.is_ok() {
        taken += more.len();
    }
    assert!(taken < 4 << 20, "{taken} bytes of headers were taken");
    reports(&bed).await;
}

#[tokio::test]
async fn streams_that_are_opened_and_reset_at_once_end_the_connection() {
    let bed = Bed::new().await;
    let mut stream = raw(&bed, None).await;
    stream
        .write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat())
        .await
        .unwrap();
    let path = b"/deskwarden.v1.Enrolment/Enrol";
    let mut headers = vec![0x83, 0x87, 0x41, 1, b'x', 0x44, u8::try_from(path.len()).unwrap()];
    headers.extend(path);
    let mut number = 1;
    while number < 20_000 {
        let both = [frame(1, 4, number, &headers), frame(3, 0, number, &[0, 0, 0, 8])].concat();
        if stream.write_all(&both).await.is_err() || stream.flush().await.is_err() {
            break;
        }
        number += 2;
    }
    assert!(number < 20_000, "{number} streams were taken");
    reports(&bed).await;
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
}

/// One gRPC message of `size` zeros, packed: a mebibyte stands for a gibibyte.
fn bomb(size: usize) -> Vec<u8> {
    use std::process::{Command, Stdio};
    let packed = Command::new("sh")
        .args(["-c", &format!("head -c {size} /dev/zero | gzip -9")])
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert!(packed.status.success());
    let length = u32::try_from(packed.stdout.len()).unwrap().to_be_bytes();
    [&[1], length.as_slice(), &packed.stdout].concat()
}

#[tokio::test]
async fn a_gibibyte_out_of_a_mebibyte_is_refused_without_being_unpacked() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let mut grown = Vec::new();
    let bomb = tokio::task::spawn_blocking(|| bomb(1 << 30)).await.unwrap();
    assert!((1 << 19..1 << 21).contains(&bomb.len()), "{}", bomb.len());
    for path in ["/deskwarden.v1.Session/Run", "/deskwarden.v1.Enrolment/Renew"] {
        let channel = bed.channel(Some(agent.own())).await.unwrap();
        let before = resident();
        let peak = {
            let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
            let watching = tokio::spawn(async move {
                let mut peak = 0;
                while stopped.try_recv().is_err() {
                    peak = peak.max(resident());
                    tokio::task::yield_now().await;
                }
                peak
            });
            let request = http::Request::post(path)
                .header("content-type", "application/grpc")
                .header("grpc-encoding", "gzip")
                .header("te", "trailers")
                .body(tonic::body::Body::new(axum::body::Body::from(bomb.clone())))
                .unwrap();
            let mut channel = channel;
            let answer = timeout(PATIENCE, async {
                use tower::Service as _;
                std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
                let answer = channel.call(request).await.unwrap();
                let bytes = axum::body::to_bytes(axum::body::Body::new(answer.into_body()), 1 << 20).await;
                bytes.map(|bytes| bytes.len())
            });
            let answered = answer.await.unwrap();
            assert!(answered.unwrap_or(0) < 4096);
            stop.send(()).unwrap();
            watching.await.unwrap()
        };
        grown.push(peak.saturating_sub(before) >> 20);
    }
    assert!(
        grown.iter().all(|mib| *mib < 32),
        "resident memory grew by {grown:?} MiB"
    );
    reports(&bed).await;
}

#[tokio::test]
async fn peers_that_only_connect_do_not_keep_the_others_out() {
    let bed = Bed::new().await;
    // As many as the file descriptors of this process allow, both ends counted.
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(TcpStream::connect(bed.address).await.unwrap());
    }
    for _ in 0..20 {
        reports(&bed).await;
    }
    assert!(idle.len() == 400);
}

#[tokio::test]
async fn messages_of_every_call_altered_at_random_get_one_clear_status() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let token = bed.token(|row| row.max_uses = 1);
    let key = KeyPair::generate().unwrap();
    let calls: [(&str, Vec<u8>); 3] = [
        ("/deskwarden.v1.Enrolment/Enrol", {
            let good = EnrolRequest {
                token: "dw-none".into(),
                ..enrol_request(&token, &key)
            };
            good.encode_to_vec()
        }),
        (
            "/deskwarden.v1.Enrolment/Renew",
            v1::RenewRequest { csr: csr(&key) }.encode_to_vec(),
        ),
        (
            "/deskwarden.v1.Enrolment/Recover",
            v1::RecoverRequest {
                certificate: agent.chain[0].to_vec(),
                csr: csr(&agent.key),
                at_ms: 1,
                nonce: vec![1; 16],
                signature: vec![2; 70],
            }
            .encode_to_vec(),
        ),
    ];
    let mut seed: u64 = 0x5eed;
    let mut dice = |sides: usize| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % sides.max(1)
    };
    for (path, good) in calls {
        let channel = bed.channel(Some(agent.own())).await.unwrap();
        for _ in 0..60 {
            let mut bad = good.clone();
            for _ in 0..=dice(4) {
                let at = dice(bad.len());
                match dice(4) {
                    0 => bad[at] = u8::try_from(dice(256)).unwrap(),
                    1 => bad.truncate(at.max(1)),
                    2 => {
                        bad.remove(at);
                        bad.push(0);
                    }
                    _ => bad.splice(at..at, [0xff; 11]).for_each(drop),
                }
            }
            let status = call(channel.clone(), path, bad).await;
            assert!(
                matches!(
                    status,
                    Code::Ok
                        | Code::InvalidArgument
                        | Code::PermissionDenied
                        | Code::FailedPrecondition
                        | Code::ResourceExhausted
                ),
                "{path}: {status:?}"
            );
        }
    }
    reports(&bed).await;
}

#[tokio::test]
async fn a_session_of_altered_frames_ends_with_one_refusal() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let record = Record {
        epoch: 1,
        sequence: 1,
        payload: delta(&["vim"]).encode_to_vec().into(),
        packed: false,
    };
    let frames = |payload: Vec<u8>| {
        let hello = AgentFrame {
            frame: Some(Said::Hello(hello())),
        }
        .encode_to_vec();
        let record = Record {
            payload: payload.into(),
            ..record.clone()
        };
        let record = AgentFrame {
            frame: Some(Said::Record(record)),
        }
        .encode_to_vec();
        [hello, record].map(message).concat()
    };
    let good = delta(&["vim"]).encode_to_vec();
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0xa5;
        let channel = bed.channel(Some(agent.own())).await.unwrap();
        let status = call_raw(channel, "/deskwarden.v1.Session/Run", frames(bad)).await;
        assert!(matches!(status, Code::Ok), "byte {at}: {status:?}");
    }
    reports(&bed).await;
}

/// A gRPC message around these bytes.
fn message(bytes: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[0], length.as_slice(), &bytes].concat()
}

async fn call(channel: Channel, path: &'static str, bytes: Vec<u8>) -> Code {
    call_raw(channel, path, message(bytes)).await
}

/// Calls with these bytes as the body; the status, wherever it stands.
async fn call_raw(mut channel: Channel, path: &'static str, body: Vec<u8>) -> Code {
    use tower::Service as _;
    let path = PathAndQuery::from_static(path);
    let request = http::Request::post(http::Uri::from(path))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(axum::body::Body::from(body)))
        .unwrap();
    let asked = async {
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
        let mut answer = channel.call(request).await.unwrap();
        if let Some(status) = Status::from_header_map(answer.headers()) {
            return status.code();
        }
        let body = answer.body_mut();
        loop {
            let next = std::future::poll_fn(|cx| {
                axum::body::HttpBody::poll_frame(std::pin::Pin::new(&mut *body), cx)
            });
            match next.await {
                Some(Ok(frame)) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return Status::from_header_map(&trailers).unwrap().code();
                    }
                }
                Some(Err(error)) => panic!("{error}"),
                None => panic!("there is no status"),
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("no answer")
}
