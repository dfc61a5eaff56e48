//! How the collector itself is: for administrators and auditors, with what is wrong said once.

use axum::http::{Method, StatusCode, header};
use deskwarden_domain::{
    model::{ApiScope, Finding, FindingKey, FindingState, Holder, Role, Severity},
    operations::{CLAUSE, Kind},
    port::{Batch, Op},
};

use serde_json::Value;

use crate::meter::Reason;

use super::{
    api,
    house::{House, START},
    seed,
};

fn read(house: &House, lang: &'static str) -> String {
    let name = format!("gao-{}", house.store.users().unwrap().len());
    let mut gao = house.person(&name, &[Role::Administrator]);
    gao.lang = lang;
    let answer = gao.get("/system");
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.body
}

#[test]
fn a_new_collector_says_so_and_nothing_is_wrong() {
    let house = House::new();
    let body = read(&house, "en");
    for words in [
        "Nothing is wrong",
        "Root certificate",
        "Certificate of the agents",
        "No device reports yet",
        "No message waits",
        "no backup is expected",
        " KiB",
    ] {
        assert!(body.contains(words), "{words}: {body}");
    }
    assert!(!body.contains("class=\"badge out-fail\""));
}

#[test]
fn what_came_in_and_which_agents_there_are_is_counted() {
    let house = House::new();
    for n in 1..=3 {
        seed::machine(&house, n, &seed::plain());
    }
    seed::deliveries(&house, &seed::plain());
    seed::refused_rules(&house, &seed::plain());
    house.meter.add(START - 60_000, 7);
    house.meter.add(START - 600_000, 5);
    let body = read(&house, "en");
    assert!(body.contains("<p class=\"big\">7</p>"), "{body}");
    assert!(body.contains("12 reports in the last hour"));
    assert!(body.contains("site.toml:12: no category is called"));
    assert!(body.contains("<bdi>0.1.0</bdi>") && body.contains("<bdi>linux-x86_64</bdi>"));
    let mut shen = house.person("shen", &[Role::Auditor]);
    let csv = shen.get("/system/export?format=csv").body;
    assert!(csv.contains("0.1.0,linux-x86_64,3,3,0,0"), "{csv}");
    house.pass(2 * 3_600_000);
    let csv = shen.get("/system/export?format=csv").status;
    assert_eq!(csv, StatusCode::SEE_OTHER, "the session ended meanwhile");
    let mut shen = house.stranger();
    shen.sign_in("shen", super::house::PASSWORD);
    let csv = shen.get("/system/export?format=csv").body;
    assert!(csv.contains("0.1.0,linux-x86_64,3,0,0,3"), "{csv}");
}

#[test]
fn a_condition_marks_what_it_is_about() {
    let house = House::new();
    let finding = Finding {
        id: None,
        key: FindingKey {
            holder: Holder::Organisation,
            rule: Kind::CertificateEnds.rule().to_owned(),
            subject: "root CA".to_owned(),
        },
        severity: Severity::High,
        clause: CLAUSE.to_owned(),
        subject_name: "root CA".to_owned(),
        state: FindingState::Open,
        first_seen: START,
        last_seen: START,
        opened_at: START,
        resolved_at: None,
        reopened: 0,
        version: 0,
        seen: None,
    };
    let batch = Batch {
        ops: vec![Op::PutFinding(finding)],
        ..Batch::default()
    };
    house.store.apply(&batch).unwrap();
    let body = read(&house, "en");
    assert_eq!(body.matches("class=\"badge out-fail\"").count(), 1, "{body}");
    assert!(body.contains("A certificate is about to end") && !body.contains("Nothing is wrong"));
    let zh = read(&house, "zh-CN");
    assert!(zh.contains("根证书") && zh.contains("证书即将到期"));
}

#[test]
fn a_monitoring_system_reads_how_it_is_with_a_token() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    seed::deliveries(&house, &seed::plain());
    house.meter.add(START, 12);
    let secret = api::token(&house, &[ApiScope::Read], "");
    let answer = api::ask(&house, Method::GET, "/metrics", &secret, &Value::Null);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let body = answer.body;
    for line in [
        "# TYPE deskwarden_reports_total counter",
        "deskwarden_reports_total 12",
        "deskwarden_devices{version=\"0.1.0\",platform=\"linux-x86_64\",state=\"reporting\"} 1",
        "deskwarden_assets{state=\"all\"} 1",
        "deskwarden_certificate_end_time_seconds{name=\"root CA\"} ",
    ] {
        assert!(body.lines().any(|have| have.starts_with(line)), "{line}: {body}");
    }
    // Every line is a remark or a metric that a remark announced, and a number.
    let mut announced = std::collections::BTreeSet::new();
    let mut histograms = std::collections::BTreeSet::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(announced.insert(name), "{line}");
            if kind == "histogram" {
                histograms.insert(name);
            }
        } else if !line.starts_with("# HELP ") {
            let (metric, value) = line.rsplit_once(' ').unwrap();
            let name = metric.split('{').next().unwrap();
            let whole = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| name.strip_suffix(part).filter(|name| histograms.contains(name)));
            assert!(announced.contains(whole.unwrap_or(name)), "{line}");
            value.parse::<f64>().unwrap();
        }
    }
    // Neither strangers, nor who sees a department only, nor a token for something else.
    assert_eq!(house.stranger().get("/metrics").status, StatusCode::UNAUTHORIZED);
    for (scope, departments) in [
        (ApiScope::Audit, ""),
        (ApiScope::Read, "\u{5ba2}\u{670d}\u{90e8}"),
    ] {
        let other = api::token(&house, &[scope], departments);
        let answer = api::ask(&house, Method::GET, "/metrics", &other, &Value::Null);
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{departments}");
    }
}

#[test]
fn what_needs_no_store_is_told_while_it_is_out_of_reach() {
    let house = House::new();
    let secret = api::token(&house, &[ApiScope::Read], "");
    let unused = api::token(&house, &[ApiScope::Read, ApiScope::Audit], "");
    house.meter.acknowledged.add(std::time::Duration::from_millis(20));
    house.meter.refusals.add(Reason::Busy);
    let _waits = house.meter.queue.enter(7);
    let ask = |path, secret: &str| api::ask(&house, Method::GET, path, secret, &Value::Null);
    let has = |body: &str, line: &str| body.lines().any(|have| have == line);
    let body = ask("/metrics", &secret).body;
    assert!(
        has(&body, "deskwarden_store_up 1") && body.contains("deskwarden_assets"),
        "{body}"
    );
    house.raw("ALTER TABLE api_tokens RENAME TO away; ALTER TABLE findings RENAME TO away_too;");
    let answer = ask("/metrics", &secret);
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    for line in [
        "deskwarden_store_up 0",
        "deskwarden_acknowledgement_seconds_count 1",
        "deskwarden_acknowledgement_seconds_bucket{le=\"0.01\"} 0",
        "deskwarden_acknowledgement_seconds_bucket{le=\"0.025\"} 1",
        "deskwarden_refusals_total{reason=\"busy\"} 1",
        "deskwarden_refusals_total{reason=\"fork\"} 0",
        "deskwarden_queue_records 1",
        "deskwarden_queue_bytes 7",
    ] {
        assert!(has(&answer.body, line), "{line}: {}", answer.body);
    }
    assert!(!answer.body.contains("deskwarden_assets"), "{}", answer.body);
    // What needs the store is not let in by what held lately, nor who was not let in before, nor for ever.
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(ask("/api/v1/findings", &secret).status, unavailable);
    assert_eq!(ask("/metrics", &unused).status, unavailable);
    house.pass(24 * 3_600_000);
    assert_eq!(ask("/metrics", &secret).status, unavailable);
}

#[test]
fn a_token_that_was_withdrawn_is_not_remembered() {
    let house = House::new();
    let secret = api::token(&house, &[ApiScope::Read], "");
    let ask = || api::ask(&house, Method::GET, "/metrics", &secret, &Value::Null).status;
    assert_eq!(ask(), StatusCode::OK);
    house.raw("UPDATE api_tokens SET revoked_at = 1");
    assert_eq!(ask(), StatusCode::UNAUTHORIZED);
    house.raw("ALTER TABLE api_tokens RENAME TO away");
    assert_eq!(ask(), StatusCode::SERVICE_UNAVAILABLE);
}
