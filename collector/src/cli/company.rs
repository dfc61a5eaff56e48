//! What a company decides about its software: unknown titles filed under a category, departments on allowlist
//! mode, and the switch of WeChat. Each decision is a new version of a small rule file of its own.

use clap::{Args, ValueEnum};
use deskwarden_domain::{
    catalogue::company::{ALLOWLIST, ALLOWLIST_PACKAGES_RULE, ALLOWLIST_RULE, Allowlist, Filing, allowlist},
    census,
};
use deskwarden_proto::v1::Section;
use serde_json::{Value, json};

use super::{CliError, out::Out, session::Session};
use crate::{
    company::{self, CompanyError},
    rules_dir::BUILT_IN,
};

/// File of the rule that is about WeChat.
const WECHAT: &str = "wechat.toml";

#[derive(Debug, Args)]
pub(super) struct Unknown {
    /// Most titles shown
    #[arg(long, default_value_t = 200)]
    limit: usize,
    /// Only devices of this department
    #[arg(long)]
    department: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct File {
    /// The title, as `catalogue unknown` shows it
    title: String,
    /// Category to file it under
    #[arg(long)]
    category: String,
    /// It is the name of a package, not a title
    #[arg(long)]
    package: bool,
}

#[derive(Debug, Args)]
pub(super) struct Mode {
    /// Department; may be given several times. Without one, nobody is on allowlist mode any more
    #[arg(long = "department", required_unless_present = "off")]
    departments: Vec<String>,
    /// Category that they may have; may be given several times
    #[arg(long = "allow", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// Title that they may have beside; may be given several times
    #[arg(long = "title")]
    titles: Vec<String>,
    /// Clause that findings cite
    #[arg(long, default_value = "PC 3.2.3")]
    clause: String,
    /// Only show what it would flag
    #[arg(long)]
    preview: bool,
    /// End allowlist mode
    #[arg(long, conflicts_with_all = ["departments", "categories", "titles", "preview"])]
    off: bool,
}

/// What WeChat is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Wechat {
    /// A finding that is told
    Alert,
    /// A finding that is only listed
    Report,
    /// Nothing
    Allow,
}

pub(super) fn unknown(asked: &Unknown, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    if let Some(department) = &asked.department {
        known(session, department)?;
    }
    let rules = company::in_force(session.store.as_ref(), None)?;
    let counts = session
        .store
        .facet_counts(Section::Software, asked.department.as_deref())?;
    let mut titles = census::unknown(&rules, &counts);
    titles.truncate(asked.limit);
    show(&titles, out)
}

pub(super) fn file(asked: &File, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let filing = Filing {
        title: &asked.title,
        package: asked.package,
        category: &asked.category,
    };
    let audit = session.audit("", String::new(), asked.title.as_str());
    company::file_title(session.store.as_ref(), &filing, audit)?;
    let (title, category) = (&asked.title, &asked.category);
    let zh = format!("“{title}”已归入 {category}。");
    let en = format!("`{title}` is filed under {category}.");
    Ok(out.done(&json!({"title": title, "category": category}), &zh, &en)?)
}

pub(super) fn mode(asked: Mode, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    if asked.off {
        let text = company::current(session.store.as_ref(), ALLOWLIST)?;
        if text.is_empty() {
            return Err(CliError::refused("no department is on allowlist mode"));
        }
        put(session, ALLOWLIST, text, true, "off")?;
        let (zh, en) = (
            "已结束允许名单模式。",
            "No department is on allowlist mode any more.",
        );
        return Ok(out.done(&json!({"departments": []}), zh, en)?);
    }
    let mode = Allowlist {
        departments: asked.departments,
        categories: asked.categories,
        titles: asked.titles,
        clause: asked.clause,
    };
    for department in &mode.departments {
        known(session, department)?;
    }
    let text = allowlist(&mode);
    if !asked.preview {
        let departments = mode.departments.join(", ");
        put(session, ALLOWLIST, text, false, &departments)?;
        let zh = format!("允许名单模式的部门：{departments}。");
        let en = format!("Departments on allowlist mode: {departments}.");
        return Ok(out.done(&json!({"departments": mode.departments}), &zh, &en)?);
    }
    let rules = company::in_force(session.store.as_ref(), Some((ALLOWLIST, &text)))?;
    let mut counts = Vec::new();
    for department in &mode.departments {
        let of = Some(department.as_str());
        counts.extend(session.store.facet_counts(Section::Software, of)?);
    }
    let mut flagged = Vec::new();
    for rule in rules.rules() {
        if [ALLOWLIST_RULE, ALLOWLIST_PACKAGES_RULE].contains(&rule.id.as_str()) {
            flagged.extend(census::taken(&rules, rule, &counts));
        }
    }
    flagged.sort_by_key(|title| std::cmp::Reverse(title.devices));
    show(&flagged, out)?;
    if out.json {
        return Ok(());
    }
    let left_out = out.say(
        "软件目录不认得的发行版软件包不计入；请看 `catalogue unknown`。",
        "Packages of a distribution that the catalogue does not know do not count: see `catalogue unknown`.",
    );
    Ok(out.line(left_out)?)
}

/// Refuses a department of which no PC reports: its name would be misspelt, and nothing would ever be found there.
fn known(session: &Session, department: &str) -> Result<(), CliError> {
    let rows = session.store.departments()?;
    let mut names: Vec<String> = rows.into_iter().filter_map(|row| row.department).collect();
    if names.iter().any(|name| name == department) {
        return Ok(());
    }
    names.sort();
    let list = if names.is_empty() {
        "no PC that reports has a department yet".to_owned()
    } else {
        format!("use one of: {}", names.join(", "))
    };
    Err(CliError::Refused(format!(
        "no PC of department `{department}` reports; {list}"
    )))
}

pub(super) fn wechat(to: Wechat, session: &Session, out: &mut Out<'_>) -> Result<(), CliError> {
    let mut text = company::current(session.store.as_ref(), WECHAT)?;
    if text.is_empty() {
        text = BUILT_IN
            .iter()
            .find(|file| file.name == WECHAT)
            .map(|file| file.content.to_owned())
            .unwrap_or_default();
    }
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("enabled"))
        .map(|line| {
            if line.trim_start().starts_with("alert") {
                match to {
                    Wechat::Alert => "alert = true".to_owned(),
                    Wechat::Report => "alert = false".to_owned(),
                    Wechat::Allow => "alert = false\nenabled = false".to_owned(),
                }
            } else {
                line.to_owned()
            }
        });
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    let (name, zh) = match to {
        Wechat::Alert => ("alert", "微信：列出并告警。"),
        Wechat::Report => ("report", "微信：只列出，不告警。"),
        Wechat::Allow => ("allow", "微信：允许。"),
    };
    put(session, WECHAT, text, false, name)?;
    let en = match to {
        Wechat::Alert => "WeChat is listed and told.",
        Wechat::Report => "WeChat is listed, and nobody is told.",
        Wechat::Allow => "WeChat is allowed.",
    };
    Ok(out.done(&json!({"wechat": name}), zh, en)?)
}

impl From<CompanyError> for CliError {
    fn from(error: CompanyError) -> Self {
        match error {
            CompanyError::Store(error) => error.into(),
            refused => Self::refused(refused),
        }
    }
}

fn put(session: &Session, file: &str, content: String, removed: bool, detail: &str) -> Result<(), CliError> {
    let audit = session.audit("", String::new(), detail);
    Ok(company::put(
        session.store.as_ref(),
        file,
        content,
        removed,
        audit,
    )?)
}

fn show(titles: &[census::Title], out: &mut Out<'_>) -> Result<(), CliError> {
    if out.json {
        let list: Vec<Value> = titles.iter().map(object).collect();
        return Ok(out.value(&Value::Array(list))?);
    }
    let rows = titles.iter().map(|title| {
        vec![
            title.devices.to_string(),
            title.name.clone(),
            title.publisher.clone(),
            title.categories.join(" "),
        ]
    });
    let headings = [
        ("设备", "DEVICES"),
        ("程序", "PROGRAM"),
        ("发布者", "PUBLISHER"),
        ("类别", "CATEGORIES"),
    ];
    Ok(out.table(&headings, rows.collect())?)
}

fn object(title: &census::Title) -> Value {
    json!({
        "title": title.name,
        "publisher": title.publisher,
        "package": title.package,
        "devices": title.devices,
        "categories": title.categories,
    })
}
