//! `channel`, `route`, `maintenance` and `delivery`: who is told, of what, and what became of it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use deskwarden_domain::{
    model::DeliveryState,
    port::{AlertingKind, DeliveryFilter},
};
use serde_json::{Map, Value, json};

use crate::{
    clock::rfc3339,
    config::Secret,
    notify::{Actor, Book, BookError, DeskSource, Live, Origin, SECRETS, Templates},
};

use super::{
    CliError,
    out::{Out, cell},
    session::{ACTOR, Session, all, now},
};

#[derive(Debug, Subcommand)]
pub(super) enum ChannelCommand {
    /// List channels of the configuration file and of the store
    List,
    /// Make or replace a channel: a TOML file with the keys of one [[channel]]
    Put {
        /// The file; `password_file`, `secret_file` and `token_file` in it name files that are read now and not later
        file: PathBuf,
    },
    /// Remove a channel of the store
    Remove {
        /// Its name
        name: String,
    },
    /// Send a test message now
    Test {
        /// Its name
        name: String,
    },
    /// Check a folder of templates
    Templates {
        /// The folder [default: the configured one]
        folder: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DefinitionCommand {
    /// List them
    List,
    /// Make or replace one from a TOML file
    Put {
        /// The file
        file: PathBuf,
    },
    /// Remove one
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum DeliveryCommand {
    /// List messages, newest first
    List {
        /// Only of this channel
        #[arg(long)]
        channel: Option<String>,
        /// Only those given up
        #[arg(long)]
        dead: bool,
    },
    /// Send a message that was given up again, under the same key
    Resend {
        /// Its number in the list
        id: i64,
    },
}

impl From<BookError> for CliError {
    fn from(error: BookError) -> Self {
        match error {
            BookError::Refused(why) => Self::Refused(why),
            BookError::Store(error) => Self::Store(error),
        }
    }
}

fn actor() -> Actor<'static> {
    Actor {
        name: ACTOR,
        at: now(),
    }
}

pub(super) fn channel(command: ChannelCommand, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let source = DeskSource::of(&session.config);
    let book = Book {
        store: session.store.as_ref(),
        source: &source,
    };
    match command {
        ChannelCommand::List => channels(&book, out),
        ChannelCommand::Put { file } => {
            let (keys, secrets) = channel_file(&file)?;
            let name = book.put_channel(&keys, secrets, actor())?;
            done(out, "channel", &name, "已保存", "is kept")
        }
        ChannelCommand::Remove { name } => {
            book.remove(AlertingKind::Channel, &name, actor())?;
            done(out, "channel", &name, "已删除", "is removed")
        }
        ChannelCommand::Test { name } => {
            book.test(&name, out.lang, actor())?;
            done(out, "channel", &name, "已收下测试消息", "took the test message")
        }
        ChannelCommand::Templates { folder } => {
            templates(&folder.unwrap_or(session.config.templates_dir.clone()), out)
        }
    }
}

pub(super) fn definition(
    kind: AlertingKind,
    command: DefinitionCommand,
    session: &Session,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    let source = DeskSource::of(&session.config);
    let book = Book {
        store: session.store.as_ref(),
        source: &source,
    };
    match command {
        DefinitionCommand::List => {
            let definitions = session.store.definitions()?;
            let of_kind: Vec<_> = definitions.iter().filter(|one| one.kind == kind).collect();
            if out.json {
                let values = of_kind.iter().map(|one| {
                    let mut value: Value = serde_json::from_str(&one.text).unwrap_or_default();
                    value["changed_at"] = json!(rfc3339(one.changed_at));
                    value["changed_by"] = json!(one.changed_by);
                    value
                });
                return Ok(out.value(&values.collect())?);
            }
            let rows = of_kind
                .iter()
                .map(|one| vec![one.name.clone(), one.text.clone(), one.changed_by.clone()])
                .collect();
            Ok(out.table(
                &[("名称", "NAME"), ("内容", "DEFINITION"), ("修改人", "BY")],
                rows,
            )?)
        }
        DefinitionCommand::Put { file } => {
            let mut value = toml_file(&file)?;
            if kind == AlertingKind::Maintenance {
                moments(&mut value)?;
            }
            let name = book.put(kind, &Value::Object(value), actor())?;
            done(out, kind.name(), &name, "已保存", "is kept")
        }
        DefinitionCommand::Remove { name } => {
            book.remove(kind, &name, actor())?;
            done(out, kind.name(), &name, "已删除", "is removed")
        }
    }
}

pub(super) fn delivery(
    command: DeliveryCommand,
    session: &Session,
    out: &mut Out<'_>,
) -> Result<(), CliError> {
    match command {
        DeliveryCommand::List { channel, dead } => {
            let filter = DeliveryFilter {
                channel,
                state: dead.then_some(DeliveryState::Dead),
            };
            let rows = all(|paging| session.store.deliveries(&filter, paging))?;
            if out.json {
                let values = rows.iter().map(|row| {
                    json!({
                        "id": row.id, "key": row.key, "channel": row.channel, "kind": row.kind.name(), "alerts": row.total,
                        "state": row.state.name(), "attempts": row.attempts, "last_error": row.last_error,
                        "made_at": rfc3339(row.made_at), "delivered_at": row.delivered_at.map(rfc3339),
                    })
                });
                return Ok(out.value(&values.collect())?);
            }
            let rows = rows.iter().map(|row| {
                vec![
                    row.id.to_string(),
                    row.channel.clone(),
                    row.kind.name().to_owned(),
                    row.total.to_string(),
                    row.state.name().to_owned(),
                    row.attempts.to_string(),
                    cell(row.last_error.as_deref()),
                ]
            });
            let headings = [
                ("编号", "ID"),
                ("渠道", "CHANNEL"),
                ("类型", "KIND"),
                ("条数", "ALERTS"),
                ("状态", "STATE"),
                ("次数", "TRIES"),
                ("最后错误", "LAST ERROR"),
            ];
            let rows = rows.collect();
            Ok(out.table(&headings, rows)?)
        }
        DeliveryCommand::Resend { id } => {
            let audit = session.audit("delivery.resend", format!("delivery:{id}"), "");
            session.store.resend(id, now(), &audit)?;
            done(
                out,
                "delivery",
                &id.to_string(),
                "将重新发送",
                "will be sent again",
            )
        }
    }
}

fn done(out: &mut Out<'_>, what: &str, name: &str, zh: &str, en: &str) -> Result<(), CliError> {
    Ok(out.done(
        &json!({ what: name }),
        &format!("{name} {zh}。"),
        &format!("{name} {en}."),
    )?)
}

fn channels(book: &Book<'_>, out: &mut Out<'_>) -> Result<(), CliError> {
    let desk = book.source.load(book.store)?;
    let origin = |live: &Live| match live.origin {
        Origin::File => "file",
        Origin::Stored => "stored",
    };
    if out.json {
        let values = desk.channels.iter().map(|live| {
            json!({
                "name": live.name, "kind": live.kind, "origin": origin(live), "min_severity": live.min_severity.name(),
                "fault": live.fault,
            })
        });
        return Ok(out.value(&values.collect())?);
    }
    let rows = desk.channels.iter().map(|live| {
        vec![
            live.name.clone(),
            live.kind.clone(),
            origin(live).to_owned(),
            live.min_severity.name().to_owned(),
            cell(live.fault.as_deref()),
        ]
    });
    let headings = [
        ("名称", "NAME"),
        ("类型", "KIND"),
        ("来源", "ORIGIN"),
        ("起始级别", "FROM"),
        ("故障", "FAULT"),
    ];
    let rows = rows.collect();
    Ok(out.table(&headings, rows)?)
}

fn templates(folder: &Path, out: &mut Out<'_>) -> Result<(), CliError> {
    let (templates, faults) = Templates::load(folder);
    if !faults.is_empty() {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(CliError::Refused(faults.join("\n")));
    }
    let replaced: Vec<&str> = templates.replaced().collect();
    let value = json!({"ok": true, "replaced": replaced});
    let n = replaced.len();
    Ok(out.done(
        &value,
        &format!("{n} 个模板没有错误。"),
        &format!("{n} templates, no faults."),
    )?)
}

/// The keys of a TOML file as JSON.
fn toml_file(file: &Path) -> Result<Map<String, Value>, CliError> {
    let refused = |why: String| CliError::Refused(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    toml::from_str(&text).map_err(|error| refused(error.to_string()))
}

/// Keys, and secrets by name.
type ChannelFile = (Map<String, Value>, BTreeMap<String, Secret>);

/// The keys of a channel, and the secrets in the files that it names.
fn channel_file(file: &Path) -> Result<ChannelFile, CliError> {
    let mut keys = toml_file(file)?;
    let base = file.parent().unwrap_or(Path::new("."));
    let mut secrets = BTreeMap::new();
    for name in SECRETS {
        let Some(path) = keys.remove(&format!("{name}_file")) else {
            continue;
        };
        let path = base.join(path.as_str().unwrap_or_default());
        let secret =
            Secret::read(&path).map_err(|error| CliError::Refused(format!("{}: {error}", path.display())))?;
        secrets.insert(name.to_owned(), secret);
    }
    Ok((keys, secrets))
}

/// Turns the RFC 3339 moments of a window into milliseconds.
fn moments(value: &mut Map<String, Value>) -> Result<(), CliError> {
    for key in ["from", "until"] {
        if let Some(Value::String(text)) = value.get(key) {
            let moment = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
                .map_err(|_| {
                    CliError::Refused(format!("{key}: not a moment as \"2026-12-01T22:00:00+08:00\""))
                })?;
            value.insert(key.to_owned(), json!(moment.unix_timestamp() * 1_000));
        }
    }
    Ok(())
}
