//! Alert channels as configured. Owns their shape; how a file or a stored definition becomes one is in
//! `convert`.

mod convert;

use std::path::PathBuf;

use deskwarden_domain::model::Severity;

use super::Secret;
use crate::outbound::{Guard, HostPort};

pub(super) use convert::convert;

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
    /// Into a WeCom (企业微信) group, by its robot.
    WecomRobot(Robot),
    /// To people in WeCom (企业微信), by an application of the company.
    WecomApp(WecomApp),
    /// Into a DingTalk (钉钉) group, by its robot.
    DingtalkRobot(Robot),
    /// Into a Feishu (飞书) group, by its robot.
    FeishuRobot(Robot),
    /// To a SIEM.
    Syslog(Syslog),
    /// One JSON line per alert on standard output.
    Log,
}

impl ChannelKind {
    /// The name used in files, on pages and on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Webhook(_) => "webhook",
            Self::WecomRobot(_) => "wecom_robot",
            Self::WecomApp(_) => "wecom_app",
            Self::DingtalkRobot(_) => "dingtalk_robot",
            Self::FeishuRobot(_) => "feishu_robot",
            Self::Syslog(_) => "syslog",
            Self::Log => "log",
        }
    }
}

/// Names of all kinds, in the order in which they are offered.
pub const KINDS: [&str; 8] = [
    "wecom_robot",
    "wecom_app",
    "dingtalk_robot",
    "feishu_robot",
    "smtp",
    "webhook",
    "syslog",
    "log",
];

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
    /// Where it may be.
    pub guard: Guard,
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

/// A provider's service: where it is and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Start of its addresses, without a trailing slash: the public service, or a private one.
    pub url: String,
    /// Places inside the own network that it may be at.
    pub allow: Vec<HostPort>,
    /// PEM file of an own certificate authority.
    pub ca_file: Option<PathBuf>,
}

/// A robot of a chat group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Robot {
    /// Where.
    pub service: Service,
    /// What names the robot in its address: `key`, `access_token` or the last part.
    pub token: Secret,
    /// Key of the signature, where the provider has one.
    pub sign: Option<Secret>,
}

/// An application of the company in WeCom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WecomApp {
    /// Where.
    pub service: Service,
    /// Id of the company.
    pub corp_id: String,
    /// Id of the application.
    pub agent_id: u32,
    /// Secret of the application.
    pub secret: Secret,
    /// Members.
    pub to: Vec<String>,
    /// Departments, by id.
    pub to_party: Vec<String>,
    /// Tags, by id.
    pub to_tag: Vec<String>,
}

/// How syslog travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTransport {
    /// RFC 5425, port 6514.
    Tls,
    /// RFC 5426, port 514: in plain text, and nobody says whether it arrived.
    Udp,
}

/// A SIEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syslog {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How.
    pub transport: SyslogTransport,
    /// Number of the facility; 13 is "log audit".
    pub facility: u8,
    /// PEM file of an own certificate authority.
    pub ca_file: Option<PathBuf>,
    /// Where it may be.
    pub guard: Guard,
}
