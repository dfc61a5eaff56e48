//! Files of books against the register: every fault at once, or what they would change.

use super::*;
use crate::model::AssetId;

fn table(rows: &[&[&str]]) -> Table {
    Table {
        file: "台账.csv".into(),
        rows: rows
            .iter()
            .enumerate()
            .map(|(index, cells)| (index + 1, cells.iter().map(|cell| (*cell).to_owned()).collect()))
            .collect(),
    }
}

fn against(
    book: Book,
    current: &[Row],
    rows: &[&[&str]],
    replace: bool,
) -> Result<(Imported, Plan), Vec<RowFault>> {
    let known = Known {
        asset: &|number| (number == "PC-7").then_some(AssetId(7)),
        provider: &|name| name == "甲公司",
        entry: &|_| true,
        offset_minutes: 480,
    };
    preview(book, &table(rows), &known, current, replace)
}

fn reads(book: Book, rows: &[&[&str]]) -> Result<Imported, Vec<RowFault>> {
    against(book, &[], rows, false).map(|(file, _)| file)
}

fn places(faults: &[RowFault]) -> Vec<(usize, &str)> {
    faults
        .iter()
        .map(|fault| (fault.row, fault.column.as_str()))
        .collect()
}

fn medium(serial: &str, cells: &[(&str, &str)]) -> Row {
    let mut cells: BTreeMap<String, String> = cells
        .iter()
        .map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned()))
        .collect();
    cells.insert("serial".into(), serial.into());
    Row {
        key: serial.into(),
        cells,
        ..Row::default()
    }
}

#[test]
fn headings_of_both_languages_make_the_same_rows() {
    let zh = [
        "序号",
        "资产编号",
        "设备名称",
        "类别",
        "使用状态",
        "使用人",
        "部门",
        "服务商",
        "序列号",
    ];
    let zh_row = [
        "1",
        "PC-9",
        "财务机",
        "外包",
        "在用",
        "王芳",
        "财务部",
        "甲公司",
        "PF2ABC01",
    ];
    let zh = reads(Book::Assets, &[&zh, &zh_row]).unwrap();
    let en = [
        "number",
        "name",
        "class",
        "state",
        "custodian",
        "department",
        "provider",
        "serials",
    ];
    let en_row = [
        "PC-9",
        "财务机",
        "outsourced",
        "in_use",
        "王芳",
        "财务部",
        "甲公司",
        "pf2abc01",
    ];
    let en = reads(Book::Assets, &[&en, &en_row]).unwrap();
    assert_eq!(zh.rows, en.rows);
    assert_eq!(
        zh.ignored.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["序号"]
    );
    assert_eq!(en.rows[0].key, "PC-9");
}

fn asset(number: &str, serials: &str) -> Row {
    let cells = [("number", number), ("serials", serials)];
    Row {
        key: number.into(),
        cells: cells
            .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
            .into(),
        ..Row::default()
    }
}

#[test]
fn a_serial_stands_for_one_asset() {
    let current = [asset("PC-1", "aaa111, bbb222"), asset("PC-2", "ccc333")];
    let load = |rows: &[&[&str]]| {
        let faults = against(Book::Assets, &current, rows, false)
            .err()
            .unwrap_or_default();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let head = ["资产编号", "序列号"];
    assert_eq!(
        load(&[&head, &["PC-3", "BBB222, ddd444"], &["PC-4", "ddd444"]]),
        [
            "台账.csv:2: 序列号: the serial `bbb222` stands for asset PC-1 already; write it at one asset only",
            "台账.csv:3: 序列号: the serial `ddd444` stands for asset PC-3 already; write it at one asset only",
        ]
    );
    let none: [&str; 0] = [];
    assert_eq!(
        load(&[&head, &["PC-1", "aaa111"], &["PC-3", "bbb222"]]),
        none,
        "it moves"
    );
    assert_eq!(load(&[&["资产编号", "名称"], &["PC-1", "前台"]]), none);
}

#[test]
fn every_fault_is_told_with_row_and_column_and_nothing_is_loaded() {
    let faults = reads(
        Book::Orders,
        &[
            &["工单号", "资产编号", "开始", "结束", "维修内容", "部件"],
            &["WO-1", "PC-8", "soon", "2026-11-28", "换内存", "mouse"],
            &["WO-2", "PC-7", "2026-11-28", "2026-11-27", "x", ""],
            &["", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
            &["WO-3", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
            &["WO-3", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
        ],
    )
    .unwrap_err();
    assert_eq!(
        places(&faults),
        [
            (2, "资产编号"),
            (2, "开始"),
            (2, "部件"),
            (3, "结束"),
            (4, "工单号"),
            (6, "工单号"),
        ]
    );
    assert!(faults[5].to_string().contains("row 5"), "{}", faults[5]);
}

#[test]
fn a_row_with_one_fault_is_asked_everything_else() {
    let faults = reads(
        Book::Orders,
        &[
            &["工单号", "资产编号", "开始", "结束", "维修内容", "部件"],
            &["WO-1", "PC-8", "2026-11-28", "2026-11-27", "", "memory"],
            &["WO-1", "PC-7", "2026-11-28", "2026-11-29", "x", "mouse"],
            &["WO-1", "PC-7", "2026-11-28", "2026-11-29", "x", ""],
        ],
    )
    .unwrap_err();
    assert_eq!(
        places(&faults),
        [
            (2, "资产编号"),
            (2, "维修内容"),
            (2, "结束"),
            (3, "部件"),
            (3, "工单号"),
            (4, "工单号"),
        ]
    );
    assert!(faults[4].to_string().contains("row 2"), "{}", faults[4]);
    assert!(faults[5].to_string().contains("row 3"), "{}", faults[5]);
}

#[test]
fn faulty_headings_hide_no_fault_of_a_row() {
    let faults = reads(
        Book::Orders,
        &[
            &["资产编号", "开始", "结束", "维修内容", "开始"],
            &["PC-8", "2026-11-28", "2026-11-27", "x", "soon"],
            &["PC-7", "soon", "2026-11-27", "x", ""],
        ],
    )
    .unwrap_err();
    assert_eq!(
        places(&faults),
        [(1, "开始"), (1, ""), (2, "资产编号"), (2, "结束"), (3, "开始")]
    );
}

#[test]
fn a_cell_under_no_heading_is_a_fault() {
    let faults = reads(
        Book::Media,
        &[
            &["序列号", "", "名称"],
            &["4C53", "", "U盘", "", ""],
            &["4C54", "备用", "U盘, 新", "前台"],
            &["", "", "", "", "", "x"],
        ],
    )
    .unwrap_err();
    assert_eq!(places(&faults), [(3, "B"), (3, "D"), (4, "F")]);
    assert!(faults[1].to_string().contains("`前台`"), "{}", faults[1]);
}

#[test]
fn a_provider_must_be_registered() {
    let visits: &[&[&str]] = &[
        &["number", "provider", "from", "to"],
        &["V-1", "甲公司", "2026-11-28", "2026-11-29"],
        &["V-2", "乙公司", "2026-11-28", "2026-11-27"],
    ];
    let faults = reads(Book::Visits, visits).unwrap_err();
    assert_eq!(places(&faults), [(3, "provider"), (3, "to")]);
    assert!(
        faults[0].to_string().contains("register the provider"),
        "{}",
        faults[0]
    );
    let assets: &[&[&str]] = &[&["资产编号", "服务商"], &["PC-9", "乙公司"]];
    assert_eq!(places(&reads(Book::Assets, assets).unwrap_err()), [(2, "服务商")]);
    assert!(reads(Book::Visits, &visits[..2]).is_ok());
}

#[test]
fn a_file_of_another_kind_is_refused_with_the_heading_that_it_lacks() {
    let faults = reads(Book::Media, &[&["姓名", "电话"], &["王芳", "1"]]).unwrap_err();
    assert!(faults[0].to_string().contains("序列号"), "{}", faults[0]);
    assert!(reads(Book::Media, &[]).is_err());
    let twice = reads(Book::Media, &[&["serial", "序列号"], &["ab12", "cd34"]]).unwrap_err();
    assert!(twice[0].to_string().contains("twice"));
}

#[test]
fn a_new_row_that_is_not_complete_is_a_fault_of_its_line() {
    for (book, rows, place) in [
        (
            Book::Licences,
            &[&["软件名称", "授权数"][..], &["AutoCAD", "5"]][..],
            (2, "Name pattern"),
        ),
        (
            Book::Licences,
            &[&["title", "seats", "pattern"], &["AutoCAD", "many", ""]],
            (2, "seats"),
        ),
        (
            Book::Visits,
            &[&["number", "from", "to"], &["V-1", "2026-11-28", "2026-11-29"]],
            (2, "Provider"),
        ),
        (
            Book::Departments,
            &[
                &["sign", "pattern", "department"],
                &["subnet", "10.1.2.0/24", "财务部"],
                &["网段", "10.1.2", "财务部"],
            ],
            (3, "pattern"),
        ),
    ] {
        let faults = reads(book, rows).unwrap_err();
        assert!(places(&faults).contains(&place), "{faults:?}");
    }
    let faults = reads(Book::Orders, &[&["number", "asset"], &["WO-1", "PC-7"]]).unwrap_err();
    assert_eq!(places(&faults), [(2, "From"), (2, "To"), (2, "Work")]);
}

#[test]
fn columns_that_a_file_lacks_stay_and_empty_cells_clear() {
    let current = [medium(
        "aa11",
        &[("name", "U盘"), ("owner", "王芳"), ("note", "x")],
    )];
    let rows: &[&[&str]] = &[
        &["serial", "name", "note"],
        &["AA11", "硬盘", ""],
        &["bb22", "", ""],
    ];
    let (_, plan) = against(Book::Media, &current, rows, false).unwrap();
    assert_eq!(plan.added, [medium("bb22", &[])]);
    assert_eq!(
        plan.changed[0].1,
        medium("aa11", &[("name", "硬盘"), ("owner", "王芳")])
    );
    assert_eq!(plan.same, 0);
}

#[test]
fn only_a_replacing_file_removes_and_never_assets() {
    let current = [medium("aa11", &[]), medium("bb22", &[])];
    let rows: &[&[&str]] = &[&["serial"], &["bb22"]];
    let (_, kept) = against(Book::Media, &current, rows, false).unwrap();
    assert!(kept.is_empty() && kept.same == 2);
    let (_, replaced) = against(Book::Media, &current, rows, true).unwrap();
    assert_eq!((replaced.removed.len(), replaced.same), (1, 1));
    let mut asset = medium("PC-1", &[]);
    asset.cells = [("number".into(), "PC-1".into())].into();
    let (_, assets) = against(Book::Assets, &[asset], &[&["number"]], true).unwrap();
    assert!(assets.is_empty());
}
