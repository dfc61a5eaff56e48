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
