//! The words in both languages: the same keys, all of them used, none missing.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use deskwarden_domain::model::{AssetState, FindingState, Lang, Outcome, Role, Severity};

use crate::web::{error::WebError, locale, logged, session::Theme};

/// Families whose members are chosen by a name that the code computes.
const FAMILIES: [&str; 59] = [
    "use",
    "sign_in_fault",
    "voucher",
    "voucher_text",
    "saved_fault",
    "audit_action",
    "audit_register",
    "rollout_name",
    "rollout_text",
    "grade",
    "settle_refused",
    "certificate",
    "software_sort",
    "software_fault",
    "notice_refused",
    "notice_state",
    "approval_refused",
    "approval_state",
    "part_state",
    "flag",
    "ledger_mode",
    "role_text",
    "user_state",
    "users_fault",
    "api_scope",
    "totp_fault",
    "subjects_fault",
    "sensitivity",
    "ledger_change",
    "department_reason",
    "action",
    "action_text",
    "against",
    "alert_kind",
    "channel_field",
    "channel_kind",
    "asset_state",
    "change",
    "checkable",
    "choice",
    "compared",
    "delivery",
    "detail",
    "device_status",
    "error",
    "error_text",
    "hint",
    "look",
    "outcome",
    "password",
    "refused",
    "role",
    "rule_kind",
    "severity",
    "state",
    "theme",
    "token_state",
    "nav",
    "product",
];

fn keys(lang: Lang) -> BTreeSet<&'static str> {
    locale::words(lang).keys().map(String::as_str).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "html" || kind == "rs")
        {
            found.push(path);
        }
    }
}

/// Keys that templates and code name: `t("...")` and `n("...", ...)`.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    files(&root.join("templates"), &mut paths);
    files(&root.join("src/web"), &mut paths);
    let mut named = BTreeSet::new();
    for path in paths
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
    {
        let text = fs::read_to_string(path).unwrap();
        for opening in ["p.t(\"", "p.n(\"", "locale::word(lang, \""] {
            for rest in text.split(opening).skip(1) {
                named.insert(rest.split('"').next().unwrap().to_owned());
            }
        }
        // Headings of columns, and titles of lists.
        for kind in ["text", "number", "when", "flag", "word", "texts"] {
            for rest in text.split(&format!("Column::{kind}(")).skip(1) {
                named.extend(rest.split('"').nth(3).map(str::to_owned));
            }
        }
        for rest in text.split("const TITLE: &'static str = \"").skip(1) {
            named.insert(rest.split('"').next().unwrap().to_owned());
        }
    }
    named
}

#[test]
fn both_languages_have_the_same_keys() {
    assert_eq!(keys(Lang::Zh), keys(Lang::En));
    assert!(keys(Lang::Zh).len() > 200);
}

#[test]
fn no_words_are_missing_or_empty() {
    for key in named() {
        assert!(keys(Lang::Zh).contains(key.as_str()), "{key} has no words");
    }
    for lang in [Lang::Zh, Lang::En] {
        for (key, words) in locale::words(lang) {
            assert!(!words.trim().is_empty(), "{key}");
        }
    }
}

#[test]
fn no_words_are_unused() {
    let named = named();
    for key in keys(Lang::Zh) {
        let family = key.split('.').next().unwrap();
        assert!(
            named.contains(key) || FAMILIES.contains(&family),
            "{key} is never shown"
        );
    }
}

#[test]
fn places_in_both_languages_are_the_same() {
    let places = |text: &str| -> BTreeSet<String> {
        text.split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap().to_owned())
            .collect()
    };
    for (key, zh) in locale::words(Lang::Zh) {
        assert_eq!(places(zh), places(locale::word(Lang::En, key)), "{key}");
    }
}

#[test]
fn every_name_that_the_product_uses_has_words() {
    let mut wanted: Vec<String> = Vec::new();
    let mut add = |family: &str, name: &str| wanted.push(format!("{family}.{name}"));
    FindingState::ALL
        .iter()
        .for_each(|state| add("state", state.name()));
    for severity in [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ] {
        add("severity", severity.name());
    }
    for outcome in [Outcome::Pass, Outcome::Fail, Outcome::CouldNotLook] {
        add("outcome", outcome.name());
    }
    for role in [
        Role::Administrator,
        Role::Technician,
        Role::RuleOfficer,
        Role::Auditor,
    ] {
        add("role", role.name());
    }
    for state in [
        AssetState::InUse,
        AssetState::Idle,
        AssetState::InRepair,
        AssetState::Scrapped,
        AssetState::Lost,
    ] {
        add("asset_state", state.name());
    }
    Theme::ALL.iter().for_each(|theme| add("theme", theme.name()));
    for error in WebError::ALL {
        add("error", error.name());
        add("error_text", error.name());
    }
    for key in wanted {
        assert!(locale::find(Lang::Zh, &key).is_some(), "{key}");
    }
}

/// What looks like an action in the files that write the audit log, and is none.
const NO_ACTIONS: [&str; 3] = ["sign_in.", "rules.d", "action."];
const ENDINGS: [&str; 10] = [
    ".html", ".svg", ".css", ".js", ".toml", ".db", ".lock", ".key", ".crt", ".json",
];

/// Codes of actions that files outside tests write: dotted names in whatever speaks of the audit log.
fn actions_of(text: &str, found: &mut BTreeSet<String>) {
    let text = text.split("\nmod tests {").next().unwrap_or_default();
    if !text.contains("audit") && !text.contains("AuditEntry") {
        return;
    }
    for literal in text.split('"') {
        let mut parts = literal.split('.');
        let plain = |part: &str| part.len() > 1 && part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let is_code = parts.clone().count() > 1 && parts.all(plain);
        let other = locale::find(Lang::En, literal).is_some()
            || ENDINGS.iter().any(|ending| literal.ends_with(ending))
            || NO_ACTIONS.iter().any(|start| {
                literal.starts_with(start) && literal != "sign_in.refused" && literal != "sign_in.password"
            });
        if is_code && !other {
            found.insert(literal.to_owned());
        }
    }
}

#[test]
fn every_action_that_the_source_writes_into_the_audit_log_has_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["src", "store/src", "domain/src"] {
        files(&root.join(folder), &mut paths);
    }
    let mut found = BTreeSet::new();
    for path in paths {
        let names = ["tests", "tests.rs", "released.rs", "conformance"];
        let test = |part: &std::ffi::OsStr| names.iter().any(|name| part == *name);
        if !path.iter().any(test) && path.extension().is_some_and(|kind| kind == "rs") {
            actions_of(&fs::read_to_string(path).unwrap(), &mut found);
        }
    }
    assert!(found.len() > 60, "{found:?}");
    // Written with a name in them, alone, or like the words of a page.
    for kind in ["channel", "route", "maintenance", "observation"] {
        found.extend(["put", "remove"].map(|verb| format!("{kind}.{verb}")));
    }
    for book in deskwarden_domain::register::Book::ALL {
        found.extend(["", ".export", ".remove"].map(|verb| format!("register.{}{verb}", book.name())));
    }
    let more = [
        "view",
        "export",
        "sign_in",
        "sign_out",
        "ledger.import",
        "asset.register",
        "totp.enrol",
        "totp.forget",
    ];
    found.extend(more.map(str::to_owned));
    for lang in [Lang::Zh, Lang::En] {
        for action in &found {
            assert!(logged::words(lang, action).is_some(), "{action} has no words");
        }
    }
}
