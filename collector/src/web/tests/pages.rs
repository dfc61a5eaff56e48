//! Every page, in both languages, empty and full; hostile text on every page; what people do on them.

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use deskwarden_domain::{
    model::{DeviceStatus, FindingId, FindingState, Role},
    port::{FindingFilter, Paging},
};

use super::{
    house::{HOST, House, Person, START},
    inspections, rulings,
    seed::{self, Say},
};
use crate::web::{LiveEvent, LiveKind};

const ALL: [Role; 3] = [Role::Administrator, Role::Technician, Role::RuleOfficer];

const LISTS: [&str; 62] = [
    "/",
    "/?days=90",
    "/assets?show=silent",
    "/findings",
    "/findings?state=any&severity=high&clause=PC+3.2.4&text=QQ&page=1",
    "/findings?state=nonsense&severity=nonsense&page=-1&asset=x&rule=pc.chat",
    "/findings?page=999999",
    "/approvals",
    "/approvals?state=in_force&text=%25&asset=1&page=2",
    "/approvals/new?findings=1.2.99&until=x",
    "/notices",
    "/notices?state=overdue&text=%25&page=2",
    "/notices/new?findings=1.99",
    "/rules/files/acme.toml",
    "/forms/violations",
    "/forms/violations?from=x&to=2026-11-30&department=%22%3E",
    "/forms/changes",
    "/inspections",
    "/inspections?page=2",
    "/admissions",
    "/admissions?show=good&page=2",
    "/assets",
    "/assets?show=flagged",
    "/assets?text=%25_%27%22&department=x&page=2",
    "/software",
    "/software?text=%25_%27%22&category=unknown&kind=package&sort=publisher&page=2&filed=x&as=game",
    "/arrivals",
    "/ledger",
    "/clauses",
    "/register/assets",
    "/register/assets?text=%25_%27%22&page=2&key=x",
    "/register/assets?print=yes",
    "/register/people",
    "/register/transfers",
    "/register/orders",
    "/register/providers",
    "/register/visits",
    "/register/licences",
    "/register/media",
    "/register/departments",
    "/rules",
    "/rules/pc.chat",
    "/tokens",
    "/alerts",
    "/channels",
    "/channels?kind=smtp",
    "/channels?kind=nonsense&name=%22%3E",
    "/account",
    "/account?changed=yes",
    "/sign-in",
    "/sign-in?next=%2Ffindings",
    "/users",
    "/users/1",
    "/users/1?changed=yes",
    "/api-tokens",
    "/acknowledgements",
    "/subjects",
    "/subjects?who=wang",
    "/account/totp",
    "/system",
    "/audit",
    "/audit?actor=wang&action=sign&object=user%3A1&since=2026-01-01&until=never&verify=yes&page=2",
];

const TABS: [&str; 9] = [
    "",
    "?tab=software",
    "?tab=part",
    "?tab=network",
    "?tab=proxy",
    "?tab=os",
    "?tab=media",
    "?tab=timeline",
    "?tab=nonsense",
];

/// Every page of a house with one full machine.
fn all_pages() -> Vec<String> {
    let mut pages: Vec<String> = LISTS.iter().map(|path| (*path).to_owned()).collect();
    pages.extend((1..=4).map(|id| format!("/findings/{id}")));
    pages.push("/assets/1".to_owned());
    pages.push("/admissions/1".to_owned());
    pages.extend(["", "/print"].map(|tail| format!("/inspections/1{tail}")));
    pages.extend(["", "/print"].map(|tail| format!("{}{tail}", rulings::ADDRESS)));
    pages.extend(
        TABS.iter()
            .map(|tab| format!("/devices/01010101010101010101010101010101{tab}")),
    );
    pages
}

fn full_house(say: &Say) -> House {
    let house = House::new();
    seed::machine(&house, 1, say);
    seed::deliveries(&house, say);
    seed::refused_rules(&house, say);
    rulings::seed(&house, say);
    rulings::notify(&house, say);
    rulings::admit(&house, say);
    inspections::seed(&house);
    house
}

fn read(person: &mut Person<'_>, path: &str) -> String {
    let answer = person.get(path);
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    answer.body
}

#[test]
fn every_list_is_there_with_an_empty_database_in_both_languages() {
    let house = House::new();
    let mut wang = house.person("wang", &ALL);
    for lang in ["zh-CN", "en"] {
        wang.lang = lang;
        for path in LISTS {
            let body = read(&mut wang, path);
            assert!(body.contains(&format!("<html lang=\"{lang}\"")), "{path}");
            assert!(!body.contains(">?<"), "a word is missing on {path} in {lang}");
        }
    }
}

/// Whether a page is a sheet of paper: no script, and tables without captions.
fn is_sheet(path: &str) -> bool {
    path.ends_with("/print") || path.starts_with("/forms/")
}

/// Scripts of a page: one, and none on what is made to be printed.
fn scripts(path: &str) -> usize {
    usize::from(!is_sheet(path))
}

#[test]
fn every_page_is_there_with_data_in_both_languages() {
    let house = full_house(&seed::plain());
    let mut wang = house.person("wang", &ALL);
    for lang in ["zh-CN", "en"] {
        wang.lang = lang;
        for path in all_pages() {
            let body = read(&mut wang, &path);
            assert!(!body.contains("style=\""), "an inline style on {path}");
            assert_eq!(body.matches("<script").count(), scripts(&path), "{path}");
            assert_eq!(body.matches("<main").count(), 1, "{path}");
            assert_eq!(body.matches("<h1").count(), 1, "{path}");
            for table in body.split("<table").skip(1) {
                let table = table.split("</table>").next().unwrap();
                // A printed form's boxes are labelled by their rows, and where people sign nothing is.
                let form =
                    is_sheet(&path) && (table.contains("scope=") || table.starts_with(" class=\"sign\""));
                assert!(
                    form || table.contains("<caption") && table.contains("scope=\"col\""),
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn pages_show_what_the_agents_said() {
    let house = full_house(&seed::plain());
    let mut wang = house.person("wang", &ALL);
    wang.lang = "en";
    let device = "/devices/01010101010101010101010101010101";
    let overview = read(&mut wang, "/");
    assert!(overview.contains("<bdi>QQ</bdi>") && overview.contains("PC 3.2.4"));
    let summary = read(&mut wang, device);
    for words in ["Could not look", "the agent runs without root", "Fail", "Pass"] {
        assert!(summary.contains(words), "{words}");
    }
    let part = read(&mut wang, &format!("{device}?tab=part"));
    assert!(part.contains("Differs from the accepted baseline"));
    assert!(part.contains("A1B2C3D4") && part.contains("FFEE0011"));
    let timeline = read(&mut wang, &format!("{device}?tab=timeline"));
    assert!(timeline.contains("the outbox was full") && timeline.contains("Records lost"));
    assert!(read(&mut wang, "/rules").contains("site.toml:12: no category is called"));
    assert!(read(&mut wang, "/alerts").contains("connection refused by 10.1.1.9:443"));
}

#[test]
fn hostile_text_is_inert_on_every_page() {
    let corpus = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title><script>alert(1)</script>",
        "javascript:alert(1)//",
        "{{7*7}}<svg/onload=alert(1)>",
        "\u{202E}gnp.exe\u{2066}\u{200B}",
        "a\u{1b}[31m\u{7f}\u{85}b",
    ];
    for hostile in corpus {
        let say: Say = Box::new(move |_| hostile.to_owned());
        let house = full_house(&say);
        let mut wang = house.person("wang", &ALL);
        for path in all_pages() {
            let body = read(&mut wang, &path);
            assert_eq!(
                body.matches("<script").count(),
                scripts(&path),
                "{path}: {hostile}"
            );
            for tag in [
                "<img src=x",
                "<svg/onload",
                "' onmouseover='",
                "href=\"javascript:",
            ] {
                assert!(!body.contains(tag), "{path}: {hostile}");
            }
            let obeyed = |c: char| {
                (c.is_control() && c != '\n')
                    || ('\u{202A}'..='\u{202E}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c)
                    || c == '\u{200B}'
            };
            assert!(!body.contains(obeyed), "{path}: {hostile}");
        }
    }
}

#[test]
fn a_very_long_name_breaks_no_page() {
    let say: Say = Box::new(|text| text.repeat(1 + 10_000 / text.len().max(1)));
    let house = full_house(&say);
    let mut wang = house.person("wang", &ALL);
    for path in all_pages() {
        read(&mut wang, &path);
    }
}

#[test]
fn every_answer_carries_the_security_headers() {
    let house = House::new();
    let mut wang = house.person("wang", &ALL);
    for path in [
        "/",
        "/sign-in",
        "/nothing",
        "/api/v1/findings",
        "/healthz",
        "/static/0/dashboard.js",
    ] {
        let headers = wang.get(path).headers;
        let text = |name: &str| {
            headers
                .get(name)
                .map_or("", |value| value.to_str().unwrap())
                .to_owned()
        };
        let policy = text("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(text("x-content-type-options"), "nosniff");
        assert_eq!(text("referrer-policy"), "same-origin");
        assert!(text("strict-transport-security").starts_with("max-age="));
        if !path.starts_with("/static") {
            assert_eq!(text("cache-control"), "no-store", "{path}");
        }
    }
}

#[test]
fn failures_are_pages_in_the_readers_language_that_tell_nothing_of_the_inside() {
    let house = House::new();
    let mut wang = house.person("wang", &ALL);
    let missing = wang.get("/findings/77");
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.body.contains("页面不存在"));
    wang.lang = "en";
    assert!(wang.get("/devices/nonsense").body.contains("Nothing here"));
    assert!(wang.get("/findings/1%27").body.contains("Nothing here"));
    let json = wang.get("/api/v1/findings/77");
    assert_eq!(
        (json.status, json.body.as_str()),
        (StatusCode::NOT_FOUND, "{\"error\":\"not_found\"}")
    );
}

#[test]
fn style_script_and_mark_are_kept_by_browsers_only_under_their_version() {
    let house = House::new();
    let mut stranger = house.stranger();
    let page = stranger.get("/sign-in").body;
    let address = page
        .split_once("rel=\"stylesheet\" href=\"")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let style = stranger.get(&address);
    assert_eq!(style.headers[header::CONTENT_TYPE], "text/css; charset=utf-8");
    assert!(
        style.headers[header::CACHE_CONTROL]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert_eq!(
        stranger.get("/static/0/dashboard.css").headers[header::CACHE_CONTROL],
        "no-store"
    );
    assert_eq!(
        stranger.get("/static/0/..%2Fmod.rs").status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn a_technician_acknowledges_accepts_and_reopens() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let state = |id| {
        house
            .store
            .finding(FindingId(id))
            .unwrap()
            .unwrap()
            .row
            .finding
            .state
    };
    let find = |rule: &str| {
        let filter = FindingFilter {
            rule: Some(rule.into()),
            ..FindingFilter::default()
        };
        house
            .store
            .findings(&filter, Paging { offset: 0, limit: 1 })
            .unwrap()
            .rows[0]
            .id
            .0
    };
    let (chat, part) = (find("pc.chat"), find("pc.part-changed"));
    let answer = wang.post(
        &format!("/findings/{chat}/action"),
        &[("action", "acknowledge"), ("note", "打过电话了")],
    );
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(state(chat), FindingState::Acknowledged);
    let page = read(&mut wang, &format!("/findings/{chat}"));
    assert!(page.contains("打过电话了") && page.contains("<bdi>wang</bdi>"));
    assert!(
        !page.contains("value=\"accept\""),
        "only a change against the baseline can be accepted"
    );

    wang.post(&format!("/findings/{chat}/action"), &[("action", "reopen")]);
    assert_eq!(state(chat), FindingState::Open);

    assert!(read(&mut wang, &format!("/findings/{part}")).contains("value=\"accept\""));
    let answer = wang.post(
        &format!("/findings/{part}/action"),
        &[("action", "accept"), ("note", "更换内存，工单 12")],
    );
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert_eq!(state(part), FindingState::Accepted);
    assert!(!read(&mut wang, &format!("/findings/{part}")).contains("value=\"reject\""));
    let device = "/devices/01010101010101010101010101010101?tab=part";
    assert!(!read(&mut wang, device).contains("与已认可的基线不同"));
}

#[test]
fn a_technician_rejects_a_changed_part_and_the_history_says_who_and_why() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let changed = FindingFilter {
        rule: Some("pc.part-changed".into()),
        states: vec![FindingState::Open],
        ..FindingFilter::default()
    };
    let first = Paging { offset: 0, limit: 1 };
    let id = house.store.findings(&changed, first).unwrap().rows[0].id;
    let baseline = || house.store.finding(id).unwrap().unwrap().evidence.len();
    let before = baseline();
    let action = format!("/findings/{}/action", id.0);
    assert!(read(&mut wang, &format!("/findings/{}", id.0)).contains("value=\"reject\""));
    let answer = wang.post(&action, &[("action", "reject"), ("note", " ")]);
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let answer = wang.post(&action, &[("action", "reject"), ("note", "私自换了内存")]);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let detail = house.store.finding(id).unwrap().unwrap();
    assert_eq!(detail.row.finding.state, FindingState::Acknowledged);
    assert_eq!(baseline(), before, "what shows it is still there");
    let page = read(&mut wang, &format!("/findings/{}", id.0));
    for words in [
        "变更不予认可",
        "<blockquote><bdi>私自换了内存</bdi></blockquote>",
        "<bdi>wang</bdi>",
        "/notices/new",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("rejected: "));
    let mut admin = house.person("admin", &[Role::Administrator]);
    assert!(read(&mut admin, "/audit").contains("不予认可变更"));
}

#[test]
fn a_refused_decision_comes_back_with_what_was_typed_and_why() {
    let house = full_house(&seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let answer = wang.post(
        "/findings/1/action",
        &[("action", "false_positive"), ("note", "")],
    );
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("请在备注中说明理由"));
    let answer = wang.post(
        "/findings/1/action",
        &[("action", "reopen"), ("note", "my words")],
    );
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains(">my words</textarea>"));
    let answer = wang.post("/findings/1/action", &[("action", "delete")]);
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[test]
fn the_auditor_sees_no_forms_that_would_be_refused() {
    let house = full_house(&seed::plain());
    let mut auditor = house.person("audit", &[Role::Auditor]);
    assert!(!read(&mut auditor, "/findings/1").contains("/action\""));
    let tokens = read(&mut auditor, "/tokens");
    assert!(!tokens.contains("/revoke") && !tokens.contains("name=\"label\""));
}

#[test]
fn language_and_theme_are_remembered_and_lead_back() {
    let house = House::new();
    let mut wang = house.person("wang", &ALL);
    let answer = wang.post("/preferences", &[("lang", "en"), ("back", "/findings?page=2")]);
    assert_eq!(answer.location(), "/findings?page=2");
    assert!(read(&mut wang, "/").contains("<html lang=\"en\""));
    wang.post("/preferences", &[("theme", "dark"), ("back", "//evil.example")]);
    let page = read(&mut wang, "/");
    assert!(page.contains("data-theme=\"dark\"") && page.contains("<html lang=\"en\""));
    assert_eq!(
        wang.post("/preferences", &[("theme", "pink"), ("back", "//evil.example")])
            .location(),
        "/"
    );
    let elsewhere = wang.post_raw(
        "/preferences",
        &[("theme", "light")],
        Some("https://evil.example"),
    );
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
}

#[test]
fn lists_are_paged_and_links_keep_the_filter() {
    let house = House::new();
    for n in 1..=20 {
        seed::machine(&house, n, &seed::plain());
    }
    let mut wang = house.person("wang", &ALL);
    let first = read(&mut wang, "/findings?text=front");
    assert!(
        first.contains("href=\"/findings?text=front&#38;page=2\"")
            || first.contains("href=\"/findings?text=front&amp;page=2\"")
    );
    assert!(read(&mut wang, "/findings?text=front&page=2").contains("rel=\"prev\""));
    assert!(!read(&mut wang, "/findings?text=nobody").contains("rel=\"next\""));
}

#[test]
fn the_api_lists_findings_and_devices() {
    let house = full_house(&seed::plain());
    let mut wang = house.person("wang", &[Role::Auditor]);
    let json = |body: &str| -> serde_json::Value { serde_json::from_str(body).unwrap() };
    let findings = json(&read(&mut wang, "/api/v1/findings?clause=PC+3.2.4"));
    assert_eq!(findings["findings"].as_array().unwrap().len(), 1);
    assert_eq!(findings["findings"][0]["rule"], "pc.chat");
    // Chatting breaches another clause too, whose row of the clauses counts it.
    let too = json(&read(&mut wang, "/api/v1/findings?clause=PC+3.2.3"));
    assert_eq!(too["findings"], findings["findings"]);
    assert!(read(&mut wang, "/findings?clause=PC+3.2.3").contains("<bdi>QQ</bdi>"));
    let one = json(&read(&mut wang, "/api/v1/findings/1"));
    assert_eq!(one["history"][0]["to"], "open");
    let devices = json(&read(&mut wang, "/api/v1/devices?limit=1"));
    assert_eq!(devices["devices"][0]["hostname"], "front-desk-01");
    let id = devices["devices"][0]["id"].as_str().unwrap();
    let device = json(&read(&mut wang, &format!("/api/v1/devices/{id}")));
    assert_eq!(device["items"]["software"], 2);
    let sources = device["sources"].as_array().unwrap();
    assert!(sources.iter().any(|source| source["look"] == "denied"));
    let items = json(&read(
        &mut wang,
        &format!("/api/v1/devices/{id}/items?section=software"),
    ));
    assert_eq!(items["total"], 2);
    let names: Vec<&str> = items["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["fields"]["name"].as_str())
        .collect();
    assert!(names.contains(&"QQ"), "{names:?}");
}

#[test]
fn an_event_reaches_an_open_page() {
    let house = House::new();
    let wang = house.person("wang", &ALL);
    let request = wang.request(Method::GET, "/events").body(Body::empty()).unwrap();
    let event = LiveEvent {
        kind: LiveKind::FindingOpened,
        finding_id: Some(7),
        asset_id: None,
        at: START,
    };
    let events = house.events.clone();
    let seen = house.stream(request, "finding_opened", move || {
        events.send(event).unwrap();
    });
    assert!(
        seen.contains("event: change") && seen.contains("\"finding_id\":7"),
        "{seen}"
    );
}

#[test]
fn events_are_refused_from_nobody_but_the_same_host_needs_no_form_secret() {
    let house = House::new();
    let stranger = house.stranger();
    let request = stranger
        .request(Method::GET, "/events")
        .header(header::ORIGIN, format!("https://{HOST}"));
    assert_eq!(
        house.ask(request.body(Body::empty()).unwrap()).status,
        StatusCode::UNAUTHORIZED
    );
}

#[test]
fn what_the_first_look_found_is_one_line_of_the_timeline() {
    let house = full_house(&seed::plain());
    let mut wang = house.person("wang", &ALL);
    let timeline = read(
        &mut wang,
        "/devices/01010101010101010101010101010101?tab=timeline",
    );
    // The seeded changes were received before the first complete look; only the addition is folded.
    assert_eq!(timeline.matches("首次上报").count(), 1);
    assert_eq!(timeline.matches("badge change").count(), 3);
}

#[test]
fn a_technician_links_a_pc_that_was_installed_anew_and_takes_it_back() {
    let house = House::new();
    let (_, asset) = seed::machine(&house, 1, &seed::plain());
    let (new, provisional) = seed::machine(&house, 3, &seed::plain());
    let mut wang = house.person("wang", &[Role::Technician]);
    let page = wang.get("/arrivals").body;
    assert!(
        page.contains("pf2abc12") && page.contains("front-desk-03"),
        "{page}"
    );
    let address = format!("/arrivals/{new}");
    let target = asset.0.to_string();
    let link = [("action", "link"), ("asset", target.as_str())];
    assert_eq!(wang.post(&address, &link).location(), "/arrivals");
    assert_eq!(house.store.device(new).unwrap().unwrap().asset, asset);
    assert_eq!(wang.post(&address, &link).status, StatusCode::CONFLICT);
    assert!(wang.get("/arrivals").body.contains("value=\"unlink\""));
    assert_eq!(
        wang.post(&address, &[("action", "unlink")]).location(),
        "/arrivals"
    );
    assert_eq!(house.store.device(new).unwrap().unwrap().asset, provisional);
    let dismiss = [("action", "dismiss"), ("asset", target.as_str())];
    assert_eq!(wang.post(&address, &dismiss).location(), "/arrivals");
    assert!(house.store.proposals(Some(new), 9).unwrap().is_empty());
    for bad in [("action", "explode"), ("asset", "x")] {
        assert_eq!(wang.post(&address, &[bad]).status, StatusCode::BAD_REQUEST);
    }
}

#[test]
fn a_technician_approves_or_denies_a_device_that_waits() {
    let house = House::new();
    let (one, _) = seed::machine(&house, 1, &seed::plain());
    let (two, _) = seed::machine(&house, 2, &seed::plain());
    for id in [one, two] {
        house
            .store
            .set_device_status(id, DeviceStatus::Pending, &super::house::audit())
            .unwrap();
    }
    let mut wang = house.person("wang", &[Role::Technician]);
    assert!(wang.get("/arrivals").body.contains("value=\"approve\""));
    for (id, action, status) in [
        (one, "approve", DeviceStatus::Active),
        (two, "deny", DeviceStatus::Revoked),
    ] {
        let address = format!("/arrivals/{id}");
        assert_eq!(wang.post(&address, &[("action", action)]).location(), "/arrivals");
        assert_eq!(house.store.device(id).unwrap().unwrap().status, status);
        // It waits no more: what somebody else decided stands.
        assert_eq!(
            wang.post(&address, &[("action", "deny")]).status,
            StatusCode::CONFLICT
        );
    }
}

#[test]
fn pasted_rows_are_shown_before_they_are_loaded_and_their_faults_named() {
    let house = House::new();
    let mut keeper = house.person("keeper", &[Role::Technician]);
    let rows = "IP地址\t使用人\n10.0.0.20\t王芳\n";
    let shown = keeper.post("/ledger", &[("rows", rows), ("action", "preview")]);
    assert_eq!(shown.status, StatusCode::OK);
    assert!(
        shown.body.contains("10.0.0.20") && shown.body.contains("王芳"),
        "{}",
        shown.body
    );
    let empty = || {
        let first = Paging { offset: 0, limit: 5 };
        house.store.ledger(first).unwrap().total == 0
    };
    assert!(empty(), "a preview writes nothing");
    let faulty = keeper.post("/ledger", &[("rows", "ip\n10.0.0.300\n"), ("action", "load")]);
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = "粘贴内容 第 2 行，ip：“10.0.0.300”不是计算机可用的地址";
    assert!(faulty.body.contains(told), "{}", faulty.body);
    assert!(empty(), "nothing is half-loaded");
    let loaded = keeper.post("/ledger", &[("rows", rows), ("action", "load")]);
    assert_eq!(loaded.status, StatusCode::SEE_OTHER);
    assert!(!empty());
    let audited = house.store.audit_records(0, 100).unwrap();
    assert!(
        audited
            .iter()
            .any(|record| record.entry.action == "ledger.import" && record.entry.actor == "keeper")
    );
}
