//! People, their sessions, and leases.

use deskwarden_domain::{
    model::{AuditEntry, AuditFilter, AuditRecord, Millis, Role, Session, Sight, User, Voucher},
    port::{Access, AuditFault, Page, Paging, SignInAttempt, StoreError, StoreResult},
};

use crate::{
    Database, approvals, audit, sign_in,
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

/// A user, of `u` joined with its counter `n`.
const USER: &str = "u.id, u.name, u.password_hash, u.roles, u.must_change_password, COALESCE(n.attempts, 0), \
     n.locked_until, u.disabled_at, u.departments, u.created_at, u.last_sign_in_at, u.totp, u.source";
const USER_FROM: &str = "users u LEFT JOIN sign_in_counters n ON n.name = u.name";
/// The clocks of collectors over one store differ by no more. A lease that ends later than that, or a mark that one is up
/// that is further ahead, was written under a clock that was wrong, and is replaced: a lease would otherwise keep everybody
/// away, and the mark hide that nobody listened, until that clock's time has come.
const CLOCKS_APART: Millis = 60 * 60_000;

impl Access for Database {
    fn create_user(
        &self,
        name: &str,
        password_hash: &str,
        roles: &[Role],
        must_change: bool,
        audit: &AuditEntry,
    ) -> StoreResult<i64> {
        let roles = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
        self.write(|connection| {
            let id = connection.row(
                "INSERT INTO users (name, password_hash, roles, must_change_password, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING RETURNING id",
                &[
                    Cell::Text(name),
                    Cell::Text(password_hash),
                    Cell::Text(&roles),
                    Cell::flag(must_change),
                    Cell::Int(audit.at),
                ],
                |r| r.int(),
            )?;
            let id = id.ok_or_else(|| StoreError::Conflict(format!("there is a user `{name}` already")))?;
            audit::append(connection, audit)?;
            Ok(id)
        })
    }

    fn user_by_name(&self, name: &str) -> StoreResult<Option<User>> {
        self.read(|c| {
            c.row(
                &format!("SELECT {USER} FROM {USER_FROM} WHERE u.name = ?1"),
                &[Cell::Text(name)],
                user,
            )
        })
    }

    fn user(&self, id: i64) -> StoreResult<Option<User>> {
        self.read(|c| {
            c.row(
                &format!("SELECT {USER} FROM {USER_FROM} WHERE u.id = ?1"),
                &[Cell::Int(id)],
                user,
            )
        })
    }

    fn users(&self) -> StoreResult<Vec<User>> {
        self.read(|c| {
            c.rows(
                &format!("SELECT {USER} FROM {USER_FROM} ORDER BY u.name"),
                &[],
                user,
            )
        })
    }

    fn set_password(
        &self,
        user_id: i64,
        hash: &str,
        must_change: bool,
        keep: Option<&[u8; 32]>,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        self.write(|connection| {
            let changed = connection.execute(
                "UPDATE users SET password_hash = ?2, must_change_password = ?3 WHERE id = ?1",
                &[Cell::Int(user_id), Cell::Text(hash), Cell::flag(must_change)],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("user {user_id}")));
            }
            // No session has an empty hash: without one to keep, all end.
            connection.execute(
                "DELETE FROM sessions WHERE user_id = ?1 AND hash <> ?2",
                &[
                    Cell::Int(user_id),
                    Cell::Blob(keep.map_or(&[][..], |hash| hash.as_slice())),
                ],
            )?;
            audit::append(connection, audit)
        })
    }

    fn count_sign_in(
        &self,
        name: &str,
        now: Millis,
        threshold: u32,
        lockout_ms: i64,
    ) -> StoreResult<SignInAttempt> {
        sign_in::count(self, name, now, threshold, lockout_ms)
    }

    fn clear_sign_in(&self, name: &str) -> StoreResult<()> {
        self.write(|connection| {
            connection.execute(
                "DELETE FROM sign_in_counters WHERE name = ?1",
                &[Cell::Text(name)],
            )?;
            Ok(())
        })
    }

    fn create_session(&self, session: &Session, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let user = connection.row(
                "SELECT id FROM users WHERE id = ?1",
                &[Cell::Int(session.user_id)],
                |r| r.int(),
            )?;
            if user.is_none() {
                return Err(StoreError::NotFound(format!("user {}", session.user_id)));
            }
            let made = connection.execute(
                "INSERT INTO sessions (hash, user_id, csrf, created_at, last_used_at, code_due)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (hash) DO NOTHING",
                &[
                    Cell::from(&session.hash),
                    Cell::Int(session.user_id),
                    Cell::from(&session.csrf),
                    Cell::Int(session.created_at),
                    Cell::Int(session.last_used_at),
                    Cell::flag(session.code_due),
                ],
            )?;
            if made == 0 {
                return Err(StoreError::Conflict(
                    "a session of that name exists already: sign in again".into(),
                ));
            }
            if !session.code_due {
                connection.execute(
                    "UPDATE users SET last_sign_in_at = ?2 WHERE id = ?1",
                    &[Cell::Int(session.user_id), Cell::Int(session.created_at)],
                )?;
            }
            audit::append(connection, audit)
        })
    }

    fn session(
        &self,
        hash: &[u8; 32],
        oldest_created: Millis,
        oldest_used: Millis,
    ) -> StoreResult<Option<(Session, User)>> {
        self.read(|connection| {
            connection.row(
                &format!(
                    "SELECT s.hash, s.user_id, s.csrf, s.created_at, s.last_used_at, s.code_due, {USER}
                     FROM {USER_FROM} JOIN sessions s ON s.user_id = u.id
                     WHERE s.hash = ?1 AND s.created_at >= ?2 AND s.last_used_at >= ?3 AND u.disabled_at IS NULL"
                ),
                &[Cell::from(hash), Cell::Int(oldest_created), Cell::Int(oldest_used)],
                |r| {
                    let session = Session {
                        hash: r.array()?,
                        user_id: r.int()?,
                        csrf: r.array()?,
                        created_at: r.int()?,
                        last_used_at: r.int()?,
                        code_due: r.flag()?,
                    };
                    Ok((session, user(r)?))
                },
            )
        })
    }

    fn touch_session(&self, hash: &[u8; 32], at: Millis) -> StoreResult<()> {
        self.write(|connection| {
            connection.execute(
                "UPDATE sessions SET last_used_at = ?2 WHERE hash = ?1 AND last_used_at < ?2",
                &[Cell::from(hash), Cell::Int(at)],
            )?;
            Ok(())
        })
    }

    fn end_session(&self, hash: &[u8; 32], audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            // Ending it twice is no second event.
            match connection.execute("DELETE FROM sessions WHERE hash = ?1", &[Cell::from(hash)])? {
                0 => Ok(()),
                _ => audit::append(connection, audit),
            }
        })
    }

    fn audit(&self, entry: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| audit::append(connection, entry))
    }

    fn audit_records(&self, from: i64, limit: usize) -> StoreResult<Vec<AuditRecord>> {
        self.read(|connection| audit::records(connection, from, i64::try_from(limit).unwrap_or(i64::MAX)))
    }

    fn audit_page(&self, filter: &AuditFilter, paging: Paging) -> StoreResult<Page<AuditRecord>> {
        self.read(|connection| audit::page(connection, filter, paging))
    }

    fn audit_head(&self) -> StoreResult<(i64, [u8; 32])> {
        self.read(audit::head)
    }

    fn prune_audit(&self, now: Millis, days: u32) -> StoreResult<u64> {
        self.write(|connection| audit::prune(connection, now, days))
    }

    fn verify_audit(&self) -> StoreResult<Result<i64, AuditFault>> {
        self.read(audit::verify)
    }

    fn lease(&self, name: &str, holder: &str, now: Millis, until: Millis) -> StoreResult<bool> {
        self.write(|connection| lease(connection, name, holder, now, until))
    }

    fn collector_up(&self, now: Millis, longest: Millis) -> StoreResult<()> {
        self.write(|connection| {
            let before =
                connection.row_locked("SELECT at FROM collector_up WHERE id = 1", &[], |r| r.int())?;
            if let Some(before) = before.filter(|before| now - before > longest) {
                connection.execute(
                    "INSERT INTO collector_down (from_at, to_at) VALUES (?1, ?2)",
                    &[Cell::Int(before), Cell::Int(now)],
                )?;
            }
            connection.execute(
                "INSERT INTO collector_up (id, at) VALUES (1, ?1)
                 ON CONFLICT (id) DO UPDATE SET at = excluded.at
                 WHERE collector_up.at < excluded.at OR collector_up.at > ?2",
                &[Cell::Int(now), Cell::Int(now.saturating_add(CLOCKS_APART))],
            )?;
            Ok(())
        })
    }

    fn collector_down(&self, since: Millis) -> StoreResult<Vec<(Millis, Millis)>> {
        self.read(|connection| {
            connection.rows(
                "SELECT from_at, to_at FROM collector_down WHERE to_at > ?1 ORDER BY from_at, id",
                &[Cell::Int(since)],
                |r| Ok((r.int()?, r.int()?)),
            )
        })
    }

    fn tidy(&self, sessions_before: Millis) -> StoreResult<u64> {
        self.write(|connection| {
            let sessions =
                connection.execute("DELETE FROM sessions WHERE created_at < ?1", &[Cell::Int(sessions_before)])?;
            approvals::close_ended(connection, sessions_before)?;
            let staged = connection.execute(
                "DELETE FROM staged WHERE device_id IN (SELECT id FROM devices WHERE status IN ('revoked', 'retired'))",
                &[],
            )?;
            Ok(sessions + staged)
        })
    }
}

fn user(r: &mut Reader<'_>) -> StoreResult<User> {
    Ok(User {
        id: r.int()?,
        name: r.string()?,
        password_hash: r.string()?,
        roles: roles(r.text()?)?,
        must_change_password: r.flag()?,
        failures: r.small()?,
        locked_until: r.opt_int()?,
        disabled_at: r.opt_int()?,
        sight: sight(r.opt_string()?)?,
        created_at: r.int()?,
        last_sign_in_at: r.opt_int()?,
        totp: r.opt_blob()?.map(<[u8]>::to_vec),
        voucher: voucher(r.text()?)?,
    })
}

fn voucher(name: &str) -> StoreResult<Voucher> {
    Voucher::by_name(name).ok_or_else(|| {
        StoreError::Damaged(format!(
            "a user signs in by `{name}`, which this build does not know"
        ))
    })
}

/// No session has an empty hash: without one to keep, all end.
pub(crate) fn end_sessions(
    connection: &mut dyn Connection,
    user_id: i64,
    keep: Option<&[u8; 32]>,
) -> StoreResult<()> {
    connection.execute(
        "DELETE FROM sessions WHERE user_id = ?1 AND hash <> ?2",
        &[
            Cell::Int(user_id),
            Cell::Blob(keep.map_or(&[][..], |hash| hash.as_slice())),
        ],
    )?;
    Ok(())
}

/// A user by a column that names one.
pub(crate) fn user_where(
    connection: &mut dyn Connection,
    condition: &str,
    cells: &[Cell<'_>],
) -> StoreResult<Option<User>> {
    connection.row(
        &format!("SELECT {USER} FROM {USER_FROM} WHERE {condition}"),
        cells,
        user,
    )
}

/// Departments as they are stored: none, or names in JSON.
pub(crate) fn sight(departments: Option<String>) -> StoreResult<Sight> {
    departments.map_or(Ok(Sight::Everything), |text| {
        serde_json::from_str(&text)
            .map(Sight::Departments)
            .map_err(|_| StoreError::Damaged("the departments of a person cannot be read".into()))
    })
}

/// The same on the way in.
pub(crate) fn departments(sight: &Sight) -> Option<String> {
    sight
        .is_limited()
        .then(|| serde_json::json!(sight.departments()).to_string())
}

fn roles(text: &str) -> StoreResult<Vec<Role>> {
    text.split_whitespace()
        .map(|name| {
            Role::by_name(name).ok_or_else(|| {
                StoreError::Damaged(format!(
                    "a user has the role `{name}`, which this build does not know"
                ))
            })
        })
        .collect()
}

fn lease(
    connection: &mut dyn Connection,
    name: &str,
    holder: &str,
    now: Millis,
    until: Millis,
) -> StoreResult<bool> {
    let taken = connection.execute(
        "INSERT INTO leases (name, holder, until_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_at = excluded.until_at
         WHERE leases.holder = excluded.holder OR leases.until_at <= ?4 OR leases.until_at > ?5",
        &[
            Cell::Text(name),
            Cell::Text(holder),
            Cell::Int(until),
            Cell::Int(now),
            Cell::Int(now.saturating_add(CLOCKS_APART)),
        ],
    )?;
    Ok(taken == 1)
}
