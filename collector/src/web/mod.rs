//! The dashboard: pages for the information management department, and their JSON twins. Server-rendered;
//! readable and usable without JavaScript.
//!
//! A request passes the [`frame`] (security headers, failures in the reader's language), then the [`guard`]
//! (route table, origin, form secret, session, roles), then its handler. Store calls block and run on
//! threads of their own. TLS is not here: whoever serves the router brings it.

pub mod access;
mod api;
mod asked;
mod badge;
mod bearer;
mod chart;
mod cookie;
mod counts;
mod decisions;
mod embedded;
mod error;
mod facts;
mod form;
mod frame;
mod guard;
mod kept;
mod list;
mod live;
mod locale;
mod logged;
mod looks;
mod metrics;
mod page;
mod pages;
mod plot;
mod rate;
mod rulewords;
mod serve;
mod session;
mod settle;
mod software;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod totp;
mod upload;
mod vouched;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    http::Method,
    middleware,
    routing::{MethodRouter, get, post},
};

pub use decisions::StoreActions;
pub use serve::serve;
pub use settle::settle_looks;
pub use state::{
    Actions, Clock, LiveEvent, LiveKind, Refresh, SignInPolicy, System, SystemClock, WebConfig, WebState,
};

use crate::config::BACK;
use error::WebError;

/// The dashboard, to be served over TLS.
pub fn router(state: WebState) -> Router {
    let routes = routes();
    let router = routes.router.fallback(nothing_here);
    router
        .route_layer(middleware::from_fn_with_state(state.clone(), guard::guard))
        .layer(DefaultBodyLimit::max(form::OWN_FORM_BYTES))
        .layer(middleware::from_fn(frame::frame))
        .with_state(state)
}

/// Routes as they are registered. What the access table does not list is not registered at all.
struct Routes {
    router: Router<WebState>,
    registered: Vec<(Method, &'static str)>,
}

impl Routes {
    fn add(mut self, method: Method, path: &'static str, handler: MethodRouter<WebState>) -> Self {
        if access::of(&method, path).is_some() {
            self.router = self.router.route(path, handler);
        } else {
            tracing::error!(%method, path, "a route that the access table does not list is left out");
        }
        self.registered.push((method, path));
        self
    }

    fn get<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, WebState>,
        T: 'static,
    {
        self.add(Method::GET, path, get(handler))
    }

    fn post<H, T>(self, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, WebState>,
        T: 'static,
    {
        self.add(Method::POST, path, post(handler))
    }
}

fn routes() -> Routes {
    Routes {
        router: Router::new(),
        registered: Vec::new(),
    }
    .get("/healthz", healthz)
    .get("/metrics", metrics::metrics)
    .get("/static/{version}/{file}", embedded::file)
    .get("/favicon.ico", embedded::favicon)
    .get("/sign-in", pages::sign_in::page)
    .post("/sign-in", pages::sign_in::attempt)
    .get("/sign-in/oidc", pages::away::leave)
    .get(BACK, pages::away::back)
    .post("/sign-out", pages::sign_in::sign_out)
    .post("/preferences", pages::account::preferences)
    .get("/account", pages::account::page)
    .post("/account/password", pages::account::change_password)
    .get("/account/totp", pages::totp::page)
    .post("/account/totp", pages::totp::change)
    .get("/sign-in/code", pages::code::page)
    .post("/sign-in/code", pages::code::attempt)
    .get("/", pages::overview::page)
    .get("/findings", pages::findings::page)
    .get("/findings/export", list::export::<pages::findings::FindingList>)
    .get("/findings/{id}", pages::finding::page)
    .post("/findings/{id}/action", pages::finding::act)
    .post("/findings/bulk", pages::findings::bulk)
    .post(
        "/findings/views",
        pages::saved::save::<pages::findings::FindingList>,
    )
    .post("/assets/views", pages::saved::save::<pages::assets::AssetList>)
    .post("/views/{id}/remove", pages::saved::remove)
    .get("/approvals", pages::approvals::page)
    .get(
        "/approvals/export",
        list::export::<pages::approvals::ApprovalList>,
    )
    .get("/approvals/new", pages::approvals::new)
    .post("/approvals", pages::approvals::grant)
    .post("/approvals/{id}/withdraw", pages::approvals::withdraw)
    .get("/notices", pages::notices::page)
    .get("/notices/export", list::export::<pages::notices::NoticeList>)
    .get("/notices/new", pages::notices::new)
    .post("/notices", pages::notices::issue)
    .get("/notices/{number}", pages::notices::notice)
    .get("/notices/{number}/print", pages::notices::print)
    .post("/notices/{number}/reply", pages::notices::reply)
    .post("/notices/{number}/close", pages::notices::close)
    .get("/forms/violations", pages::forms::violations)
    .get("/forms/changes", pages::forms::changes)
    .get("/inspections", pages::inspections::page)
    .post("/inspections", pages::inspections::run)
    .get("/inspections/{id}", pages::inspections::inspection)
    .get("/inspections/{id}/export", pages::inspected::export)
    .get("/inspections/{id}/print", pages::inspections::print)
    .post("/inspections/reassessments/{id}", pages::inspections::settle)
    .get("/admissions", pages::admissions::page)
    .get("/admissions/{id}", pages::admissions::admission)
    .get("/assets", pages::assets::page)
    .get("/assets/export", list::export::<pages::assets::AssetList>)
    .get("/assets/{id}", pages::asset::page)
    .get("/devices/export", list::export::<pages::devices::DeviceList>)
    .get("/devices/{id}", pages::device::page)
    .get("/software", pages::software::page)
    .get("/software/export", list::export::<pages::software::SoftwareList>)
    .post("/software/file", pages::software::file)
    .get("/software/{id}", pages::software::title)
    .get("/arrivals", pages::arrivals::page)
    .post("/arrivals/{id}", pages::arrivals::decide)
    .get("/ledger", pages::ledger::page)
    .get("/ledger/export", list::export::<pages::ledger::LedgerList>)
    .get("/ledger/grid", pages::grid::page)
    .post("/ledger", pages::ledger::edit)
    .get("/clauses", pages::clauses::page)
    .get("/register", pages::register::first)
    .get("/register/{book}", pages::register::page)
    .post("/register/{book}", pages::register::edit)
    .get("/register/{book}/export", pages::register::export)
    .get("/rules", pages::rules::page)
    .get("/rules/{id}", pages::rules::rule)
    .get("/rules/files/{file}", pages::editor::page)
    .post("/rules/files/{file}", pages::editor::edit)
    .post("/rules/files", pages::editor::choose)
    .post("/rules/check", pages::editor::check)
    .get("/tokens", pages::tokens::page)
    .get("/tokens/export", list::export::<pages::tokens::TokenList>)
    .post("/tokens", pages::tokens::create)
    .post("/tokens/{id}/revoke", pages::tokens::revoke)
    .get("/alerts", pages::alerts::page)
    .get("/alerts/export", list::export::<pages::alerts::DeliveryList>)
    .post("/alerts/{id}/resend", pages::alerts::resend)
    .get("/channels", pages::channels::page)
    .post("/channels", pages::channels::put_channel)
    .post("/channels/{name}/test", pages::channels::test)
    .post("/alerting/{kind}/{name}/remove", pages::channels::remove)
    .post("/routes", pages::channels::put_route)
    .post("/maintenance", pages::channels::put_window)
    .get("/users", pages::users::page)
    .post("/users", pages::users::create)
    .get("/users/export", list::export::<pages::users::UserList>)
    .get("/users/{id}", pages::users::user)
    .post("/users/{id}/rights", pages::users::rights)
    .post("/users/{id}/state", pages::users::switch)
    .post("/users/{id}/password", pages::users::reset_password)
    .post("/users/{id}/totp", pages::users::forget_totp)
    .post("/users/{id}/unlink", pages::users::unlink)
    .get("/mine/{secret}", pages::mine::page)
    .post("/mine/{secret}", pages::mine::acknowledge)
    .get("/acknowledgements", pages::acknowledgements::page)
    .get(
        "/acknowledgements/export",
        list::export::<pages::acknowledgements::AcknowledgementList>,
    )
    .get("/subjects", pages::subjects::page)
    .get("/subjects/file", pages::subjects::export)
    .post("/subjects/delete", pages::subjects::delete)
    .get("/system", pages::system::page)
    .get("/system/export", list::export::<pages::system::AgentList>)
    .get("/audit", pages::audit::page)
    .get("/audit/export", list::export::<pages::audit::AuditList>)
    .post("/observation", pages::channels::observe)
    .get("/events", live::events)
    .get("/api-tokens", pages::api_tokens::page)
    .post("/api-tokens", pages::api_tokens::create)
    .get(
        "/api-tokens/export",
        list::export::<pages::api_tokens::ApiTokenList>,
    )
    .post("/api-tokens/{id}/revoke", pages::api_tokens::revoke)
    .get("/api/v1/openapi.json", api::document)
    .get("/api/v1/findings", api::list::<pages::findings::FindingList>)
    .get("/api/v1/findings/{id}", api::finding)
    .post("/api/v1/findings/{id}/action", api::decide)
    .get("/api/v1/assets", api::list::<pages::assets::AssetList>)
    .get("/api/v1/assets/{id}", api::asset)
    .get("/api/v1/devices", api::list::<pages::devices::DeviceList>)
    .get("/api/v1/devices/{id}", api::device)
    .get("/api/v1/devices/{id}/items", api::device_items)
    .get("/api/v1/devices/{id}/changes", api::device_changes)
    .post("/api/v1/devices/{id}/refresh", api::refresh)
    .get("/api/v1/software", api::list::<pages::software::SoftwareList>)
    .get("/api/v1/approvals", api::list::<pages::approvals::ApprovalList>)
    .get("/api/v1/notices", api::list::<pages::notices::NoticeList>)
    .get(
        "/api/v1/inspections",
        api::list::<pages::inspected::InspectionList>,
    )
    .get(
        "/api/v1/inspections/{id}/machines",
        api::list::<pages::inspected::InspectedList>,
    )
    .get("/api/v1/register/{book}", api::book)
    .get("/api/v1/ledger", api::list::<pages::ledger::LedgerList>)
    .get("/api/v1/rules", api::rules)
    .get("/api/v1/clauses", api::clauses)
    .get("/api/v1/deliveries", api::list::<pages::alerts::DeliveryList>)
    .get("/api/v1/tokens", api::list::<pages::tokens::TokenList>)
    .get(
        "/api/v1/acknowledgements",
        api::list::<pages::acknowledgements::AcknowledgementList>,
    )
    .get("/api/v1/users", api::list::<pages::users::UserList>)
    .get("/api/v1/audit", api::list::<pages::audit::AuditList>)
}

/// `GET /healthz`: the process answers. Says nothing else, because anybody may ask.
async fn healthz() -> &'static str {
    "ok\n"
}

async fn nothing_here() -> WebError {
    WebError::NotFound
}
