//! Admissions: tokens, devices that came to be checked, and what their looks came to.

use deskwarden_domain::{
    model::{Admission, AdmissionToken, AuditEntry, Checked, Millis, Outcome},
    port::{Admissions, EnrolRefusal, Page, Paging, StoreError, StoreResult},
};
use deskwarden_proto::ids::DeviceId;

use crate::{
    Database, audit,
    rows::printable,
    sql::{Cell, Connection, ConnectionExt as _, Reader, unsigned, window},
};

const TOKEN: &str =
    "id, provider, purpose, hash, max_uses, uses, expires_at, good_days, created_at, created_by, revoked_at";
const ADMISSION: &str = "id, uid, provider, purpose, good_days, hostname, serial, model, platform, agent_version, peer, \
     begun_at, checked_at, outcome, rules, valid_until";

fn token(r: &mut Reader<'_>) -> StoreResult<AdmissionToken> {
    Ok(AdmissionToken {
        id: r.int()?,
        provider: r.string()?,
        purpose: r.string()?,
        hash: r.array()?,
        max_uses: r.small()?,
        uses: r.small()?,
        expires_at: r.int()?,
        good_days: r.small()?,
        created_at: r.int()?,
        created_by: r.string()?,
        revoked_at: r.opt_int()?,
    })
}

fn admission(r: &mut Reader<'_>) -> StoreResult<Admission> {
    Ok(Admission {
        id: r.int()?,
        device: DeviceId::from_random(r.array()?),
        provider: r.string()?,
        purpose: r.string()?,
        good_days: r.small()?,
        hostname: r.string()?,
        serial: r.string()?,
        model: r.string()?,
        platform: r.string()?,
        agent_version: r.string()?,
        peer: r.string()?,
        begun_at: r.int()?,
        checked: match (
            r.opt_int()?,
            r.opt_named(Outcome::by_name)?,
            r.opt_string()?,
            r.opt_int()?,
        ) {
            (Some(at), Some(outcome), Some(rules), valid_until) => Some(Checked {
                at,
                outcome,
                rules: serde_json::from_str(&rules).map_err(|_| {
                    StoreError::Damaged("the verdict of an admission cannot be read: restore a backup".into())
                })?,
                valid_until,
            }),
            _ => None,
        },
    })
}

impl Admissions for Database {
    fn create_admission_token(&self, token: &AdmissionToken, audit: &AuditEntry) -> StoreResult<i64> {
        self.write(|connection| {
            let id = connection.row(
                "INSERT INTO admission_tokens (provider, purpose, hash, max_uses, expires_at, good_days, created_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (hash) DO NOTHING RETURNING id",
                &[
                    Cell::Text(&token.provider),
                    Cell::Text(&token.purpose),
                    Cell::from(&token.hash),
                    Cell::Int(i64::from(token.max_uses)),
                    Cell::Int(token.expires_at),
                    Cell::Int(i64::from(token.good_days)),
                    Cell::Int(token.created_at),
                    Cell::Text(&token.created_by),
                ],
                |r| r.int(),
            )?;
            let id = id.ok_or_else(|| StoreError::Conflict("this token exists already: make another one".into()))?;
            audit::append(connection, audit)?;
            Ok(id)
        })
    }

    fn admission_tokens(&self) -> StoreResult<Vec<AdmissionToken>> {
        self.read(|connection| {
            connection.rows(
                &format!("SELECT {TOKEN} FROM admission_tokens ORDER BY id DESC LIMIT 500"),
                &[],
                token,
            )
        })
    }

    fn revoke_admission_token(&self, id: i64, audit: &AuditEntry) -> StoreResult<()> {
        self.write(|connection| {
            let changed = connection.execute(
                "UPDATE admission_tokens SET revoked_at = COALESCE(revoked_at, ?2) WHERE id = ?1",
                &[Cell::Int(id), Cell::Int(audit.at)],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("admission token {id}")));
            }
            audit::append(connection, audit)
        })
    }

    fn admit(
        &self,
        token_hash: &[u8; 32],
        admission: &Admission,
    ) -> StoreResult<Option<Result<Admission, EnrolRefusal>>> {
        self.write(|connection| admit(connection, token_hash, admission))
    }

    fn admission_of(&self, device: DeviceId) -> StoreResult<Option<Admission>> {
        self.read(|connection| {
            connection.row(
                &format!("SELECT {ADMISSION} FROM admissions WHERE uid = ?1"),
                &[Cell::from(device.as_bytes())],
                admission,
            )
        })
    }

    fn admission(&self, id: i64) -> StoreResult<Option<Admission>> {
        self.read(|connection| {
            connection.row(
                &format!("SELECT {ADMISSION} FROM admissions WHERE id = ?1"),
                &[Cell::Int(id)],
                admission,
            )
        })
    }

    fn put_checked(&self, id: i64, checked: &Checked, audit: &AuditEntry) -> StoreResult<()> {
        let rules = serde_json::to_string(&checked.rules)
            .map_err(|_| StoreError::Damaged("a verdict cannot be written".into()))?;
        self.write(|connection| {
            let changed = connection.execute(
                "UPDATE admissions SET checked_at = ?2, outcome = ?3, rules = ?4, valid_until = ?5 WHERE id = ?1",
                &[
                    Cell::Int(id),
                    Cell::Int(checked.at),
                    Cell::Text(checked.outcome.name()),
                    Cell::Text(&rules),
                    Cell::from(checked.valid_until),
                ],
            )?;
            if changed == 0 {
                return Err(StoreError::NotFound(format!("admission {id}")));
            }
            audit::append(connection, audit)
        })
    }

    fn admissions(&self, good_at: Option<Millis>, paging: Paging) -> StoreResult<Page<Admission>> {
        self.read(|connection| {
            let mut params = Vec::new();
            let mut only = "";
            if let Some(at) = good_at {
                params.push(Cell::Int(at));
                only = " WHERE valid_until > ?1";
            }
            let total = connection.number(&format!("SELECT COUNT(*) FROM admissions{only}"), &params)?;
            let (limit, offset) = (params.len() + 1, params.len() + 2);
            params.extend(window(paging));
            let rows = connection.rows(
                &format!(
                    "SELECT {ADMISSION} FROM admissions{only} ORDER BY id DESC LIMIT ?{limit} OFFSET ?{offset}"
                ),
                &params,
                admission,
            )?;
            Ok(Page {
                rows,
                total: unsigned(total),
            })
        })
    }
}

fn admit(
    connection: &mut dyn Connection,
    token_hash: &[u8; 32],
    new: &Admission,
) -> StoreResult<Option<Result<Admission, EnrolRefusal>>> {
    // The token's row is the lock: requests with one token come one after the other.
    let token = connection.row_locked(
        &format!("SELECT {TOKEN} FROM admission_tokens WHERE hash = ?1"),
        &[Cell::from(token_hash)],
        token,
    )?;
    let Some(token) = token else { return Ok(None) };
    let refusal = if token.revoked_at.is_some() {
        Some(EnrolRefusal::Revoked)
    } else if token.expires_at <= new.begun_at {
        Some(EnrolRefusal::Expired)
    } else if token.uses >= token.max_uses {
        Some(EnrolRefusal::Used)
    } else {
        None
    };
    if let Some(refusal) = refusal {
        return Ok(Some(Err(refusal)));
    }
    connection.execute(
        "UPDATE admission_tokens SET uses = uses + 1 WHERE id = ?1",
        &[Cell::Int(token.id)],
    )?;
    let (hostname, serial, model) = (
        printable(&new.hostname),
        printable(&new.serial),
        printable(&new.model),
    );
    let made = connection.row(
        "INSERT INTO admissions (uid, token_id, provider, purpose, good_days, hostname, serial, model, platform,
         agent_version, peer, begun_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         ON CONFLICT (uid) DO NOTHING RETURNING id",
        &[
            Cell::from(new.device.as_bytes()),
            Cell::Int(token.id),
            Cell::Text(&token.provider),
            Cell::Text(&token.purpose),
            Cell::Int(i64::from(token.good_days)),
            Cell::Text(&hostname),
            Cell::Text(&serial),
            Cell::Text(&model),
            Cell::Text(&new.platform),
            Cell::Text(&new.agent_version),
            Cell::Text(&new.peer),
            Cell::Int(new.begun_at),
        ],
        |r| r.int(),
    )?;
    let id = made.ok_or_else(|| StoreError::Conflict("the device id exists already".into()))?;
    Ok(Some(Ok(Admission {
        id,
        provider: token.provider,
        purpose: token.purpose,
        good_days: token.good_days,
        hostname,
        serial,
        model,
        ..new.clone()
    })))
}
