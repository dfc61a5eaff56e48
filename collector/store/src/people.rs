//! Rights of people, their second factor, and tokens of the API.

use deskwarden_domain::{
    model::{ApiScope, ApiToken, AuditEntry, Millis, Role, Sight, User, Vouched},
    port::{People, StoreError, StoreResult},
};

use crate::{
    Database,
    access::{departments, end_sessions, sight},
    audit, outside,
    sql::{Cell, Connection, ConnectionExt as _, Reader},
};

const TOKEN: &str = "t.id, t.label, t.hash, t.scopes, t.departments, t.created_at, t.created_by, t.expires_at, \
     t.last_used_at, t.revoked_at";

impl People for Database {
    fn set_rights(&self, user_id: i64, roles: &[Role], sight: &Sight, audit: &AuditEntry) -> StoreResult<()> {
        let names = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ");
        let departments = departments(sight);
        self.write(|connection| {
            lock(connection, user_id)?;
            let before = administrators(connection)?;
            connection.execute(
                "UPDATE users SET roles = ?2, departments = ?3 WHERE id = ?1",
                &[Cell::Int(user_id), Cell::Text(&names), Cell::from(&departments)],
            )?;
            an_administrator_stays(connection, before)?;
            end_sessions(connection, user_id, None)?;
            audit::append(connection, audit)
        })
    }

    fn set_disabled(&self, user_id: i64, at: Option<Millis>, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            lock(connection, user_id)?;
            let before = administrators(connection)?;
            connection.execute(
                "UPDATE users SET disabled_at = ?2 WHERE id = ?1",
                &[Cell::Int(user_id), Cell::from(at)],
            )?;
            an_administrator_stays(connection, before)?;
            end_sessions(connection, user_id, None)?;
            audit::append(connection, audit)
        })
    }

    fn admit_vouched(&self, who: &Vouched, at: Millis) -> StoreResult<Option<User>> {
        self.write(|connection| outside::admit(connection, who, at))
    }

    fn unlink_vouched(&self, user_id: i64, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            lock(connection, user_id)?;
            let linked = connection.execute(
                "UPDATE users SET subject = NULL WHERE id = ?1 AND source <> 'local'",
                &[Cell::Int(user_id)],
            )?;
            if linked == 0 {
                return Err(StoreError::Conflict(
                    "the account has a password of its own and belongs to no directory".into(),
                ));
            }
            end_sessions(connection, user_id, None)?;
            audit::append(connection, audit)
        })
    }

    fn set_totp(
        &self,
        user_id: i64,
        sealed: Option<&[u8]>,
        recovery: &[[u8; 32]],
        keep: Option<&[u8; 32]>,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        self.write(|connection| {
            lock(connection, user_id)?;
            connection.execute(
                "UPDATE users SET totp = ?2, totp_step = 0 WHERE id = ?1",
                &[Cell::Int(user_id), sealed.map_or(Cell::Null, Cell::Blob)],
            )?;
            connection.execute(
                "DELETE FROM recovery_codes WHERE user_id = ?1",
                &[Cell::Int(user_id)],
            )?;
            for hash in recovery {
                connection.execute(
                    "INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)",
                    &[Cell::Int(user_id), Cell::from(hash)],
                )?;
            }
            end_sessions(connection, user_id, keep)?;
            audit::append(connection, audit)
        })
    }

    fn use_totp_step(&self, user_id: i64, step: i64) -> StoreResult<bool> {
        self.write(|connection| {
            let used = connection.execute(
                "UPDATE users SET totp_step = ?2 WHERE id = ?1 AND totp_step < ?2",
                &[Cell::Int(user_id), Cell::Int(step)],
            )?;
            Ok(used == 1)
        })
    }

    fn use_recovery_code(&self, user_id: i64, hash: &[u8; 32], audit: &AuditEntry) -> StoreResult<bool> {
        self.write(|connection| {
            let used = connection.execute(
                "DELETE FROM recovery_codes WHERE user_id = ?1 AND hash = ?2",
                &[Cell::Int(user_id), Cell::from(hash)],
            )?;
            if used == 0 {
                return Ok(false);
            }
            audit::append(connection, audit)?;
            Ok(true)
        })
    }

    fn recovery_codes(&self, user_id: i64) -> StoreResult<u64> {
        self.read(|connection| {
            let left = connection.number(
                "SELECT COUNT(*) FROM recovery_codes WHERE user_id = ?1",
                &[Cell::Int(user_id)],
            )?;
            Ok(u64::try_from(left).unwrap_or(0))
        })
    }

    fn create_api_token(&self, token: &ApiToken, audit: &AuditEntry) -> StoreResult<i64> {
        let scopes = token
            .scopes
            .iter()
            .map(|scope| scope.name())
            .collect::<Vec<_>>()
            .join(" ");
        let departments = departments(&token.sight);
        self.write(|connection| {
            let made = connection.row(
                "INSERT INTO api_tokens (label, hash, scopes, departments, created_at, created_by, expires_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO NOTHING RETURNING id",
                &[
                    Cell::Text(&token.label),
                    Cell::from(&token.hash),
                    Cell::Text(&scopes),
                    Cell::from(&departments),
                    Cell::Int(token.created_at),
                    Cell::Text(&token.created_by),
                    Cell::Int(token.expires_at),
                ],
                |r| r.int(),
            )?;
            let id = made.ok_or_else(|| StoreError::Conflict("there is such a token already".into()))?;
            audit::append(connection, audit)?;
            Ok(id)
        })
    }

    fn api_tokens(&self) -> StoreResult<Vec<ApiToken>> {
        self.read(|c| {
            c.rows(
                &format!("SELECT {TOKEN} FROM api_tokens t ORDER BY t.id DESC"),
                &[],
                token,
            )
        })
    }

    fn api_token(&self, hash: &[u8; 32], now: Millis) -> StoreResult<Option<ApiToken>> {
        self.read(|c| {
            c.row(
                &format!(
                    "SELECT {TOKEN} FROM api_tokens t JOIN users u ON u.name = t.created_by
                     WHERE t.hash = ?1 AND t.revoked_at IS NULL AND t.expires_at > ?2 AND u.disabled_at IS NULL"
                ),
                &[Cell::from(hash), Cell::Int(now)],
                token,
            )
        })
    }

    fn touch_api_token(&self, id: i64, at: Millis) -> StoreResult<()> {
        self.write(|connection| {
            connection.execute(
                "UPDATE api_tokens SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
                &[Cell::Int(id), Cell::Int(at)],
            )?;
            Ok(())
        })
    }

    fn revoke_api_token(&self, id: i64, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let revoked = connection.execute(
                "UPDATE api_tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
                &[Cell::Int(id), Cell::Int(audit.at)],
            )?;
            if revoked == 0 {
                return Err(StoreError::NotFound(format!(
                    "a token {id} of the API that holds"
                )));
            }
            audit::append(connection, audit)
        })
    }
}

/// Everybody who changes rights queues here: two administrators who switch each other off must meet.
fn lock(connection: &mut dyn Connection, user_id: i64) -> StoreResult<()> {
    connection.row_locked("SELECT sequence FROM audit_head WHERE id = 1", &[], |r| r.int())?;
    connection
        .row_locked("SELECT id FROM users WHERE id = ?1", &[Cell::Int(user_id)], |r| {
            r.int()
        })?
        .map(drop)
        .ok_or_else(|| StoreError::NotFound(format!("user {user_id}")))
}

/// How many may administer with a password of this store: a directory may be out of reach.
fn administrators(connection: &mut dyn Connection) -> StoreResult<usize> {
    let roles = connection.rows(
        "SELECT roles FROM users WHERE disabled_at IS NULL AND source = 'local'",
        &[],
        |r| r.string(),
    )?;
    let may = |roles: &&String| {
        roles
            .split_whitespace()
            .any(|role| role == Role::Administrator.name())
    };
    Ok(roles.iter().filter(may).count())
}

/// Somebody must be left who can let people in.
fn an_administrator_stays(connection: &mut dyn Connection, before: usize) -> StoreResult<()> {
    if before == 0 || administrators(connection)? > 0 {
        Ok(())
    } else {
        Err(StoreError::Conflict(
            "nobody would be left who may administer: make another administrator first".into(),
        ))
    }
}

fn token(r: &mut Reader<'_>) -> StoreResult<ApiToken> {
    Ok(ApiToken {
        id: r.int()?,
        label: r.string()?,
        hash: r.array()?,
        scopes: r
            .text()?
            .split_whitespace()
            .filter_map(ApiScope::by_name)
            .collect(),
        sight: sight(r.opt_string()?)?,
        created_at: r.int()?,
        created_by: r.string()?,
        expires_at: r.int()?,
        last_used_at: r.opt_int()?,
        revoked_at: r.opt_int()?,
    })
}
