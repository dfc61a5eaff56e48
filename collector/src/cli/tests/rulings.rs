//! Approvals and notices from the command line.

use super::*;
use crate::clock::{self, now};

#[test]
fn an_approval_is_granted_listed_and_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let grant = |extra: &[&str]| {
        let mut args = vec!["approval", "grant", "--rule", "pc.chat", "--subject", "wechat*"];
        args.extend(["--approved-by", "张明", "--reason", "对外联系"]);
        args.extend(extra);
        run_in(home.path(), &args, Lang::En)
    };
    // The built-in rules come with the first start; here nothing is in force yet.
    let unknown = grant(&["--department", "客服部", "--until", "2099-01-01"]);
    assert!(
        unknown.code == 1 && unknown.err.contains("pc.chat") && unknown.err.contains("three years"),
        "{}",
        unknown.err
    );
    let store =
        deskwarden_store::open(&format!("sqlite:{}", home.path().join("deskwarden.db").display())).unwrap();
    crate::rules_dir::Importer::new(
        std::sync::Arc::clone(&store),
        home.path().join("rules.d"),
        home.path(),
    )
    .import_built_in(now())
    .unwrap();
    let until = clock::date(now() + 30 * 86_400_000, 0);
    let granted = grant(&["--department", "客服部", "--until", &until, "--json"]).json();
    assert_eq!(granted[0]["state"], "in_force");
    assert_eq!(granted[0]["department"], "客服部");
    let id = granted[0]["id"].to_string();
    for wrong in [
        vec!["--department", "客服部", "--until", "tomorrow"],
        vec!["--asset", "99", "--until", until.as_str()],
    ] {
        let ran = grant(&wrong);
        assert!(ran.code == 1 && ran.err.lines().count() == 1, "{}", ran.err);
    }
    assert_eq!(grant(&["--until", &until]).code, 2, "for nobody");
    let listed = run_in(
        home.path(),
        &["approval", "list", "--state", "in_force"],
        Lang::Zh,
    );
    assert!(
        listed.out.contains("生效中") && listed.out.contains("张明"),
        "{}",
        listed.out
    );
    let none = json(home.path(), &["approval", "list", "--state", "withdrawn"]);
    assert_eq!(none, serde_json::json!([]));
    let withdraw = |id: &str, reason: &str| {
        let args = ["approval", "withdraw", id, "--reason", reason];
        run_in(home.path(), &args, Lang::En)
    };
    assert_eq!(withdraw(&id, " ").code, 1);
    assert_eq!(withdraw(&id, "岗位调整").code, 0);
    let again = withdraw(&id, "x");
    assert!(again.err.contains("withdrawn"), "{}", again.err);
    assert_eq!(withdraw("99", "x").code, 1);
    let rows = json(home.path(), &["approval", "list"]);
    assert_eq!(rows[0]["withdrawn"]["reason"], "岗位调整");
    let audited = store.audit_records(1, 100).unwrap();
    let actions: Vec<&str> = audited
        .iter()
        .map(|record| record.entry.action.as_str())
        .filter(|action| action.starts_with("approval"))
        .collect();
    assert_eq!(actions, ["approval.grant", "approval.withdraw"]);
}

#[test]
fn a_notice_about_nothing_is_refused_in_one_line() {
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| run_in(home.path(), args, Lang::En);
    assert_eq!(json(home.path(), &["notice", "list"]), serde_json::json!([]));
    for (args, words) in [
        (vec!["notice", "show", "x"], "there is no notice x"),
        (
            vec!["notice", "close", "x", "--note", "y"],
            "there is no notice x",
        ),
        (
            vec!["notice", "reply", "x", "--by", "y", "--text", "z"],
            "there is no notice x",
        ),
        (vec!["notice", "issue", "--finding", "7"], "there is no finding 7"),
        (
            vec!["notice", "issue", "--finding", "7", "--due", "31.1.2027"],
            "not a day as 2027-03-31",
        ),
    ] {
        let ran = run(&args);
        assert!(
            ran.code == 1 && ran.err.contains(words) && ran.err.lines().count() == 1,
            "{args:?}: {}",
            ran.err
        );
    }
    assert_eq!(run(&["notice", "issue"]).code, 2, "for no finding");
}

#[test]
fn the_observation_of_a_fleet_is_shown_lengthened_and_ended() {
    let home = tempfile::tempdir().unwrap();
    let show = || json(home.path(), &["observation", "show"]);
    assert_eq!(show()["on"], false, "what was there before is not observed");
    let on = json(home.path(), &["observation", "on", "--days", "3"]);
    assert_eq!(
        (&on["on"], &on["days_left"]),
        (&Value::from(true), &Value::from(3))
    );
    assert_eq!(
        run_in(home.path(), &["observation", "on", "--days", "91"], Lang::En).code,
        2
    );
    let words = run_in(home.path(), &["observation", "show"], Lang::Zh);
    assert!(words.out.contains("还剩 3 天"), "{}", words.out);
    assert_eq!(json(home.path(), &["observation", "off"])["on"], false);
    std::fs::write(home.path().join("collector.toml"), "observation = true\n").unwrap();
    assert_eq!(show()["on"], true, "the file decides");
    let refused = run_in(home.path(), &["observation", "off"], Lang::En);
    assert!(
        refused.code == 1 && refused.err.contains("configuration file"),
        "{}",
        refused.err
    );
}

#[test]
fn an_admission_token_is_shown_once_and_withdrawn() {
    let home = tempfile::tempdir().unwrap();
    let made = json(
        home.path(),
        &[
            "admission",
            "token",
            "--provider",
            "东方信息",
            "--purpose",
            "巡检笔记本",
            "--good-for",
            "10",
        ],
    );
    let secret = made["token"].as_str().unwrap();
    assert!(deskwarden_domain::token::Token::parse(secret).is_ok());
    assert_eq!(
        (&made["max_uses"], &made["good_days"]),
        (&Value::from(1), &Value::from(10))
    );
    assert_eq!(json(home.path(), &["admission", "list"]), serde_json::json!([]));
    let id = made["id"].to_string();
    assert_eq!(json(home.path(), &["admission", "revoke", &id])["revoked"], true);
    for (args, words) in [
        (vec!["admission", "token", "--provider", " "], "which provider"),
        (
            vec!["admission", "token", "--provider", "x", "--valid", "8d"],
            "7 days at most",
        ),
        (vec!["admission", "show", "9"], "there is no admission 9"),
        (
            vec!["admission", "revoke", "9"],
            "admission token 9 does not exist",
        ),
    ] {
        let ran = run_in(home.path(), &args, Lang::En);
        assert!(
            ran.code == 1 && ran.err.contains(words) && ran.err.lines().count() == 1,
            "{args:?}: {}",
            ran.err
        );
    }
}

#[test]
fn an_inspection_is_made_listed_and_shown() {
    let home = tempfile::tempdir().unwrap();
    let made = json(home.path(), &["inspection", "run"]);
    assert_eq!(
        (&made["tally"]["assets"], &made["grade"]),
        (&Value::from(0), &Value::from("nothing"))
    );
    let again = run_in(home.path(), &["inspection", "run"], Lang::En);
    let listed = json(home.path(), &["inspection", "list"]);
    let runs = listed.as_array().unwrap().len();
    assert!(again.code == 0 && runs == 2 || again.err.contains("within this minute") && runs == 1);
    assert_eq!(
        json(home.path(), &["inspection", "reassessments"]),
        serde_json::json!([])
    );
    for (args, words) in [
        (vec!["inspection", "show", "9"], "there is no inspection 9"),
        (vec!["inspection", "settle", "9", "--note", " "], "say what"),
        (vec!["inspection", "settle", "9", "--note", "x"], "does not exist"),
    ] {
        let ran = run_in(home.path(), &args, Lang::En);
        assert!(ran.code == 1 && ran.err.contains(words), "{args:?}: {}", ran.err);
    }
}
