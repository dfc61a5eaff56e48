//! What a first report of this machine's packages takes on the wire: counted, so that it cannot grow unnoticed.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what goes wrong is to end the test")]

use std::io::Write as _;

use deskwarden_platform::Root;
use deskwarden_proto::{
    columns,
    v1::{Delta, Item, Payload, Section, payload::Body},
};
use flate2::{Compression, write::GzEncoder};
use prost::Message as _;

/// Bytes that one package may take: the session's compression over columns. Name and version alone take nine.
const PACKAGE: usize = 21;

#[test]
fn packages_take_few_bytes_on_the_wire() {
    let sources = deskwarden_platform::sources();
    let dpkg = sources
        .iter()
        .find(|source| source.id().source == "dpkg")
        .unwrap();
    let reading = dpkg.read(&Root::host());
    let put: Vec<Item> = reading
        .facts
        .into_iter()
        .map(|fact| Item {
            section: Section::Software.into(),
            source: "dpkg".into(),
            key: fact.key,
            principal: fact.principal,
            facet: fact.facet.encode_to_vec().into(),
            local: fact.local.encode_to_vec().into(),
        })
        .collect();
    let count = put.len();
    assert!(count > 100, "a Debian machine has packages");
    let delta = Delta {
        put,
        ..Delta::default()
    };
    let rows = Payload {
        body: Some(Body::Delta(delta)),
        ..Payload::default()
    }
    .encode_to_vec();
    let packed = columns::pack(&rows).unwrap();
    let (rows, columns) = (compressed(&rows), compressed(&packed));
    assert!(
        columns * 3 < rows * 2,
        "{columns} bytes in columns, {rows} in rows"
    );
    // Few packages have too little in common to be judged by.
    let bound = count.max(500) * PACKAGE;
    assert!(columns < bound, "{columns} bytes for {count} packages");
}

/// As the session compresses a message.
fn compressed(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().len()
}
