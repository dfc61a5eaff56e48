//! Chat providers: what each wants to be told, in its own words. A provider's file names the document that its
//! limits and error codes come from; what they share (one POST, an answer with a code, a size that a text must
//! fit in) is here.

mod dingtalk;
mod feishu;
mod wecom;
mod wecom_app;

use ring::hmac;
use serde_json::Value;

use crate::config::{Secret, Service};

use super::{SendError, SetupError, http::Http};
use crate::outbound::GuardedResolver;

pub use dingtalk::DingtalkRobot;
pub use feishu::FeishuRobot;
pub use wecom::WecomRobot;
pub use wecom_app::{APP_PER_MINUTE, WecomApp};

/// Messages a minute that a robot sends at most: WeCom and DingTalk allow no more, and a group that gets more
/// is read by nobody.
pub const PER_MINUTE: usize = 20;

/// The client of a provider.
fn client(service: &Service) -> Result<Http, SetupError> {
    Http::new(
        service.ca_file.as_deref(),
        GuardedResolver::new(service.allow.clone()),
    )
}

/// Base64 of an HMAC-SHA256.
fn signed(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    data_encoding::BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// What a provider answered: its code and its words, without anything that could be a secret.
fn code(answer: &Value, code: &str, words: &str) -> Result<(i64, String), SendError> {
    let Some(number) = answer.get(code).and_then(Value::as_i64) else {
        return Err(SendError::new(
            "the answer is none of this service; is the address right?",
        ));
    };
    let words = answer.get(words).and_then(Value::as_str).unwrap_or_default();
    Ok((number, super::words::clean(words)))
}

/// The start of a text that fits into so many bytes, ended at a line, with a word that something is missing.
pub(super) fn fitting(text: &str, most: usize) -> String {
    const MORE: &str = "\n…（内容过长，已截断 / cut, too long）";
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub(MORE.len());
    let end = text.floor_char_boundary(room);
    let head = text.get(..end).unwrap_or_default();
    // A line is cut only where it alone is longer than half of what fits.
    let head = match head.rfind('\n') {
        Some(line) if line > room / 2 => head.get(..line).unwrap_or(head),
        _ => head,
    };
    format!("{head}{MORE}")
}

/// A secret as part of an address.
fn encoded(secret: &Secret) -> String {
    form_urlencoded::byte_serialize(secret.reveal().as_bytes()).collect()
}

#[cfg(test)]
mod tests;
