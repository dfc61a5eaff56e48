//! Who is asked to tell about all machines on his subnet.

use std::collections::HashMap;

use deskwarden_proto::v1::{InterfaceKind, Network, Policy, directive::What};

use super::{super::observers::round, *};

fn network() -> Payload {
    let network = Network {
        interface: "eth0".into(),
        kind: InterfaceKind::Ethernet.into(),
        up: true,
        gateway_mac: "02:00:00:00:00:01".into(),
        gateways: vec!["192.0.2.1".into()],
        ..Network::default()
    };
    let item = Item {
        section: Section::Network.into(),
        source: "netlink".into(),
        key: "02:00:00:00:00:07".into(),
        facet: Facet::from(network).encode_to_vec().into(),
        ..Item::default()
    };
    let state = SourceState {
        section: Section::Network.into(),
        source: "netlink".into(),
        look: Look::Looked.into(),
        reason: String::new(),
    };
    Payload {
        stamp: Some(stamp()),
        body: Some(Body::Delta(Delta {
            put: vec![item],
            sources: vec![state],
            ..Delta::default()
        })),
    }
}

#[tokio::test]
async fn a_device_that_reported_its_gateway_is_asked_to_observe_and_keeps_it_over_a_new_session() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert!(
        !welcome.policy.unwrap().observe_neighbours,
        "nothing is known of it yet"
    );
    let policy = Policy {
        generation: 1,
        ..Policy::default()
    };
    let known = round(&bed.sessions, &bed.store, &policy, HashMap::new(), 1).await;
    assert!(bed.sessions.observers().is_empty());
    talk.record(1, 1, &network()).await;
    let token = talk.acknowledged(1).await;
    let known = round(&bed.sessions, &bed.store, &policy, known, 2).await;
    assert!(
        bed.sessions.observers().is_empty(),
        "not read again in every round"
    );
    round(&bed.sessions, &bed.store, &policy, known, 6).await;
    let Frame::Directive(directive) = talk.next().await else {
        panic!("a directive");
    };
    let Some(What::Policy(told)) = directive.what else {
        panic!("a policy");
    };
    assert!(told.observe_neighbours);
    drop(talk);
    let (_talk, welcome) = bed.welcomed(&agent, hello_again(1, 1, &token)).await;
    assert!(welcome.policy.unwrap().observe_neighbours);
}
