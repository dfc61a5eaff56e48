//! `catalogue`: what the built-in catalogue takes programs for, to measure it against lists of programs.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use deskwarden_domain::{catalogue::Classified, rules::RuleSet};
use deskwarden_proto::v1::{self, SoftwareKind, facet};
use serde_json::{Value, json};

use super::{CliError, Common, company, out::Out, rules, session::Session};

/// Largest list in bytes.
const LIST_BYTES: u64 = 64 << 20;

/// Most faults that are told one by one.
const FAULTS: usize = 500;

/// The columns that a list must have; others are passed over.
const COLUMNS: [&str; 4] = ["display_name", "publisher", "exe", "platform"];

#[derive(Debug, Subcommand)]
pub(super) enum CatalogueCommand {
    /// Classify the programs of a tab-separated file
    ///
    /// The first line names the columns: `display_name`, `publisher`, `exe` and `platform` (windows or linux),
    /// in any order, and others that are passed over. A title of Linux is taken for a package's name. With
    /// --json, one object per line in the order of the file; `category` is `unknown` where nothing matches.
    Classify {
        /// The file
        #[arg(long, value_name = "FILE")]
        tsv: PathBuf,
        /// Folder of rule files, over the built-in ones
        folder: Option<PathBuf>,
    },
    /// List the titles of the fleet that no entry knows, most devices first
    Unknown(company::Unknown),
    /// File a title under a category, for all devices
    File(company::File),
    /// Put departments on allowlist mode, show what that would flag, or end it
    Allowlist(company::Mode),
    /// What WeChat is to the rules
    Wechat {
        /// Listed and told, only listed, or allowed
        #[arg(value_enum)]
        to: company::Wechat,
    },
}

pub(super) fn run(command: CatalogueCommand, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    let session = || Session::open(common);
    match command {
        CatalogueCommand::Classify { tsv, folder } => classify(&tsv, folder.as_deref(), out),
        CatalogueCommand::Unknown(asked) => company::unknown(&asked, &session()?, out),
        CatalogueCommand::File(asked) => company::file(&asked, &session()?, out),
        CatalogueCommand::Allowlist(asked) => company::mode(asked, &session()?, out),
        CatalogueCommand::Wechat { to } => company::wechat(to, &session()?, out),
    }
}

fn classify(tsv: &Path, folder: Option<&Path>, out: &mut Out<'_>) -> Result<(), CliError> {
    let name = tsv.display();
    let rules = rules::load(folder)?.map_err(|faults| {
        CliError::Refused(
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        )
    })?;
    let unreadable = |error: std::io::Error| CliError::Refused(format!("{name}: {error}"));
    if std::fs::metadata(tsv).map_err(unreadable)?.len() > LIST_BYTES {
        return Err(CliError::Refused(format!("{name}: larger than 64 MiB; split it")));
    }
    let bytes = std::fs::read(tsv).map_err(unreadable)?;
    let rows = read(&bytes).map_err(|faults| {
        let told = faults.iter().take(FAULTS);
        let mut told: Vec<String> = told
            .map(|(line, what)| format!("{name}:{line}: {what}"))
            .collect();
        if faults.len() > FAULTS {
            told.push(format!("and {} more", faults.len() - FAULTS));
        }
        CliError::Refused(told.join("\n"))
    })?;
    let found = rows.into_iter().map(|row| {
        let class = row.classify(&rules);
        (row, class)
    });
    if out.json {
        for (row, class) in found {
            out.event(&object(&row, class.as_ref()))?;
        }
        return Ok(());
    }
    let table = found.map(|(row, class)| {
        let Some(class) = class else {
            return vec![row.display_name, "unknown".into(), String::new(), String::new()];
        };
        vec![
            row.display_name,
            class.categories.join(" "),
            class.name,
            class.why,
        ]
    });
    let table = table.collect();
    Ok(out.table(
        &[
            ("程序", "PROGRAM"),
            ("类别", "CATEGORIES"),
            ("识别为", "TAKEN FOR"),
            ("依据", "BY"),
        ],
        table,
    )?)
}

/// One program of the list.
#[derive(Debug, Default, PartialEq, Eq)]
struct Row {
    line: usize,
    display_name: String,
    publisher: String,
    exe: String,
    windows: bool,
}

impl Row {
    /// By the title, and the executable where that says nothing.
    fn classify(&self, rules: &RuleSet) -> Option<Classified> {
        // A package's name is one word of plain letters; what else Linux lists are titles for people.
        let is_package = self.display_name.bytes().all(|b| b.is_ascii_graphic());
        let (kind, platform) = match (self.windows, is_package) {
            (true, _) => (SoftwareKind::UninstallEntry, "windows-x86_64"),
            (false, true) => (SoftwareKind::Package, "linux-x86_64"),
            (false, false) => (SoftwareKind::Portable, "linux-x86_64"),
        };
        let software = v1::Software {
            name: self.display_name.clone(),
            publisher: self.publisher.clone(),
            exe: self.exe.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
            kind: kind.into(),
            ..v1::Software::default()
        };
        rules.classify(&facet::Kind::Software(software), platform)
    }
}

fn object(row: &Row, class: Option<&Classified>) -> Value {
    let category = class
        .and_then(|class| class.categories.first())
        .map_or("unknown", String::as_str);
    json!({
        "line": row.line,
        "display_name": row.display_name,
        "publisher": row.publisher,
        "exe": row.exe,
        "platform": if row.windows { "windows" } else { "linux" },
        "category": category,
        "categories": class.map_or(&[][..], |class| &class.categories),
        "entry": class.map(|class| &class.entry),
        "name": class.map(|class| &class.name),
        "why": class.map(|class| &class.why),
    })
}

/// What is wrong, with its line.
type RowFault = (usize, String);

/// The rows of the file, or everything that is wrong with it.
fn read(bytes: &[u8]) -> Result<Vec<Row>, Vec<RowFault>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        vec![(line, "is not UTF-8; save the file as UTF-8".to_owned())]
    })?;
    let mut lines = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .lines()
        .zip(1_usize..);
    let header = lines.next().map(|(line, _)| line).unwrap_or_default();
    let header: Vec<&str> = header.split('\t').map(str::trim).collect();
    let missing: Vec<&str> = COLUMNS
        .into_iter()
        .filter(|column| !header.contains(column))
        .collect();
    if !missing.is_empty() {
        let wanted = COLUMNS.join(" ");
        let missing = missing.join(" ");
        return Err(vec![(
            1,
            format!("the first line must name the columns {wanted}, separated by tabs; missing: {missing}"),
        )]);
    }
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for (text, line) in lines.filter(|(text, _)| !text.trim().is_empty()) {
        match row(&header, text, line) {
            Ok(row) => rows.push(row),
            Err(found) => faults.extend(found.into_iter().map(|what| (line, what))),
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(faults) }
}

fn row(header: &[&str], text: &str, line: usize) -> Result<Row, Vec<String>> {
    let values: Vec<&str> = text.split('\t').collect();
    if values.len() != header.len() {
        let (found, wanted) = (values.len(), header.len());
        return Err(vec![format!("has {found} fields, the first line names {wanted}")]);
    }
    let mut faults = Vec::new();
    let mut of = HashMap::new();
    for (column, value) in header.iter().zip(values) {
        match unquoted(value.trim()) {
            Ok(value) => {
                of.insert(*column, value);
            }
            Err(what) => {
                faults.push(format!("{column} {what}"));
                // Not empty, so that nothing else is said of it.
                of.insert(*column, value.to_owned());
            }
        }
    }
    let mut take = |column: &str| of.remove(column).unwrap_or_default();
    let platform = take("platform");
    let system = platform.split('-').next().unwrap_or_default();
    let windows = system.eq_ignore_ascii_case("windows");
    let unclosed = platform.starts_with('"');
    if !windows && !unclosed && !system.eq_ignore_ascii_case("linux") {
        faults.push(format!("platform is {platform:?}; write windows or linux"));
    }
    let row = Row {
        line,
        display_name: take("display_name"),
        publisher: take("publisher"),
        exe: take("exe"),
        windows,
    };
    if row.display_name.is_empty() && row.exe.is_empty() {
        faults.push("has neither display_name nor exe".to_owned());
    }
    if faults.is_empty() { Ok(row) } else { Err(faults) }
}

/// Spreadsheets put a field into quotes where it has one inside.
fn unquoted(value: &str) -> Result<String, &'static str> {
    let Some(inner) = value.strip_prefix('"') else {
        return Ok(value.to_owned());
    };
    let Some(inner) = inner.strip_suffix('"') else {
        return Err("opens a quote that the line does not close");
    };
    Ok(inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "display_name\tpublisher\texe\tplatform\n";

    fn refused(text: &[u8]) -> (usize, String) {
        let mut faults = read(text).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.remove(0)
    }

    fn rows(text: &str) -> Vec<Row> {
        read(format!("{HEADER}{text}").as_bytes()).unwrap()
    }

    #[test]
    fn a_missing_column_is_named() {
        let (line, what) = refused(b"display_name\tplatform\nQQ\twindows\n");
        assert_eq!(line, 1);
        assert!(what.ends_with("missing: publisher exe"), "{what}");
        assert_eq!(refused(b"").0, 1);
    }

    #[test]
    fn a_broken_line_is_named_by_its_number() {
        let short = format!("{HEADER}QQ\tTencent\t\twindows\nQQ\twindows\n");
        assert_eq!(
            refused(short.as_bytes()),
            (3, "has 2 fields, the first line names 4".to_owned())
        );
        let mut foreign = format!("{HEADER}\n").into_bytes();
        foreign.extend(b"\xcc\xda\xd1\xb6QQ\t\t\twindows\n");
        assert_eq!(refused(&foreign).0, 3);
        let open = format!("{HEADER}\"QQ\t\t\twindows\n");
        let (line, what) = refused(open.as_bytes());
        assert!(
            line == 2 && what.starts_with("display_name opens a quote"),
            "{what}"
        );
        let where_ = format!("{HEADER}QQ\t\t\tamiga\n");
        assert!(refused(where_.as_bytes()).1.contains("windows or linux"));
        let nothing = format!("{HEADER}\tTencent\t\twindows\n");
        assert_eq!(refused(nothing.as_bytes()).0, 2);
    }

    #[test]
    fn every_odd_row_is_told_at_once() {
        let text = format!("{HEADER}QQ\t\t\t\nQQ\t\t\tWindows\nQQ\t\t\"a\tbeos\nQQ\n\t\t\tlinux\n");
        let lines: Vec<usize> = read(text.as_bytes())
            .unwrap_err()
            .iter()
            .map(|fault| fault.0)
            .collect();
        assert_eq!(lines, [2, 4, 4, 5, 6]);
    }

    #[test]
    fn the_case_of_a_platform_does_not_matter() {
        let found = rows("QQ\t\t\tWindows\nQQ\t\t\tLINUX\n");
        assert_eq!(
            found.iter().map(|row| row.windows).collect::<Vec<_>>(),
            [true, false]
        );
    }

    #[test]
    fn quotes_marks_and_line_ends_of_a_spreadsheet_are_understood() {
        let text =
            "\u{feff}exe\tdisplay_name\tpublisher\tplatform\tnote\r\n\t\"A \"\"B\"\" C\"\tD\tlinux\tx\r\n";
        let found = read(text.as_bytes()).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].display_name, "A \"B\" C");
        assert_eq!(found[0].publisher, "D");
    }

    #[test]
    fn rows_come_in_order_and_a_nameless_program_is_unknown() {
        let rules = rules::load(None).unwrap().unwrap();
        let found: Vec<Value> = rows(
            "腾讯QQ 9.7.25\t\t\twindows\nQQ拼音输入法\t\t\twindows\nNo Such Thing\t\t\twindows\n\t\tC:\\a\\WeChat.exe\twindows\nsquid\t\t\tlinux\nlibsquid-dev\t\t\tlinux\n",
        )
        .iter()
        .map(|row| object(row, row.classify(&rules).as_ref()))
        .collect();
        let categories: Vec<&str> = found
            .iter()
            .filter_map(|value| value["category"].as_str())
            .collect();
        assert_eq!(
            categories,
            ["chat", "input_method", "unknown", "chat", "proxy", "unknown"]
        );
        assert_eq!(found[0]["line"], 2);
        assert_eq!(found[0]["entry"], "qq");
        assert!(
            found[0]["why"]
                .as_str()
                .is_some_and(|why| why.starts_with("title"))
        );
        assert_eq!(found[2]["why"], Value::Null);
    }
}
