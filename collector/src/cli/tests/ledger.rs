//! The ledger from the command line: its entries, files and ranges.

use super::*;

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
