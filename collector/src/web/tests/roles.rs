//! Every route x every role: what is expected is written out here, so that a new route fails until somebody
//! has decided who may use it.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, StatusCode, header},
};
use deskwarden_domain::model::Role;

use super::{
    house::{HOST, House},
    seed,
};
use crate::web::{access::ROUTES, routes};

const A: Role = Role::Administrator;
const T: Role = Role::Technician;
const R: Role = Role::RuleOfficer;
const U: Role = Role::Auditor;
const ROLES: [Role; 4] = [A, T, R, U];

const DEVICE_API: &str = "/api/v1/devices/01010101010101010101010101010101";
const DEVICE_ITEMS: &str = "/api/v1/devices/01010101010101010101010101010101/items?section=software";
const DEVICE_CHANGES: &str = "/api/v1/devices/01010101010101010101010101010101/changes";
const DEVICE_REFRESH: &str = "/api/v1/devices/01010101010101010101010101010101/refresh";

/// Method, pattern, an address of it, who may. `None`: everybody, signed in or not.
const EXPECTED: &[(&str, &str, &str, Option<&[Role]>)] = &[
    ("GET", "/healthz", "/healthz", None),
    ("GET", "/metrics", "/metrics", Some(&[A, U])),
    ("GET", "/static/{version}/{file}", "/static/0/dashboard.css", None),
    ("GET", "/favicon.ico", "/favicon.ico", None),
    ("GET", "/sign-in", "/sign-in", None),
    ("POST", "/sign-in", "/sign-in", None),
    ("GET", "/sign-in/oidc", "/sign-in/oidc", None),
    ("GET", "/sign-in/oidc/back", "/sign-in/oidc/back", None),
    ("POST", "/preferences", "/preferences", None),
    ("GET", "/account", "/account", Some(&ROLES)),
    ("POST", "/account/password", "/account/password", Some(&ROLES)),
    ("GET", "/account/totp", "/account/totp", Some(&ROLES)),
    ("POST", "/account/totp", "/account/totp", Some(&ROLES)),
    ("POST", "/findings/views", "/findings/views", Some(&ROLES)),
    ("POST", "/assets/views", "/assets/views", Some(&ROLES)),
    ("POST", "/views/{id}/remove", "/views/1/remove", Some(&ROLES)),
    ("GET", "/sign-in/code", "/sign-in/code", Some(&ROLES)),
    ("POST", "/sign-in/code", "/sign-in/code", Some(&ROLES)),
    ("GET", "/", "/", Some(&ROLES)),
    ("GET", "/findings", "/findings", Some(&ROLES)),
    (
        "GET",
        "/findings/export",
        "/findings/export?format=csv",
        Some(&ROLES),
    ),
    ("GET", "/findings/{id}", "/findings/1", Some(&ROLES)),
    ("POST", "/findings/{id}/action", "/findings/1/action", Some(&[T])),
    ("POST", "/findings/bulk", "/findings/bulk", Some(&[T])),
    ("GET", "/approvals", "/approvals", Some(&ROLES)),
    (
        "GET",
        "/approvals/export",
        "/approvals/export?format=csv",
        Some(&ROLES),
    ),
    ("GET", "/approvals/new", "/approvals/new", Some(&[T])),
    ("POST", "/approvals", "/approvals", Some(&[T])),
    (
        "POST",
        "/approvals/{id}/withdraw",
        "/approvals/1/withdraw",
        Some(&[T]),
    ),
    ("GET", "/notices", "/notices", Some(&ROLES)),
    (
        "GET",
        "/notices/export",
        "/notices/export?format=csv",
        Some(&ROLES),
    ),
    ("GET", "/notices/new", "/notices/new", Some(&[T])),
    ("POST", "/notices", "/notices", Some(&[T])),
    ("GET", "/notices/{number}", "/notices/x", Some(&ROLES)),
    ("GET", "/notices/{number}/print", "/notices/x/print", Some(&ROLES)),
    ("POST", "/notices/{number}/reply", "/notices/x/reply", Some(&[T])),
    ("POST", "/notices/{number}/close", "/notices/x/close", Some(&[T])),
    ("GET", "/forms/violations", "/forms/violations", Some(&ROLES)),
    ("GET", "/forms/changes", "/forms/changes", Some(&ROLES)),
    ("GET", "/inspections", "/inspections", Some(&ROLES)),
    ("POST", "/inspections", "/inspections", Some(&[T])),
    ("GET", "/inspections/{id}", "/inspections/9", Some(&ROLES)),
    (
        "GET",
        "/inspections/{id}/export",
        "/inspections/9/export",
        Some(&ROLES),
    ),
    (
        "GET",
        "/inspections/{id}/print",
        "/inspections/9/print",
        Some(&ROLES),
    ),
    (
        "POST",
        "/inspections/reassessments/{id}",
        "/inspections/reassessments/9",
        Some(&[T]),
    ),
    ("GET", "/admissions", "/admissions", Some(&ROLES)),
    ("GET", "/admissions/{id}", "/admissions/1", Some(&ROLES)),
    ("GET", "/assets", "/assets", Some(&ROLES)),
    ("GET", "/assets/export", "/assets/export?format=csv", Some(&ROLES)),
    ("GET", "/assets/{id}", "/assets/1", Some(&ROLES)),
    (
        "GET",
        "/devices/{id}",
        "/devices/01010101010101010101010101010101",
        Some(&ROLES),
    ),
    (
        "GET",
        "/devices/export",
        "/devices/export?format=csv",
        Some(&ROLES),
    ),
    ("GET", "/software", "/software", Some(&ROLES)),
    (
        "GET",
        "/software/export",
        "/software/export?format=csv",
        Some(&ROLES),
    ),
    ("GET", "/software/{id}", "/software/x", Some(&ROLES)),
    ("POST", "/software/file", "/software/file", Some(&[R])),
    ("GET", "/arrivals", "/arrivals", Some(&ROLES)),
    (
        "POST",
        "/arrivals/{id}",
        "/arrivals/01010101010101010101010101010101",
        Some(&[T]),
    ),
    ("GET", "/ledger", "/ledger", Some(&ROLES)),
    ("GET", "/ledger/export", "/ledger/export", Some(&ROLES)),
    ("GET", "/ledger/grid", "/ledger/grid", Some(&ROLES)),
    ("POST", "/ledger", "/ledger", Some(&[A, T])),
    ("GET", "/clauses", "/clauses", Some(&ROLES)),
    ("GET", "/register", "/register", Some(&ROLES)),
    ("GET", "/register/{book}", "/register/assets", Some(&ROLES)),
    ("POST", "/register/{book}", "/register/media", Some(&[A, T])),
    (
        "GET",
        "/register/{book}/export",
        "/register/media/export",
        Some(&ROLES),
    ),
    ("GET", "/rules/files/{file}", "/rules/files/acme.toml", Some(&[R])),
    (
        "POST",
        "/rules/files/{file}",
        "/rules/files/acme.toml",
        Some(&[R]),
    ),
    ("POST", "/rules/files", "/rules/files", Some(&[R])),
    ("POST", "/rules/check", "/rules/check", Some(&[R])),
    ("GET", "/rules", "/rules", Some(&ROLES)),
    ("GET", "/rules/{id}", "/rules/pc.chat", Some(&ROLES)),
    ("GET", "/tokens", "/tokens", Some(&[A, U])),
    ("GET", "/tokens/export", "/tokens/export", Some(&[A, U])),
    ("POST", "/tokens", "/tokens", Some(&[A])),
    ("POST", "/tokens/{id}/revoke", "/tokens/1/revoke", Some(&[A])),
    ("GET", "/alerts", "/alerts", Some(&[A, T, U])),
    ("GET", "/alerts/export", "/alerts/export", Some(&[A, T, U])),
    ("POST", "/alerts/{id}/resend", "/alerts/1/resend", Some(&[A])),
    ("GET", "/channels", "/channels", Some(&[A, U])),
    ("POST", "/channels", "/channels", Some(&[A])),
    ("POST", "/channels/{name}/test", "/channels/none/test", Some(&[A])),
    (
        "POST",
        "/alerting/{kind}/{name}/remove",
        "/alerting/route/none/remove",
        Some(&[A]),
    ),
    ("POST", "/routes", "/routes", Some(&[A])),
    ("POST", "/maintenance", "/maintenance", Some(&[A])),
    ("GET", "/users", "/users", Some(&[A, U])),
    ("POST", "/users", "/users", Some(&[A])),
    ("GET", "/users/export", "/users/export", Some(&[A, U])),
    ("GET", "/users/{id}", "/users/1", Some(&[A, U])),
    ("POST", "/users/{id}/rights", "/users/999/rights", Some(&[A])),
    ("POST", "/users/{id}/state", "/users/999/state", Some(&[A])),
    ("POST", "/users/{id}/unlink", "/users/999/unlink", Some(&[A])),
    ("POST", "/users/{id}/password", "/users/999/password", Some(&[A])),
    ("POST", "/users/{id}/totp", "/users/999/totp", Some(&[A])),
    ("GET", "/mine/{secret}", "/mine/x", None),
    ("POST", "/mine/{secret}", "/mine/x", None),
    ("GET", "/acknowledgements", "/acknowledgements", Some(&[A, T, U])),
    (
        "GET",
        "/acknowledgements/export",
        "/acknowledgements/export",
        Some(&[A, T, U]),
    ),
    ("GET", "/subjects", "/subjects?who=wang", Some(&[A, U])),
    ("GET", "/subjects/file", "/subjects/file?who=wang", Some(&[A, U])),
    ("POST", "/subjects/delete", "/subjects/delete", Some(&[A])),
    ("GET", "/system", "/system", Some(&[A, U])),
    ("GET", "/system/export", "/system/export", Some(&[A, U])),
    ("GET", "/audit", "/audit", Some(&[A, U])),
    ("GET", "/audit/export", "/audit/export", Some(&[A, U])),
    ("POST", "/observation", "/observation", Some(&[A])),
    ("GET", "/events", "/events", Some(&ROLES)),
    ("GET", "/api-tokens", "/api-tokens", Some(&[A, U])),
    ("POST", "/api-tokens", "/api-tokens", Some(&[A])),
    ("GET", "/api-tokens/export", "/api-tokens/export", Some(&[A, U])),
    (
        "POST",
        "/api-tokens/{id}/revoke",
        "/api-tokens/1/revoke",
        Some(&[A]),
    ),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json", None),
    ("GET", "/api/v1/findings", "/api/v1/findings", Some(&ROLES)),
    ("GET", "/api/v1/findings/{id}", "/api/v1/findings/1", Some(&ROLES)),
    (
        "POST",
        "/api/v1/findings/{id}/action",
        "/api/v1/findings/1/action",
        Some(&[]),
    ),
    ("GET", "/api/v1/assets", "/api/v1/assets", Some(&ROLES)),
    ("GET", "/api/v1/assets/{id}", "/api/v1/assets/1", Some(&ROLES)),
    ("GET", "/api/v1/devices", "/api/v1/devices", Some(&ROLES)),
    ("GET", "/api/v1/devices/{id}", DEVICE_API, Some(&ROLES)),
    ("GET", "/api/v1/devices/{id}/items", DEVICE_ITEMS, Some(&ROLES)),
    (
        "GET",
        "/api/v1/devices/{id}/changes",
        DEVICE_CHANGES,
        Some(&ROLES),
    ),
    ("POST", "/api/v1/devices/{id}/refresh", DEVICE_REFRESH, Some(&[])),
    ("GET", "/api/v1/software", "/api/v1/software", Some(&ROLES)),
    (
        "GET",
        "/inspections/{id}/export",
        "/inspections/1/export",
        Some(&ROLES),
    ),
    ("GET", "/api/v1/approvals", "/api/v1/approvals", Some(&ROLES)),
    ("GET", "/api/v1/notices", "/api/v1/notices", Some(&ROLES)),
    ("GET", "/api/v1/inspections", "/api/v1/inspections", Some(&ROLES)),
    (
        "GET",
        "/api/v1/inspections/{id}/machines",
        "/api/v1/inspections/1/machines",
        Some(&ROLES),
    ),
    (
        "GET",
        "/api/v1/register/{book}",
        "/api/v1/register/media",
        Some(&ROLES),
    ),
    ("GET", "/api/v1/ledger", "/api/v1/ledger", Some(&ROLES)),
    ("GET", "/api/v1/rules", "/api/v1/rules", Some(&ROLES)),
    ("GET", "/api/v1/clauses", "/api/v1/clauses", Some(&ROLES)),
    (
        "GET",
        "/api/v1/deliveries",
        "/api/v1/deliveries",
        Some(&[A, T, U]),
    ),
    ("GET", "/api/v1/tokens", "/api/v1/tokens", Some(&[A, U])),
    (
        "GET",
        "/api/v1/acknowledgements",
        "/api/v1/acknowledgements",
        Some(&[A, U]),
    ),
    ("GET", "/api/v1/users", "/api/v1/users", Some(&[A, U])),
    ("GET", "/api/v1/audit", "/api/v1/audit", Some(&[A, U])),
    // Last: it ends the session of this test.
    ("POST", "/sign-out", "/sign-out", Some(&ROLES)),
];

#[test]
fn every_registered_route_is_listed_and_every_listed_route_is_registered() {
    let registered: BTreeSet<(String, &str)> = routes()
        .registered
        .iter()
        .map(|(method, path)| (method.to_string(), *path))
        .collect();
    let table: BTreeSet<(String, &str)> = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path))
        .collect();
    let expected: BTreeSet<(String, &str)> = EXPECTED
        .iter()
        .map(|(m, path, ..)| ((*m).to_owned(), *path))
        .collect();
    assert_eq!(registered, table, "registered and the access table");
    assert_eq!(table, expected, "the access table and what this test expects");
}

#[test]
fn each_role_reaches_its_routes_and_no_other() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    house
        .store
        .create_token(&seed::token("x"), &super::house::audit())
        .unwrap();
    for role in ROLES {
        let mut person = house.person(role.name(), &[role]);
        // A sign-in has a form secret of its own; it is tried elsewhere.
        for (method, pattern, address, who) in EXPECTED
            .iter()
            .filter(|row| (row.0, row.1) != ("POST", "/sign-in"))
        {
            let answer = if *method == "GET" {
                if *pattern == "/events" {
                    let request = person.request(Method::GET, address).body(Body::empty()).unwrap();
                    house.stream(request, "open", || {});
                    continue;
                }
                person.get(address)
            } else {
                person.post(address, &[])
            };
            let allowed = who.is_none_or(|roles| roles.contains(&role));
            let denied = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(
                denied,
                !allowed,
                "{method} {pattern} as {}: {}",
                role.name(),
                answer.status
            );
            if allowed {
                assert!(
                    !answer.status.is_server_error(),
                    "{method} {pattern} as {}: {}",
                    role.name(),
                    answer.status
                );
            }
        }
    }
}

#[test]
fn roles_combine() {
    let house = House::new();
    seed::machine(&house, 1, &seed::plain());
    let mut both = house.person("both", &[Role::Administrator, Role::Technician]);
    assert_eq!(both.get("/tokens").status, StatusCode::OK);
    let answer = both.post("/findings/1/action", &[("action", "acknowledge")]);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[test]
fn an_unknown_address_and_an_unknown_method_are_refused() {
    let house = House::new();
    let mut wang = house.person("wang", &ROLES);
    assert_eq!(wang.get("/nothing/here").status, StatusCode::NOT_FOUND);
    let request = wang
        .request(Method::DELETE, "/tokens")
        .header(header::ORIGIN, format!("https://{HOST}"))
        .body(Body::empty())
        .unwrap();
    assert_eq!(house.ask(request).status, StatusCode::METHOD_NOT_ALLOWED);
}
