//! What a service logs: warnings and errors, into the system's log, each text once an hour.

use std::{
    collections::VecDeque,
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::fmt::MakeWriter;

use crate::{Gravity, lines, log_event};

/// The same text is written again after this.
const AGAIN: Duration = Duration::from_secs(3_600);
/// Texts that are remembered.
const REMEMBERED: usize = 32;

/// The system's log as the place where a service's lines go.
#[derive(Debug)]
pub struct SystemLog {
    source: &'static str,
    written: Mutex<Written>,
}

impl SystemLog {
    /// From now on what the program says reaches the system's log, under a name that its installation registered.
    pub fn start(source: &'static str) {
        let log = Self {
            source,
            written: Mutex::default(),
        };
        tracing_subscriber::fmt()
            .with_max_level(LevelFilter::WARN)
            .with_writer(log)
            .with_ansi(false)
            .with_target(false)
            .with_level(false)
            .without_time()
            .init();
    }
}

/// Texts that were written lately.
#[derive(Debug, Default)]
struct Written(VecDeque<(Instant, String)>);

impl Written {
    /// Whether the text is new, or was last written long ago. Remembers it.
    fn is_due(&mut self, text: &str, now: Instant) -> bool {
        self.0
            .retain(|(written, _)| now.saturating_duration_since(*written) < AGAIN);
        if self.0.iter().any(|(_, known)| known == text) {
            return false;
        }
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((now, text.to_owned()));
        true
    }
}

impl<'a> MakeWriter<'a> for SystemLog {
    type Writer = Entry<'a>;

    fn make_writer(&'a self) -> Entry<'a> {
        Entry {
            log: self,
            gravity: Gravity::Warning,
            text: Vec::new(),
        }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Entry<'a> {
        let mut entry = self.make_writer();
        if *meta.level() == Level::ERROR {
            entry.gravity = Gravity::Fault;
        }
        entry
    }
}

/// One entry in the making; written when it is whole.
#[derive(Debug)]
pub struct Entry<'a> {
    log: &'a SystemLog,
    gravity: Gravity,
    text: Vec<u8>,
}

impl io::Write for Entry<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let text = lines::text(String::from_utf8_lossy(&self.text).trim());
        let text = text.as_str();
        let mut written = self.log.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !text.is_empty() && written.is_due(text, Instant::now()) {
            log_event(self.log.source, self.gravity, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_text_is_written_once_an_hour() {
        let mut written = Written::default();
        let start = Instant::now();
        assert!(written.is_due("no session", start));
        assert!(!written.is_due("no session", start + AGAIN / 2));
        assert!(written.is_due("another", start + AGAIN / 2));
        assert!(written.is_due("no session", start + AGAIN));
    }

    #[test]
    fn of_many_texts_the_oldest_is_forgotten() {
        let mut written = Written::default();
        let now = Instant::now();
        for number in 0..=REMEMBERED {
            assert!(written.is_due(&number.to_string(), now));
        }
        assert!(written.is_due("0", now));
        assert!(!written.is_due(&REMEMBERED.to_string(), now));
    }
}
