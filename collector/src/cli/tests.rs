//! Commands run as a person runs them, over a real database in a private folder.

mod company;
mod ledger;
mod register;
mod rules;
mod rulings;
mod stored;

use std::path::Path;

use serde_json::Value;

use super::*;

struct Ran {
    code: u8,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }
}

fn run_in(data: &Path, args: &[&str], lang: Lang) -> Ran {
    let mut all = vec!["deskwarden-collector".to_owned()];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    all.extend(["--data".to_owned(), data.display().to_string()]);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(all, lang, &mut out, &mut err);
    // The code cannot be read back; compare with what it would be.
    let code = [0, 1, 2]
        .into_iter()
        .find(|n| format!("{code:?}") == format!("{:?}", ExitCode::from(*n)))
        .unwrap();
    Ran {
        code,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

fn json(data: &Path, args: &[&str]) -> Value {
    let mut args = args.to_vec();
    args.push("--json");
    run_in(data, &args, Lang::En).json()
}

#[test]
fn a_token_is_shown_once_and_withdrawn_for_good() {
    let home = tempfile::tempdir().unwrap();
    let made = json(
        home.path(),
        &[
            "token",
            "create",
            "--uses",
            "3",
            "--valid",
            "2h",
            "--label",
            "front desk",
            "--cidr",
            "10.0.0.0/8",
        ],
    );
    let secret = made["token"].as_str().unwrap();
    assert!(deskwarden_domain::token::Token::parse(secret).is_ok());
    let listed = run_in(home.path(), &["token", "list", "--json"], Lang::En);
    assert!(!listed.out.contains(secret));
    assert_eq!(listed.json()[0]["max_uses"], 3);
    let id = made["id"].to_string();
    assert_eq!(json(home.path(), &["token", "revoke", &id])["revoked"], true);
    let table = run_in(home.path(), &["token", "list"], Lang::Zh);
    assert!(
        table.out.contains("用途") && table.out.contains("已作废") && table.out.contains("front desk"),
        "{}",
        table.out
    );
    assert_eq!(run_in(home.path(), &["token", "revoke", "99"], Lang::En).code, 1);
}

#[test]
fn an_asset_is_registered_before_it_arrives_and_gets_an_address() {
    let home = tempfile::tempdir().unwrap();
    let made = json(
        home.path(),
        &[
            "asset",
            "register",
            "--number",
            "ZC-1",
            "--name",
            "desk-1",
            "--custodian",
            "张三",
        ],
    );
    let id = made["id"].to_string();
    assert_eq!(made["provisional"], false);
    let changed = json(
        home.path(),
        &[
            "asset", "register", "--asset", &id, "--number", "ZC-2", "--state", "idle",
        ],
    );
    assert_eq!(
        (&changed["custodian"], &changed["state"]),
        (&Value::from("张三"), &Value::from("idle"))
    );
    let taken = run_in(home.path(), &["asset", "register", "--number", "ZC-2"], Lang::En);
    assert!(
        taken.code == 1 && taken.err.contains("ZC-2") && taken.err.lines().count() == 1,
        "{}",
        taken.err
    );
    json(
        home.path(),
        &[
            "ledger",
            "set",
            "--asset",
            &id,
            "--address",
            "10.0.0.7",
            "--prefix",
            "24",
            "--dns",
            "10.0.0.1",
            "--mode",
            "static",
        ],
    );
    assert_eq!(json(home.path(), &["ledger", "list"])[0]["address"], "10.0.0.7");
    assert!(
        run_in(
            home.path(),
            &["ledger", "set", "--asset", "99", "--address", "10.0.0.8"],
            Lang::En
        )
        .err
        .contains("no asset 99")
    );
    let owned = ["ledger", "set", "--owner", "二楼打印机", "--address", "10.0.0.9"];
    json(home.path(), &owned);
    let listed = json(home.path(), &["ledger", "list"]);
    assert_eq!(
        (&listed[1]["asset"], &listed[1]["owner"]),
        (&Value::Null, &Value::from("二楼打印机"))
    );
    let shown = run_in(home.path(), &["ledger", "list"], Lang::Zh).out;
    for words in ["使用人", "二楼打印机", "静态"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let nobody = ["ledger", "set", "--address", "10.0.0.10"];
    assert_eq!(run_in(home.path(), &nobody, Lang::En).code, 2);
    let nameless = ["ledger", "set", "--owner", " ", "--address", "10.0.0.10"];
    assert_eq!(run_in(home.path(), &nameless, Lang::En).code, 2);
    let table = run_in(home.path(), &["asset", "list"], Lang::Zh).out;
    let widths: Vec<usize> = table
        .lines()
        .map(|line| unicode_width::UnicodeWidthStr::width(line.split("ZC-2").next().unwrap()))
        .collect();
    assert!(table.contains("使用人") && widths.len() == 2, "{table}");
}

#[test]
fn users_get_one_time_passwords_that_verify() {
    let home = tempfile::tempdir().unwrap();
    let made = json(home.path(), &["user", "add", "Li", "--role", "technician"]);
    let first = made["one_time_password"].as_str().unwrap().to_owned();
    let again = json(home.path(), &["user", "reset-password", "li"]);
    assert_ne!(again["one_time_password"], first.as_str());
    let store =
        deskwarden_store::open(&format!("sqlite:{}", home.path().join("deskwarden.db").display())).unwrap();
    let user = store.user_by_name("li").unwrap().unwrap();
    assert!(user.must_change_password);
    assert!(!crate::password::verify(&first, Some(&user.password_hash)));
    assert!(crate::password::verify(
        again["one_time_password"].as_str().unwrap(),
        Some(&user.password_hash)
    ));
    assert_eq!(
        run_in(home.path(), &["user", "add", "li", "--role", "auditor"], Lang::En).code,
        1
    );
    let mixed = run_in(
        home.path(),
        &["user", "add", "wu", "--role", "auditor", "--role", "technician"],
        Lang::En,
    );
    assert!(mixed.code == 1 && mixed.err.contains("auditor"));
}

#[test]
fn the_audit_log_tells_what_was_done() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create"]);
    let verified = json(home.path(), &["audit", "verify"]);
    assert_eq!(
        (&verified["ok"], &verified["entries"]),
        (&Value::from(true), &Value::from(1))
    );
}

#[test]
fn misuse_is_two_and_refusal_is_one() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["frobnicate"][..],
        &["token", "create", "--valid", "soon"],
        &["finding", "list", "--state", "gone"],
        &["device", "show", "x"],
    ] {
        let ran = run_in(home.path(), args, Lang::En);
        assert!(
            ran.code == 2 && ran.out.is_empty() && !ran.err.is_empty(),
            "{args:?}: {}",
            ran.err
        );
    }
    let id = "00000000000000000000000000000000";
    for args in [
        &["finding", "show", "1"][..],
        &["finding", "acknowledge", "1"],
        &["finding", "reject", "1", "--note", "x"],
        &["device", "show", id],
        &["device", "revoke", id],
        &["user", "reset-password", "nobody"],
    ] {
        let ran = run_in(home.path(), args, Lang::En);
        assert!(
            ran.code == 1 && ran.err.starts_with("deskwarden-collector: there is no"),
            "{args:?}: {}",
            ran.err
        );
    }
    let nowhere = run_in(&home.path().join("nowhere"), &["token", "list"], Lang::En);
    assert!(
        nowhere.code == 1 && nowhere.err.contains("serve --data"),
        "{}",
        nowhere.err
    );
    assert!(!home.path().join("nowhere").exists());
}

#[test]
fn check_config_names_every_fault_and_starts_nothing() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(json(home.path(), &["check-config"])["ok"], true);
    assert!(!home.path().join("deskwarden.db").exists());
    std::fs::write(
        home.path().join("collector.toml"),
        "stroe = 1\nlanguage = \"fr\"\n",
    )
    .unwrap();
    let ran = run_in(home.path(), &["check-config"], Lang::En);
    assert!(
        ran.code == 1 && ran.err.contains("collector.toml:1:") && ran.err.contains("collector.toml:2:"),
        "{}",
        ran.err
    );
}

#[test]
fn messages_hold_nothing_that_a_terminal_obeys() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("x\u{1b}[31m\u{202e}.csv");
    std::fs::write(&file, "Numb\u{1b}[31mer\n1\n").unwrap();
    let ran = run_in(
        home.path(),
        &["asset", "import", file.to_str().unwrap()],
        Lang::En,
    );
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(".csv"), "{:?}", ran.err);
    assert!(!ran.err.contains(['\u{1b}', '\u{202e}']), "{:?}", ran.err);
}

#[test]
fn the_language_is_that_of_the_terminal() {
    let of = |values: &[(&str, &str)]| {
        language(|name| {
            values
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    };
    assert_eq!(of(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
    assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Lang::Zh);
    assert_eq!(of(&[]), Lang::En);
}
