//! Reading TOML so that every fault is found at once and names its place: a sink of faults, and tables
//! that know which keys were asked for, so that unknown ones are faults too.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    RuleFile,
    fault::{Fault, position},
};
use crate::model::Text;

/// Largest rule file in bytes.
pub(crate) const FILE_BYTES: usize = 4 << 20;
/// Longest single text of a rule file in bytes.
const TEXT_BYTES: usize = 8 << 10;

/// A value of the file with its place.
pub(crate) type Node<'d> = Spanned<DeValue<'d>>;

/// Where something stands that may stand once only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Index of the file.
    file: usize,
    /// Offset in bytes.
    at: usize,
    /// Whether the file stands: what another file says again is that file's fault.
    standing: bool,
}

/// Collects the faults of one file.
pub(crate) struct Sink<'f> {
    files: &'f [RuleFile<'f>],
    index: usize,
    standing: bool,
    file: RuleFile<'f>,
    faults: Vec<Fault>,
}

impl<'f> Sink<'f> {
    /// Of the file at an index.
    pub(crate) fn new(files: &'f [RuleFile<'f>], index: usize, standing: bool) -> Self {
        let none = RuleFile {
            name: "",
            content: "",
        };
        Self {
            files,
            index,
            standing,
            file: files.get(index).copied().unwrap_or(none),
            faults: Vec::new(),
        }
    }

    /// A place of this file.
    pub(crate) const fn place(&self, at: usize) -> Place {
        Place {
            file: self.index,
            at,
            standing: self.standing,
        }
    }

    /// Whether the fault of what stands twice is told of the place that was read first.
    pub(crate) const fn is_fault_of(&self, earlier: Place) -> bool {
        self.standing && !earlier.standing
    }

    /// What stands twice, at one of its places with the other named.
    pub(crate) fn twice(&mut self, at: usize, earlier: Place, what: &str, help: &str) {
        let here = self.place(at);
        let (blamed, other) = if self.is_fault_of(earlier) {
            (earlier, here)
        } else {
            (here, earlier)
        };
        let find = |place: Place| {
            let file = self.files.get(place.file).unwrap_or(&self.file);
            let (line, column) = position(file.content, place.at);
            (file.name, line, column)
        };
        let (file, line, column) = find(other);
        let what = format!("{what}, in {file}:{line}:{column}");
        let (file, line, column) = find(blamed);
        self.faults.push(Fault {
            file: file.to_owned(),
            line,
            column,
            what,
            help: help.to_owned(),
        });
    }

    /// A fault at a byte offset of the file.
    pub(crate) fn fault(&mut self, at: usize, what: impl Into<String>, help: impl Into<String>) {
        let (line, column) = position(self.file.content, at);
        self.put(line, column, what.into(), help.into());
    }

    /// A fault inside the text of a string value: `line` and `column` (from 1) count within that text.
    pub(crate) fn fault_within(
        &mut self,
        span: &Range<usize>,
        line: usize,
        column: usize,
        what: String,
        help: String,
    ) {
        let raw = self.file.content.get(span.clone()).unwrap_or_default();
        let quote = if raw.starts_with("\"\"\"") || raw.starts_with("'''") {
            3
        } else {
            1
        };
        let newline = match raw.as_bytes().get(quote..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n', ..]) => 1,
            _ => 0,
        };
        let (base_line, base_column) = position(self.file.content, span.start + quote + newline);
        let column = if line <= 1 {
            base_column + column.max(1) - 1
        } else {
            column.max(1)
        };
        self.put(base_line + line.max(1) - 1, column, what, help);
    }

    pub(crate) const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    fn put(&mut self, line: usize, column: usize, what: String, help: String) {
        self.faults.push(Fault {
            file: self.file.name.to_owned(),
            line,
            column,
            what,
            help,
        });
    }
}

/// The document of a file. Syntax faults go to the sink, and what could be read is still returned, so that
/// its own faults are reported in the same run.
pub(crate) fn document<'f>(sink: &mut Sink<'f>) -> Spanned<DeTable<'f>> {
    let content = sink.file.content;
    if content.len() > FILE_BYTES {
        sink.fault(
            0,
            format!("the file exceeds {} KiB", FILE_BYTES >> 10),
            "split it into several files",
        );
        return Spanned::new(0..0, DeTable::new());
    }
    let (document, errors) = DeTable::parse_recoverable(content);
    for error in errors {
        let at = error.span().map_or(content.len(), |span| span.start);
        sink.fault(
            at,
            format!("not valid TOML: {}", error.message()),
            "correct the syntax",
        );
    }
    document
}

/// A table of which every key must be asked for.
pub(crate) struct Fields<'d> {
    table: &'d DeTable<'d>,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    pub(crate) const fn new(table: &'d DeTable<'d>, span: Range<usize>) -> Self {
        Self {
            table,
            span,
            asked: Vec::new(),
        }
    }

    /// Of a value that should be a table.
    pub(crate) fn of(sink: &mut Sink<'_>, node: &'d Node<'d>, what: &str) -> Option<Self> {
        if let DeValue::Table(table) = node.get_ref() {
            return Some(Self::new(table, node.span()));
        }
        sink.fault(
            node.span().start,
            format!("{what} is not a table"),
            format!("write `{what} = {{ .. }}`"),
        );
        None
    }

    /// Where the table starts.
    pub(crate) const fn at(&self) -> usize {
        self.span.start
    }

    pub(crate) fn optional(&mut self, key: &'static str) -> Option<&'d Node<'d>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.table.get(key)
    }

    pub(crate) fn required(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<&'d Node<'d>> {
        let node = self.optional(key);
        if node.is_none() {
            sink.fault(
                self.span.start,
                format!("`{key}` is missing"),
                format!("add `{key} = ..`"),
            );
        }
        node
    }

    /// A required, non-empty text.
    pub(crate) fn text(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<(String, Range<usize>)> {
        let node = self.required(sink, key)?;
        text(sink, node, key).map(|value| (value.to_owned(), node.span()))
    }

    /// A list of texts, empty where the key is missing.
    pub(crate) fn texts(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Vec<(String, Range<usize>)> {
        self.optional(key)
            .map(|node| texts(sink, node, key))
            .unwrap_or_default()
    }

    /// `{ zh = "..", en = ".." }`, both non-empty.
    pub(crate) fn words(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Option<Text> {
        let node = self.required(sink, key)?;
        let mut fields = Fields::of(sink, node, key)?;
        let (zh, en) = (fields.text(sink, "zh"), fields.text(sink, "en"));
        fields.finish(sink);
        Some(Text { zh: zh?.0, en: en?.0 })
    }

    /// Every table of `[[key]]`.
    pub(crate) fn tables(&mut self, sink: &mut Sink<'_>, key: &'static str) -> Vec<Fields<'d>> {
        let Some(node) = self.optional(key) else {
            return Vec::new();
        };
        let DeValue::Array(array) = node.get_ref() else {
            sink.fault(
                node.span().start,
                format!("`{key}` is not a list of tables"),
                format!("write `[[{key}]]`"),
            );
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|node| Fields::of(sink, node, key))
            .collect()
    }

    /// Every key with its value; counts as asked for.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'d str, usize, &'d Node<'d>)> + use<'d> {
        self.table
            .iter()
            .map(|(key, node)| (key.get_ref().as_ref(), key.span().start, node))
    }

    /// A fault for every key that nobody asked for.
    pub(crate) fn finish(self, sink: &mut Sink<'_>) {
        for (key, _) in self.table.iter() {
            // An empty key is what is left of a syntax fault, which is reported already.
            if !key.get_ref().is_empty() && !self.asked.contains(&key.get_ref().as_ref()) {
                let known = self.asked.join("`, `");
                sink.fault(
                    key.span().start,
                    format!("unknown key `{}`", key.get_ref()),
                    format!("remove it, or use one of `{known}`"),
                );
            }
        }
    }
}

/// A non-empty text of bounded length without control characters other than line breaks and tabs.
pub(crate) fn text<'d>(sink: &mut Sink<'_>, node: &'d Node<'d>, what: &str) -> Option<&'d str> {
    let at = node.span().start;
    let Some(value) = node.get_ref().as_str() else {
        sink.fault(
            at,
            format!("`{what}` is not a text"),
            "put it between quotation marks",
        );
        return None;
    };
    if value.trim().is_empty() {
        sink.fault(
            at,
            format!("`{what}` is empty"),
            "write something, or remove the key",
        );
        return None;
    }
    if value.len() > TEXT_BYTES {
        sink.fault(at, format!("`{what}` exceeds {TEXT_BYTES} bytes"), "shorten it");
        return None;
    }
    if value
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        sink.fault(at, format!("`{what}` contains control characters"), "remove them");
        return None;
    }
    Some(value)
}

/// A text, or a list of texts.
pub(crate) fn texts(sink: &mut Sink<'_>, node: &Node<'_>, what: &str) -> Vec<(String, Range<usize>)> {
    if let DeValue::Array(array) = node.get_ref() {
        return array
            .iter()
            .filter_map(|node| text(sink, node, what).map(|value| (value.to_owned(), node.span())))
            .collect();
    }
    text(sink, node, what)
        .map(|value| (value.to_owned(), node.span()))
        .into_iter()
        .collect()
}

/// `true` or `false`.
pub(crate) fn flag(sink: &mut Sink<'_>, node: &Node<'_>, what: &str) -> Option<bool> {
    let value = node.get_ref().as_bool();
    if value.is_none() {
        sink.fault(
            node.span().start,
            format!("`{what}` is neither true nor false"),
            "write true or false",
        );
    }
    value
}

/// A whole number from 0.
pub(crate) fn number(sink: &mut Sink<'_>, node: &Node<'_>, what: &str) -> Option<u64> {
    let value = node
        .get_ref()
        .as_integer()
        .and_then(|value| u64::from_str_radix(value.as_str().trim_start_matches('+'), value.radix()).ok());
    if value.is_none() {
        sink.fault(
            node.span().start,
            format!("`{what}` is not a whole number from 0"),
            "write a number",
        );
    }
    value
}

/// An id: letters of any script, digits, `.`, `_` and `-`, at most 64 characters.
pub(crate) fn id(sink: &mut Sink<'_>, value: &str, at: usize) -> bool {
    let fits = value.chars().count() <= 64 && value.chars().all(|c| c.is_alphanumeric() || ".-_".contains(c));
    if !fits {
        sink.fault(
            at,
            format!("`{value}` is not an id"),
            "use up to 64 letters, digits, `.`, `-` and `_`",
        );
    }
    fits
}
