//! The robot of a WeCom (企业微信) group.
//!
//! Contract: "群机器人配置说明", developer.work.weixin.qq.com/document/path/91770, and the list of codes,
//! /document/path/90313. `POST /cgi-bin/webhook/send?key=KEY`; `markdown.content` at most 4096 bytes of UTF-8
//! (`text.content` 2048); at most 20 messages a minute per robot, and who writes more is blocked for 60 seconds;
//! `<@userid>` in the text tells members and must not come out of a PC. The answer is status 200 with `errcode`: 0
//! taken, 45009 too often, 45033 too many at once, 93000 no such robot, 93004 switched off, 93008 not in the group,
//! 40001, 40013, 40014 and 42001 wrong credentials, 40056, 48002 and 301002 an application that may not, 45002 too
//! long, 40008 and 40058 malformed, -1 busy.

use std::time::Duration;

use serde_json::json;

use crate::config::{Robot, Secret};

use super::{
    super::{Message, SendError, Sender, SetupError, http::Http},
    client, code, encoded, fitting,
};

/// Longest markdown, in bytes.
const LONGEST: usize = 4_096;
/// For how long who writes too often is blocked.
const BLOCKED: Duration = Duration::from_secs(60);

/// A robot that writes into a group.
pub struct WecomRobot {
    http: Http,
    url: String,
    key: Secret,
}

impl WecomRobot {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Robot) -> Result<Self, SetupError> {
        Ok(Self {
            http: client(&config.service)?,
            url: format!("{}/cgi-bin/webhook/send", config.service.url),
            key: config.token.clone(),
        })
    }
}

impl Sender for WecomRobot {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = json!({
            "msgtype": "markdown",
            "markdown": {"content": fitting(&message.markdown, LONGEST)},
        });
        let url = format!("{}?key={}", self.url, encoded(&self.key));
        let answer = self.http.post(&url, &[], &body.to_string())?;
        if let Some(error) = answer.fault("WeCom") {
            return Err(error);
        }
        verdict(code(&answer.json(), "errcode", "errmsg")?)
    }
}

/// What a code means for the message.
pub(super) fn verdict((code, words): (i64, String)) -> Result<(), SendError> {
    let said = |hint: &str| SendError::new(format!("WeCom answered {code} {words}{hint}"));
    match code {
        0 => Ok(()),
        45009 | 45033 => Err(said(": too many messages").not_before(BLOCKED)),
        93000 | 93008 => Err(said(": the key of the robot is wrong, or the robot was removed")),
        93004 => Err(said(": the robot is switched off")),
        40001 | 40013 | 40014 | 42001 => Err(said(": id, secret or token is wrong or has ended")),
        40056 | 48002 | 301002 => Err(said(
            ": agent_id is wrong, or the application may not send messages",
        )),
        60020 => Err(said(
            ": this collector's public address is not among the trusted ones of the application",
        )),
        40008 | 40058 | 45002 => Err(said(": the message is not taken as it is").never()),
        81013 => Err(said(
            ": none of the receivers is known or may use the application",
        )),
        _ => Err(said("")),
    }
}
