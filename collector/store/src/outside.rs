//! Accounts of people whom a directory or a provider vouches for: made, given the rights of their groups, or left
//! without any.

use deskwarden_domain::{
    model::{AuditEntry, Millis, Role, User, Vouched, person},
    port::{StoreError, StoreResult},
};

use crate::{
    access::{departments, end_sessions, user_where},
    audit,
    sql::{Cell, Connection, ConnectionExt as _},
};

/// See [`People::admit`](deskwarden_domain::port::People::admit_vouched).
pub(crate) fn admit(connection: &mut dyn Connection, who: &Vouched, at: Millis) -> StoreResult<Option<User>> {
    // Two browsers of one new person must make one account.
    connection.row_locked("SELECT sequence FROM audit_head WHERE id = 1", &[], |r| r.int())?;
    let found = match by_subject(connection, who)? {
        Some(user) => Some(user),
        None => adopted(connection, who)?,
    };
    match found {
        None if who.roles.is_empty() => Ok(None),
        None => make(connection, who, at),
        Some(user) => follow(connection, user, who, at),
    }
}

fn by_subject(connection: &mut dyn Connection, who: &Vouched) -> StoreResult<Option<User>> {
    user_where(
        connection,
        "u.source = ?1 AND u.subject = ?2",
        &[Cell::Text(who.by.name()), Cell::Text(&who.subject)],
    )
}

/// An account of the name that belongs to nobody there any more; another one's name is refused.
fn adopted(connection: &mut dyn Connection, who: &Vouched) -> StoreResult<Option<User>> {
    let Some(named) = user_where(connection, "u.name = ?1", &[Cell::Text(&who.name)])? else {
        return Ok(None);
    };
    let taken = connection.execute(
        "UPDATE users SET subject = ?2 WHERE id = ?1 AND source = ?3 AND subject IS NULL",
        &[
            Cell::Int(named.id),
            Cell::Text(&who.subject),
            Cell::Text(who.by.name()),
        ],
    )?;
    if taken == 0 {
        return Err(StoreError::Conflict(format!(
            "the name {} belongs to another account",
            who.name
        )));
    }
    Ok(Some(named))
}

fn make(connection: &mut dyn Connection, who: &Vouched, at: Millis) -> StoreResult<Option<User>> {
    let departments = departments(&who.sight);
    connection.execute(
        "INSERT INTO users (name, password_hash, roles, must_change_password, departments, created_at, source, subject)
         VALUES (?1, '', ?2, 0, ?3, ?4, ?5, ?6)",
        &[
            Cell::Text(&who.name),
            Cell::Text(&names(&who.roles)),
            Cell::from(&departments),
            Cell::Int(at),
            Cell::Text(who.by.name()),
            Cell::Text(&who.subject),
        ],
    )?;
    audit::append(connection, &entry(&who.name, who, "user.add", at))?;
    by_subject(connection, who)
}

fn follow(
    connection: &mut dyn Connection,
    user: User,
    who: &Vouched,
    at: Millis,
) -> StoreResult<Option<User>> {
    let allowed = |user| Ok((!who.roles.is_empty()).then_some(user));
    if user.roles == who.roles && user.sight == who.sight {
        return allowed(user);
    }
    let departments = departments(&who.sight);
    connection.execute(
        "UPDATE users SET roles = ?2, departments = ?3 WHERE id = ?1",
        &[
            Cell::Int(user.id),
            Cell::Text(&names(&who.roles)),
            Cell::from(&departments),
        ],
    )?;
    end_sessions(connection, user.id, None)?;
    audit::append(connection, &entry(&user.name, who, "user.rights", at))?;
    allowed(User {
        roles: who.roles.clone(),
        sight: who.sight.clone(),
        ..user
    })
}

fn entry(name: &str, who: &Vouched, action: &str, at: Millis) -> AuditEntry {
    let roles: Vec<&str> = who.roles.iter().map(|role| role.name()).collect();
    let detail = serde_json::json!({
        "roles": roles,
        "departments": who.sight.departments(),
        "source": who.by.name(),
    });
    AuditEntry {
        at,
        actor: name.to_owned(),
        action: action.to_owned(),
        object: format!("user:{}", person(name)),
        detail: detail.to_string(),
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ")
}
