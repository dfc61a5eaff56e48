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
        ("asset", "1"),
        ("department", "客服部"),
        ("rule", "pc.chat"),
        ("subject", "wechat*"),
        ("approver", "张明"),
        ("reason", "对外联系"),
        ("until", "2027-01-31"),
    ]);
    assert!(body.contains("只能填写一项"), "{body}");
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
        (("asset", "ZC-404"), "只能填写一项"),
    ] {
        let mut fields = good.to_vec();
        fields.push(extra);
        if extra.0 != "until" {
            fields.push(("until", "2026-12-31"));
        }
        assert!(refused(&fields).contains(words), "{words}");
    }
    let mut unknown = good.to_vec();
    unknown[0] = ("asset", "ZC-404");
    unknown.push(("until", "2026-12-31"));
    assert!(refused(&unknown).contains("没有这个编号的资产"));
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

/// A registered PC of a person, with its findings.
pub(super) fn registered(house: &House) {
    let (_, asset) = seed::machine(house, 1, &seed::plain());
    let (row, _) = house.store.asset(asset).unwrap().unwrap();
    let entry = deskwarden_domain::model::Asset {
        number: Some("ZC-0012".into()),
        custodian: Some("张三".into()),
        department: Some("客服部".into()),
        provisional: false,
        ..row.asset
    };
    house.store.put_asset(&entry, false, &audit()).unwrap();
}

const NUMBER: &str = "信整〔2026〕001号";
pub(super) const ADDRESS: &str = "/notices/%E4%BF%A1%E6%95%B4%E3%80%942026%E3%80%95001%E5%8F%B7";

/// As much of a text as a form takes.
fn cut(text: String) -> String {
    text.chars().take(900).collect()
}

/// Issues a notice for the first two findings.
pub(super) fn notify(house: &House, say: &Say) {
    notify_about(house, say, &[FindingId(1), FindingId(2)]);
}

/// Issues a notice, with what its addressee said.
pub(super) fn notify_about(house: &House, say: &Say, ids: &[FindingId]) {
    let terms = deskwarden_domain::notice::Terms {
        due_at: START + 7 * DAY,
        demand: cut(say("当面说明情况")),
        objection: cut(say("三个工作日内向信息管理部书面提出。")),
    };
    let office = crate::notices::Office::default();
    let rules = super::house::built_in_rules();
    let store = house.store.as_ref();
    crate::notices::issue(store, &rules, &office, ids, &terms, "li", START).unwrap();
    let reply = deskwarden_domain::model::NoticeReply {
        at: START,
        recorded_by: "li".into(),
        author: say("张三").chars().take(60).collect(),
        objection: true,
        text: cut(say("软件是前任使用人安装的")),
    };
    crate::notices::reply(store, NUMBER, &reply).unwrap();
}

#[test]
fn a_notice_is_issued_for_chosen_findings_and_verified_by_itself() {
    let house = House::new();
    registered(&house);
    let mut wang = house.person("wang", &[Role::Technician]);
    let chosen = wang.post(
        "/findings/bulk",
        &[("id", "1"), ("id", "2"), ("action", "notice")],
    );
    assert_eq!(chosen.location(), "/notices/new?findings=1.2");
    let form = wang.get("/notices/new?findings=1.2").body;
    assert!(
        form.contains("value=\"2026-11-30\"") && form.contains("书面提出"),
        "{form}"
    );
    let sent = [
        ("findings", "1.2"),
        ("due", "2026-11-30"),
        ("demand", "当面说明情况"),
        ("objection", "三日内提出"),
    ];
    let answer = wang.post("/notices", &sent);
    assert_eq!(answer.location(), ADDRESS, "{}", answer.body);
    assert_eq!(state(&house, 1), FindingState::NoticeIssued);
    let page = wang.get(ADDRESS).body;
    assert!(page.contains("张三") && page.contains("整改中") && page.contains("当面说明情况"));
    assert!(wang.get("/findings/1").body.contains(ADDRESS));
    assert!(wang.get("/notices?state=issued").body.contains(NUMBER));
    assert!(!wang.get("/notices?state=overdue").body.contains(NUMBER));

    let again = wang.post("/notices", &sent);
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("只能通知待处理或已知悉的问题") && again.body.contains("三日内提出"));

    house.pass(8 * DAY);
    wang.sign_in("wang", super::house::PASSWORD);
    let late = wang.get(&format!("{ADDRESS}?x=1")).body;
    assert!(late.contains("整改期限已过"), "{late}");
    assert!(wang.get("/notices?state=overdue").body.contains(NUMBER));

    for id in [1, 2] {
        let decision = Decision {
            finding: FindingId(id),
            action: FindingAction::FalsePositive,
            actor: "li".into(),
            note: "核实有误".into(),
            now: START + 8 * DAY,
        };
        actions::decide(house.store.as_ref(), &decision).unwrap();
    }
    assert!(wang.get("/notices?state=rectified").body.contains(NUMBER));
    let filed = wang.post(&format!("{ADDRESS}/close"), &[("note", "")]);
    assert_eq!(filed.location(), ADDRESS);
    assert!(wang.get("/notices?state=closed").body.contains(NUMBER));
    let twice = wang.post(&format!("{ADDRESS}/close"), &[("note", "x")]);
    assert!(twice.body.contains("此通知已归档"));
    assert_eq!(wang.get("/notices/x").status, StatusCode::NOT_FOUND);
}

#[test]
fn what_the_addressee_says_is_recorded_and_a_notice_is_not_filed_without_a_reason() {
    let house = House::new();
    registered(&house);
    notify(&house, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let reply = format!("{ADDRESS}/reply");
    let answer = wang.post(&reply, &[("author", "张三"), ("text", "已卸载")]);
    assert_eq!(answer.location(), ADDRESS);
    let page = wang.get(ADDRESS).body;
    assert!(page.contains("已卸载") && page.contains("软件是前任使用人安装的") && page.contains("异议"));
    for (fields, words) in [
        ([("author", ""), ("text", "x")], "请填写何人所说"),
        ([("author", "张三"), ("text", " ")], "请填写内容"),
    ] {
        let refused = wang.post(&reply, &fields);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(words), "{words}");
    }
    let close = format!("{ADDRESS}/close");
    let refused = wang.post(&close, &[("note", " ")]);
    assert!(refused.body.contains("归档须说明理由"), "{}", refused.body);
    let filed = wang.post(&close, &[("note", "申诉成立，撤销")]);
    assert_eq!(filed.location(), ADDRESS);
    assert_eq!(
        state(&house, 1),
        FindingState::Acknowledged,
        "what is left is to be dealt with"
    );
}

#[test]
fn findings_of_several_people_get_no_common_notice() {
    let house = House::new();
    registered(&house);
    let (_, asset) = seed::machine(&house, 3, &seed::plain());
    let (row, _) = house.store.asset(asset).unwrap().unwrap();
    let elsewhere = deskwarden_domain::model::Asset {
        department: Some("财务部".into()),
        ..row.asset
    };
    house.store.put_asset(&elsewhere, false, &audit()).unwrap();
    let other = (1..).find(|id| {
        let detail = house.store.finding(FindingId(*id)).unwrap().unwrap();
        detail.row.asset.is_some_and(|asset| asset.number.is_none())
    });
    let findings = format!("1.{}", other.unwrap());
    let mut wang = house.person("wang", &[Role::Technician]);
    let fields = [
        ("findings", findings.as_str()),
        ("due", "2026-11-30"),
        ("objection", "x"),
    ];
    let refused = wang.post("/notices", &fields);
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("请分别签发"), "{}", refused.body);
    for (field, value, words) in [
        ("due", "2026-11-01", "整改期限已过"),
        ("due", "2036-11-01", "不得超过一年"),
        ("due", "soon", "日期无法识别"),
        ("objection", "", "如何提出异议"),
        ("findings", "", "先在问题列表中选择"),
    ] {
        let mut fields = vec![("findings", "1"), ("due", "2026-11-30"), ("objection", "x")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        let refused = wang.post("/notices", &fields);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(words), "{words}: {}", refused.body);
    }
    assert_eq!(state(&house, 1), FindingState::Open);
}

/// A sheet as it was when somebody last looked at it: `DESKWARDEN_WRITE_SNAPSHOTS=1` writes it anew.
pub(super) fn snapshot(name: &str, page: &str) {
    let start = page.find("<main>").unwrap();
    let end = page.find("</main>").unwrap();
    let sheet = &page[start..end];
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/web/tests/snapshots")
        .join(name);
    if std::env::var_os("DESKWARDEN_WRITE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, sheet).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(sheet, known, "{name} changed: look at it, then write it anew");
}

#[test]
fn the_printed_notice_is_as_it_was_in_both_languages() {
    let house = House::new();
    registered(&house);
    notify(&house, &seed::plain());
    let mut wang = house.person("wang", &[Role::Auditor]);
    for lang in ["zh-CN", "en"] {
        wang.lang = lang;
        let answer = wang.get(&format!("{ADDRESS}/print"));
        assert_eq!(answer.status, StatusCode::OK);
        snapshot(&format!("notice.{lang}.html"), &answer.body);
    }
}

#[test]
fn an_administrator_ends_the_observation_and_everybody_sees_how_long_it_lasts() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut chief = house.person("chief", &[Role::Administrator]);
    assert!(chief.get("/channels").body.contains("不在观察期"));
    let answer = chief.post("/observation", &[("days", "14")]);
    assert_eq!(answer.location(), "/channels");
    assert!(chief.get("/channels").body.contains("观察期还剩 14 天"));
    house.pass(DAY + 1);
    let mut auditor = house.person("shen", &[Role::Auditor]);
    assert!(auditor.get("/").body.contains("观察期还剩 13 天"));
    chief.sign_in("chief", super::house::PASSWORD);
    for days in ["91", "-1", ""] {
        let refused = chief.post("/observation", &[("days", days)]);
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{days}");
    }
    chief.post("/observation", &[("days", "0")]);
    assert!(!auditor.get("/").body.contains("观察期"));
}

/// A provider's device that failed its check.
pub(super) fn admit(house: &House, say: &Say) {
    use deskwarden_domain::model::{Admission, Checked, Outcome, RuleVerdict, Text};
    let store = house.store.as_ref();
    let wanted = crate::admissions::Wanted {
        provider: "东方信息".into(),
        purpose: "巡检笔记本".into(),
        uses: 1,
        valid: DAY,
        good_days: 30,
    };
    let (_, token) = crate::admissions::make(store, &wanted, "li", START).unwrap();
    let came = Admission {
        id: 0,
        device: deskwarden_proto::ids::DeviceId::from_random([77; 16]),
        provider: String::new(),
        purpose: String::new(),
        good_days: 0,
        hostname: say("vendor-pc"),
        serial: say("PF2ABC"),
        model: say("T14"),
        platform: say("linux-x86_64"),
        agent_version: say("0.1.0"),
        peer: "10.9.8.7".into(),
        begun_at: START,
        checked: None,
    };
    let admission = store.admit(&token.hash, &came).unwrap().unwrap().unwrap();
    let rule = RuleVerdict {
        rule: "pc.chat".into(),
        clause: "PC 3.2.4".into(),
        title: Text::new("聊天软件", "Chat program"),
        outcome: Outcome::Fail,
        reasons: vec![Text::new(say("QQ 已安装"), say("QQ is installed"))],
        remedy: Text::new("卸载", "Remove it"),
    };
    let checked = Checked {
        at: START,
        outcome: Outcome::Fail,
        rules: vec![rule],
        valid_until: None,
    };
    store.put_checked(admission.id, &checked, &audit()).unwrap();
}

#[test]
fn a_failed_admission_is_listed_with_the_reasons_and_is_never_good() {
    let house = House::new();
    admit(&house, &seed::plain());
    let mut shen = house.person("shen", &[Role::Auditor]);
    assert!(shen.get("/admissions").body.contains("vendor-pc"));
    assert!(!shen.get("/admissions?show=good").body.contains("vendor-pc"));
    let page = shen.get("/admissions/1").body;
    assert!(page.contains("QQ 已安装") && page.contains("东方信息") && page.contains("卸载"));
    for unknown in ["/admissions/9", "/admissions/x"] {
        assert_eq!(shen.get(unknown).status, StatusCode::NOT_FOUND);
    }
}
