//! Counting sign-in attempts: before a password is looked at, for names that exist and names that do not.

use deskwarden_domain::{
    model::Millis,
    port::{SignInAttempt, StoreResult},
};

use crate::{
    Database,
    sql::{Cell, Connection, ConnectionExt as _},
};

/// Counts an attempt. After `threshold` attempts without `lockout_ms` of quiet or a right password, the
/// name is locked for `lockout_ms`.
pub(crate) fn count(
    database: &Database,
    name: &str,
    now: Millis,
    threshold: u32,
    lockout_ms: i64,
) -> StoreResult<SignInAttempt> {
    let locked = |locked_until: Option<Millis>| locked_until.filter(|until| *until > now);
    // A flood of guesses at a locked name must not queue for the writer.
    let known = database.read(|connection| {
        connection.row(
            "SELECT locked_until FROM sign_in_counters WHERE name = ?1",
            &[Cell::Text(name)],
            |r| r.opt_int(),
        )
    })?;
    if let Some(until) = known.and_then(locked) {
        return Ok(SignInAttempt::LockedUntil(until));
    }
    database.write(|connection| {
        if known.is_none() {
            begin(connection, name, now, lockout_ms)?;
        }
        let row = connection.row_locked(
            "SELECT attempts, last_at, locked_until FROM sign_in_counters WHERE name = ?1",
            &[Cell::Text(name)],
            |r| Ok((r.int()?, r.int()?, r.opt_int()?)),
        )?;
        let (attempts, last_at, locked_until) = row.unwrap_or((0, now, None));
        if let Some(until) = locked(locked_until) {
            return Ok(SignInAttempt::LockedUntil(until));
        }
        let over = locked_until.is_some() || now.saturating_sub(last_at) >= lockout_ms;
        let attempts = if over { 1 } else { attempts + 1 };
        let until = (attempts >= i64::from(threshold)).then(|| now.saturating_add(lockout_ms));
        connection.execute(
            "INSERT INTO sign_in_counters (name, attempts, last_at, locked_until) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (name) DO UPDATE SET
               attempts = excluded.attempts, last_at = excluded.last_at, locked_until = excluded.locked_until",
            &[Cell::Text(name), Cell::Int(attempts), Cell::Int(now), Cell::from(until)],
        )?;
        Ok(if attempts > i64::from(threshold) {
            SignInAttempt::LockedUntil(until.unwrap_or(now))
        } else {
            SignInAttempt::Allowed
        })
    })
}

/// Makes the row that attempts at a name queue for, and forgets rows that no longer matter: guessed names
/// must not fill the disk.
fn begin(connection: &mut dyn Connection, name: &str, now: Millis, lockout_ms: i64) -> StoreResult<()> {
    connection.execute(
        "DELETE FROM sign_in_counters WHERE last_at < ?1",
        &[Cell::Int(now.saturating_sub(lockout_ms.saturating_mul(2)))],
    )?;
    connection.execute(
        "INSERT INTO sign_in_counters (name, attempts, last_at) VALUES (?1, 0, ?2) ON CONFLICT (name) DO NOTHING",
        &[Cell::Text(name), Cell::Int(now)],
    )?;
    Ok(())
}
