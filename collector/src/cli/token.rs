//! `token`: the secret is shown once, at its creation, and nowhere else.

use std::time::Duration;

use clap::Subcommand;
use deskwarden_domain::{
    model::{Millis, TokenId, TokenRow},
    token::Token,
};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};

use crate::{clock::rfc3339, entropy};

use super::{
    CliError, args,
    out::{Out, cell},
    session::{ACTOR, Session, now},
};

/// Longest life of a token, in days.
const LONGEST_DAYS: u64 = 90;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and show it once
    Create {
        /// How many devices may enrol with it
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        uses: u32,
        /// How long it is valid: 90s, 30m, 24h, 7d
        #[arg(long, default_value = "24h", value_parser = args::duration)]
        valid: Duration,
        /// Network that devices must enrol from
        #[arg(long, value_parser = args::network)]
        cidr: Option<String>,
        /// Each device waits for `device approve`
        #[arg(long)]
        approval: bool,
        /// Department that its devices are proposed for
        #[arg(long)]
        department: Option<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List tokens, newest first
    List,
    /// Withdraw a token
    Revoke {
        /// Its number in `token list`
        id: i64,
    },
}

pub(super) fn run(command: TokenCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        TokenCommand::Create {
            uses,
            valid,
            cidr,
            approval,
            department,
            label,
        } => {
            if valid > Duration::from_secs(LONGEST_DAYS * 86_400) {
                return Err(CliError::Refused(format!(
                    "a token is valid for at most {LONGEST_DAYS} days"
                )));
            }
            let token = Token::from_random(entropy::bytes(&entropy::OsEntropy).map_err(CliError::refused)?);
            let row = TokenRow {
                id: TokenId(0),
                label,
                hash: token.hash(),
                max_uses: uses,
                uses: 0,
                expires_at: now().saturating_add(Millis::try_from(valid.as_millis()).unwrap_or(Millis::MAX)),
                cidr,
                needs_approval: approval,
                department,
                created_at: now(),
                created_by: ACTOR.to_owned(),
                revoked_at: None,
            };
            let audit = session.audit("token.create", "token".to_owned(), row.label.clone());
            let id = session.store.create_token(&row, &audit)?;
            let row = TokenRow { id, ..row };
            let mut value = to_json(&row);
            let pin = pin(session);
            if let Value::Object(fields) = &mut value {
                fields.insert("token".to_owned(), Value::from(token.reveal()));
                fields.insert("pin".to_owned(), Value::from(pin.clone()));
            }
            let pin = pin.map(|pin| format!("\n{pin}")).unwrap_or_default();
            let until = out.moment(row.expires_at);
            out.done(
                &value,
                &format!(
                    "{}{pin}\n令牌 {} 只显示这一次：可登记 {uses} 台，有效期至 {until}。",
                    token.reveal(),
                    id.0
                ),
                &format!(
                    "{}{pin}\nToken {} is shown only now: for {uses} device(s), until {until}.",
                    token.reveal(),
                    id.0
                ),
            )?;
        }
        TokenCommand::List => list(session, out)?,
        TokenCommand::Revoke { id } => {
            let audit = session.audit("token.revoke", format!("token:{id}"), "");
            session.store.revoke_token(TokenId(id), &audit)?;
            out.done(
                &json!({"id": id, "revoked": true}),
                &format!("令牌 {id} 已作废。"),
                &format!("Token {id} is withdrawn."),
            )?;
        }
    }
    Ok(())
}

/// Pin of the collector's certificate authority, once its first start has made one.
pub(super) fn pin(session: &Session) -> Option<String> {
    let root = CertificateDer::from_pem_file(session.config.data_dir.join("pki/root.crt")).ok()?;
    let hash = crate::pki::spki_hash(&root).ok()?;
    Some(format!("sha256:{}", data_encoding::HEXLOWER.encode(&hash)))
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let tokens = session.store.tokens()?;
    if out.json {
        return Ok(out.value(&tokens.iter().map(to_json).collect())?);
    }
    let at = now();
    let rows = tokens.iter().map(|token| {
        vec![
            token.id.0.to_string(),
            token.label.clone(),
            state(token, at, out),
            format!("{}/{}", token.uses, token.max_uses),
            out.moment(token.expires_at),
            cell(token.cidr.as_deref()),
            cell(token.department.as_deref()),
        ]
    });
    let rows = rows.collect();
    let headings = [
        ("编号", "ID"),
        ("用途", "LABEL"),
        ("状态", "STATE"),
        ("已用", "USED"),
        ("到期", "ENDS"),
        ("网段", "NETWORK"),
        ("部门", "DEPARTMENT"),
    ];
    Ok(out.table(&headings, rows)?)
}

fn state(token: &TokenRow, at: Millis, out: &Out<'_>) -> String {
    let words = if token.revoked_at.is_some() {
        ("已作废", "withdrawn")
    } else if token.expires_at <= at {
        ("已过期", "expired")
    } else if token.uses >= token.max_uses {
        ("已用完", "used")
    } else {
        ("有效", "valid")
    };
    out.say(words.0, words.1).to_owned()
}

fn to_json(token: &TokenRow) -> Value {
    json!({
        "id": token.id.0,
        "label": token.label,
        "uses": token.uses,
        "max_uses": token.max_uses,
        "expires_at": rfc3339(token.expires_at),
        "cidr": token.cidr,
        "needs_approval": token.needs_approval,
        "department": token.department,
        "created_at": rfc3339(token.created_at),
        "created_by": token.created_by,
        "revoked_at": token.revoked_at.map(rfc3339),
    })
}
