//! What people rule on the dashboard: approvals, notices, and decisions about several findings at once.

use axum::http::StatusCode;
use deskwarden_domain::{
    model::{ApprovalId, ApprovalState, FindingAction, FindingId, FindingState, Grantee, Role},
    port::ApprovalFilter,
};

use super::{
    house::{House, START, audit},
    seed::{self, Say},
};
use crate::{
    actions::{self, Decision},
    approvals::{self, Terms},
};

const DAY: i64 = 86_400_000;

/// An approval for the first finding, in words that a test may make hostile.
pub(super) fn seed(house: &House, say: &Say) {
    let store = house.store.as_ref();
    let rows = approvals::findings(store, &[FindingId(1)]).unwrap();
    let terms = Terms {
        approver: say("张明"),
        reason: say("对外联系"),
        starts_at: START,
        ends_at: START + 3 * DAY,
    };
    let wanted = approvals::of_findings(&rows, false, &terms, &say("li"), START).unwrap();
    let wanted: Vec<_> = wanted.into_iter().map(|one| (one, audit())).collect();
    store.grant(&wanted).unwrap();
}

fn state(house: &House, id: i64) -> FindingState {
    let detail = house.store.finding(FindingId(id)).unwrap().unwrap();
    detail.row.finding.state
}

fn granted(house: &House) -> Vec<deskwarden_domain::model::Approval> {
    let all = deskwarden_domain::port::Paging { offset: 0, limit: 50 };
    let page = house.store.approvals(&ApprovalFilter::default(), all).unwrap();
    page.rows.into_iter().map(|row| row.approval).collect()
}

#[test]
fn chosen_findings_are_acknowledged_at_once_and_what_cannot_be_is_told() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let page = wang.get("/findings").body;
    assert!(page.contains("name=\"id\" value=\"1\"") && page.contains("action=\"/findings/bulk\""));
    let decision = Decision {
        finding: FindingId(2),
        action: FindingAction::FalsePositive,
        actor: "li".into(),
        note: "x".into(),
        now: START,
    };
    actions::decide(house.store.as_ref(), &decision).unwrap();
    let fields = [
        ("id", "1"),
        ("id", "2"),
        ("id", "99"),
        ("action", "acknowledge"),
        ("back", "/findings?state=any"),
    ];
    let answer = wang.post("/findings/bulk", &fields);
    assert_eq!(answer.location(), "/findings?state=any&bulk=1.2");
    assert_eq!(state(&house, 1), FindingState::Acknowledged);
    let page = wang.get("/findings?state=any&bulk=1.2").body;
    assert!(page.contains("已知悉 1 项") && page.contains("2 项当前状态不允许"));

    let nothing = wang.post(
        "/findings/bulk",
        &[("action", "acknowledge"), ("back", "//evil.example")],
    );
    assert_eq!(nothing.location(), "/findings");
    let unknown = wang.post("/findings/bulk", &[("action", "delete"), ("id", "1")]);
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let mut auditor = house.person("shen", &[Role::Auditor]);
    assert!(!auditor.get("/findings").body.contains("/findings/bulk"));
}

#[test]
fn chosen_findings_are_approved_on_a_form_that_says_who_why_and_until_when() {
    let house = House::new();
    let (_, asset) = seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let chosen = wang.post(
        "/findings/bulk",
        &[("id", "1"), ("id", "2"), ("action", "approve")],
    );
    assert_eq!(chosen.location(), "/approvals/new?findings=1.2");
    let form = wang.get("/approvals/new?findings=1.2").body;
    assert!(form.contains("href=\"/findings/1\"") && form.contains("name=\"findings\" value=\"1.2\""));
    let answer = wang.post(
        "/approvals",
        &[
            ("findings", "1.2"),
            ("approver", "张明（主任）"),
            ("reason", "值班室对外联系"),
            ("until", "2026-12-31"),
        ],
    );
    assert_eq!(answer.location(), "/approvals", "{}", answer.body);
    let granted = granted(&house);
    assert_eq!(granted.len(), 2);
    for (approval, id) in granted.iter().rev().zip([1, 2]) {
        let finding = house.store.finding(FindingId(id)).unwrap().unwrap().row.finding;
        assert_eq!(approval.grantee, Grantee::Asset(asset));
        assert!(approval.names(&finding.key.rule, &finding.key.subject));
        assert_eq!(
            (approval.granted_by.as_str(), approval.starts_at),
            ("wang", START)
        );
        // The last day is included, in the zone of the pages.
        assert_eq!(approval.ends_at, 1_798_732_800_000);
        assert_eq!(approval.finding, Some(FindingId(id)));
    }
    let list = wang.get("/approvals?state=in_force").body;
    assert!(list.contains("张明（主任）") && list.contains("生效中"));
    assert!(wang.get("/findings/1").body.contains("张明（主任）"));
}

#[test]
fn a_whole_department_or_a_pattern_is_approved_without_a_finding() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let form = [
        ("department", " 客服部 "),
        ("rule", "pc.chat"),
        ("subject", "wechat*"),
        ("approver", "张明"),
        ("reason", "对外联系"),
        ("from", "2026-12-01"),
        ("until", "2027-01-31"),
    ];
    let answer = wang.post("/approvals", &form);
    assert_eq!(answer.location(), "/approvals", "{}", answer.body);
    let approval = granted(&house).remove(0);
    assert_eq!(approval.grantee, Grantee::Department("客服部".into()));
    assert_eq!(approval.state(START), ApprovalState::Planned);
    assert!(wang.get("/approvals?state=planned").body.contains("整个部门"));
}

#[test]
fn a_faulty_form_comes_back_with_what_was_typed_and_every_reason() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let mut refused = |fields: &[(&str, &str)]| {
        let answer = wang.post("/approvals", fields);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields:?}");
        answer.body
    };
    let body = refused(&[
        ("rule", "pc.nothing"),
        ("subject", ""),
        ("approver", ""),
        ("reason", "my words"),
        ("until", "2020-01-01"),
    ]);
    for words in [
        "没有这条规则",
        "请填写部门",
        "请填写适用对象",
        "请填写批准人",
        "截止日期早于起始日期",
        ">my words</textarea>",
    ] {
        assert!(body.contains(words), "{words}: {body}");
    }
    let good = [
        ("department", "客服部"),
        ("rule", "pc.chat"),
        ("subject", "*"),
        ("approver", "张明"),
        ("reason", "x"),
    ];
    for (extra, words) in [
        (("until", "tomorrow"), "日期无法识别"),
        (("until", "2036-01-01"), "有效期不得超过三年"),
        (("asset", "ZC-404"), "没有这个编号的资产"),
    ] {
        let mut fields = good.to_vec();
        fields.push(extra);
        if extra.0 != "until" {
            fields.push(("until", "2026-12-31"));
        }
        assert!(refused(&fields).contains(words), "{words}");
    }
    assert!(granted(&house).is_empty());
}

#[test]
fn an_approval_is_taken_back_with_a_reason_and_only_once() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    seed(&house, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    assert!(wang.get("/approvals").body.contains("一周内到期"));
    let silent = wang.post("/approvals/1/withdraw", &[("reason", " ")]);
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(silent.body.contains("请填写理由"));
    let answer = wang.post("/approvals/1/withdraw", &[("reason", "岗位调整")]);
    assert_eq!(answer.location(), "/approvals");
    let row = house.store.approval(ApprovalId(1)).unwrap().unwrap();
    assert_eq!(row.approval.withdrawn.unwrap().reason, "岗位调整");
    let again = wang.post("/approvals/1/withdraw", &[("reason", "x")]);
    assert!(again.body.contains("此批准已不再有效"), "{}", again.body);
    assert_eq!(
        wang.post("/approvals/9/withdraw", &[("reason", "x")]).status,
        StatusCode::NOT_FOUND
    );
    assert!(wang.get("/approvals?state=withdrawn").body.contains("岗位调整"));
}
