//! Inspection runs, providers to be assessed anew, and the record forms of PC 5.

use axum::http::StatusCode;
use deskwarden_domain::{
    model::{Finding, FindingAction, FindingId, Role},
    port::{Batch, FindingFilter, Op, Paging},
};

use super::{
    house::{House, START, audit},
    rulings::{notify, registered, snapshot},
    seed,
};
use crate::actions::{self, Decision};

const DAY: i64 = 86_400_000;

/// Two runs a month apart.
pub(super) fn seed(house: &House) {
    let store = house.store.as_ref();
    for at in [START - 30 * DAY, START] {
        crate::inspections::by_hand(store, "li", 8 * 3_600_000, at).unwrap();
    }
}

fn part_changed(house: &House) -> FindingId {
    let filter = FindingFilter {
        rule: Some("pc.part-changed".into()),
        ..FindingFilter::default()
    };
    let one = Paging { offset: 0, limit: 1 };
    house.store.findings(&filter, one).unwrap().rows[0].id
}

#[test]
fn an_inspection_is_made_by_hand_shown_and_printed_in_both_languages() {
    let house = House::new();
    registered(&house);
    let mut wang = house.person("wang", &[Role::Technician]);
    let answer = wang.post("/inspections", &[]);
    assert_eq!(answer.location(), "/inspections/1");
    assert_eq!(
        wang.post("/inspections", &[]).location(),
        "/inspections",
        "twice within a minute is once"
    );
    let page = wang.get("/inspections/1").body;
    assert!(
        page.contains("客服部") && page.contains("ZC-0012") && page.contains("0 / 1"),
        "{page}"
    );
    assert!(wang.get("/inspections").body.contains("2026-11-23 10:00"));
    house.pass(5 * 60_000);
    let second = wang.post("/inspections", &[]).location().to_owned();
    let page = wang.get(&second).body;
    assert!(page.contains("+0.0%"), "the trend by department: {second} {page}");
    for lang in ["zh-CN", "en"] {
        wang.lang = lang;
        let sheet = wang.get("/inspections/1/print");
        assert_eq!(sheet.status, StatusCode::OK);
        snapshot(&format!("inspection.{lang}.html"), &sheet.body);
    }
    for format in ["csv", "xlsx"] {
        assert!(sheet_link(&page, format), "{page}");
    }
    let rows = wang.get("/inspections/1/export?format=csv").body;
    assert_eq!(rows.lines().count(), 2, "{rows}");
    assert!(
        rows.contains("ZC-0012") && rows.contains("客服部") && rows.contains("Rules passed"),
        "{rows}"
    );
    for unknown in ["/inspections/9/export", "/inspections/x/export"] {
        assert_eq!(wang.get(unknown).status, StatusCode::NOT_FOUND);
    }
    assert_eq!(wang.get("/inspections/9").status, StatusCode::NOT_FOUND);
    assert_eq!(wang.get("/inspections/x/print").status, StatusCode::NOT_FOUND);
}

fn sheet_link(page: &str, format: &str) -> bool {
    page.contains(&format!("/export?format={format}\""))
}

#[test]
fn the_record_forms_list_a_period_and_print_in_both_languages() {
    let house = House::new();
    registered(&house);
    notify(&house, &seed::plain());
    let decision = Decision {
        finding: part_changed(&house),
        action: FindingAction::Accept,
        actor: "li".into(),
        note: "工单 12".into(),
        now: START,
    };
    actions::decide(house.store.as_ref(), &decision).unwrap();
    let mut shen = house.person("shen", &[Role::Auditor]);
    for lang in ["zh-CN", "en"] {
        shen.lang = lang;
        for form in ["violations", "changes"] {
            let page = shen.get(&format!("/forms/{form}?from=2026-11-01&to=2026-11-30"));
            assert_eq!(page.status, StatusCode::OK);
            snapshot(&format!("{form}.{lang}.html"), &page.body);
        }
    }
    let other = shen.get("/forms/changes?to=2026-11-30&department=x").body;
    assert!(!other.contains("工单 12"), "{other}");
    let before = shen.get("/forms/violations?from=2026-01-01&to=2026-01-31").body;
    assert!(before.contains("Nothing in this period"));
}

#[test]
fn a_critical_finding_marks_its_provider_until_a_technician_writes_the_conclusion() {
    let house = House::new();
    let (_, asset) = seed::machine(&house, 1, &seed::plain());
    let store = house.store.as_ref();
    let (row, _) = store.asset(asset).unwrap().unwrap();
    let theirs = deskwarden_domain::model::Asset {
        provider: Some("东方信息".into()),
        ..row.asset
    };
    store.put_asset(&theirs, false, &audit()).unwrap();
    let mut wang = house.person("wang", &[Role::Technician]);
    assert!(!wang.get("/inspections").body.contains("东方信息"));
    let known = store.finding(part_changed(&house)).unwrap().unwrap().row.finding;
    let mut key = known.key.clone();
    key.subject = "memory:DIMM_B1".into();
    let found = Finding {
        id: None,
        key,
        version: 0,
        ..known
    };
    let batch = Batch {
        ops: vec![Op::PutFinding(found)],
        ..Batch::default()
    };
    store.apply(&batch).unwrap();

    let page = wang.get("/inspections").body;
    assert!(
        page.contains("需重新评估的外包单位") && page.contains("东方信息"),
        "{page}"
    );
    let settle = "/inspections/reassessments/1";
    let long = "x".repeat(5_000);
    for (note, words) in [("  ", "请填写评估结论"), (long.as_str(), "结论过长")] {
        let refused = wang.post(settle, &[("note", note)]);
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.body.contains(words), "{}", refused.body);
    }
    let conclusion = [("note", "已约谈，继续服务")];
    assert_eq!(wang.post(settle, &conclusion).location(), "/inspections");
    let page = wang.get("/inspections").body;
    assert!(!page.contains("需重新评估的外包单位") && page.contains("已约谈，继续服务"));
    assert_eq!(wang.post(settle, &conclusion).status, StatusCode::CONFLICT);
    for unknown in ["/inspections/reassessments/9", "/inspections/reassessments/x"] {
        assert_eq!(wang.post(unknown, &conclusion).status, StatusCode::NOT_FOUND);
    }
}
