//! Messages of a company's own application in WeCom (企业微信).
//!
//! Contract: "获取access_token", developer.work.weixin.qq.com/document/path/91039, "发送应用消息",
//! /document/path/90236, and frequency limits, /document/path/90312. `GET /cgi-bin/gettoken?corpid=&corpsecret=`
//! gives a token for `expires_in` seconds (7200); it must be kept, not fetched each time (45009 follows), and may
//! end early, which `message/send` answers with 40014 or 42001. `POST /cgi-bin/message/send?access_token=`;
//! `markdown.content` at most 2048 bytes of UTF-8; 81013 when no receiver is valid, `invaliduser` when some are not;
//! `enable_duplicate_check` drops an equal request within `duplicate_check_interval` (at most four hours). At most 30
//! messages a minute and 1000 an hour to one member: more are taken and thrown away without a word, so that
//! [`APP_PER_MINUTE`] must keep below both.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::config;

use super::{
    super::{Message, SendError, Sender, SetupError, http::Http},
    client, code, encoded, fitting,
    wecom::verdict,
};

/// Longest markdown, in bytes.
const LONGEST: usize = 2_048;
/// Time before its end at which a token is fetched anew.
const BEFORE_END: Duration = Duration::from_secs(300);
/// For how long an equal request is dropped: a message that was cut off comes again within it.
const SAME_FOR_SECONDS: u32 = 14_400;

/// Messages a minute that an application sends at most: 960 an hour, where 1000 is what a member is shown.
pub const APP_PER_MINUTE: usize = 16;

/// An application that writes to members, departments and tags.
pub struct WecomApp {
    http: Http,
    config: config::WecomApp,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    good_until: Instant,
}

impl WecomApp {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &config::WecomApp) -> Result<Self, SetupError> {
        Ok(Self {
            http: client(&config.service)?,
            config: config.clone(),
            token: Mutex::default(),
        })
    }

    /// The token that is kept, or a new one.
    fn token(&self) -> Result<String, SendError> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.as_ref().filter(|token| Instant::now() < token.good_until) {
            return Ok(token.text.clone());
        }
        let corp: String = form_urlencoded::byte_serialize(self.config.corp_id.as_bytes()).collect();
        let url = format!(
            "{}/cgi-bin/gettoken?corpid={corp}&corpsecret={}",
            self.config.service.url,
            encoded(&self.config.secret)
        );
        let answer = self.http.get(&url)?;
        if let Some(error) = answer.fault("WeCom") {
            return Err(error);
        }
        let answer = answer.json();
        verdict(code(&answer, "errcode", "errmsg")?)?;
        let text = answer.get("access_token").and_then(Value::as_str);
        let seconds = answer.get("expires_in").and_then(Value::as_u64);
        let (Some(text), Some(seconds)) = (text, seconds) else {
            return Err(SendError::new("WeCom answered without a token"));
        };
        let life = Duration::from_secs(seconds.min(86_400));
        *kept = Some(Token {
            text: text.to_owned(),
            good_until: Instant::now() + life.saturating_sub(BEFORE_END).max(life / 2),
        });
        Ok(text.to_owned())
    }

    fn forget_token(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn post(&self, body: &str) -> Result<Value, SendError> {
        let token: String = form_urlencoded::byte_serialize(self.token()?.as_bytes()).collect();
        let url = format!(
            "{}/cgi-bin/message/send?access_token={token}",
            self.config.service.url
        );
        let answer = self.http.post(&url, &[], body)?;
        match answer.fault("WeCom") {
            Some(error) => Err(error),
            None => Ok(answer.json()),
        }
    }
}

impl Sender for WecomApp {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = json!({
            "touser": self.config.to.join("|"),
            "toparty": self.config.to_party.join("|"),
            "totag": self.config.to_tag.join("|"),
            "agentid": self.config.agent_id,
            "msgtype": "markdown",
            "markdown": {"content": fitting(&message.markdown, LONGEST)},
            "enable_duplicate_check": 1,
            "duplicate_check_interval": SAME_FOR_SECONDS,
        })
        .to_string();
        let mut answer = self.post(&body)?;
        let mut said = code(&answer, "errcode", "errmsg")?;
        if matches!(said.0, 40014 | 42001) {
            // It ended before its time: once more with a fresh one.
            self.forget_token();
            answer = self.post(&body)?;
            said = code(&answer, "errcode", "errmsg")?;
        }
        verdict(said)?;
        for key in ["invaliduser", "invalidparty", "invalidtag"] {
            let unknown = answer.get(key).and_then(Value::as_str).unwrap_or_default();
            if !unknown.is_empty() {
                tracing::warn!(%key, unknown = super::super::words::clean(unknown), "WeCom does not know some receivers");
            }
        }
        Ok(())
    }
}
