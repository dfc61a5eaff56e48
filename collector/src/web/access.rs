//! Who may use which route. The router registers nothing that is not in this table, and a request that
//! matches no line of it is refused: default deny.

use axum::http::Method;
use deskwarden_domain::model::{ApiScope, Role, Sight};

use crate::config::BACK;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, signed in or not.
    Anyone,
    /// Everybody signed in, for what is their own; also while the password must be changed.
    Own,
    /// Those whose password was right and whose one-time code is due.
    HalfSignedIn,
    /// Those with one of the roles.
    Roles(&'static [Role]),
    /// Programs with a token of this scope, and people with one of the roles.
    Api(ApiScope, &'static [Role]),
}

/// What the table looks at.
#[derive(Clone, Copy, Debug)]
pub struct Rights<'a> {
    /// Roles of a person.
    pub roles: &'a [Role],
    /// Scopes of a program's token; `None` for a person.
    pub scopes: Option<&'a [ApiScope]>,
    /// Whose assets they see.
    pub sight: &'a Sight,
}

/// How far somebody reaches through a route who is limited to departments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Not at all: the route knows no departments, so it is for those who see everything.
    Whole,
    /// To what they see: the handler asks for no more than [`Sight`](deskwarden_domain::model::Sight) allows.
    Seen,
}

/// One route: method, pattern, who.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Pattern as the router writes it.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// How far it reaches for those who are limited to departments.
    pub reach: Reach,
}

impl Route {
    /// Whether somebody with these rights may use it.
    pub fn allows(&self, rights: Rights<'_>) -> bool {
        let by_role = matches!(self.access, Access::Roles(_) | Access::Api(..));
        let reaches = self.reach == Reach::Seen || !rights.sight.is_limited() || !by_role;
        self.access.allows(rights) && reaches
    }
}

const EVERY_ROLE: Access = Access::Roles(&[
    Role::Administrator,
    Role::Technician,
    Role::RuleOfficer,
    Role::Auditor,
]);
const RULE_OFFICER: Access = Access::Roles(&[Role::RuleOfficer]);
const TECHNICIAN: Access = Access::Roles(&[Role::Technician]);
const KEEPERS: Access = Access::Roles(&[Role::Administrator, Role::Technician]);
const ADMINISTRATOR: Access = Access::Roles(&[Role::Administrator]);
const ADMINISTRATION_READERS: Access = Access::Roles(&[Role::Administrator, Role::Auditor]);
const ALERT_READERS: Access = Access::Roles(&[Role::Administrator, Role::Technician, Role::Auditor]);

const API_READ: Access = Access::Api(
    ApiScope::Read,
    &[
        Role::Administrator,
        Role::Technician,
        Role::RuleOfficer,
        Role::Auditor,
    ],
);
const API_AUDIT: Access = Access::Api(ApiScope::Audit, &[Role::Administrator, Role::Auditor]);
/// Only programs: what a browser sends by itself decides nothing.
const API_ACT: Access = Access::Api(ApiScope::Act, &[]);

const fn get(path: &'static str, access: Access) -> Route {
    Route {
        method: "GET",
        path,
        access,
        reach: Reach::Whole,
    }
}

const fn post(path: &'static str, access: Access) -> Route {
    Route {
        method: "POST",
        path,
        access,
        reach: Reach::Whole,
    }
}

/// Also for those who are limited to departments: the handler shows them no more than they see.
const fn seen(route: Route) -> Route {
    Route {
        reach: Reach::Seen,
        ..route
    }
}

/// Every route of the dashboard. A new one is closed to people who are limited to departments until it is `seen`,
/// which a test then holds it to (`web/tests/sight.rs`).
pub const ROUTES: &[Route] = &[
    get("/healthz", Access::Anyone),
    get(
        "/metrics",
        Access::Api(ApiScope::Read, &[Role::Administrator, Role::Auditor]),
    ),
    get("/static/{version}/{file}", Access::Anyone),
    get("/favicon.ico", Access::Anyone),
    get("/sign-in", Access::Anyone),
    post("/sign-in", Access::Anyone),
    get("/sign-in/oidc", Access::Anyone),
    get(BACK, Access::Anyone),
    post("/preferences", Access::Anyone),
    post("/sign-out", Access::Own),
    get("/account", Access::Own),
    post("/account/password", Access::Own),
    get("/account/totp", Access::Own),
    post("/account/totp", Access::Own),
    post("/findings/views", Access::Own),
    post("/assets/views", Access::Own),
    post("/views/{id}/remove", Access::Own),
    get("/sign-in/code", Access::HalfSignedIn),
    post("/sign-in/code", Access::HalfSignedIn),
    seen(get("/", EVERY_ROLE)),
    seen(get("/findings", EVERY_ROLE)),
    seen(get("/findings/export", EVERY_ROLE)),
    seen(get("/findings/{id}", EVERY_ROLE)),
    seen(post("/findings/{id}/action", TECHNICIAN)),
    post("/findings/bulk", TECHNICIAN),
    get("/approvals", EVERY_ROLE),
    get("/approvals/export", EVERY_ROLE),
    get("/approvals/new", TECHNICIAN),
    post("/approvals", TECHNICIAN),
    post("/approvals/{id}/withdraw", TECHNICIAN),
    seen(get("/assets", EVERY_ROLE)),
    seen(get("/assets/export", EVERY_ROLE)),
    seen(get("/assets/{id}", EVERY_ROLE)),
    seen(get("/devices/export", EVERY_ROLE)),
    seen(get("/devices/{id}", EVERY_ROLE)),
    seen(get("/software", EVERY_ROLE)),
    seen(get("/software/export", EVERY_ROLE)),
    seen(get("/software/{id}", EVERY_ROLE)),
    post("/software/file", RULE_OFFICER),
    get("/notices", EVERY_ROLE),
    get("/notices/export", EVERY_ROLE),
    get("/notices/new", TECHNICIAN),
    post("/notices", TECHNICIAN),
    get("/notices/{number}", EVERY_ROLE),
    get("/notices/{number}/print", EVERY_ROLE),
    post("/notices/{number}/reply", TECHNICIAN),
    post("/notices/{number}/close", TECHNICIAN),
    get("/forms/violations", EVERY_ROLE),
    get("/forms/changes", EVERY_ROLE),
    get("/inspections", EVERY_ROLE),
    post("/inspections", TECHNICIAN),
    get("/inspections/{id}", EVERY_ROLE),
    get("/inspections/{id}/export", EVERY_ROLE),
    get("/inspections/{id}/print", EVERY_ROLE),
    post("/inspections/reassessments/{id}", TECHNICIAN),
    get("/admissions", EVERY_ROLE),
    get("/admissions/{id}", EVERY_ROLE),
    get("/arrivals", EVERY_ROLE),
    post("/arrivals/{id}", TECHNICIAN),
    get("/ledger", EVERY_ROLE),
    get("/ledger/export", EVERY_ROLE),
    get("/ledger/grid", EVERY_ROLE),
    post("/ledger", KEEPERS),
    get("/clauses", EVERY_ROLE),
    get("/register", EVERY_ROLE),
    get("/register/{book}", EVERY_ROLE),
    post("/register/{book}", KEEPERS),
    get("/register/{book}/export", EVERY_ROLE),
    seen(get("/rules", EVERY_ROLE)),
    seen(get("/rules/{id}", EVERY_ROLE)),
    get("/rules/files/{file}", RULE_OFFICER),
    post("/rules/files/{file}", RULE_OFFICER),
    post("/rules/files", RULE_OFFICER),
    post("/rules/check", RULE_OFFICER),
    get("/tokens", ADMINISTRATION_READERS),
    get("/tokens/export", ADMINISTRATION_READERS),
    post("/tokens", ADMINISTRATOR),
    post("/tokens/{id}/revoke", ADMINISTRATOR),
    get("/alerts", ALERT_READERS),
    get("/alerts/export", ALERT_READERS),
    post("/alerts/{id}/resend", ADMINISTRATOR),
    get("/channels", ADMINISTRATION_READERS),
    post("/channels", ADMINISTRATOR),
    post("/channels/{name}/test", ADMINISTRATOR),
    post("/alerting/{kind}/{name}/remove", ADMINISTRATOR),
    post("/routes", ADMINISTRATOR),
    post("/maintenance", ADMINISTRATOR),
    get("/users", ADMINISTRATION_READERS),
    post("/users", ADMINISTRATOR),
    get("/users/export", ADMINISTRATION_READERS),
    get("/users/{id}", ADMINISTRATION_READERS),
    post("/users/{id}/rights", ADMINISTRATOR),
    post("/users/{id}/state", ADMINISTRATOR),
    post("/users/{id}/password", ADMINISTRATOR),
    post("/users/{id}/totp", ADMINISTRATOR),
    post("/users/{id}/unlink", ADMINISTRATOR),
    get("/mine/{secret}", Access::Anyone),
    post("/mine/{secret}", Access::Anyone),
    get("/acknowledgements", ALERT_READERS),
    get("/acknowledgements/export", ALERT_READERS),
    get("/subjects", ADMINISTRATION_READERS),
    get("/subjects/file", ADMINISTRATION_READERS),
    post("/subjects/delete", ADMINISTRATOR),
    get("/system", ADMINISTRATION_READERS),
    get("/system/export", ADMINISTRATION_READERS),
    get("/audit", ADMINISTRATION_READERS),
    get("/audit/export", ADMINISTRATION_READERS),
    seen(get("/events", EVERY_ROLE)),
    get("/api-tokens", ADMINISTRATION_READERS),
    post("/api-tokens", ADMINISTRATOR),
    get("/api-tokens/export", ADMINISTRATION_READERS),
    post("/api-tokens/{id}/revoke", ADMINISTRATOR),
    get("/api/v1/openapi.json", Access::Anyone),
    seen(get("/api/v1/findings", API_READ)),
    seen(get("/api/v1/findings/{id}", API_READ)),
    seen(post("/api/v1/findings/{id}/action", API_ACT)),
    seen(get("/api/v1/assets", API_READ)),
    seen(get("/api/v1/assets/{id}", API_READ)),
    seen(get("/api/v1/devices", API_READ)),
    seen(get("/api/v1/devices/{id}", API_READ)),
    seen(get("/api/v1/devices/{id}/items", API_READ)),
    seen(get("/api/v1/devices/{id}/changes", API_READ)),
    seen(post("/api/v1/devices/{id}/refresh", API_ACT)),
    seen(get("/api/v1/software", API_READ)),
    get("/api/v1/approvals", API_READ),
    get("/api/v1/notices", API_READ),
    get("/api/v1/inspections", API_READ),
    get("/api/v1/inspections/{id}/machines", API_READ),
    get("/api/v1/register/{book}", API_READ),
    get("/api/v1/ledger", API_READ),
    seen(get("/api/v1/rules", API_READ)),
    seen(get("/api/v1/clauses", API_READ)),
    get(
        "/api/v1/deliveries",
        Access::Api(
            ApiScope::Read,
            &[Role::Administrator, Role::Technician, Role::Auditor],
        ),
    ),
    get("/api/v1/tokens", API_AUDIT),
    get("/api/v1/acknowledgements", API_AUDIT),
    get("/api/v1/users", API_AUDIT),
    get("/api/v1/audit", API_AUDIT),
    post("/observation", ADMINISTRATOR),
];

/// Who may use this method on this pattern; `None` when the table does not know it. A HEAD is a GET.
pub fn of(method: &Method, path: &str) -> Option<&'static Route> {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    ROUTES
        .iter()
        .find(|route| route.method == method && route.path == path)
}

impl Access {
    /// Whether somebody with these rights may.
    pub fn allows(self, rights: Rights<'_>) -> bool {
        match (self, rights.scopes) {
            (Self::Anyone, _) => true,
            (Self::Own | Self::HalfSignedIn, scopes) => scopes.is_none(),
            (Self::Api(scope, _), Some(scopes)) => scopes.contains(&scope),
            (Self::Roles(_), Some(_)) => false,
            (Self::Roles(allowed) | Self::Api(_, allowed), None) => {
                rights.roles.iter().any(|role| allowed.contains(role))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_belongs_to_nobody() {
        let access = |method: Method, path| of(&method, path).map(|route| route.access);
        assert_eq!(access(Method::GET, "/secrets"), None);
        assert_eq!(access(Method::DELETE, "/tokens"), None);
        assert_eq!(access(Method::HEAD, "/tokens"), access(Method::GET, "/tokens"));
    }

    #[test]
    fn the_auditor_writes_nothing_but_the_own_account() {
        for route in ROUTES.iter().filter(|route| route.method != "GET") {
            let auditor = Rights {
                roles: &[Role::Auditor],
                scopes: None,
                sight: &Sight::Everything,
            };
            if matches!(route.access, Access::Roles(_) | Access::Api(..)) {
                assert!(!route.access.allows(auditor), "{}", route.path);
            }
        }
    }
}
