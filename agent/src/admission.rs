//! One complete look at this PC, sent with an identity that lives in memory only. Owns the pieces that a look travels
//! in; who asks for it and how the verdict is shown is the command line's.

use std::time::Duration;

use deskwarden_platform::{Reading, Root, sources};
use deskwarden_proto::{
    limits::{CHUNK_BYTES, FRAME_BYTES},
    v1::{
        AdmissionPiece, AdmissionVerdict, Delta, Item, Payload, SourceState, Stamp, Trigger,
        admission_client::AdmissionClient, payload::Body,
    },
};
use prost::Message as _;
use tokio::time::timeout;
use tonic::codec::CompressionEncoding;

use crate::{
    identity::{self, Enrolment, clock::Clock},
    transport,
};

/// How long the collector may take to judge.
const CALL: Duration = Duration::from_secs(120);
/// Items of one piece.
const ITEMS: usize = 4_000;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No identity, or no connection.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// No connection.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// The collector refused.
    #[error("the collector refused: {0}")]
    Refused(String),
    /// It did not answer.
    #[error("the collector did not answer in time; try again")]
    Late,
}

/// Enrols, looks, and asks for the verdict.
pub async fn check(request: Enrolment<'_>, root: &Root, lang: &str) -> Result<AdmissionVerdict, Error> {
    let clock = Clock::default();
    let endpoint = request.endpoint;
    let identity = identity::enrol_once(&clock, request).await?;
    let readings: Vec<Reading> = sources().iter().map(|source| source.read(root)).collect();
    let mut pieces = pieces(&readings, lang);
    if let Some(first) = pieces.first_mut() {
        first.portable = deskwarden_platform::host_hints(root).portable;
    }
    let channel = transport::connect(endpoint, &identity.mutual_tls(&clock)?).await?;
    let origin = channel.origin();
    let mut client = AdmissionClient::with_origin(channel, origin)
        .send_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(FRAME_BYTES);
    match timeout(CALL, client.check(tokio_stream::iter(pieces))).await {
        Ok(Ok(verdict)) => Ok(verdict.into_inner()),
        Ok(Err(status)) => Err(Error::Refused(status.message().to_owned())),
        Err(_) => Err(Error::Late),
    }
}

/// The look in pieces that the collector takes: bounded in bytes and items, the last one says so.
fn pieces(readings: &[Reading], lang: &str) -> Vec<AdmissionPiece> {
    let mut pieces = Vec::new();
    let mut delta = Delta {
        trigger: Trigger::Start.into(),
        ..Delta::default()
    };
    let mut bytes = 0;
    for reading in readings {
        delta.sources.push(SourceState {
            section: reading.section.into(),
            source: reading.source.to_owned(),
            look: reading.look.into(),
            reason: reading.reason.clone(),
        });
        for fact in &reading.facts {
            let item = Item {
                section: reading.section.into(),
                source: reading.source.to_owned(),
                key: fact.key.clone(),
                principal: fact.principal.clone(),
                facet: fact.facet.encode_to_vec().into(),
                local: fact.local.encode_to_vec().into(),
            };
            let size = item.encoded_len();
            if bytes + size > CHUNK_BYTES || delta.put.len() >= ITEMS {
                pieces.push(piece(std::mem::take(&mut delta), lang));
                bytes = 0;
            }
            bytes += size;
            delta.put.push(item);
        }
    }
    let mut last = piece(delta, lang);
    last.last = true;
    pieces.push(last);
    pieces
}

fn piece(delta: Delta, lang: &str) -> AdmissionPiece {
    let payload = Payload {
        stamp: Some(Stamp {
            observed_at_ms: identity::clock::wall_ms(),
            boot_id: deskwarden_platform::boot_id(),
            monotonic_ms: deskwarden_platform::monotonic_ms(),
        }),
        body: Some(Body::Delta(delta)),
    };
    AdmissionPiece {
        payload: payload.encode_to_vec(),
        lang: lang.to_owned(),
        last: false,
        portable: false,
    }
}

#[cfg(test)]
mod tests {
    use deskwarden_platform::Fact;
    use deskwarden_proto::{
        decode::{self, ValidBody},
        v1::{Look, Section, Software, facet::Kind},
    };

    use super::*;

    #[test]
    fn a_large_look_travels_in_pieces_that_the_contract_takes() {
        let facts = (0..9_000).map(|number| {
            let software = Software {
                name: format!("package-{number}"),
                summary: "x".repeat(100),
                ..Software::default()
            };
            Fact::machine(format!("package-{number}:amd64"), Kind::Software(software))
        });
        let reading = Reading {
            section: Section::Software,
            source: "dpkg",
            look: Look::Looked,
            reason: String::new(),
            facts: facts.collect(),
        };
        let pieces = pieces(&[reading], "en");
        assert!(pieces.len() >= 3);
        let mut items = 0;
        for (at, piece) in pieces.iter().enumerate() {
            assert_eq!(piece.last, at + 1 == pieces.len());
            let ValidBody::Delta(delta) = decode::payload(&piece.payload).unwrap().body else {
                panic!("sources and items")
            };
            items += delta.put.len();
        }
        assert_eq!(items, 9_000);
    }
}
