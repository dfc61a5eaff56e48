//! Somebody was erased: the device is told to keep their data to itself, at once and at every welcome.

use deskwarden_domain::port::Subject;
use deskwarden_proto::v1::{Policy, directive::What};

use super::*;

#[tokio::test]
async fn a_device_is_told_at_once_and_at_its_next_welcome_whose_data_to_keep() {
    let bed = Bed::new().await;
    let agent = bed.enrolled().await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert!(welcome.policy.unwrap().withheld_principals.is_empty());
    let subject = Subject {
        name: "zhang".into(),
        accounts: vec![(agent.id, "1000".into())],
    };
    bed.store.erase(&subject, &bed.audit()).unwrap();
    let policy = Policy {
        generation: 1,
        ..Policy::default()
    };
    bed.sessions.withhold(bed.store.as_ref(), &policy).unwrap();
    let Frame::Directive(directive) = talk.next().await else {
        panic!("a directive");
    };
    let Some(What::Policy(told)) = directive.what else {
        panic!("a policy");
    };
    assert_eq!(told.withheld_principals, ["1000"]);
    // What is known already is not said again: the next thing that is said is something else.
    bed.sessions.withhold(bed.store.as_ref(), &policy).unwrap();
    let renew = What::Renew(deskwarden_proto::v1::Renew {});
    assert!(bed.sessions.direct(agent.id, renew.clone()));
    let Frame::Directive(next) = talk.next().await else {
        panic!("a directive");
    };
    assert_eq!(next.what, Some(renew));
    drop(talk);
    let (_talk, welcome) = bed.welcomed(&agent, hello()).await;
    assert_eq!(welcome.policy.unwrap().withheld_principals, ["1000"]);
}
