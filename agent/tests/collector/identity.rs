//! How an identity lives while the agent is connected: renewed, regained, refused, shared with another one.

use deskwarden_proto::v1::{
    Directive, GoodbyeReason, Rekey, agent_frame::Frame, collector_frame::Frame as Reply, directive::What,
};

use super::{
    desk::{Agent, delta, first_contact},
    fake::{Fake, TOKEN},
    pki::{Pki, Valid},
};

#[tokio::test]
async fn a_certificate_past_its_half_life_is_renewed_and_tried_at_once() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-20, 10));
    let mut agent = Agent::new(&fake).await;
    let before = agent.identity.validity();
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    let said = loop {
        match conversation.frame().await {
            Some(Frame::Record(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(said, Some(Frame::Goodbye(goodbye)) if goodbye.reason() == GoodbyeReason::Restart));
    drop(conversation);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    agent.install("qq", "1").await;
    conversation.record().await;
    assert_eq!(fake.knobs(|knobs| knobs.renewals), 1);
    let stored = agent.pc.store.load().unwrap().unwrap();
    assert!(stored.validity().1 > before.1);
    agent.stop().await;
    assert!(agent.pc.store.load_previous().is_none(), "the new one worked");
}

#[tokio::test]
async fn an_expired_certificate_is_regained_before_the_session() {
    let fake = Fake::start().await;
    fake.knobs(|knobs| knobs.valid = Valid::days(-60, -30));
    let mut agent = Agent::new(&fake).await;
    // The enrolment told a time; the PC's own clock is right and later.
    let told = deskwarden_agent::identity::clock::Anchor {
        server_time_ms: deskwarden_agent::identity::clock::wall_ms(),
        boot_id: deskwarden_platform::boot_id(),
        monotonic_ms: deskwarden_platform::monotonic_ms(),
    };
    agent.pc.clock.told(&agent.pc.store.clock_file(), told).unwrap();
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 1);
    agent.stop().await;
}

/// An agent whose certificate ended a month ago while its own clocks say that no time has passed.
async fn unaware(fake: &Fake) -> Agent {
    fake.knobs(|knobs| knobs.valid = Valid::days(-60, -30));
    let agent = Agent::new(fake).await;
    let own = agent
        .pc
        .clock
        .best_ms(deskwarden_agent::identity::clock::wall_ms());
    assert!(own < agent.identity.validity().1, "it does not know");
    agent
}

#[tokio::test]
async fn a_certificate_that_only_the_collector_knows_to_have_ended_is_regained() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| (knobs.refused, knobs.recoveries)), (1, 1));
    agent.stop().await;
}

#[tokio::test]
async fn who_waits_for_approval_to_come_back_does_so_by_itself() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    fake.knobs(|knobs| knobs.pending = 2);
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    assert_eq!(conversation.device, agent.identity.device.to_string());
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 3);
    agent.stop().await;
}

#[tokio::test]
async fn regained_certificates_that_are_refused_again_are_waited_out() {
    let fake = Fake::start().await;
    let mut agent = unaware(&fake).await;
    fake.knobs(|knobs| knobs.regained = Valid::days(-60, -30));
    agent.connect(&fake);
    while fake.knobs(|knobs| knobs.refused) < 8 {
        tokio::task::yield_now().await;
    }
    agent.stop().await;
    let (refused, recoveries) = fake.knobs(|knobs| (knobs.refused, knobs.recoveries));
    assert!(recoveries * 2 <= refused + 1, "{recoveries} for {refused}");
}

#[tokio::test]
async fn a_certificate_that_is_refused_for_another_reason_is_not_traded() {
    let fake = Fake::start().await;
    let stranger = Pki::new(&["localhost"], Valid::days(-1, 30));
    fake.knobs(|knobs| knobs.issuer = Some(stranger));
    let mut agent = Agent::new(&fake).await;
    agent.connect(&fake);
    while fake.knobs(|knobs| knobs.refused) < 4 {
        tokio::task::yield_now().await;
    }
    agent.stop().await;
    assert_eq!(fake.knobs(|knobs| knobs.recoveries), 0);
}

#[tokio::test]
async fn one_of_two_that_share_an_identity_becomes_a_device_of_its_own() {
    let fake = Fake::start().await;
    let mut agent = Agent::new(&fake).await;
    agent.install("qq", "1").await;
    agent.connect(&fake);
    let mut conversation = fake.session().await;
    conversation.greet(1, 1).await;
    first_contact(&mut conversation).await;
    let old = conversation.device.clone();
    conversation
        .reply(Reply::Directive(Directive {
            id: 2,
            what: Some(What::Rekey(Rekey { token: TOKEN.into() })),
        }))
        .await;
    let mut conversation = fake.session().await;
    assert_ne!(conversation.device, old);
    let hello = conversation.greet(1, 1).await;
    assert_eq!((hello.epoch, hello.acknowledged), (0, 0));
    assert!(hello.resume_token.is_empty());
    assert_eq!(
        delta(&conversation.record().await).put[0].id.key,
        "qq",
        "everything is told anew"
    );
    agent.stop().await;
}
