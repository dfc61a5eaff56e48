//! `admission`: providers' devices that were looked at before they are used (OUT 16).

use std::time::Duration;

use clap::Subcommand;
use deskwarden_domain::model::{Admission, Millis, Outcome};
use serde_json::{Value, json};

use crate::{
    admissions::{self, TokenError, Wanted},
    clock::rfc3339,
};

use super::{
    CliError, args,
    out::Out,
    session::{ACTOR, Session, all, now},
    token,
};

#[derive(Debug, Subcommand)]
pub(super) enum AdmissionCommand {
    /// Make a token for the check of a provider's device, and show it once
    Token {
        /// Provider that the device belongs to
        #[arg(long, value_name = "NAME")]
        provider: String,
        /// What it is for
        #[arg(long, default_value = "")]
        purpose: String,
        /// How many devices may be checked with it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it can be used: 30m, 2h, 7d
        #[arg(long, default_value = "2h", value_parser = args::duration)]
        valid: Duration,
        /// For how many days a passed check is good
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        good_for: u32,
    },
    /// List checks, newest first
    List {
        /// Only those that are good now
        #[arg(long)]
        good: bool,
    },
    /// Show a check with what each rule said
    Show {
        /// Its number in `admission list`
        id: i64,
    },
    /// Withdraw a token
    Revoke {
        /// Its number, as `admission token` printed it
        id: i64,
    },
}

pub(super) fn run(command: AdmissionCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        AdmissionCommand::Token {
            provider,
            purpose,
            uses,
            valid,
            good_for,
        } => {
            let wanted = Wanted {
                provider,
                purpose,
                uses,
                valid: Millis::try_from(valid.as_millis()).unwrap_or(Millis::MAX),
                good_days: good_for,
            };
            make(&wanted, session, out)
        }
        AdmissionCommand::List { good } => list(good, session, out),
        AdmissionCommand::Show { id } => show(id, session, out),
        AdmissionCommand::Revoke { id } => {
            let audit = session.audit("admission.revoke", format!("admission_token:{id}"), "");
            session.store.revoke_admission_token(id, &audit)?;
            Ok(out.done(
                &json!({"id": id, "revoked": true}),
                &format!("准入令牌 {id} 已作废。"),
                &format!("Admission token {id} is withdrawn."),
            )?)
        }
    }
}

fn make(wanted: &Wanted, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let made = admissions::make(session.store.as_ref(), wanted, ACTOR, now());
    let (secret, row) = made.map_err(|error| match error {
        TokenError::Store(error) => CliError::Store(error),
        other => CliError::refused(other),
    })?;
    let pin = token::pin(session);
    let value = json!({
        "id": row.id, "token": secret.reveal(), "pin": pin, "provider": row.provider, "purpose": row.purpose,
        "max_uses": row.max_uses, "expires_at": rfc3339(row.expires_at), "good_days": row.good_days,
    });
    let pin = pin.map(|pin| format!("\n{pin}")).unwrap_or_default();
    let until = out.moment(row.expires_at);
    Ok(out.done(
        &value,
        &format!(
            "{}{pin}\n准入令牌 {} 只显示这一次，有效期至 {until}。在待检设备上运行：\n  deskwarden-agent check --collector https://… --pin … --token …",
            secret.reveal(),
            row.id
        ),
        &format!(
            "{}{pin}\nAdmission token {} is shown only now, valid until {until}. On the device to be checked:\n  deskwarden-agent check --collector https://... --pin ... --token ...",
            secret.reveal(),
            row.id
        ),
    )?)
}

fn list(good: bool, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let at = good.then(now);
    let rows = all(|paging| session.store.admissions(at, paging))?;
    if out.json {
        return Ok(out.value(&rows.iter().map(|row| to_json(row, false)).collect())?);
    }
    let cells = rows.iter().map(|row| {
        let checked = row.checked.as_ref();
        vec![
            row.id.to_string(),
            row.provider.clone(),
            row.hostname.clone(),
            row.serial.clone(),
            checked
                .map_or_else(
                    || out.say("未检查", "not checked"),
                    |checked| word(checked.outcome, out),
                )
                .to_owned(),
            out.moment(checked.map_or(row.begun_at, |checked| checked.at)),
            checked
                .and_then(|checked| checked.valid_until)
                .map(|at| out.moment(at))
                .unwrap_or_default(),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("记录", "RECORD"),
        ("外包单位", "PROVIDER"),
        ("主机名", "HOST NAME"),
        ("序列号", "SERIAL"),
        ("结果", "RESULT"),
        ("时间", "AT"),
        ("有效期至", "GOOD UNTIL"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn show(id: i64, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let found = session.store.admission(id)?;
    let row = found.ok_or_else(|| {
        CliError::Refused(format!("there is no admission {id}; `admission list` shows all"))
    })?;
    if out.json {
        return Ok(out.value(&to_json(&row, true))?);
    }
    let lang = out.lang;
    let rules = row.checked.iter().flat_map(|checked| &checked.rules);
    let cells = rules.map(|rule| {
        let reasons: Vec<&str> = rule.reasons.iter().map(|text| text.get(lang)).collect();
        vec![
            word(rule.outcome, out).to_owned(),
            rule.clause.clone(),
            rule.title.get(lang).to_owned(),
            reasons.join("; "),
        ]
    });
    let cells = cells.collect();
    let headings = [
        ("结果", "RESULT"),
        ("条款", "CLAUSE"),
        ("规则", "RULE"),
        ("原因", "REASON"),
    ];
    Ok(out.table(&headings, cells)?)
}

fn word<'a>(outcome: Outcome, out: &Out<'a>) -> &'a str {
    match outcome {
        Outcome::Pass => out.say("通过", "pass"),
        Outcome::Fail => out.say("未通过", "fail"),
        Outcome::CouldNotLook => out.say("无法检查", "could not look"),
    }
}

fn to_json(row: &Admission, rules: bool) -> Value {
    let checked = row.checked.as_ref();
    let mut value = json!({
        "id": row.id,
        "provider": row.provider,
        "purpose": row.purpose,
        "hostname": row.hostname,
        "serial": row.serial,
        "model": row.model,
        "platform": row.platform,
        "agent_version": row.agent_version,
        "peer": row.peer,
        "begun_at": rfc3339(row.begun_at),
        "checked_at": checked.map(|checked| rfc3339(checked.at)),
        "outcome": checked.map(|checked| checked.outcome.name()),
        "valid_until": checked.and_then(|checked| checked.valid_until).map(rfc3339),
    });
    if let (true, Value::Object(fields)) = (rules, &mut value) {
        fields.insert("rules".to_owned(), json!(checked.map(|checked| &checked.rules)));
    }
    value
}
