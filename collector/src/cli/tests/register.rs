//! The register and its books from the command line: rows and files, in and out.

use super::*;

#[test]
fn a_file_of_assets_is_shown_loaded_exported_and_loaded_again() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("资产.csv");
    let text = "资产编号,名称,类别,状态,保管人,部门,序列号\r\n\
                PC-1,前台,自有,在用,王芳,客服部,PF2ABC01\r\nPC-2,仓库,外包,闲置,,后勤部,\r\n";
    let (gb18030, ..) = encoding_rs::GB18030.encode(text);
    std::fs::write(&file, &gb18030).unwrap();
    let path = file.display().to_string();
    let dry = json(home.path(), &["asset", "import", &path, "--dry-run"]);
    assert_eq!(
        (dry["added"].as_array().unwrap().len(), &dry["loaded"]),
        (2, &Value::from(false))
    );
    assert_eq!(json(home.path(), &["asset", "list"]), serde_json::json!([]));
    json(home.path(), &["asset", "import", &path]);
    let listed = json(home.path(), &["asset", "list"]);
    let second = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["number"] == "PC-2")
        .unwrap();
    assert_eq!(
        (&second["class"], &second["state"]),
        (&Value::from("outsourced"), &Value::from("idle"))
    );
    for name in ["out.xlsx", "out.csv"] {
        let out = home.path().join(name).display().to_string();
        let written = json(home.path(), &["asset", "export", &out]);
        assert_eq!(written["rows"], 2);
        let again = json(home.path(), &["asset", "import", &out]);
        assert_eq!(
            (&again["unchanged"], &again["changed"]),
            (&Value::from(2), &serde_json::json!([]))
        );
    }
    json(
        home.path(),
        &["asset", "set", "number=PC-1", "state=维修", "custodian="],
    );
    let history = json(home.path(), &["asset", "history", "PC-1"]);
    let fields: Vec<&str> = history
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["was"] == "in_use" || step["was"] == "王芳")
        .map(|step| step["becomes"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["in_repair", ""]);
    assert_eq!(
        run_in(home.path(), &["asset", "history", "PC-9"], Lang::En).code,
        1
    );
}

#[test]
fn a_faulty_file_loads_nothing_and_names_every_fault() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("media.csv");
    std::fs::write(&file, "序列号,名称\n4C530001AB,U盘\nDefault string,硬盘\n,无\n").unwrap();
    let ran = run_in(
        home.path(),
        &["media", "import", &file.display().to_string()],
        Lang::Zh,
    );
    assert_eq!(ran.code, 1);
    for place in [
        "media.csv 第 3 行，序列号：“Default string”不是可以识别设备的序列号",
        "media.csv 第 4 行，序列号：单元格为空",
    ] {
        assert!(ran.err.contains(place), "{}", ran.err);
    }
    assert_eq!(json(home.path(), &["media", "list"]), serde_json::json!([]));
    for wrong in [
        vec!["media", "set", "colour=red"],
        vec!["media", "set", "serial"],
        vec!["licence", "set", "title=AutoCAD", "seats=5"],
        vec![
            "order",
            "set",
            "asset=PC-9",
            "from=2026-11-28",
            "to=2026-11-29",
            "work=x",
        ],
        vec!["person", "remove", "nobody"],
        vec!["order", "close", "nothing"],
    ] {
        let ran = run_in(home.path(), &wrong, Lang::En);
        assert_eq!(ran.code, 1, "{wrong:?} {}", ran.out);
        assert!(!ran.err.trim().is_empty());
    }
}

#[test]
fn a_provider_that_nobody_registered_is_refused_wherever_it_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("visits.csv");
    let rows =
        "来访单号,服务商,开始,结束\nV-1,甲公司,2026-11-28,2026-11-29\nV-2,乙公司,2026-11-28,2026-11-27\n";
    std::fs::write(&file, rows).unwrap();
    let path = file.display().to_string();
    json(home.path(), &["provider", "set", "name=甲公司"]);
    let ran = run_in(home.path(), &["visit", "import", &path], Lang::Zh);
    assert_eq!(ran.code, 1);
    for place in [
        "visits.csv 第 3 行，服务商：“乙公司”不是已登记的外包服务商",
        "visits.csv 第 3 行，结束：结束时间不晚于开始时间",
    ] {
        assert!(ran.err.contains(place), "{}", ran.err);
    }
    assert_eq!(json(home.path(), &["visit", "list"]), serde_json::json!([]));
    for (name, code) in [("乙公司", 1), ("甲公司", 0)] {
        let provider = format!("provider={name}");
        let visit = [
            "visit",
            "set",
            "number=V-3",
            &provider,
            "from=2026-11-28",
            "to=2026-11-29",
        ];
        let asset = ["asset", "set", "number=PC-1", "class=outsourced", &provider];
        for command in [&visit[..], &asset] {
            let ran = run_in(home.path(), command, Lang::En);
            assert_eq!(ran.code, code, "{command:?} {} {}", ran.out, ran.err);
        }
    }
}

#[test]
fn a_transfer_moves_the_register_and_gets_a_number() {
    let home = tempfile::tempdir().unwrap();
    json(
        home.path(),
        &[
            "asset",
            "set",
            "number=PC-1",
            "custodian=王芳",
            "department=客服部",
        ],
    );
    let made = json(
        home.path(),
        &[
            "transfer",
            "set",
            "asset=PC-1",
            "to_custodian=李伟",
            "to_department=财务部",
            "date=2026-01-05",
        ],
    );
    let number = made["key"].as_str().unwrap().to_owned();
    assert!(number.ends_with("-1"), "{number}");
    let listed = json(home.path(), &["asset", "list"]);
    assert_eq!(
        (&listed[0]["custodian"], &listed[0]["department"]),
        (&Value::from("李伟"), &Value::from("财务部"))
    );
    let transfers = json(home.path(), &["transfer", "list"]);
    assert_eq!(transfers[0]["from_custodian"], "王芳");
    assert!(
        transfers[0]["due"].as_str().unwrap().starts_with("2026-01-0"),
        "{transfers}"
    );
    let shown = run_in(home.path(), &["transfer", "list"], Lang::En).out;
    assert!(shown.contains("2026-01-08"), "three days after: {shown}");
    json(
        home.path(),
        &[
            "transfer",
            "set",
            &format!("number={number}"),
            "received=2026-01-07",
        ],
    );
    let transfers = json(home.path(), &["transfer", "list"]);
    assert!(
        transfers[0]["received"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-0")
    );
    assert_eq!(
        transfers[0]["to_custodian"], "李伟",
        "columns that were not named stay"
    );
}

#[test]
fn a_work_order_is_written_listed_and_closed() {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["asset", "set", "number=PC-1"]);
    let order = [
        "order",
        "set",
        "number=WO-1",
        "asset=PC-1",
        "from=2026-11-28",
        "to=2099-01-01",
        "work=换内存",
    ];
    json(home.path(), &order);
    let closed = json(
        home.path(),
        &["order", "close", "WO-1", "--accept", "--result", "已换"],
    );
    assert_eq!(closed["accepted"], 0);
    let listed = json(home.path(), &["order", "list"]);
    assert_eq!(listed[0]["result"], "已换");
    assert!(listed[0]["closed"].is_string());
    let both = run_in(
        home.path(),
        &["order", "close", "WO-1", "--accept", "--reject"],
        Lang::En,
    );
    assert_eq!(both.code, 2);
}

#[test]
fn the_last_day_decides_who_has_a_pc_whatever_order_papers_come_in() {
    let home = tempfile::tempdir().unwrap();
    json(
        home.path(),
        &["asset", "set", "number=PC-1", "custodian=甲", "department=客服部"],
    );
    let custodian = || json(home.path(), &["asset", "list"])[0]["custodian"].clone();
    let file = home.path().join("移交.csv");
    let rows = "单号,资产编号,接收人,接收部门,日期\nB2,PC-1,丙,财务部,2026-06-20\nB1,PC-1,乙,,2026-06-10\n";
    std::fs::write(&file, rows).unwrap();
    json(home.path(), &["transfer", "import", &file.display().to_string()]);
    assert_eq!(custodian(), "丙");
    let late = [
        "transfer",
        "set",
        "number=A1",
        "asset=PC-1",
        "to_custodian=丁",
        "date=2026-05-01",
    ];
    json(home.path(), &late);
    assert_eq!(custodian(), "丙", "a paper that comes late changes nothing");
    let same_day = [
        "transfer",
        "set",
        "number=B3",
        "asset=PC-1",
        "to_custodian=戊",
        "date=2026-06-20",
    ];
    json(home.path(), &same_day);
    assert_eq!(custodian(), "戊", "of one day the last paper decides");
    json(home.path(), &["transfer", "remove", "B3"]);
    let listed = json(home.path(), &["transfer", "list"]);
    let givers: Vec<(&str, &str)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            (
                row["number"].as_str().unwrap(),
                row["from_custodian"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(givers, [("A1", "甲"), ("B1", "甲"), ("B2", "乙")]);
}
