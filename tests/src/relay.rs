//! Which functions of Windows a program called under Wine, and what they answered, as Wine notes it on request.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

use anyhow::{Context as _, Result};

/// What Wine must be told to note calls.
pub const CHANNELS: &str = "-all,+relay";
/// Where a program for Windows lies in memory, in the digits that Wine writes: `140001000`.
const PROGRAM: &str = "14";
const DIGITS: usize = 9;

/// Answers by function.
#[derive(Debug, Default)]
pub struct Calls(BTreeMap<String, BTreeSet<u64>>);

/// Keys of the registry that limit what is noted: calls of these functions, from a program and from no library.
pub fn keys(program: &str, functions: &[String]) -> String {
    format!(
        "[HKEY_CURRENT_USER\\Software\\Wine\\Debug]\n\"RelayInclude\"=\"{}\"\n\"RelayFromInclude\"=\"{program}\"\n",
        functions.join(";")
    )
}

impl Calls {
    /// Reads what Wine noted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(notes: &Path) -> Result<Self> {
        let file = File::open(notes).with_context(|| format!("{}: no such notes", notes.display()))?;
        let mut calls = Self::default();
        for line in BufReader::new(file).split(b'\n') {
            calls.note(&String::from_utf8_lossy(&line?));
        }
        Ok(calls)
    }

    /// `0114:Ret  KERNEL32.GetTickCount64() retval=00001a2b ret=140651047`
    fn note(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let named = words
            .find(|word| word.ends_with(":Ret"))
            .and_then(|_| words.next())
            .and_then(|word| word.strip_suffix("()")?.split_once('.'));
        let Some((_, function)) = named else { return };
        let mut of = |key: &str| words.next().and_then(|word| word.strip_prefix(key));
        let (Some(answer), Some(caller)) = (of("retval="), of("ret=")) else {
            return;
        };
        if caller.len() == DIGITS
            && caller.starts_with(PROGRAM)
            && let Ok(answer) = u64::from_str_radix(answer, 16)
        {
            self.0.entry(function.to_owned()).or_default().insert(answer);
        }
    }

    /// Functions that were called.
    pub fn functions(&self) -> BTreeSet<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Whether a function ever answered so.
    pub fn answered(&self, function: &str, wanted: impl Fn(u64) -> bool) -> bool {
        self.0
            .get(function)
            .is_some_and(|answers| answers.iter().any(|answer| wanted(*answer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_the_program_count_and_those_of_libraries_do_not() {
        let mut calls = Calls::default();
        for line in [
            "0114:Call advapi32.RegOpenKeyExW(80000002,003cb360 L\"a b\",0,0,0021c960) ret=140651047",
            "0114:Ret  advapi32.RegOpenKeyExW() retval=00000000 ret=140651047",
            "0114:Ret  advapi32.RegCloseKey() retval=00000000 ret=29651c77d",
            "0114:Ret  KERNEL32.GetTickCount64() retval=7fffffff0001 ret=1408d635f",
            "garbage",
        ] {
            calls.note(line);
        }
        assert_eq!(calls.functions(), ["GetTickCount64", "RegOpenKeyExW"].into());
        assert!(calls.answered("RegOpenKeyExW", |answer| answer == 0));
        assert!(!calls.answered("RegOpenKeyExW", |answer| answer != 0));
        assert!(!calls.answered("RegCloseKey", |_| true));
    }
}
