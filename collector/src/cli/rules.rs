//! `rules`: rule files checked without a collector, what is in force in one, and a snapshot judged offline.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, Subcommand};
use deskwarden_domain::{
    judge::{Context, Graces},
    offline,
    rules::{Fault, RuleFile, RuleSet},
};
use deskwarden_proto::section;
use serde_json::{Value, json};

use crate::{
    clock::rfc3339,
    rules_dir::{BUILT_IN, refused_now},
};

use super::{
    CliError, Common,
    out::Out,
    session::{Session, now},
    terms, why,
};

/// Largest snapshot file in bytes.
const SNAPSHOT_BYTES: u64 = 64 << 20;
/// Versions listed.
const VERSIONS: usize = 200;

#[derive(Debug, Subcommand)]
pub(super) enum RulesCommand {
    /// Check the rule files of a folder together with the built-in ones that they do not replace
    Check {
        /// The folder
        folder: PathBuf,
    },
    /// List the rules in force, and versions that were refused
    List,
    /// Judge the output of `deskwarden-agent collect --json` offline and print its findings
    Test(Test),
    /// Say why a finding stands: the rule as it is written, what it needs, what was seen, and what ends it
    Explain {
        /// Its number in `finding list`
        finding: i64,
    },
}

#[derive(Debug, Args)]
pub(super) struct Test {
    /// The agent's output
    #[arg(long, value_name = "FILE")]
    snapshot: PathBuf,
    /// Folder of rule files, over the built-in ones
    folder: Option<PathBuf>,
}

pub(super) fn run(command: RulesCommand, common: &Common, out: &mut Out<'_>) -> Result<(), CliError> {
    match command {
        RulesCommand::Check { folder } => check(&folder, out),
        RulesCommand::List => list(&Session::open(common)?, out),
        RulesCommand::Test(test) => judge(&test, out),
        RulesCommand::Explain { finding } => why::explain(finding, &Session::open(common)?, out),
    }
}

/// The built-in files, each replaced by the file of that name in the folder.
pub(super) fn load(folder: Option<&Path>) -> Result<Result<RuleSet, Vec<Fault>>, CliError> {
    let mut files: BTreeMap<String, String> = BUILT_IN
        .iter()
        .map(|file| (file.name.to_owned(), file.content.to_owned()))
        .collect();
    let mut own = Vec::new();
    let mut foreign = Vec::new();
    if let Some(folder) = folder {
        let unreadable = |error: std::io::Error| CliError::Refused(format!("{}: {error}", folder.display()));
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if name.ends_with(".toml") && !name.starts_with('.') {
                // A pipe would be waited for without end.
                if !path.is_file() {
                    foreign.push(Fault {
                        file: name,
                        line: 1,
                        column: 1,
                        what: "not a file".to_owned(),
                        help: "remove it or give it another ending".to_owned(),
                    });
                    continue;
                }
                let bytes = fs::read(&path)
                    .map_err(|error| CliError::Refused(format!("{}: {error}", path.display())))?;
                foreign.extend(Fault::of_encoding(&name, &bytes));
                own.push(name.clone());
                files.insert(name, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    let files: Vec<RuleFile<'_>> = files
        .iter()
        .map(|(name, content)| RuleFile { name, content })
        .collect();
    let standing = |name: &str| !own.iter().any(|file| file == name);
    let loaded = RuleSet::load_beside(&files, &standing);
    if foreign.is_empty() {
        return Ok(loaded);
    }
    // What else such a file says is not read as it was written; the other files are.
    let mut faults = loaded.err().unwrap_or_default();
    faults.retain(|fault| !foreign.iter().any(|of| of.file == fault.file));
    faults.extend(foreign);
    faults.sort();
    Ok(Err(faults))
}

fn check(folder: &Path, out: &mut Out<'_>) -> Result<(), CliError> {
    let loaded = load(Some(folder))?;
    let faults = loaded.as_ref().err().cloned().unwrap_or_default();
    if out.json {
        let rules = loaded
            .as_ref()
            .map(|rules| rules.rules().len())
            .unwrap_or_default();
        out.value(&json!({"ok": faults.is_empty(), "rules": rules, "faults": faults}))?;
    }
    match loaded {
        Err(faults) => Err(refused(&faults)),
        Ok(_) if out.json => Ok(()),
        Ok(rules) => {
            let (count, off) = (rules.rules().len(), rules.disabled().len());
            let text = match out.lang {
                deskwarden_domain::model::Lang::Zh => format!("没有错误：{count} 条规则启用，{off} 条停用。"),
                deskwarden_domain::model::Lang::En => {
                    format!("No faults: {count} rules in force, {off} switched off.")
                }
            };
            Ok(out.line(&text)?)
        }
    }
}

fn refused(faults: &[Fault]) -> CliError {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    CliError::Refused(format!(
        "{} fault(s) in rule files\n{}",
        faults.len(),
        lines.join("\n")
    ))
}

fn list(session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let in_force = session.store.rules_in_force()?;
    let files: Vec<RuleFile<'_>> = in_force
        .iter()
        .map(|version| RuleFile {
            name: &version.file,
            content: &version.content,
        })
        .collect();
    let rules = RuleSet::load(&files).map_err(|faults| refused(&faults))?;
    let newest = session.store.rule_versions(VERSIONS)?;
    let refused = refused_now(&newest);
    if out.json {
        let rules = rules.rules().iter().map(|rule| {
            let sections: Vec<&str> = rule.sections.iter().map(|of| section::name(*of)).collect();
            json!({
                "id": rule.id, "clause": rule.clause_label(), "severity": rule.severity.name(), "kind": rule.kind.name(),
                "sections": sections, "title": {"zh-CN": rule.title.zh, "en": rule.title.en},
            })
        });
        let files = in_force
            .iter()
            .map(|v| json!({"file": v.file, "origin": v.origin, "imported_at": rfc3339(v.imported_at)}));
        let refused = refused.iter().map(|v| json!({"file": v.file, "origin": v.origin, "imported_at": rfc3339(v.imported_at), "faults": v.faults.lines().collect::<Vec<_>>()}));
        let value = json!({
            "rules": rules.collect::<Value>(), "files": files.collect::<Value>(), "refused": refused.collect::<Value>(),
        });
        return Ok(out.value(&value)?);
    }
    let rows = rules.rules().iter().map(|rule| {
        let title = rule.title.get(out.lang).to_owned();
        vec![
            rule.id.clone(),
            rule.clause_label(),
            out.pick(terms::severity(rule.severity)).to_owned(),
            rule.kind.name().to_owned(),
            title,
        ]
    });
    let rows = rows.collect();
    out.table(
        &[
            ("规则", "RULE"),
            ("条款", "CLAUSE"),
            ("级别", "SEVERITY"),
            ("类型", "KIND"),
            ("名称", "TITLE"),
        ],
        rows,
    )?;
    let rows = in_force
        .iter()
        .map(|v| vec![v.file.clone(), v.origin.clone(), out.moment(v.imported_at)])
        .collect();
    out.table(&[("文件", "FILE"), ("来自", "FROM"), ("导入", "IMPORTED")], rows)?;
    for version in refused {
        let heading = out
            .say(
                "被拒绝，之前的规则继续有效：",
                "Refused, the rules before stay in force:",
            )
            .to_owned();
        out.line(&format!(
            "{heading} {} {}",
            version.file,
            out.moment(version.imported_at)
        ))?;
        for fault in version.faults.lines() {
            out.line(&format!("  {fault}"))?;
        }
    }
    Ok(())
}

fn judge(test: &Test, out: &mut Out<'_>) -> Result<(), CliError> {
    let rules = load(test.folder.as_deref())?.map_err(|faults| refused(&faults))?;
    let name = test.snapshot.display();
    let unreadable = |error: &dyn std::fmt::Display| CliError::Refused(format!("{name}: {error}"));
    let size = fs::metadata(&test.snapshot)
        .map_err(|error| unreadable(&error))?
        .len();
    if size > SNAPSHOT_BYTES {
        return Err(unreadable(&"larger than 64 MiB; that is no snapshot"));
    }
    let bytes = fs::read(&test.snapshot).map_err(|error| unreadable(&error))?;
    let snapshot: Value = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
    let context = Context {
        generation: 1,
        rules: Arc::new(rules),
        ranges: Arc::from([]),
        licences: Arc::from([]),
        down: Arc::default(),
        graces: Graces::Kept,
    };
    let judged = offline::judge_snapshot(&snapshot, None, Vec::new(), &context, now())
        .map_err(|error| unreadable(&error))?;
    let findings = judged.findings.iter().map(|finding| {
        let shown = judged.evidence.iter().filter(|e| e.rule == finding.key.rule && e.subject == finding.key.subject);
        let evidence = shown.map(|piece| {
            json!({
                "section": piece.item.as_ref().map(|item| section::name(item.section)),
                "source": piece.item.as_ref().map(|item| &item.source),
                "key": piece.item.as_ref().map(|item| &item.key),
                "detail": serde_json::from_str::<Value>(&piece.detail).unwrap_or(Value::Null),
            })
        });
        json!({
            "rule": finding.key.rule, "clause": finding.clause, "severity": finding.severity.name(),
            "subject": finding.key.subject, "subject_name": finding.subject_name, "state": finding.state.name(),
            "evidence": evidence.collect::<Value>(),
        })
    });
    Ok(out.value(&json!({"findings": findings.collect::<Value>(), "outcomes": judged.outcomes}))?)
}
