//! A person whose data is held: found by name or SID, handed out in words, erased. Used by the command line and by
//! the dashboard.

use std::collections::BTreeMap;

use deskwarden_domain::{
    model::{AuditEntry, Lang, person},
    port::{Rows, Store, StoreResult, Subject},
};
use deskwarden_proto::{
    Message as _, describe, section,
    v1::{self, Section, facet::Kind},
};
use serde_json::{Value, json};

/// Longest name that is looked for.
pub const LONGEST: usize = 200;

/// Finds the accounts of a person: those whose name, full name or SID is `who`.
pub fn find(store: &dyn Store, who: &str) -> StoreResult<Subject> {
    let is_of = |facet: &[u8]| {
        let named = |name: &str| {
            // Windows says DOMAIN\name.
            let plain = name.rsplit_once('\\').map_or(name, |(_, plain)| plain);
            !who.is_empty() && (name == who || plain == who)
        };
        match v1::Facet::decode(facet).ok().and_then(|facet| facet.kind) {
            Some(Kind::Account(account)) => named(&account.name) || account.full_name == who,
            Some(Kind::Logon(logon)) => named(&logon.user),
            _ => false,
        }
    };
    Ok(Subject {
        name: who.to_owned(),
        accounts: store.accounts(&[Section::Account, Section::Logon], &is_of, who)?,
    })
}

/// Everything that is held of a person, with facts in named fields.
pub fn gather(store: &dyn Store, subject: &Subject) -> StoreResult<Rows> {
    let mut rows = store.subject(subject)?;
    for row in rows.values_mut().flatten().filter_map(Value::as_object_mut) {
        if let Some(number) = row.get("section").and_then(Value::as_i64)
            && let Some(kind) = i32::try_from(number).ok().and_then(|n| Section::try_from(n).ok())
        {
            row.insert("section".into(), section::name(kind).into());
        }
        if let Some(facet) = row.remove("facet") {
            row.insert("fields".into(), fields(&facet));
        }
    }
    Ok(rows)
}

/// What a facet says, by name.
fn fields(facet: &Value) -> Value {
    let bytes = facet
        .as_str()
        .and_then(|text| data_encoding::HEXLOWER.decode(text.as_bytes()).ok());
    bytes
        .and_then(|bytes| v1::Facet::decode(bytes.as_slice()).ok())
        .and_then(|facet| facet.kind)
        .map_or(Value::Null, |kind| describe::to_json(&kind, false))
}

/// The file that is handed out.
pub fn document(subject: &Subject, rows: &Rows) -> Value {
    let accounts: Vec<Value> = subject
        .accounts
        .iter()
        .map(|(device, principal)| json!({"device": device.to_string(), "principal": principal}))
        .collect();
    json!({"person": subject.name, "accounts": accounts, "data": rows})
}

/// One row for people: `name: value` pairs in a line.
pub fn line(row: &Value) -> String {
    let Some(row) = row.as_object() else {
        return row.to_string();
    };
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    row.iter()
        .filter(|(_, value)| !matches!(value, Value::Null) && *value != "")
        .map(|(name, value)| format!("{name}: {}", shown(value)))
        .collect::<Vec<_>>()
        .join(" · ")
}

/// What a kind of rows is called.
pub fn kind(name: &str, lang: Lang) -> &str {
    let (zh, en) = match name {
        "items" => ("电脑上的事实", "Facts on PCs"),
        "changes" => ("变更记录", "Changes"),
        "events" => ("事件", "Events"),
        "evidence" => ("问题的依据", "Evidence of findings"),
        "baseline" => ("认可的基线", "Accepted baseline"),
        "assets" => ("保管的电脑", "Machines in custody"),
        "ledger" => ("分配的地址", "Assigned addresses"),
        "finding_history" => ("处理过的问题", "Decisions on findings"),
        "links" => ("关联过的设备", "Linked devices"),
        "tokens" => ("创建的接入令牌", "Enrolment tokens made"),
        "api_tokens" => ("创建的接口令牌", "API tokens made"),
        "acknowledgements" => ("已阅读的告知", "Notices read"),
        "approvals" => ("批准与例外", "Approvals"),
        "users" => ("登录账号", "Sign-in account"),
        "audit" => ("审计日志", "Audit log"),
        "pseudonyms" => ("假名对照", "Meaning of pseudonyms"),
        "withheld" => ("不再采集", "Withheld"),
        other => return other,
    };
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Erases a person. The line of the audit log names them by a pseudonym, whose meaning goes with the rest.
pub fn erase(
    store: &dyn Store,
    subject: &Subject,
    actor: &str,
    at: i64,
) -> StoreResult<BTreeMap<&'static str, u64>> {
    let audit = AuditEntry {
        at,
        actor: actor.to_owned(),
        action: "subject.delete".to_owned(),
        object: format!("subject:{}", person(&subject.name)),
        detail: json!({"accounts": subject.accounts.len()}).to_string(),
    };
    store.erase(subject, &audit)
}
