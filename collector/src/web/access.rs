//! Who may use which route. The router registers nothing that is not in this table, and a request that
//! matches no line of it is refused: default deny.

use axum::http::Method;
use deskwarden_domain::model::Role;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody, signed in or not.
    Anyone,
    /// Everybody signed in, for what is their own; also while the password must be changed.
    Own,
    /// Those with one of the roles.
    Roles(&'static [Role]),
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
}

const EVERY_ROLE: Access = Access::Roles(&[
    Role::Administrator,
    Role::Technician,
    Role::RuleOfficer,
    Role::Auditor,
]);
const TECHNICIAN: Access = Access::Roles(&[Role::Technician]);
const KEEPERS: Access = Access::Roles(&[Role::Administrator, Role::Technician]);
const ADMINISTRATOR: Access = Access::Roles(&[Role::Administrator]);
const ADMINISTRATION_READERS: Access = Access::Roles(&[Role::Administrator, Role::Auditor]);
const ALERT_READERS: Access = Access::Roles(&[Role::Administrator, Role::Technician, Role::Auditor]);

const fn get(path: &'static str, access: Access) -> Route {
    Route {
        method: "GET",
        path,
        access,
    }
}

const fn post(path: &'static str, access: Access) -> Route {
    Route {
        method: "POST",
        path,
        access,
    }
}

/// Every route of the dashboard.
pub const ROUTES: &[Route] = &[
    get("/healthz", Access::Anyone),
    get("/static/{version}/{file}", Access::Anyone),
    get("/favicon.ico", Access::Anyone),
    get("/sign-in", Access::Anyone),
    post("/sign-in", Access::Anyone),
    post("/preferences", Access::Anyone),
    post("/sign-out", Access::Own),
    get("/account", Access::Own),
    post("/account/password", Access::Own),
    get("/", EVERY_ROLE),
    get("/findings", EVERY_ROLE),
    get("/findings/{id}", EVERY_ROLE),
    post("/findings/{id}/action", TECHNICIAN),
    post("/findings/bulk", TECHNICIAN),
    get("/approvals", EVERY_ROLE),
    get("/approvals/new", TECHNICIAN),
    post("/approvals", TECHNICIAN),
    post("/approvals/{id}/withdraw", TECHNICIAN),
    get("/assets", EVERY_ROLE),
    get("/assets/{id}", EVERY_ROLE),
    get("/devices/{id}", EVERY_ROLE),
    get("/arrivals", EVERY_ROLE),
    post("/arrivals/{id}", TECHNICIAN),
    get("/ledger", EVERY_ROLE),
    post("/ledger", KEEPERS),
    get("/rules", EVERY_ROLE),
    get("/rules/{id}", EVERY_ROLE),
    get("/tokens", ADMINISTRATION_READERS),
    post("/tokens", ADMINISTRATOR),
    post("/tokens/{id}/revoke", ADMINISTRATOR),
    get("/alerts", ALERT_READERS),
    post("/alerts/{id}/resend", ADMINISTRATOR),
    get("/channels", ADMINISTRATION_READERS),
    post("/channels", ADMINISTRATOR),
    post("/channels/{name}/test", ADMINISTRATOR),
    post("/alerting/{kind}/{name}/remove", ADMINISTRATOR),
    post("/routes", ADMINISTRATOR),
    post("/maintenance", ADMINISTRATOR),
    get("/events", EVERY_ROLE),
    get("/api/v1/findings", EVERY_ROLE),
    get("/api/v1/findings/{id}", EVERY_ROLE),
    get("/api/v1/devices", EVERY_ROLE),
    get("/api/v1/devices/{id}", EVERY_ROLE),
];

/// Who may use this method on this pattern; `None` when the table does not know it. A HEAD is a GET.
pub fn of(method: &Method, path: &str) -> Option<Access> {
    let method = if method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    ROUTES
        .iter()
        .find(|route| route.method == method && route.path == path)
        .map(|route| route.access)
}

impl Access {
    /// Whether somebody signed in with these roles may.
    pub fn allows(self, roles: &[Role]) -> bool {
        match self {
            Self::Anyone | Self::Own => true,
            Self::Roles(allowed) => roles.iter().any(|role| allowed.contains(role)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_the_table_belongs_to_nobody() {
        assert_eq!(of(&Method::GET, "/secrets"), None);
        assert_eq!(of(&Method::DELETE, "/tokens"), None);
        assert_eq!(of(&Method::HEAD, "/tokens"), of(&Method::GET, "/tokens"));
    }

    #[test]
    fn the_auditor_writes_nothing_but_the_own_account() {
        for route in ROUTES.iter().filter(|route| route.method != "GET") {
            if matches!(route.access, Access::Roles(_)) {
                assert!(!route.access.allows(&[Role::Auditor]), "{}", route.path);
            }
        }
    }
}
