//! The robot of a Feishu (飞书) group, with a signature (签名校验).
//!
//! Contract: "自定义机器人使用指南", open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.
//! `POST /open-apis/bot/v2/hook/TOKEN`; `timestamp` in seconds and `sign` in the body: Base64 of HMAC-SHA256 with
//! `SECONDS\nSECRET` as the key over nothing, at most an hour off. A body is at most 20 KB; at most 100 messages a
//! minute and 5 a second per tenant and robot. The answer has `code`: 0 taken, 19021 signature or timestamp not
//! accepted, 19022 address not allowed, 19024 keyword missing, 19001 no such robot, 9499 malformed or too often,
//! 11232 too often (above all at full and half hours, when everybody sends), 99991400 with status 429 or 400 and
//! `x-ogw-ratelimit-reset` too often at the gate. Older installations answer with `StatusCode` instead of `code`. A
//! `post` message is made of tagged pieces: text in it is no markup, so nothing in it can become a
//! link or an `@`.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::config::{Robot, Secret};

use super::{
    super::{Message, SendError, Sender, SetupError, http::Http},
    client, code, fitting, signed,
};

/// Longest body, in bytes.
const LONGEST_BODY: usize = 20 << 10;
/// Longest text, in bytes; every line of it becomes a piece of its own.
const LONGEST: usize = 8_000;
/// Most lines.
const LINES: usize = 120;
/// Messages that a robot may send in [`SECOND`].
const PER_SECOND: usize = 5;
/// A second, and a little for clocks that differ.
const SECOND: Duration = Duration::from_millis(1_100);
/// For how long nothing is sent after too many, where the service does not say it.
const BLOCKED: Duration = Duration::from_secs(60);

/// A robot that writes into a group.
pub struct FeishuRobot {
    http: Http,
    url: String,
    sign: Option<Secret>,
    clock: fn() -> i64,
    /// When the last messages were sent.
    recent: Mutex<VecDeque<Instant>>,
}

impl FeishuRobot {
    /// Prepares the client; connects to nothing.
    pub fn new(config: &Robot) -> Result<Self, SetupError> {
        Ok(Self {
            http: client(&config.service)?,
            url: format!(
                "{}/open-apis/bot/v2/hook/{}",
                config.service.url,
                config.token.reveal()
            ),
            sign: config.sign.clone(),
            clock: || crate::clock::now() / 1_000,
            recent: Mutex::default(),
        })
    }

    fn body(&self, message: &Message) -> Value {
        let text = fitting(&first_lines(&message.body), LONGEST);
        let mut lines: Vec<Value> = text
            .lines()
            .map(|line| json!([{"tag": "text", "text": line}]))
            .collect();
        if let Some(link) = &message.link {
            lines.push(json!([{"tag": "a", "text": message.link_word, "href": link}]));
        }
        let mut body = json!({
            "msg_type": "post",
            "content": {"post": {"zh_cn": {"title": fitting(&message.subject, 300), "content": lines}}},
        });
        if let Some(secret) = &self.sign {
            let at = (self.clock)();
            body["timestamp"] = json!(at.to_string());
            body["sign"] = json!(signed(&format!("{at}\n{}", secret.reveal()), ""));
        }
        body
    }
}

impl Sender for FeishuRobot {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let body = self.body(message).to_string();
        if body.len() > LONGEST_BODY {
            return Err(SendError::new("the message is longer than Feishu takes").never());
        }
        keep_pace(&self.recent);
        let answer = self.http.post(&self.url, &[], &body)?;
        // Some refusals come with status 400 or 429 and a code.
        let json = answer.json();
        if json.get("code").is_some() {
            return verdict(code(&json, "code", "msg")?, answer.retry_after);
        }
        match answer.fault("Feishu") {
            Some(error) => Err(error),
            None => verdict(code(&json, "StatusCode", "StatusMessage")?, None),
        }
    }
}

/// Waits until one more message is not the sixth of a second.
fn keep_pace(recent: &Mutex<VecDeque<Instant>>) {
    let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() >= PER_SECOND
        && let Some(oldest) = recent.pop_front()
    {
        thread::sleep(SECOND.saturating_sub(oldest.elapsed()));
    }
    recent.push_back(Instant::now());
}

/// As many lines as are sent, and a word that there were more.
fn first_lines(body: &str) -> String {
    match body.match_indices('\n').nth(LINES) {
        Some((end, _)) => format!(
            "{}\n…（内容过长，已截断 / cut, too long）",
            body.get(..end).unwrap_or(body)
        ),
        None => body.to_owned(),
    }
}

fn verdict((code, words): (i64, String), pause: Option<Duration>) -> Result<(), SendError> {
    let said = |hint: &str| SendError::new(format!("Feishu answered {code} {words}{hint}"));
    let too_many = || said(": too many messages").not_before(pause.unwrap_or(BLOCKED));
    match code {
        0 => Ok(()),
        11232 | 99991400 => Err(too_many()),
        9499 if words.to_ascii_lowercase().contains("too many") => Err(too_many()),
        9499 => Err(said(": the message is not taken as it is").never()),
        19021 => Err(said(
            ": the signature is not accepted: check the secret and this machine's clock",
        )),
        19022 => Err(said(
            ": this collector's public address is not on the robot's list",
        )),
        19024 => Err(said(": the robot wants a keyword; use the signature instead")),
        19001 => Err(said(": the robot's address is wrong, or the robot was removed")),
        _ => Err(said("")),
    }
}
