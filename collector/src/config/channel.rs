//! Alert channels as configured: which keys belong to which kind, and what is too dangerous to allow.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use deskwarden_domain::model::Severity;
use toml::Spanned;

use super::{Check, Secret, raw};
use crate::outbound::{HostPort, check_url};

/// Somebody who is told about findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its name: part of every idempotency key, so renaming one repeats nothing and forgets nothing sent.
    pub name: String,
    /// What is told, from this severity on.
    pub min_severity: Severity,
    /// How.
    pub kind: ChannelKind,
}

impl Channel {
    /// A channel that writes every alert to standard output.
    pub fn log(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            min_severity: Severity::Low,
            kind: ChannelKind::Log,
        }
    }
}

/// How a channel tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// By mail.
    Smtp(Smtp),
    /// By HTTP POST of JSON.
    Webhook(Webhook),
    /// One JSON line per alert on standard output.
    Log,
}

/// Encryption of the way to a mail server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// Begins in plain text and must upgrade (port 587).
    StartTls,
    /// From the first byte (port 465).
    Tls,
    /// None.
    Plain,
}

/// A mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Encryption.
    pub tls: SmtpTls,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Sender.
    pub from: String,
    /// Receivers.
    pub to: Vec<String>,
    /// PEM file of an own certificate authority.
    pub ca_file: Option<PathBuf>,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Where to post.
    pub url: String,
    /// Key of the signature.
    pub secret: Secret,
    /// Places inside the own network that it may reach.
    pub allow: Vec<HostPort>,
    /// PEM file of an own certificate authority.
    pub ca_file: Option<PathBuf>,
}

/// Converts the channels; each fault is noted at its line.
pub(super) fn convert(raw: Vec<Spanned<raw::Channel>>, check: &mut Check<'_>) -> Vec<Channel> {
    let mut channels: Vec<Channel> = Vec::new();
    for entry in raw {
        let at = entry.span().start;
        let Some(channel) = one(entry.into_inner(), at, check) else {
            continue;
        };
        if channels.iter().any(|other| other.name == channel.name) {
            check.fault(
                at,
                format!("two channels are named {:?}; names must differ", channel.name),
            );
        }
        channels.push(channel);
    }
    channels
}

fn one(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<Channel> {
    let name = raw
        .name
        .as_ref()
        .map(|name| (name.span().start, name.get_ref().clone()));
    let name = match name {
        Some((at, name)) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
                check.fault(at, "channel.name: use 1 to 40 letters, digits, `-` and `_`");
            }
            name
        }
        None => {
            check.fault(
                at,
                "channel.name is missing: every channel needs a name of its own",
            );
            String::new()
        }
    };
    let min_severity = raw.min_severity.unwrap_or(Severity::Low);
    let kind_at = raw.kind.as_ref().map_or(at, |kind| kind.span().start);
    let kind = match raw.kind.as_ref().map(|kind| kind.get_ref().as_str()) {
        Some("smtp") => {
            foreign(&raw, at, "smtp", &["url", "secret_file", "allow"], check);
            smtp(raw, at, check).map(ChannelKind::Smtp)
        }
        Some("webhook") => {
            let mail = [
                "host",
                "port",
                "tls",
                "allow_plain",
                "user",
                "password_file",
                "from",
                "to",
            ];
            foreign(&raw, at, "webhook", &mail, check);
            webhook(raw, at, check).map(ChannelKind::Webhook)
        }
        Some("log") => Some(ChannelKind::Log),
        Some(other) => {
            check.fault(
                kind_at,
                format!("channel.kind: {other:?} is not one of \"smtp\", \"webhook\", \"log\""),
            );
            None
        }
        None => {
            check.fault(at, "channel.kind is missing: \"smtp\", \"webhook\" or \"log\"");
            None
        }
    };
    kind.map(|kind| Channel {
        name,
        min_severity,
        kind,
    })
}

/// Keys of another kind are a misunderstanding that must not pass silently.
fn foreign(raw: &raw::Channel, at: usize, kind: &str, names: &[&str], check: &mut Check<'_>) {
    let present = |name: &str| match name {
        "url" => raw.url.is_some(),
        "secret_file" => raw.secret_file.is_some(),
        "allow" => raw.allow.is_some(),
        "host" => raw.host.is_some(),
        "port" => raw.port.is_some(),
        "tls" => raw.tls.is_some(),
        "allow_plain" => raw.allow_plain.is_some(),
        "user" => raw.user.is_some(),
        "password_file" => raw.password_file.is_some(),
        "from" => raw.from.is_some(),
        "to" => raw.to.is_some(),
        _ => false,
    };
    for name in names.iter().filter(|name| present(name)) {
        check.fault(
            at,
            format!("channel.{name} does not belong to a channel of kind {kind:?}; remove it"),
        );
    }
}

fn smtp(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<Smtp> {
    let tls = match raw
        .tls
        .as_ref()
        .map(|tls| (tls.span().start, tls.get_ref().as_str()))
    {
        None | Some((_, "starttls")) => SmtpTls::StartTls,
        Some((_, "tls")) => SmtpTls::Tls,
        Some((_, "none")) => SmtpTls::Plain,
        Some((at, other)) => {
            check.fault(
                at,
                format!("channel.tls: {other:?} is not one of \"starttls\", \"tls\", \"none\""),
            );
            SmtpTls::StartTls
        }
    };
    let host = required(raw.host, "host", at, check);
    let allow_plain = raw.allow_plain.is_some_and(Spanned::into_inner);
    if tls == SmtpTls::Plain && !allow_plain && !host.as_deref().is_some_and(is_loopback) {
        check.fault(at, "channel.tls = \"none\" is for a mail server on this machine; use \"starttls\", or say allow_plain = true");
    }
    let login = match (raw.user, raw.password_file) {
        (Some(user), Some(file)) => {
            secret(&file, "password_file", check).map(|secret| (user.into_inner(), secret))
        }
        (None, None) => None,
        _ => {
            check.fault(at, "channel.user and channel.password_file belong together");
            None
        }
    };
    let from = required(raw.from, "from", at, check);
    if let Some(address) = &from {
        mailbox(address, at, check);
    }
    let to: Vec<String> = raw
        .to
        .map(Spanned::into_inner)
        .unwrap_or_default()
        .into_iter()
        .map(|to| {
            mailbox(to.get_ref(), to.span().start, check);
            to.into_inner()
        })
        .collect();
    if to.is_empty() {
        check.fault(at, "channel.to is missing: at least one receiver");
    }
    let port = raw.port.map(Spanned::into_inner).unwrap_or(match tls {
        SmtpTls::StartTls => 587,
        SmtpTls::Tls => 465,
        SmtpTls::Plain => 25,
    });
    Some(Smtp {
        host: host?,
        port,
        tls,
        login,
        from: from?,
        to,
        ca_file: ca_file(raw.ca_file, check),
    })
}

fn webhook(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<Webhook> {
    let mut allow = Vec::new();
    for entry in raw.allow.map(Spanned::into_inner).unwrap_or_default() {
        match HostPort::parse(entry.get_ref()) {
            Some(place) => allow.push(place),
            None => check.fault(
                entry.span().start,
                "channel.allow: not `host:port`, as \"127.0.0.1:8080\"",
            ),
        }
    }
    let secret = match &raw.secret_file {
        Some(file) => secret(file, "secret_file", check),
        None => {
            check.fault(
                at,
                "channel.secret_file is missing: a file with the key of the signature",
            );
            None
        }
    };
    let url_at = raw.url.as_ref().map_or(at, |url| url.span().start);
    let url = required(raw.url, "url", at, check);
    if let Some(Err(what)) = url.as_deref().map(|url| check_url(url, &allow)) {
        check.fault(url_at, format!("channel.url: {what}"));
    }
    Some(Webhook {
        url: url?,
        secret: secret?,
        allow,
        ca_file: ca_file(raw.ca_file, check),
    })
}

fn required(value: Option<Spanned<String>>, key: &str, at: usize, check: &mut Check<'_>) -> Option<String> {
    let value = value
        .map(Spanned::into_inner)
        .filter(|text| !text.trim().is_empty());
    if value.is_none() {
        check.fault(at, format!("channel.{key} is missing"));
    }
    value
}

fn secret(file: &Spanned<String>, key: &str, check: &mut Check<'_>) -> Option<Secret> {
    let path = check.path(file.get_ref());
    Secret::read(&path)
        .map_err(|error| {
            check.fault(
                file.span().start,
                format!("channel.{key}: {}: {error}", path.display()),
            )
        })
        .ok()
}

fn ca_file(file: Option<Spanned<String>>, check: &mut Check<'_>) -> Option<PathBuf> {
    let file = file?;
    let path = check.path(file.get_ref());
    if !Path::new(&path).is_file() {
        check.fault(
            file.span().start,
            format!("channel.ca_file: there is no file {}", path.display()),
        );
    }
    Some(path)
}

fn mailbox(address: &str, at: usize, check: &mut Check<'_>) {
    if address.parse::<lettre::message::Mailbox>().is_err() {
        check.fault(at, format!("{address:?} is not a mail address"));
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
