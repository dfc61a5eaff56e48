//! A program under `strace`: what it writes, syncs, names and sends, in the order of the kernel; and its sudden death at
//! a chosen system call. So every step of the shipped programs is a place to fail, and none is built into them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::wait::{PATIENCE, eventually};

/// Calls that make, change, name and sync files.
pub const FILES: &str =
    "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat";
/// Calls that send.
pub const SENDS: &str = "write,writev,sendto,sendmsg";

/// How a program is traced.
#[derive(Clone, Debug)]
pub struct Strace {
    log: PathBuf,
    calls: String,
    bytes: usize,
    death: Option<(String, u32)>,
}

/// One call, from its beginning to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Name.
    pub name: String,
    /// Line of the log on which it began; lines are the order of the kernel.
    pub begin: usize,
    /// Line on which it had ended.
    pub end: usize,
    /// When it began: Unix time in seconds.
    pub at: f64,
    /// What the log says between the parentheses.
    pub arguments: String,
    /// What it returned; negative when it failed or never returned.
    pub result: i64,
}

impl Strace {
    /// Logs these calls to a file.
    pub fn new(log: &Path, calls: &str) -> Self {
        Self {
            log: log.to_owned(),
            calls: calls.to_owned(),
            bytes: 0,
            death: None,
        }
    }

    /// Logs what is written, too.
    #[must_use]
    pub fn with_contents(mut self) -> Self {
        self.bytes = 64 << 20;
        self
    }

    /// Kills the program when one of its threads is about to do `call` for the `nth` time. The call is not done.
    #[must_use]
    pub fn dies_at(mut self, call: &str, nth: u32) -> Self {
        self.death = Some((call.to_owned(), nth));
        self
    }

    /// The command that runs a program under this. The program is the child; the tracer goes with it.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("strace");
        command
            .args(["-D", "-f", "-yy", "-ttt", "-xx", "-s"])
            .arg(self.bytes.to_string())
            .arg("-e")
            .arg(format!("trace={}", self.calls));
        if let Some((call, nth)) = &self.death {
            command
                .arg("-e")
                .arg(format!("inject={call}:signal=SIGKILL:when={nth}"));
        }
        command.arg("-o").arg(&self.log).arg("--").arg(program);
        command
    }

    /// The calls of a program that has ended.
    ///
    /// # Errors
    /// When the log does not come to its end or cannot be read.
    pub fn calls(&self, program: u32) -> Result<Vec<Call>> {
        let end = format!("{program} ");
        let text = eventually("the end of the trace", PATIENCE, || {
            let text = fs::read_to_string(&self.log)?;
            let over = text.lines().rev().take(200);
            let mut over = over.filter(|line| line.starts_with(&end) && line.contains(" +++ "));
            Ok(over.next().is_some().then_some(text))
        })?;
        read(&text)
    }
}

/// Reads a log.
///
/// # Errors
/// When a line is of no known form.
pub fn read(text: &str) -> Result<Vec<Call>> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let (process, rest) = line
            .trim_start()
            .split_once(' ')
            .context("a line without a process")?;
        let (time, what) = rest
            .trim_start()
            .split_once(' ')
            .context("a line without a time")?;
        if what.starts_with("+++") || what.starts_with("---") {
            continue;
        }
        if let Some(resumed) = what.strip_prefix("<... ") {
            let (_, rest) = resumed
                .split_once(" resumed>")
                .context("a call without its name")?;
            let at = open
                .iter()
                .position(|(of, _)| *of == process)
                .with_context(|| format!("line {}: a call ends that did not begin", number + 1))?;
            let (_, index) = open.swap_remove(at);
            let call = calls.get_mut(index).context("a call is missing")?;
            let (more, result) = result_of(rest);
            call.arguments.push_str(more);
            call.result = result;
            call.end = number;
            continue;
        }
        let (name, rest) = what
            .split_once('(')
            .with_context(|| format!("no call: {what:.80}"))?;
        let begun = rest.strip_suffix(" <unfinished ...>");
        let (arguments, result) = begun.map_or_else(|| result_of(rest), |begun| (begun, -1));
        if begun.is_some() {
            open.push((process, calls.len()));
        }
        calls.push(Call {
            name: name.to_owned(),
            begin: number,
            end: if begun.is_some() { usize::MAX } else { number },
            at: time.parse().with_context(|| format!("no time: {time}"))?,
            arguments: arguments.to_owned(),
            result,
        });
    }
    Ok(calls)
}

fn result_of(rest: &str) -> (&str, i64) {
    let (arguments, result) = rest.rsplit_once(" = ").unwrap_or((rest, ""));
    let arguments = arguments.trim_end();
    let result = result
        .split([' ', '<'])
        .next()
        .and_then(|number| number.parse().ok());
    (
        arguments.strip_suffix(')').unwrap_or(arguments),
        result.unwrap_or(-1),
    )
}

impl Call {
    /// The file or connection of the first argument.
    pub fn on(&self) -> Option<String> {
        let (number, rest) = self.arguments.split_once('<')?;
        let number = number.rsplit(", ").next()?;
        number.trim().parse::<i64>().ok()?;
        let name = rest.split_once('>').map(|(name, _)| name)?;
        // A connection has an arrow in its name.
        if rest.starts_with("TCP") {
            return rest.split_once("]>").map(|(name, _)| name.to_owned());
        }
        text(name).or_else(|| Some(name.to_owned()))
    }

    /// The texts in quotation marks: paths and contents.
    ///
    /// # Errors
    /// When one is cut short.
    pub fn quoted(&self) -> Result<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        let mut rest = self.arguments.as_str();
        while let Some((_, from)) = rest.split_once('"') {
            let (inside, after) = from.split_once('"').context("a text without its end")?;
            ensure!(!after.starts_with("..."), "a text is cut short");
            found.push(bytes(inside).context("a text that is not hexadecimal")?);
            rest = after;
        }
        Ok(found)
    }

    /// The number after the last comma: an offset, a length.
    pub fn last_number(&self) -> Option<u64> {
        self.arguments.rsplit(", ").next()?.trim().parse().ok()
    }

    /// Whether it sends on a connection.
    pub fn sends(&self) -> bool {
        SENDS.split(',').any(|name| name == self.name) && self.arguments.contains("<TCP")
    }

    /// Whether it makes a file durable.
    pub fn syncs(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }
}

fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    if hexadecimal.is_empty() {
        return Some(Vec::new());
    }
    let (digits, separators): (Vec<u8>, usize) = (
        hexadecimal
            .bytes()
            .filter(|byte| *byte != b'\\' && *byte != b'x')
            .collect(),
        hexadecimal.matches("\\x").count(),
    );
    (digits.len() == 2 * separators).then_some(())?;
    data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()
}

fn text(hexadecimal: &str) -> Option<String> {
    hexadecimal
        .starts_with("\\x")
        .then(|| bytes(hexadecimal).and_then(|bytes| String::from_utf8(bytes).ok()))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"7 100.000001 pwrite64(3<\x2f\x61>, "\x68\x00", 2, 5) = 2
7 100.000002 fdatasync(3<\x2f\x61> <unfinished ...>
8 100.000003 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, ""..., 60, MSG_NOSIGNAL, NULL, 0) = 60
7 100.000004 <... fdatasync resumed>)   = 0
9 100.000005 rename("\x2f\x61", "\x2f\x62") = -1 ENOENT (No such file or directory)
7 100.000006 fsync(3<\x2f\x62>) = ?
7 100.000007 +++ killed by SIGKILL +++
"#;

    #[test]
    fn calls_are_put_together_from_their_halves() {
        let calls = read(LOG).unwrap();
        let sync = &calls[1];
        assert_eq!(
            (sync.name.as_str(), sync.begin, sync.end, sync.result),
            ("fdatasync", 1, 3, 0)
        );
        assert_eq!(sync.on().as_deref(), Some("/a"));
        assert_eq!(
            (calls[0].quoted().unwrap(), calls[0].last_number()),
            (vec![b"h\0".to_vec()], Some(5))
        );
        assert!(calls[2].sends() && calls[2].on().unwrap().contains("127.0.0.1:2"));
        assert_eq!(calls[3].quoted().unwrap(), [b"/a".to_vec(), b"/b".to_vec()]);
        assert_eq!((calls[3].result, calls[4].result), (-1, -1));
        calls[2].quoted().unwrap_err();
    }
}
