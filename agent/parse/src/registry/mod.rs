//! The registry of Windows, wherever it is read: asked of the running system, or out of a hive file. What a key
//! offers, what values say, and what stands in the places that facts are made of. Calls no system.

mod appx;
#[cfg(test)]
mod fixture_tests;
mod hive;
mod hotfix;
mod profile;
pub mod settings;
mod uninstall;
mod usbstor;
mod value;

pub use appx::{Package, packages, split_full_name};
pub use hive::HiveKey;
pub use hotfix::{Hotfix, component_packages, updates_tree};
pub use profile::{Profile, profiles};
pub use uninstall::{Entry, entries};
pub use usbstor::{Stick, sticks};
pub use value::{Value, parse_wide};

/// Most subkeys of one key that are looked at.
pub const MAX_KEYS: usize = 20_000;
/// Most values of one key that are looked at.
pub const MAX_VALUES: usize = 4_096;
/// Largest value that is read, in bytes.
pub const MAX_VALUE: usize = 1 << 20;

/// Why a key or value could not be read, other than that there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The right to read it is missing.
    #[error("no right to read it")]
    Denied,
    /// The file is damaged there.
    #[error("the hive is damaged")]
    Damaged,
    /// There is more than is ever read.
    #[error("there is more than is read")]
    TooMuch,
    /// The system said something else: its error number.
    #[error("error {0}")]
    Other(u32),
}

/// One key of a registry. Names count without regard to case.
pub trait Key: Sized {
    /// Names of the keys below.
    fn names(&self) -> Result<Vec<String>, Fault>;
    /// The key at a path below this one, `None` where there is none.
    fn open(&self, path: &str) -> Result<Option<Self>, Fault>;
    /// Calls back with every key directly below.
    fn each(&self, each: &mut dyn FnMut(&str, Result<Self, Fault>)) -> Result<(), Fault>;
    /// A value; the name of the default value is empty.
    fn value(&self, name: &str) -> Result<Option<Value>, Fault>;
    /// Every value with its name.
    fn values(&self) -> Result<Values, Fault>;
    /// When something in this key was last written, in Unix seconds.
    fn written(&self) -> Option<i64>;

    /// A text; empty where there is none, or none that can be read.
    fn text(&self, name: &str) -> String {
        let value = self.value(name).ok().flatten();
        value.map(|value| value.text()).unwrap_or_default()
    }

    /// A number, also one that was written as text.
    fn number(&self, name: &str) -> Option<u64> {
        self.value(name).ok().flatten()?.number()
    }
}

/// The values of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// Name and value, in the order in which they are stored.
    pub all: Vec<(String, Value)>,
    /// Some could not be read.
    pub damaged: bool,
}

impl Values {
    /// The value of that name, however it is spelled.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.all.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// A text without white space around it; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        let text = self.get(name).map(Value::text).unwrap_or_default();
        text.trim().to_owned()
    }

    /// A number, also one that was written as text.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.number()
    }
}

/// What was found, and what stood in the way of the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// In the order of the keys.
    pub all: Vec<T>,
    /// Places that could not be read, with the reason.
    pub faults: Vec<String>,
    visited: usize,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            faults: Vec::new(),
            visited: 0,
        }
    }
}

impl<T> Found<T> {
    /// Notes a place that could not be read.
    fn fault(&mut self, place: &str, why: Fault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(format!("{place}: {why}"));
        }
    }

    /// Calls back with every key below one and its values.
    fn each<K: Key>(&mut self, key: &K, place: &str, mut each: impl FnMut(&mut Self, &str, &K, &Values)) {
        let mut too_much = false;
        let all = key.each(&mut |name, below| {
            self.visited += 1;
            if self.visited > MAX_VISITED {
                too_much = true;
                return;
            }
            let read = below.and_then(|below| Ok((below.values()?, below)));
            match read {
                Ok((values, below)) => {
                    if values.damaged {
                        self.fault(&format!("{place}\\{name}"), Fault::Damaged);
                    }
                    each(self, name, &below, &values);
                }
                Err(why) => self.fault(&format!("{place}\\{name}"), why),
            }
        });
        match all {
            Err(why) => self.fault(place, why),
            Ok(()) if too_much => self.fault(place, Fault::TooMuch),
            Ok(()) => {}
        }
    }
}

/// Most keys that one reader visits in all.
const MAX_VISITED: usize = 40_000;

/// Most places that are named in one answer.
const MAX_FAULTS: usize = 16;

/// Seconds between the epochs of Windows (1601) and Unix.
const EPOCHS: i64 = 11_644_473_600;

/// Unix seconds of a Windows time, which counts 100 ns since 1601; `None` for zero and for the impossible.
pub fn unix_seconds(filetime: u64) -> Option<i64> {
    if filetime == 0 {
        return None;
    }
    let seconds = i64::try_from(filetime / 10_000_000).ok()?;
    // Before the first Windows and after the year 9999 nothing was written.
    (seconds - EPOCHS > 0 && seconds - EPOCHS < 253_402_300_800).then_some(seconds - EPOCHS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_windows_become_unix_seconds_and_nonsense_does_not() {
        assert_eq!(unix_seconds(133_485_408_000_000_000), Some(1_704_067_200));
        assert_eq!(unix_seconds(0), None);
        assert_eq!(unix_seconds(1), None);
        assert_eq!(unix_seconds(u64::MAX), None);
    }
}
