//! What a first report of this machine's packages takes on the wire: counted, so that it cannot grow unnoticed.
#![cfg(target_os = "linux")]

use deskwarden_platform::Root;
use deskwarden_proto::{
    packed,
    v1::{Delta, Item, Payload, Section, payload::Body},
};
use prost::Message as _;

/// Bytes that one package may take. Name and version alone take nine, as gzip says.
const PACKAGE: usize = 15;

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
    let payload = Payload {
        body: Some(Body::Delta(delta)),
        ..Payload::default()
    }
    .encode_to_vec();
    let packed = packed::pack(&payload).unwrap();
    assert_eq!(packed::unpack(&packed).unwrap(), payload);
    // Few packages have too little in common to be judged by.
    let bound = count.max(500) * PACKAGE;
    assert!(
        packed.len() < bound,
        "{} bytes for {count} packages",
        packed.len()
    );
}
