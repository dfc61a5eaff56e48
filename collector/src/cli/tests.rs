//! Commands run as a person runs them, over a real database in a private folder.

mod company;
mod register;
mod rulings;

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
fn a_faulty_rule_file_is_refused_by_line() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("bad.toml"), "\n[[rule]]\nid = 7\n").unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    assert!(ran.code == 1 && ran.err.contains("bad.toml:"), "{}", ran.err);
    std::fs::remove_file(home.path().join("bad.toml")).unwrap();
    assert_eq!(json(home.path(), &["rules", "check", &folder])["ok"], true);
}

#[test]
fn a_rule_file_in_another_encoding_is_named_by_line_and_hides_no_other_fault() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(
        home.path().join("gbk.toml"),
        b"# a\n[lists]\nab = [\"\xcc\xda\"]\n",
    )
    .unwrap();
    std::fs::write(home.path().join("own.toml"), "[[rule]]\nid = 7\n").unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    for told in ["gbk.toml:3:8: not UTF-8", "own.toml:2:6:"] {
        assert!(ran.code == 1 && ran.err.contains(told), "{}", ran.err);
    }
}

#[test]
fn what_a_built_in_file_says_too_is_the_fault_of_the_companys_file() {
    let home = tempfile::tempdir().unwrap();
    let pack = crate::rules_dir::BUILT_IN
        .iter()
        .find(|file| file.name == "pc.toml")
        .unwrap();
    std::fs::write(home.path().join("acme.toml"), pack.content).unwrap();
    let entry = "[[entry]]\nid = \"qq\"\nname = { zh = \"甲\", en = \"a\" }\ncategories = [\"chat\"]\ntitles = [\"Zzyx\"]\n";
    let title = entry.replace("\"qq\"", "\"zzyx\"").replace("Zzyx", "WhatsApp");
    std::fs::write(home.path().join("a.toml"), format!("{entry}{title}")).unwrap();
    let folder = home.path().display().to_string();
    let ran = run_in(home.path(), &["rules", "check", &folder], Lang::En);
    for told in [
        "there is already a rule `pc.chat`, in pc.toml:",
        "a.toml:2:6: there is already an entry `qq`, in catalogue-chat.toml:",
        "a.toml:7:6: `whatsapp` already belongs to entry",
    ] {
        assert!(ran.code == 1 && ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert!(
        !ran.err.contains("\npc.toml:") && !ran.err.contains("\ncatalogue-"),
        "{}",
        ran.err
    );
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
fn a_snapshot_that_is_none_is_refused_with_its_name() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("pc.json");
    std::fs::write(&file, "{}").unwrap();
    let ran = run_in(
        home.path(),
        &["rules", "test", "--snapshot", &file.display().to_string()],
        Lang::En,
    );
    assert!(
        ran.code == 1 && ran.err.contains("pc.json") && ran.err.contains("collect --json"),
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
fn what_is_no_file_hides_no_fault_of_the_rules_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let rules = home.path().join("rules");
    for folder in ["a.toml", "b.toml"] {
        std::fs::create_dir_all(rules.join(folder)).unwrap();
    }
    std::fs::write(rules.join("c.toml"), "[[rules]]\nid = 1\n").unwrap();
    let ran = run_in(
        home.path(),
        &["rules", "check", rules.to_str().unwrap()],
        Lang::En,
    );
    assert_eq!(ran.code, 1);
    let told = format!("{}{}", ran.out, ran.err);
    for fault in ["a.toml", "b.toml", "not a file", "c.toml:1"] {
        assert!(told.contains(fault), "{fault}: {told}");
    }
}

#[test]
fn an_entry_of_the_ledger_is_fit_whoever_enters_it() {
    let home = tempfile::tempdir().unwrap();
    let set = |rest: &[&str]| {
        let args = [["ledger", "set", "--owner", "x"].as_slice(), rest].concat();
        run_in(home.path(), &args, Lang::En)
    };
    for (unfit, why) in [
        (&["--address", "127.0.0.1"][..], "address of a machine"),
        (&["--address", "224.0.0.1"], "address of a machine"),
        (&["--address", "255.255.255.255"], "address of a machine"),
        (
            &[
                "--address",
                "10.66.1.9",
                "--prefix",
                "24",
                "--gateway",
                "10.66.2.1",
            ],
            "not in the subnet",
        ),
    ] {
        let ran = set(unfit);
        assert!(ran.code == 1 && ran.err.contains(why), "{unfit:?}: {}", ran.err);
    }
    let fit = set(&[
        "--address",
        "10.66.1.9",
        "--prefix",
        "24",
        "--gateway",
        "10.66.1.1",
    ]);
    assert_eq!(fit.code, 0, "{}", fit.err);
}

#[test]
fn an_index_that_changed_on_its_disk_is_found_too() {
    let home = tempfile::tempdir().unwrap();
    json(
        home.path(),
        &["asset", "register", "--number", "PC-7", "--name", "front desk"],
    );
    let file = home.path().join("deskwarden.db");
    let whole = std::fs::read(&file).unwrap();
    let word = b"front desk";
    let places: Vec<usize> = (0..whole.len() - word.len())
        .filter(|at| whole[*at..].starts_with(word))
        .collect();
    assert!(places.len() > 1, "the table, and an index: {places:?}");
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 2;
        std::fs::write(&file, bytes).unwrap();
        let ran = run_in(home.path(), &["check-store"], Lang::En);
        assert_eq!(ran.code, 1, "byte {at}: {}", ran.out);
    }
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

#[test]
fn a_ledger_file_is_previewed_then_loaded_and_comes_back_in_both_formats() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path();
    json(
        data,
        &["asset", "register", "--number", "PC-7", "--name", "front desk"],
    );
    let file = data.join("台账.csv");
    let text = "IP地址,子网掩码,网关,MAC地址,资产编号,使用人,备注\n10.0.0.20,255.255.255.0,10.0.0.1,00-1A-2B-3C-4D-5E,PC-7,,x\n10.0.0.21,24,,,,=打印机,\n";
    std::fs::write(&file, text).unwrap();
    let path = file.display().to_string();
    let preview = json(data, &["ledger", "import", &path, "--dry-run"]);
    assert_eq!(preview["added"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&preview["loaded"], &preview["ignored_columns"][0]),
        (&Value::Bool(false), &Value::from("备注"))
    );
    assert_eq!(json(data, &["ledger", "list"]).as_array().unwrap().len(), 0);
    json(data, &["ledger", "import", &path]);
    let listed = json(data, &["ledger", "list"]);
    assert_eq!(
        (&listed[0]["prefix"], &listed[0]["mac"]),
        (&Value::from(24), &Value::from("00:1a:2b:3c:4d:5e"))
    );
    for name in ["out.csv", "out.xlsx"] {
        let out = data.join(name).display().to_string();
        json(data, &["ledger", "export", &out]);
        let again = json(data, &["ledger", "import", &out, "--replace", "--dry-run"]);
        assert_eq!(again["unchanged"], 2, "{name}: {again}");
    }
    let written = std::fs::read_to_string(data.join("out.csv")).unwrap();
    assert!(written.contains("'=打印机"), "{written}");
}

#[test]
fn a_faulty_ledger_file_is_refused_as_a_whole_with_every_place() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path();
    json(data, &["asset", "list"]);
    let file = data.join("bad.csv");
    std::fs::write(&file, "ip,mask,asset\n10.0.0.20,24,\n10.0.0.300,99,PC-9\n").unwrap();
    let ran = run_in(data, &["ledger", "import", &file.display().to_string()], Lang::En);
    assert_eq!(ran.code, 1);
    for place in ["bad.csv:3: ip:", "bad.csv:3: mask:", "bad.csv:3: asset:"] {
        assert!(ran.err.contains(place), "{}", ran.err);
    }
    assert_eq!(json(data, &["ledger", "list"]).as_array().unwrap().len(), 0);
}

#[test]
fn dhcp_ranges_are_added_listed_and_removed() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path();
    json(data, &["asset", "list"]);
    json(
        data,
        &[
            "ledger",
            "add-range",
            "10.0.0.100",
            "10.0.0.199",
            "--name",
            "二楼",
        ],
    );
    assert_eq!(json(data, &["ledger", "ranges"])[0]["last"], "10.0.0.199");
    let turned = run_in(
        data,
        &["ledger", "add-range", "10.0.0.199", "10.0.0.100"],
        Lang::En,
    );
    assert!(
        turned.code == 1 && turned.err.contains("before the first"),
        "{}",
        turned.err
    );
    json(data, &["ledger", "remove-range", "10.0.0.100"]);
    assert_eq!(json(data, &["ledger", "ranges"]).as_array().unwrap().len(), 0);
    let none = run_in(data, &["ledger", "remove-range", "10.0.0.100"], Lang::En);
    assert_eq!(none.code, 1);
}

#[test]
fn a_table_that_is_none_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let data = home.path();
    json(data, &["asset", "list"]);
    let file = data.join("arp.txt");
    std::fs::write(&file, "nothing to see\n").unwrap();
    let path = file.display().to_string();
    let ran = run_in(data, &["ledger", "observe", "--arp", &path], Lang::En);
    assert!(ran.code == 1 && ran.err.contains("ip neigh"), "{}", ran.err);
    std::fs::write(&file, "10.0.0.7 dev eth0 lladdr 00:1a:2b:3c:4d:5e REACHABLE\n").unwrap();
    let seen = json(data, &["ledger", "observe", "--arp", &path, "--name", "gw"]);
    assert_eq!(
        (&seen["machines"], &seen["name"]),
        (&Value::from(1), &Value::from("gw"))
    );
}

#[test]
fn a_backup_is_made_checked_and_restored() {
    let home = tempfile::tempdir().unwrap();
    let (data, backups) = (home.path().join("data"), home.path().join("backups"));
    std::fs::create_dir(&data).unwrap();
    json(&data, &["token", "create", "--label", "kept"]);
    let to = backups.display().to_string();
    let made = json(&data, &["backup", "--to", &to, "--keep", "2"]);
    let backup = made["backup"].as_str().unwrap().to_owned();
    assert_eq!(json(&data, &["backup", "--verify", &backup])["whole"], true);
    let fresh = home.path().join("fresh");
    json(&fresh, &["restore", &backup]);
    assert_eq!(json(&fresh, &["token", "list"])[0]["label"], "kept");
    let backups_of = |data: &std::path::Path| {
        let place = format!("sqlite:{}", data.join("deskwarden.db").display());
        let counts = deskwarden_store::open(&place).unwrap().record_counts().unwrap();
        let backups = counts.iter().find(|(record, _)| record.name() == "backups");
        backups.unwrap().1
    };
    assert_eq!(backups_of(&data), 1);
    assert_eq!(
        backups_of(&fresh),
        1,
        "the restoring; the copy is older than its making"
    );
    let again = run_in(&fresh, &["restore", &backup], Lang::En);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("holds a collector already"), "{}", again.err);
    let nothing = run_in(&home.path().join("nobody"), &["backup", "--to", &to], Lang::En);
    assert!(nothing.err.contains("nothing to back up"), "{}", nothing.err);
}

#[test]
fn a_backup_renews_its_mark_in_a_folder_that_it_makes() {
    let home = tempfile::tempdir().unwrap();
    let (data, mark) = (home.path().join("data"), home.path().join("marks/last"));
    std::fs::create_dir(&data).unwrap();
    let config = format!("[operations]\nbackup_mark = \"{}\"\n", mark.display());
    std::fs::write(data.join("collector.toml"), config).unwrap();
    json(&data, &["token", "list"]);
    let to = home.path().join("backups").display().to_string();
    let made = json(&data, &["backup", "--to", &to]);
    let marked = std::fs::read_to_string(&mark).unwrap();
    assert_eq!(made["backup"], marked.as_str());
    // Somebody else's file is in nobody's way.
    let mut rights = std::fs::metadata(&mark).unwrap().permissions();
    rights.set_readonly(true);
    std::fs::set_permissions(&mark, rights).unwrap();
    std::fs::remove_dir_all(&to).unwrap();
    json(&data, &["backup", "--to", &to]);
    assert!(mark.exists());
}

#[test]
fn a_store_that_gives_back_other_content_is_refused() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create", "--label", "kept"]);
    assert_eq!(json(home.path(), &["check-store"])["ok"], true);
    let file = home.path().join("deskwarden.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let word = b"token.create";
    let at = bytes.windows(word.len()).position(|found| found == word).unwrap();
    bytes[at] = b'T';
    std::fs::write(&file, bytes).unwrap();
    let ran = run_in(home.path(), &["check-store", "--json"], Lang::En);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("audit log, entry") && ran.err.contains("restore a backup"),
        "{}",
        ran.err
    );
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&told["ok"], told["faults"].as_array().unwrap().len()),
        (&Value::from(false), 2),
        "the chain, and the table: {told}"
    );
}

#[test]
fn a_table_that_changed_by_itself_is_told_until_a_person_accepts_it() {
    let home = tempfile::tempdir().unwrap();
    let numbered = ["asset", "register", "--number", "PC-1"];
    json(home.path(), &numbered);
    let file = home.path().join("deskwarden.db");
    let raw = rusqlite::Connection::open(&file).unwrap();
    raw.execute("UPDATE assets SET number = 'PC-9'", []).unwrap();
    drop(raw);
    let ran = run_in(home.path(), &["check-store"], Lang::En);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("table assets: what it holds is not what was written to it"),
        "{}",
        ran.err
    );
    for _ in 0..2 {
        assert_eq!(json(home.path(), &["check-store", "--accept"])["ok"], true);
    }
    assert_eq!(json(home.path(), &["check-store"])["ok"], true);
    let accepted = "SELECT COUNT(*) FROM audit WHERE action = 'store.accept'";
    let raw = rusqlite::Connection::open(&file).unwrap();
    let count: i64 = raw.query_row(accepted, [], |row| row.get(0)).unwrap();
    assert_eq!(count, 1, "there was nothing to accept the second time");
}

#[test]
fn a_store_is_moved_with_progress_and_the_source_stays() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["token", "create", "--label", "kept"]);
    let url = |name: &str| format!("sqlite:{}", home.path().join(name).display());
    let (from, to) = (url("deskwarden.db"), url("new.db"));
    let moved = run_in(
        home.path(),
        &["migrate-store", "--from", &from, "--to", &to, "--json"],
        Lang::En,
    );
    assert_eq!(moved.code, 0, "{}", moved.err);
    let lines: Vec<Value> = moved
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let verified = lines
        .iter()
        .any(|line| line["event"] == "verified" && line["table"] == "tokens" && line["rows"] == 1);
    assert!(verified, "{}", moved.out);
    assert_eq!(lines.last().unwrap()["event"], "done");
    assert_eq!(
        json(home.path(), &["token", "list", "--store", &to])[0]["label"],
        "kept"
    );
    let again = run_in(
        home.path(),
        &["migrate-store", "--from", &from, "--to", &to],
        Lang::En,
    );
    assert_eq!(again.code, 1);
    assert!(again.err.contains("is not empty"), "{}", again.err);
    let wrong = run_in(
        home.path(),
        &["migrate-store", "--from", "mysql://x", "--to", &to],
        Lang::En,
    );
    assert!(wrong.err.contains("--from: a store is"), "{}", wrong.err);
}

#[test]
fn every_clause_is_a_row_with_its_rules_and_records() {
    let home = tempfile::tempdir().unwrap();
    let store =
        deskwarden_store::open(&format!("sqlite:{}", home.path().join("deskwarden.db").display())).unwrap();
    crate::rules_dir::Importer::new(store, home.path().join("rules.d"), home.path())
        .import_built_in(1)
        .unwrap();
    let rows = json(home.path(), &["clauses"]);
    let rows = rows.as_array().unwrap();
    let row = |regulation: &str, number: &str| {
        let found = rows
            .iter()
            .find(|row| row["regulation"] == regulation && row["number"] == number);
        found.unwrap().clone()
    };
    for field in [
        "regulation",
        "number",
        "checkable",
        "rules",
        "records",
        "pass",
        "fail",
        "could_not_look",
        "findings",
    ] {
        assert!(rows.iter().all(|row| row.get(field).is_some()), "{field}");
    }
    assert_eq!(row("PC", "3.2.8")["checkable"], "no");
    assert!(
        row("PC", "3.2.4")["rules"]
            .as_array()
            .unwrap()
            .contains(&Value::from("pc.chat"))
    );
    let audit = row("SVC", "supervision");
    assert_eq!(audit["records"][0]["record"], "audit");
    assert!(audit["records"][0]["count"].is_u64());
    for row in rows.iter().filter(|row| row["checkable"] == "records") {
        assert!(!row["records"].as_array().unwrap().is_empty(), "{row}");
    }
    let page = run_in(home.path(), &["clauses", "--markdown"], Lang::Zh).out;
    assert_eq!(page.lines().count(), rows.len() + 2);
    assert!(page.starts_with("| 制度 | 条款 |"), "{page}");
}

#[test]
fn a_finding_that_is_none_is_not_explained() {
    let home = tempfile::tempdir().unwrap();
    let ran = run_in(home.path(), &["rules", "explain", "7"], Lang::En);
    assert!(
        ran.code == 1 && ran.err.contains("there is no finding 7"),
        "{}",
        ran.err
    );
}
