//! Whether somebody is who they say: by a password that is kept here, by the directory, or by what a provider says of
//! them. Whoever has a password here is never looked for in the directory: it cannot take a local account over.

use std::{sync::Arc, time::Duration};

use axum::http::StatusCode;
use deskwarden_domain::{
    model::{AuditEntry, Millis, User, Vouched, Voucher, person},
    port::{SignInAttempt, Store, StoreError},
};

use crate::{
    config::Secret,
    password,
    vouch::{self, Directory, VouchError},
    web::{error::WebError, session, state::WebState},
};

/// How long a sign-in waits for its turn to be hashed.
const HASH_WAIT: Duration = Duration::from_secs(10);

/// What a password check says.
pub(super) enum Checked {
    /// It is this person's.
    Right(User),
    /// No such name, switched off, or another password: not told apart.
    Wrong,
    /// Too many attempts: nothing was looked at.
    Locked(Millis),
    /// The directory lets nobody in here: status of the answer, and name of the reason in the locales.
    Outside(StatusCode, &'static str),
}

/// What a look into the store says.
enum Known {
    Checked(Checked),
    /// The password is not kept here.
    AskDirectory,
}

/// Counts the attempt, then compares: with what the store keeps, or by asking the directory. `name` is lower case.
pub(super) async fn check_password(
    state: &WebState,
    name: &str,
    password: String,
) -> Result<Checked, WebError> {
    let policy = state.config.sign_in;
    let now = state.clock.now();
    // Few hashes at once, and a short queue: a flood of attempts takes neither memory nor every core.
    let turn = tokio::time::timeout(HASH_WAIT, state.hashing.acquire())
        .await
        .map_err(|_| WebError::Busy)?;
    let turn = turn.map_err(|_| WebError::Internal("hashing has ended"))?;
    let (owned, typed) = (name.to_owned(), Secret::new(password));
    let directory = state.config.vouchers.ldap.clone();
    let (asks, password) = (directory.is_some(), typed.clone());
    let known = state
        .ask(move |store| {
            let lockout = Millis::try_from(policy.lockout.as_millis()).unwrap_or(Millis::MAX);
            if let SignInAttempt::LockedUntil(until) =
                store.count_sign_in(&owned, now, policy.threshold, lockout)?
            {
                return Ok(Known::Checked(Checked::Locked(until)));
            }
            let user = store.user_by_name(&owned)?;
            let voucher = user.as_ref().map(|user| user.voucher);
            if asks && matches!(voucher, None | Some(Voucher::Ldap)) {
                return Ok(Known::AskDirectory);
            }
            let stored = user.as_ref().map(|user| user.password_hash.as_str());
            let right = password::verify(password.reveal(), stored);
            Ok(Known::Checked(match user {
                Some(user) if right && user.disabled_at.is_none() => {
                    store.clear_sign_in(&owned)?;
                    Checked::Right(user)
                }
                Some(user) => {
                    store.audit(&session::entry(now, &owned, "sign_in.refused", user.id))?;
                    Checked::Wrong
                }
                None => Checked::Wrong,
            }))
        })
        .await?;
    drop(turn);
    match (known, directory) {
        (Known::Checked(checked), _) => Ok(checked),
        (Known::AskDirectory, Some(directory)) => by_directory(state, &directory, name, typed).await,
        (Known::AskDirectory, None) => Ok(Checked::Wrong),
    }
}

async fn by_directory(
    state: &WebState,
    directory: &Arc<Directory>,
    name: &str,
    password: Secret,
) -> Result<Checked, WebError> {
    // What cannot be a sign-in name is not looked for.
    let vouched = if vouch::sign_in_name(name).as_deref() == Some(name) {
        directory.check(name, password).await
    } else {
        Err(VouchError::Refused)
    };
    let (owned, now) = (name.to_owned(), state.clock.now());
    match vouched {
        Ok(who) => {
            let admitted = admit(state, who).await?;
            if matches!(admitted, Checked::Right(_)) {
                state.ask(move |store| store.clear_sign_in(&owned)).await?;
            }
            Ok(admitted)
        }
        Err(VouchError::Refused) => {
            state
                .ask(move |store| match store.user_by_name(&owned)? {
                    Some(user) => store.audit(&session::entry(now, &owned, "sign_in.refused", user.id)),
                    None => Ok(()),
                })
                .await?;
            Ok(Checked::Wrong)
        }
        Err(error) => Ok(refusal(&error, "directory")),
    }
}

/// Gives somebody whom a directory or a provider vouches for their account, if their groups let them in.
pub(super) async fn admit(state: &WebState, who: Vouched) -> Result<Checked, WebError> {
    let now = state.clock.now();
    state
        .ask(move |store| {
            let refused = |store: &dyn Store, why: &'static str| {
                store.audit(&AuditEntry {
                    at: now,
                    actor: who.name.clone(),
                    action: "sign_in.refused".to_owned(),
                    object: format!("user:{}", person(&who.name)),
                    detail: why.to_owned(),
                })?;
                Ok(Checked::Outside(StatusCode::FORBIDDEN, why))
            };
            match store.admit_vouched(&who, now) {
                Ok(Some(user)) if user.disabled_at.is_some() => refused(store, "switched_off"),
                Ok(Some(user)) => Ok(Checked::Right(user)),
                Ok(None) => refused(store, "no_group"),
                Err(StoreError::Conflict(_)) => refused(store, "name_taken"),
                Err(error) => Err(error),
            }
        })
        .await
}

/// What a person is told; the cause goes to the log. `who` is the name of the one who does not answer in the locales.
pub(super) fn refusal(error: &VouchError, who: &'static str) -> Checked {
    match error {
        VouchError::Refused => Checked::Wrong,
        VouchError::Clash(_) => {
            tracing::warn!(%error, "a sign-in was refused");
            Checked::Outside(StatusCode::FORBIDDEN, "clash")
        }
        VouchError::Unproven(_) => {
            tracing::warn!(%error, "a sign-in was refused");
            Checked::Outside(StatusCode::UNAUTHORIZED, "unproven")
        }
        VouchError::Unreachable(_) | VouchError::Broken(_) => {
            tracing::error!(%error, who, "nobody can vouch for people now");
            Checked::Outside(StatusCode::SERVICE_UNAVAILABLE, who)
        }
    }
}
