//! Rounds over the embedded store.

use std::sync::atomic::{AtomicUsize, Ordering};

use deskwarden_domain::{
    advance::Incoming,
    model::{AuditEntry, Position, TokenId, TokenRow},
    port::{DeviceState, EnrolOutcome, LoadRequest, NewDevice, Paging, RuleVersion, RuleVersionState, Scope},
    token::Token,
};
use deskwarden_proto::{
    Message as _, decode, digest,
    v1::{Delta, Hello, HostHints, Item, Look, Payload, Section, SourceState, Stamp, payload::Body},
};
use tempfile::TempDir;

mod edits;
mod openings;

use super::*;
use crate::entropy::{Drained, OsEntropy};

const NOW: Millis = 1_780_000_000_000;
const KEY: [u8; 32] = [9; 32];
/// Long for a machine under load; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    _home: TempDir,
    store: Arc<dyn Store>,
    token: Token,
}

impl Bench {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let store =
            deskwarden_store::open(&format!("sqlite:{}", home.path().join("dw.db").display())).unwrap();
        let token = Token::from_random([1; 16]);
        let row = TokenRow {
            id: TokenId(0),
            label: "bench".into(),
            hash: token.hash(),
            max_uses: 1000,
            uses: 0,
            expires_at: NOW + 1_000_000,
            cidr: None,
            needs_approval: false,
            department: None,
            created_at: NOW,
            created_by: "test".into(),
            revoked_at: None,
        };
        store.create_token(&row, &audit()).unwrap();
        Self {
            _home: home,
            store,
            token,
        }
    }

    fn device(&self, number: u8) -> DeviceId {
        let device = NewDevice {
            id: DeviceId::from_random([number; 16]),
            token_hash: self.token.hash(),
            key_hash: [number; 32],
            nonce: vec![number; 16],
            peer: [192, 0, 2, 1].into(),
            hints: HostHints {
                hostname: format!("pc-{number}"),
                ..HostHints::default()
            },
            agent_version: "1".into(),
            platform: "linux-x86_64".into(),
            at: NOW,
            certificate_ends_at: NOW + 1_000_000,
            resume_key: [number; 32],
        };
        match self.store.enrol(&device).unwrap() {
            EnrolOutcome::Enrolled(device) => device.id,
            other => panic!("{other:?}"),
        }
    }

    fn state(&self, device: DeviceId) -> DeviceState {
        let request = LoadRequest {
            device,
            scope: Scope::Everything,
            staged: None,
        };
        self.store.load(&[request]).unwrap().remove(0).unwrap()
    }

    fn contexts(&self) -> Arc<Contexts> {
        Arc::new(Contexts::load(Arc::clone(&self.store)).unwrap())
    }

    fn rounds(&self, commits: &Arc<AtomicUsize>) -> Rounds {
        let commits = Arc::clone(commits);
        Rounds {
            meter: Arc::default(),
            store: Arc::clone(&self.store),
            contexts: self.contexts(),
            entropy: Arc::new(OsEntropy),
            memo: Memo::default(),
            committed: Box::new(move |_| {
                commits.fetch_add(1, Ordering::SeqCst);
            }),
            caught_up: None,
            edit: None,
        }
    }
}

/// Does all jobs, round by round; how many rounds that were.
fn all(rounds: &mut Rounds, jobs: Vec<Job>, now: Millis) -> usize {
    let (mut waiting, mut count) = (jobs, 0);
    while !waiting.is_empty() {
        waiting = rounds.run(waiting, now);
        count += 1;
    }
    count
}

fn audit() -> AuditEntry {
    AuditEntry {
        at: NOW,
        actor: "test".into(),
        action: "test".into(),
        object: "test".into(),
        detail: String::new(),
    }
}

fn incoming(sequence: u64, name: &str) -> Incoming {
    let facet: v1::Facet = v1::Software {
        name: name.into(),
        package: name.into(),
        ..v1::Software::default()
    }
    .into();
    let item = Item {
        section: Section::Software.into(),
        source: "dpkg".into(),
        key: name.into(),
        principal: String::new(),
        facet: facet.encode_to_vec().into(),
        local: Vec::new().into(),
    };
    let source = SourceState {
        section: Section::Software.into(),
        source: "dpkg".into(),
        look: Look::Looked.into(),
        reason: String::new(),
    };
    let delta = Delta {
        sources: vec![source],
        put: vec![item],
        ..Delta::default()
    };
    let stamp = Some(Stamp {
        boot_id: "b".into(),
        ..Stamp::default()
    });
    let raw = Payload {
        stamp,
        body: Some(Body::Delta(delta)),
    }
    .encode_to_vec();
    Incoming {
        epoch: 1,
        sequence,
        payload_hash: digest::payload(&raw),
        payload: decode::payload(&raw).unwrap(),
        raw,
    }
}

fn record(device: DeviceId, fence: &Fence, incoming: Incoming) -> (Job, mpsc::UnboundedReceiver<Answer>) {
    let (reply, answers) = mpsc::unbounded_channel();
    let (fence, incoming) = (fence.clone(), Box::new(incoming));
    (
        Job::Record {
            came: Instant::now(),
            device,
            fence,
            incoming,
            reply,
        },
        answers,
    )
}

fn acknowledged(answers: &mut mpsc::UnboundedReceiver<Answer>) -> u64 {
    match answers.try_recv().unwrap() {
        Answer::Acknowledged { sequence, .. } => sequence,
        other => panic!("{other:?}"),
    }
}

#[test]
fn records_of_many_devices_share_one_commit() {
    let bench = Bench::new();
    let commits = Arc::default();
    let mut rounds = bench.rounds(&commits);
    let mut jobs = Vec::new();
    let mut waiting = Vec::new();
    for number in 1..=40 {
        let device = bench.device(number);
        for sequence in 1..=3 {
            let (job, answers) = record(
                device,
                &Fence::default(),
                incoming(sequence, &format!("p{sequence}")),
            );
            jobs.push(job);
            waiting.push((sequence, answers));
        }
    }
    all(&mut rounds, jobs, NOW);
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    for (sequence, answers) in &mut waiting {
        assert_eq!(acknowledged(answers), *sequence);
    }
}

#[test]
fn who_sends_very_much_gives_way_to_others_in_every_commit() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    let (busy, first, second) = (bench.device(1), bench.device(2), bench.device(3));
    let fence = Fence::default();
    let (flood, mut flooded): (Vec<_>, Vec<_>) = (1..=100)
        .map(|sequence| record(busy, &fence, incoming(sequence, &format!("p{sequence}"))))
        .unzip();
    let (job, mut answered) = record(first, &Fence::default(), incoming(1, "vim"));
    let mut waiting = rounds.run(flood.into_iter().chain([job]).collect(), NOW);
    assert_eq!(acknowledged(&mut answered), 1);
    assert_eq!(
        waiting.len(),
        98,
        "two of its records beside the one of the other"
    );
    let (job, mut answered) = record(second, &Fence::default(), incoming(1, "vim"));
    waiting.push(job);
    let waiting = rounds.run(waiting, NOW);
    assert_eq!(acknowledged(&mut answered), 1);
    assert_eq!(
        all(&mut rounds, waiting, NOW),
        6,
        "alone it has sixteen in a commit"
    );
    for (answers, sequence) in flooded.iter_mut().zip(1..) {
        assert_eq!(acknowledged(answers), sequence);
    }
}

#[test]
fn devices_that_all_send_much_share_a_commit_evenly() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    let jobs: Vec<_> = (1..=4)
        .flat_map(|number| {
            let (device, fence) = (bench.device(number), Fence::default());
            (1..=20)
                .map(move |sequence| record(device, &fence, incoming(sequence, &format!("p{sequence}"))).0)
        })
        .collect();
    assert_eq!(rounds.run(jobs, NOW).len(), 4 * (20 - 8));
}

#[test]
fn an_unknown_device_does_not_harm_the_others() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    let known = bench.device(1);
    let (good, mut applied) = record(known, &Fence::default(), incoming(1, "vim"));
    let fence = Fence::default();
    let (bad, mut refused) = record(DeviceId::from_random([99; 16]), &fence, incoming(1, "vim"));
    all(&mut rounds, vec![bad, good], NOW);
    assert_eq!(acknowledged(&mut applied), 1);
    assert_eq!(refused.try_recv().unwrap(), Answer::Unknown);
    assert!(fence.is_closed());
}

#[test]
fn nothing_of_a_closed_fence_is_applied() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    let device = bench.device(1);
    let fence = Fence::default();
    fence.close();
    let (job, mut answers) = record(device, &fence, incoming(1, "vim"));
    all(&mut rounds, vec![job], NOW);
    assert_eq!(answers.try_recv().unwrap(), Answer::Fenced);
    assert!(bench.state(device).items.is_empty());
}

#[test]
fn records_behind_a_fork_are_not_applied_in_the_same_group() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    let device = bench.device(1);
    let fence = Fence::default();
    let sent = [incoming(1, "vim"), incoming(1, "qq"), incoming(2, "late")];
    let (jobs, mut answers): (Vec<_>, Vec<_>) = sent
        .into_iter()
        .map(|incoming| record(device, &fence, incoming))
        .unzip();
    all(&mut rounds, jobs, NOW);
    assert_eq!(acknowledged(&mut answers[0]), 1);
    assert_eq!(answers[1].try_recv().unwrap(), Answer::Forked);
    assert_eq!(answers[2].try_recv().unwrap(), Answer::Fenced);
    let state = bench.state(device);
    assert_eq!(state.items.len(), 1);
    assert_eq!((state.position.epoch, state.position.next_sequence), (2, 1));
}

#[test]
fn what_the_store_takes_and_refuses_is_known() {
    let bench = Bench::new();
    let mut rounds = bench.rounds(&Arc::default());
    rounds.entropy = Arc::new(Drained);
    let device = bench.device(1);
    let mut told = |sequence, title| {
        let (job, mut answers) = record(device, &Fence::default(), incoming(sequence, title));
        all(&mut rounds, vec![job], NOW);
        (
            answers.try_recv().unwrap(),
            rounds.meter.writes.read(NOW).is_some(),
        )
    };
    assert!(matches!(told(1, "vim"), (Answer::Acknowledged { .. }, false)));
    // The epoch that follows a fork takes a key.
    assert_eq!(told(1, "qq"), (Answer::Busy, true));
    assert!(matches!(told(2, "gimp"), (Answer::Acknowledged { .. }, false)));
}

#[test]
fn devices_that_are_due_are_judged_in_few_commits_and_are_due_no_more() {
    let bench = Bench::new();
    let devices: Vec<_> = (1..=40).map(|number| bench.device(number)).collect();
    import(bench.store.as_ref());
    let commits = Arc::default();
    let mut rounds = bench.rounds(&commits);
    assert_eq!(bench.store.due(NOW, 100).unwrap().len(), 40);
    assert_eq!(rounds.rejudge(&devices, NOW), 0);
    assert_eq!(commits.load(Ordering::SeqCst), 2);
    assert!(bench.store.due(NOW, 100).unwrap().is_empty());
    // A PC that is in no register is a finding of its own.
    let all = Paging { offset: 0, limit: 1 };
    assert_eq!(bench.store.findings(&Default::default(), all).unwrap().total, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edited_rule_book_judges_what_is_stored_without_any_agent() {
    let bench = Bench::new();
    let device = bench.device(1);
    let (job, _answers) = record(device, &Fence::default(), incoming(1, "linuxqq"));
    all(&mut bench.rounds(&Arc::default()), vec![job], NOW);
    let cancel = CancellationToken::new();
    let contexts = bench.contexts();
    let mut rules = contexts.rules();
    let parts = Parts {
        store: Arc::clone(&bench.store),
        contexts,
        entropy: Arc::new(OsEntropy),
        now: Arc::new(|| NOW),
        meter: Arc::default(),
        committed: Box::new(|_| {}),
    };
    let (_ingest, running) = Ingest::start(parts, cancel.clone()).unwrap();
    import(bench.store.as_ref());
    tokio::time::timeout(PATIENCE, rules.changed())
        .await
        .unwrap()
        .unwrap();
    let all = Paging {
        offset: 0,
        limit: 100,
    };
    let found = async {
        while bench.store.findings(&Default::default(), all).unwrap().total == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found)
        .await
        .expect("nothing was found");
    cancel.cancel();
    tokio::time::timeout(PATIENCE, running).await.unwrap().unwrap();
}

/// The built-in files, as a start imports them.
fn import(store: &dyn Store) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let content = std::fs::read_to_string(&path).unwrap();
        let version = RuleVersion {
            id: 0,
            file: path.file_name().unwrap().to_str().unwrap().to_owned(),
            hash: *blake3::hash(content.as_bytes()).as_bytes(),
            content,
            origin: "built-in".into(),
            imported_at: NOW,
            state: RuleVersionState::Accepted,
            faults: String::new(),
            removed: false,
        };
        store.add_rule_version(&version, &audit()).unwrap();
    }
}
