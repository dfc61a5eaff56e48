//! Notices: numbers without holes, lines that end with their findings, and who is judged again.

use deskwarden_domain::{
    model::{
        Addressee, Device, Finding, FindingHistory, FindingId, FindingState, Millis, Notice, NoticeLine,
        NoticeReply, NoticeState, NoticeWords, Severity, Text,
    },
    port::{Batch, FindingFilter, NoticeFilter, Op, Paging, Store, StoreError, Subject},
};

use super::{
    Bench,
    world::{NOW, apply, audit, enrolled, everything, finding},
};

const ALL: Paging = Paging { offset: 0, limit: 50 };

fn words(found: &str) -> NoticeWords {
    NoticeWords {
        clause: "PC 3.2.4".into(),
        regulation: Text::new("制度", "Rules"),
        wording: Text::new("不得聊天", "No chatting"),
        title: Text::new("聊天软件", "Chat program"),
        found: Text::new(found, found),
        remedy: Text::new("卸载", "Remove it"),
        subject: "QQ".into(),
        asset_number: "ZC-1".into(),
        asset_name: "desk".into(),
        custodian: "张三".into(),
        department: "客服部".into(),
        first_seen: NOW,
    }
}

fn notice(sequence: u32, of: &[(FindingId, &Device)]) -> Notice {
    Notice {
        id: None,
        number: format!("信整〔2027〕{sequence:03}号"),
        year: 2027,
        sequence,
        addressee: Addressee::Custodian,
        name: "张三".into(),
        issued_at: NOW,
        issued_by: "li".into(),
        due_at: NOW + 1_000,
        demand: "卸载并说明".into(),
        objection: "三日内".into(),
        state: NoticeState::Issued,
        rectified_at: None,
        closed: None,
        lines: of
            .iter()
            .map(|(finding, device)| NoticeLine {
                finding: *finding,
                asset: Some(device.asset),
                words: words(&format!("finding {}", finding.0)),
                cleared: None,
            })
            .collect(),
    }
}

/// A device with findings on these subjects.
fn flagged(store: &dyn Store, number: u32, subjects: &[&str]) -> (Device, Vec<FindingId>) {
    let device = enrolled(store, number);
    let put = subjects
        .iter()
        .map(|subject| Op::PutFinding(finding(&device, "pc.chat", subject, Severity::High)));
    let applied = store
        .apply(&Batch {
            ops: put.collect(),
            ..Batch::default()
        })
        .unwrap();
    (device, applied.findings.into_iter().map(|(_, id)| id).collect())
}

fn put(store: &dyn Store, id: FindingId, state: FindingState) {
    let before = store.finding(id).unwrap().unwrap().row.finding;
    let after = Finding {
        state,
        resolved_at: (state == FindingState::Resolved).then_some(NOW + 500),
        last_seen: NOW + 500,
        ..before
    };
    apply(store, vec![Op::PutFinding(after)]);
}

/// Somebody decides what a finding is.
fn decide(store: &dyn Store, id: FindingId, state: FindingState, at: Millis) {
    let before = store.finding(id).unwrap().unwrap().row.finding;
    let step = FindingHistory {
        at,
        actor: "li".into(),
        from: Some(before.state),
        to: state,
        note: "测试工具".into(),
    };
    let finding = before.key.clone();
    let after = Finding { state, ..before };
    apply(store, vec![Op::PutFinding(after), Op::History { finding, step }]);
}

fn issue(store: &dyn Store, notice: &Notice) {
    apply(store, vec![Op::IssueNotice(Box::new(notice.clone()))]);
}

fn read(store: &dyn Store, notice: &Notice) -> Notice {
    store.notice(&notice.number).unwrap().unwrap().0
}

pub fn a_notice_is_issued_listed_and_answered(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (device, ids) = flagged(store, 1, &["qq", "msn"]);
    assert_eq!(store.next_notice(2027).unwrap(), 1);
    let first = notice(1, &[(ids[0], &device), (ids[1], &device)]);
    issue(store, &first);
    assert_eq!(store.next_notice(2027).unwrap(), 2);
    assert_eq!(store.next_notice(2028).unwrap(), 1, "each year begins anew");
    let said = NoticeReply {
        at: NOW + 5,
        recorded_by: "li".into(),
        author: "张三".into(),
        objection: true,
        text: "不是我装的".into(),
    };
    let answer = Op::NoticeReply {
        number: first.number.clone(),
        reply: said.clone(),
    };
    apply(store, vec![answer]);
    let (stored, replies) = bench.open().notice(&first.number).unwrap().unwrap();
    assert_eq!(
        Notice {
            id: None,
            ..stored.clone()
        },
        first
    );
    assert_eq!(replies, [said]);
    assert_eq!(
        store.notices_of(ids[1]).unwrap(),
        std::slice::from_ref(&first.number)
    );
    assert!(store.notice("信整〔2027〕009号").unwrap().is_none());
    let second = notice(2, &[(ids[0], &device)]);
    issue(store, &second);
    let listed = |filter: NoticeFilter| -> Vec<u32> {
        let page = store.notices(&filter, ALL).unwrap();
        page.rows.iter().map(|notice| notice.sequence).collect()
    };
    assert_eq!(listed(NoticeFilter::default()), [2, 1], "newest first");
    let text = |text: &str| NoticeFilter {
        text: Some(text.into()),
        ..NoticeFilter::default()
    };
    assert_eq!(listed(text("张三 finding")), [2, 1]);
    assert_eq!(listed(text("〔2027〕002")), [2]);
    assert!(listed(text("李四")).is_empty());
    let of = NoticeFilter {
        asset: Some(device.asset),
        ..NoticeFilter::default()
    };
    assert_eq!(listed(of), [2, 1]);
    let late = |at| NoticeFilter {
        overdue_at: Some(at),
        ..NoticeFilter::default()
    };
    assert!(listed(late(NOW + 999)).is_empty());
    assert_eq!(listed(late(NOW + 1_000)), [2, 1]);
}

pub fn a_number_is_given_once(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (device, ids) = flagged(store, 1, &["qq"]);
    let first = notice(1, &[(ids[0], &device)]);
    issue(store, &first);
    let again = store.apply(&Batch {
        ops: vec![
            Op::Audit(audit("notice.issue")),
            Op::IssueNotice(Box::new(first.clone())),
        ],
        ..Batch::default()
    });
    assert!(matches!(again, Err(StoreError::Stale)), "{again:?}");
    assert_eq!(store.notices(&NoticeFilter::default(), ALL).unwrap().total, 1);
    let filed = |number: &str| Op::CloseNotice {
        number: number.to_owned(),
        at: NOW + 9,
        by: "li".into(),
        note: "已撤销".into(),
    };
    apply(store, vec![filed(&first.number)]);
    let closed = read(store, &first);
    assert_eq!(closed.closed, Some((NOW + 9, "li".into(), "已撤销".into())));
    assert_eq!(closed.state, NoticeState::Closed);
    let twice = store.apply(&Batch {
        ops: vec![filed(&first.number)],
        ..Batch::default()
    });
    assert!(matches!(twice, Err(StoreError::Stale)), "{twice:?}");
    let unknown = store.apply(&Batch {
        ops: vec![filed("x")],
        ..Batch::default()
    });
    assert!(matches!(unknown, Err(StoreError::NotFound(_))), "{unknown:?}");
}

pub fn a_notice_is_rectified_with_its_last_finding(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (device, ids) = flagged(store, 1, &["qq", "msn"]);
    let (other, more) = flagged(store, 2, &["qq"]);
    let sent = notice(1, &[(ids[0], &device), (ids[1], &device), (more[0], &other)]);
    issue(store, &sent);
    for id in ids.iter().chain(&more) {
        put(store, *id, FindingState::NoticeIssued);
    }
    assert!(read(store, &sent).lines.iter().all(|line| line.cleared.is_none()));
    put(store, ids[0], FindingState::Resolved);
    put(store, ids[1], FindingState::Excepted);
    let half = read(store, &sent);
    assert_eq!(half.state, NoticeState::Issued);
    assert_eq!(
        half.lines.iter().map(|line| line.cleared).collect::<Vec<_>>(),
        [
            Some((NOW + 500, FindingState::Resolved)),
            Some((NOW + 500, FindingState::Excepted)),
            None
        ]
    );
    put(store, ids[0], FindingState::Open);
    assert_eq!(read(store, &sent).lines[0].cleared, None, "it came back");
    decide(store, ids[0], FindingState::FalsePositive, NOW + 900);
    assert_eq!(
        read(store, &sent).lines[0].cleared,
        Some((NOW + 900, FindingState::FalsePositive)),
        "a decision has its own time, not that of the last look"
    );
    put(store, more[0], FindingState::Resolved);
    let done = read(store, &sent);
    assert_eq!(
        (done.state, done.rectified_at),
        (NoticeState::Rectified, Some(NOW + 500))
    );
    put(store, more[0], FindingState::Open);
    assert_eq!(
        read(store, &sent).state,
        NoticeState::Rectified,
        "what comes later is another matter"
    );
}

pub fn an_asset_is_loaded_with_what_it_is_late_with_until_that_is_over(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (device, ids) = flagged(store, 1, &["qq", "msn"]);
    let (other, _) = flagged(store, 2, &["qq"]);
    let sent = notice(1, &[(ids[0], &device), (ids[1], &device)]);
    issue(store, &sent);
    let loaded = everything(store, &device).notices;
    assert_eq!(loaded.len(), 1, "one notice, whatever its lines");
    assert_eq!(
        (loaded[0].number.as_str(), loaded[0].due_at),
        (sent.number.as_str(), NOW + 1_000)
    );
    assert!(everything(store, &other).notices.is_empty());
    let generation = store.context_generation().unwrap();
    let judged = Op::Judged {
        asset: device.asset,
        generation,
        wake_at: None,
    };
    apply(store, vec![judged]);
    put(store, ids[0], FindingState::Resolved);
    put(store, ids[1], FindingState::Resolved);
    assert!(everything(store, &device).notices.is_empty());
    assert!(
        store.due(i64::MAX, 10).unwrap().contains(&device.id),
        "it is late no longer"
    );
    let filter = FindingFilter {
        asset: Some(device.asset),
        ..FindingFilter::default()
    };
    assert_eq!(store.findings(&filter, ALL).unwrap().total, 2);
}

pub fn whoever_a_notice_names_can_be_forgotten(bench: &dyn Bench) {
    let store = bench.open();
    let store = store.as_ref();
    let (device, ids) = flagged(store, 1, &["qq"]);
    let first = notice(1, &[(ids[0], &device)]);
    issue(store, &first);
    let zhang = Subject {
        name: "张三".into(),
        accounts: Vec::new(),
    };
    let rows = store.subject(&zhang).unwrap();
    assert_eq!(rows["notices"][0]["number"], first.number);
    assert_eq!(rows["notice_lines"][0]["notice"], first.number);
    let erased = store.erase(&zhang, &audit("subject.delete")).unwrap();
    assert_eq!((erased["notices"], erased["notice_lines"]), (1, 1));
    let left = read(store, &first);
    assert_eq!(
        (left.name.as_str(), left.lines[0].words.custodian.as_str()),
        ("—", "—")
    );
    assert_eq!(left.lines[0].words.found, first.lines[0].words.found);
    assert!(store.subject(&zhang).unwrap().is_empty());
}
