//! The robot of a DingTalk (钉钉) group, with a signature (加签).
//!
//! Contract: "自定义机器人接入" and "自定义机器人安全设置", open.dingtalk.com/document/robots/custom-robot-access.
//! `POST /robot/send?access_token=&timestamp=MS&sign=`; `sign` is Base64 of HMAC-SHA256 with the secret as key over
//! `MS\nSECRET`, percent-encoded; `timestamp` at most an hour off. At most 20 messages a minute, then the robot is
//! blocked for ten. A body is at most 20000 bytes. The answer is status 200 with `errcode`: 0 taken, 310000 signature,
//! keyword or address not accepted, 300001, 300005 and 400101 no such token, 400013 the group is gone, 400102 the robot
//! is switched off, 400106 there is none, 130101, 130103, 410100 and 90030 too often, 460101 too long, 400105 a kind
//! that is not taken, 430101 to 430104 contents that are not taken, 40035 malformed, -1 busy. A robot that is blocked
//! may be answered by the gate before the service: `status` 1111 and `punish`, with or without `errcode`.

use std::time::Duration;

use serde_json::json;

use crate::config::{Robot, Secret};

use super::{
    super::{Message, SendError, Sender, SetupError, http::Http},
    client, code, encoded, fitting, signed,
};

/// Longest body, in bytes; the text has room for what JSON adds to it.
const LONGEST_BODY: usize = 20_000;
/// Longest text, in bytes: a line break takes two bytes in JSON, all else is as long as it is.
const LONGEST: usize = 15_000;
/// Longest title, which the list of conversations shows.
const LONGEST_TITLE: usize = 300;
/// For how long a robot is blocked that wrote too often.
const BLOCKED: Duration = Duration::from_secs(600);

/// A robot that writes into a group.
pub struct DingtalkRobot {
    http: Http,
    url: String,
    token: Secret,
    sign: Option<Secret>,
    clock: fn() -> i64,
}

impl DingtalkRobot {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Robot) -> Result<Self, SetupError> {
        Ok(Self {
            http: client(&config.service)?,
            url: format!("{}/robot/send", config.service.url),
            token: config.token.clone(),
            sign: config.sign.clone(),
            clock: crate::clock::now,
        })
    }

    fn address(&self) -> String {
        let address = format!("{}?access_token={}", self.url, encoded(&self.token));
        let Some(secret) = &self.sign else {
            return address;
        };
        let at = (self.clock)();
        let sign = signed(secret.reveal(), &format!("{at}\n{}", secret.reveal()));
        let sign: String = form_urlencoded::byte_serialize(sign.as_bytes()).collect();
        format!("{address}&timestamp={at}&sign={sign}")
    }
}

impl Sender for DingtalkRobot {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = json!({
            "msgtype": "markdown",
            "markdown": {
                "title": fitting(&message.subject, LONGEST_TITLE),
                // One line break is none in this provider's markdown.
                "text": fitting(&message.markdown.replace('\n', "\n\n"), LONGEST),
            },
            "at": {"isAtAll": false},
        })
        .to_string();
        if body.len() > LONGEST_BODY {
            return Err(SendError::new("the message is longer than DingTalk takes").never());
        }
        let answer = self.http.post(&self.address(), &[], &body)?;
        if let Some(error) = answer.fault("DingTalk") {
            return Err(error);
        }
        let json = answer.json();
        if json.get("punish").is_some() {
            let error =
                SendError::new("DingTalk answered for the time being with a refusal: too many messages");
            return Err(error.not_before(BLOCKED));
        }
        verdict(code(&json, "errcode", "errmsg")?)
    }
}

fn verdict((code, words): (i64, String)) -> Result<(), SendError> {
    let said = |hint: &str| SendError::new(format!("DingTalk answered {code} {words}{hint}"));
    match code {
        0 => Ok(()),
        130101 | 130103 | 410100 | 90030 => {
            Err(said(": too many messages; it blocks the robot for ten minutes").not_before(BLOCKED))
        }
        310000 => Err(said(
            ": the signature is not accepted (secret, or this machine's clock), or a keyword or address is required",
        )),
        300001 | 300005 | 400101 | 400106 => {
            Err(said(": the access token is wrong, or the robot was removed"))
        }
        400013 | 400102 => Err(said(": the group is gone, or the robot is switched off")),
        40035 | 400105 | 460101 | 430101..=430104 => Err(said(": the message is not taken as it is").never()),
        _ => Err(said("")),
    }
}
