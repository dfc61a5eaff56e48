//! From keys to channels: which keys belong to which kind, and what is too dangerous to allow.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use deskwarden_domain::model::Severity;
use toml::Spanned;

use super::{
    Channel, ChannelKind, KINDS, Robot, Service, Smtp, SmtpTls, Syslog, SyslogTransport, Webhook, WecomApp,
};
use crate::{
    config::{Check, Secret, raw},
    outbound::{HostPort, check_url},
};

/// Converts the channels; each fault is noted at its line.
pub(in crate::config) fn convert(raw: Vec<Spanned<raw::Channel>>, check: &mut Check<'_>) -> Vec<Channel> {
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
    let Some(kind) = raw.kind.as_ref().map(|kind| kind.get_ref().clone()) else {
        check.fault(at, format!("channel.kind is missing: one of {}", kinds()));
        return None;
    };
    let Some(keys) = keys(&kind) else {
        check.fault(
            kind_at,
            format!("channel.kind: {kind:?} is not one of {}", kinds()),
        );
        return None;
    };
    // Keys of another kind are a misunderstanding that must not pass silently.
    for key in raw.present().into_iter().filter(|key| !keys.contains(key)) {
        check.fault(
            at,
            format!("channel.{key} does not belong to a channel of kind {kind:?}; remove it"),
        );
    }
    let kind =
        match kind.as_str() {
            "smtp" => smtp(raw, at, check).map(ChannelKind::Smtp),
            "webhook" => webhook(raw, at, check).map(ChannelKind::Webhook),
            "wecom_robot" => robot(raw, at, "https://qyapi.weixin.qq.com", Signed::Never, check)
                .map(ChannelKind::WecomRobot),
            "wecom_app" => wecom_app(raw, at, check).map(ChannelKind::WecomApp),
            "dingtalk_robot" => robot(raw, at, "https://oapi.dingtalk.com", Signed::Always, check)
                .map(ChannelKind::DingtalkRobot),
            "feishu_robot" => {
                robot(raw, at, "https://open.feishu.cn", Signed::Always, check).map(ChannelKind::FeishuRobot)
            }
            "syslog" => syslog(raw, at, check).map(ChannelKind::Syslog),
            _ => Some(ChannelKind::Log),
        };
    kind.map(|kind| Channel {
        name,
        min_severity,
        kind,
    })
}

/// Keys that a kind has beside name, kind and severity.
fn keys(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "smtp" => &[
            "host",
            "port",
            "tls",
            "allow_plain",
            "user",
            "password_file",
            "from",
            "to",
            "ca_file",
        ],
        "webhook" => &["url", "secret_file", "allow", "ca_file"],
        "wecom_robot" => &["url", "token_file", "allow", "ca_file"],
        "wecom_app" => &[
            "url",
            "corp_id",
            "agent_id",
            "secret_file",
            "to",
            "to_party",
            "to_tag",
            "allow",
            "ca_file",
        ],
        "dingtalk_robot" | "feishu_robot" => &["url", "token_file", "secret_file", "allow", "ca_file"],
        "syslog" => &["host", "port", "transport", "facility", "ca_file"],
        "log" => &[],
        _ => return None,
    })
}

fn kinds() -> String {
    let names: Vec<String> = KINDS.iter().map(|name| format!("{name:?}")).collect();
    names.join(", ")
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
    let password = check.has_secret("password", raw.password_file.as_ref());
    let login = match (raw.user, password) {
        (Some(user), true) => {
            secret(raw.password_file, "password", at, check).map(|secret| (user.into_inner(), secret))
        }
        (None, false) => None,
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
        guard: check.guard(),
    })
}

fn webhook(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<Webhook> {
    let allow = allow(raw.allow, check);
    let secret = secret(raw.secret_file, "secret", at, check);
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

/// Whether a provider's robot has a signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Signed {
    Always,
    Never,
}

fn robot(raw: raw::Channel, at: usize, public: &str, signed: Signed, check: &mut Check<'_>) -> Option<Robot> {
    let service = service(raw.url, raw.allow, raw.ca_file, public, at, check);
    let token = secret(raw.token_file, "token", at, check);
    let sign = match signed {
        Signed::Always => Some(secret(raw.secret_file, "secret", at, check)),
        Signed::Never => None,
    };
    let token = token?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !token.reveal().chars().all(plain) {
        check.fault(
            at,
            "channel.token_file: only the part of the robot's address that names it, not the whole address",
        );
        return None;
    }
    Some(Robot {
        service,
        token,
        sign: match sign {
            Some(sign) => Some(sign?),
            None => None,
        },
    })
}

fn wecom_app(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<WecomApp> {
    let public = "https://qyapi.weixin.qq.com";
    let service = service(raw.url, raw.allow, raw.ca_file, public, at, check);
    let corp_id = required(raw.corp_id, "corp_id", at, check);
    if raw.agent_id.is_none() {
        check.fault(at, "channel.agent_id is missing: the number of the application");
    }
    let secret = secret(raw.secret_file, "secret", at, check);
    let list = |key: &str, values: Option<Spanned<Vec<Spanned<String>>>>, check: &mut Check<'_>| {
        let values: Vec<Spanned<String>> = values.map(Spanned::into_inner).unwrap_or_default();
        for value in &values {
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
            let all = value.get_ref() == "@all";
            if value.get_ref().is_empty() || all || !value.get_ref().chars().all(plain) {
                check.fault(
                    value.span().start,
                    format!(
                        "channel.{key}: {:?} is not one id; everybody (@all) is not told",
                        value.get_ref()
                    ),
                );
            }
        }
        values.into_iter().map(Spanned::into_inner).collect::<Vec<_>>()
    };
    let to = list("to", raw.to, check);
    let to_party = list("to_party", raw.to_party, check);
    let to_tag = list("to_tag", raw.to_tag, check);
    if to.is_empty() && to_party.is_empty() && to_tag.is_empty() {
        check.fault(
            at,
            "channel.to, channel.to_party or channel.to_tag is missing: who is told",
        );
    }
    if to.len() > 1_000 || to_party.len() > 100 || to_tag.len() > 100 {
        check.fault(
            at,
            "WeCom takes at most 1000 members, 100 departments and 100 tags",
        );
    }
    Some(WecomApp {
        service,
        corp_id: corp_id?,
        agent_id: raw.agent_id.map(Spanned::into_inner)?,
        secret: secret?,
        to,
        to_party,
        to_tag,
    })
}

fn syslog(raw: raw::Channel, at: usize, check: &mut Check<'_>) -> Option<Syslog> {
    let transport = match raw
        .transport
        .as_ref()
        .map(|t| (t.span().start, t.get_ref().as_str()))
    {
        None | Some((_, "tls")) => SyslogTransport::Tls,
        Some((_, "udp")) => SyslogTransport::Udp,
        Some((at, other)) => {
            check.fault(
                at,
                format!("channel.transport: {other:?} is not one of \"tls\", \"udp\""),
            );
            SyslogTransport::Tls
        }
    };
    let facility = raw.facility.map_or(13, Spanned::into_inner);
    if facility > 23 {
        check.fault(at, "channel.facility: a number from 0 to 23; 13 is \"log audit\"");
    }
    let host = required(raw.host, "host", at, check);
    Some(Syslog {
        host: host?,
        port: raw.port.map(Spanned::into_inner).unwrap_or(match transport {
            SyslogTransport::Tls => 6514,
            SyslogTransport::Udp => 514,
        }),
        transport,
        facility,
        ca_file: ca_file(raw.ca_file, check),
        guard: check.guard(),
    })
}

/// The public service of a provider, or another where `url` says so.
fn service(
    url: Option<Spanned<String>>,
    listed: Option<Spanned<Vec<Spanned<String>>>>,
    ca: Option<Spanned<String>>,
    public: &str,
    at: usize,
    check: &mut Check<'_>,
) -> Service {
    let allow = allow(listed, check);
    let at = url.as_ref().map_or(at, |url| url.span().start);
    let url = url.map_or_else(|| public.to_owned(), Spanned::into_inner);
    let url = url.trim_end_matches('/').to_owned();
    if let Err(what) = check_url(&url, &allow) {
        check.fault(at, format!("channel.url: {what}"));
    } else if url.contains(['?', '#']) {
        check.fault(
            at,
            "channel.url: only the start of the service's addresses, without `?`",
        );
    }
    Service {
        url,
        allow,
        ca_file: ca_file(ca, check),
    }
}

/// Places inside the own network: those listed, or those that the configuration file grants to stored channels.
fn allow(listed: Option<Spanned<Vec<Spanned<String>>>>, check: &mut Check<'_>) -> Vec<HostPort> {
    if let Some(stored) = check.stored {
        if let Some(listed) = listed {
            check.fault(
                listed.span().start,
                "channel.allow is not taken from a stored channel: list the place under `outbound_allow` in the \
                 configuration file",
            );
        }
        return stored.allow.to_vec();
    }
    let mut allow = Vec::new();
    for entry in listed.map(Spanned::into_inner).unwrap_or_default() {
        match HostPort::parse(entry.get_ref()) {
            Some(place) => allow.push(place),
            None => check.fault(
                entry.span().start,
                "channel.allow: not `host:port`, as \"127.0.0.1:8080\"",
            ),
        }
    }
    allow
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

fn secret(file: Option<Spanned<String>>, key: &str, at: usize, check: &mut Check<'_>) -> Option<Secret> {
    if let Some(stored) = check.stored {
        if file.is_some() {
            check.fault(
                at,
                format!("channel.{key}_file is for the configuration file; give the {key} itself"),
            );
        }
        let known = stored.secrets.get(key).cloned();
        if known.is_none() {
            check.fault(at, format!("channel.{key} is missing"));
        }
        return known;
    }
    let Some(file) = file else {
        check.fault(
            at,
            format!("channel.{key}_file is missing: a file with the {key}, not readable by everybody"),
        );
        return None;
    };
    let path = check.path(file.get_ref());
    Secret::read(&path)
        .map_err(|error| {
            check.fault(
                file.span().start,
                format!("channel.{key}_file: {}: {error}", path.display()),
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
