//! The API: document, router and answers agree; tokens reach what their scopes say; nothing is decided by what a
//! browser sends by itself.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use deskwarden_domain::{
    model::{ApiScope, FindingId, FindingState, Role, Sight},
    port::{FindingFilter, Paging},
};
use serde_json::{Value, json};

use super::{
    house::{Answer, HOST, House, START},
    seed::{self, Say},
};
use crate::web::{
    access::{self, Access},
    api::OPERATIONS,
    routes,
};

/// Makes a token as the page does, and gives its secret.
pub(super) fn token(house: &House, scopes: &[ApiScope], departments: &str) -> String {
    let of: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    let name = format!("maker-{}-{}", of.join("-"), departments.len());
    let mut admin = house.person(&name, &[Role::Administrator]);
    let mut fields = vec![("label", "test"), ("days", "30"), ("departments", departments)];
    fields.extend(scopes.iter().map(|scope| ("scope", scope.name())));
    let answer = admin.post("/api-tokens", &fields);
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let (_, rest) = answer.body.split_once("<code id=\"secret\">").unwrap();
    rest.split('<').next().unwrap().to_owned()
}

pub(super) fn ask(house: &House, method: Method, path: &str, token: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(if body.is_null() {
            Body::empty()
        } else {
            Body::from(body.to_string())
        })
        .unwrap();
    house.ask(request)
}

fn get(house: &House, path: &str, token: &str) -> Answer {
    ask(house, Method::GET, path, token, &Value::Null)
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}: {}", answer.status, answer.body))
}

fn document(house: &House) -> Value {
    json_of(&house.stranger().get("/api/v1/openapi.json"))
}

/// What of a value a schema does not allow. Knows the words that the document uses, and no others.
fn against(schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    for (word, wanted) in schema.as_object().unwrap() {
        match word.as_str() {
            "description" | "format" => {}
            "enum" if wanted.as_array().unwrap().contains(value) => {}
            "enum" => faults.push(format!("{at}: {value} is none of {wanted}")),
            "type" => {
                let names: Vec<&str> = match wanted {
                    Value::Array(names) => names.iter().map(|name| name.as_str().unwrap()).collect(),
                    name => vec![name.as_str().unwrap()],
                };
                let own = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                if !names.contains(&own) {
                    faults.push(format!("{at}: {own} instead of {names:?}"));
                }
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    against(wanted, item, &format!("{at}[{n}]"), faults);
                }
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        faults.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(name) {
                        against(schema, inner, &format!("{at}.{name}"), faults);
                    }
                }
            }
            "additionalProperties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    let known = schema
                        .get("properties")
                        .is_some_and(|own| own.get(name).is_some());
                    match wanted {
                        _ if known => {}
                        Value::Bool(false) => faults.push(format!("{at}: {name} is not described")),
                        other => against(other, inner, &format!("{at}.{name}"), faults),
                    }
                }
            }
            other => panic!("{at}: this test does not know `{other}`"),
        }
    }
}

fn check(schema: &Value, value: &Value, what: &str) {
    let mut faults = Vec::new();
    against(schema, value, what, &mut faults);
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_checker_of_schemas_finds_what_is_wrong() {
    let schema = json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": {"a": {"type": ["integer", "null"]}, "b": {"type": "array", "items": {"enum": ["x"]}}},
    });
    let faults = |value: Value| {
        let mut faults = Vec::new();
        against(&schema, &value, "v", &mut faults);
        faults.len()
    };
    assert_eq!(faults(json!({"a": 1, "b": ["x"]})), 0);
    for wrong in [
        json!({}),
        json!({"a": "1"}),
        json!({"a": 1.5}),
        json!({"a": 1, "c": 1}),
        json!({"a": null, "b": ["y"]}),
    ] {
        assert_eq!(faults(wrong.clone()), 1, "{wrong}");
    }
}

#[test]
fn router_document_and_access_table_name_the_same_operations() {
    let registered: BTreeSet<(String, String)> = routes()
        .registered
        .iter()
        .filter(|(_, path)| path.starts_with("/api/") && *path != "/api/v1/openapi.json")
        .map(|(method, path)| (method.to_string(), (*path).to_owned()))
        .collect();
    let house = House::new();
    let document = document(&house);
    assert_eq!(document["openapi"], "3.1.0");
    let described: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations
                .as_object()
                .unwrap()
                .keys()
                .map(move |method| (method.to_uppercase(), path.clone()))
        })
        .collect();
    assert_eq!(registered, described);
    for operation in OPERATIONS {
        let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
        let route = access::of(&method, operation.path).unwrap();
        let Access::Api(scope, _) = route.access else {
            panic!("{} is no route of the API", operation.path)
        };
        assert_eq!(scope, operation.scope, "{}", operation.path);
    }
    let ids: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids.len(),
        registered.len(),
        "every operation has a name of its own"
    );
}

/// A house where every list has a row.
fn full(say: &Say) -> House {
    let house = House::new();
    seed::machine(&house, 1, say);
    seed::machine(&house, 3, say);
    seed::deliveries(&house, say);
    let entry = deskwarden_domain::model::LedgerEntry {
        prefix: Some(24),
        gateway: Some("10.1.2.1".into()),
        dns: vec!["10.1.1.53".into()],
        mode: Some(deskwarden_domain::model::LedgerMode::Static),
        owner: Some(say("张三")),
        ..deskwarden_domain::model::LedgerEntry::of("10.1.2.3".into())
    };
    house
        .store
        .put_ledger_entry(&entry, &super::house::audit())
        .unwrap();
    let device = deskwarden_proto::ids::DeviceId::from_random([1; 16]);
    house
        .store
        .acknowledge(device, "1", &say("张三"), &super::house::audit())
        .unwrap();
    super::rulings::seed(&house, say);
    super::rulings::notify_about(&house, say, &[FindingId(2)]);
    let medium = deskwarden_domain::register::Row {
        key: "4c53".into(),
        asset: None,
        cells: [("serial", "4C53".to_owned()), ("owner", say("张三"))]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        at: START,
        by: "li".into(),
    };
    house
        .store
        .edit_book(
            deskwarden_domain::register::Book::Media,
            &[medium],
            &[],
            &super::house::audit(),
        )
        .unwrap();
    crate::inspections::by_hand(house.store.as_ref(), &say("li"), 8 * 3_600_000, START).unwrap();
    house
}

#[test]
fn every_answer_is_what_the_document_says() {
    let hostile: Say = Box::new(|text| format!("\u{202E}<b>={text}\u{0}"));
    for house in [full(&seed::plain()), full(&hostile)] {
        let secret = token(&house, &ApiScope::ALL, "");
        let document = document(&house);
        for operation in OPERATIONS {
            let method = Method::from_bytes(operation.method.as_bytes()).unwrap();
            let id = if operation.path.contains("/devices/") {
                "01".repeat(16)
            } else {
                "1".into()
            };
            let mut path = operation.path.replace("{id}", &id).replace("{book}", "media");
            let described = &document["paths"][operation.path][operation.method.to_lowercase()];
            if path.ends_with("/items") {
                path.push_str("?section=software");
            } else if path.ends_with("/findings") || path.ends_with("/findings/1") {
                path.push_str("?state=any");
            }
            let path = path.replace("/findings/1?state=any", "/findings/1");
            let body = described["requestBody"]
                .is_object()
                .then(|| json!({"action": "acknowledge", "note": "seen"}));
            let answer = ask(&house, method, &path, &secret, &body.unwrap_or_default());
            let status = answer.status.as_u16().to_string();
            let schema = &described["responses"][&status]["content"]["application/json"]["schema"];
            assert!(
                answer.status.is_success(),
                "{path}: {} {}",
                answer.status,
                answer.body
            );
            assert!(schema.is_object(), "{path}: {status} is not described");
            let value = json_of(&answer);
            check(schema, &value, &path);
            let rows = value.as_object().unwrap().values().filter_map(Value::as_array);
            for rows in rows.filter(|_| operation.method == "GET" && !operation.path.contains("{id}")) {
                assert!(!rows.is_empty(), "{path} has no row to check");
            }
        }
    }
}

#[test]
fn failures_are_what_the_document_says() {
    let house = full(&seed::plain());
    let secret = token(&house, &[ApiScope::Read], "");
    let document = document(&house);
    let failure = &document["components"]["schemas"]["Failure"];
    for (path, status) in [
        ("/api/v1/findings/999", StatusCode::NOT_FOUND),
        ("/api/v1/findings/x", StatusCode::NOT_FOUND),
        ("/api/v1/findings?limit=0", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?limit=501", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?cursor=zzz", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?colour=red", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?state=nonsense", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?severity=bad", StatusCode::BAD_REQUEST),
        ("/api/v1/findings?asset=pc-1", StatusCode::BAD_REQUEST),
        ("/api/v1/notices?state=open", StatusCode::BAD_REQUEST),
        ("/api/v1/users", StatusCode::FORBIDDEN),
        ("/api/v1/inspections/999/machines", StatusCode::NOT_FOUND),
        ("/api/v1/inspections/x/machines", StatusCode::NOT_FOUND),
        ("/api/v1/register/spells", StatusCode::NOT_FOUND),
        ("/api/v1/register/media?limit=many", StatusCode::BAD_REQUEST),
        ("/api/v1/register/media?section=software", StatusCode::BAD_REQUEST),
        ("/api/v1/notices?colour=red", StatusCode::BAD_REQUEST),
        ("/api/v1/nothing", StatusCode::NOT_FOUND),
    ] {
        let answer = get(&house, path, &secret);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        check(failure, &json_of(&answer), path);
    }
    for wrong in ["", "dwa_", "dwa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x"] {
        assert_eq!(
            get(&house, "/api/v1/findings", wrong).status,
            StatusCode::UNAUTHORIZED,
            "{wrong}"
        );
    }
    let act = token(&house, &[ApiScope::Read, ApiScope::Act], "");
    for body in [
        json!(null),
        json!({"action": "explode"}),
        json!({"action": "reopen", "x": 1}),
        json!([]),
    ] {
        let answer = ask(&house, Method::POST, "/api/v1/findings/1/action", &act, &body);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        check(failure, &json_of(&answer), "action");
    }
}

#[test]
fn a_list_is_walked_to_its_end_by_cursors() {
    let house = House::new();
    for n in 1..=5 {
        seed::machine(&house, n, &seed::plain());
    }
    let secret = token(&house, &[ApiScope::Read], "");
    for list in ["findings", "assets", "devices"] {
        let state = if list == "findings" { "&state=any" } else { "" };
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/{list}?limit=2{state}");
        for _ in 0..50 {
            let answer = json_of(&get(&house, &path, &secret));
            seen.extend(
                answer[list]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|row| row["id"].to_string()),
            );
            match answer["next"].as_str() {
                Some(next) => path = format!("/api/v1/{list}?limit=2{state}&cursor={next}"),
                None => break,
            }
        }
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{list} repeats a row");
        let whole = json_of(&get(&house, &format!("/api/v1/{list}?limit=500{state}"), &secret));
        assert_eq!(whole[list].as_array().unwrap().len(), seen.len(), "{list}");
    }
}

#[test]
fn a_token_decides_in_its_own_name_and_a_browser_does_not() {
    let house = full(&seed::plain());
    let read = token(&house, &[ApiScope::Read], "");
    let act = token(&house, &[ApiScope::Read, ApiScope::Act], "");
    let wanted = json!({"action": "acknowledge", "note": "seen"});
    let path = "/api/v1/findings/1/action";
    assert_eq!(
        ask(&house, Method::POST, path, &read, &wanted).status,
        StatusCode::FORBIDDEN
    );
    let mut technician = house.person("wang", &[Role::Technician]);
    assert_eq!(
        technician.post(path, &[("action", "acknowledge")]).status,
        StatusCode::FORBIDDEN
    );
    let answer = ask(&house, Method::POST, path, &act, &wanted);
    assert_eq!(json_of(&answer)["state"], "acknowledged");
    let finding = house.store.finding(FindingId(1)).unwrap().unwrap();
    assert_eq!(finding.row.finding.state, FindingState::Acknowledged);
    assert!(finding.history.last().unwrap().actor.starts_with("token:"));
    let again = ask(&house, Method::POST, path, &act, &wanted);
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    let part = FindingFilter {
        rule: Some("pc.part-changed".into()),
        ..FindingFilter::default()
    };
    let part = house
        .store
        .findings(&part, Paging { offset: 0, limit: 1 })
        .unwrap()
        .rows[0]
        .id
        .0;
    let path = format!("/api/v1/findings/{part}/action");
    let unreasoned = ask(&house, Method::POST, &path, &act, &json!({"action": "reject"}));
    assert_eq!(json_of(&unreasoned)["error"], "note_missing");
    let no = json!({"action": "reject", "note": "nobody was asked"});
    let answer = ask(&house, Method::POST, &path, &act, &no);
    assert_eq!(json_of(&answer)["state"], "notice_issued", "its notice stays");
    let told = json_of(&get(&house, &format!("/api/v1/findings/{part}"), &read));
    let step = told["history"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&step["rejected"], &step["note"]),
        (&json!(true), &json!("nobody was asked"))
    );
    // Pages and forms are no place for a token.
    for page in ["/", "/findings", "/tokens", "/account", "/audit/export"] {
        let answer = get(&house, page, &act);
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{page}");
    }
}

#[test]
fn a_token_that_is_limited_reads_its_departments_only() {
    let house = full(&seed::plain());
    let other = deskwarden_proto::ids::DeviceId::from_random([3; 16]);
    let asset = house.store.device(other).unwrap().unwrap().asset;
    let asset = house.store.asset(asset).unwrap().unwrap().0.asset;
    let moved = deskwarden_domain::model::Asset {
        department: Some("财务部".into()),
        ..asset
    };
    house
        .store
        .put_asset(&moved, false, &super::house::audit())
        .unwrap();
    let limited = token(&house, &[ApiScope::Read, ApiScope::Act], "客服部");
    let rows = json_of(&get(&house, "/api/v1/assets", &limited));
    let departments: BTreeSet<&str> = rows["assets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["department"].as_str().unwrap())
        .collect();
    assert_eq!(departments, BTreeSet::from(["客服部"]));
    let all = Paging {
        offset: 0,
        limit: 100,
    };
    let others: Vec<i64> = house
        .store
        .findings(&FindingFilter::default(), all)
        .unwrap()
        .rows
        .iter()
        .filter(|row| !Sight::of("客服部").sees(row.asset.as_ref().and_then(|a| a.department.as_deref())))
        .map(|row| row.id.0)
        .collect();
    assert!(!others.is_empty());
    for id in others {
        assert_eq!(
            get(&house, &format!("/api/v1/findings/{id}"), &limited).status,
            StatusCode::NOT_FOUND
        );
        let act = json!({"action": "acknowledge"});
        let path = format!("/api/v1/findings/{id}/action");
        assert_eq!(
            ask(&house, Method::POST, &path, &limited, &act).status,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(
        get(&house, "/api/v1/ledger", &limited).status,
        StatusCode::FORBIDDEN
    );
}

#[test]
fn a_token_ends_by_time_and_by_hand_and_its_use_is_noted() {
    let house = full(&seed::plain());
    let secret = token(&house, &[ApiScope::Read], "");
    assert_eq!(get(&house, "/api/v1/rules", &secret).status, StatusCode::OK);
    let noted = house.store.api_tokens().unwrap().remove(0);
    assert!(noted.last_used_at.is_some());
    assert!(!format!("{:?}", house.store.audit_records(1, 99).unwrap()).contains(&secret));
    house.pass(31 * 86_400_000);
    assert_eq!(
        get(&house, "/api/v1/rules", &secret).status,
        StatusCode::UNAUTHORIZED
    );
    let mut admin = house.person("root", &[Role::Administrator]);
    let second = token(&house, &[ApiScope::Read, ApiScope::Act], "");
    assert_eq!(get(&house, "/api/v1/rules", &second).status, StatusCode::OK);
    let id = house.store.api_tokens().unwrap()[0].id;
    assert_eq!(
        admin.post(&format!("/api-tokens/{id}/revoke"), &[]).status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        get(&house, "/api/v1/rules", &second).status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        admin.post(&format!("/api-tokens/{id}/revoke"), &[]).status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn whoever_asks_too_often_is_told_to_wait_and_others_are_not() {
    let house = House::new();
    let (one, two) = (
        token(&house, &[ApiScope::Read], ""),
        token(&house, &[ApiScope::Read, ApiScope::Act], ""),
    );
    let answers: Vec<StatusCode> = (0..320)
        .map(|_| get(&house, "/api/v1/clauses", &one).status)
        .collect();
    let refused = answers
        .iter()
        .filter(|status| **status == StatusCode::TOO_MANY_REQUESTS)
        .count();
    assert_eq!(refused, 20);
    let told = get(&house, "/api/v1/clauses", &one);
    assert!(told.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(get(&house, "/api/v1/clauses", &two).status, StatusCode::OK);
    house.pass(1_000);
    assert_eq!(get(&house, "/api/v1/clauses", &one).status, StatusCode::OK);
}

#[test]
fn a_program_is_answered_while_nothing_can_be_written() {
    let house = House::new();
    let token = token(&house, &[ApiScope::Read], "");
    house.raw("CREATE TRIGGER no_use BEFORE UPDATE ON api_tokens BEGIN SELECT RAISE(ABORT, 'no room'); END;");
    house.pass(5 * 60_000);
    assert_eq!(get(&house, "/api/v1/assets", &token).status, StatusCode::OK);
}

#[test]
fn an_asset_is_named_by_its_number_wherever_a_list_asks_for_one() {
    let house = House::new();
    let token = token(&house, &[ApiScope::Read], "");
    for list in ["findings", "approvals", "notices"] {
        let answer = get(&house, &format!("/api/v1/{list}?asset=PC-1"), &token);
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{list}: {}", answer.body);
        assert!(
            answer.body.contains("`asset` is the number of an asset"),
            "{list}"
        );
    }
}
