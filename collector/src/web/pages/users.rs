//! `GET /users`, `GET /users/{id}` and the forms there: who may sign in, with which roles, for which
//! departments. A one-time password is shown once, in the answer to the form that made it.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use deskwarden_domain::{
    model::{Millis, Role, Sight, User, Voucher, person},
    port::{Store, StoreError, StoreResult},
};

use super::{Asked, render};
use crate::{
    people::{self, OneTime},
    web::{
        error::WebError,
        form::Fields,
        list::{Batch, Column, Exports, List, ListAsk},
        page::Page,
        state::WebState,
        text::{Agent, agent_text},
    },
};

/// Most departments of one person.
const DEPARTMENTS: usize = 50;
const LONGEST_DEPARTMENT: usize = 100;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    p: Page,
    users: Vec<UserLine>,
    form: Typed,
    made: Option<Made>,
    exports: Exports,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    p: Page,
    user: UserLine,
    form: Typed,
    made: Option<Made>,
    /// Recovery codes that are left.
    recovery: u64,
    changed: bool,
}

struct UserLine {
    id: i64,
    name: Agent,
    roles: Vec<&'static str>,
    departments: Vec<Agent>,
    /// `active`, `disabled`, `locked` or `one_time`.
    state: &'static str,
    /// Who keeps the password.
    voucher: &'static str,
    totp: bool,
    created_at: Millis,
    last_sign_in_at: Option<Millis>,
    myself: bool,
}

impl UserLine {
    fn new(user: &User, now: Millis, viewer: i64) -> Self {
        Self {
            id: user.id,
            name: agent_text(&user.name),
            roles: user.roles.iter().map(|role| role.name()).collect(),
            departments: user
                .sight
                .departments()
                .iter()
                .map(|name| agent_text(name))
                .collect(),
            state: state_of(user, now),
            voucher: user.voucher.name(),
            totp: user.totp.is_some(),
            created_at: user.created_at,
            last_sign_in_at: user.last_sign_in_at,
            myself: user.id == viewer,
        }
    }
}

fn state_of(user: &User, now: Millis) -> &'static str {
    if user.disabled_at.is_some() {
        "disabled"
    } else if user.locked_until.is_some_and(|until| until > now) {
        "locked"
    } else if user.must_change_password {
        "one_time"
    } else {
        "active"
    }
}

/// A one-time password to show.
struct Made {
    name: Agent,
    password: String,
}

/// What was typed, to come back with its faults.
#[derive(Debug, Default)]
struct Typed {
    name: String,
    roles: Vec<Role>,
    departments: String,
    /// Names of faults in the locales, by field.
    faults: Vec<(&'static str, &'static str)>,
}

impl Typed {
    fn read(fields: &Fields) -> Self {
        Self {
            name: fields.text("name").to_owned(),
            roles: Role::ALL
                .into_iter()
                .filter(|role| fields.all("role").any(|name| name == role.name()))
                .collect(),
            departments: fields.text("departments").to_owned(),
            faults: Vec::new(),
        }
    }

    fn of(user: &User) -> Self {
        Self {
            name: user.name.clone(),
            roles: user.roles.clone(),
            departments: user.sight.departments().join("\n"),
            faults: Vec::new(),
        }
    }

    fn fault(&self, field: &str) -> Option<&'static str> {
        self.faults
            .iter()
            .find(|(name, _)| *name == field)
            .map(|(_, fault)| *fault)
    }

    /// Every role, and whether it is ticked.
    fn choices(&self) -> Vec<(&'static str, bool)> {
        Role::ALL
            .into_iter()
            .map(|role| (role.name(), self.roles.contains(&role)))
            .collect()
    }

    /// Roles and sight, checked.
    fn rights(&mut self) -> Sight {
        let sight = Sight::of(&self.departments);
        if self.roles.is_empty() {
            self.faults.push(("roles", "no_role"));
        } else if !Role::combine(&self.roles) {
            self.faults.push(("roles", "auditor_alone"));
        }
        let names = sight.departments();
        if names.len() > DEPARTMENTS || names.iter().any(|name| name.chars().count() > LONGEST_DEPARTMENT) {
            self.faults.push(("departments", "departments"));
        } else if sight.is_limited() && self.roles.contains(&Role::Administrator) {
            self.faults.push(("departments", "administrator_sees_all"));
        }
        sight
    }
}

/// The list.
pub(in crate::web) async fn page(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    render(&build_list(&state, &asked, Typed::default(), None).await?)
}

/// Makes somebody.
pub(in crate::web) async fn create(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let mut typed = Typed::read(&fields);
    let sight = typed.rights();
    let name = people::user_name(&typed.name).unwrap_or_else(|_| {
        typed.faults.push(("name", "name"));
        String::new()
    });
    if !typed.faults.is_empty() {
        return refused_list(&state, &asked, typed).await;
    }
    let secret = one_time(&state).await?;
    let roles = typed.roles.clone();
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let detail = serde_json::json!({"roles": names, "departments": sight.departments()});
    let audit = asked.audit(
        &state,
        "user.add",
        format!("user:{}", person(&name)),
        detail.to_string(),
    );
    let limited = asked.audit(
        &state,
        "user.rights",
        format!("user:{}", person(&name)),
        detail.to_string(),
    );
    let (made, hash) = (name.clone(), secret.hash.clone());
    let done = state
        .ask(
            move |store| match store.create_user(&made, &hash, &roles, true, &audit) {
                Ok(id) => {
                    if sight.is_limited() {
                        store.set_rights(id, &roles, &sight, &limited)?;
                    }
                    Ok(true)
                }
                Err(StoreError::Conflict(_)) => Ok(false),
                Err(error) => Err(error),
            },
        )
        .await?;
    if !done {
        typed.faults.push(("name", "taken"));
        return refused_list(&state, &asked, typed).await;
    }
    let page = build_list(&state, &asked, Typed::default(), Some(shown(&name, &secret))).await?;
    Ok((StatusCode::CREATED, render(&page)?).into_response())
}

/// One person.
pub(in crate::web) async fn user(State(state): State<WebState>, asked: Asked) -> Result<Response, WebError> {
    let user = find(&state, &asked).await?;
    let form = Typed::of(&user);
    render(&build_one(&state, &asked, user, form, None).await?)
}

/// Sets roles and departments; the person's sessions end.
pub(in crate::web) async fn rights(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let user = find_local(&state, &asked).await?;
    let mut typed = Typed::read(&fields);
    let sight = typed.rights();
    if typed.faults.is_empty() {
        let names: Vec<&str> = typed.roles.iter().map(|role| role.name()).collect();
        let detail = serde_json::json!({"roles": names, "departments": sight.departments()});
        let audit = asked.audit(&state, "user.rights", object(&user), detail.to_string());
        let (id, roles) = (user.id, typed.roles.clone());
        if state
            .ask(move |store| unless_last(store.set_rights(id, &roles, &sight, &audit)))
            .await?
        {
            return Ok(Redirect::to(&format!("/users/{id}?changed=yes")).into_response());
        }
        typed.faults.push(("roles", "last_administrator"));
    }
    let page = build_one(&state, &asked, user, typed, None).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// Switches an account off or on; its sessions end.
pub(in crate::web) async fn switch(
    State(state): State<WebState>,
    asked: Asked,
    fields: Fields,
) -> Result<Response, WebError> {
    let user = find(&state, &asked).await?;
    let (at, action) = match fields.text("action") {
        "disable" => (Some(state.clock.now()), "user.disable"),
        "enable" => (None, "user.enable"),
        _ => return Err(WebError::Malformed),
    };
    let audit = asked.audit(&state, action, object(&user), "");
    let id = user.id;
    if state
        .ask(move |store| unless_last(store.set_disabled(id, at, &audit)))
        .await?
    {
        return Ok(Redirect::to(&format!("/users/{id}?changed=yes")).into_response());
    }
    let mut form = Typed::of(&user);
    form.faults.push(("state", "last_administrator"));
    let page = build_one(&state, &asked, user, form, None).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// Gives a new one-time password; sessions end, a lockout too.
pub(in crate::web) async fn reset_password(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let user = find_local(&state, &asked).await?;
    let secret = one_time(&state).await?;
    let audit = asked.audit(&state, "user.reset_password", object(&user), "");
    let (id, name, hash) = (user.id, user.name.clone(), secret.hash.clone());
    state
        .ask(move |store| {
            store.set_password(id, &hash, true, None, &audit)?;
            store.clear_sign_in(&name)
        })
        .await?;
    let made = Some(shown(&user.name, &secret));
    let form = Typed::of(&user);
    render(&build_one(&state, &asked, user, form, made).await?)
}

/// Forgets the second factor of somebody who lost it.
pub(in crate::web) async fn forget_totp(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let user = find(&state, &asked).await?;
    let audit = asked.audit(&state, "totp.reset", object(&user), "");
    let id = user.id;
    state
        .ask(move |store| store.set_totp(id, None, &[], None, &audit))
        .await?;
    Ok(Redirect::to(&format!("/users/{id}?changed=yes")).into_response())
}

/// Forgets which entry of the directory or provider an account belongs to: the next one of its name takes it over.
pub(in crate::web) async fn unlink(
    State(state): State<WebState>,
    asked: Asked,
) -> Result<Response, WebError> {
    let user = find(&state, &asked).await?;
    let audit = asked.audit(&state, "user.unlink", object(&user), "");
    let id = user.id;
    state.ask(move |store| store.unlink_vouched(id, &audit)).await?;
    Ok(Redirect::to(&format!("/users/{id}?changed=yes")).into_response())
}

fn object(user: &User) -> String {
    format!("user:{}", person(&user.name))
}

/// `false` when the change would leave nobody who may administer.
fn unless_last(done: StoreResult<()>) -> StoreResult<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn find(state: &WebState, asked: &Asked) -> Result<User, WebError> {
    let id: i64 = asked
        .places
        .get("id")
        .and_then(|id| id.parse().ok())
        .ok_or(WebError::NotFound)?;
    state
        .ask(move |store| store.user(id))
        .await?
        .ok_or(WebError::NotFound)
}

/// Somebody whose password and roles are kept here. What a directory or a provider says of others is not changed.
async fn find_local(state: &WebState, asked: &Asked) -> Result<User, WebError> {
    let user = find(state, asked).await?;
    if user.voucher == Voucher::Local {
        Ok(user)
    } else {
        Err(WebError::Forbidden)
    }
}

async fn one_time(state: &WebState) -> Result<OneTime, WebError> {
    let _turn = state
        .hashing
        .acquire()
        .await
        .map_err(|_| WebError::Internal("hashing has ended"))?;
    tokio::task::spawn_blocking(people::one_time_password)
        .await
        .map_err(|_| WebError::Internal("hashing was cut off"))?
        .map_err(|_| WebError::Internal("no password could be made"))
}

fn shown(name: &str, secret: &OneTime) -> Made {
    Made {
        name: agent_text(name),
        password: secret.reveal().to_owned(),
    }
}

async fn refused_list(state: &WebState, asked: &Asked, typed: Typed) -> Result<Response, WebError> {
    let page = build_list(state, asked, typed, None).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

async fn build_list(
    state: &WebState,
    asked: &Asked,
    form: Typed,
    made: Option<Made>,
) -> Result<UsersPage, WebError> {
    let p = asked.page(state, "/users");
    let users = state.ask(|store| store.users()).await?;
    Ok(UsersPage {
        users: users
            .iter()
            .map(|user| UserLine::new(user, p.now, asked.viewer.user))
            .collect(),
        exports: Exports::of("/users/export", asked),
        form,
        made,
        p,
    })
}

async fn build_one(
    state: &WebState,
    asked: &Asked,
    user: User,
    form: Typed,
    made: Option<Made>,
) -> Result<UserPage, WebError> {
    let p = asked.page(state, "/users");
    let id = user.id;
    Ok(UserPage {
        user: UserLine::new(&user, p.now, asked.viewer.user),
        recovery: state.ask(move |store| store.recovery_codes(id)).await?,
        changed: asked.query.some("changed").is_some(),
        form,
        made,
        p,
    })
}

/// The people, as a list.
pub(in crate::web) struct UserList;

impl List for UserList {
    type Row = User;
    const NAME: &'static str = "users";
    const TITLE: &'static str = "nav.users";
    const FILTERS: &'static [(&'static str, &'static str)] = &[];

    fn columns() -> Vec<Column<User>> {
        vec![
            Column::number("id", "users.id", |user| Some(user.id)),
            Column::text("name", "sign_in.name", |user, _| Some(user.name.clone())),
            Column::texts("roles", "account.roles", |user| {
                user.roles.iter().map(|role| role.name().to_owned()).collect()
            }),
            Column::texts("departments", "users.departments", |user| {
                user.sight.departments().to_vec()
            }),
            Column::text("source", "users.voucher", |user, _| {
                Some(user.voucher.name().to_owned())
            }),
            Column::flag("second_factor", "users.totp", |user| user.totp.is_some()),
            Column::when("created_at", "users.created", |user| Some(user.created_at)),
            Column::when("last_sign_in_at", "users.last_sign_in", |user| {
                user.last_sign_in_at
            }),
            Column::when("disabled_at", "users.disabled", |user| user.disabled_at),
        ]
    }

    fn fetch(store: &dyn Store, _: &ListAsk, from: Option<i64>, limit: u32) -> StoreResult<Batch<User>> {
        Ok(Batch::of_whole(store.users()?, from, limit))
    }
}
