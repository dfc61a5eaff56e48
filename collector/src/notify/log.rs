//! The channel that writes one JSON line per alert to a stream: a local sink to see alerts at work.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{Message, SendError, Sender};

/// Writes lines to a stream.
pub struct LogChannel {
    out: Mutex<Box<dyn Write + Send>>,
}

impl LogChannel {
    /// To standard output.
    pub fn stdout() -> Self {
        Self::to(Box::new(std::io::stdout()))
    }

    /// To any stream.
    pub fn to(out: Box<dyn Write + Send>) -> Self {
        Self { out: Mutex::new(out) }
    }
}

impl Sender for LogChannel {
    fn send(&self, message: &Message) -> Result<(), SendError> {
        let mut line = message.json.clone();
        if let Value::Object(fields) = &mut line {
            fields.insert("event".to_owned(), Value::from("alert"));
        }
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // One write per line, so that lines of other writers do not come between.
        out.write_all(format!("{line}\n").as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| SendError::new(format!("the line could not be written: {error}")))
    }
}
