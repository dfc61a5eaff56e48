//! Two installations that hold one identity: both stay visible, nothing of either is lost, and a finding says so.

use deskwarden_domain::{
    model::{Finding, FindingAction, FindingId, FindingState},
    port::{FindingFilter, Paging},
};
use deskwarden_proto::v1::{DirectiveDone, directive::What};

use super::*;
use crate::{
    actions::{Decision, decide},
    rules_dir::Importer,
};

const RULE: &str = "pc.restored-or-cloned";

/// A bed with the built-in rules in force.
async fn judging() -> Bed {
    let bed = Bed::new().await;
    let home = bed._home.path();
    Importer::new(Arc::clone(&bed.store), home.join("rules.d"), home)
        .import_built_in(bed.now())
        .unwrap();
    bed
}

fn findings(bed: &Bed, device: DeviceId) -> Vec<(FindingId, Finding)> {
    let filter = FindingFilter {
        asset: Some(bed.store.device(device).unwrap().unwrap().asset),
        rule: Some(RULE.to_owned()),
        ..FindingFilter::default()
    };
    let all = Paging { offset: 0, limit: 10 };
    let page = bed.store.findings(&filter, all).unwrap();
    page.rows.into_iter().map(|row| (row.id, row.finding)).collect()
}

/// Waits until the writer has judged the asset so that the finding stands like this.
async fn found(bed: &Bed, device: DeviceId, state: FindingState) -> FindingId {
    let looking = async {
        loop {
            if let Some((id, _)) = findings(bed, device).into_iter().find(|(_, f)| f.state == state) {
                return id;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, looking).await.expect("no such finding")
}

/// A device with two records, and the token after the first: what a copy of its disk holds.
async fn copied(bed: &Bed) -> (Agent, Talk, Vec<u8>) {
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let stale = talk.acknowledged(1).await;
    talk.record(1, 2, &delta(&["qq"])).await;
    talk.acknowledged(2).await;
    (agent, talk, stale)
}

fn token_of(frame: Frame) -> (u64, String) {
    match frame {
        Frame::Directive(v1::Directive {
            id,
            what: Some(What::Rekey(rekey)),
        }) => (id, rekey.token),
        other => panic!("no new key is asked for: {other:?}"),
    }
}

/// A second connection of the device while the first one answers that it is here.
async fn beside(bed: &Bed, agent: &Agent, first: &mut Talk, hello: Hello) -> (Talk, Welcome) {
    let mut second = bed.dial(agent).await;
    second.say(Said::Hello(hello)).await;
    let id = match first.next().await {
        Frame::Directive(v1::Directive {
            id,
            what: Some(What::Present(_)),
        }) => id,
        other => panic!("nobody asks the first whether it is here: {other:?}"),
    };
    let done = DirectiveDone {
        id,
        done: true,
        reason: String::new(),
    };
    first.say(Said::DirectiveDone(done)).await;
    match second.next().await {
        Frame::Welcome(welcome) => (second, welcome),
        other => panic!("no welcome: {other:?}"),
    }
}

/// A hello of one run of the agent.
fn run(instance: u8, hello: Hello) -> Hello {
    Hello {
        instance: vec![instance; 16],
        ..hello
    }
}

#[tokio::test]
async fn the_later_of_two_live_holders_becomes_a_device_of_its_own() {
    let bed = judging().await;
    let (agent, mut first, stale) = copied(&bed).await;
    let (mut clone, welcome) = beside(&bed, &agent, &mut first, hello_again(1, 1, &stale)).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (1, 2));
    assert!(welcome.resume_token.is_empty(), "a clone must not learn a token");
    let (id, token) = token_of(clone.next().await);
    // What it says before it is a device of its own is nobody's.
    clone.record(1, 2, &delta(&["wine"])).await;
    let key = KeyPair::generate().unwrap();
    let answer = bed.anonymous().await.enrol(enrol_request(&token, &key)).await;
    let second = super::agent(key, &answer.unwrap().into_inner());
    let done = DirectiveDone {
        id,
        done: true,
        reason: String::new(),
    };
    clone.say(Said::DirectiveDone(done)).await;
    assert_eq!(clone.maybe().await.unwrap(), None);
    // The first one's stream was not touched.
    first.record(1, 3, &delta(&["gimp"])).await;
    first.acknowledged(3).await;
    let (mut own, _) = bed.welcomed(&second, hello()).await;
    own.record(1, 1, &delta(&["wine"])).await;
    own.acknowledged(1).await;
    assert_eq!(bed.keys(agent.id), ["gimp", "qq", "vim"]);
    assert_eq!(bed.keys(second.id), ["wine"]);
    found(&bed, agent.id, FindingState::Open).await;
    assert!(
        findings(&bed, second.id).is_empty(),
        "only the copied identity is in doubt"
    );
    let other = KeyPair::generate().unwrap();
    let again = bed.anonymous().await.enrol(enrol_request(&token, &other)).await;
    assert!(again.is_err(), "the token is of one use");
}

#[tokio::test]
async fn a_clone_that_does_not_take_a_new_key_is_refused_and_asked_again() {
    let bed = Bed::new().await;
    let (agent, mut first, stale) = copied(&bed).await;
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let (mut clone, _) = beside(&bed, &agent, &mut first, hello_again(1, 1, &stale)).await;
        let (id, token) = token_of(clone.next().await);
        tokens.push(token);
        let done = DirectiveDone {
            id,
            done: false,
            reason: "the disk is full".into(),
        };
        clone.say(Said::DirectiveDone(done)).await;
        clone.refused(RefusalCode::Fork).await;
    }
    assert_ne!(tokens.first(), tokens.last());
    first.record(1, 3, &delta(&["gimp"])).await;
    first.acknowledged(3).await;
}

#[tokio::test]
async fn a_restored_disk_goes_on_in_a_new_epoch_and_a_person_settles_the_finding() {
    let bed = judging().await;
    let (agent, talk, stale) = copied(&bed).await;
    drop(talk);
    bed.nobody_is_here(agent.id).await;
    let (mut talk, welcome) = bed.welcomed(&agent, hello_again(1, 1, &stale)).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (2, 1));
    talk.record(2, 1, &delta(&["wine"])).await;
    talk.acknowledged(1).await;
    let finding = found(&bed, agent.id, FindingState::Open).await;
    assert!(bed.store.device(agent.id).unwrap().unwrap().forked_at.is_some());
    let decision = Decision {
        finding,
        action: FindingAction::Accept,
        actor: "test".into(),
        note: "the disk was restored on purpose".into(),
        now: bed.now(),
    };
    decide(bed.store.as_ref(), &decision).unwrap();
    assert_eq!(bed.store.device(agent.id).unwrap().unwrap().forked_at, None);
    // A later report judges it again: what was settled stays settled.
    talk.record(2, 2, &delta(&["gimp"])).await;
    talk.acknowledged(2).await;
    found(&bed, agent.id, FindingState::Accepted).await;
}

#[tokio::test]
async fn a_disk_that_was_set_back_and_numbered_on_loses_nothing() {
    let bed = judging().await;
    let (agent, talk, stale) = copied(&bed).await;
    drop(talk);
    bed.nobody_is_here(agent.id).await;
    // It looked before it connected: its second record is another one.
    let set_back = Hello {
        enqueued: 2,
        ..hello_again(1, 1, &stale)
    };
    let (mut talk, welcome) = bed.welcomed(&agent, set_back.clone()).await;
    assert_eq!(
        (welcome.epoch, welcome.next_sequence),
        (1, 2),
        "asked for once more"
    );
    talk.record(1, 2, &delta(&["wine"])).await;
    talk.refused(RefusalCode::Fork).await;
    bed.nobody_is_here(agent.id).await;
    let (mut talk, welcome) = bed.welcomed(&agent, set_back).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (2, 1));
    talk.record(2, 1, &delta(&["wine"])).await;
    talk.acknowledged(1).await;
    assert!(bed.keys(agent.id).contains(&"wine".to_owned()));
    found(&bed, agent.id, FindingState::Open).await;
}

#[tokio::test]
async fn a_second_connection_of_the_same_installation_is_no_clone() {
    let bed = judging().await;
    let agent = bed.enrolled().await;
    let (mut talk, _) = bed.welcomed(&agent, hello()).await;
    talk.record(1, 1, &delta(&["vim"])).await;
    let token = talk.acknowledged(1).await;
    let (mut again, welcome) = bed.welcomed(&agent, hello_again(1, 1, &token)).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (1, 2));
    talk.refused(RefusalCode::Replaced).await;
    // Nothing changed for the asset: judge it by a report that the agent would send next.
    again.record(1, 2, &delta(&["qq"])).await;
    again.acknowledged(2).await;
    assert_eq!(bed.store.device(agent.id).unwrap().unwrap().forked_at, None);
    assert!(findings(&bed, agent.id).is_empty());
}

#[tokio::test]
async fn a_copy_that_did_nothing_yet_is_known_by_its_run() {
    let bed = judging().await;
    let agent = bed.enrolled().await;
    let (mut first, _) = bed.welcomed(&agent, run(1, hello())).await;
    first.record(1, 1, &delta(&["vim"])).await;
    let token = first.acknowledged(1).await;
    let (mut clone, _) = beside(&bed, &agent, &mut first, run(2, hello_again(1, 1, &token))).await;
    token_of(clone.next().await);
    first.record(1, 2, &delta(&["gimp"])).await;
    first.acknowledged(2).await;
    found(&bed, agent.id, FindingState::Open).await;
}

/// A bed that waits shortly for whoever is here.
async fn impatient() -> Bed {
    let settings = SessionSettings {
        proof: Duration::from_millis(50),
        ..SessionSettings::default()
    };
    Bed::with(settings, Arc::new(OsEntropy)).await
}

#[tokio::test]
async fn a_pc_that_lost_its_power_goes_on_beside_its_own_dead_connection() {
    let bed = impatient().await;
    let agent = bed.enrolled().await;
    let (mut dead, _) = bed.welcomed(&agent, run(1, hello())).await;
    dead.record(1, 1, &delta(&["vim"])).await;
    let token = dead.acknowledged(1).await;
    // Nobody answers on the first connection, which still looks live.
    let (mut again, welcome) = bed.welcomed(&agent, run(2, hello_again(1, 1, &token))).await;
    assert_eq!((welcome.epoch, welcome.next_sequence), (1, 2));
    assert!(!welcome.resume_token.is_empty());
    again.record(1, 2, &delta(&["qq"])).await;
    again.acknowledged(2).await;
    assert_eq!(bed.store.device(agent.id).unwrap().unwrap().forked_at, None);
}

#[tokio::test]
async fn a_machine_that_was_set_back_is_no_clone_of_its_own_dead_connection() {
    let bed = impatient().await;
    let (agent, _dead, stale) = copied(&bed).await;
    let (mut talk, welcome) = bed.welcomed(&agent, run(2, hello_again(1, 1, &stale))).await;
    assert_eq!(
        (welcome.epoch, welcome.next_sequence),
        (2, 1),
        "the same device, set back"
    );
    assert!(!welcome.resume_token.is_empty());
    talk.record(2, 1, &delta(&["wine"])).await;
    talk.acknowledged(1).await;
    assert!(bed.store.device(agent.id).unwrap().unwrap().forked_at.is_some());
}
